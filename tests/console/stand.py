"""A gateway with people, a database and agents at work in it: what the console is looked at with."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from tests.live.gateways import Live, living
from tests.testbed.postgres import Postgres
from vedette.issuer.passwords import Passwords
from vedette.model import Kind
from vedette.recording.tape import Subject
from vedette.store.people import Person

PASSWORD = "a long walk in the rain"
PEOPLE = {
    "dana": ("dba", "admins"),
    "otto": ("auditors",),
    "sam": ("sales",),
}
POLICY = {
    "name": "agents-on-production",
    "about": "What agents may do to the shop's database.",
    "who": {"kinds": ["agent"]},
    "where": {"labels": {"env": "prod"}},
    "rules": [
        {"allow": {"effects": ["read"]}},
        {"deny": {"pack": "destructive-sql"}},
        {
            "hold": {"effects": ["write", "delete"], "objects": ["public.orders", "public.customers"]},
            "approvers": {"groups": ["dba"]}, "within": "15m",
        },
        {"mask": {"columns": ["public.customers.email", "public.customers.ssn"], "as": "partial"}},
        {"limit": {"rows": 10000, "per": "session"}},
    ],
}  # fmt: skip
SCHEMA = """
DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO PUBLIC;
CREATE TABLE customers (id int PRIMARY KEY, name text, email text, ssn text, city text);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int, total numeric(10,2), status text);
INSERT INTO customers SELECT n, 'Ada Berg ' || n, 'ada' || n || '@mail.example', '900-12-' || (1000 + n), 'Oslo'
  FROM generate_series(1, 200) n;
INSERT INTO orders SELECT n, n % 200 + 1, n * 1.5, CASE n % 3 WHEN 0 THEN 'paid' ELSE 'open' END
  FROM generate_series(1, 2000) n;
GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC;
"""
#: What hostile callers write: script, escapes, direction marks, a tag that hides.
HOSTILE = (
    "SELECT 1 /* <script>alert(1)</script><img src=x onerror=alert(2)> \x1b[2J\x1b]0;owned\x07 "
    "\u202egpj.exe\u2066 \u200bzero\u00ad\U000e0041 */"
)


@dataclass
class Stand:
    """The gateway, and agents of it."""

    live: Live

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.live.app.ports['web']}"

    def token(self, subject: str, kind: Kind = Kind.PERSON, groups: tuple[str, ...] = ()) -> str:
        return self.live.token(subject, kind=kind, groups=groups or PEOPLE.get(subject, ()))

    async def agent(self, subject: str = "report-agent", run: str = "") -> asyncpg.Connection:
        """An agent's connection through the gateway."""
        words = self.live.keywords(self.live.token(subject))
        settings = {"application_name": f"autogen run={run}" if run else "autogen"}
        return await asyncpg.connect(**words, server_settings=settings)

    async def held(self, statement: str, subject: str = "report-agent") -> tuple[str, asyncio.Task[Any]]:
        """A statement that waits for people: the hold's id, and what comes of it."""
        before = {row.id for row in await self.live.app.desk.pending()}
        agent = await self.agent(subject)

        async def run() -> str:
            try:
                return str(await agent.execute(statement))
            finally:
                await agent.close()

        running = asyncio.create_task(run())
        async with asyncio.timeout(30):
            while True:
                new = {row.id for row in await self.live.app.desk.pending()} - before
                if new:
                    return new.pop(), running
                await asyncio.sleep(0.05)

    async def indexed(self) -> None:
        """Until the index has what the journal has."""
        self.live.app.journal.flush()
        async with asyncio.timeout(30):
            while await self.live.app.store.cursors.get("main") < self.live.app.journal.head[0]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def standing(server: Postgres, database: str, folder: Path) -> AsyncIterator[Stand]:
    """A gateway in this loop, with PEOPLE who can sign in by PASSWORD."""
    server.run(SCHEMA, database)
    gateway = {"admins": {"groups": ["admins"]}, "auditors": {"groups": ["auditors"]}}
    upstream = {
        "labels": {"env": "prod"},
        "more": {"record": {"results": "masked"}, "about": "The shop's own database."},
    }
    async with living(
        server, database, folder, policies=[POLICY], upstream=upstream, gateway=gateway
    ) as live:
        verifier = await Passwords().hash(PASSWORD)
        for name, groups in PEOPLE.items():
            person = Person(name, frozenset(groups), time.time(), f"{name}@corp.example", verifier)
            await live.app.store.people.add(person)
        yield Stand(live)


async def history(stand: Stand) -> None:
    """A day's work: reads, masks, refusals, approvals and denials, a terminal."""
    people = {name: await stand.live.app.identity.by_token(stand.token(name)) for name in PEOPLE}
    for subject in ("report-agent", "billing-agent", "research-agent"):
        agent = await stand.agent(subject)
        await agent.fetch(
            "SELECT id, name, email, ssn FROM customers WHERE city = $1 ORDER BY id LIMIT 5", "Oslo"
        )
        await agent.fetch("SELECT status, count(*), sum(total) FROM orders GROUP BY status ORDER BY 2 DESC")
        for statement in ("DROP TABLE orders", HOSTILE, "TRUNCATE customers", "SELECT * FROM nowhere"):
            with contextlib.suppress(asyncpg.PostgresError):
                await agent.execute(statement)
        await agent.close()
    for statement, yes, reason in (
        ("UPDATE orders SET status = 'refunded' WHERE id = 17", True, "the order was returned"),
        ("DELETE FROM orders WHERE status = 'open'", False, "these are the open ones, not the old ones"),
    ):
        hold, running = await stand.held(statement, "billing-agent")
        await stand.live.app.desk.decide(hold, people["dana"], yes, reason)
        with contextlib.suppress(asyncpg.PostgresError):
            await running
    await stand.indexed()
    await terminal(stand)


async def terminal(stand: Stand) -> str:
    """A recording beside the newest session's first action, written by the recorder itself; the session."""
    rows = await stand.live.app.store.sessions.find(limit=1)
    session = rows[0].id
    tape = stand.live.app.tapes.open(Subject(session, f"{session}.1", "terminal", 80, 12, "xterm"))
    tape.mark("uptime")
    for text in (
        "\x1b[1;32mdeploy@web-1\x1b[0m:\x1b[1;34m~\x1b[0m$ uptime\r\n",
        " 09:41:07 up 12 days,  3:02,  1 user,  load average: 0.08, 0.03, 0.01\r\n",
        "\x1b[1;32mdeploy@web-1\x1b[0m:\x1b[1;34m~\x1b[0m$ ls --color\r\n\x1b[34mlogs\x1b[0m  \x1b[32mrun.sh\x1b[0m  notes.txt\r\n",
        "<script>alert(1)</script>\r\n\x1b]0;owned\x07\x1b[7m inverse \x1b[0m\r\n",
    ):
        tape.put(text.encode())
    tape.mark("ls --color")
    tape.close()
    await stand.indexed()
    return session
