"""What callers ask for, as policy sees it; what `policy explain` says of it without a host."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import yaml

from vedette.config import load
from vedette.explain import explain
from vedette.model import Action, Allow, Deny, Effect, Kind, Limit, Principal, Touch
from vedette.protocols.ssh import actions, words
from vedette.protocols.ssh.door import Claim, claimed
from vedette.protocols.ssh.meter import Meter

CONFIG = """\
resources:
  bastion:
    protocol: ssh
    upstream: {host: h, host_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f}
    login: {user: deploy, key: {file: id}}
policies:
  - name: agents
    rules:
      - allow: {effects: [read]}
"""
AGENT = Principal("bot", Kind.AGENT)
METADATA: list[str] = yaml.safe_load(
    (Path(__file__).parents[1] / "refusals" / "addresses_must_stop.yaml").read_text()
)


def test_commands_are_explained_as_commands(tmp_path: Path) -> None:
    file = tmp_path / "vedette.yaml"
    file.write_text(CONFIG)
    settings = load(file, {})
    action, found = explain(settings, AGENT, "bastion", "cat /etc/hosts")
    assert (action.protocol, action.kind) == ("ssh", "exec")
    assert Touch(Effect.READ, "file:/etc/hosts") in action.touches
    assert isinstance(found.decision.verdict, Allow)
    for text in ("rm -rf /srv", "SELECT 1 FROM $x", "cat a\0b", 'eval "$X"'):
        _, found = explain(settings, AGENT, "bastion", text)
        assert isinstance(found.decision.verdict, Deny), text


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({b"LANG": b"de_DE.UTF-8", b"LC_TIME": b"C", b"TZ": b"Europe-x"}, {"LANG", "LC_TIME", "TZ"}),
        (
            {b"LANG": b"../x", b"LC_ALL": b"a b", b"TZ": b"/etc/x", b"GIT_PROTOCOL": b"version=2"},
            {"GIT_PROTOCOL"},
        ),
        ({b"LANG\n": b"C", b"lang": b"C", b"LC_": b"C", b"LC_all": b"C", b"LANG": b"C" * 65}, set()),
        ({b"\xff": b"x", b"LANG": b"\xff"}, set()),
    ],
)
def test_what_of_the_environment_goes_on(sent: dict[bytes, bytes], kept: set[str]) -> None:
    assert set(actions.admitted(sent)) == kept


def test_what_is_approved_is_bound_to_login_and_environment() -> None:
    assert actions.state("deploy", {"LANG": "C"}) == (("env.LANG", "C"), ("login", "deploy"))


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("DB.Internal.", "host:db.internal:1"),
        ("db..", "host:db:1"),
        ("::1", "host:::1:1"),
        ("0:0::0001", "host:::1:1"),
        ("10.0.0.1", "host:10.0.0.1:1"),
        *((spelling, "host:169.254.169.254:1") for spelling in METADATA),
    ],
)
def test_where_a_forward_leads(host: str, name: str) -> None:
    assert actions.forward(host, 1, "u").touches == (Touch(Effect.EXPORT, name),)


@pytest.mark.parametrize(
    ("host", "port"),
    [
        *((host, 1) for host in ("a b", "", "a/b", "é", "a\n", ".", "::g", "a:1")),
        *((host, 1) for host in ("08.1", "256.1.1.1", "4294967296", "1.2.3.4.5", "db.0x")),
        ("a", 0),
        ("a", 65536),
    ],
)
def test_where_none_leads(host: str, port: int) -> None:
    with pytest.raises(actions.Unreadable):
        actions.forward(host, port, "u")


@pytest.mark.parametrize(
    ("user", "claim"),
    [
        ("bastion", Claim("bastion")),
        ("deploy%bastion", Claim("bastion", "deploy")),
        ("a%b%bastion", None),
        ("%bastion", None),
        ("deploy%", None),
        ("-x", None),
        ("a" * 64, None),
        ("bastion\n", None),
    ],
)
def test_what_a_user_name_asks_for(user: str, claim: Claim | None) -> None:
    assert claimed(user) == claim


def test_a_refusal_is_one_line_that_no_terminal_acts_upon() -> None:
    said = words.refusal(Deny("p/r\x1b[2J", "no\r\nvedette: allowed \u202e", "ask", "policy.denied"))
    assert said.count(b"\n") == 1
    assert said.endswith(b"\r\n")
    assert b"\x1b" not in said
    assert "\u202e".encode() not in said
    assert len(words.line("x" * 10_000)) < 1100


def test_limits_are_counted_per_rule_over_a_session() -> None:
    passed: dict[str, list[int]] = {}
    limits = (Limit("rows", rows=3), Limit("size", bytes=10, per="action"))
    first = Meter(limits, passed)
    assert first.permits(b"1\n2\n")
    assert not Meter(limits, passed).permits(b"3\n4\n"), "two more lines are over three"
    second = Meter(limits, passed)
    assert second.permits(b"123456789\n")
    assert not second.permits(b"x"), "ten bytes are the most of an action"
    assert (second.reached, first.reached) == ("size", "")
    assert not second.permits(b""), "nothing passes from then on"


async def test_a_long_command_is_read_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = list[threading.Thread]()

    def noting(text: str, state: actions.State) -> Action:
        threads.append(threading.current_thread())
        return command(text, state)

    command = actions.command
    monkeypatch.setattr(actions, "command", noting)
    short, long = "cat /etc/hosts", f"cat /etc/hosts {'x' * actions.READ_AT_ONCE}"
    first, second = await actions.asked(short, ()), await actions.asked(long, ())
    assert threads[0] is threading.current_thread()
    assert threads[1] is not threading.current_thread()
    assert (first, second) == (command(short, ()), command(long, ()))
    with pytest.raises(actions.Unreadable):
        await actions.asked(long + "\0", ())
