"""psql and psycopg with a client certificate in place of a password, through the whole gateway."""

from __future__ import annotations

import asyncio
import datetime
import os
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conformance.kits import until
from tests.live.gateways import Live, living
from tests.testbed.callers import CLIENT, SERVER, Signer, usage
from tests.testbed.certificates import Pair
from tests.testbed.gateway import RESOURCE
from vedette.protocols.postgres import messages as m

pytestmark = pytest.mark.live

DOMAIN = "example.org"
AGENT = f"spiffe://{DOMAIN}/agents/autogen"


def entries(root: Signer, *more: Mapping[str, Any]) -> dict[str, Any]:
    agents = {"ca": str(root.bundle()), "trust_domain": DOMAIN, "groups": ["ai-agents"]}
    return {"certificates": [agents, *more]}


def where(live: Live, pair: Pair | None = None, **more: str) -> dict[str, str]:
    found = {"host": "localhost", "port": str(live.port), "dbname": RESOURCE, "user": "agent"}
    found |= {"sslmode": "verify-full", "sslrootcert": str(live.folder / "vedette-data" / "tls" / "ca.pem")}
    if pair is not None:
        found |= {"sslcert": str(pair.certificate), "sslkey": str(pair.key)}
    return found | more


async def psql(live: Live, pair: Pair | None = None, **more: str) -> tuple[int, str, str]:
    """The distribution's psql: it never asks for a password (-w), and has none."""
    text = " ".join(f"{name}='{value}'" for name, value in where(live, pair, **more).items())
    child = await asyncio.create_subprocess_exec(
        "psql", "-XAtqw", "-d", text, "-c", "SELECT 'in'",
        env={"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(live.folder)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        out, err = await child.communicate()
    return child.returncode or 0, out.decode(), err.decode()


async def connected(live: Live, pair: Pair | None = None, **more: str) -> psycopg.AsyncConnection[Any]:
    return await psycopg.AsyncConnection.connect(**where(live, pair, **more), autocommit=True)


@pytest.fixture
def root(tmp_path: Path) -> Signer:
    return Signer.root(tmp_path / "callers")


async def test_an_svid_in_place_of_a_password(pg16, database, tmp_path, root):
    svid = root.issue("svid", uris=[AGENT], key_usage=usage(signs=True), purposes=[CLIENT, SERVER])
    async with living(pg16, database, tmp_path, identity=entries(root)) as live:
        assert await psql(live, svid) == (0, "in\n", "")
        for negotiation in ("postgres", "direct"):
            there = await connected(live, svid, sslnegotiation=negotiation)
            assert await (await there.execute("SELECT 1")).fetchone() == (1,)
            await there.close()
        callers = [event["who"] for event in live.journal("session.opened")]

    assert [caller["principal"] for caller in callers] == [f"spiffe://{DOMAIN}#{AGENT}"] * 3
    assert {(caller["kind"], *caller["groups"]) for caller in callers} == {("agent", "ai-agents")}
    assert all(caller["credential"].startswith("x509:") for caller in callers)


async def test_an_svid_from_below_an_intermediate_authority(pg16, database, tmp_path, root):
    svid = root.intermediate().issue("svid", uris=[AGENT])
    async with living(pg16, database, tmp_path, identity=entries(root)) as live:
        assert await psql(live, svid) == (0, "in\n", "")


async def test_plain_certificates_of_people_beside_svids(pg16, database, tmp_path, root):
    corp = Signer.root(tmp_path / "corp", "corp")
    people = {
        "ca": str(corp.bundle()), "name": "corp", "subject": "email",
        "groups_from": "organizational_unit", "kind": "person",
    }  # fmt: skip
    ada = corp.issue("ada", emails=["ada@example.com"], units=["dba"])
    async with living(pg16, database, tmp_path, identity=entries(root, people)) as live:
        assert (await psql(live, ada))[0] == 0
        (opened,) = live.journal("session.opened")
    who = opened["who"]
    assert (who["principal"], who["kind"], list(who["groups"]), who["email"]) == (
        "corp#ada@example.com", "person", ["dba"], "ada@example.com",
    )  # fmt: skip


async def test_certificates_that_tls_does_not_believe_end_there_on_record(pg16, database, tmp_path, root):
    stranger = Signer.root(tmp_path / "stranger")
    now = datetime.datetime.now(datetime.UTC)
    bad = [
        stranger.issue("forged", uris=[AGENT]),
        root.issue("late", uris=[AGENT], begins=now - datetime.timedelta(days=1)),
        root.issue("early", uris=[AGENT], begins=now + datetime.timedelta(days=1)),
        root.issue("server", uris=[AGENT], purposes=[SERVER]),
    ]
    async with living(pg16, database, tmp_path, identity=entries(root)) as live:
        for pair in bad:
            status, out, err = await psql(live, pair)
            assert (status, out) == (2, ""), err
        await until(lambda: len(live.journal("session.refused")) >= len(bad), "the records of the refusals")
        refused = live.journal("session.refused")
        assert live.journal("session.opened") == []
    assert [event["code"] for event in refused] == ["login.tls"] * len(bad)
    assert AGENT not in repr(refused)


async def test_certificates_that_speak_for_nobody_are_refused_in_words_and_on_record(
    pg16, database, tmp_path, root
):
    bad = [
        root.issue("plain", "robot"),
        root.issue("elsewhere", uris=["spiffe://example.com/agents/autogen"]),
        root.issue("two", uris=[AGENT, f"spiffe://{DOMAIN}/admin"]),
        root.issue("signer", uris=[AGENT], ca=True),
    ]
    async with living(pg16, database, tmp_path, identity=entries(root)) as live:
        for pair in bad:
            status, _, err = await psql(live, pair, user="postgres")
            assert status == 2
            assert "identity.certificate" in err
            assert "fe_sendauth" not in err  # never asked for a password
        await until(lambda: len(live.journal("session.refused")) >= len(bad), "the records of the refusals")
        refused = live.journal("session.refused")
        assert live.journal("session.opened") == []
    assert [(event["code"], event["claimed"]) for event in refused] == [
        ("identity.certificate", "postgres")
    ] * 4


async def test_tokens_and_keys_go_on_as_before(pg16, database, tmp_path, root):
    svid, nobody = root.issue("svid", uris=[AGENT]), root.issue("plain", "robot")
    async with living(pg16, database, tmp_path, identity=entries(root)) as live:
        token = live.token("agent-9")
        without = await connected(live, password=token)
        insisting = await connected(live, nobody, password=token, options="-c vedette.login=token")
        oauth = await psql(live, svid, options="-c vedette.login=certificate")
        missing = await psql(live, options="-c vedette.login=certificate")
        for each in (without, insisting):
            assert await (await each.execute("SELECT 1")).fetchone() == (1,)
            await each.close()
        names = [event["who"]["principal"] for event in live.journal("session.opened")]
    assert names == ["vedette#agent-9", "vedette#agent-9", f"spiffe://{DOMAIN}#{AGENT}"]
    assert oauth[0] == 0
    assert missing[0] == 2
    assert "login.certificate" in missing[2]


async def test_without_tls_a_certificate_is_nothing(pg16, database, tmp_path, root):
    svid = root.issue("svid", uris=[AGENT])
    async with living(pg16, database, tmp_path, identity=entries(root)) as live:
        status, _, err = await psql(live, svid, sslmode="disable")
    assert status == 2
    assert "password" in err


async def test_where_none_is_configured_a_certificate_is_not_even_asked_for(pg16, database, tmp_path, root):
    svid = root.issue("svid", uris=[AGENT])
    async with living(pg16, database, tmp_path) as live:
        status, _, err = await psql(live, svid)
    assert status == 2
    assert "password" in err


async def test_the_listeners_own_authority_makes_nobody_a_caller(pg16, database, tmp_path, root):
    """`gateway.tls.ca` is about who may open TLS at all; only identity.certificates gives a login."""
    listeners = Signer.root(tmp_path / "listeners", "listeners")
    shown = listeners.issue("shown", uris=[AGENT])
    gateway = {"tls": {"ca": str(listeners.bundle())}}
    async with living(pg16, database, tmp_path, identity=entries(root), gateway=gateway) as live:
        status, _, err = await psql(live, shown)
        assert status == 2
        assert "password" in err
        there = await connected(live, shown, password=live.token())
        await there.close()


async def test_a_new_authority_in_the_bundle_counts_without_a_restart_and_a_removed_one_no_more(
    pg16, database, tmp_path, root
):
    later = Signer.root(tmp_path / "later", "later")
    first, second = root.issue("first", uris=[AGENT]), later.issue("second", uris=[AGENT])
    async with living(pg16, database, tmp_path, identity=entries(root)) as live:
        assert (await psql(live, first))[0] == 0
        assert (await psql(live, second))[0] == 2
        (root.folder / "callers.pem").write_bytes(later.bundle().read_bytes())
        async with asyncio.timeout(60):
            while (await psql(live, second))[0]:
                pass  # each try takes its time
        status, _, err = await psql(live, first)
    assert status == 2
    assert "no password supplied" in err


async def test_a_certificate_withdrawn_ends_its_sessions_and_lets_nobody_in(pg16, database, tmp_path, root):
    lost, kept = root.issue("lost", uris=[AGENT]), root.issue("kept", uris=[f"spiffe://{DOMAIN}/agents/b"])
    identity = entries(root)
    identity["certificates"][0]["crl"] = str(root.withdraw())
    async with living(pg16, database, tmp_path, identity=identity) as live:
        there, beside = await connected(live, lost), await connected(live, kept)
        root.withdraw(lost)
        async with asyncio.timeout(60):
            with pytest.raises(psycopg.OperationalError) as ended:
                while True:
                    await there.execute("SELECT 1")
        status, _, err = await psql(live, lost)
        assert await (await beside.execute("SELECT 1")).fetchone() == (1,)
        await beside.close()
        await there.close()
    assert ended.value.sqlstate == "57P01"
    assert status == 2
    assert "identity.revoked" in err


def resumed(live: Live, context: ssl.SSLContext) -> tuple[bool, bytes]:
    """Whether a second connection takes the first one's TLS session up, and the first byte it is told."""
    session = None
    for _ in range(2):
        with (
            socket.create_connection(("localhost", live.port), timeout=30) as sock,
            context.wrap_socket(sock, server_hostname="localhost", session=session) as wrapped,
        ):
            wrapped.sendall(m.startup({"user": "agent", "database": RESOURCE}))
            told = wrapped.recv(9)
            session, again = wrapped.session, bool(wrapped.session_reused)
    return again, told


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_session_of_before_gives_no_login(pg16, database, tmp_path, root, version):
    """A resumed TLS session brings a certificate whose chain nobody has looked at again."""
    svid = root.issue("svid", uris=[AGENT])
    async with living(pg16, database, tmp_path, identity=entries(root)) as live:
        context = ssl.create_default_context(cafile=live.folder / "vedette-data" / "tls" / "ca.pem")
        context.load_cert_chain(svid.certificate, svid.key)
        context.set_alpn_protocols(["postgresql"])
        context.maximum_version = version
        again, told = await asyncio.to_thread(resumed, live, context)
    assert told == (b"R\0\0\0\x08\0\0\0\x03" if again else b"R\0\0\0\x08\0\0\0\0")
