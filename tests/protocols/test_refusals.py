"""Refused logins: in full as far as there is room; of the rest nothing is lost but the detail."""

from __future__ import annotations

import pytest

from vedette.protocols import refusals
from vedette.protocols.refusals import ALL, MAX_NETWORKS, OTHERS, PER_NETWORK, Refusals
from vedette.trail import events


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def summed(counted: Refusals) -> list[events.Event]:
    found: list[events.Event] = []
    counted.sum(2000.0, found.append)
    return found


def test_the_first_of_a_network_have_their_record_and_the_rest_are_summed() -> None:
    clock = Clock()
    counted = Refusals(clock)
    said = [
        counted.room(f"192.0.2.{n % 9}:{n + 1}", "login.token", 1000.0 + n) for n in range(PER_NETWORK + 7)
    ]
    assert said == [True] * PER_NETWORK + [False] * 7
    assert counted.room("198.51.100.1:5", "login.token", 1500.0), "another network has room of its own"
    (event,) = summed(counted)
    assert isinstance(event, events.LoginRefusals)
    assert (event.at, event.since, event.count) == (2000.0, 1000.0 + PER_NETWORK, 7)
    assert (event.networks, event.codes) == ({"192.0.2.0/24": 7}, {"login.token": 7})
    assert summed(counted) == [], "each is counted once"
    clock.now = 61.0
    assert counted.room("192.0.2.1:1", "login.token", 1061.0)


def test_many_networks_have_one_bound_and_no_more_names_than_fit() -> None:
    counted = Refusals(Clock())
    many = ALL + 3 * MAX_NETWORKS
    said = [counted.room(f"2001:db8:{n:x}::1:4711", "login.crowded", 1.0) for n in range(many)]
    assert said.count(True) == ALL
    (event,) = summed(counted)
    assert isinstance(event, events.LoginRefusals)
    assert event.count == sum(event.networks.values()) == 3 * MAX_NETWORKS
    assert len(event.networks) == MAX_NETWORKS + 1
    assert event.networks[OTHERS] == 2 * MAX_NETWORKS


def test_a_sum_that_cannot_be_written_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "PER_NETWORK", 0)
    counted = Refusals(Clock())
    assert not counted.room("unix", "login.token", 1.0)

    def full(event: events.Event) -> None:
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        counted.sum(1.0, full)
    (event,) = summed(counted)
    assert isinstance(event, events.LoginRefusals)
    assert event.networks == {"elsewhere": 1}
