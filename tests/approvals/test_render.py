from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.approvals.conftest import ASK, HOLD
from vedette.approvals import describe
from vedette.approvals.digest import digest
from vedette.approvals.names import sayable
from vedette.approvals.render import block, visible
from vedette.model import Effect, Touch

ANY = st.text(st.characters(exclude_categories=()))
EVIL = "drop table x;\nStatus: approved\r\n\x1b[2JRule: none\u202e\u2028Effects: read\x9b1m\u200b\ufeff"


async def shown(office, park, **changes):
    desk = office.desk()
    ask = replace(ASK, action=replace(ASK.action, **changes))
    _, name = await park(desk, ask=ask)
    return describe(await desk.get(name))


async def test_effects_and_objects_come_first_and_the_text_last(office, park):
    labels = [label for label, _ in await shown(office, park)]
    assert labels[:2] == ["Effects", "Objects"]
    assert labels[-2:] == ["Action (statement), as the caller wrote it", "Parameter 1"]


async def test_nothing_an_agent_writes_looks_like_the_gateway_s_words(office, park):
    given = {
        "text": EVIL,
        "parameters": (EVIL, None),
        "state": (("application_name", EVIL),),
        "preview": EVIL,
    }
    rows = await shown(office, park, **given)
    for label, text in rows:
        assert label.isprintable()
        for line in text.split("\n"):
            assert line.isprintable()
            if line is not text:
                assert line.startswith("| ")
    printed = "\n".join(f"{label}: {text}" for label, text in rows)
    assert printed.count("\nStatus: ") == 1


async def test_what_it_would_do_is_shown_and_binds_nothing(office, park):
    rows = dict(await shown(office, park, preview="- 2\n+ 0"))
    assert rows["What it would do, as the gateway found it"] == "| - 2\n| + 0"
    assert "What it would do, as the gateway found it" not in dict(await shown(office, park))
    assert digest(replace(ASK, action=replace(ASK.action, preview="another")), "p") == digest(ASK, "p")


async def test_a_name_cannot_pass_for_a_list_of_names(office, park):
    rows = dict(await shown(office, park, touches=(Touch(Effect.DESTROY, 'public.a", read public.b'),)))
    assert rows["Objects"] == '"public.a\\", read public.b"'
    assert rows["Effects"] == 'destroy "public.a\\", read public.b"'


@given(ANY)
def test_visible_text_is_one_printable_line(text):
    assert visible(text).isprintable()


@given(ANY)
def test_no_line_of_a_block_stands_alone(text):
    assert all(line.startswith("| ") and line.isprintable() for line in block(text).split("\n"))


def test_plain_text_stays_as_it_is():
    assert visible("select 'naïve – 東京'") == "select 'naïve – 東京'"
    assert visible("a\u00a0b") == "a\\xa0b"


def test_names_can_be_said():
    names = {sayable() for _ in range(500)}
    assert len(names) == 500
    assert all(len(name) == 11 and name[5] == "-" for name in names)
    assert HOLD.rule
