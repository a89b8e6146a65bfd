"""A gateway's parts for real (store, journal, desk, identity), with an engine that only remembers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx2
import pytest

from vedette.api import build
from vedette.approvals import Desk
from vedette.config import ConfigError, Settings, load
from vedette.folder import Folder, is_operator
from vedette.identity import Identity, IdentityError, Issuers, SigningKeys, Tokens
from vedette.identity.certificates import CertificateFiles
from vedette.identity.ssh_ca import SshAuthority
from vedette.identity.ssh_hosts import HostsAuthority
from vedette.journal import Journal, JournalKeys
from vedette.journal.keys import PUBLIC_FILE
from vedette.model import Action, Ask, Effect, Hold, Kind, Principal, Resource, Touch
from vedette.sql.catalog import EMPTY, Catalog, Relation
from vedette.store import Store
from vedette.store.blocks import Blocklist
from vedette.store.follow import Follower
from vedette.trail import events

CONFIG = """\
gateway:
  listen: {postgres: 6432, web: 8470}
  data: ./data
  admins: {groups: [admins]}
  auditors: {groups: [auditors]}
  approvers: {groups: [watchers]}
resources:
  appdb:
    protocol: postgres
    upstream: {host: 127.0.0.1, port: 5432, database: app, tls: disable}
    login: {user: app_rw, password: {env: APPDB_PASSWORD}}
    labels: {env: prod}
policies:
  - name: agents
    who: {kinds: [agent]}
    rules:
      - allow: {effects: [read]}
      - deny: {pack: destructive-sql}
      - hold: {effects: [write], objects: ["public.payments"]}
        approvers: {groups: [dba]}
