"""The gateway as the process that operators run (on uvloop), before the fake cluster: kubectl's verbs once each."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest
import yaml

from tests.kubernetes.test_live_streams import EFFECTS, rules, started
from tests.testbed import processes
from tests.testbed.cluster.server import cluster
from tests.testbed.cluster.streams import Streams
from tests.testbed.gateway import serving
from tests.testbed.kubectl import Kubectl
from tests.testbed.processes import LOOPBACK

pytestmark = pytest.mark.live


@contextlib.asynccontextmanager
async def running(folder, policies):
    """A gateway's process, the fake cluster behind it, and an agent's kubectl."""
    async with cluster(folder) as fake:
        listen = {name: f"{LOOPBACK}:{processes.free_port()}" for name in ("postgres", "web", "kubernetes")}
        document = {
            "gateway": {"listen": listen, "data": str(folder / "data")},
            "resources": {"prod": fake.section(folder)}, "policies": policies,
        }  # fmt: skip
        file = folder / "vedette.yaml"
        file.write_text(yaml.safe_dump(document, sort_keys=False))
        with contextlib.ExitStack() as stack:
            gateway = await asyncio.to_thread(stack.enter_context, serving(file))
            token = await asyncio.to_thread(gateway.token)
            server = f"https://{listen['kubernetes']}/clusters/prod"
            (ca,) = (gateway.data / "tls").glob("ca*.pem")
            yield fake, gateway, Kubectl.to(folder / "home", server, ca, {"token": token})
            await asyncio.to_thread(stack.close)


@pytest.mark.parametrize("websocket", [True, False], ids=["websocket", "spdy"])
async def test_kubectl_through_the_real_process(tmp_path, websocket):
    allow = {"allow": {"effects": list(EFFECTS)}}
    deny = {"deny": {"pack": "destructive-kubernetes"}}
    async with running(tmp_path, rules(allow, deny)) as (fake, gateway, kubectl):
        streams = Streams(fake, websocket=websocket)
        assert "web" in (await kubectl("get", "pods")).out
        assert "registry.example/web:1" in (await kubectl("describe", "pod", "web")).out
        settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new"}, "data": {"a": "b"}}
        made = await kubectl("apply", "-f", "-", given=json.dumps(settings).encode())
        assert made.out == "configmap/new created\n", made.err
        assert (await kubectl("delete", "configmap", "new")).status == 0
        refused = await kubectl("delete", "namespace", "shop")
        assert refused.status == 1
        assert "forbidden" in refused.err
        assert (await kubectl("exec", "web", "--", "echo", "hi")).out == "hi\n"
        given = b"x" * 500_000
        echoed = (await kubectl("exec", "-i", "web", "--", "cat", given=given)).out
        assert (len(echoed), set(echoed)) == (len(given), {"x"})
        (kubectl.folder / "note").write_text("a note")
        assert (await kubectl("cp", "note", "web:/tmp/note")).status == 0
        assert b"a note" in streams.container.files.values()
        async with started(kubectl, "logs", "-f", "web") as child:
            assert await child.stdout.readline() == b"line 0\n"
        async with started(kubectl, "port-forward", "web", ":8080") as child:
            port = int((await child.stdout.readline()).split(b":")[1].split()[0])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"HELLO"
            writer.close()
        assert "fault" not in gateway.log.read_text()
        assert "Error" not in gateway.log.read_text()
