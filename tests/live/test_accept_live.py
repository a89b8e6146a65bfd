"""Real clients at the door: psql of two versions, asyncpg, psycopg, and libpq's OAUTHBEARER."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import psycopg
import pytest

from tests.testbed import processes
from tests.testbed.certificates import Authority
from tests.testbed.postgres import Postgres
from vedette.credentials.secret import Secret
from vedette.identity.certificates import CertificateFiles
from vedette.identity.errors import IdentityError
from vedette.identity.keys import KeyRecord, create
from vedette.identity.tls import server_context, tls_server_end_point
from vedette.model import Kind, Principal
from vedette.protocols.postgres.accept import Caller, Canceller, Door, accept, serve
from vedette.protocols.postgres.cancel import CancelKeys
from vedette.protocols.postgres.dial import Target, Upstream, dial, send_cancel
from vedette.protocols.postgres.login_downstream import welcome
from vedette.protocols.postgres.login_upstream import Account
from vedette.protocols.postgres.wire import Gone, Wire

pytestmark = pytest.mark.live

TOKEN = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"
ISSUER = "https://login.example.com/realms/corp"
KEY, RECORD = create("ci", "robot", Kind.SERVICE, (), None, now=1.0)


class People:
    async def by_token(self, text: str) -> Principal:
        if text != TOKEN:
            raise IdentityError("identity.signature", "no key of its issuer made this signature")
        return Principal("ada", Kind.AGENT)

    async def key_for(self, user: str) -> KeyRecord | None:
        return RECORD if user in (RECORD.prefix, RECORD.name) else None


async def pump(source: Wire, sink: Wire) -> None:
    try:
        while True:
            await sink.send(await source.some())
    except Gone:
        pass
    finally:
        source.close()
        sink.close()


class Blind:
    """A gateway that lets people in and judges nothing."""

    def __init__(self, server: Postgres, door: Door) -> None:
        role = server.roles["by_scram"]
        self.target = Target(server.host, server.port)
        self.account = Account(role.name, "postgres", Secret(role.password))
        self.door = door
        self.keys: CancelKeys[Upstream] = CancelKeys()
        self.outcomes: list[object] = []
        self.port = 0

    async def visit(self, sock: socket.socket) -> None:
        outcome = await accept(sock, self.door, People())
        self.outcomes.append(outcome)
        if isinstance(outcome, Canceller):
            session = self.keys.find(outcome.request)
            if session is not None:
                await send_cancel(self.target, session.pid, session.secret)
            await outcome.done()
        elif isinstance(outcome, Caller):
            login = outcome.login
            upstream = await dial(self.target, self.account, settings=login.settings, version=login.version)
            key = self.keys.issue(upstream, login.version)
            await outcome.wire.send(welcome(upstream.parameters, key.pid, key.secret))
            async with asyncio.TaskGroup() as both:
                both.create_task(pump(outcome.wire, upstream.wire))
                both.create_task(pump(upstream.wire, outcome.wire))

    @property
    def methods(self) -> list[str]:
        return [outcome.login.method for outcome in self.outcomes if isinstance(outcome, Caller)]


@contextlib.asynccontextmanager
async def blind(server: Postgres, door: Door) -> AsyncIterator[Blind]:
    gateway = Blind(server, door)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gateway.port = listener.getsockname()[1]
        serving = asyncio.create_task(serve(listener, gateway.visit))
        try:
            yield gateway
        finally:
            serving.cancel()
            await asyncio.wait([serving])
            await asyncio.sleep(0)  # the loop closes transports in its next round


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("gateway"))


@pytest.fixture
def door(authority) -> Door:
    files = CertificateFiles(authority.server.certificate, authority.server.key)
    der = ssl.PEM_cert_to_DER_cert(authority.server.certificate.read_text())
    return Door(
        knows={"postgres"}.__contains__,
        mock_key=b"m" * 32,
        tls=server_context(files),
        binding=tls_server_end_point(der),
        issuer=ISSUER,
        scope="openid",
    )


async def psql(server: Postgres, port: int, words: str, text: str, secret: str) -> tuple[int, str, str]:
    child = await asyncio.create_subprocess_exec(
        str(server.bin / "psql"),
        "-XAtq",
        "-d",
        f"host=127.0.0.1 port={port} dbname=postgres {words}",
        "-c",
        text,
        env={**processes.environment(), "PGPASSWORD": secret, "PGSSLROOTCERT": ""},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        stdin=asyncio.subprocess.DEVNULL,
    )
    out, err = await child.communicate()
    return child.returncode or 0, out.decode().strip(), err.decode()


@pytest.mark.parametrize("fixture", ["pg16", "pg18"])
async def test_psql_with_a_token_and_with_a_key(request, door, fixture):
    server = request.getfixturevalue(fixture)
    async with blind(server, door) as gateway:
        assert (await psql(server, gateway.port, "user=anyone", "SELECT 1", TOKEN))[:2] == (0, "1")
        assert (await psql(server, gateway.port, "user=ci", "SELECT 2", KEY.reveal()))[:2] == (0, "2")
        code, _, said = await psql(server, gateway.port, "user=anyone", "SELECT 1", "wrong")
        assert code == 2
        assert "vedette: no key of its issuer made this signature" in said
        assert gateway.methods == ["token", "key"]


async def test_psql_over_tls_bound_to_the_session(pg15_tls, pg16, authority, door):
    secure = f"sslmode=verify-full sslrootcert={authority.root.certificate}"
    async with blind(pg16, door) as gateway:
        bound = f"user={RECORD.prefix} channel_binding=require {secure}"
        assert (await psql(pg15_tls, gateway.port, bound, "SELECT 1", KEY.reveal()))[:2] == (0, "1")
        assert (await psql(pg15_tls, gateway.port, f"user=x {secure}", "SELECT 1", TOKEN))[:2] == (0, "1")
        code, _, said = await psql(pg15_tls, gateway.port, bound, "SELECT 1", "wrong")
        assert code == 2
        assert "no API key of that name and secret" in said


async def test_asyncpg(pg16, authority, door):
    trusting = ssl.create_default_context(cafile=authority.root.certificate)
    async with blind(pg16, door) as gateway:
        for tls in (False, trusting):
            there = await asyncpg.connect(
                host="localhost",
                port=gateway.port,
                user="anyone",
                password=TOKEN,
                database="postgres",
                ssl=tls,
                server_settings={"application_name": "agent", "jit": "off"},
            )
            assert await there.fetchval("SHOW application_name") == "agent"
            assert await there.fetchval("SHOW jit") == "off"
            await there.close()


async def test_a_token_without_tls_is_refused_from_elsewhere_with_the_fix(pg16, door, monkeypatch):
    monkeypatch.setattr("vedette.protocols.postgres.wire.is_local", lambda sock: False)
    async with blind(pg16, door) as gateway:
        words = "user=anyone sslmode=disable"
        code, _, said = await psql(pg16, gateway.port, words, "SELECT 1", TOKEN)
        assert (code, "sslmode=require" in said) == (2, True)
        assert (await psql(pg16, gateway.port, "user=ci", "SELECT 1", KEY.reveal()))[:2] == (0, "1")


@pytest.mark.parametrize("negotiation", ["postgres", "direct"])
async def test_psycopg_and_a_cancel(pg16, authority, door, negotiation):
    async with blind(pg16, door) as gateway:
        there = await psycopg.AsyncConnection.connect(
            host="localhost",
            port=gateway.port,
            user="ci",
            password=KEY.reveal(),
            dbname="postgres",
            sslmode="verify-full",
            sslrootcert=str(authority.root.certificate),
            sslnegotiation=negotiation,
            autocommit=True,
        )
        sleeping = asyncio.create_task(there.execute("SELECT pg_sleep(600)"))
        while not sleeping.done():
            await there.cancel_safe()
            await asyncio.wait([sleeping], timeout=0.2)
        with pytest.raises(psycopg.errors.QueryCanceled):
            await sleeping
        await there.close()


async def test_protocol_3_2_end_to_end(pg18, door):
    async with blind(pg18, door) as gateway:
        words = "user=anyone min_protocol_version=3.2 max_protocol_version=3.2"
        assert (await psql(pg18, gateway.port, words, "SELECT 3", TOKEN))[:2] == (0, "3")
        words = "user=anyone max_protocol_version=latest"
        assert (await psql(pg18, gateway.port, words, "SELECT 3", TOKEN))[:2] == (0, "3")


# --- OAUTHBEARER, as libpq 18 speaks it ---------------------------------------------------


class BearerRequest(ctypes.Structure):
    """PGoauthBearerRequest (libpq-fe.h)."""

    _fields_ = (
        ("openid_configuration", ctypes.c_char_p),
        ("scope", ctypes.c_char_p),
        ("poll", ctypes.c_void_p),
        ("cleanup", ctypes.c_void_p),
        ("token", ctypes.c_void_p),
        ("user", ctypes.c_void_p),
    )


HOOK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(BearerRequest))


@pytest.fixture
def bearer() -> Iterator[list[tuple[str, str]]]:
    """Gives psycopg's libpq our token when it asks for one; keeps what it was told by the server."""
    found = sorted(Path(sys.prefix).glob("lib/python3*/site-packages/psycopg_binary.libs/libpq*"))
    if not found or psycopg.pq.version() < 180000:
        pytest.skip("psycopg comes without libpq 18")
    libpq = ctypes.CDLL(str(found[0]))
    asked: list[tuple[str, str]] = []
    token = ctypes.create_string_buffer(TOKEN.encode())

    @HOOK
    def hook(kind, _connection, request):
        if kind != 1:  # PQAUTHDATA_OAUTH_BEARER_TOKEN
            return 0
        asked.append((request.contents.openid_configuration.decode(), request.contents.scope.decode()))
        request.contents.token = ctypes.addressof(token)
        return 1

    libpq.PQsetAuthDataHook(hook)
    yield asked
    libpq.PQsetAuthDataHook(None)


@pytest.mark.parametrize("how", [{"user": "oauth"}, {"user": "ada", "options": "-c vedette.login=oauth"}])
async def test_libpq_asks_where_to_get_a_token_and_comes_back_with_it(pg16, door, bearer, how):
    async with blind(pg16, door) as gateway:
        there = await psycopg.AsyncConnection.connect(
            host="127.0.0.1",
            port=gateway.port,
            dbname="postgres",
            oauth_issuer=ISSUER,
            oauth_client_id="agent",
            **how,
        )
        assert (await (await there.execute("SELECT 4")).fetchone()) == (4,)
        await there.close()

    assert bearer == [(f"{ISSUER}/.well-known/openid-configuration", "openid")]
    assert gateway.methods == ["oauth"]