"""
APPDB = Resource("appdb", "postgres", {"env": "prod"})
HOLD = Hold("agents/hold-3", "write on public.payments", frozenset({"dba"}), patience=900.0)
# Everybody who could come, by name: kind, groups, subject.
PEOPLE: Mapping[str, tuple[Kind, tuple[str, ...], str]] = {
    "admin": (Kind.PERSON, ("admins",), "ada"),
    "auditor": (Kind.PERSON, ("auditors",), "otto"),
    "dba": (Kind.PERSON, ("dba",), "dana"),
    "second-dba": (Kind.PERSON, ("dba",), "dora"),
    "approver": (Kind.PERSON, ("watchers",), "walt"),
    "person": (Kind.PERSON, ("sales",), "sam"),
    # The agent "bot" works for this one.
    "owner": (Kind.PERSON, ("sales",), "olaf"),
    "service": (Kind.SERVICE, ("dba",), "ci"),
    "agent": (Kind.AGENT, ("ai-agents",), "bot"),
    "proud-agent": (Kind.AGENT, ("admins", "auditors", "dba"), "proud"),
    "operator": (Kind.PERSON, (), "local:root"),
    "false-operator": (Kind.AGENT, (), "local:root"),
    # Somebody else at work for an admin and for the owner: on their behalf is not as them.
    "admins-helper": (Kind.PERSON, ("admins", "auditors", "watchers"), "hal"),
    "lent-admin": (Kind.PERSON, ("admins", "auditors", "watchers"), "ada"),
}
ACTORS = {"admins-helper": "ada"}
LENT = {"lent-admin": ("appdb",)}


class Reader:
    catalog: Catalog = EMPTY


class Backend:
    reader = Reader()


class Engine:
    def __init__(self) -> None:
        self.backends: dict[str, Backend] = {"appdb": Backend()}


class Live:
    def __init__(self) -> None:
        self.sessions: dict[str, object] = {}
        self.killed: list[tuple[str, str]] = []

    def kill_all(self, reason: str, principal: str | None = None) -> tuple[str, ...]:
        # Whose they are, only the real ones know.
        return tuple(name for name in list(self.sessions) if self.kill(name, reason))

    def kill(self, session: str, reason: str) -> bool:
        if self.sessions.pop(session, None) is None:
            return False
        self.killed.append((session, reason))
        return True


class Void:
    """Revoked credentials."""

    def __init__(self) -> None:
        self.ids: set[str] = set()

    def add(self, token: str) -> None:
        self.ids.add(token)


class Office:
    """A gateway, as the API needs one. It runs no protocol and keeps no clock of its own."""

    ssh_host_keys: tuple[str, ...] = ("ssh-ed25519 AAAA",)

    def __init__(self, settings: Settings, store: Store, journal: Journal) -> None:
        self.settings = settings
        self.store = store
        self.journal = journal
        self.ports = {"postgres": 6432, "web": 8470}
        self.revocations = Void()
        self.engine = Engine()
        self.live = Live()
        self.reviews = 0
        self.desk = Desk(store.holds, journal.record)
        self.blocks = Blocklist(
            store.blocks, now=time.time, clock=time.monotonic, spared=lambda who: is_operator(who, "vedette")
        )
        self.tokens = Tokens(SigningKeys.generate(), is_revoked=self.revocations.ids.__contains__)
        self.ssh_hosts_authority = HostsAuthority.generate()
        self.ssh_authority = SshAuthority.generate(
            is_revoked=self.revocations.ids.__contains__, refuse=self.blocks.refuse
        )
        self.identity = Identity(
            self.tokens, Issuers((), _unreachable), store.keys, is_revoked=self.revocations.ids.__contains__,
            refuse=self.blocks.refuse,
        )  # fmt: skip

    @property
    def certificate(self) -> CertificateFiles:
        raise OSError("none here")

    def review(self) -> None:
        self.reviews += 1

    async def reload(self, by: str = "file") -> tuple[str, ...]:
        self.reloaded_by = by
        try:
            self.settings = load(self.settings.file, {})
        except ConfigError:
            return ()
        return ("data stays",)

    def token(self, who: str, ttl: float = 600, *, now: float | None = None) -> str:
        kind, groups, subject = PEOPLE[who]
        return self.tokens.issue(
            subject, kind, groups, ttl, ACTORS.get(who), now=now or time.time(), resources=LENT.get(who)
        ).text

    async def session(
        self, name: str, *, at: float | None = None, live: bool = False, subject: str = "bot",
        issuer: str = "vedette", actor: str | None = None,
    ) -> None:  # fmt: skip
        """A session with one allowed and one denied action, on record and in the index."""
        began = at or time.time()
        who = Principal(subject, Kind.AGENT, frozenset({"ai-agents"}), issuer, actor=actor)
        self.journal.record(
            events.SessionOpened(
                at=began, session=name, who=events.caller(who), resource="appdb", protocol="postgres"
            )
        )
        for number, (verdict, text) in enumerate((("allow", "SELECT 1"), ("deny", "DROP TABLE t")), 1):
            self.journal.record(
                events.ActionJudged(
                    at=began, session=name, action=f"{name}.{number}", who=events.caller(who),
                    resource="appdb", protocol="postgres", form="query", digest="0" * 64,
                    verdict=verdict, rule="agents/rule", policy="p", text=text,  # type: ignore[arg-type]
                    touches=(Touch(Effect.READ, "public.t"),),
                )
            )  # fmt: skip
        if live:
            self.live.sessions[name] = object()
        else:
            self.journal.record(events.SessionClosed(at=began + 1, session=name, reason="caller", actions=2))
        await self.index()

    async def index(self) -> None:
        await Follower(self.store, self.journal.folder).catch_up()

    async def ask(
        self, *, subject: str = "bot", text: str = "UPDATE payments SET a = 1", actor: str | None = None,
        session: str = "s1", hold: Hold = HOLD,
    ) -> tuple[str, asyncio.Task[object]]:  # fmt: skip
        """Somebody who waits for people: the hold's id, and what they will hear."""
        told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        action = Action("postgres", "query", text, (Touch(Effect.WRITE, "public.payments"),))
        who = Principal(subject, Kind.AGENT, frozenset({"ai-agents"}), actor=actor)
        ask = Ask(who, APPDB, action, session)
        waiting: asyncio.Task[object] = asyncio.create_task(
            self.desk.wait(ask, hold, "policy", told=told.set_result)
        )
        return await told, waiting


async def _unreachable(address: str) -> bytes:
    raise IdentityError("identity.unavailable", "not from a test")


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    file = tmp_path / "vedette.yaml"
    file.write_text(CONFIG)
    store = await Store.open(tmp_path / "vedette.db")
    keys = JournalKeys.generate()
    journal = Journal.open(tmp_path / "journal", keys)
    made = Office(load(file, {}), store, journal)
    folder = Folder(made.settings.gateway.data).keys
    folder.mkdir(parents=True)
    (folder / PUBLIC_FILE).write_bytes(keys.public_pem)
    await made.blocks.refresh()
    yield made
    await made.desk.close()
    journal.close()
    await store.close()


class Client(httpx2.AsyncClient):
    """A client with a token; ``as_`` gives it to one request."""

    def __init__(self, office: Office) -> None:
        super().__init__(transport=httpx2.ASGITransport(app=build(office)), base_url="http://gateway")
        self._office = office

    def as_(self, who: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._office.token(who)}"} if who != "nobody" else {}

    async def ask(self, who: str, method: str, path: str, **more: object) -> httpx2.Response:
        return await self.request(method, f"/api/v1{path}", headers=self.as_(who), **more)  # type: ignore[arg-type]


@pytest.fixture
async def client(office: Office) -> AsyncIterator[Client]:
    async with Client(office) as made:
        yield made


@pytest.fixture
def relation() -> Relation:
    return Relation(1, "public", "payments", "r")
