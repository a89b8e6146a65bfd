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
from vedette.protocols.postgres.exchange import Pending
from vedette.protocols.postgres.results import Outputs

# Message, detail, hint, internal query, context: where values may stand. Names
# of schema, table, column, type and constraint do not quote data.
_PROSE = "MDHqW"


def reword(whole: bytes, masks: Sequence[MaskRule], outputs: Outputs, head: Pending | None) -> bytes | None:
    """*whole* (E, N or A) with masked values hidden; None when it may pass as it is."""
    if whole[:1] == b"A":
        return _notification(whole, masks, outputs)
    found = m.read_fields(whole[m.HEADER :])
    ruling = head.ruling if head is not None else None
    if ruling is not None and outputs.tainted(masks, ruling.facts):
        kept = {kind: value for kind, value in found.items() if kind in "SVC"}
        kept["M"] = b"vedette: the server's message is withheld, since it may quote a masked column"
        return m.message(whole[:1], m.pack_fields(kept))
    tally = Tally()
    changed = dict(found)
    for kind in _PROSE:
        if kind in found:
            text = found[kind].decode("utf-8", "surrogateescape")
            changed[kind] = outputs.hide_message(text, masks, tally).encode("utf-8", "surrogateescape")
    return None if changed == found else m.message(whole[:1], m.pack_fields(changed))


def _notification(whole: bytes, masks: Sequence[MaskRule], outputs: Outputs) -> bytes | None:
    channel, at = m.read_cstring(whole, m.HEADER + 4)
    payload, _ = m.read_cstring(whole, at)
    text = payload.decode("utf-8", "surrogateescape")
    hidden = outputs.hide(text, masks, Tally())
    if hidden == text:
        return None
    return m.message(b"A", whole[5:9] + channel + b"\0" + hidden.encode("utf-8", "surrogateescape") + b"\0")
