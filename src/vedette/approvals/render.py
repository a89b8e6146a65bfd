"""Showing a hold to people, so that nothing in it can pretend to be something else. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vedette.store.holds import HoldRow


_PLAIN = re.compile(r"[\w.:/$@*-]+")
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
# Unicode categories that show as nothing, reorder what stands beside them, or are no characters:
# control, format (bidirectional overrides, zero width), surrogates, private use, unassigned,
# line and paragraph separators.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def visible(text: str) -> str:
    """*text* on one line, with everything that acts or hides written out (``\\x1b``, ``\\u202e``).

    Spaces other than the plain one are written out too. The result is one line of printable
    characters; it is meant for reading, and does not tell ``\\n`` from a backslash and an n.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_shown, text))


def _shown(char: str) -> str:
    if char in _NAMED:
        return _NAMED[char]
    category = unicodedata.category(char)
    if category not in _UNSEEN and (category != "Zs" or char == " "):
        return char
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def block(text: str) -> str:
    """Several lines, each behind a bar: no line of it can stand where the gateway's own words stand."""
    return "\n".join(f"| {visible(line)}" for line in text.replace("\r\n", "\n").split("\n"))


def describe(hold: HoldRow) -> list[tuple[str, str]]:
    """A hold as (label, text), for any surface: what it would do first, what the caller wrote last.

    Every text is printable. Only what it would do, "Action" and the parameters, which come last,
    hold several lines, each behind a bar. A surface with markup still has to escape it.
    """
    given = sum(one.approve for one in hold.decisions)
    rows = [
        ("Effects", ", ".join(_effect(touch) for touch in hold.touches) or "none"),
        ("Objects", ", ".join(map(_name, hold.objects)) or "none in particular"),
        ("Resource", visible(f"{hold.resource} ({hold.protocol})")),
        ("Who", visible(f"{hold.principal} ({hold.kind})")),
        ("On behalf of", visible(hold.actor)),
        ("Rule", visible(hold.rule)),
        ("Why", visible(hold.reason)),
        ("Approvers", ", ".join(map(visible, hold.approvers)) or "nobody"),
        ("Approvals", f"{given} of {hold.count}"),
        ("Status", hold.status),
        ("Session state", ", ".join(visible(f"{name}={value}") for name, value in hold.state)),
        *(
            (f"Decision by {visible(one.principal)}", _said(one.approve, one.reason))
            for one in hold.decisions
        ),
        ("What it would do, as the gateway found it", block(hold.preview) if hold.preview else ""),
        (f"Action ({visible(hold.form)}), as the caller wrote it", block(hold.text)),
        *(
            (f"Parameter {number}", "NULL" if value is None else block(value))
            for number, value in enumerate(hold.parameters, 1)
        ),
    ]
    return [(label, text) for label, text in rows if text]


def _effect(touch: tuple[str, str, bool, bool]) -> str:
    effect, name, resolved, implied = touch
    marks = "" if resolved else " (schema unknown)"
    if implied:
        marks += " (behind a view or function)"
    return visible(effect) + (f" {_name(name)}" if name else "") + marks


def _name(name: str) -> str:
    """An object's name; in quotes where it could be taken for a list of several."""
    if _PLAIN.fullmatch(name):
        return name
    return '"' + visible(name).replace('"', '\\"') + '"'


def _said(approve: bool, reason: str) -> str:
    return ("approved" if approve else "refused") + (f": {visible(reason)}" if reason else "")
