"""The commands before the real gateway: processes of their own, with nothing but a login file."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.live.gateways import ALL, Live, living, policy
from tests.testbed.gateway import RESOURCE

pytestmark = pytest.mark.live

SCRIPT = """
import asyncio, asyncpg, os
async def main():
    mine = await asyncpg.connect(os.environ["DATABASE_URL"])
    print(await mine.fetchval("SELECT 'in'"), os.environ["VEDETTE_RUN"], os.environ["TRACEPARENT"])
    await mine.close()
asyncio.run(main())
"""


@dataclass
class Shell:
    """Runs commands as somebody on another machine: no settings, no data folder, a home of its own."""

    live: Live
    home: Path
    ca: str = ""
    more: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.live.app.ports['web']}"

    @property
    def environ(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"], "HOME": str(self.home), "COLUMNS": "200", "VEDETTE_KEEP": "file",
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "LC_ALL": "C.UTF-8",
        } | self.more  # fmt: skip

    async def start(self, *words: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "vedette", *words, cwd=self.home, env=self.environ,
            stdin=-1, stdout=-1, stderr=-1,
        )  # fmt: skip

    async def run(self, *words: str, text: str = "", code: int = 0) -> str:
        """Its standard output; standard error is in the message where the exit code is another."""
        child = await self.start(*words)
        async with asyncio.timeout(60):
            out, err = await child.communicate(text.encode())
        assert child.returncode == code, (words, out.decode(), err.decode())
        return out.decode() if code == 0 else err.decode()

    async def json(self, *words: str, text: str = "") -> Any:
        return json.loads(await self.run(*words, "--json", text=text))

    async def program(self, *words: str) -> str:
        """Another program's standard output, in the same environment."""
        child = await asyncio.create_subprocess_exec(
            *words, cwd=self.home, env=self.environ, stdout=-1, stderr=-1
        )
        async with asyncio.timeout(60):
            out, err = await child.communicate()
        assert child.returncode == 0, err.decode()
        return out.decode()

    async def operator(self, *words: str, text: str = "") -> str:
        """A command of the gateway's own operator."""
        return await self.run(*words, "--config", str(self.live.folder / "vedette.yaml"), text=text)

    @property
    def held(self) -> Path:
        return self.home / ".local" / "state" / "vedette" / "logins.json"


def there(path: Path) -> bool:
    return path.exists()


def shown(pid: bytes) -> bytes:
    """What others may get to see of a process."""
    return b"".join(Path(f"/proc/{int(pid)}/{name}").read_bytes() for name in ("environ", "cmdline"))


@contextlib.asynccontextmanager
async def shell(server: Any, database: str, folder: Path, **more: Any) -> AsyncIterator[Shell]:
    home = folder / "home"
    home.mkdir()
    async with living(server, database, folder, **more) as live:
        yield Shell(live, home)


async def test_a_token_that_is_held_is_used_by_every_command(pg16, database, tmp_path):
    async with shell(pg16, database, tmp_path) as here:
        token = here.live.token("autogen")
        said = await here.json("login", here.url, "--with-token", text=token + "\n")
        assert (said["subject"], said["kind"], said["kept"]) == ("autogen", "agent", "file")
        assert here.held.stat().st_mode & 0o777 == 0o600
        assert here.held.parent.stat().st_mode & 0o777 == 0o700
        assert (await here.json("whoami"))["subject"] == "autogen"
        (found,) = await here.json("resources")
        assert found["name"] == RESOURCE
        # The other commands know the way, too: here to a refusal, for an agent is no auditor.
        assert "not permitted" in await here.run("token", "list", code=4)
        assert (await here.json("logout"))[0]["gateway"] == here.url
        assert token not in here.held.read_text()
        assert "vedette login" in await here.run("whoami", code=4)


async def test_a_token_that_the_gateway_refuses_is_not_kept(pg16, database, tmp_path):
    async with shell(pg16, database, tmp_path) as here:
        said = await here.run("login", here.url, "--with-token", text="e30.e30.c2ln\n", code=4)
        assert "identity." in said
        assert not here.held.exists()
        await here.run("login", "http://gateway.example", "--with-token", text="x\n", code=2)
        await here.run("login", "http://127.0.0.1:9", "--with-token", text="x\n", code=3)


async def test_a_run(pg16, database, tmp_path):
    async with shell(pg16, database, tmp_path) as here:
        token = here.live.token("autogen")
        await here.run("login", here.url, "--with-token", "--as", "autogen", text=token)
        out = await here.run("run", "--as", "autogen", "--", sys.executable, "-c", SCRIPT)
        word, run, trace = out.split()
        assert word == "in"
        assert trace.split("-")[1] == run
        (opened,) = here.live.journal("session.opened")
        assert opened["application"] == f"autogen/{run}"
        assert opened["who"]["principal"].endswith("#autogen")
        assert not list((here.held.parent / "runs").iterdir())


