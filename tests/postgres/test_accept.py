"""The door, over real sockets, on both event loops: TLS, stuffed bytes, slow and vanishing callers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

import pytest
import uvloop

from tests.testbed.certificates import Authority
from vedette.identity.errors import IdentityError
from vedette.identity.keys import Verifier
from vedette.model import Kind, Principal
from vedette.protocols.postgres import messages, scram
from vedette.protocols.postgres.accept import Caller, Canceller, Crowd, Door, accept, serve
from vedette.protocols.postgres.login_downstream import Refused
from vedette.protocols.postgres.startup import CancelRequest

ADA = Principal("ada", Kind.AGENT)
TOKEN = "a.good.token"
SECRET = "vdt_abcdefgh_" + "k" * 32
SSL = struct.pack("!II", 8, messages.SSL_REQUEST)
GSS = struct.pack("!II", 8, messages.GSSENC_REQUEST)
OPENING = messages.startup({"user": "anyone", "database": "appdb"})
PASSWORD = messages.message(b"p", TOKEN.encode() + b"\0")


@dataclass
class Key:
    verifier: Verifier
    expires: float = 2e9

    def check(self, now: float) -> None:
        if now >= self.expires:
            raise IdentityError("identity.expired", "the API key's time is over")

    def principal(self, issuer: str) -> Principal:
        return Principal("robot", Kind.SERVICE, issuer=issuer, credential="vdt_abcdefgh")


class People:
    key = Key(Verifier.of(SECRET, b"salt" * 4))

    async def by_token(self, text: str) -> Principal:
        if text != TOKEN:
            raise IdentityError("identity.signature", "no key of its issuer made this signature")
        return ADA

    async def key_for(self, user: str) -> Key | None:
        return self.key if user == "robot" else None


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("door"))


@pytest.fixture
def door(authority) -> Door:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.server.certificate, authority.server.key)
    context.set_alpn_protocols(["postgresql"])
    return Door(knows={"appdb"}.__contains__, mock_key=b"m" * 32, tls=context, binding=b"b" * 32)


@pytest.fixture
def trusting(authority) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.root.certificate)
    context.set_alpn_protocols(["postgresql"])
    return context


Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request) -> Run:
    def run(main: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(main)

    return run


@dataclass
class Listening:
    port: int
    outcomes: asyncio.Queue[Caller | Canceller | Refused]


@contextlib.asynccontextmanager
async def listening(door: Door) -> AsyncIterator[Listening]:
    """Accepts at *door*, answers whoever is let in with R0, and keeps the outcomes."""
    found: asyncio.Queue[Caller | Canceller | Refused] = asyncio.Queue()

    async def visit(sock: socket.socket) -> None:
        outcome = await accept(sock, door, People())
        if isinstance(outcome, Caller):
            await outcome.wire.last_words(messages.authentication(0))
        elif isinstance(outcome, Canceller):
            await outcome.done()
        found.put_nowait(outcome)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(serve(listener, visit))
        try:
            yield Listening(listener.getsockname()[1], found)
        finally:
            serving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await serving


async def talk(port: int, *said: bytes, tls: ssl.SSLContext | None = None) -> bytes:
    """Say each part, from the second on after something was heard; all that was heard."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=tls, server_hostname="localhost" if tls else None
    )
    heard = b""
    try:
        for number, part in enumerate(said):
            if number:
                heard += await reader.read(1000)
            writer.write(part)
        heard += await reader.read()
    except (ConnectionError, ssl.SSLError):
        pass
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return heard


def test_a_plain_login(run, door):
    async def main() -> None:
        async with listening(door) as there:
            heard = await talk(there.port, GSS, OPENING, PASSWORD)
            outcome = await there.outcomes.get()

            assert heard == b"N" + messages.authentication(3) + messages.authentication(0)
            assert isinstance(outcome, Caller)
            assert (outcome.login.principal, outcome.login.encrypted) == (ADA, False)

    run(main())


