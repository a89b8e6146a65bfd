"""Who is let in, what ends a session, and what happens to its requests."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time

import pytest
import yaml

from tests.conformance.kits import until
from tests.kubernetes.client import raw
from tests.kubernetes.stage import staged
from tests.testbed.certificates import Authority
from tests.testbed.gateway import token
from tests.testbed.processes import PATIENCE_SECONDS
from vedette.model import Kind
from vedette.store.blocks import Block

PODS = "/api/v1/namespaces/default/pods"
EFFECTS = ("read", "write", "delete", "destroy", "create", "alter", "grant", "execute", "export", "configure")
ALLOW = {"allow": {"effects": list(EFFECTS)}}
HOLD = {"hold": {"effects": ["delete"]}, "approvers": {"groups": ["sre"]}}


def rules(*found):
    return [{"name": "agents", "who": {}, "where": {}, "rules": list(found)}]


async def pending(stage):
    found = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not found:
            found = await stage.app.desk.pending()
    return found[0]


def person(stage):
    return stage.app.identity.by_token(token(stage.app, "ada", ("sre",), Kind.PERSON))


def changes(stage):
    """What of the requests that arrived would change something; previews read."""
    return [each.method for each in stage.cluster.heard if each.method != "GET"]


async def test_a_session_is_on_record_from_its_beginning_to_its_end(tmp_path):
    async with staged(tmp_path) as stage:
        async with raw(stage) as caller:
            caller.ask("GET", PODS, "User-Agent: kubectl/v1.32")
            await caller.answer()
            await caller.get(f"{PODS}/nobody")
        await until(lambda: bool(stage.journal("session.closed")), "its end")
        (opened,), (closed,) = stage.journal("session.opened"), stage.journal("session.closed")
        assert (opened["protocol"], opened["application"], opened["resource"]) == (
            "kubernetes",
            "kubectl/v1.32",
            "prod",
        )
        assert opened["tls"].startswith("TLS")
        assert (closed["reason"], closed["actions"]) == ("caller", 2)
        assert closed["bytes_down"] > 0
        first, second = stage.journal("action.outcome")
        assert (first.get("status", "ok"), first["tag"]) == ("ok", "200")
        assert (second["status"], second["tag"]) == ("error", "404")


async def test_another_caller_on_the_same_connection_is_another_session(tmp_path):
    async with staged(tmp_path) as stage, raw(stage) as caller:
        assert (await caller.get(PODS)).status == 200
        assert (await caller.get(PODS)).status == 200
        other = stage.token("agent-2")
        assert (await caller.get(PODS, f"Authorization: Bearer {other}")).status == 200
        subjects = [each["who"]["principal"] for each in stage.journal("session.opened")]
        assert subjects == ["vedette#agent-1", "vedette#agent-2"]
        assert len(stage.journal("session.closed")) == 1


async def test_what_is_approved_passes_and_says_that_it_waited(tmp_path):
    async with staged(tmp_path, rules(ALLOW, HOLD)) as stage, raw(stage) as caller:
        caller.ask("DELETE", f"{PODS}/web")
        hold = await pending(stage)
        assert not changes(stage)
        assert hold.text == f"DELETE {PODS}/web"
        await stage.app.desk.decide(hold.id, await person(stage), True, "fine")
        found = await caller.answer()
        assert found.status == 200
        assert "waited for approval" in found.fields["warning"]
        assert changes(stage) == ["DELETE"]


async def test_what_is_rejected_does_not_pass_and_the_connection_stays(tmp_path):
    async with staged(tmp_path, rules(ALLOW, HOLD)) as stage, raw(stage) as caller:
        caller.ask("DELETE", f"{PODS}/web")
        hold = await pending(stage)
        await stage.app.desk.decide(hold.id, await person(stage), False, "not today")
        found = await caller.answer()
        assert found.status == 403
        assert "not today" in found.json["message"]
        assert not changes(stage)
        assert (await caller.get(PODS)).status == 200


async def test_who_hangs_up_withdraws_the_question(tmp_path):
    async with staged(tmp_path, rules(ALLOW, HOLD)) as stage:
        async with raw(stage) as caller:
            caller.ask("DELETE", f"{PODS}/web")
            await pending(stage)
        await until(lambda: not stage.app.live.sessions, "the session's end")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await stage.app.desk.pending():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        (judged,) = stage.journal("action.judged")
        assert (judged["verdict"], judged["code"]) == ("deny", "approval.cancelled")
        assert not changes(stage)


async def test_a_ticket_is_a_refusal_that_says_how_to_go_on(tmp_path):
    async with staged(tmp_path, rules(ALLOW, {**HOLD, "mode": "ticket"})) as stage, raw(stage) as caller:
        caller.ask("DELETE", f"{PODS}/web")
        first = await caller.answer()
        assert first.status == 403
        assert "send exactly the same again" in first.json["message"]
        hold = await pending(stage)
        await stage.app.desk.decide(hold.id, await person(stage), True, "fine")
        caller.ask("DELETE", f"{PODS}/web")
        assert (await caller.answer()).status == 200


ENDINGS = {
    "killed": lambda stage, secret: stage.app.live.kill_all("enough"),
    "revoked": lambda stage, secret: stage.app.live.revoked(
        frozenset(s.principal.credential for s in stage.app.live.sessions.values())
    ),
}


@pytest.mark.parametrize("end", ENDINGS.values(), ids=ENDINGS.keys())
async def test_ending_a_session_cuts_off_what_streams(tmp_path, end):
    async with staged(tmp_path) as stage, raw(stage) as caller:
        caller.ask("GET", "/api/v1/pods?watch=true")
        await caller.head()
        assert b"web" in await caller.piece()
        end(stage, caller.token)
        assert b"0\r\n\r\n" not in await caller.closed(), "it must not look whole"
        await until(lambda: stage.cluster.open == 0, "the cluster stops")
        (closed,) = stage.journal("session.closed")
        assert closed["reason"].startswith(("killed", "revoked"))
        assert [each["status"] for each in stage.journal("action.outcome")] == ["cancelled"]


async def test_ending_a_session_is_told_where_an_answer_is_due(tmp_path):
    async with staged(tmp_path) as stage, raw(stage) as caller:

        async def hook(asked, connection):
            await connection.reader.read()
            return True

        stage.cluster.hook = hook
        caller.ask("GET", PODS)
        await until(lambda: bool(stage.cluster.heard), "it is under way")
        stage.app.live.kill_all("enough")
        found = await caller.answer()
        assert (found.status, found.code) == (403, "session.killed")
        assert "enough" in found.json["message"]
        await until(lambda: stage.cluster.open == 0, "the cluster stops")


async def test_ending_a_session_that_waits_for_people(tmp_path):
    async with staged(tmp_path, rules(ALLOW, HOLD)) as stage, raw(stage) as caller:
        caller.ask("DELETE", f"{PODS}/web")
        await pending(stage)
        stage.app.live.kill_all("enough")
        found = await caller.answer()
        assert (found.status, found.code) == (403, "session.killed")
        assert not changes(stage)


async def test_who_is_shut_out_does_not_come_back(tmp_path):
    async with staged(tmp_path) as stage, raw(stage) as caller:
        assert (await caller.get(PODS)).status == 200
        block = Block("vedette#agent-1", "vedette#ada", "stolen", time.time())
        await stage.app.store.blocks.put(block)
        stage.app.blocks.add(block)
        await caller.closed()
        async with raw(stage, caller.token) as again:
            refused = await again.get(PODS)
            assert (refused.status, refused.code) == (401, "identity.blocked")


async def test_an_expired_token_is_refused_on_a_connection_that_is_open(tmp_path, monkeypatch):
    async with staged(tmp_path) as stage, raw(stage) as caller:
        assert (await caller.get(PODS)).status == 200
        monkeypatch.setattr(stage.app.identity, "_clock", lambda: time.time() + 3600)
        refused = await caller.get(PODS)
        assert (refused.status, refused.code) == (401, "identity.expired")


async def test_a_new_policy_counts_from_the_next_request(tmp_path):
    async with staged(tmp_path) as stage, raw(stage) as caller:
        assert (await caller.get(PODS)).status == 200
        file = stage.app.settings.file
        written = yaml.safe_load(file.read_text())
        written["policies"] = rules({"allow": {"effects": ["write"]}})
        file.write_text(yaml.safe_dump(written))
        await stage.app.reload()
        assert (await caller.get(PODS)).status == 403


async def test_a_full_journal_lets_nothing_pass(tmp_path, monkeypatch):
    async with staged(tmp_path) as stage, raw(stage) as caller:
        assert (await caller.get(PODS)).status == 200

        def full(kind, body):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(stage.app.journal, "append", full)
        refused = await caller.get(PODS)
        assert (refused.status, refused.code) == (503, "journal.unavailable")
        assert len(stage.cluster.heard) == 1
        monkeypatch.undo()
        assert (await caller.get(PODS)).status == 200


async def test_who_says_nothing_is_sent_away(tmp_path):
    async with (
        staged(tmp_path, limits={"login_timeout": "1s"}) as stage,
        raw(stage) as silent,
        raw(stage) as slow,
    ):
        slow.send(b"GET /clusters/prod/api HTTP/1.1\r\nHost")
        assert await silent.closed() == b""
        assert await slow.closed() == b""


async def test_bad_bytes_leave_a_good_connection_alone(tmp_path):
    async with staged(tmp_path) as stage, raw(stage) as good:
        assert (await good.get(PODS)).status == 200
        for data in (b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n", b"SSH-2.0-x\r\n", b"\0" * 100):
            for _ in range(10):
                _, writer = await asyncio.open_connection("127.0.0.1", stage.app.ports["kubernetes"])
                writer.write(data)
                writer.close()
        assert (await good.get(PODS)).status == 200


async def test_who_does_not_read_stops_the_cluster_and_fills_no_memory(tmp_path):
    async with staged(tmp_path) as stage, raw(stage) as caller:
        sent, stopped = [0], asyncio.Event()

        async def hook(asked, connection):
            await connection.begin(200, "text/plain")
            with contextlib.suppress(TimeoutError):
                while sent[0] < 1 << 30:
                    async with asyncio.timeout(1.0):
                        await connection.data(b"x" * 65536)
                    sent[0] += 65536
            stopped.set()
            await connection.reader.read()
            return True

        stage.cluster.hook = hook
        caller.reader._limit = 1 << 16
        caller.ask("GET", f"{PODS}/web/log?follow=true")
        async with asyncio.timeout(PATIENCE_SECONDS):
            await stopped.wait()
        assert sent[0] < 64 << 20
        assert (await caller.head())[0] == 200
        assert len(await caller.piece()) > 0


async def test_many_watch_at_once_and_all_hear_of_it(tmp_path):
    async with (
        staged(tmp_path, limits={"per_principal": 1000}) as stage,
        contextlib.AsyncExitStack() as stack,
    ):
        secret = stage.token()
        callers = [await stack.enter_async_context(raw(stage, secret)) for _ in range(50)]
        for caller in callers:
            caller.ask("GET", "/api/v1/namespaces/default/configmaps?watch=true&resourceVersion=100000")
        for caller in callers:
            assert (await caller.head())[0] == 200
        stage.cluster.add("configmaps", "news", data={})
        for caller in callers:
            assert b"news" in await caller.piece()


# --- client certificates, and the gateway's own logins ------------------------------------------------


async def test_a_client_certificate_is_a_login(tmp_path):
    authority = Authority.create(tmp_path / "callers", "agent-7")
    identity = {
        "certificates": [{"ca": str(authority.root.certificate), "name": "callers", "groups": ["ai-agents"]}]
    }
    async with staged(tmp_path, identity=identity) as stage:
        pair = {"certificate": authority.client.certificate, "key": authority.client.key}
        async with raw(stage, "", **pair) as caller:
            assert (await caller.get(PODS)).status == 200
        (opened,) = stage.journal("session.opened")
        assert opened["who"]["principal"] == "callers#agent-7"
        done = await stage.kubectl(
            **{"client-certificate": str(pair["certificate"]), "client-key": str(pair["key"])}
        )("get", "pods")
        assert done.status == 0, done.err


async def test_a_certificate_whose_time_runs_out_on_an_open_connection(tmp_path):
    authority = Authority.create(tmp_path / "callers", "agent-7")
    identity = {"certificates": [{"ca": str(authority.root.certificate), "name": "callers"}]}
    pair = {"certificate": authority.client.certificate, "key": authority.client.key}
    async with staged(tmp_path, identity=identity) as stage, raw(stage, "", **pair) as caller:
        assert (await caller.get(PODS)).status == 200
        object.__setattr__(stage.app.clusters._door, "clock", lambda: time.time() + 30 * 86400)
        refused = await caller.get(PODS)
        assert (refused.status, refused.code) == (401, "identity.expired")


async def test_the_gateway_logs_in_by_a_client_certificate(tmp_path):
    (tmp_path / "cluster").mkdir()
    login = {
        "certificate": str(tmp_path / "cluster" / "client.pem"), "key": {"file": str(tmp_path / "cluster" / "client.key")},
    }  # fmt: skip
    probe = Authority.create(tmp_path / "probe")
    login["certificate"] = login["certificate"].replace("client.pem", probe.client.certificate.name)
    login["key"]["file"] = login["key"]["file"].replace("client.key", probe.client.key.name)
    async with staged(tmp_path, login=login) as stage, raw(stage) as caller:
        assert (await caller.get(PODS)).status == 200
        assert "authorization" not in stage.cluster.heard[0].fields


async def test_the_cluster_is_told_for_whom_it_is(tmp_path):
    login = {"token": {"file": str(tmp_path / "cluster.token")}, "impersonate": True}
    async with staged(tmp_path, login=login) as stage:
        secret = stage.token("agent-1", ("ai-agents", "readers"))
        async with raw(stage, secret) as caller:
            assert (await caller.get(PODS)).status == 200
        every = stage.cluster.heard[0].every
        told = [(name, value) for name, value in every if name.startswith("impersonate")]
        assert ("impersonate-user", "agent-1") in told
        assert [value for name, value in told if name == "impersonate-group"] == ["ai-agents", "readers"]
        masters = stage.token("agent-1", ("system:masters",))
        async with raw(stage, masters) as caller:
            refused = await caller.get(PODS)
            assert (refused.status, refused.code) == (403, "upstream.impersonation")
        assert len(stage.cluster.heard) == 1


async def test_a_token_that_was_replaced_counts_at_once_where_the_old_one_is_refused(tmp_path):
    async with staged(tmp_path) as stage, raw(stage) as caller:
        file = tmp_path / "cluster.token"
        good = file.read_text()
        file.write_text("stale")
        first = await caller.get(PODS)
        assert (first.status, first.code) == (503, "upstream.login")
        file.write_text(good)
        assert (await caller.get(PODS)).status == 200


async def test_a_credential_plugin(tmp_path):
    plugin = tmp_path / "plugin"
    plugin.write_text(
        "#!/bin/sh\necho \"$SESAME$KUBERNETES_EXEC_INFO\" > " + str(tmp_path / "seen") + "\ncat "
        + str(tmp_path / "said") + "\n"
    )  # fmt: skip
    plugin.chmod(0o700)
    said = tmp_path / "said"
    said.write_text('{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{}}')
    async with staged(tmp_path, login={"exec": [str(plugin)]}) as stage, raw(stage) as caller:
        refused = await caller.get(PODS)
        assert (refused.status, refused.code) == (503, "upstream.credential")
        good = (tmp_path / "cluster.token").read_text()
        said.write_text(said.read_text().replace("{}", json.dumps({"token": good})))
        assert (await caller.get(PODS)).status == 200
        assert "ExecCredential" in (tmp_path / "seen").read_text()


async def test_a_cluster_that_is_not_the_one_that_is_meant(tmp_path):
    stranger = Authority.create(tmp_path / "stranger")
    async with staged(tmp_path) as stage, raw(stage) as caller:
        text = stage.app.settings.file.read_text()
        root = str(stage.cluster.authority.root.certificate)
        stage.app.settings.file.write_text(text.replace(root, str(stranger.root.certificate)))
        await stage.app.reload()
        async with raw(stage) as other:
            refused = await other.get(PODS)
            assert (refused.status, refused.code) == (503, "upstream.certificate")
        assert not changes(stage)
        assert (await caller.get(PODS)).status in (200, 503)
