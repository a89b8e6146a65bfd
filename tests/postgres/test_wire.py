"""Wires: where reads are cut does not matter, and what is unread is handed over."""

from __future__ import annotations

import asyncio
import itertools
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.protocols.postgres.login_steps import Need, Peek, Send
from vedette.protocols.postgres.wire import Bare, Gone, StuffedBytes, Wire, is_local, perform

SAID = bytes(range(64))
SIZES = [1, 4, 8, 20, 3]


class Transport(asyncio.Transport):
    """Keeps what is written and whether it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.reading = True
        self.closing = False
        self.protocol: object = None

    def write(self, data):
        self.written += bytes(data)

    def pause_reading(self):
        self.reading = False

    def resume_reading(self):
        self.reading = True

    def is_closing(self):
        return self.closing

    def abort(self):
        self.closing = True

    def set_protocol(self, protocol):
        self.protocol = protocol


def wire() -> tuple[Wire, Transport]:
    made, transport = Wire(encrypted=False, local=True), Transport()
    made.connection_made(transport)
    return made, transport


@given(st.lists(st.integers(0, len(SAID)), max_size=6))
def test_where_reads_are_cut_does_not_matter(cuts):
    async def play() -> tuple[list[bytes], bytes]:
        line, _ = wire()

        async def speak() -> None:
            for a, b in itertools.pairwise([0, *sorted(cuts), len(SAID)]):
                if a < b:
                    line.data_received(SAID[a:b])
                await asyncio.sleep(0)

        speaking = asyncio.create_task(speak())
        heard = [await line.peek()] + [await line.exactly(size) for size in SIZES]
        await speaking
        return heard, line.hand_over(asyncio.Protocol())

    heard, left = asyncio.run(play())
    assert b"".join(heard[1:]) + left == SAID
    assert [len(part) for part in heard] == [1, *SIZES]


async def test_a_peer_that_says_too_much_is_made_to_wait():
    line, transport = wire()
    line.data_received(b"x" * (200 << 10))

    assert not transport.reading
    await line.exactly(200 << 10)
    more = asyncio.create_task(line.exactly(1))
    await asyncio.sleep(0)
    assert transport.reading
    line.data_received(b"y")
    assert await more == b"y"


async def test_a_hang_up_ends_whoever_reads_and_writes():
    line, _ = wire()
    reading = asyncio.create_task(line.exactly(5))
    await asyncio.sleep(0)
    line.data_received(b"abc")
    line.connection_lost(None)

    with pytest.raises(Gone):
        await reading
    with pytest.raises(Gone):
        await line.send(b"x")
    with pytest.raises(Gone):
        line.hand_over(asyncio.Protocol())
    assert await line.exactly(3) == b"abc"
    await line.hung_up()


async def test_a_slow_peer_is_known_to_the_protocol_that_takes_over():
    class Next(asyncio.Protocol):
        paused = False

        def pause_writing(self):
            self.paused = True

    line, transport = wire()
    line.pause_writing()
    line.data_received(b"x" * (200 << 10))
    after = Next()

    assert len(line.hand_over(after)) == 200 << 10
    assert after.paused
    assert transport.reading
    assert transport.protocol is after


async def test_nothing_is_read_beyond_what_is_asked():
    ours, theirs = socket.socketpair()
    line = Bare(ours)
    theirs.sendall(b"abcdef")

    assert await line.peek() == b"a"
    assert await line.exactly(3) == b"abc"
    with pytest.raises(StuffedBytes):
        line.refuse_stuffed()
    assert await line.exactly(3) == b"def"
    line.refuse_stuffed()
    theirs.close()
    with pytest.raises(Gone):
        line.refuse_stuffed()
    with pytest.raises(Gone):
        await line.exactly(1)
    line.close()


async def test_last_words_arrive_though_the_peer_was_still_talking():
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(theirs, b"much that nobody reads")
    saying = asyncio.create_task(Bare(ours).last_words(b"FATAL"))

    assert await loop.sock_recv(theirs, 100) == b"FATAL"
    assert await loop.sock_recv(theirs, 100) == b""
    theirs.close()
    await saying


async def test_steps_are_performed_and_closed():
    closed = []

    def steps():
        try:
            assert (yield Peek()) == b"h"
            assert (yield Need(5)) == b"hello"
            yield Send(b"bye")
            return 7
        finally:
            closed.append(True)

    line, transport = wire()
    line.data_received(b"hello")
    assert await perform(steps(), line) == 7
    assert transport.written == b"bye"

    line.connection_lost(None)
    with pytest.raises(Gone):
        await perform(steps(), line)
    assert closed == [True, True]


def test_who_is_local():
    class Peer:
        family = socket.AF_INET

        def __init__(self, address):
            self.address = address

        def getpeername(self):
            if self.address is None:
                raise OSError("gone")
            return (self.address, 1)

    assert [is_local(Peer(a)) for a in ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1")] == [True] * 4
    assert [
        is_local(Peer(a)) for a in ("10.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0", "0.0.0.0", "x", None)
    ] == [False] * 6