def test_direct_tls(run, door, trusting):
    async def main() -> None:
        async with listening(door) as there:
            heard = await talk(there.port, OPENING, PASSWORD, tls=trusting)
            outcome = await there.outcomes.get()

            assert heard == messages.authentication(3) + messages.authentication(0)
            assert isinstance(outcome, Caller)
            assert outcome.login.encrypted

    run(main())


def test_direct_tls_has_to_name_the_protocol(run, door, authority):
    async def main() -> None:
        silent = ssl.create_default_context(cafile=authority.root.certificate)
        async with listening(door) as there:
            assert b"ALPN" in await talk(there.port, OPENING, tls=silent)
            outcome = await there.outcomes.get()
            assert isinstance(outcome, Refused)
            assert outcome.code == "login.protocol"

    run(main())


@pytest.mark.parametrize("pieces", [1, 3])
def test_negotiated_tls_and_where_reads_are_cut(run, door, trusting, pieces):
    async def main() -> None:
        async with listening(door) as there:
            reader, writer = await asyncio.open_connection("127.0.0.1", there.port)
            for at in range(0, 8, pieces):
                writer.write(SSL[at : at + pieces])
                await writer.drain()
            assert await reader.readexactly(1) == b"S"
            await writer.start_tls(trusting, server_hostname="localhost")
            for at in range(0, len(OPENING), pieces):
                writer.write(OPENING[at : at + pieces])
                await asyncio.sleep(0)
            assert await reader.readexactly(9) == messages.authentication(3)
            writer.write(PASSWORD)
            assert await reader.readexactly(9) == messages.authentication(0)
            writer.close()
            assert isinstance(await there.outcomes.get(), Caller)

    run(main())


def test_bytes_stuffed_before_tls_end_the_connection(run, door):
    async def main() -> None:
        async with listening(door) as there:
            heard = await talk(there.port, SSL + OPENING + PASSWORD)
            outcome = await there.outcomes.get()

            assert heard[:1] == b"E"
            assert b"08P01" in heard
            assert messages.authentication(3) not in heard
            assert isinstance(outcome, Refused)
            assert (outcome.code, outcome.user) == ("login.protocol", "")

    run(main())


def test_a_handshake_that_fails(run, door):
    async def main() -> None:
        async with listening(door) as there:
            await talk(there.port, SSL, b"this is not a ClientHello at all")
            outcome = await there.outcomes.get()
            assert isinstance(outcome, Refused)
            assert outcome.code == "login.tls"

    run(main())


def test_an_api_key(run, door):
    async def main() -> None:
        async with listening(door) as there:
            reader, writer = await asyncio.open_connection("127.0.0.1", there.port)
            writer.write(messages.startup({"user": "robot", "database": "appdb"}))
            await reader.readexactly(len(messages.authentication(10, b"SCRAM-SHA-256\0\0")))
            client = scram.Client(binding=None, plus=False)
            opening = client.first()
            writer.write(
                messages.message(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(opening)) + opening)
            )
            head = await reader.readexactly(9)
            challenge = await reader.readexactly(struct.unpack_from("!i", head, 1)[0] - 8)
            salt, count = client.challenge(challenge)
            writer.write(messages.message(b"p", client.final(scram.salted(SECRET, salt, count))))
            assert (await reader.read()).endswith(messages.authentication(0))
            writer.close()
            outcome = await there.outcomes.get()

            assert isinstance(outcome, Caller)
            assert outcome.login.principal == Principal(
                "robot", Kind.SERVICE, issuer="vedette", credential="vdt_abcdefgh"
            )

    run(main())


def test_keys_that_are_over_or_withdrawn(door):
    key = People.key

    async def proven(which: Door) -> object:
        from vedette.protocols.postgres.accept import _Visit
        from vedette.protocols.postgres.login_steps import FindKey, Proven
        from vedette.protocols.postgres.wire import Bare

        ours, theirs = socket.socketpair()
        with ours, theirs:
            visit = _Visit(Bare(ours), which, People())
            assert await visit._answer(FindKey("robot")) == key.verifier
            return await visit._answer(Proven())

    late = asyncio.run(proven(replace(door, clock=lambda: 3e9)))
    withdrawn = asyncio.run(proven(replace(door, revoked=lambda credential: credential == "vdt_abcdefgh")))

    assert (late.code, withdrawn.code) == ("identity.expired", "identity.revoked")


