"""Lists: what they can be asked for, page after page, and as files."""

from __future__ import annotations

import csv
import io
import json
import time

import pytest

from tests.api.conftest import Client, Office
from vedette.api import guard
from vedette.api.export import row
from vedette.model import Kind
from vedette.store.grants import Grant
from vedette.store.people import Person
from vedette.trail import events

LISTS = (
    *("sessions", "actions", "approvals?status=all", "tokens", "keys", "blocks", "people", "accounts"),
    *("grants", "identities", "resources", "audit", "changes", "sessions/s-1/records"),
)


async def everything(client: Client, path: str, limit: int) -> list[dict[str, object]]:
    """All pages of a list, one after another."""
    mark = "&" if "?" in path else "?"
    name = "after" if path.startswith(("audit", "sessions/")) else "cursor"
    found: list[dict[str, object]] = []
    next_: object = None
    while True:
        more = f"&{name}={next_}" if next_ is not None else ""
        page = (await client.ask("auditor", "GET", f"/{path}{mark}limit={limit}{more}")).json()
        assert len(page["items"]) <= limit
        found += page["items"]
        next_ = page["next"]
        if next_ is None:
            return found


@pytest.fixture
async def filled(client: Client, office: Office) -> None:
    now = time.time()
    for number in range(1, 4):
        await office.session(f"s-{number}", at=now + number, subject=f"bot{number}")
        await office.store.people.add(Person(f"p{number}", frozenset(), 1.0))
        await office.store.grants.add(Grant(f"g{number}", f"p{number}", "vedette", "", now, now + 60), None)
        await client.ask("admin", "POST", "/blocks", json={"id": f"vedette#x{number}"})
        await client.ask("admin", "POST", "/keys", json={"name": f"k{number}", "subject": "x"})
        await client.ask("admin", "POST", "/tokens", json={"subject": f"t{number}"})
        await client.ask("admin", "POST", "/accounts", json={"name": f"a{number}"})
        hold, waiting = await office.ask(text=f"UPDATE payments SET a = {number}")
        await office.desk.withdraw(hold, "over")
        await waiting
    await office.index()


@pytest.mark.parametrize("path", LISTS)
async def test_pages_and_files_hold_the_same(client: Client, filled: None, path: str) -> None:
    whole = await everything(client, path, 500)
    assert len(whole) >= (0 if path == "resources" else 3)
    assert await everything(client, path, 2) == whole
    mark = "&" if "?" in path else "?"
    lines = await client.ask("auditor", "GET", f"/{path}{mark}format=jsonl&limit=1")
    assert lines.headers["content-type"] == "application/jsonl"
    assert lines.headers["content-disposition"].startswith('attachment; filename="')
    assert [json.loads(line) for line in lines.text.splitlines()] == whole
    table = await client.ask("auditor", "GET", f"/{path}{mark}format=csv")
    assert table.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(table.text, newline="")))
    assert len(rows) == len(whole)
    assert not rows or list(rows[0]) == list(whole[0])


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "cursor", ["x", "bm8", "W10", "WyJhIl0", "W05hTiwxXQ", "WzFlOTk5LCJhIiwxXQ", "W1tbW1tb" * 20, "é"]
)
async def test_a_cursor_that_is_none(client: Client, filled: None, path: str, cursor: str) -> None:
    if path in ("audit", "sessions/s-1/records"):
        return  # numbers, which the schema checks
    if path == "resources" or (cursor == "WyJhIl0" and path in ("people", "accounts")):
        return  # nothing there for an auditor; and a name is all that these go by
    mark = "&" if "?" in path else "?"
    answer = await client.ask("auditor", "GET", f"/{path}{mark}cursor={cursor}")
    assert (answer.status_code, answer.json()["code"]) == (400, "cursor.invalid")


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =cmd|' /C calc'!A0", "\uff1d1", "\0=1", "\n=1"],
)
def test_a_cell_is_never_a_formula(cell: str) -> None:
    (found,) = next(csv.reader(io.StringIO(row([cell]), newline="")))
    assert found.startswith("'")
    assert "\0" not in found


def test_cells_are_what_they_were() -> None:
    values = ['a "b", c\nd', None, True, -3, 1.5, ["=x"], {"a": "é"}, ""]
    (found,) = csv.reader(io.StringIO(row(values), newline=""))
    assert found == ['a "b", c\nd', "", "true", "-3", "1.5", '["=x"]', '{"a":"\\u00e9"}', ""]


async def test_actions_are_searched(client: Client, office: Office) -> None:
    await office.session("s-1")
    await office.session("s-2", subject="other")

    async def found(query: str) -> list[tuple[str, str]]:
        answer = await client.ask("auditor", "GET", f"/actions?{query}")
        assert answer.status_code == 200, answer.text
        return [(each["session"], each["text"]) for each in answer.json()["items"]]

    assert await found("q=drop") == [("s-2", "DROP TABLE t"), ("s-1", "DROP TABLE t")]
    assert await found("q=drop other") == [("s-2", "DROP TABLE t")]
    assert await found("q=drop&principal=vedette%23bot") == [("s-1", "DROP TABLE t")]
    assert await found("session=s-1&verdict=allow") == [("s-1", "SELECT 1")]
    assert await found("effect=read&object=public.t&since=0") == await found("")
    assert await found("effect=write") == []
    answer = await client.ask("auditor", "GET", "/actions?q=%25%25")
    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")
    ids = (await client.ask("auditor", "GET", "/sessions?q=select")).json()["items"]
    assert [each["id"] for each in ids] == ["s-2", "s-1"]
    assert (await client.ask("auditor", "GET", "/sessions?q=nothing")).json()["items"] == []
    assert (await client.ask("auditor", "GET", "/sessions?object=public.t&denied=false")).json()[
        "items"
    ] == []


