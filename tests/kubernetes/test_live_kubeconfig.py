"""`vedette kubeconfig`: what it writes leads real kubectl to the gateway, with a token it asks for each time."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest
import yaml

from tests.kubernetes.stage import staged
from tests.testbed.kubectl import Kubectl
from tests.testbed.processes import PATIENCE_SECONDS

pytestmark = pytest.mark.live


async def test_kubectl_by_the_configuration_that_vedette_writes(tmp_path):
    async with staged(tmp_path) as stage:
        home = tmp_path / "agent"
        home.mkdir()
        (home / "token").write_text(stage.token())
        (home / "token").chmod(0o600)
        kubectl = Kubectl(home)
        environment = kubectl.environment() | {
            "VEDETTE_TOKEN_FILE": str(home / "token"), "VEDETTE_CA": str(stage.ca),
            "VEDETTE_URL": f"http://127.0.0.1:{stage.app.ports['web']}", "PYTHONPATH": ":".join(filter(None, sys.path)),
        }  # fmt: skip
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "vedette", "kubeconfig", "--output", str(home / "config"),
            env=environment, cwd=home, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        async with asyncio.timeout(PATIENCE_SECONDS):
            said, _ = await child.communicate()
        assert child.returncode == 0, said
        text = (home / "config").read_text()
        written = yaml.safe_load(text)
        (cluster,) = written["clusters"]
        assert (
            cluster["cluster"]["server"] == f"https://127.0.0.1:{stage.app.ports['kubernetes']}/clusters/prod"
        )
        assert (home / "token").read_text() not in text
        assert json.loads(text)["current-context"] == "prod"
        done = await kubectl("get", "pods", "-o", "name")
        assert (done.status, done.out) == (0, "pod/web\n"), done.err
        (opened,) = stage.journal("session.opened")[-1:]
        assert opened["who"]["principal"] == "vedette#agent-1"
