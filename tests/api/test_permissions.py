"""Who may ask for what: every route, every sort of caller."""

from __future__ import annotations

import time

import pytest

from tests.api.conftest import PEOPLE, Client, Office
from vedette.api.application import build
from vedette.folder import Folder
from vedette.identity import SigningKeys
from vedette.identity.keys import create
from vedette.model import Kind
from vedette.store.accounts import Account
from vedette.store.blocks import Block
from vedette.store.grants import Grant
from vedette.store.people import Person

READ = {"admin", "auditor", "operator"}
RULE = {"admin", "operator"}
DBAS = {"dba", "second-dba"}
ANYBODY = set(PEOPLE)
EVERYBODY = {*PEOPLE, "nobody"}
NOBODY: set[str] = set()
# People who are here for themselves, with all that they have.
PERSONS = {"admin", "auditor", "operator", "dba", "second-dba", "approver", "person", "owner"}

# (method, path, body) -> who gets past the door. Session, action, token and hold are the agent "bot"'s, who
# works for "owner", who answers for the key of the service "ci".
TABLE: list[tuple[str, str, object, set[str]]] = [
    ("GET", "/login", None, EVERYBODY),
    ("GET", "/self", None, ANYBODY),
    ("GET", "/gateway", None, READ),
    ("GET", "/resources", None, ANYBODY),
    ("GET", "/sessions", None, ANYBODY),
    ("GET", "/sessions/{session}", None, READ | {"owner", "agent"}),
    ("GET", "/sessions/{session}/records", None, READ | {"owner"}),
    ("GET", "/sessions/{session}/recordings/{recording}", None, READ | {"owner"}),
    ("GET", "/sessions/{session}/recordings", None, READ | {"owner"}),
    ("GET", "/sessions/{session}/proof", None, READ),
    ("POST", "/sessions/{session}/kill", {}, RULE | {"owner"}),
    ("POST", "/sessions/kill", {"principal": "vedette#x"}, RULE),
    ("GET", "/blocks", None, READ),
    ("POST", "/blocks", {"id": "vedette#somebody-else"}, RULE),
    ("DELETE", "/blocks?id=vedette%23blocked", None, RULE),
    ("GET", "/actions", None, READ),
    ("GET", "/actions/{action}", None, READ),
    ("GET", "/audit", None, READ),
    ("GET", "/changes", None, READ),
    ("GET", "/overview", None, ANYBODY),
    ("GET", "/identities", None, ANYBODY),
    ("GET", "/grants", None, READ),
    ("POST", "/grants/{grant}/revoke", {}, RULE),
    ("GET", "/approvals", None, ANYBODY),
    ("GET", "/approvals/{hold}", None, READ | DBAS | {"approver", "owner", "agent"}),
    ("GET", "/approvals/{hold}/similar", None, READ | DBAS | {"approver", "owner", "agent"}),
    ("POST", "/approvals/{hold}/approve", {}, DBAS),
    ("POST", "/approvals/{hold}/deny", {}, DBAS),
    ("GET", "/tokens", None, PERSONS),
    ("POST", "/tokens", {"subject": "x"}, RULE),
    ("POST", "/tokens/{token}/revoke", {}, RULE | {"owner"}),
    ("GET", "/keys", None, PERSONS),
    ("POST", "/keys", {"name": "x", "subject": "x"}, RULE),
    # Only people with a password of the built-in issuer's, and by that: none of these.
    ("POST", "/keys/own", {"name": "x", "public_key": "x", "password": "x"}, NOBODY),
    ("POST", "/keys/{key}/groups", {"groups": []}, RULE),
    ("POST", "/keys/{key}/revoke", {}, RULE | {"owner"}),
    ("GET", "/people", None, READ),
    ("POST", "/people", {"name": "x", "password": "short"}, RULE),
    ("POST", "/people/{person}/groups", {"groups": []}, RULE),
    ("POST", "/people/{person}/password", {"password": "short"}, RULE),
    ("POST", "/people/{person}/disable", {}, RULE),
    ("POST", "/people/{person}/enable", {}, RULE),
    ("GET", "/accounts", None, READ),
    ("POST", "/accounts", {"name": "NO"}, RULE),
    ("POST", "/accounts/{account}/groups", {"groups": []}, RULE),
    ("POST", "/accounts/{account}/rotate", {}, RULE),
    ("POST", "/accounts/{account}/disable", {}, RULE),
    ("POST", "/accounts/{account}/enable", {}, RULE),
    ("POST", "/issuer/rotate", {}, RULE),
    ("GET", "/policy", None, READ),
    ("POST", "/policy/explain", {"resource": "appdb", "text": "SELECT 1"}, READ),
    ("POST", "/policy/reload", {}, RULE),
    ("POST", "/ssh/certificate", {"public_key": "ssh-ed25519 none"}, ANYBODY),
    ("GET", "/ssh/ca", None, EVERYBODY),
    ("GET", "/ssh/hosts-ca", None, EVERYBODY),
    # The stream itself is asked for in test_events.
    ("GET", "/events", None, NOBODY),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]} {row[1]}")
