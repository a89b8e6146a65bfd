"""Errors, notices and notifications on their way to the caller.

A server quotes values in its messages (``invalid input syntax ... "123-45-6789"``),
so they pass the content masks; and where the statement reads a masked column,
the server's own words are withheld altogether.
"""

from __future__ import annotations

from collections.abc import Sequence

from vedette.masking.tally import Tally
from vedette.model import MaskRule
from vedette.protocols.postgres import messages as m
from vedette.protocols.postgres.astray import near
from vedette.protocols.postgres.exchange import Pending
from vedette.protocols.postgres.results import Outputs

# Where values may stand. Names of schema, table, column, type and constraint are given by
# the server, but also by RAISE ... USING.
_PROSE = "MDHqWstcdn"
_IDENTIFIERS = "stcdn"
# What tells us, and nobody else, that words are the statement's own (pl_exec.c).
_RAISED = b"exec_stmt_raise"
_WITHHELD = b"vedette: the server's message is withheld, since it may quote a masked column"


def reword(whole: bytes, masks: Sequence[MaskRule], outputs: Outputs, head: Pending | None) -> bytes | None:
    """*whole* (E, N or A) with masked values hidden; None when it may pass as it is."""
    if whole[:1] == b"A":
        return _notification(whole, masks, outputs)
    found = m.read_fields(whole[m.HEADER :])
    ruling = head.ruling if head is not None else None
    raised = found.get("R") == _RAISED
    columns = any(rule.columns for rule in masks)
    if columns and (ruling is None or raised or outputs.tainted(masks, ruling.facts)):
        kept = {kind: value for kind, value in found.items() if kind in "SVC"}
        if raised:
            kept["C"] = b"P0001" if whole[:1] == b"E" else b"01000"  # its own may be made of data
        return m.message(whole[:1], m.pack_fields(kept | {"M": _WITHHELD}))
    tally = Tally()
    changed = dict(found)
    if columns and ruling is not None and near(outputs, masks, ruling.facts):
        changed = {kind: value for kind, value in found.items() if kind not in "DqW"}
    for kind in _PROSE:
        if kind in changed:
            hide = outputs.hide if kind in _IDENTIFIERS else outputs.hide_message
            text = found[kind].decode("utf-8", "surrogateescape")
            changed[kind] = hide(text, masks, tally).encode("utf-8", "surrogateescape")
    return None if changed == found else m.message(whole[:1], m.pack_fields(changed))


def _notification(whole: bytes, masks: Sequence[MaskRule], outputs: Outputs) -> bytes | None:
    channel, at = m.read_cstring(whole, m.HEADER + 4)
    payload, _ = m.read_cstring(whole, at)
    text = payload.decode("utf-8", "surrogateescape")
    hidden = outputs.hide(text, masks, Tally())
    if hidden == text:
        return None
    return m.message(b"A", whole[5:9] + channel + b"\0" + hidden.encode("utf-8", "surrogateescape") + b"\0")


def parameter(name: bytes, value: bytes, masks: Sequence[MaskRule], outputs: Outputs) -> bytes | None:
    """A ParameterStatus with masked content hidden; None when it may pass as it is."""
    text = value.decode("utf-8", "surrogateescape")
    hidden = outputs.hide(text, masks, Tally())
    if hidden == text:
        return None
    return m.message(b"S", name + b"\0" + hidden.encode("utf-8", "surrogateescape") + b"\0")
