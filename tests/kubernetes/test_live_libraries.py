"""Python's clients of Kubernetes work through the gateway as they come."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import kr8s
import lightkube
import pytest
from kubernetes_asyncio import client as kubernetes
from kubernetes_asyncio import config
from kubernetes_asyncio import stream as streaming
from kubernetes_asyncio import watch as watching

from tests.kubernetes.stage import Stage, staged
from tests.testbed.cluster.streams import Streams
from tests.testbed.processes import PATIENCE_SECONDS
from vedette.client import kube

pytestmark = pytest.mark.live
REFUSING: list[dict[str, Any]] = [
    {
        "name": "agents",
        "rules": [
            {"allow": {"effects": ["read", "create", "delete", "execute"]}},
            {"deny": {"effects": ["destroy"]}, "message": "namespaces stay"},
        ],
    }
]


def kubeconfig(stage: Stage) -> Path:
    """As people have it, with a token."""
    document = json.loads(kube.config({"prod": stage.server}, ["/bin/true"], {}, str(stage.ca)))
    document["users"][0]["user"] = {"token": stage.token()}
    for context in document["contexts"]:
        context["context"]["namespace"] = "default"
    file = stage.folder / "kubeconfig"
    file.write_text(json.dumps(document))
    return file


async def test_kubernetes_asyncio(tmp_path: Path) -> None:
    async with staged(tmp_path, REFUSING) as stage:
        Streams(stage.cluster)
        await config.load_kube_config(str(kubeconfig(stage)))
        async with kubernetes.ApiClient() as api, asyncio.timeout(PATIENCE_SECONDS):
            core = kubernetes.CoreV1Api(api)
            assert [each.metadata.name for each in (await core.list_namespaced_pod("default")).items] == [
                "web"
            ]
            made = kubernetes.V1ConfigMap(metadata=kubernetes.V1ObjectMeta(name="made"), data={"a": "b"})
            assert (await core.create_namespaced_config_map("default", made)).data == {"a": "b"}
            with pytest.raises(kubernetes.ApiException) as refused:
                await core.delete_namespace("shop")
            assert refused.value.status == 403
            assert "namespaces stay" in json.loads(refused.value.body)["message"]
            watch = watching.Watch()
            async for event in watch.stream(core.list_namespaced_config_map, "default"):
                if event["object"].metadata.name == "made":
                    break
            await watch.close()
            assert "line 0" in await core.read_namespaced_pod_log("web", "default")
        async with streaming.WsApiClient() as streams, asyncio.timeout(PATIENCE_SECONDS):
            core = kubernetes.CoreV1Api(streams)
            said = await core.connect_get_namespaced_pod_exec(
                "web", "default", command=["echo", "hello"], stdout=True, stderr=True, stdin=False, tty=False
            )
            assert said == "hello\n"


async def test_lightkube(tmp_path: Path) -> None:
    from lightkube.models.meta_v1 import ObjectMeta
    from lightkube.resources.core_v1 import ConfigMap, Pod

    async with staged(tmp_path, REFUSING) as stage:
        found = lightkube.KubeConfig.from_file(kubeconfig(stage))
        client = lightkube.AsyncClient(found)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                assert [each.metadata.name async for each in client.list(Pod)] == ["web"]
                made = await client.create(ConfigMap(metadata=ObjectMeta(name="made"), data={"a": "b"}))
                assert made.data == {"a": "b"}
                await client.delete(ConfigMap, "made")
                lines = [line.strip() async for line in client.log("web")]
                assert lines[0] == "line 0"
                with pytest.raises(lightkube.ApiError) as refused:
                    await client.deletecollection(ConfigMap)
                assert refused.value.status.code == 403
        finally:
            await client.close()


async def test_kr8s(tmp_path: Path) -> None:
    from kr8s.asyncio import api as connect

    async with staged(tmp_path, REFUSING) as stage:
        async with asyncio.timeout(PATIENCE_SECONDS):
            api = await connect(kubeconfig=str(kubeconfig(stage)))
            pods = [each async for each in api.get("pods", namespace="default")]
            assert [each.name for each in pods] == ["web"]
            assert "line 0" in [line async for line in pods[0].logs()]
            (space,) = [each async for each in api.get("namespaces", "shop")]
            with pytest.raises(kr8s.ServerError, match="namespaces stay"):
                await space.delete()
