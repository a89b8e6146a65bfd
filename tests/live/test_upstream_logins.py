"""How the gateway logs in upstream: every method, TLS in its forms, and where credentials come from."""

from __future__ import annotations

import base64
from typing import Any

import asyncpg
import pytest

from tests.live.gateways import Live, living, policy
from tests.testbed.gateway import Upstream, hosted, write
from tests.testbed.postgres import Postgres

pytestmark = pytest.mark.live

READ = policy({"allow": {"effects": ["read"]}})
WHO = "SELECT current_user::text"


async def ask(app: Any, text: str, server: Postgres, database: str, folder: Any) -> Any:
    connection = await asyncpg.connect(**Live(app, server, database, folder).keywords())
    try:
        return await connection.fetchval(text)
    finally:
        await connection.close()


@pytest.mark.parametrize("role", ["by_trust", "by_password", "by_md5", "by_scram"])
async def test_each_method_of_authentication(pg16, database, tmp_path, role):
    async with living(pg16, database, tmp_path, role=role) as live:
        assert await ask(live.app, WHO, pg16, database, tmp_path) == role


async def test_a_method_that_is_not_the_one_agreed_is_refused(pg16, database, tmp_path):
    """A server that asks for a password in clear where SCRAM is agreed gets nothing."""
    upstream = Upstream(pg16, database, "by_password")
    section = upstream.section(tmp_path)["login"] | {"auth": "scram-sha-256"}
    strict = Upstream(pg16, database, "by_password", more={"login": section})
    async with hosted(write(tmp_path, [strict], [READ])) as app:
        with pytest.raises(asyncpg.PostgresError, match="vedette") as refused:
            await ask(app, WHO, pg16, database, tmp_path)
        assert "clear-Pa55" not in str(refused.value)


@pytest.fixture
def secure(pg15_tls: Postgres) -> Any:
    """A database on the server with TLS, by the name that is in its certificate."""
    name = pg15_tls.fresh()
    yield name
    pg15_tls.drop(name)


@pytest.mark.parametrize(
    ("role", "tls", "binding"),
    [
        ("by_tls", "require", "prefer"),
        ("by_tls", "verify-ca", "disable"),
        ("by_tls", "verify-full", "require"),
        ("by_cert", "verify-full", "prefer"),
    ],
)
async def test_tls_upstream(pg15_tls, secure, tmp_path, role, tls, binding):
    """verify-full with SCRAM-SHA-256-PLUS bound to the channel, and with a client certificate."""
    made = Upstream(pg15_tls, secure, role, tls=tls).section(tmp_path)
    made["upstream"]["host"] = "localhost"
    made["login"]["channel_binding"] = binding
    upstream = Upstream(
        pg15_tls, secure, role, tls=tls, more={"upstream": made["upstream"], "login": made["login"]}
    )
    async with hosted(write(tmp_path, [upstream], [READ])) as app:
        seen = "SELECT current_user || ' ' || ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        assert await ask(app, seen, pg15_tls, secure, tmp_path) == f"{role} true"


async def test_an_upstream_whose_certificate_names_another_is_not_spoken_to(pg15_tls, secure, tmp_path):
    authority = pg15_tls.tls
    made = Upstream(pg15_tls, secure, "by_tls", tls="verify-full").section(tmp_path)
    made["upstream"]["ca"] = str(authority.stranger.certificate)
    upstream = Upstream(pg15_tls, secure, "by_tls", more={"upstream": made["upstream"]})
    async with hosted(write(tmp_path, [upstream], [READ])) as app:
        with pytest.raises(asyncpg.PostgresError, match="vedette"):
            await ask(app, WHO, pg15_tls, secure, tmp_path)


async def test_a_credential_from_the_environment(pg16, database, tmp_path, monkeypatch):
    role = pg16.roles["by_scram"]
    monkeypatch.setenv("APPDB_PASSWORD", role.password)
    login = {"user": role.name, "password": {"env": "APPDB_PASSWORD"}}
    upstream = Upstream(pg16, database, more={"login": login})
    async with hosted(write(tmp_path, [upstream], [READ])) as app:
        assert await ask(app, WHO, pg16, database, tmp_path) == "by_scram"


async def test_the_credential_is_in_no_byte_that_the_caller_or_the_journal_sees(
    pg16, database, tmp_path, tap
):
    secret = pg16.roles["by_scram"].password.encode()
    async with living(pg16, database, tmp_path, role="by_scram") as live:
        wire = tap("127.0.0.1", live.port)
        there = await asyncpg.connect(**live.keywords() | {"port": wire.port})
        with pytest.raises(asyncpg.PostgresError):
            await there.fetch("SELECT * FROM nowhere")
        await there.close()
        heard = wire.down
    kept = b"".join(file.read_bytes() for file in (tmp_path / "vedette-data").rglob("*") if file.is_file())
    assert heard
    for form in (secret, secret.hex().encode(), base64.b64encode(secret)):
        assert form not in heard
        assert form not in kept
