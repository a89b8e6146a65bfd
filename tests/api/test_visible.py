"""Of what many have, each sees its own: agents themselves, people their agents, and nobody a namesake's."""

from __future__ import annotations

import time

import pytest

from tests.api.conftest import PEOPLE, Client, Office
from vedette.api.access import Visitor
from vedette.model import Kind, Principal
from vedette.store.whose import Whose

CORP = "https://login.example.com/realms/corp"
OLAF = Principal("olaf", Kind.PERSON)
BOT = Principal("bot", Kind.AGENT)

# (principal, actor) of some work -> whether the person vedette#olaf owns it.
OWNED = [
    ("vedette#olaf", "", True),
    ("vedette#bot", "olaf", True),
    ("vedette#bot", "vedette#olaf", True),
    (f"{CORP}#bot", "vedette#olaf", True),
    (f"{CORP}#bot", "olaf", False),
    (f"{CORP}#olaf", "", False),
    ("vedette2#bot", "olaf", False),
    ("VEDETTE#bot", "olaf", False),
    ("vedette#bot", "OLAF", False),
    ("vedette#bot", "ola", False),
    ("vedette#bot", "ol%", False),
    ("vedette#bot", f"{CORP}#olaf", False),
    ("vedette#bot", "", False),
]


@pytest.mark.parametrize(("principal", "actor", "owned"), OWNED)
def test_what_a_person_owns(principal: str, actor: str, owned: bool) -> None:
    who = Visitor(OLAF, reads=False, rules=False)
    assert who.owns(principal, actor) is owned
    assert who.sees(principal, actor) is owned
    assert Visitor(OLAF, reads=True, rules=False).sees(principal, actor)


@pytest.mark.parametrize(
    "who",
    [
        Principal("olaf", Kind.AGENT),
        Principal("olaf", Kind.SERVICE),
        Principal("olaf", Kind.PERSON, actor="hal"),
        Principal("olaf", Kind.PERSON, resources=frozenset({"appdb"})),
    ],
)
def test_who_is_not_here_as_itself_owns_nothing(who: Principal) -> None:
    visitor = Visitor(who, reads=False, rules=False)
    assert [visitor.owns(principal, actor) for principal, actor, _ in OWNED] == [False] * len(OWNED)
    assert visitor.sees("vedette#olaf", "")
    assert not visitor.sees("vedette#bot", "olaf")


async def test_the_store_and_the_door_agree(office: Office) -> None:
    for number, (principal, actor, _) in enumerate(OWNED):
        issuer, _, subject = principal.rpartition("#")
        await office.session(f"s-{number:02}", subject=subject, issuer=issuer, actor=actor or None)
    for who, owns in (
        (OLAF, True),
        (OLAF, False),
        (BOT, False),
        (Principal("x", Kind.PERSON, issuer=CORP), True),
    ):
        found = await office.store.sessions.find(whose=Whose(who, owns))
        door = Visitor(who, reads=False, rules=False)
        check = door.owns if owns else lambda principal, actor, door=door: door.is_(principal)
        expected = {f"s-{n:02}" for n, (principal, actor, _) in enumerate(OWNED) if check(principal, actor)}
        assert {row.id for row in found} == expected


async def test_lists_hold_what_is_ones_own(client: Client, office: Office) -> None:
    await office.session("by-bot", actor="olaf")
    await office.session("by-bot-alone")
    await office.session("by-other", subject="other", actor="sam")
    await office.session("far", issuer=CORP, actor="olaf")

    async def seen(who: str) -> set[str]:
        return {each["id"] for each in (await client.ask(who, "GET", "/sessions")).json()["items"]}

    everything = {"by-bot", "by-bot-alone", "by-other", "far"}
    expected = {"admin": everything, "auditor": everything, "operator": everything, "agent": {"by-bot", "by-bot-alone"},
                "owner": {"by-bot"}, "person": {"by-other"}}  # fmt: skip
    for who in PEOPLE:
        assert await seen(who) == expected.get(who, set()), who
    asked = await client.ask("owner", "GET", "/sessions?principal=vedette%23other")
    assert asked.json()["items"] == [], "a filter widens nothing"


async def test_pages_of_ones_own(client: Client, office: Office) -> None:
    for number in range(6):
        await office.session(f"s-{number}", at=1e9 + number, actor="olaf" if number % 2 else "sam")
    first = (await client.ask("owner", "GET", "/sessions?limit=2")).json()
    rest = (await client.ask("owner", "GET", f"/sessions?limit=2&cursor={first['next']}")).json()
    assert [each["id"] for each in first["items"] + rest["items"]] == ["s-5", "s-3", "s-1"]
    assert rest["next"] is None


async def test_people_see_the_tokens_of_their_agents_and_can_take_them_back(
    client: Client, office: Office
) -> None:
    now = time.time()

    async def issued(subject: str, kind: Kind, actor: str | None = None, owner: str = "") -> str:
        record = office.tokens.issue(subject, kind, [], 600, actor, now=now, owner=owner).record
        await office.store.tokens.add(record)
        return record.id

    lent = await issued("bot", Kind.AGENT, "olaf", "vedette#olaf")
    own = await issued("olaf", Kind.PERSON)
    acting = await issued("bot", Kind.AGENT, "olaf")
    far = await issued("bot", Kind.AGENT, f"{CORP}#olaf", f"{CORP}#olaf")
    others = await issued("bot", Kind.AGENT, "sam", "vedette#sam")

    listed = (await client.ask("owner", "GET", "/tokens")).json()["items"]
    assert {each["id"] for each in listed} == {lent, own, acting}
    assert len((await client.ask("auditor", "GET", "/tokens")).json()["items"]) == 5
    for name, status in ((lent, 200), (far, 404), (others, 404)):
        answer = await client.ask("owner", "POST", f"/tokens/{name}/revoke", json={})
        assert answer.status_code == status
    assert office.revocations.ids == {lent}
    auditor = await client.ask("auditor", "POST", f"/tokens/{others}/revoke", json={})
    assert auditor.status_code == 403


async def test_people_end_the_sessions_of_their_agents_and_no_others(client: Client, office: Office) -> None:
    await office.session("mine", actor="olaf", live=True)
    await office.session("other", actor="sam", live=True)
    for name, status in (("mine", 200), ("other", 404), ("none", 404)):
        answer = await client.ask("owner", "POST", f"/sessions/{name}/kill", json={"reason": "stop"})
        assert answer.status_code == status
    assert office.live.killed == [("mine", "killed by vedette#olaf: stop")]
    for who in ("agent", "auditor", "approver"):
        assert (await client.ask(who, "POST", "/sessions/other/kill", json={})).status_code in (403, 404)
    assert "other" in office.live.sessions


async def test_who_asks_sees_the_hold_and_what_became_of_it(client: Client, office: Office) -> None:
    hold, waiting = await office.ask()
    for who in ("agent", "approver", "dba"):
        assert [each["id"] for each in (await client.ask(who, "GET", "/approvals")).json()["items"]] == [hold]
    shown = (await client.ask("agent", "GET", f"/approvals/{hold}")).json()
    assert (shown["status"], shown["yours"]) == ("pending", False)
    for who in ("agent", "approver", "owner"):
        answer = await client.ask(who, "POST", f"/approvals/{hold}/approve", json={})
        assert answer.status_code in (403, 404), who
    await client.ask("dba", "POST", f"/approvals/{hold}/deny", json={"reason": "not today"})
    await waiting
    shown = (await client.ask("agent", "GET", f"/approvals/{hold}")).json()
    assert (shown["status"], shown["decisions"][0]["reason"]) == ("denied", "not today")
