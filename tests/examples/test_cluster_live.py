"""An AutoGen agent whose code executor runs kubectl, in an environment of its own, under `vedette run`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.kits import until
from tests.kubernetes.stage import staged
from tests.testbed.kubectl import usable

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-agent" / "bin" / "python"
pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(bool(usable()), reason=usable() or "kubectl is there"),
]
RULES: dict[str, Any] = {
    "name": "clusters",
    "who": {"kinds": ["agent"], "groups": ["ai-agents"]},
    "rules": [
        {"allow": {"effects": ["read", "create", "write", "delete"]}},
        {"deny": {"pack": "destructive-kubernetes"}, "message": "namespaces stay"},
    ],
}


@pytest.mark.skipif(not PYTHON.exists(), reason="make agents prepares .venv-agent")
async def test_an_agent_deploys_looks_and_deletes_no_namespace(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    async with staged(tmp_path, [RULES]) as stage:
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
            "PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", "VEDETTE_KEEP": "file",
            "PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1",
        }  # fmt: skip
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "vedette", *words, "--", str(PYTHON),
            str(ROOT / "examples" / "autogen" / "cluster.py"), cwd=home, env=environ, stdout=-1, stderr=-1,
        )  # fmt: skip
        try:
            async with asyncio.timeout(240):
                out, err = await child.communicate()
        finally:
            if child.returncode is None:
                child.kill()
        said = out.decode()
        assert child.returncode == 0, said + err.decode()
        assert "deployment.apps/shop created" in said
        assert "replicas wanted: 2" in said
        assert "namespaces stay" in said
        assert "it ended with 1" in said
        assert "the gateway told me not to" in said.splitlines()[-1]
        assert stage.cluster.objects.get(("apps", "deployments", "default", "shop"))["spec"]["replicas"] == 2
        assert not [each for each in stage.cluster.heard if each.method == "DELETE"]
        await until(lambda: len(stage.journal("session.closed")) >= 3, "the sessions have ended")
        judged = stage.journal("action.judged")
        assert {each["who"]["principal"] for each in judged} == {"vedette#autogen"}
        assert [each["form"] for each in judged if each["verdict"] == "deny"] == ["delete"]
