"""What terminals showed, as it was recorded; and the proof that a session's records are genuine."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fastapi import APIRouter
from pydantic import BaseModel

from vedette.api.access import Here, Owner, Reader
from vedette.api.context import Gateway
from vedette.api.sessions import known, of_session
from vedette.folder import Folder
from vedette.journal.keys import PUBLIC_FILE
from vedette.journal.verify import Report, verify

router = APIRouter(tags=["sessions"])


class Recording(BaseModel):
    """
    A recording of the session, named as its action. *form*: terminal, or output of a command without one.

    *sealed* bytes have the digest *sha256* by the journal; *final*: there are no more.
    """

    name: str
    action: str
    form: str
    at: float
    width: int
    height: int
    sealed: int
    sha256: str
    final: bool


class Recordings(BaseModel):
    """In the order they began."""

    items: list[Recording]


class Proof(BaseModel):
    """
    What a verification of the whole journal found. *records* of this session are among *all_records*;
    *tail* at the end are chained but not signed yet. *link* is the head's, at record *head*.
    """

    good: bool
    problems: list[str]
    records: int
    all_records: int
    checkpoints: int
    tail: int
    head: int
    link: str


@router.get("/sessions/{session}/recordings")
async def list_recordings(who: Owner, here: Here, session: str) -> Recordings:
    """What of a session can be played."""
    row = await known(here, session, who)
    here.journal.flush()
    found = await asyncio.to_thread(_recordings, here.journal.folder, session, row.first_seq)
    return Recordings(items=list(found.values()))


@router.get("/sessions/{session}/proof")
async def prove_session(who: Reader, here: Here, session: str) -> Proof:
    """Verify the journal now, all of it, and say what of this session it proves."""
    await known(here, session, who)
    here.journal.flush()
    report = await _proven(here)
    seq, link = report.head
    return Proof(
        good=report.ok, problems=[str(each) for each in report.problems[:50]],
        records=report.by_session.get(session, 0), all_records=report.records,
        checkpoints=report.checkpoints, tail=report.tail, head=seq, link=link,
    )  # fmt: skip


async def _proven(here: Gateway) -> Report:
    folder = Folder(here.settings.gateway.data)
    public = await asyncio.to_thread((folder.keys / PUBLIC_FILE).read_bytes)
    return await asyncio.to_thread(
        verify, here.journal.folder, public, anchors=here.settings.gateway.journal.anchor
    )


def _recordings(folder: Path, session: str, first: int) -> dict[str, Recording]:
    found: dict[str, Recording] = {}
    for entry in of_session(folder, session, first):
        body = entry.body
        if entry.kind == "recording.opened":
            found[body["recording"]] = Recording(
                name=body["recording"], action=body["action"], form=body["form"], at=body["at"],
                width=body.get("width", 0), height=body.get("height", 0), sealed=0, sha256="", final=False,
            )  # fmt: skip
        elif entry.kind == "recording.sealed" and (known := found.get(body["recording"])) is not None:
            known.sealed, known.sha256 = body["bytes"], body["sha256"]
            known.final = body.get("final", False)
    return found