async def test_a_search_shows_nobody_elses_sessions(client: Client, office: Office) -> None:
    await office.session("s-1", actor="olaf")
    await office.session("s-2")
    found = (await client.ask("owner", "GET", "/sessions?q=select")).json()["items"]
    assert [each["id"] for each in found] == ["s-1"]
    assert (await client.ask("owner", "GET", "/actions?q=select")).status_code == 403


async def test_an_export_has_longer_than_a_page(office: Office) -> None:
    made = guard.Guard(lambda *_: None, seconds=1.0)  # type: ignore[arg-type,return-value]
    scope = {"path": "/api/v1/actions", "method": "GET", "query_string": b"q=x&format=csv"}
    assert made._limit(scope) == guard.EXPORT_SECONDS
    assert made._limit(scope | {"query_string": b"format=json"}) == 1.0
    assert made._limit(scope | {"method": "POST"}) == 1.0


async def test_changes(client: Client, office: Office) -> None:
    await client.ask("admin", "POST", "/blocks", json={"id": "vedette#x", "reason": "too curious"})
    office.journal.record(
        events.LoginRefused(at=time.time(), how="api", code="identity.expired", reason="over")
    )
    await office.index()
    refused, blocked = (await client.ask("auditor", "GET", "/changes")).json()["items"]
    assert (refused["kind"], refused["what"]) == ("login.refused", "login")
    assert (blocked["by"], blocked["what"], blocked["name"]) == ("vedette#ada", "block", "vedette#x")
    assert blocked["body"]["after"] == {"until": None, "reason": "too curious"}
    only = (
        await client.ask("auditor", "GET", "/changes?kind=config.changed&what=block&by=vedette%23ada")
    ).json()
    assert only["items"] == [blocked]
    assert (await client.ask("auditor", "GET", "/changes?kind=nonsense")).status_code == 422


async def test_what_was_decided_before_is_shown(client: Client, office: Office) -> None:
    before, waiting = await office.ask(text="UPDATE payments SET a = 1")
    await client.ask("dba", "POST", f"/approvals/{before}/deny", json={"reason": "never on a Friday"})
    await waiting
    hold, waiting = await office.ask(text="UPDATE payments SET a = 2")
    (found,) = (await client.ask("dba", "GET", f"/approvals/{hold}/similar")).json()["items"]
    assert (found["id"], found["decisions"][0]["reason"]) == (before, "never on a Friday")
    assert (await client.ask("person", "GET", f"/approvals/{hold}/similar")).status_code == 404
    await office.desk.withdraw(hold, "over")
    await waiting


async def test_overview(client: Client, office: Office) -> None:
    await office.session("s-1", live=True, actor="olaf")
    await office.session("s-2", subject="other")
    hold, waiting = await office.ask(session="s-1", actor="olaf")
    found = (await client.ask("auditor", "GET", "/overview")).json()
    assert (found["live_sessions"], found["pending"]) == (1, 1)
    assert (sum(slot["allow"] for slot in found["slots"]), sum(slot["deny"] for slot in found["slots"])) == (
        2,
        2,
    )
    assert {each["principal"]: each["denied"] for each in found["identities"]} == {
        "vedette#bot": 1,
        "vedette#other": 1,
    }
    assert [(each["approvers"], each["count"]) for each in found["waiting"]] == [("dba", 1)]
    assert {each["principal"] for each in found["refusals"]} == {"vedette#bot", "vedette#other"}
    assert (await client.ask("dba", "GET", "/overview")).json()["yours"] == 1
    own = (await client.ask("owner", "GET", "/overview")).json()
    assert [each["principal"] for each in own["identities"]] == ["vedette#bot"]
    assert (own["slots"], own["refusals"], own["pending"]) == ([], [], 1)
    await office.desk.withdraw(hold, "over")
    await waiting


async def test_ending_a_sign_in(client: Client, office: Office) -> None:
    now = time.time()
    await office.store.people.add(Person("sam", frozenset(), 1.0))
    await office.store.grants.add(Grant("g", "sam", "vedette", "", now, now + 60), None)
    record = office.tokens.issue("sam", Kind.PERSON, [], 600, now=now, owner="vedette#sam", grant="g").record
    await office.store.tokens.add(record)
    assert (await client.ask("admin", "POST", "/grants/g/revoke", json={})).json()["revoked"] is True
    assert record.id in office.revocations.ids
    assert (await client.ask("auditor", "GET", "/grants")).json()["items"][0]["revoked"] >= now
    again = await client.ask("admin", "POST", "/grants/g/revoke", json={})
    assert (again.status_code, again.json()["code"]) == (409, "grant.revoked")
    assert (await client.ask("admin", "POST", "/grants/none/revoke", json={})).status_code == 404
