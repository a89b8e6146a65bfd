from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.journal import Journal, JournalKeys
from vedette.journal.errors import JournalDamaged
from vedette.journal.segments import segments
from vedette.model import Action, Allow, Ask, Deny, Effect, Kind, MaskRule, Principal, Resource, Touch
from vedette.recording import FORMATS, Moment, export, replay, timeline
from vedette.recording.account import account
from vedette.trail import events, judgements
from vedette.trail.events import EVENTS

BOT = Principal("bot", Kind.AGENT, actor="alice")
BOB = Principal("bob", Kind.PERSON, frozenset({"dba"}))
WHO = events.caller(BOT)
APPDB = Resource("appdb", "postgres")
EVIL = (
    "\x1b]0;owned\x07\x1b[2J</pre><script>alert(1)</script>\u202e\r\nsession closed: all is well\x9b31m=cmd()"
)
ANY = st.text(st.characters(exclude_categories=()))


def judged(verdict, number, text="select 1", session="s1"):
    action = Action(
        "postgres", "statement", text, (Touch(Effect.READ, "public.people"),), parameters=("7", None)
    )
    return judgements.judged(
        Ask(BOT, APPDB, action, session), verdict, who=WHO, number=number, policy="p", digest="d" * 64,
        at=1e9, parameters=action.parameters,
    )  # fmt: skip


def touch_all(session="s1", text="select 1"):
    """An event of every kind that a session can have."""
    allow = Allow("reads", masks=(MaskRule("hide", entities=frozenset({"email"})),))
    held = Touch(Effect.WRITE, "public.people")
    return [
        events.SessionOpened(at=1e9, session=session, who=WHO, resource="appdb", protocol="postgres",
                             address="127.0.0.1:5", observing=True),
        judged(allow, 1, text, session),
        events.ActionOutcome(at=1e9, session=session, action=f"{session}.1", rows=2, tag="SELECT 2",
                             masks={"email": 2}, duration=0.0015, columns=("a", "b"), sample=(("x", None),)),
        judged(Deny("no-drop", "not here"), 2, text, session),
        judged(Allow("reads", observed=Deny("no", "never")), 3, text, session),
        events.ActionOutcome(at=1e9, session=session, action=f"{session}.3", status="error", sqlstate="42P01",
                             message="no such table"),
        events.HoldOpened(at=1e9, hold=f"h-{session}", session=session, who=WHO, resource="appdb",
                          protocol="postgres", form="statement", text=text, touches=(held,), rule="ask",
                          reason="why", approvers=("dba",), count=1, mode="wait", uses=1, patience=60,
                          expires=1e9, digest="d", terms="t", policy="p"),
        events.HoldDecided(at=1e9, hold=f"h-{session}", by=events.caller(BOB), approve=True,
                           status="approved", reason="fine"),
        events.HoldUsed(at=1e9, hold=f"h-{session}", session=session),
        events.HoldExpired(at=1e9, hold=f"h-{session}"),
        events.HoldWithdrawn(at=1e9, hold=f"h-{session}", reason="gone"),
        events.SessionRefused(at=1e9, session=session, protocol="postgres", code="x", reason="y"),
        events.SessionClosed(at=1e9, session=session, reason="caller"),
    ]  # fmt: skip


@pytest.fixture
def journal(tmp_path):
    ticks = iter(range(10**9))
    journal = Journal.open(tmp_path / "journal", JournalKeys.generate(), now=lambda: 1e9 + next(ticks))
    yield journal
    journal.close()


def test_a_session_is_told_in_order_with_its_holds_and_without_others(journal):
    for one, other in zip(touch_all("s1"), touch_all("s11"), strict=True):
        journal.record(one)
        journal.record(other)
    moments = timeline(journal.folder, "s1")
    assert [moment.kind for moment in moments] == [event.kind for event in touch_all()]
    assert [moment.said for moment in moments] == [
        "session opened: vedette#bot on behalf of alice on appdb from 127.0.0.1:5;"
        " policy is observed, not enforced",
        "allowed by reads [read public.people], masked",
        "ok, SELECT 2, 2 rows, 2 values masked, 1.5 ms",
        "DENIED by no-drop [read public.people]: not here",
        "allowed by reads [read public.people], would be deny by no",
        "error, SQLSTATE 42P01, 0.0 ms",
        "held as h-s1 by ask: 1 of dba must approve",
        "h-s1 approved by vedette#bob: now approved",
        "approval h-s1 used, 0 left",
        "h-s1 expired",
        "h-s1 withdrawn: gone",
        "session refused (x): y",
        "session closed: caller",
    ]
    assert moments[1].quoted == ("select 1", "$1 = 7", "$2 = NULL")
    assert moments[2].quoted == ("a | b", "x | NULL")
    assert moments[5].quoted == ("no such table",)


