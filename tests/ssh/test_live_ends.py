"""What ends an SSH session from outside: the commands that an administrator types, and the API."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import httpx2
import pytest

from tests.ssh.test_live_refusals import _there, caller
from tests.testbed import processes, sshd
from tests.testbed.ssh import HOST, Host, Stand, standing
from vedette.model import Kind

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(sshd.program() is None, reason="no sshd: Debian's openssh-server is not installed"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Sshd]:
    with sshd.serving(tmp_path_factory.mktemp("sshd") / "s") as found:
        yield found


@pytest.fixture
async def stand(server: sshd.Sshd, tmp_path: Path) -> AsyncIterator[Stand]:
    gateway = {
        "listen": {"ssh": "127.0.0.1:0", "web": f"127.0.0.1:{processes.free_port()}"},
        "admins": {"groups": ["ops"]},
    }
    async with standing(tmp_path, [Host(server)], gateway=gateway) as found:
        yield found


async def operator(stand: Stand, *words: str) -> Any:
    """A command of the gateway's own operator, as a process of its own."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "vedette", *words, "--json", "--config", str(stand.folder / "vedette.yaml"),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(processes.PATIENCE_SECONDS):
        out, err = await child.communicate()
    assert child.returncode == 0, (words, err.decode())
    return json.loads(out)


async def asked(stand: Stand, path: str, **body: Any) -> Any:
    token = stand.app.tokens.issue("olga", Kind.PERSON, ["ops"], 600.0, now=time.time()).text
    where = f"http://127.0.0.1:{stand.app.ports['web']}/api/v1{path}"
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, trust_env=False) as client:
        answer = await client.post(where, json=body)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


class Work:
    """A command under way at the host, and how it ends."""

    def __init__(self, connection: asyncssh.SSHClientConnection, process: Any) -> None:
        self.connection, self.process = connection, process

    @classmethod
    @contextlib.asynccontextmanager
    async def under_way(cls, stand: Stand, **login: Any) -> AsyncIterator[Work]:
        async with caller(stand, **login) as connection:
            # OpenSSH's server passes no signal on for root; a closed channel ends it there.
            process = await connection.create_process("echo $$; while sleep 0.1; do echo on; done")
            number = int(await process.stdout.readline())
            try:
                yield cls(connection, process)
                async with asyncio.timeout(processes.PATIENCE_SECONDS):
                    while _there(number):  # noqa: ASYNC110
                        await asyncio.sleep(0.01)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)

    async def ends(self, stand: Stand, code: str, reason: str) -> None:
        """The caller is told why, and the record says it all."""
        async with asyncio.timeout(processes.PATIENCE_SECONDS):
            done = await self.process.wait()
            await self.connection.wait_closed()
        assert code in str(done.stderr), done.stderr
        (closed,) = await stand.recorded("session.closed")
        assert closed["reason"].startswith(reason)
        (outcome,) = stand.journal("action.outcome")
        assert outcome["status"] == "cancelled"


async def refused(stand: Stand, **login: Any) -> str:
    """The code on record, once the same login no longer works."""
    with pytest.raises(asyncssh.Error):
        async with caller(stand, **login):
            pass
    return str((await stand.recorded("session.refused"))[-1]["code"])


def certificate(stand: Stand, key: Path) -> dict[str, Any]:
    return {"client_keys": [(str(key), f"{key}-cert.pub")], "password": None}


@pytest.mark.parametrize("shows", ["token", "certificate"])
async def test_vedette_block_ends_it_and_opens_no_other(stand: Stand, shows: str) -> None:
    login = {"password": stand.token()} if shows == "token" else certificate(stand, stand.certified())
    async with Work.under_way(stand, **login) as work:
        await operator(stand, "block", "vedette#agent-1", "--reason", "stolen")
        await work.ends(stand, "session.blocked", "blocked")
    assert await refused(stand, **login) == "identity.blocked"
    await operator(stand, "unblock", "vedette#agent-1")
    async with caller(stand, **login) as connection:
        assert (await connection.run("echo in")).stdout == "in\n"


async def test_vedette_sessions_kill_ends_it(stand: Stand) -> None:
    async with Work.under_way(stand) as work:
        (name,) = stand.app.live.sessions
        await operator(stand, "sessions", "kill", name, "--reason", "enough")
        await work.ends(stand, "session.killed", "killed")


@pytest.mark.parametrize("by", ["command", "API"])
async def test_a_revoked_token_ends_it(stand: Stand, by: str) -> None:
    made = await asked(stand, "/tokens", subject="bot", groups=["ai-agents"])
    async with Work.under_way(stand, password=made["token"]) as work:
        if by == "command":
            await operator(stand, "token", "revoke", made["id"])
        else:
            await asked(stand, f"/tokens/{made['id']}/revoke")
        await work.ends(stand, "session.revoked", "revoked")
    assert await refused(stand, password=made["token"]) == "identity.revoked"


async def test_a_certificate_ends_with_the_token_it_was_made_by(stand: Stand) -> None:
    made = await asked(stand, "/tokens", subject="bot", groups=["ai-agents"])
    key = sshd.keygen(stand.folder / "key")
    where = f"http://127.0.0.1:{stand.app.ports['web']}/api/v1/ssh/certificate"
    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.post(
            where, json={"public_key": key.with_suffix(".pub").read_text()},
            headers={"Authorization": f"Bearer {made['token']}"},
        )  # fmt: skip
    assert answer.status_code in (200, 201), answer.text
    await asyncio.to_thread(Path(f"{key}-cert.pub").write_text, answer.json()["certificate"] + "\n")
    login = certificate(stand, key)
    async with Work.under_way(stand, **login) as work:
        await asked(stand, f"/tokens/{made['id']}/revoke")
        await work.ends(stand, "session.revoked", "revoked")
    assert await refused(stand, **login) == "identity.revoked"


async def test_a_group_taken_away_ends_it(stand: Stand) -> None:
    made = await asked(stand, "/accounts", name="bot", groups=["ai-agents", "readers"], kind="agent")
    where = f"http://127.0.0.1:{stand.app.ports['web']}/oauth/token"
    form = {"grant_type": "client_credentials", "client_id": "bot", "client_secret": made["secret"]}
    async with httpx2.AsyncClient(trust_env=False) as client:
        token = (await client.post(where, data=form)).json()["access_token"]
    async with Work.under_way(stand, password=token) as work:
        await asked(stand, "/accounts/bot/groups", groups=["ai-agents"])
        await work.ends(stand, "session.revoked", "revoked")
    assert HOST in {each["resource"] for each in stand.journal("session.opened")}