def test_a_wrong_token_is_told_why(run, door):
    async def main() -> None:
        async with listening(door) as there:
            heard = await talk(there.port, OPENING, messages.message(b"p", b"wrong\0"))
            outcome = await there.outcomes.get()

            assert b"28P01" in heard
            assert b"identity.signature" in heard
            assert isinstance(outcome, Refused)
            assert (outcome.user, outcome.resource) == ("anyone", "appdb")

    run(main())


def test_a_slow_caller_is_cut_off_at_every_stage(run, door, trusting):
    async def main() -> None:
        hasty = replace(door, deadline=0.15)
        async with listening(hasty) as there:
            for said in ((b"",), (SSL[:7],), (SSL,), (OPENING[:20],), (OPENING,), (OPENING, PASSWORD[:4])):
                await talk(there.port, *said)
                outcome = await there.outcomes.get()
                assert isinstance(outcome, Refused)
                assert outcome.code == "login.timeout"
            assert b"57014" in await talk(there.port, OPENING[:20], tls=trusting)

    run(main())


def test_a_caller_who_vanishes_is_known_by_what_it_said(run, door):
    async def main() -> None:
        async with listening(door) as there:
            for said, user in ((b"", ""), (OPENING[:3], ""), (OPENING, "anyone")):
                reader, writer = await asyncio.open_connection("127.0.0.1", there.port)
                writer.write(said)
                if user:
                    await reader.readexactly(9)
                writer.close()
                outcome = await there.outcomes.get()
                assert isinstance(outcome, Refused)
                assert (outcome.code, outcome.user) == ("login.gone", user)

    run(main())


def test_too_many_at_the_door(run, door):
    async def main() -> None:
        full = replace(door, crowd=Crowd(1))
        async with listening(full) as there:
            first_reader, first = await asyncio.open_connection("127.0.0.1", there.port)
            first.write(OPENING)
            await first_reader.readexactly(9)
            assert b"53300" in await talk(there.port, OPENING)
            first.write(PASSWORD)
            await first_reader.readexactly(9)
            first.close()
            codes = {getattr(await there.outcomes.get(), "code", "in") for _ in range(2)}
            assert codes == {"login.crowded", "in"}
            assert messages.authentication(0) in await talk(there.port, OPENING, PASSWORD)

    run(main())


def test_a_cancel_waits_for_whoever_passes_it_on(run, door, trusting):
    async def main() -> None:
        async with listening(door) as there:
            for tls in (None, trusting):
                assert await talk(there.port, messages.cancel_request(5, b"abcd"), tls=tls) == b""
                outcome = await there.outcomes.get()
                assert isinstance(outcome, Canceller)
                assert outcome.request == CancelRequest(5, b"abcd")

    run(main())


def test_where_callers_need_tls_they_are_told(run, door):
    async def main() -> None:
        async with listening(replace(door, tls=None)) as there:
            assert (await talk(there.port, SSL, OPENING, PASSWORD))[:1] == b"N"
            assert isinstance(await there.outcomes.get(), Caller)

    run(main())


def test_one_visit_that_fails_fails_alone(run, door, caplog):
    async def main() -> None:
        second = asyncio.Event()

        async def visit(sock: socket.socket) -> None:
            with sock:
                if not second.is_set():
                    second.set()
                    raise ValueError("a fault of ours")
                await asyncio.get_running_loop().sock_sendall(sock, b"still here")

        with socket.create_server(("127.0.0.1", 0)) as listener:
            serving = asyncio.create_task(serve(listener, visit))
            port = listener.getsockname()[1]
            assert await talk(port) == b""
            assert await talk(port) == b"still here"
            serving.cancel()
            await asyncio.wait([serving])

    run(main())
    assert "ValueError" in caplog.text
    assert "a fault of ours: " in caplog.text
