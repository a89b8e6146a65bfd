"""Making the holds anew from the journal, after the store was lost.

Only what is missing is added. Whether the journal is genuine is for ``vedette verify`` to
say beforehand: an approval that is restored opens a door again.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from vedette.journal.read import read
from vedette.store.holds import DecisionRow, HoldRow, Holds, Mode, Status

Body = dict[str, Any]


async def restore_holds(holds: Holds, folder: Path, *, worker: str = "main") -> int:
    """Add the holds that *folder*'s journal knows and the store does not; how many.

    A hold that somebody was waiting for comes back withdrawn: nobody waits for it any more.

    Raises:
        JournalDamaged: a record cannot be read.
        StoreError: the store does not answer.
    """
    found: dict[str, HoldRow] = {}
    for entry in read(folder, holding=(b'"kind":"hold.',)):
        name = entry.body.get("hold", "")
        if entry.kind == "hold.opened":
            found[name] = _opened(entry.body, worker)
        elif name in found and entry.kind in _LATER:
            found[name] = _LATER[entry.kind](found[name], entry.body)
    count = 0
    for row in found.values():
        gone = row.mode == "wait" and row.status in ("pending", "approved")
        count += await holds.add(replace(row, status="withdrawn") if gone else row)
    return count


def _opened(body: Body, worker: str) -> HoldRow:
    who = body["who"]
    uses = body["uses"]
    return HoldRow(
        id=body["hold"], created=body["at"], expires=body["expires"], patience=body["patience"],
        session=body["session"], principal=who["principal"], kind=who["kind"],
        groups=tuple(who.get("groups", ())), email=who.get("email", ""), actor=who.get("actor", ""),
        owner=who.get("owner", ""), resource=body["resource"],
        protocol=body["protocol"], form=body["form"], text=body["text"],
        parameters=tuple(body.get("parameters", ())),
        state=tuple((name, value) for name, value in body.get("state", ())),
        touches=tuple(
            (touch["effect"], touch["object"], touch["resolved"], touch["implied"])
            for touch in body["touches"]
        ),
        rule=body["rule"], reason=body["reason"], approvers=tuple(body["approvers"]), count=body["count"],
        mode=cast(Mode, body["mode"]), uses=uses, uses_left=uses, status="pending", digest=body["digest"],
        terms=body["terms"], policy=body["policy"], worker=worker, boot="restored",
        preview=body.get("preview", ""),
    )  # fmt: skip


def _decided(row: HoldRow, body: Body) -> HoldRow:
    by = body["by"]
    subject = by["principal"].rpartition("#")[2]
    said = DecisionRow(
        by["principal"], subject, by.get("email", ""), body["approve"], body.get("reason", ""), body["at"],
        by.get("owner", ""),
    )  # fmt: skip
    status = cast(Status, body["status"])
    return replace(
        row, status=status, expires=body.get("expires", row.expires), decisions=(*row.decisions, said)
    )


def _used(row: HoldRow, body: Body) -> HoldRow:
    left = body.get("left", 0)
    return replace(row, uses_left=left, status=row.status if left else "used")


def _expired(row: HoldRow, _: Body) -> HoldRow:
    return replace(row, status="expired")


def _withdrawn(row: HoldRow, _: Body) -> HoldRow:
    return replace(row, status="withdrawn")


_LATER = {
    "hold.decided": _decided,
    "hold.used": _used,
    "hold.expired": _expired,
    "hold.withdrawn": _withdrawn,
}
