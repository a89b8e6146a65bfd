"""Guessing slows the guesser, and nobody else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.issuer.backoff import BUSY_PER_MINUTE, FREE, MOST_SECONDS, Backoff, Flood, network


def guess(backoff: Backoff, name: str, net: str, now: float, count: int) -> list[float]:
    return [backoff.turn(name, net, now).wait for _ in range(count)]


def test_a_few_tries_are_free_and_then_waits_double() -> None:
    backoff, now, waits = Backoff(), 1000.0, []
    for _ in range(14):
        wait = backoff.turn("anna", "here", now).wait
        waits.append(wait)
        now += wait
        if wait:
            assert backoff.turn("anna", "here", now).wait == 0.0
    assert waits[: FREE["pair"]] == [0.0] * FREE["pair"]
    assert waits[FREE["pair"] :] == sorted(waits[FREE["pair"] :])
    assert max(waits) <= MOST_SECONDS["pair"]


def test_guessing_from_elsewhere_locks_nobody_out() -> None:
    backoff = Backoff()
    guess(backoff, "anna", "there", 1000.0, 1000)
    assert backoff.turn("anna", "here", 1000.0).wait == 0.0
    assert backoff.turn("bert", "here", 1000.0).wait == 0.0


def test_a_neighbour_who_guesses_does_not_stop_who_is_known_there() -> None:
    backoff = Backoff()
    backoff.turn("anna", "here", 1000.0)
    backoff.succeeded("anna", "here")
    for number in range(200):
        backoff.turn(f"guess-{number}", "here", 1001.0)
    assert backoff.turn("new", "here", 1001.0).wait > 0
    assert backoff.turn("anna", "here", 1001.0) == backoff.turn("anna", "here", 1001.0)
    assert backoff.turn("anna", "here", 1001.0).wait == 0.0


def test_many_names_from_one_network_wait_together() -> None:
    backoff = Backoff()
    waits = [backoff.turn(f"name-{number}", "here", 1000.0).wait for number in range(100)]
    assert waits[: FREE["net"]] == [0.0] * FREE["net"]
    assert all(waits[FREE["net"] :])


def test_a_right_password_forgives() -> None:
    backoff = Backoff()
    guess(backoff, "anna", "here", 1000.0, 4)
    backoff.succeeded("anna", "here")
    assert guess(backoff, "anna", "here", 1000.0, 5) == [0.0] * 5


def test_many_at_once_gain_nothing() -> None:
    """All are asked before any is answered."""
    backoff = Backoff()
    assert sum(wait == 0.0 for wait in guess(backoff, "anna", "here", 1000.0, 500)) == FREE["pair"]


def test_a_flood_from_everywhere_slows_newcomers_only() -> None:
    backoff = Backoff()
    backoff.turn("anna", "home", 999.0)
    backoff.succeeded("anna", "home")
    for number in range(BUSY_PER_MINUTE + 5):
        backoff.turn("bert", f"net-{number}", 1000.0)
    assert backoff.turn("anna", "home", 1000.0).delay == 0.0
    assert backoff.turn("carl", "cafe", 1000.0).delay > 0.0
    assert backoff.turn("carl", "cafe", 1100.0).delay == 0.0


def test_waits_are_told_once() -> None:
    backoff = Backoff()
    guess(backoff, "anna", "here", 1000.0, 5)
    assert [backoff.turn("anna", "here", 1000.1).first for _ in range(5)] == [True] + [False] * 4


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.floats(0, 1e6)), max_size=60))
def test_memory_is_bounded_and_waits_are_finite(tries: list[tuple[str, str, float]]) -> None:
    backoff = Backoff(limit=4)
    for name, net, now in tries:
        turn = backoff.turn(name, net, now)
        assert 0.0 <= turn.delay <= 10.0
        backoff.succeeded(name, net) if turn.wait == 0.0 and name == "a" else None
    assert len(backoff._counts) <= 4
    assert len(backoff._familiar) <= 4


def test_a_flood_goes_on_record_in_part() -> None:
    flood = Flood(per_minute=3, limit=2)
    assert [flood.room("a", 0.0) for _ in range(5)] == [True] * 3 + [False] * 2
    assert flood.room("b", 0.0)
    assert flood.room("a", 61.0)


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("", "elsewhere"),
        ("testclient", "elsewhere"),
    ],
)
def test_networks(address: str, found: str) -> None:
    assert network(address) == found


def test_a_right_try_that_proves_nothing_makes_up_for_no_wrong_ones() -> None:
    backoff, now = Backoff(), 1000.0
    for _ in range(FREE["pair"] - 1):
        assert guess(backoff, "code anna", "here", now, 1) == [0.0]
        assert guess(backoff, "code anna", "here", now, 1) == [0.0]
        backoff.returned("code anna", "here")
    assert guess(backoff, "code anna", "here", now, 1) == [0.0]
    assert backoff.turn("code anna", "here", now).wait > 0
    # Nor does it make its name a familiar one, which would pass the network's wait.
    for number in range(FREE["net"]):
        backoff.turn(f"name-{number}", "here", now)
    assert backoff.turn("code bert", "here", now).wait > 0


def test_right_tries_alone_never_wait() -> None:
    backoff = Backoff()
    for _ in range(100):
        assert backoff.turn("code anna", "here", 1000.0).wait == 0.0
        backoff.returned("code anna", "here")


def test_signing_in_oneself_makes_up_for_no_guesses_at_others() -> None:
    backoff, now = Backoff(), 100_000.0
    for number in range(FREE["net"]):
        assert backoff.turn(f"name-{number}", "here", now).wait == 0.0
        if number % 10 == 5:
            backoff.turn("eve", "here", now)
            backoff.succeeded("eve", "here")
    assert backoff.turn("another", "here", now).wait > 0
