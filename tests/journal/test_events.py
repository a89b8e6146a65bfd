from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.model import (
    Action,
    Allow,
    Ask,
    Deny,
    Effect,
    Hold,
    Kind,
    Limit,
    MaskRule,
    Principal,
    Resource,
    Touch,
)
from vedette.trail import events, judgements
from vedette.trail.events import EVENTS, ActionJudged, decode, encode

PAGE = (Path(__file__).parents[2] / "docs" / "journal.md").read_text()
BOT = Principal("bot", Kind.AGENT, frozenset({"b", "a"}), actor="alice", credential="jti-1")
ACTION = Action(
    "postgres", "statement", "select 'é'", (Touch(Effect.READ, "public.people"), Touch(Effect.UNKNOWN)),
    parameters=("7", None), state=(("role", "app"),), reason="a DO body",
)  # fmt: skip
ASK = Ask(BOT, Resource("appdb", "postgres"), ACTION, "s1")


def judged(verdict, **more):
    return judgements.judged(
        ASK, verdict, who=events.caller(BOT), number=3, policy="p", digest="d" * 64, at=1e9, **more
    )


@pytest.mark.parametrize("name", EVENTS)
def test_each_event_is_documented_with_all_its_fields(name):
    row = re.search(rf"^\| `{re.escape(name)}` \| (.*) \|$", PAGE, re.MULTILINE)
    assert row, f"docs/journal.md has no row for {name}"
    fields = {field.encode_name for field in msgspec.structs.fields(EVENTS[name])} - {"at"}
    said = set(re.findall(r"`([a-z_0-9]+)`", row[1]))
    assert fields <= said, fields - said


def test_no_event_is_documented_that_there_is_not():
    rows = re.findall(r"^\| `([a-z]+\.[a-z]+)` \|", PAGE, re.MULTILINE)
    assert sorted(rows) == sorted(EVENTS)


def test_a_judged_action_says_it_all():
    allow = Allow(
        "reads", (MaskRule("m", entities=frozenset({"email"})),), (Limit("l", rows=1),),
        observed=Hold("ask", "why"), approval="hodil-bakum",
    )  # fmt: skip
    kind, body = encode(judged(allow, parameters=ACTION.parameters))
    assert kind == "action.judged"
    assert msgspec.json.decode(body) == {
        "v": 1, "at": 1e9, "session": "s1", "action": "s1.3",
        "who": {"principal": "vedette#bot", "kind": "agent", "groups": ["a", "b"], "actor": "alice",
                "credential": "jti-1"},
        "resource": "appdb", "protocol": "postgres", "form": "statement", "digest": "d" * 64,
        "verdict": "allow", "rule": "reads", "policy": "p",
        "touches": [
            {"effect": "read", "object": "public.people", "resolved": True, "implied": False},
            {"effect": "unknown", "object": "", "resolved": True, "implied": False},
        ],
        "text": "select 'é'", "parameters": ["7", None], "approval": "hodil-bakum",
        "observed": {"verdict": "hold", "rule": "ask", "reason": "why"},
        "masks": ["m"], "limits": ["l"], "state": [["role", "app"]], "unread": "a DO body",
    }  # fmt: skip


def test_a_denied_action_says_why():
    event = judged(Deny("no-drop", "not here", code="policy.denied"), text="", shape="select ?")
    body = msgspec.json.decode(encode(event)[1])
    assert (body["verdict"], body["reason"], body["code"]) == ("deny", "not here", "policy.denied")
    assert body["shape"] == "select ?"
    assert "text" not in body
    assert "parameters" not in body


def test_a_body_never_breaks_the_line():
    event = judged(Allow("x"), text='a\n\r\x00\u2028"}')
    body = encode(event)[1]
    assert b"\n" not in body
    back = decode("action.judged", msgspec.json.decode(body))
    assert back == msgspec.structs.replace(event, touches=ACTION.touches)


def test_what_has_no_form_in_utf8_cannot_be_encoded():
    with pytest.raises(UnicodeEncodeError):
        encode(judged(Allow("x"), text="\udcff"))


def test_what_is_touched_is_encoded_anew_for_other_touches(monkeypatch):
    monkeypatch.setattr(judgements, "_MAX_TOUCHES", 2)
    for number in range(5):
        action = Action("p", "k", "t", (Touch(Effect.READ, f"t{number}"),))
        ask = Ask(BOT, ASK.resource, action)
        event = judgements.judged(
            ask, Allow("x"), who=events.caller(BOT), number=1, policy="", digest="", at=0.0
        )
        body = msgspec.json.decode(encode(event)[1])
        assert [touch["object"] for touch in body["touches"]] == [f"t{number}"]


def test_another_schema_version_is_not_taken_for_this_one():
    body = msgspec.json.decode(encode(judged(Allow("x")))[1])
    with pytest.raises(msgspec.ValidationError):
        decode("action.judged", body | {"v": 2})
    with pytest.raises(KeyError):
        decode("action.unheard", body)


def test_observing_a_refusal():
    assert judgements.observed(Deny("no", "why")).verdict == "deny"
    assert judgements.observed(None) is None
    assert isinstance(judged(Allow("x", observed=Deny("no", "why"))), ActionJudged)


def test_a_change_of_configuration_says_before_and_after():
    change = events.ConfigChanged(
        at=1e9, by="vedette#ann", what="key", name="vk_1", before=None,
        after={"subject": "bot", "groups": ("a", "b"), "expires": 2e9, "person": False, "note": None},
    )  # fmt: skip
    kind, body = encode(change)
    assert kind == "config.changed"
    said = msgspec.json.decode(body)
    assert "before" not in said
    assert said["after"]["groups"] == ["a", "b"]
    assert decode(kind, said) == change


@given(
    at=st.floats(0, 4e9),
    number=st.integers(1, 10**9),
    text=st.text(max_size=80).filter(lambda text: text.isprintable() or "\x01" not in text),
    parameters=st.none() | st.lists(st.none() | st.text(max_size=9), max_size=4).map(tuple),
)
def test_a_record_from_the_mould_is_the_record(at, number, text, parameters):
    ask = Ask(
        Principal("agent-1", Kind.AGENT, frozenset({"a", "b"}), actor='"x"'),
        Resource("appdb", "postgres"),
        Action(
            "postgres", "statement", "never shown", (Touch(Effect.READ, "public.t"),), state=(("role", "r"),)
        ),
        "s1",
    )
    allow = Allow("rule", masks=(MaskRule("m", columns=("*.t.c",)),), limits=(Limit("l", rows=1),))
    who = events.caller(ask.principal)
    plain = judgements.judged(
        ask, allow, who=who, number=number, policy="p", digest="0f", at=at, text=text, parameters=parameters
    )
    kind, body = judgements.Mould(ask, allow, who, "p").record(at, f"s1.{number}", "0f", text, parameters)
    assert events.decode(kind, msgspec.json.decode(body)) == events.decode(
        plain.kind, msgspec.json.decode(events.encode(plain)[1])
    )
    assert b"\n" not in body


def test_what_holds_the_marks_of_the_mould_is_refused():
    ask = Ask(
        Principal("agent\x01\x02", Kind.AGENT),
        Resource("x", "postgres"),
        Action("postgres", "s", "", ()),
        "s",
    )
    with pytest.raises(ValueError, match="marks"):
        judgements.Mould(ask, Allow("\x01\x02"), events.caller(ask.principal), "p")
