"""Finding actions: by words and by what they are, newest first, page after page."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.store.actions import Wanted
from vedette.store.follow import _fresh
from vedette.store.search import Words, exactly
from vedette.store.tables import actions

COLUMNS = [column.name for column in actions.columns if column.name != "n"]


def action(number, **more):
    numeric = {"seq": number, "at": 1e9 + number, "rows": 0, "bytes": 0, "masked": 0, "duration": 0.0}
    row = dict.fromkeys(COLUMNS, "") | numeric
    return row | {"id": f"s{number // 10}.{number}", "session": f"s{number // 10}", "verdict": "allow"} | more


@pytest.fixture
async def keep(store):
    async def kept(*rows):
        async with store.writing() as connection:
            await connection.execute(_fresh(actions, store.dialect), list(rows))

    return kept


async def texts(store, **wanted):
    if isinstance(wanted.get("words"), str):
        wanted["words"] = Words.read(wanted["words"])
    return [row.text for row in (await store.actions.find(Wanted(**wanted))).rows]


async def test_words_are_found_wherever_they_stand(store, keep):
    await keep(
        action(1, text="SELECT * FROM customers", principal="vedette#bot"),
        action(2, text="UPDATE customer_notes SET a = 'Zoë said: drop it'", objects="public.customer_notes"),
        action(3, text="rm -rf /srv", resource="bastion", rule="agents/deny-2"),
    )
    assert await texts(store, words="customers") == ["SELECT * FROM customers"]
    assert len(await texts(store, words="customer*")) == 2
    assert await texts(store, words="customer_notes") == ["UPDATE customer_notes SET a = 'Zoë said: drop it'"]
    assert await texts(store, words="zoë drop") == await texts(store, words="customer_notes")
    assert await texts(store, words='"drop it"') == await texts(store, words="customer_notes")
    assert await texts(store, words='"it drop"') == []
    assert await texts(store, words="bastion agents/deny-2") == ["rm -rf /srv"]
    assert await texts(store, words="BOT") == ["SELECT * FROM customers"]
    # Not what only other columns say.
    assert await texts(store, words="allow") == []


@pytest.mark.parametrize(
    "typed", ['customers" OR "x', "customers AND", "NEAR(a b)", "text:customers", "-a", "a:b", "'", "(((a"]
)
async def test_what_is_typed_is_no_query_language(store, keep, typed):
    await keep(action(1, text="SELECT * FROM nothing"))
    try:
        assert await texts(store, words=typed) == []
    except ValueError as error:
        assert "no word" in str(error)


@given(st.text(max_size=40))
def test_no_text_breaks_the_search(typed):
    try:
        match = Words.read(typed).fts()
    except ValueError:
        return
    database = sqlite3.connect(":memory:")
    try:
        columns = "text, objects, principal, resource, rule"
        database.execute(f"CREATE VIRTUAL TABLE s USING fts5({columns})")
        database.execute("SELECT rowid FROM s WHERE s MATCH ?", (match,)).fetchall()
        if (exact := exactly("text", typed)) is not None:
            database.execute("SELECT rowid FROM s WHERE s MATCH ?", (exact,)).fetchall()
    finally:
        database.close()


async def test_what_an_action_is(store, keep):
    await keep(
        action(1, text="a", principal="vedette#bot", effects="read", objects="public.a"),
        action(2, text="b", principal="vedette#bot.2", effects="delete read", objects="public.a public.ab"),
        action(3, text="c", principal="vedette#Bot", verdict="deny", code="policy.denied", rule="p/deny-1"),
        action(4, text="d", approval="hold-1", masked=3, observed="deny p/deny-1", protocol="ssh"),
    )
    assert await texts(store, principal="vedette#bot") == ["a"], "neither longer ones nor other letters"
    assert await texts(store, effect="delete") == ["b"]
    assert await texts(store, object="public.a") == ["b", "a"]
    assert await texts(store, object="public.ab") == ["b"]
    assert await texts(store, object="a") == [], "a name in full"
    assert await texts(store, verdict="deny") == await texts(store, rule="p/deny-1") == ["c"]
    assert await texts(store, code="policy.denied", verdict="deny") == ["c"]
    assert await texts(store, protocol="ssh") == await texts(store, held=True) == ["d"]
    assert await texts(store, masked=True) == await texts(store, observed=True) == ["d"]
    assert await texts(store, held=False, effect="read") == ["b", "a"]
    assert await texts(store, since=1e9 + 2, until=1e9 + 4) == ["c", "b"]
    assert await texts(store, since=1e9 + 2, verdict="allow") == ["d", "b"]
    assert await texts(store, until=1e9 + 2, verdict="allow") == ["a"]
    assert await texts(store, until=1e9, verdict="allow") == []
    assert await texts(store, since=2e9, verdict="allow") == []


@pytest.mark.parametrize("wanted", [Wanted(), Wanted(verdict="allow"), Wanted(words=Words.read("same"))])
async def test_pages_hold_everything_once(store, keep, wanted):
    await keep(*(action(number, at=1e9 + number // 7, text="the same") for number in range(100)))
    found, after, pages = [], None, 0
    while True:
        page = await store.actions.find(wanted, after=after, limit=9)
        found += [row.n for row in page.rows]
        pages += 1
        if page.next is None:
            break
        after = page.next
    assert found == sorted(found, reverse=True)
    assert len(found) == 100
    assert pages == 12


async def test_a_clock_that_was_set_back_hides_nothing(store, keep):
    await keep(
        action(1, text="before", at=1e9 + 500),
        action(2, text="after", at=1e9),
        action(3, text="later", at=1e9 + 600),
    )
    assert await texts(store, since=1e9 + 400, verdict="allow") == ["later", "before"]
    assert await texts(store, until=1e9 + 400, verdict="allow") == ["after"]


async def test_sessions_of_what_is_found(store, keep):
    await keep(*(action(number, text="x" if number % 20 == 3 else "y") for number in range(100)))
    assert await store.actions.sessions(Wanted(words=Words.read("x"))) == ["s8", "s6", "s4", "s2", "s0"]
    assert await store.actions.sessions(Wanted(words=Words.read("x")), limit=2) == ["s8", "s6"]


async def test_what_is_forgotten_is_found_no_more(store, keep):
    await keep(action(1, text="needle", worker="main"))
    async with store.writing() as connection:
        await connection.exec_driver_sql("DELETE FROM actions")
    assert await texts(store, words="needle") == []
    async with store.reading() as connection:
        rows = await connection.exec_driver_sql(
            "SELECT rowid FROM actions_search WHERE actions_search MATCH 'needle'"
        )
        assert rows.all() == []


async def test_by_time(store, keep):
    await keep(
        *(
            action(number, verdict="deny" if number == 5 else "allow", at=1e9 + number * 10)
            for number in range(12)
        )
    )
    assert await store.actions.by_time(1e9, 1e9 + 100, 50.0) == [
        (0, "allow", 5),
        (1, "allow", 4),
        (1, "deny", 1),
    ]
    assert await store.actions.refusals(1e9) == [("", "", 1)]
