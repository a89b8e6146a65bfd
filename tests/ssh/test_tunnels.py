"""Forwards are counted from the moment they are asked for until both their ends are over."""

from __future__ import annotations

import asyncio

import asyncssh
import pytest

from vedette.protocols.ssh.forwards import MAX_FORWARDS
from vedette.protocols.ssh.meter import Meter
from vedette.protocols.ssh.session import Session
from vedette.protocols.ssh.tunnel import Tunnel


async def test_forwards_that_wait_for_the_session_to_begin_count() -> None:
    session = Session(lambda: 0.0)
    waiting = [asyncio.create_task(session.forwards.to_place("db", 1)) for _ in range(MAX_FORWARDS)]
    await asyncio.sleep(0)
    with pytest.raises(asyncssh.ChannelOpenError, match="forwards are open"):
        await session.forwards.to_place("db", 1)
    session.end("over")
    for each in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(each, asyncssh.ChannelOpenError)
    assert session.forwards._open == 0


def test_a_tunnel_whose_lower_end_never_opens_is_over_with_its_session() -> None:
    ended: list[tuple[int, str]] = []
    tunnel = Tunnel(Meter((), {}), lambda up, down: None, lambda *came: ended.append(came))
    tunnel.up.connection_lost(None)
    assert ended == []
    tunnel.abandon()
    tunnel.abandon()
    assert ended == [(0, "")]
