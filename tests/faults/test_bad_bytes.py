"""Bad input at the door and inside a session: a clear error, a record, and nobody else notices."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator

import pytest

from tests.conformance.kits import ENGINES, Stage, staged, until
from tests.conformance.talk_postgres import LoginFailed, Talk
from vedette.protocols.postgres import messages as m


@contextlib.asynccontextmanager
async def standing(folder, **gateway) -> AsyncIterator[Stage]:
    """A gateway with a canary session in it, which has to be well to the end, whatever is done meanwhile."""
    async with staged(ENGINES["postgres"], folder, gateway=gateway) as stage:
        canary = await stage.caller("canary")
        try:
            assert await canary.act("read") == ""
            yield stage
            assert await canary.act("read") == "", "the canary is alive"
        finally:
            await canary.close()


def packet(body: bytes, version: int = m.PROTOCOL_3_0) -> bytes:
    return struct.pack("!II", 8 + len(body), version) + body


AT_THE_DOOR = {
    "garbage": b"\xde\xad\xbe\xef" * 64,
    "a web browser": b"GET / HTTP/1.1\r\nHost: db\r\n\r\n",
    "nothing but zeros": bytes(64),
    "a length of zero": struct.pack("!II", 0, m.PROTOCOL_3_0) + bytes(32),
    "a length below its own size": struct.pack("!II", 7, m.PROTOCOL_3_0) + bytes(32),
    "a length of four gigabytes": struct.pack("!II", 0xFFFFFFFF, m.PROTOCOL_3_0) + bytes(32),
    "a length over the cap": packet(b"user\0" + b"x" * 20_000 + b"\0\0"),
    "no parameters at all": packet(b""),
    "an empty list of parameters": packet(b"\0"),
    "a million parameters": packet(b"a\0b\0" * 1_000_000 + b"\0"),
    "two thousand parameters": packet(b"a\0b\0" * 2_000 + b"\0"),
    "no user": packet(b"database\0appdb\0\0"),
    "the user twice": packet(b"user\0one\0user\0two\0database\0appdb\0\0"),
    "a name without a value": packet(b"user\0"),
    "bytes behind the end": packet(b"user\0agent\0database\0appdb\0\0behind"),
    "a setting that is not for callers": packet(b"user\0agent\0database\0appdb\0session_replication_role\0replica\0\0"),
    "options that change a pinned setting": packet(b"user\0agent\0database\0appdb\0options\0-c client_encoding=SJIS\0\0"),
    "protocol 2": packet(b"user\0agent\0\0", 2 << 16),
    "protocol 4": packet(b"user\0agent\0\0", 4 << 16),
    "an encryption request thrice": struct.pack("!II", 8, m.GSSENC_REQUEST) * 3,
    "bytes stuffed in before TLS": struct.pack("!II", 8, m.SSL_REQUEST) + m.startup({"user": "agent", "database": "appdb"}),
    "a TLS record that is none": b"\x16\x03\x01\xff\xff" + b"\0" * 600,
    "a cancel with too long a key": m.cancel_request(1, b"x" * 9_000),
}  # fmt: skip


async def test_at_the_door(tmp_path):
    async with standing(tmp_path) as stage:
        for number, (what, data) in enumerate(AT_THE_DOOR.items()):
            talk = await Talk.dial(stage.app.ports["postgres"])
            talk.say(data)
            with contextlib.suppress(ConnectionError):
                async with asyncio.timeout(60):
                    said = await talk.reader.read()
                assert b"R\0\0\0\x08\0\0\0\0" not in said, f"{what}: nobody is let in"
            talk.hang_up()
            refused = (await stage.recorded("session.refused", number + 1))[-1]
            assert refused["code"].startswith(("login.", "startup.")), what
            assert refused["reason"], what


async def test_the_error_at_the_door_is_readable(tmp_path):
    async with standing(tmp_path) as stage:
        talk = await Talk.dial(stage.app.ports["postgres"])
        talk.say(packet(b"user\0one\0user\0two\0database\0appdb\0\0"))
        (error,) = (await talk.rest()).errors
        assert error["S"] == "FATAL"
        assert error["M"].startswith("vedette: ")
        assert error["D"].startswith("code startup.")
        await talk.close()


IN_A_SESSION = {
    "an unknown type": m.message(b"\x01", b"x"),
    "a length below four": b"Q\0\0\0\3",
    "a length that is negative": b"S\xff\xff\xff\xff",
    "a huge Sync": b"S\x3f\xff\xff\xff",
    "a statement without its end": m.message(b"Q", b"SELECT 1"),
    "bytes behind the statement's end": m.message(b"Q", b"SELECT 1\0DROP TABLE people\0"),
    "a Parse that is cut short": m.message(b"P", b"name\0SELECT 1"),
    "a Parse whose types lie": m.message(b"P", b"\0SELECT 1\0\xff\xff"),
    "a Bind whose values lie": m.message(b"B", b"\0\0\0\0\0\1\x7f\xff\xff\xff"),
    "a Bind of 65535 values that are not there": m.message(b"B", b"\0\0\0\0\xff\xff"),
    "an Execute of the wrong length": m.message(b"E", b"\0"),
    "a Describe of nothing": m.message(b"D", b"Z\0"),
    "COPY data without a COPY": m.message(b"d", b"1\t2\n"),
    "a password in mid-session": m.message(b"p", b"secret\0"),
    # Read as a message it has type 0 and claims some 9 KiB.
    "the start once more": m.startup({"user": "agent", "database": "appdb"}) + bytes(10_000),
    "garbage": b"\xff\xfe\xfd" * 100,
}


async def test_in_a_session(tmp_path):
    async with standing(tmp_path) as stage:
        for number, (what, data) in enumerate(IN_A_SESSION.items()):
            talk = await Talk.login(stage.app.ports["postgres"], stage.token())
            talk.say(data)
            said = await talk.rest()
            assert said.errors[-1]["C"] == "08P01", what
            assert said.errors[-1]["M"].startswith("vedette: "), what
            closed = (await stage.recorded("session.closed", number + 1))[-1]
            assert closed["reason"].startswith("protocol: "), what
            await talk.close()
        assert b"DROP TABLE people" not in stage.fake.heard


async def test_an_over_long_statement_is_refused_and_the_session_goes_on(tmp_path):
    async with standing(tmp_path, limits={"statement": "64KiB"}) as stage:
        talk = await Talk.login(stage.app.ports["postgres"], stage.token())
        said = await talk.query("SELECT '" + "long_mark" * 100_000 + "'")
        assert said.errors[0]["C"] == "54000"
        assert (await talk.query("SELECT 1")).rows == 1
        assert b"long_mark" not in stage.fake.heard
        denied = [e for e in stage.journal("action.judged") if e["verdict"] == "deny"]
        assert [e["code"] for e in denied] == ["protocol.oversize"]
        await talk.close()


async def test_a_caller_that_drips_is_sent_away(tmp_path):
    drips = (b"", b"\0", b"\0\0\0\x40\0\3\0\0user\0")
    async with standing(tmp_path, limits={"login_timeout": "1s"}) as stage:
        talks = [await Talk.dial(stage.app.ports["postgres"]) for _ in drips]
        for talk, drip in zip(talks, drips, strict=True):
            talk.say(drip)
        for talk in talks:
            said = await talk.rest()
            assert said.errors[0]["D"] == "code login.timeout"
            talk.hang_up()
        refused = await stage.recorded("session.refused", len(drips))
        assert {each["code"] for each in refused} == {"login.timeout"}


async def test_a_crowd_that_says_nothing_keeps_nobody_out(tmp_path):
    async with standing(tmp_path) as stage:
        silent = []
        for _ in range(100):
            sock = socket.socket()
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", stage.app.ports["postgres"]))
            silent.append(sock)
        caller = await stage.caller()
        assert await caller.act("read") == ""
        for sock in silent:
            sock.close()
        await caller.close()


async def test_a_caller_that_vanishes_while_held(tmp_path):
    async with standing(tmp_path) as stage:
        caller = await stage.caller()
        caller.begin("held")
        assert await caller.told()
        caller.hang_up()
        await stage.recorded("hold.withdrawn")
        (closed,) = await stage.recorded("session.closed")
        assert closed["reason"] == "caller: hung up"
        assert stage.kit.marks("held") not in stage.fake.heard
        async with asyncio.timeout(60):
            while await stage.app.desk.pending():
                pass


async def test_a_caller_that_vanishes_during_the_login(tmp_path):
    async with standing(tmp_path) as stage:
        port = stage.app.ports["postgres"]
        start = m.startup({"user": "agent", "database": "appdb"})
        for end in range(0, len(start), 7):
            talk = await Talk.dial(port)
            talk.say(start[:end])
            talk.hang_up()
        await until(lambda: len(stage.app.engine.sessions) == 1)


async def test_a_login_that_proves_nothing(tmp_path):
    async with standing(tmp_path) as stage:
        with pytest.raises(LoginFailed) as refused:
            await Talk.login(stage.app.ports["postgres"], "not-a-token")
        assert refused.value.fields["S"] == "FATAL"
        (record,) = await stage.recorded("session.refused")
        assert record["claimed"] == "agent"
        assert record["resource"] == "appdb"
