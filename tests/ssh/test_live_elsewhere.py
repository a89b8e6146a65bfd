"""Forwards that would lead past the gateway to what it guards: they lead to that resource's own engine."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from tests.testbed import processes, sshd
from tests.testbed.gateway import RESOURCE, Upstream
from tests.testbed.processes import LOOPBACK
from tests.testbed.ssh import Host, Stand, standing

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(sshd.program() is None, reason="no sshd: Debian's openssh-server is not installed"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Sshd]:
    with sshd.serving(tmp_path_factory.mktemp("sshd") / "s") as found:
        yield found


def policy(
    *rules: dict[str, Any], name: str = "hosts", where: dict[str, Any] | None = None
) -> dict[str, Any]:
    allow = {"allow": {"effects": ["read"]}}
    return {"name": name, "who": {}, "where": where or {}, "rules": [allow, *rules]}


def to(port: int, host: str = LOOPBACK) -> dict[str, Any]:
    return {"allow": {"effects": ["export"], "objects": [f"host:{host}:{port}"]}}


async def psql(port: int, password: str, text: str) -> tuple[int, str, str]:
    child = await asyncio.create_subprocess_exec(
        "psql", "-XAtq", "-h", LOOPBACK, "-p", str(port), "-U", "agent", "-d", RESOURCE, "-c", text,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C", "PGPASSWORD": password, "PGSSLMODE": "disable"},
        stdout=-1, stderr=-1,
    )  # fmt: skip
    async with asyncio.timeout(60):
        out, err = await child.communicate()
    return child.returncode or 0, out.decode(), err.decode()


@contextlib.asynccontextmanager
async def forwarding(stand: Stand, port: int, place: str, *words: str) -> AsyncIterator[int]:
    """`ssh -L` in the background: the port of this machine that leads to *place*."""
    local = processes.free_port()
    found = stand.words(key=stand.certified(), options=["ExitOnForwardFailure=yes"])
    child = await asyncio.create_subprocess_exec(
        found[0], "-N", "-L", f"{LOOPBACK}:{local}:{place}:{port}", *words, *found[1:],
        stdin=asyncio.subprocess.DEVNULL, stdout=-1, stderr=-1,
    )  # fmt: skip
    try:
        async with asyncio.timeout(processes.PATIENCE_SECONDS):
            while not processes.listening(local):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        yield local
    finally:
        child.kill()
        await child.wait()


@pytest.mark.parametrize("place", [LOOPBACK, "2130706433", "::ffff:127.0.0.1", RESOURCE])
async def test_a_forward_to_a_database_meets_its_engine(
    server: sshd.Sshd, pg16: Any, database: str, tmp_path: Path, place: str
) -> None:
    pg16.run(
        "CREATE TABLE people (id int, email text); INSERT INTO people VALUES (1, 'ada@mail.example'); "
        "GRANT SELECT ON people TO PUBLIC",
        database,
    )
    rules = [
        policy(to(pg16.port), to(pg16.port, RESOURCE), where={"resources": ["bastion"]}),
        policy({"mask": {"entities": ["email"]}}, name="data", where={"resources": [RESOURCE]}),
    ]
    listen = {"ssh": f"{LOOPBACK}:0", "postgres": f"{LOOPBACK}:0"}
    hosts = [Host(server), Upstream(pg16, database)]
    async with standing(tmp_path, hosts, rules, gateway={"listen": listen}) as stand:
        wanted = f"[{place}]" if ":" in place else place
        async with forwarding(stand, pg16.port, wanted) as port:
            status, out, err = await psql(port, stand.token("ada"), "SELECT email FROM people")
            assert (status, "ada@mail" in out) == (0, False), err
            status, _, err = await psql(port, stand.token("ada"), "DROP TABLE people")
            assert "no rule permits" in err
            # What opens the database itself opens nothing here.
            status, _, err = await psql(port, pg16.roles["by_scram"].password, "SELECT 1")
            assert status == 2
        opened = stand.journal("session.opened")
        assert {(each["protocol"], each["who"]["principal"]) for each in opened} == {
            ("ssh", "vedette#agent-1"), ("postgres", "vedette#ada"),
        }  # fmt: skip
        forward = next(each for each in stand.journal("action.judged") if each["form"] == "forward")
        assert ["resource", RESOURCE] in [list(pair) for pair in forward["state"]]
    assert pg16.run("SELECT count(*) FROM people", database) == "1"


async def test_a_forward_is_judged_before_it_leads_anywhere(
    server: sshd.Sshd, pg16: Any, database: str, tmp_path: Path
) -> None:
    listen = {"ssh": f"{LOOPBACK}:0", "postgres": f"{LOOPBACK}:0"}
    hosts = [Host(server), Upstream(pg16, database)]
    async with standing(tmp_path, hosts, [policy()], gateway={"listen": listen}) as stand:
        async with forwarding(stand, pg16.port, LOOPBACK) as port:
            assert (await psql(port, stand.token(), "SELECT 1"))[0] == 2
        assert [each["protocol"] for each in stand.journal("session.opened")] == ["ssh"]


async def test_where_its_door_is_closed_there_is_no_way(
    server: sshd.Sshd, pg16: Any, database: str, tmp_path: Path
) -> None:
    hosts = [Host(server), Upstream(pg16, database)]
    async with standing(tmp_path, hosts, [policy(to(pg16.port))]) as stand:
        made = await asyncssh.connect(
            LOOPBACK, stand.port, config=None, username="bastion", password=stand.token(), known_hosts=None,
            client_keys=None, agent_path=None,
        )  # fmt: skip
        async with made:
            with pytest.raises(asyncssh.ChannelOpenError, match=r"forward\.resource"):
                await made.open_connection(LOOPBACK, pg16.port)


@pytest.mark.parametrize("user", ["{login}", "inner", "{login}%inner"])
async def test_a_jump_to_another_host_of_ours_meets_the_gateway_again(
    server: sshd.Sshd, tmp_path: Path, user: str
) -> None:
    with sshd.serving(tmp_path / "inner") as inner:
        rules = [
            policy(to(inner.port), where={"resources": ["bastion"]}),
            policy(name="inner", where={"resources": ["inner"]}),
        ]
        async with standing(tmp_path, [Host(server), Host(inner, name="inner")], rules) as stand:
            key = stand.certified()
            known = stand.folder / "known"
            known.write_text(
                f"[{LOOPBACK}]:{stand.port} {stand.host_line}\n[{LOOPBACK}]:{inner.port} {stand.host_line}\n"
            )
            config = stand.folder / "config"
            config.write_text(
                f"Host *\n  UserKnownHostsFile {known}\n  GlobalKnownHostsFile none\n  StrictHostKeyChecking yes\n"
                f"  IdentityFile {key}\n  CertificateFile {key}-cert.pub\n  IdentitiesOnly yes\n  IdentityAgent none\n"
                f"  BatchMode yes\n  LogLevel ERROR\n  HostName {LOOPBACK}\n"
                f"Host jump\n  Port {stand.port}\n  User bastion\nHost inner\n  Port {inner.port}\n"
            )  # fmt: skip
            words = ["ssh", "-F", str(config), "-J", "jump", "-l", user.format(login=inner.user), "inner"]
            done = await asyncio.to_thread(sshd.run, [*words, "echo inside"])
            assert done.stdout == b"inside\n", done.stderr
            refused = await asyncio.to_thread(sshd.run, [*words, "rm -rf /nowhere/x"])
            assert refused.returncode == 126
            assert b"policy." in refused.stderr
            opened = stand.journal("session.opened")
            assert {each["resource"] for each in opened} == {"bastion", "inner"}
            assert all(each["address"].startswith(LOOPBACK) for each in opened)


async def test_a_jump_opens_no_other_resource(server: sshd.Sshd, tmp_path: Path) -> None:
    """Whoever is led to one host's door cannot ask for another there."""
    with sshd.serving(tmp_path / "inner") as inner:
        rules = [policy(to(inner.port))]
        async with standing(tmp_path, [Host(server), Host(inner, name="inner")], rules) as stand:
            made = await asyncssh.connect(
                LOOPBACK, stand.port, config=None, username="bastion", password=stand.token(), known_hosts=None,
                client_keys=None, agent_path=None,
            )  # fmt: skip
            async with made:
                with pytest.raises((asyncssh.PermissionDenied, asyncssh.ConnectionLost)):
                    await made.connect_ssh(
                        LOOPBACK, inner.port, config=None, username="bastion", password=stand.token(),
                        known_hosts=None, client_keys=None, agent_path=None,
                    )  # fmt: skip
            assert [each["resource"] for each in stand.journal("session.opened")] == ["bastion"]
