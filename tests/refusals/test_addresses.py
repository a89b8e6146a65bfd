"""However an address is written, the rule that denies it holds: for SSH forwards and for commands."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from vedette.model import Action, Ask, Deny, Kind, Principal, Resource
from vedette.policy import Marks, compile_policies
from vedette.protocols.ssh import actions

ROWS: list[str] = yaml.safe_load((Path(__file__).parent / "addresses_must_stop.yaml").read_text())
POLICY: Mapping[str, Any] = {
    "name": "open-but-one",
    "rules": [
        {"allow": {"effects": ["read", "export"]}},
        {"deny": {"objects": ["host:169.254.169.254:*"]}, "name": "metadata"},
    ],
}
AGENT, HOST = Principal("bot", Kind.AGENT), Resource("bastion", "ssh")


def _asked(row: str) -> list[Action]:
    state = actions.state("u", {})
    url = f"[{row}]" if ":" in row else row
    return [actions.forward(row, 80, "u"), actions.command(f"curl http://{url}/latest/", state)]


@pytest.mark.parametrize("row", ROWS)
def test_every_spelling_is_denied(row: str) -> None:
    policy = compile_policies([dict(POLICY)], Marks("addresses.yaml")).for_session(AGENT, HOST)
    for action in _asked(row):
        verdict = policy.decide(Ask(AGENT, HOST, action)).verdict
        assert isinstance(verdict, Deny), action.objects
        assert verdict.rule.endswith("/metadata"), action.objects


@pytest.mark.parametrize("row", [row for row in ROWS if not row.endswith(".")])
def test_each_would_reach_it(row: str) -> None:
    found = socket.getaddrinfo(row, 80, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    (address,) = {ipaddress.ip_address(each[4][0]) for each in found}
    if isinstance(address, ipaddress.IPv6Address):
        assert address.ipv4_mapped == ipaddress.ip_address("169.254.169.254")
    else:
        assert address == ipaddress.ip_address("169.254.169.254")


def test_other_places_are_let_through() -> None:
    policy = compile_policies([dict(POLICY)], Marks("addresses.yaml")).for_session(AGENT, HOST)
    verdict = policy.decide(Ask(AGENT, HOST, actions.forward("169.254.169.253", 80, "u"))).verdict
    assert not isinstance(verdict, Deny)
