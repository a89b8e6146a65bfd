"""Streams of events, over a real server: what comes, who may listen, and when it ends."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from tests.api.conftest import Office
from vedette.api import events
from vedette.api.application import build
from vedette.api.server import serve_api
from vedette.store.blocks import Block


@pytest.fixture
async def url(office: Office) -> AsyncIterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    stop = await serve_api(office, listener, build(office))
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    await stop


class Listening:
    """One stream, event by event."""

    def __init__(self, response: httpx2.Response) -> None:
        self._lines = response.aiter_lines()

    async def event(self) -> tuple[str, Any]:
        kind = ""
        async with asyncio.timeout(10):
            async for line in self._lines:
                if line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    return kind, json.loads(line.removeprefix("data: "))
        return "over", None


def asking(office: Office, url: str, who: str, query: str = "") -> Any:
    client = httpx2.AsyncClient(timeout=10, trust_env=False)
    headers = {"Authorization": f"Bearer {office.token(who)}"}
    return client.stream("GET", f"{url}/api/v1/events{query}", headers=headers)


async def test_approvals_that_wait_and_their_changes(office: Office, url: str) -> None:
    hold, waiting = await office.ask()
    async with asking(office, url, "dba") as response:
        assert response.headers["content-type"] == "text/event-stream"
        assert response.headers["x-content-type-options"] == "nosniff"
        stream = Listening(response)
        kind, data = await stream.event()
        assert (kind, data["id"], data["status"], data["yours"]) == ("approval", hold, "pending", True)
        await office.desk.decide(hold, (await office.identity.by_token(office.token("dba"))), True)
        kind, data = await stream.event()
        assert (kind, data["status"]) == ("approval", "approved")
    await waiting


async def test_others_hear_nothing_of_it(office: Office, url: str) -> None:
    hold, waiting = await office.ask()
    async with asking(office, url, "person") as response:
        stream = Listening(response)
        await office.desk.withdraw(hold, "over")
        await waiting
        await office.desk.close()
        assert await stream.event() == ("end", {"code": "gateway.stopped"})


async def test_the_audit_trail_as_it_grows(office: Office, url: str) -> None:
    await office.session("s-1")
    async with asking(office, url, "auditor", "?topics=audit&after=0&kind=session.") as response:
        stream = Listening(response)
        first, second = await stream.event(), await stream.event()
        assert [first[1]["kind"], second[1]["kind"]] == ["session.opened", "session.closed"]
        await office.session("s-2")
        kind, data = await stream.event()
        assert (kind, data["body"]["session"]) == ("audit", "s-2")


async def test_who_may_not_listen(office: Office, url: str) -> None:
    async with httpx2.AsyncClient(timeout=10, trust_env=False) as client:
        for query, who, status in (
            ("?topics=audit", "dba", 403),
            ("?topics=audit", "proud-agent", 403),
            ("?topics=nonsense", "admin", 422),
        ):
            headers = {"Authorization": f"Bearer {office.token(who)}"}
            answer = await client.get(f"{url}/api/v1/events{query}", headers=headers)
            assert answer.status_code == status, query
        assert (await client.get(f"{url}/api/v1/events")).status_code == 401


@pytest.mark.parametrize("how", ["revoked", "blocked"])
async def test_who_is_shut_out_hears_no_more(
    office: Office, url: str, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Long before the next sign of life."""
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 3600.0)
    async with asking(office, url, "auditor", "?topics=audit") as response:
        stream = Listening(response)
        principal = await office.identity.by_token(response.request.headers["authorization"].split()[1])
        if how == "revoked":
            office.revocations.add(principal.credential)
        else:
            office.blocks.add(Block(principal.id, "vedette#ada", "stolen", time.time()))
        assert await stream.event() == ("end", {"code": f"identity.{how}"})


async def test_a_reader_that_does_not_read_is_told_and_let_go(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Driven by hand, so that "does not read" is exactly that."""
    monkeypatch.setattr(events, "MAX_QUEUED", 8)
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(events, "LAST_WORD_SECONDS", 0.05)
    for number in range(20):
        await office.session(f"s-{number}")
    from vedette.api import build

    app = build(office)
    query = b"topics=audit&after=0"
    headers = [(b"authorization", f"Bearer {office.token('auditor')}".encode())]
    scope = {
        "type": "http", "method": "GET", "path": "/api/v1/events", "raw_path": b"/api/v1/events",
        "query_string": query, "headers": headers, "http_version": "1.1", "scheme": "http",
        "server": ("gateway", 80), "client": ("127.0.0.1", 1), "root_path": "",
    }  # fmt: skip
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("body", b"").startswith(b"event: end"):
            await asyncio.Event().wait()

    async with asyncio.timeout(10):
        await app(scope, receive, send)
    assert b"events.slow" in sent[-1]["body"]
    assert app.state.streams == 0


async def test_only_so_many_streams(office: Office, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MAX_STREAMS", 1)
    async with asking(office, url, "dba") as response:
        assert response.status_code == 200
        await anext(response.aiter_bytes())
        async with asking(office, url, "dba") as second:
            assert second.status_code == 503


def test_what_is_recorded_cannot_begin_an_event_of_its_own() -> None:
    text = events.frame("audit", {"text": "x\n\nevent: approval\ndata: {}\r\n\u2028"})
    assert text.count(b"\n") == 3
    assert b"\r" not in text


async def test_sessions_and_actions_as_they_happen(office: Office, url: str) -> None:
    async with asking(office, url, "auditor", "?topics=sessions&topics=actions") as response:
        stream = Listening(response)
        await office.session("s-1")
        told = [await stream.event() for _ in range(4)]
        assert [kind for kind, _ in told] == ["session", "action", "action", "session"]
        assert [data["kind"] for _, data in told][::3] == ["session.opened", "session.closed"]


async def test_of_one_session_with_what_people_say(office: Office, url: str) -> None:
    async with asking(office, url, "auditor", "?topics=actions&session=s-2&after=0") as response:
        await office.session("s-1")
        hold, waiting = await office.ask(session="s-2")
        await office.desk.decide(hold, (await office.identity.by_token(office.token("dba"))), True)
        await waiting
        stream = Listening(response)
        told = [(await stream.event())[1]["kind"] for _ in range(3)]
        assert told == ["hold.opened", "hold.decided", "hold.used"]


async def test_people_hear_of_their_own_agents_only(office: Office, url: str) -> None:
    query = "?topics=sessions&topics=actions&after=0"
    async with asking(office, url, "owner", query) as response:
        await office.session("s-1")
        await office.session("s-2", actor="olaf")
        stream = Listening(response)
        told = [(await stream.event())[1]["body"]["session"] for _ in range(4)]
        assert told == ["s-2"] * 4


async def test_what_came_before_the_stream_is_known_by_the_index(office: Office, url: str) -> None:
    await office.session("s-2", actor="olaf")
    after = office.journal.head[0] - 1
    async with asking(office, url, "owner", f"?topics=sessions&after={after}") as response:
        kind, data = await Listening(response).event()
        assert (kind, data["kind"]) == ("session", "session.closed")
