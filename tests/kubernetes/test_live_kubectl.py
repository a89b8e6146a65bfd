"""The real kubectl through the gateway, before the fake cluster."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.kubernetes.stage import staged
from tests.testbed.cluster.server import TOKEN
from tests.testbed.kubectl import end
from tests.testbed.processes import PATIENCE_SECONDS

pytestmark = pytest.mark.live

DEPLOYMENT = {
    "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop", "namespace": "default"},
    "spec": {
        "replicas": 1, "selector": {"matchLabels": {"app": "shop"}},
        "template": {
            "metadata": {"labels": {"app": "shop"}},
            "spec": {"containers": [{"name": "shop", "image": "registry.example/shop:1"}]},
        },
    },
}  # fmt: skip


async def test_get_shows_tables_and_objects(tmp_path):
    async with staged(tmp_path) as stage:
        kubectl = stage.kubectl()
        done = await kubectl("get", "pods")
        assert (done.status, done.err) == (0, "")
        assert done.out.split()[:3] == ["NAME", "STATUS", "AGE"]
        assert "Running" in done.out
        whole = json.loads((await kubectl("get", "pod", "web", "-o", "json")).out)
        assert whole["spec"]["nodeName"] == "node-1"
        missing = await kubectl("get", "pod", "nobody")
        assert missing.status == 1
        assert 'pods "nobody" not found' in missing.err
        everywhere = await kubectl("get", "ns,nodes", "-A")
        assert "namespace/shop" in everywhere.out
        assert "node/node-1" in everywhere.out


async def test_describe(tmp_path):
    async with staged(tmp_path) as stage:
        done = await stage.kubectl()("describe", "pod", "web")
        assert done.status == 0, done.err
        assert "registry.example/web:1" in done.out


async def test_apply_creates_changes_and_delete_deletes(tmp_path):
    async with staged(tmp_path) as stage:
        kubectl = stage.kubectl()
        made = await kubectl("apply", "-f", "-", given=json.dumps(DEPLOYMENT).encode())
        assert (made.status, made.out) == (0, "deployment.apps/shop created\n"), made.err
        three = json.dumps(DEPLOYMENT).replace('"replicas": 1', '"replicas": 3').encode()
        changed = await kubectl("apply", "-f", "-", given=three)
        assert changed.out == "deployment.apps/shop configured\n", changed.err
        key = ("apps", "deployments", "default", "shop")
        assert stage.cluster.objects.get(key)["spec"]["replicas"] == 3
        forced = await kubectl("apply", "--server-side", "-f", "-", given=three)
        assert forced.out == "deployment.apps/shop serverside-applied\n", forced.err
        gone = await kubectl("delete", "deployment", "shop")
        assert gone.status == 0, gone.err
        assert key not in stage.cluster.objects.held
        judged = stage.journal("action.judged")
        assert {each["verdict"] for each in judged} == {"allow"}
        assert {"create", "patch", "delete", "get"} <= {each["form"] for each in judged}


async def test_a_watch_comes_as_it_happens(tmp_path):
    async with staged(tmp_path) as stage:
        child = await stage.kubectl().start("get", "configmaps", "--watch", "-o", "name")
        assert child.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                assert await child.stdout.readline() == b"configmap/settings\n"
                stage.cluster.add("configmaps", "later", data={})
                assert await child.stdout.readline() == b"configmap/later\n"
        finally:
            await end(child)


async def test_logs_follow(tmp_path):
    async with staged(tmp_path) as stage:
        child = await stage.kubectl().start("logs", "-f", "web")
        assert child.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                for number in range(3):
                    assert await child.stdout.readline() == f"line {number}\n".encode()
                stage.cluster.log("web", "later")
                assert await child.stdout.readline() == b"later\n"
        finally:
            await end(child)


async def test_what_policy_denies_is_told_by_kubectl_and_never_arrives(tmp_path):
    policies = [
        {
            "name": "agents", "who": {}, "where": {},
            "rules": [
                {"allow": {"effects": ["read"]}},
                {"deny": {"effects": ["destroy", "delete"]}, "message": "namespaces stay"},
            ],
        }
    ]  # fmt: skip
    async with staged(tmp_path, policies) as stage:
        done = await stage.kubectl()("delete", "namespace", "shop")
        assert done.status == 1
        assert "forbidden" in done.err
        assert "namespaces stay" in done.err
        assert not [each for each in stage.cluster.heard if each.method == "DELETE"]
        refused = [each for each in stage.journal("action.judged") if each["verdict"] == "deny"]
        assert [each["form"] for each in refused] == ["delete"]


async def test_the_gateways_own_login_is_shown_and_the_callers_token_is_not(tmp_path):
    async with staged(tmp_path) as stage:
        token = stage.token()
        assert (await stage.kubectl(token)("get", "pods")).status == 0
        for asked in stage.cluster.heard:
            assert asked.fields["authorization"] == f"Bearer {TOKEN}"
            assert token not in repr(asked)
        assert TOKEN not in repr(stage.journal())
        assert token not in repr(stage.journal())


async def test_somebody_unknown_is_told_to_log_in(tmp_path):
    async with staged(tmp_path) as stage:
        done = await stage.kubectl("not-a-token")("get", "pods")
        assert done.status == 1
        assert not stage.cluster.heard
        assert {each["protocol"] for each in stage.journal("session.refused")} == {"kubernetes"}
