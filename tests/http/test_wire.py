"""One side of an HTTP connection: bounded both ways, and it notices who leaves."""

from __future__ import annotations

import asyncio
import socket

import pytest

from vedette.protocols.http.bodies import body
from vedette.protocols.http.heads import CHUNKED, Framing, Malformed
from vedette.protocols.http.wire import HIGH_BYTES, Gone, Wire


@pytest.fixture
async def pair():
    """A wire, and the plain socket at its other end."""
    near, far = socket.socketpair()
    far.setblocking(False)
    losses: list[str] = []
    transport, wire = await asyncio.get_running_loop().create_connection(
        lambda: Wire(lambda: losses.append("lost")), sock=near
    )
    yield wire, far, losses
    transport.abort()
    far.close()
    await asyncio.sleep(0)


async def send(far, data):
    await asyncio.get_running_loop().sock_sendall(far, data)


async def test_heads_and_bodies_follow_each_other(pair):
    wire, far, _ = pair
    await send(far, b"GET / HTTP/1.1\r\n\r\n" + b"abc" + b"POST /x HTTP/1.1\r\n\r\n3\r\nxyz\r\n0\r\n\r\n")
    assert await wire.head() == b"GET / HTTP/1.1\r\n\r\n"
    assert await wire.whole(body(Framing(3)), 10) == b"abc"
    assert await wire.head() == b"POST /x HTTP/1.1\r\n\r\n"
    assert await wire.whole(body(CHUNKED), 10) == b"xyz"
    assert not wire.buffer


async def test_a_head_may_come_byte_by_byte(pair):
    wire, far, _ = pair
    asked = asyncio.create_task(wire.head())
    for byte in b"GET / HTTP/1.1\r\n\r\n":
        assert not asked.done()
        await send(far, bytes([byte]))
    assert await asked == b"GET / HTTP/1.1\r\n\r\n"


async def test_a_head_without_end_is_refused(pair):
    wire, far, _ = pair
    sending = asyncio.create_task(send(far, b"X" * (70 << 10)))
    with pytest.raises(Malformed) as refused:
        await wire.head()
    assert refused.value.status == 431
    await sending


async def test_a_body_over_its_bound_is_refused(pair):
    wire, far, _ = pair
    await send(far, b"abcdef")
    with pytest.raises(Malformed) as refused:
        await wire.whole(body(Framing(6)), 5)
    assert refused.value.status == 413


async def test_who_hangs_up_is_noticed_once_even_where_nobody_reads(pair):
    wire, far, losses = pair
    await send(far, b"GET")
    far.close()
    with pytest.raises(Gone):
        await wire.head()
    with pytest.raises(Gone):
        await wire.head()
    await asyncio.sleep(0)
    assert losses == ["lost"]
    assert wire.gone


async def test_a_peer_that_sends_without_end_is_not_read_without_end(pair):
    wire, far, _ = pair
    flood = asyncio.create_task(send(far, b"x" * (8 << 20)))
    while not wire._paused:  # noqa: ASYNC110  (a peer's flood, not an event of ours)
        await asyncio.sleep(0)
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(wire.buffer) < HIGH_BYTES + (1 << 20)
    assert not flood.done()
    assert len(await wire.whole(body(Framing(8 << 20)), 8 << 20)) == 8 << 20
    await flood


async def test_a_peer_that_does_not_read_is_waited_for(pair):
    wire, far, _ = pair
    wire.write(b"y" * (4 << 20))
    waiting = asyncio.create_task(wire.drained())
    await asyncio.sleep(0)
    assert not waiting.done()
    loop, read = asyncio.get_running_loop(), 0
    while read < 4 << 20:
        read += len(await loop.sock_recv(far, 1 << 20))
    await waiting
    assert wire.sent == 4 << 20


async def test_who_leaves_while_being_waited_for_ends_the_wait(pair):
    wire, far, _ = pair
    wire.write(b"y" * (4 << 20))
    waiting = asyncio.create_task(wire.drained())
    await asyncio.sleep(0)
    far.close()
    with pytest.raises(Gone):
        await waiting
