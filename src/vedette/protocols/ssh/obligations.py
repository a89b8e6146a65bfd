"""Whether what a rule obliges the gateway to can be done with what an action brings back."""

from __future__ import annotations

from collections.abc import Callable

from vedette.model import Action, Allow, Deny, Effect

#: What brings back text, or files that may hold some; anything else is bytes that nobody can mask.
MASKABLE = frozenset({"exec", "shell", "line", "subsystem", "sftp"})
#: Programs that send files in a frame that says how long they are, or in a form of their own.
FRAMED = frozenset({"scp", "rsync", "git-upload-pack", "git-upload-archive"})
HINT = "ask for a policy without a mask here"


def met(action: Action) -> Callable[[Allow], Deny | None]:
    """For `Gate.judge`: refuses *action* where masks hold that cannot be met."""

    def refused(allow: Allow) -> Deny | None:
        if not allow.masks:
            return None
        why, hint = _unmaskable(action), HINT
        if why and action.kind in ("exec", "sftp"):
            why, _, hint = why.partition("; ")
        if not why and any(mask.columns for mask in allow.masks):
            why = "text has no columns that could be masked"
        return Deny("masking", why, hint or HINT, "masking.refused") if why else None

    return refused


def _unmaskable(action: Action) -> str:
    """Why what it brings back cannot be masked, and behind a semicolon what would help; "" where it can."""
    if action.kind not in MASKABLE:
        return f"what a {action.kind} carries cannot be masked"
    if action.kind == "sftp" and action.text.startswith("read and write "):
        return "a file is not read and written at once under a mask; open it to read, or to write"
    if action.kind == "exec":
        programs = action.facts.get("shell", {}).get("programs")
        writes = any(touch.effect is Effect.WRITE for touch in action.touches)
        if isinstance(programs, list) and len(programs) == 1 and programs[0] in FRAMED and not writes:
            name = programs[0]
            return f"what {name} sends cannot be masked without breaking it; use sftp, or scp without -O"
    return ""
