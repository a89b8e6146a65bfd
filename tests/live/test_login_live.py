"""Logging in at real servers, by every method and with every kind of trust."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from tests.testbed.postgres import Postgres
from vedette.credentials.secret import Secret
from vedette.identity.tls import upstream_context
from vedette.protocols.postgres import messages
from vedette.protocols.postgres.dial import Target, Upstream, dial, send_cancel
from vedette.protocols.postgres.login_upstream import Account, UpstreamRefused

pytestmark = pytest.mark.live


def target(server: Postgres, mode: str = "disable", **more) -> Target:
    ca = server.tls.root.certificate if server.tls and mode.startswith("verify") else None
    return Target(server.host, server.port, upstream_context(mode, ca, **more))


def account(server: Postgres, role: str, **more) -> Account:
    secret = server.roles[role].password
    return Account(role, "postgres", Secret(secret) if secret else None, **more)


async def ask(upstream: Upstream, text: str) -> list[bytes]:
    """The bodies of all rows."""
    await upstream.wire.send(messages.query(text))
    rows = []
    while True:
        head = await upstream.wire.exactly(5)
        body = await upstream.wire.exactly(int.from_bytes(head[1:], "big") - 4)
        assert head[:1] != b"E", body
        if head[:1] == b"D":
            rows.append(body)
        if head[:1] == b"Z":
            return rows


@pytest.mark.parametrize("role", ["by_trust", "by_password", "by_md5", "by_scram"])
@pytest.mark.parametrize("fixture", ["pg16", "pg18", "pg15_tls"])
async def test_every_method_without_tls(request, fixture, role):
    server = request.getfixturevalue(fixture)
    upstream = await dial(target(server), account(server, role), settings={"application_name": "vedette"})

    assert (await ask(upstream, "SELECT current_user"))[0].endswith(role.encode())
    assert upstream.parameters["client_encoding"] == "UTF8"
    assert upstream.parameters["application_name"] == "vedette"
    assert len(upstream.secret) == 4
    upstream.wire.close()


@pytest.mark.parametrize("role", ["by_trust", "by_password", "by_md5", "by_scram", "by_tls"])
@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
@pytest.mark.parametrize("auth", [True, False])
async def test_every_method_inside_tls(pg15_tls, role, mode, auth):
    method = pg15_tls.roles[role].method if auth else None
    # On this machine even an unverified server may ask for a clear password; see test_login_upstream.
    upstream = await dial(target(pg15_tls, mode), account(pg15_tls, role, auth=method))

    assert (await ask(upstream, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))[0].endswith(b"t")
    upstream.wire.close()


async def test_channel_binding_is_used_where_it_is_offered(pg15_tls):
    upstream = await dial(
        target(pg15_tls, "verify-full"), account(pg15_tls, "by_scram", channel_binding="require")
    )
    upstream.wire.close()

    with pytest.raises(UpstreamRefused) as no:
        await dial(target(pg15_tls), account(pg15_tls, "by_scram", channel_binding="require"))
    assert no.value.code == "upstream.method"


async def test_a_client_certificate(pg15_tls):
    pair = pg15_tls.tls.client
    there = target(
        pg15_tls,
        "verify-full",
        certificate=pair.certificate.read_bytes(),
        key=Secret(pair.key.read_bytes()),
    )
    upstream = await dial(there, account(pg15_tls, "by_cert", auth="certificate"))

    assert (await ask(upstream, "SELECT current_user"))[0].endswith(b"by_cert")
    upstream.wire.close()


async def test_a_server_that_nobody_vouches_for_is_refused(pg15_tls):
    context = upstream_context("verify-full", pg15_tls.tls.stranger.certificate)
    with pytest.raises(UpstreamRefused) as no:
        await dial(Target(pg15_tls.host, pg15_tls.port, context), account(pg15_tls, "by_scram"))
    assert no.value.code == "upstream.certificate"


async def test_a_server_without_tls_is_refused_where_tls_is_wanted(pg16):
    with pytest.raises(UpstreamRefused) as no:
        await dial(target(pg16, "require"), account(pg16, "by_scram"))
    assert no.value.code == "upstream.tls"


async def test_a_wrong_password_is_told_in_our_words(pg16):
    wrong = Account("by_scram", "postgres", Secret("not-it"))
    with pytest.raises(UpstreamRefused) as no:
        await dial(target(pg16), wrong)

    assert no.value.code == "upstream.credentials"
    assert "by_scram" not in no.value.reason
    assert "28P01" in no.value.detail


async def test_a_database_that_does_not_exist(pg16):
    with pytest.raises(UpstreamRefused) as no:
        await dial(target(pg16), Account("by_trust", "nowhere"))
    assert (no.value.code, no.value.sqlstate) == ("upstream.database", "3D000")


@pytest.mark.parametrize(("fixture", "version", "key"), [("pg16", 0x30000, 4), ("pg18", 0x30002, 32)])
async def test_protocol_3_2_where_the_server_speaks_it(request, fixture, version, key):
    server = request.getfixturevalue(fixture)
    upstream = await dial(target(server), account(server, "by_scram"), version=messages.PROTOCOL_3_2)

    assert (upstream.version, len(upstream.secret)) == (version, key)
    upstream.wire.close()


@pytest.mark.parametrize(
    ("fixture", "mode"), [("pg16", "disable"), ("pg18", "disable"), ("pg15_tls", "verify-full")]
)
async def test_a_cancel_reaches_the_session(request, fixture, mode):
    server = request.getfixturevalue(fixture)
    upstream = await dial(target(server, mode), account(server, "by_scram"), version=messages.PROTOCOL_3_2)
    await upstream.wire.send(messages.query("SELECT pg_sleep(600)"))
    asking = asyncio.create_task(read_error(upstream))
    while not asking.done():
        # A cancel that comes before the statement goes nowhere, so one may not be enough.
        await send_cancel(upstream.target, upstream.pid, upstream.secret)
        await asyncio.wait([asking], timeout=0.2)

    assert b"57014" in await asking
    upstream.wire.close()


async def read_error(upstream: Upstream) -> bytes:
    seen = b""
    while b"57014" not in seen:
        seen += await upstream.wire.some()
    return seen


async def test_nobody_there():
    with pytest.raises(UpstreamRefused) as no:
        await dial(Target("127.0.0.1", 1), Account("u", "d"))
    assert no.value.code == "upstream.unreachable"


def test_the_contexts_of_the_gateway_name_the_protocol():
    assert isinstance(upstream_context("require"), ssl.SSLContext)
