"""Cancel keys: each leads to its own session, and to nothing else."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from vedette.protocols.postgres.cancel import CancelKeys
from vedette.protocols.postgres.messages import PROTOCOL_3_0, PROTOCOL_3_2
from vedette.protocols.postgres.startup import CancelRequest


def test_a_key_leads_to_its_session_until_it_is_forgotten():
    keys = CancelKeys[str]()
    one, two = keys.issue("one", PROTOCOL_3_0), keys.issue("two", PROTOCOL_3_2)

    assert keys.find(CancelRequest(one.pid, one.secret)) == "one"
    assert keys.find(CancelRequest(two.pid, two.secret)) == "two"
    keys.forget(one)
    assert keys.find(CancelRequest(one.pid, one.secret)) is None
    assert len(keys) == 1


def test_keys_are_as_long_as_the_protocol_has_room_for():
    keys = CancelKeys[str]()

    assert len(keys.issue("s", PROTOCOL_3_0).secret) == 4
    assert len(keys.issue("s", PROTOCOL_3_2).secret) == 32


def test_another_sessions_secret_opens_nothing():
    keys = CancelKeys[str]()
    one, two = keys.issue("one", PROTOCOL_3_0), keys.issue("two", PROTOCOL_3_0)

    assert keys.find(CancelRequest(one.pid, two.secret)) is None
    assert keys.find(CancelRequest(one.pid, b"")) is None
    assert keys.find(CancelRequest(one.pid, one.secret + b"\0")) is None


@given(st.integers(0, 2**32 - 1), st.binary(max_size=40))
def test_a_guess_opens_nothing(pid, secret):
    keys = CancelKeys[str](draw=lambda size: b"\x7f" * size)
    key = keys.issue("s", PROTOCOL_3_0)

    found = keys.find(CancelRequest(pid, secret))
    assert found is None or (pid, secret) == (key.pid, key.secret)


def test_numbers_are_not_given_twice_and_are_never_zero_or_negative():
    drawn = itertools.chain(
        [b"\0\0\0\0", b"\x80\0\0\0", b"\0\0\0\1", b"key1", b"\0\0\0\1", b"\xff\0\0\2", b"key2"]
    )
    keys = CancelKeys[str](draw=lambda size: next(drawn))

    assert keys.issue("one", PROTOCOL_3_0).pid == 1
    assert keys.issue("two", PROTOCOL_3_0).pid == 0x7F000002


def test_the_secret_is_in_no_repr():
    assert "secret" not in repr(CancelKeys[str]().issue("s", PROTOCOL_3_0))
