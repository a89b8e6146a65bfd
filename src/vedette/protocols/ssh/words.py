"""What callers read: one line on standard error, and an exit status that a shell gives for "may not run"."""

from __future__ import annotations

from vedette.model import Deny, Hold

#: POSIX, "Exit Status for Commands": found, but not to be executed.
REFUSED_STATUS = 126
#: As OpenSSH's own client ends when its connection fails.
BROKEN_STATUS = 255
MAX_LINE_CHARACTERS = 1000


def refusal(deny: Deny) -> bytes:
    """One line: why, what would help, the stable code and the rule."""
    hint = f"; {deny.hint}" if deny.hint else ""
    rule = f", rule {deny.rule}" if deny.rule else ""
    return line(f"{deny.reason}{hint} [{deny.code}{rule}]")


def waiting(number: str, hold: Hold) -> bytes:
    """What a held caller reads while people are asked."""
    who = ", ".join(sorted(hold.approvers)) or "an approver"
    return line(f"waiting for approval {number} by {who}, {hold.patience:.0f} seconds at most [{hold.rule}]")


def line(text: str) -> bytes:
    """*text* as one line that no terminal acts upon, behind our name. Ends as in a raw terminal as well."""
    plain = "".join(c if c.isprintable() else "?" for c in text)
    return f"vedette: {plain[:MAX_LINE_CHARACTERS]}\r\n".encode()
