"""Who is asked sees what a held request would do, and nothing is done before they say so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.kubernetes.stage import Stage, staged
from tests.testbed.processes import PATIENCE_SECONDS
from vedette.model import Kind, Principal
from vedette.store.holds import HoldRow

pytestmark = pytest.mark.live

DBA = Principal("ada", Kind.PERSON, groups=frozenset({"ops"}))
POLICIES: list[dict[str, Any]] = [
    {
        "name": "agents",
        "rules": [
            {"allow": {"effects": ["read"]}},
            {
                "hold": {"effects": ["create", "write", "delete", "destroy"]},
                "approvers": {"groups": ["ops"]},
                "within": "5m",
            },
        ],
    }
]
ROOT = "apps", "deployments", "default", "shop"
SHOP: dict[str, Any] = {
    "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop", "namespace": "default"},
    "spec": {
        "replicas": 2, "selector": {"matchLabels": {"app": "shop"}},
        "template": {"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": []}},
    },
}  # fmt: skip


@asynccontextmanager
async def holding(folder: Path, policies: list[dict[str, Any]] = POLICIES) -> AsyncIterator[Stage]:
    async with staged(folder, policies) as stage:
        stage.cluster.objects.put(ROOT, SHOP)
        yield stage


async def asked(stage: Stage) -> HoldRow:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (held := await stage.app.desk.pending()):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    return held[0]


async def decided(
    stage: Stage, ask: Callable[[], Awaitable[Any]], *, approve: bool = True
) -> tuple[list[str], Any, list[str]]:
    """What was shown to people, what came of it, and what the cluster had heard until they decided."""
    under_way = asyncio.ensure_future(ask())
    try:
        row = await asked(stage)
        heard = [
            f"{each.method} {'dry' if 'dryRun' in each.query else ''}".strip() for each in stage.cluster.heard
        ]
        await stage.app.desk.decide(row.id, DBA, approve)
        async with asyncio.timeout(PATIENCE_SECONDS):
            return row.preview.splitlines(), await under_way, heard
    finally:
        under_way.cancel()


async def test_a_change_is_shown_as_the_servers_own_dry_run_says(tmp_path: Path) -> None:
    async with holding(tmp_path) as stage:
        kubectl = stage.kubectl()
        patch = ["patch", "deployment", "shop", "--type=merge", "-p", '{"spec":{"replicas":5}}']
        lines, done, heard = await decided(stage, lambda: kubectl(*patch))
        assert '-  "replicas": 2,' in lines
        assert '+  "replicas": 5,' in lines
        assert set(heard) <= {"GET", "PATCH dry"}
        assert done.status == 0, done.err
        assert stage.cluster.objects.get(ROOT)["spec"]["replicas"] == 5
        (opened,) = stage.journal("hold.opened")
        assert opened["preview"].splitlines() == lines


async def test_what_goes_with_a_deletion_is_shown(tmp_path: Path) -> None:
    async with holding(tmp_path) as stage:
        kubectl = stage.kubectl()
        lines, done, heard = await decided(
            stage, lambda: kubectl("delete", "deployment", "shop", "--wait=false"), approve=False
        )
        assert lines[0] == "would be gone: deployments.apps shop"
        assert set(heard) == {"GET"}
        assert done.status == 1
        assert "forbidden" in done.err
        assert stage.cluster.objects.get(ROOT)


async def test_a_secret_that_would_change_is_not_shown(tmp_path: Path) -> None:
    async with holding(tmp_path) as stage:
        key = "", "secrets", "default", "db"
        stage.cluster.objects.put(key, {"kind": "Secret", "apiVersion": "v1", "data": {"p": "aHVudGVyMg=="}})
        kubectl = stage.kubectl()
        patch = ["patch", "secret", "db", "--type=merge", "-p", json.dumps({"data": {"p": "aHVudGVyMw=="}})]
        lines, done, _ = await decided(stage, lambda: kubectl(*patch))
        assert done.status == 0, done.err
        text = "\n".join(lines)
        assert "aHVudGVy" not in text
        assert '"p": "[redacted] (changed)"' in text
        assert "aHVudGVy" not in json.dumps(stage.journal())


async def test_what_the_cluster_does_not_say_is_said(tmp_path: Path) -> None:
    async with holding(tmp_path) as stage:
        kubectl = stage.kubectl()
        body = json.dumps({**SHOP, "metadata": {"name": "shop", "namespace": "default"}}).encode()
        lines, done, _ = await decided(stage, lambda: kubectl("create", "-f", "-", given=body))
        assert lines == ['the cluster itself would refuse it: deployments "shop" already exists']
        assert done.status == 1
        assert "already exists" in done.err
