"""PostgreSQL in the conformance suite."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from tests.conformance.fake_postgres import SECRET, SSN, FakePostgres, fake_postgres
from tests.conformance.talk_postgres import Said, Talk
from vedette.app import App
from vedette.protocols.postgres import messages as m
from vedette.protocols.postgres.probe import PROBE

TEXTS = {
    "read": "SELECT 1 /* read_mark */",
    "refused": "DROP TABLE people /* refused_mark */",
    "held": "UPDATE payments SET id = 1 WHERE id = 2 /* held_mark */",
    "masked": "SELECT * FROM people /* masked_mark */",
}
# The gateway's own questions to the server, and what it sends in place of a refused statement.
_OWN = (PROBE.encode(), b"pg_get_viewdef", b"pg_catalog.pg_attribute", b"vedette_refused_")


class PostgresCaller:
    def __init__(self, talk: Talk) -> None:
        self.talk = talk

    @property
    def seen(self) -> bytes:
        return bytes(self.talk.seen)

    async def act(self, action: str) -> str:
        self.begin(action)
        return await self.answer()

    def begin(self, action: str) -> None:
        if action == "remember":
            self.talk.say(m.parse("kept", "SELECT 1 /* remember_mark */"), m.sync())
        elif action == "recall":
            bind = m.message(b"B", b"\0kept\0" + bytes(6))
            self.talk.say(bind, m.message(b"E", b"\0\0\0\0\0"), m.sync())
        else:
            self.talk.say(m.query(TEXTS[action]))

    async def answer(self) -> str:
        return _words(await self.talk.ready())

    async def told(self) -> str:
        while (message := await self.talk.message())[0] not in b"NZ":
            pass
        return "" if message[0] == b"Z" else Said((message,)).notices[0]["M"]

    async def flood(self, size: int) -> int:
        sock = self.talk.writer.transport.get_extra_info("socket")
        block = m.query("SELECT 1 /* " + "x" * 8000 + " */")
        sent = idle = 0
        while sent < size and idle < 200:
            try:
                sent += sock._sock.send(block[sent % len(block) :])
                idle = 0
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EWOULDBLOCK):
                    raise
                idle += 1
                await asyncio.sleep(0)
        return sent

    def garbage(self) -> None:
        self.talk.say(b"\x01\xff\xff\xff\xffthis is nothing")

    async def gone(self) -> None:
        await self.talk.rest()

    def hang_up(self) -> None:
        self.talk.hang_up()

    async def close(self) -> None:
        await self.talk.close()


def _words(said: Said) -> str:
    words = " ".join(" ".join(error.values()) for error in said.errors)
    if said.over:
        raise ConnectionResetError(words)
    return words


class PostgresKit:
    name = "postgres"
    listen: Mapping[str, str] = {}
    bound = True
    secret = SECRET
    masked = SSN
    rules = (
        {"allow": {"effects": ["read", "write"]}},
        {"deny": {"pack": "destructive-sql"}},
        {"hold": {"effects": ["write"], "objects": ["public.payments"]}, "approvers": {"groups": ["dba"]}},
        {"mask": {"columns": ["public.people.ssn"], "as": "redact"}},
    )

    def marks(self, action: str) -> bytes:
        return f"{action}_mark".encode()

    def recorded(self, message: bytes) -> bool:
        return message[:1] in (b"Q", b"P", b"B") and not any(own in message for own in _OWN)

    def sessions(self, app: App) -> Mapping[str, Any]:
        return app.engine.sessions

    def upstream(self) -> AbstractAsyncContextManager[FakePostgres]:
        return fake_postgres()

    async def call(self, app: App, token: str) -> PostgresCaller:
        return PostgresCaller(await Talk.login(app.ports["postgres"], token))

    def garble(self, fake: Any, action: str) -> None:
        fake.garbled = f"{action}_mark"
