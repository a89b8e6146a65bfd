"""An AutoGen agent whose code executor runs ssh, in an environment of its own, under `vedette run`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.testbed import processes, sshd
from tests.testbed.processes import LOOPBACK
from tests.testbed.ssh import Host, standing

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(sshd.program() is None, reason="no sshd: Debian's openssh-server is not installed"),
]
ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-agent" / "bin" / "python"
RULES = {
    "name": "hosts",
    "who": {"kinds": ["agent"], "groups": ["ai-agents"]},
    "rules": [{"allow": {"effects": ["read"]}}, {"deny": {"pack": "destructive-shell"}, "message": "nothing is removed"}],
}  # fmt: skip


@pytest.mark.skipif(not PYTHON.exists(), reason="make agents prepares .venv-agent")
async def test_a_code_executor_goes_through_the_gateway(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    listen = {"ssh": f"{LOOPBACK}:0", "web": f"{LOOPBACK}:{processes.free_port()}"}
    with sshd.serving(tmp_path / "sshd") as server:
        async with standing(tmp_path, [Host(server)], [RULES], gateway={"listen": listen}) as stand:
            words = [
                "run",
                "--config",
                str(tmp_path / "vedette.yaml"),
                "--as",
                "autogen",
                "--groups",
                "ai-agents",
            ]
            environ = {
                "PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8",
                "VEDETTE_KEEP": "file", "PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1",
            }  # fmt: skip
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "vedette", *words, "--", str(PYTHON),
                str(ROOT / "examples" / "autogen" / "hosts.py"), cwd=home, env=environ, stdout=-1, stderr=-1,
            )  # fmt: skip
            try:
                async with asyncio.timeout(240):
                    out, err = await child.communicate()
            finally:
                if child.returncode is None:
                    child.kill()
            said = out.decode()
            assert child.returncode == 0, said + err.decode()
            assert "on the bastion" in said
            assert "nothing is removed" in said
            assert "it ended with 126" in said
            assert "the gateway told me not to" in said.splitlines()[-1]
            opened = await stand.recorded("session.opened", 2)
            assert {(each["who"]["principal"], each["application"]) for each in opened} == {
                ("vedette#autogen", "certificate")
            }
            assert [each["verdict"] for each in stand.journal("action.judged")] == ["allow", "deny"]
