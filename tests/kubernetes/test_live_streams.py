"""kubectl exec, attach, cp, port-forward and debug through the gateway."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import re
from contextlib import asynccontextmanager

import pytest

from tests.conformance.kits import until
from tests.kubernetes.stage import staged
from tests.testbed.cluster.streams import Streams
from tests.testbed.kubectl import end
from tests.testbed.processes import PATIENCE_SECONDS

pytestmark = pytest.mark.live

EFFECTS = ("read", "write", "delete", "destroy", "create", "alter", "grant", "execute", "export", "configure")
ALLOW = {"allow": {"effects": list(EFFECTS)}}
WAYS = pytest.mark.parametrize("websocket", [True, False], ids=["websocket", "spdy"])


def rules(*found):
    return [{"name": "agents", "who": {}, "where": {}, "rules": list(found)}]


async def outcomes(stage, form, count=1):
    """What came of the actions of that form, once so many have ended."""

    def found():
        ids = {each["action"] for each in stage.journal("action.judged") if each["form"] == form}
        return [each for each in stage.journal("action.outcome") if each["action"] in ids]

    await until(lambda: len(found()) >= count, f"{count} outcomes of {form}")
    return [(each.get("status", "ok"), each.get("tag", "")) for each in found()]


@asynccontextmanager
async def started(kubectl, *words, **more):
    """A kubectl that runs until this is left."""
    child = await kubectl.start(*words, **more)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            yield child
    finally:
        await end(child)


@WAYS
async def test_exec(tmp_path, websocket):
    async with staged(tmp_path) as stage:
        streams = Streams(stage.cluster, websocket=websocket)
        kubectl = stage.kubectl()
        done = await kubectl("exec", "web", "--", "cat", "/etc/motd")
        assert (done.status, done.out) == (0, "welcome\n"), done.err
        wrong = await kubectl("exec", "web", "--", "cat", "/nowhere")
        assert wrong.status == 1
        assert "No such file" in wrong.err
        assert streams.container.ran == [("cat", "/etc/motd"), ("cat", "/nowhere")]
        ended = [each for each in await outcomes(stage, "exec", 2 if websocket else 4) if "exit" in each[1]]
        assert ended == [("ok", "exit 0"), ("error", "exit 1")]


@WAYS
async def test_exec_with_input(tmp_path, websocket):
    async with staged(tmp_path) as stage:
        Streams(stage.cluster, websocket=websocket)
        given = b"0123456789" * 30_000
        done = await stage.kubectl()("exec", "-i", "web", "--", "cat", given=given)
        assert done.status == 0, done.err
        assert done.out.encode() == given


@WAYS
async def test_what_exec_shows_is_recorded(tmp_path, websocket):
    async with staged(tmp_path) as stage:
        Streams(stage.cluster, websocket=websocket)
        assert (await stage.kubectl()("exec", "web", "--", "echo", "on", "tape")).status == 0
        await until(lambda: bool(stage.journal("recording.sealed")), "a seal")
        (opened,) = stage.journal("recording.opened")
        assert opened["form"] == "output"
        (file,) = (stage.app.folder.path / "recordings").glob("*.cast")
        assert "on tape" in file.read_text()


@WAYS
async def test_a_command_is_judged_before_it_starts(tmp_path, websocket):
    deny = {"deny": {"effects": ["read"], "objects": ["file:/etc/*"]}, "message": "not those files"}
    async with staged(tmp_path, rules(ALLOW, deny)) as stage:
        streams = Streams(stage.cluster, websocket=websocket)
        kubectl = stage.kubectl()
        done = await kubectl("exec", "web", "--", "cat", "/etc/shadow")
        assert done.status != 0
        assert "not those files" in done.err
        assert streams.container.ran == []
        assert not [each for each in stage.cluster.heard if "/exec" in each.path]
        assert (await kubectl("exec", "web", "--", "echo", "fine")).out == "fine\n"


@WAYS
async def test_what_exec_shows_is_masked(tmp_path, websocket):
    mask = {"mask": {"entities": ["email"], "as": "redact"}}
    async with staged(tmp_path, rules(ALLOW, mask)) as stage:
        streams = Streams(stage.cluster, websocket=websocket)
        streams.container.files["/people"] = b"one: ada@example.com\ntwo: bob@example.com"
        done = await stage.kubectl()("exec", "web", "--", "cat", "/people")
        assert done.status == 0, done.err
        assert done.out.startswith("one: ")
        assert "two: " in done.out
        assert "@example.com" not in done.out
        wrong = await stage.kubectl()("exec", "web", "--", "cat", "/eve@example.com")
        assert "eve@" not in wrong.err
        assert wrong.status == 1
        await until(lambda: len(stage.journal("recording.sealed")) >= 2, "seals")
        for file in (stage.app.folder.path / "recordings").glob("*.cast"):
            assert "@example.com" not in file.read_text()
        assert any(each.get("masks") for each in stage.journal("action.outcome"))


async def test_a_log_that_is_followed_is_masked_as_it_comes(tmp_path):
    mask = {"mask": {"entities": ["email"], "as": "redact"}}
    async with staged(tmp_path, rules(ALLOW, mask)) as stage:
        async with started(stage.kubectl(), "logs", "-f", "web") as child:
            for number in range(3):
                assert await child.stdout.readline() == b"line %d\n" % number
            stage.cluster.log("web", "mail from ada@example.com came")
            line = await child.stdout.readline()
            assert line.startswith(b"mail from ")
            assert b"ada@" not in line
        whole = await stage.kubectl()("logs", "web")
        assert "mail from" in whole.out
        assert "ada@" not in whole.out


@WAYS
async def test_cp_both_ways(tmp_path, websocket):
    async with staged(tmp_path) as stage:
        streams = Streams(stage.cluster, websocket=websocket)
        kubectl = stage.kubectl()
        (kubectl.folder / "note").write_text("a note")
        there = await kubectl("cp", "note", "web:/tmp/note")
        assert there.status == 0, there.err
        assert b"a note" in streams.container.files.values()
        streams.container.files["/data/x"] = b"from the pod"
        back = await kubectl("cp", "web:/data/x", "back")
        assert back.status == 0, back.err
        assert (kubectl.folder / "back").read_bytes() == b"from the pod"


@WAYS
async def test_port_forward(tmp_path, websocket):
    deny = {"deny": {"objects": ["kubernetes:*/portforward/22"]}, "message": "not that port"}
    async with staged(tmp_path, rules(ALLOW, deny)) as stage:
        streams = Streams(stage.cluster, websocket=websocket)
        async with started(stage.kubectl(), "port-forward", "web", ":8080", ":22") as child:
            assert child.stdout is not None
            ports = {}
            while len(ports) < 2:
                said = (await child.stdout.readline()).decode()
                if found := re.search(r"127\.0\.0\.1:(\d+) -> (\d+)", said):
                    ports[int(found[2])] = int(found[1])
            for number in range(3):
                reader, writer = await asyncio.open_connection("127.0.0.1", ports[8080])
                writer.write(b"hello %d" % number)
                assert await reader.readexactly(7) == b"HELLO %d" % number
                writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", ports[22])
            writer.write(b"SSH-2.0")
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()
        assert streams.forwarded == [8080, 8080, 8080]
        judged = [each for each in stage.journal("action.judged") if " port " in each["text"]]
        assert [each["verdict"] for each in judged] == ["allow", "allow", "allow", "deny"]


@WAYS
async def test_a_shell_on_a_terminal_needs_a_rule_of_its_own(tmp_path, websocket):
    async with staged(tmp_path, rules(ALLOW)) as stage:
        streams = Streams(stage.cluster, websocket=websocket)
        status, shown = await on_terminal(stage.kubectl(), b"exit\r", "exec", "-it", "web", "--", "sh")
        assert status != 0
        assert b"forbidden" in shown
        assert streams.container.ran == []


@WAYS
async def test_a_shell_on_a_terminal(tmp_path, websocket):
    async with staged(tmp_path, rules(ALLOW, {"shell": "record"}, {"record": {"input": True}})) as stage:
        streams = Streams(stage.cluster, websocket=websocket)
        typed = b"echo hi; exit\r"
        status, shown = await on_terminal(stage.kubectl(), typed, "exec", "-it", "web", "--", "sh")
        assert status == 0, shown
        assert b"echo hi" in shown
        assert streams.container.ran == [("sh",)]
        await until(lambda: bool(stage.journal("recording.sealed")), "a seal")
        (opened,) = stage.journal("recording.opened")
        assert (opened["form"], opened["typed"]) == ("terminal", True)
        (file,) = (stage.app.folder.path / "recordings").glob("*.cast")
        assert '"i", "echo hi; exit' in file.read_text()


async def test_a_guarded_shell_is_refused_for_now(tmp_path):
    async with staged(tmp_path, rules(ALLOW, {"shell": "guarded"})) as stage:
        streams = Streams(stage.cluster)
        status, shown = await on_terminal(stage.kubectl(), b"exit\r", "exec", "-it", "web", "--", "sh")
        assert status != 0
        assert b"each line of a shell" in shown
        assert streams.container.ran == []


@WAYS
async def test_attach(tmp_path, websocket):
    async with staged(tmp_path, rules(ALLOW, {"shell": "record"})) as stage:
        Streams(stage.cluster, websocket=websocket)
        done = await stage.kubectl()("attach", "-i", "web", given=b"to its input")
        assert done.status == 0, done.err
        assert "to its input" in done.out


async def test_debug_is_judged_as_exec(tmp_path):
    deny = {"deny": {"effects": ["execute"]}, "message": "no debugging"}
    words = ("debug", "web", "--image=registry.example/tools:1", "--", "echo", "hi")
    async with staged(tmp_path, rules(ALLOW)) as stage:
        Streams(stage.cluster)
        done = await stage.kubectl()(*words)
        assert done.status == 0, done.err
        assert stage.cluster.objects.get(("", "pods", "default", "web"))["spec"]["ephemeralContainers"]
    (tmp_path / "b").mkdir()
    async with staged(tmp_path / "b", rules(ALLOW, deny)) as stage:
        Streams(stage.cluster)
        done = await stage.kubectl()(*words)
        assert done.status != 0
        assert "no debugging" in done.err
        assert "ephemeralContainers" not in str(stage.cluster.objects.get(("", "pods", "default", "web")))


@WAYS
async def test_a_kill_ends_what_runs_in_the_cluster(tmp_path, websocket):
    async with staged(tmp_path) as stage:
        streams = Streams(stage.cluster, websocket=websocket)
        pipe = asyncio.subprocess.PIPE
        async with started(stage.kubectl(), "exec", "-i", "web", "--", "sleep", "100", stdin=pipe) as child:
            await until(lambda: streams.container.ran == [("sleep", "100")], "it runs")
            stage.app.live.kill_all("enough")
            await until(lambda: streams.container.stopped == [("sleep", "100")], "it is stopped")
            _, err = await child.communicate()
            assert child.returncode != 0
            assert b"enough" in err
        await until(lambda: not stage.app.live.sessions, "nobody is left")
        assert "killed: enough" in {each["reason"] for each in stage.journal("session.closed")}


@WAYS
async def test_who_leaves_stops_what_ran(tmp_path, websocket):
    async with staged(tmp_path) as stage:
        streams = Streams(stage.cluster, websocket=websocket)
        async with started(stage.kubectl(), "exec", "web", "--", "yes"):
            await until(lambda: streams.container.ran == [("yes",)], "it runs")
        await until(lambda: streams.container.stopped == [("yes",)], "it is stopped")


async def on_terminal(kubectl, typed, *words):
    """kubectl on a terminal of its own: its status, and what the terminal showed."""
    near, far = pty.openpty()
    loop, shown = asyncio.get_running_loop(), bytearray()
    done = loop.create_future()

    def read():
        try:
            data = os.read(near, 1 << 16)
        except OSError:
            data = b""
        if not data:
            loop.remove_reader(near)
            if not done.done():
                done.set_result(None)
            return
        shown.extend(data)

    child = await kubectl.start(*words, stdin=far, stdout=far, stderr=far)
    os.close(far)
    loop.add_reader(near, read)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not done.done() and b"$ " not in shown:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            if not done.done():
                os.write(near, typed)
            status = await child.wait()
            await done
    finally:
        loop.remove_reader(near)
        await end(child)
        os.close(near)
    return status, bytes(shown)