async def test_who_gets_past_the_door(
    client: Client, office: Office, row: tuple[str, str, object, set[str]]
) -> None:
    method, path, body, permitted = row
    if path == "/events":
        return
    await office.session("s-1", actor="olaf")
    SigningKeys.open(Folder(office.settings.gateway.data).keys)
    recordings = Folder(office.settings.gateway.data).recordings
    recordings.mkdir()
    (recordings / "s-1.1.cast").write_text("{}\n")
    for who in ("nobody", *PEOPLE):
        hold, waiting = await office.ask(actor="olaf")
        lent = office.tokens.issue(
            "bot", Kind.AGENT, [], 600, "olaf", now=time.time(), owner="vedette#olaf"
        ).record
        await office.store.tokens.add(lent)
        _, key = create(f"k-{who}", "ci", Kind.SERVICE, [], None, now=time.time(), owner="olaf")
        await office.store.keys.add(key)
        await office.store.people.add(Person(f"p-{who}", frozenset(), 1.0))
        await office.store.accounts.add(Account(f"a-{who}", Kind.AGENT, frozenset(), b"", 1.0, 1.0))
        await office.store.grants.add(Grant(f"g-{who}", f"p-{who}", "vedette", "", 1.0, 2.0), None)
        block = Block("vedette#blocked", "vedette#ada", "", 1.0)
        await office.store.blocks.put(block)
        where = path.format(
            session="s-1", action="s-1.1", hold=hold, token=lent.id, key=key.prefix, person=f"p-{who}",
            account=f"a-{who}", grant=f"g-{who}", recording="s-1.1",
        )  # fmt: skip
        answer = (
            await client.ask(who, method, where, json=body)
            if body is not None
            else await client.ask(who, method, where)
        )
        # 409 and 422 come from behind the door. 404 does not: what is not for somebody looks as if it was not there.
        inside = answer.status_code in (200, 201, 409, 422)
        assert inside == (who in permitted), (who, answer.status_code, answer.text)
        if not inside:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.status_code == 401 if who == "nobody" else answer.status_code in (403, 404)
        await office.desk.withdraw(hold, "the test is over")
        await waiting


def test_the_table_has_every_route(office: Office) -> None:
    document = build(office).openapi()
    routes = {
        (method.upper(), path.removeprefix("/api/v1"))
        for path, methods in document["paths"].items()
        for method in methods
        if path != "/health"
    }
    assert routes == {(method, path.partition("?")[0]) for method, path, _, _ in TABLE}


def test_what_changes_anything_is_never_a_get(office: Office) -> None:
    verbs = ("kill", "approve", "deny", "revoke", "reload", "issue", "create")
    for path, methods in build(office).openapi()["paths"].items():
        if any(verb in path for verb in verbs):
            assert set(methods) == {"post"}


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic YWRtaW46YWRtaW4=",
        "bearer x",
        "Bearer a.b.c",
        "Bearer vdt_aaaaaaaa_" + "a" * 32,
        "Bearer " + "x" * 20_000,
        "Token abc",
    ],
)
async def test_bad_credentials(client: Client, header: str) -> None:
    answer = await client.get("/api/v1/gateway", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["code"].startswith("identity.")
    if len(header) > 12:
        assert header.split()[-1] not in answer.text


async def test_two_authorization_headers_are_none(client: Client, office: Office) -> None:
    good = f"Bearer {office.token('admin')}"
    answer = await client.get("/api/v1/gateway", headers=[("Authorization", good), ("Authorization", good)])
    assert answer.status_code == 401


async def test_a_token_is_not_taken_from_the_address(client: Client, office: Office) -> None:
    answer = await client.get(f"/api/v1/gateway?access_token={office.token('admin')}")
    assert answer.status_code == 401


async def test_an_expired_token(client: Client, office: Office) -> None:
    text = office.token("admin", ttl=10, now=time.time() - 3600)
    answer = await client.get("/api/v1/gateway", headers={"Authorization": f"Bearer {text}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "identity.expired")


ROLES = {
    "admin": "admin", "operator": "admin", "auditor": "auditor", "approver": "approver", "dba": "owner",
    "owner": "owner", "agent": "agent", "proud-agent": "agent", "service": "agent", "false-operator": "agent",
    "admins-helper": "agent", "lent-admin": "agent",
}  # fmt: skip


@pytest.mark.parametrize(("who", "role"), ROLES.items())
async def test_roles_are_told(client: Client, who: str, role: str) -> None:
    assert (await client.ask(who, "GET", "/self")).json()["role"] == role


async def test_health_needs_no_token_and_says_no_more(client: Client) -> None:
    answer = await client.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