async def test_psql_is_run_and_its_status_passed_on(pg16, pg15_tls, database, tmp_path):
    async with shell(pg16, database, tmp_path) as here:
        await here.run("login", here.url, "--with-token", text=here.live.token())
        psql = str(pg15_tls.bin / "psql")
        for way in (["run", "--"], ["connect", RESOURCE, "--exec", "--"]):
            assert await here.run(*way, psql, "-XAtqwc", "SELECT 'in'") == "in\n"
            await here.run(*way, psql, "-Xwv", "ON_ERROR_STOP=1", "-c", "SELECT 1/0", code=1)
            assert "cannot be started" in await here.run(*way, "/no/such/program", code=2)


async def test_a_signal_to_a_run_is_for_its_program_and_nothing_is_left(pg16, database, tmp_path):
    async with shell(pg16, database, tmp_path) as here:
        await here.run("login", here.url, "--with-token", text=here.live.token())
        program = (
            "import os, signal, sys\n"
            "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
            "print(os.getpid(), os.environ['PGPASSFILE'], flush=True)\n"
            "signal.pause()\n"
        )
        child = await here.start("run", "--", sys.executable, "-c", program)
        assert child.stdout is not None
        passwords = Path((await child.stdout.readline()).decode().split()[1])
        assert there(passwords)
        child.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            await child.communicate()
        assert child.returncode == 7
        assert not there(passwords.parent)
        # Killed without a chance to clean up; the next run does it.
        child = await here.start("run", "--", sys.executable, "-c", program)
        assert child.stdout is not None
        orphan, name = (await child.stdout.readline()).decode().split()
        passwords = Path(name)
        child.kill()
        os.kill(int(orphan), signal.SIGKILL)
        await child.communicate()
        assert there(passwords)
        await here.run("run", "--", "true")
        assert not there(passwords.parent)


async def test_a_port_until_it_is_ended(pg16, database, tmp_path):
    async with shell(pg16, database, tmp_path) as here:
        await here.run("login", here.url, "--with-token", text=here.live.token())
        child = await here.start("connect", RESOURCE)
        assert child.stdout is not None
        dsn = (await child.stdout.readline()).decode().strip()
        assert here.live.token() not in dsn
        mine = await asyncpg.connect(dsn)
        assert await mine.fetchval("SELECT 'in'") == "in"
        await mine.close()
        child.send_signal(signal.SIGINT)
        async with asyncio.timeout(30):
            await child.communicate()
        assert child.returncode == 0
        with pytest.raises(OSError):
            await asyncpg.connect(dsn)
        assert "no resource" in await here.run("connect", "another", code=1)


async def test_variables_for_a_shell(pg16, pg15_tls, database, tmp_path):
    async with shell(pg16, database, tmp_path) as here:
        token = here.live.token()
        await here.run("login", here.url, "--with-token", text=token)
        said = await here.run("env", RESOURCE)
        assert token not in said
        script = f"{said}\n{pg15_tls.bin}/psql -XAtqwc \"SELECT current_setting('is_superuser')\""
        child = await asyncio.create_subprocess_exec("sh", "-c", script, env=here.environ, stdout=-1)
        assert (await child.communicate())[0] == b"on\n"


async def test_the_operator_lends_a_token_for_a_run_and_takes_it_back(pg16, database, tmp_path):
    rules = [policy({"allow": {"effects": ALL}}, who={"groups": ["ai-agents"]})]
    async with shell(pg16, database, tmp_path, policies=rules) as here:
        config = ["--config", str(here.live.folder / "vedette.yaml")]
        words = ["run", *config, "--as", "autogen", "--groups", "ai-agents", "--ttl", "10m", "--"]
        assert (await here.run(*words, sys.executable, "-c", SCRIPT)).startswith("in ")
        (opened,) = here.live.journal("session.opened")
        assert (opened["who"]["principal"].partition("#")[2], opened["who"]["kind"]) == ("autogen", "agent")
        assert opened["who"]["actor"].startswith("local:")
        (issued,) = here.live.journal("token.issued")
        (revoked,) = here.live.journal("token.revoked")
        assert issued["token"] == revoked["token"]
        lent = await here.json("delegate", *config, "--agent", "autogen", "--groups", "ai-agents")
        assert lent["agent"] == "autogen"
        assert lent["token"].count(".") == 2


async def test_secrets_are_in_nobodys_arguments_or_variables(pg16, database, tmp_path):
    async with shell(pg16, database, tmp_path) as here:
        token = here.live.token()
        await here.run("login", here.url, "--with-token", text=token)
        program = "import os, sys; print(os.getpid(), os.getppid(), flush=True); sys.stdin.read()"
        child = await here.start("run", "--", sys.executable, "-c", program)
        assert child.stdout is not None
        pids = (await child.stdout.readline()).split()
        seen = b"".join(map(shown, pids))
        assert b"PGPASSFILE" in seen
        assert token.encode() not in seen
        await child.communicate(b"")
