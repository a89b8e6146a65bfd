"""What callers and approvers read: the gateway's own words, around names that the action brought along."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from vedette.model import Action, Deny, Effect, Hold, Lifetime, Limit, Resource, Shell, Touch
from vedette.policy.units import spoken

# Of several refusals the first of the plainest is told: a rule's own message, then what a rule says without
# one, then what no rule permits, then what merely could not be ruled out.
WORDED, CERTAIN, SILENT, DOUBTFUL = range(4)
MAX_NAME_CHARACTERS = 200

DEFAULT = "default"
OBSERVING = "observing"
Refusal = tuple[int, Deny]
NOTHING_ASKED = Deny(DEFAULT, "the action has nothing that could be judged", code="policy.unknown")


def touch_text(touch: Touch) -> str:
    """``write public.payments``; a trailing mark where the schema is not known or the touch is implied."""
    text = f"{touch.effect} {_name(touch.object)}" if touch.object else str(touch.effect)
    return (
        text + (" (schema unknown)" if not touch.resolved else "") + (" (implied)" if touch.implied else "")
    )


def limit_text(limit: Limit) -> str:
    parts = [f"{limit.rows} rows" if limit.rows else "", f"{limit.bytes} bytes" if limit.bytes else ""]
    return " and ".join(part for part in parts if part) + f" per {limit.per}"


def lifetime_texts(lifetime: Lifetime) -> Iterator[tuple[str, str]]:
    """Each bound's rule, and the bound in words: ``max 8h``."""
    for name, bound in (("max", lifetime.max), ("idle", lifetime.idle), ("recheck", lifetime.recheck)):
        if bound is not None:
            yield bound.rule, f"{name} {spoken(bound.seconds)}"


def shell_text(shell: Shell) -> str:
    return "guarded" if shell.guarded else "recorded"


def record_text(output: int | None, typed: bool) -> str:
    parts = [f"{output} bytes of each output" if output is not None else "", "what is typed" if typed else ""]
    return " and ".join(part for part in parts if part) or "nothing more"


def refusal(deny: Deny, touch: Touch, action: Action, *, certain: bool) -> Refusal:
    """How plain it is, and *deny* with its reason spelt out."""
    reason = deny.reason or f"{_what(touch)} is not permitted here"
    if certain:
        return WORDED if deny.reason else CERTAIN, replace(deny, reason=reason)
    return DOUBTFUL, replace(
        deny, reason=f"{reason} (the rule could not be ruled out: {_doubt(touch, action)})"
    )


def silence(touch: Touch, action: Action) -> Refusal:
    if touch.effect is Effect.UNKNOWN:
        reason = f"what this does could not be found out{_because(action)}"
        hint = "write it in plainer statements, or ask for a rule that names the effect unknown"
        return SILENT, Deny(DEFAULT, reason, hint, code="policy.unknown")
    reason = f"no rule permits {_what(touch)}"
    return SILENT, Deny(DEFAULT, reason, "ask the owner of the policy to permit it", code="policy.default")


def no_policy(resource: Resource) -> Deny:
    reason = f'no policy applies to you on "{resource.name}"'
    return Deny(DEFAULT, reason, "ask an administrator for a policy that names you", code="policy.default")


def no_shell(resource: Resource) -> Deny:
    reason = f'interactive shells are not let through on "{resource.name}"'
    hint = "give the command (ssh HOST COMMAND), or ask for a rule that says shell: guarded"
    return Deny(DEFAULT, reason, hint, code="policy.shell")


def holding(hold: Hold, touch: Touch) -> Hold:
    if hold.reason:
        return hold
    people = "one person" if hold.count == 1 else f"{hold.count} people"
    groups = " or ".join(sorted(hold.approvers))
    return replace(hold, reason=f"{_what(touch)} needs {people} of {groups} within {spoken(hold.patience)}")


def _what(touch: Touch) -> str:
    return f"{touch.effect} on {_name(touch.object)}" if touch.object else str(touch.effect)


def _name(name: str) -> str:
    """An object's name fit for one line: names are the caller's to choose, line ends and escapes included."""
    inert = "".join(letter if letter.isprintable() else "?" for letter in name[:MAX_NAME_CHARACTERS])
    return inert + ("..." if len(name) > MAX_NAME_CHARACTERS else "")


def _because(action: Action) -> str:
    return f": {action.reason}" if action.reason else ""


def _doubt(touch: Touch, action: Action) -> str:
    if touch.effect is Effect.UNKNOWN:
        return action.reason or "the action could not be read"
    if not touch.resolved:
        return f"the schema of {_name(touch.object)} is not known"
    if not touch.object:
        return "the object is not known"
    return "a fact that its condition asks for is not known"
