"""Dialling servers that are hostile, slow or absent, over real sockets and on both event loops."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import pytest
import uvloop

from tests.testbed.certificates import Authority
from vedette.credentials.secret import Secret
from vedette.identity.tls import upstream_context
from vedette.protocols.postgres import messages, scram
from vedette.protocols.postgres.dial import SaltedPasswords, Target, dial, end_point, send_cancel
from vedette.protocols.postgres.login_upstream import Account, UpstreamRefused
from vedette.protocols.postgres.wire import Wire

ACCOUNT = Account("app", "db", Secret("correct-horse"))
SETTLED = (
    messages.authentication(0)
    + messages.parameter_status("client_encoding", "UTF8")
    + messages.parameter_status("standard_conforming_strings", "on")
    + messages.backend_key(42, b"key4")
    + messages.ready()
)
Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request) -> Run:
    def run(main: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(main)

    return run


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("dial"))


@contextlib.asynccontextmanager
async def server(peer: Peer, **more: Any) -> AsyncIterator[int]:
    """A server that plays *peer* with everyone, hangs up, and gives its port."""

    playing: set[asyncio.Task[Any]] = set()

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        playing.add(asyncio.current_task())
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await peer(reader, writer)
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        finally:
            writer.transport.abort()

    listening = await asyncio.start_server(play, "127.0.0.1", 0, **more)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for task in playing:
            task.cancel()
        await asyncio.gather(*playing, return_exceptions=True)
        await asyncio.sleep(0)


def says(*parts: bytes) -> Peer:
    """Hears something before each part."""

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            await reader.read(1000)
            writer.write(part)
        await reader.read(1000)

    return peer


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def refused(port: int, context: ssl.SSLContext | None = None, **more: Any) -> UpstreamRefused:
    with pytest.raises(UpstreamRefused) as no:
        await dial(Target("localhost", port, context), ACCOUNT, **more)
    assert "correct-horse" not in repr(no.value) + no.value.detail + no.value.reason
    return no.value


def test_a_server_without_secrets(run):
    async def main() -> None:
        async with server(says(SETTLED)) as port:
            upstream = await dial(Target("localhost", port), ACCOUNT)
            assert (upstream.pid, upstream.secret, upstream.wire.encrypted) == (42, b"key4", False)
            assert "key4" not in repr(upstream)
            upstream.wire.close()
            await upstream.wire.hung_up()

    run(main())


def test_bytes_stuffed_behind_the_answer_to_sslrequest(run):
    async def main() -> None:
        async with server(says(b"S" + SETTLED)) as port:
            assert (await refused(port, upstream_context("require"))).code == "upstream.tls"

    run(main())


def test_a_downgrade(run):
    async def main() -> None:
        for answer in (b"N", b"N" + SETTLED):
            async with server(says(answer)) as port:
                assert (await refused(port, upstream_context("require"))).code == "upstream.tls"

    run(main())


def test_text_before_tls_is_shown_to_nobody(run):
    async def main() -> None:
        async with server(says(messages.error("28000", "call 555-0100 to unlock"))) as port:
            no = await refused(port, upstream_context("verify-full"))
            assert no.code == "upstream.tls"
            assert "555" not in no.reason + no.detail

    run(main())


async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(8)
    writer.write(b"S")
    await reader.read(1)


def test_a_server_that_hangs_up(run):
    async def main() -> None:
        async with server(says()) as port:
            assert (await refused(port)).code == "upstream.gone"
            assert (await refused(port, upstream_context("require"))).code == "upstream.gone"
        async with server(deaf) as port:
            assert (await refused(port, upstream_context("require"))).code in (
                "upstream.gone",
                "upstream.tls",
            )

    run(main())


def test_a_server_that_says_nothing(run):
    async def main() -> None:
        async with server(silent) as port:
            assert (await refused(port, timeout=0.1)).code == "upstream.timeout"
            assert (await refused(port, upstream_context("require"), timeout=0.1)).code == "upstream.timeout"

        async with server(says(b"S", b"", b"")) as port:
            assert (await refused(port, upstream_context("require"), timeout=0.1)).code == "upstream.timeout"

    run(main())


def test_a_server_that_never_ends(run):
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(messages.notice("and another thing") * 100)
            await writer.drain()

    async def main() -> None:
        async with server(flood) as port:
            assert (await refused(port)).code == "upstream.protocol"

    run(main())


def test_direct_tls_has_to_agree_on_the_protocol(run, authority):
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(authority.server.certificate, authority.server.key)
    ours = upstream_context("verify-full", authority.root.certificate)

    async def main() -> None:
        async with server(says(SETTLED), ssl=theirs) as port:
            with pytest.raises(UpstreamRefused) as no:
                await dial(Target("localhost", port, ours, direct=True), ACCOUNT)
            assert no.value.code == "upstream.tls"
        theirs.set_alpn_protocols(["postgresql"])
        async with server(says(SETTLED), ssl=theirs) as port:
            upstream = await dial(Target("localhost", port, ours, direct=True), ACCOUNT)
            assert upstream.wire.encrypted
            upstream.wire.close()
            await upstream.wire.hung_up()

    run(main())


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_certificates_that_do_not_fit(run, authority, mode):
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    wrong = authority.issue("elsewhere.example")
    theirs.load_cert_chain(wrong.certificate, wrong.key)
    theirs.set_alpn_protocols(["postgresql"])
    ours = upstream_context(mode, authority.root.certificate)
    strange = upstream_context(mode, authority.stranger.certificate)

    async def main() -> None:
        async with server(says(SETTLED), ssl=theirs) as port:
            with pytest.raises(UpstreamRefused) as no:
                await dial(Target("localhost", port, strange, direct=True), ACCOUNT)
            assert no.value.code == "upstream.certificate"

    run(main())
    assert isinstance(ours, ssl.SSLContext)


def test_a_host_that_does_not_exist(run):
    async def main() -> None:
        with pytest.raises(UpstreamRefused) as no:
            await dial(Target("no-such-host.invalid"), ACCOUNT)
        assert no.value.code == "upstream.unreachable"
        with pytest.raises(UpstreamRefused) as no:
            await dial(Target("/no/such/folder"), ACCOUNT)
        assert no.value.code == "upstream.unreachable"

    run(main())


def test_a_unix_socket_is_on_this_machine(run, tmp_path):
    clear = messages.authentication(3)

    async def main() -> None:
        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await says(clear, SETTLED)(reader, writer)
            writer.close()

        listening = await asyncio.start_unix_server(play, tmp_path / ".s.PGSQL.5432")
        upstream = await dial(Target(str(tmp_path)), ACCOUNT)
        assert upstream.wire.local
        upstream.wire.close()
        await upstream.wire.hung_up()
        listening.close()

    run(main())


def test_a_cancel_is_sent_and_waited_for(run):
    heard: list[bytes] = []

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1000))

    async def main() -> None:
        async with server(peer) as port:
            await send_cancel(Target("localhost", port), 42, b"key4")
        assert heard == [messages.cancel_request(42, b"key4")]
        with pytest.raises(UpstreamRefused):
            await send_cancel(Target("localhost", 1), 42, b"key4")

    run(main())


async def test_a_salted_password_is_derived_once_and_elsewhere(monkeypatch):
    derived: list[int] = []
    original = scram.salted

    def counting(*given: Any) -> bytes:
        derived.append(threading.get_ident())
        return original(*given)

    monkeypatch.setattr(scram, "salted", counting)
    kept = SaltedPasswords(limit=2)
    one = await kept.get(Secret("a"), b"salt", 4096)
    assert one == await kept.get(Secret("a"), b"salt", 4096) == original("a", b"salt", 4096)
    assert one != await kept.get(Secret("b"), b"salt", 4096)
    await kept.get(Secret("c"), b"salt", 4096)
    await kept.get(Secret("a"), b"salt", 4096)

    assert len(derived) == 4
    assert threading.get_ident() not in derived


def test_the_binding_of_what_is_no_certificate():
    assert end_point(b"nonsense") is None


async def test_a_wire_does_not_show_what_it_holds():
    wire = Wire(encrypted=False, local=False)
    assert repr(wire).startswith("<vedette")
