"""Recordings and proofs, by session: what is given out, to whom, and what no longer fits is not."""

from __future__ import annotations

import time

import pytest

from tests.api.conftest import Client, Office
from vedette.folder import Folder
from vedette.recording.tape import Subject, Tapes


@pytest.fixture
async def tapes(office: Office) -> Tapes:
    await office.session("s-1", live=True, actor="olaf")
    await office.session("s-2")
    folder = Folder(office.settings.gateway.data)
    return Tapes(folder.recordings, office.journal.record, office.journal.record, time.time)


async def test_a_recording(client: Client, office: Office, tapes: Tapes) -> None:
    tape = tapes.open(Subject("s-1", "s-1.1", "terminal", 80, 24, "xterm"))
    tape.put(b"hello \x1b[31mred")
    listed = (await client.ask("owner", "GET", "/sessions/s-1/recordings")).json()["items"]
    assert [(each["name"], each["form"], each["final"]) for each in listed] == [("s-1.1", "terminal", False)]
    tape.close()
    whole = await client.ask("auditor", "GET", "/sessions/s-1/recordings/s-1.1")
    assert whole.json()["data"].startswith('{"version": 2')
    assert "\\u001b[31mred" in whole.json()["data"]
    assert (await client.ask("auditor", "GET", "/sessions/s-1/recordings")).json()["items"][0][
        "final"
    ] is True
    assert (await client.ask("person", "GET", "/sessions/s-1/recordings/s-1.1")).status_code == 404
    assert (await client.ask("agent", "GET", "/sessions/s-1/recordings/s-1.1")).status_code == 403


async def test_not_by_another_session_nor_by_a_path(client: Client, office: Office, tapes: Tapes) -> None:
    tapes.open(Subject("s-1", "s-1.1", "terminal")).close()
    (tapes.folder / "other.cast").write_text("{}")
    for path in (
        "s-2/recordings/s-1.1",
        "s-1/recordings/other",
        "s-1/recordings/..%2fs-1.1",
        "s-1/recordings/%2e%2e",
    ):
        answer = await client.ask("auditor", "GET", f"/sessions/{path}")
        assert answer.status_code == 404, path


async def test_a_proof(client: Client, office: Office, tapes: Tapes) -> None:
    found = (await client.ask("auditor", "GET", "/sessions/s-2/proof")).json()
    assert (found["good"], found["problems"], found["records"]) == (True, [], 4)
    segment = sorted(office.journal.folder.glob("*.journal"))[-1]
    data = segment.read_bytes()
    segment.write_bytes(data.replace(b"DROP TABLE t", b"DROP TABLE x", 1))
    found = (await client.ask("auditor", "GET", "/sessions/s-2/proof")).json()
    assert found["good"] is False
    assert found["problems"]
    segment.write_bytes(data)
    assert (await client.ask("owner", "GET", "/sessions/s-1/proof")).status_code == 403
