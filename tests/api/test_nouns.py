"""What the routes give, noun by noun."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.api.conftest import Client, Office
from vedette.journal import read
from vedette.model import Allow, Deny
from vedette.sql.catalog import Catalog, Relation


def kinds(office: Office) -> list[str]:
    return [entry.kind for entry in read(office.journal.folder) if not entry.kind.startswith("journal.")]


def changes(office: Office) -> list[dict[str, Any]]:
    return [entry.body for entry in read(office.journal.folder) if entry.kind == "config.changed"]


async def test_sessions(client: Client, office: Office) -> None:
    await office.session("s-1")
    await office.session("s-2", live=True)
    found = (await client.ask("auditor", "GET", "/sessions")).json()
    assert [each["id"] for each in found["items"]] == ["s-2", "s-1"]
    assert [each["live"] for each in found["items"]] == [True, False]
    assert found["next"] is None
    one = (await client.ask("auditor", "GET", "/sessions/s-1")).json()
    assert (one["actions"], one["denied"], one["principal"]) == (2, 1, "vedette#bot")
    assert (await client.ask("auditor", "GET", "/sessions/s-9")).status_code == 404


async def test_a_sessions_records_hold_what_people_said(client: Client, office: Office) -> None:
    await office.session("s-1", live=True)
    hold, waiting = await office.ask(session="s-1")
    await client.ask("dba", "POST", f"/approvals/{hold}/approve", json={"reason": "fine"})
    assert isinstance(await waiting, Allow)
    await office.session("other")
    found = (await client.ask("auditor", "GET", "/sessions/s-1/records")).json()
    assert [each["kind"] for each in found["items"]] == [
        *("session.opened", "action.judged", "action.judged", "hold.opened", "hold.decided", "hold.used"),
    ]
    # In pieces it is the same.
    pieces, after = [], 0
    while after is not None:
        page = (await client.ask("auditor", "GET", f"/sessions/s-1/records?after={after}&limit=2")).json()
        pieces += page["items"]
        after = page["next"]
    assert pieces == found["items"]


async def test_killing(client: Client, office: Office) -> None:
    await office.session("s-1", live=True)
    killed = await client.ask("admin", "POST", "/sessions/s-1/kill", json={"reason": "too curious"})
    assert killed.json() == {"session": "s-1", "killed": True}
    assert office.live.killed == [("s-1", "killed by vedette#ada: too curious")]
    again = await client.ask("admin", "POST", "/sessions/s-1/kill", json={})
    assert (again.status_code, again.json()["code"]) == (409, "session.over")
    assert (await client.ask("admin", "POST", "/sessions/none/kill", json={})).status_code == 404


async def test_actions(client: Client, office: Office) -> None:
    await office.session("s-1")
    denied = (await client.ask("auditor", "GET", "/actions?verdict=deny")).json()["items"]
    assert [each["text"] for each in denied] == ["DROP TABLE t"]
    assert (await client.ask("auditor", "GET", f"/actions/{denied[0]['id']}")).json() == denied[0]
    assert (await client.ask("auditor", "GET", "/actions?verdict=perhaps")).status_code == 422
    assert (await client.ask("auditor", "GET", "/actions?holding=DROP")).json()["items"] == denied


async def test_the_audit_trail(client: Client, office: Office) -> None:
    await office.session("s-1")
    everything = (await client.ask("auditor", "GET", "/audit")).json()["items"]
    assert [each["seq"] for each in everything] == list(range(1, len(everything) + 1))
    last = (await client.ask("auditor", "GET", "/audit?last=2")).json()["items"]
    assert last == everything[-2:]
    judged = (await client.ask("auditor", "GET", "/audit?kind=action.")).json()["items"]
    assert {each["kind"] for each in judged} == {"action.judged"}
    none = (await client.ask("auditor", "GET", "/audit?session=s-9")).json()
    assert none == {"items": [], "next": None}
    pieces, after = [], 0
    while after is not None:
        page = (await client.ask("auditor", "GET", f"/audit?after={after}&limit=2")).json()
        pieces += page["items"]
        after = page["next"]
    assert pieces == everything
    assert (await client.ask("auditor", "GET", "/audit?limit=1001")).status_code == 422


async def test_approving(client: Client, office: Office) -> None:
    hold, waiting = await office.ask()
    listed = (await client.ask("dba", "GET", "/approvals")).json()["items"]
    assert [(each["id"], each["yours"]) for each in listed] == [(hold, True)]
    assert listed[0]["effects"] == ["write"]
    assert listed[0]["requester"]["principal"] == "vedette#bot"
    assert (await client.ask("auditor", "GET", f"/approvals/{hold}")).json()["yours"] is False
    done = await client.ask("dba", "POST", f"/approvals/{hold}/approve", json={"reason": "ok"})
    assert (done.json()["status"], done.json()["given"]) == ("approved", 1)
    assert isinstance(await waiting, Allow)
    again = await client.ask("second-dba", "POST", f"/approvals/{hold}/approve", json={})
    assert (again.status_code, again.json()["code"]) == (409, "approval.over")
    assert (await client.ask("dba", "GET", "/approvals")).json()["items"] == []
    assert len((await client.ask("dba", "GET", "/approvals?status=all")).json()["items"]) == 1


async def test_refusing(client: Client, office: Office) -> None:
    hold, waiting = await office.ask()
    done = await client.ask("dba", "POST", f"/approvals/{hold}/deny", json={"reason": "not today"})
    assert done.json()["status"] == "denied"
    heard = await waiting
    assert isinstance(heard, Deny)
    assert "not today" in heard.reason


async def test_nobody_decides_their_own(client: Client, office: Office) -> None:
    for hold, waiting in (await office.ask(subject="dana"), await office.ask(actor="dana")):
        answer = await client.ask("dba", "POST", f"/approvals/{hold}/approve", json={})
        assert (answer.status_code, answer.json()["code"]) == (403, "approval.requester")
        shown = (await client.ask("dba", "GET", f"/approvals/{hold}")).json()
        assert (shown["status"], shown["yours"]) == ("pending", False)
        await office.desk.withdraw(hold, "enough")
        await waiting


async def test_holds_of_others_are_not_there(client: Client, office: Office) -> None:
    hold, waiting = await office.ask(subject="bot-2")
    for who in ("person", "agent", "service", "proud-agent"):
        assert (await client.ask(who, "GET", "/approvals")).json()["items"] == []
        assert (await client.ask(who, "GET", f"/approvals/{hold}")).status_code == 404
    assert len((await client.ask("auditor", "GET", "/approvals")).json()["items"]) == 1
    denied = await client.ask("admin", "POST", f"/approvals/{hold}/approve", json={})
    assert (denied.status_code, denied.json()["code"]) == (403, "approval.group")
    await office.desk.withdraw(hold, "enough")
    await waiting


async def test_tokens(client: Client, office: Office) -> None:
    wish = {"subject": "bot-7", "groups": ["b", "a"], "ttl": 60, "note": "for a test", "actor": "ada"}
    made = await client.ask("admin", "POST", "/tokens", json=wish)
    assert made.status_code == 201
    text, name = made.json()["token"], made.json()["id"]
    who = await office.identity.by_token(text)
    assert (who.subject, who.actor, sorted(who.groups)) == ("bot-7", "ada", ["a", "b"])
    listed = (await client.ask("auditor", "GET", "/tokens")).json()["items"]
    assert [(each["id"], each["note"], "token" in each) for each in listed] == [(name, "for a test", False)]
    assert (
        await client.ask("admin", "POST", f"/tokens/{name}/revoke", json={"reason": "x"})
    ).status_code == 200
    assert office.revocations.ids == {name}
    again = await client.ask("admin", "POST", f"/tokens/{name}/revoke", json={})
    assert again.status_code == 409
    assert kinds(office) == ["token.issued", "config.changed", "token.revoked", "config.changed"]
    first, second = changes(office)
    after = {"subject": "bot-7", "kind": "agent", "groups": ["a", "b"], "actor": "ada"}
    assert (first["by"], first["what"], first["name"]) == ("vedette#ada", "token", name)
    assert first["after"].items() >= after.items()
    assert ("before" in first, "after" in second) == (False, False)
    assert second["before"] == first["after"]
    assert text not in "".join(str(entry.body) for entry in read(office.journal.folder))


async def test_wishes_that_are_not_granted(client: Client) -> None:
    for wish in (
        {"subject": ""},
        {"subject": "a\nb"},
        {"subject": "local:root"},
        {"subject": "x", "ttl": 1},
        {"subject": "x", "ttl": 10**9},
        {"subject": "x", "ttl": -5},
        {"subject": "x", "kind": "god"},
        {"subject": "x", "groups": "admins"},
        {"subject": "x", "groups": [""]},
        {"subject": "x", "admin": True},
        {"subject": "x" * 300},
        {},
    ):
        assert (await client.ask("admin", "POST", "/tokens", json=wish)).status_code == 422, wish
    for wish in (
        {"name": "Vdt", "subject": "x"},
        {"name": "vdt_x", "subject": "x"},
        {"name": "x", "subject": "local:x"},
    ):
        assert (await client.ask("admin", "POST", "/keys", json=wish)).status_code == 422, wish


async def test_keys(client: Client, office: Office) -> None:
    wish = {"name": "ci", "subject": "ci-bot", "kind": "service", "groups": ["auditors"], "ttl": 3600}
    made = (await client.ask("admin", "POST", "/keys", json=wish)).json()
    answer = await client.get("/api/v1/self", headers={"Authorization": f"Bearer {made['key']}"})
    assert (answer.json()["subject"], answer.json()["role"]) == ("ci-bot", "auditor")
    taken = await client.ask("admin", "POST", "/keys", json=wish)
    assert (taken.status_code, taken.json()["code"]) == (409, "key.name")
    listed = (await client.ask("auditor", "GET", "/keys")).json()["items"]
    assert [(each["id"], "key" in each) for each in listed] == [(made["id"], False)]
    assert (await client.ask("admin", "POST", f"/keys/{made['id']}/revoke", json={})).status_code == 200
    answer = await client.get("/api/v1/self", headers={"Authorization": f"Bearer {made['key']}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "identity.revoked")
    assert kinds(office) == ["key.issued", "config.changed", "key.revoked", "config.changed", "login.refused"]
    first, second = changes(office)
    assert first["after"]["groups"] == ["auditors"]
    assert second["before"] == first["after"]
    assert made["key"] not in "".join(str(entry.body) for entry in read(office.journal.folder))


async def test_a_key_gets_other_groups(client: Client, office: Office) -> None:
    wish = {"name": "ci", "subject": "ci-bot", "groups": ["a", "b"]}
    name = (await client.ask("admin", "POST", "/keys", json=wish)).json()["id"]
    answer = await client.ask("admin", "POST", f"/keys/{name}/groups", json={"groups": ["c", "b"]})
    assert (answer.status_code, answer.json()["groups"]) == (200, ["b", "c"])
    assert office.reviews == 1
    last = changes(office)[-1]
    assert (last["by"], last["before"], last["after"]) == (
        "vedette#ada", {"groups": ["a", "b"]}, {"groups": ["b", "c"]},
    )  # fmt: skip
    for groups in (["a\n"], [""], ["x"] * 201):
        bad = await client.ask("admin", "POST", f"/keys/{name}/groups", json={"groups": groups})
        assert bad.status_code == 422, groups
    assert (await client.ask("admin", "POST", "/keys/none/groups", json={"groups": []})).status_code == 404
    await client.ask("admin", "POST", f"/keys/{name}/revoke", json={})
    many = len(changes(office))
    void = await client.ask("admin", "POST", f"/keys/{name}/groups", json={"groups": []})
    assert len(changes(office)) == many, "what does not happen is not on record"
    assert (void.status_code, void.json()["code"]) == (409, "key.revoked")
    assert (await client.ask("auditor", "GET", "/keys")).json()["items"][0]["groups"] == ["b", "c"]


async def test_without_a_journal_nothing_is_given_and_revoking_still_works(
    client: Client, office: Office
) -> None:
    made = (await client.ask("admin", "POST", "/tokens", json={"subject": "bot"})).json()
    office.journal.close()
    refused = await client.ask("admin", "POST", "/tokens", json={"subject": "bot"})
    assert (refused.status_code, "token" in refused.json()) == (503, False)
    assert len(await office.store.tokens.find()) == 1
    revoked = await client.ask("admin", "POST", f"/tokens/{made['id']}/revoke", json={})
    assert (revoked.status_code, revoked.json()["code"]) == (503, "journal.unavailable")
    assert office.revocations.ids == {made["id"]}
    assert (await client.get("/health")).status_code == 503


async def test_policy_in_force_and_explained(client: Client, office: Office) -> None:
    shown = (await client.ask("auditor", "GET", "/policy")).json()
    assert shown["hash"] == office.settings.policies.hash
    assert [len(each["rules"]) for each in shown["policies"]] == [3]
    question = {"resource": "appdb", "text": "UPDATE payments SET a = 1 WHERE id = 2", "subject": "bot"}
    found = (await client.ask("auditor", "POST", "/policy/explain", json=question)).json()
    assert (found["verdict"], found["rule"], found["catalogue"]) == ("hold", "agents/hold-3", False)
    assert found["approvers"] == ["dba"]
    office.engine.backends["appdb"].reader.catalog = Catalog(
        [Relation(1, "secret", "payments", "r")], (), version=7
    )
    found = (await client.ask("auditor", "POST", "/policy/explain", json=question)).json()
    assert (found["verdict"], found["catalogue"]) == ("deny", True)
    person = question | {"kind": "person"}
    nothing = (await client.ask("auditor", "POST", "/policy/explain", json=person)).json()
    assert (nothing["applied"], nothing["passed_over"][0]["policy"]) == ([], "agents")
    missing = question | {"resource": "other"}
    assert (await client.ask("auditor", "POST", "/policy/explain", json=missing)).status_code == 404


async def test_reloading(client: Client, office: Office) -> None:
    before = office.settings.policies.hash
    file = office.settings.file
    file.write_text(file.read_text().replace("effects: [read]", "effects: [read, write]"))
    done = (await client.ask("admin", "POST", "/policy/reload", json={})).json()
    assert (done["before"], done["hash"] == before, done["later"]) == (before, False, ["data stays"])
    file.write_text("nonsense: true\n")
    refused = await client.ask("admin", "POST", "/policy/reload", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "config.invalid")
    assert "vedette.yaml" in refused.json()["problems"][0]


async def test_the_gateway_itself(client: Client, office: Office) -> None:
    _, waiting = await office.ask()
    shown = (await client.ask("auditor", "GET", "/gateway")).json()
    assert (shown["pending_approvals"], shown["live_sessions"], shown["trouble"]) == (1, 0, "")
    assert [each["name"] for each in shown["resources"]] == ["appdb"]
    assert "APPDB_PASSWORD" not in str(shown)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