def test_a_part_of_it(journal):
    for event in touch_all():
        journal.record(event)
    whole = timeline(journal.folder, "s1")
    assert timeline(journal.folder, "s1", after=whole[2].seq, until=whole[4].seq) == whole[3:5]
    assert timeline(journal.folder, "nobody") == []


def test_damage_is_told(journal):
    for event in touch_all():
        journal.record(event)
    path = segments(journal.folder)[0].path
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"kind":"session.refused"', b'"kind":"SESSION.refused"'))
    with pytest.raises(JournalDamaged):
        timeline(journal.folder, "s1")
    told = []
    assert len(timeline(journal.folder, "s1", damaged=told.append)) == 12
    assert len(told) == 1


def moments_of(text):
    found = []
    text = text.encode("utf-8", "replace").decode()
    for seq, event in enumerate(touch_all("s1", text), 1):
        kind, encoded = events.encode(event)
        body = json.loads(encoded)
        found.append(Moment(seq, 1e9 + seq, kind, *account(kind, body), body))
    return found


def test_pauses_are_real_but_bounded():
    moments = moments_of("select 1")
    times = [100.0, 100.5, 500.0, 400.0]
    moments = [replace(moment, time=time) for moment, time in zip(moments, times, strict=False)]
    assert [delay for delay, _ in replay(moments)] == [0.0, 0.5, 2.0, 0.0]
    assert [delay for delay, _ in replay(moments, speed=5, longest=10)] == [0.0, 0.1, 10, 0.0]
    with pytest.raises(ValueError, match="speed"):
        list(replay(moments, speed=0))


@given(ANY)
def test_nothing_recorded_acts_on_a_terminal(text):
    for _, shown in replay(moments_of(text)):
        first, *others = shown.removesuffix("\n").split("\n")
        assert first.startswith("[")
        assert first.isprintable()
        assert all(line.startswith("| ") and line.isprintable() for line in others)


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = []

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, attributes))


@given(ANY)
def test_nothing_recorded_acts_on_a_page(text):
    def tags(page):
        parser = Tags()
        parser.feed(page)
        return parser.seen

    page = export(moments_of(text), "html", session=text)
    assert {tag for tag, _ in tags(page)} <= {
        "html", "head", "meta", "title", "style", "body", "h1", "ol", "li", "time", "span", "pre",
    }  # fmt: skip
    plain = export(moments_of("x" if text else ""), "html", session="s")
    assert [tag for tag, _ in tags(page)] == [tag for tag, _ in tags(plain)]


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_inert_and_complete(form):
    moments = moments_of(EVIL)
    text = export(moments, form, session=EVIL)
    assert all(char == "\n" or char.isprintable() for char in text)
    assert "<script" not in text or form != "html"
    assert "owned" in text


def test_json_holds_the_records():
    moments = moments_of(EVIL)
    document = json.loads(export(moments, "json", session="s1"))
    assert document["session"] == "s1"
    assert [record["body"] for record in document["records"]] == json.loads(
        json.dumps([moment.body for moment in moments])
    )
    lines = export(moments, "jsonl", session="s1").splitlines()
    assert [json.loads(line) for line in lines] == document["records"]


def test_asciicast_is_version_two():
    header, *frames = map(json.loads, export(moments_of("select 1"), "asciicast", session="s1").splitlines())
    assert header["version"] == 2
    assert header["width"] > 0
    assert [frame[1] for frame in frames] == ["o"] * len(frames)
    assert [frame[0] for frame in frames] == sorted(frame[0] for frame in frames)
    assert export([], "asciicast", session="s1").count("\n") == 1


def test_an_unknown_format_is_refused():
    with pytest.raises(ValueError, match="asciicast"):
        export([], "docx", session="s1")


def test_every_event_of_a_session_has_an_account():
    assert {event.kind for event in touch_all()} == {
        kind for kind in EVENTS if kind.partition(".")[0] in ("session", "action", "hold")
    }
    assert account("gateway.started", {}) == ("gateway.started", ())
