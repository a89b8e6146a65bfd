"""Taking a token apart: one reading only, and limits that hold to the byte."""

from __future__ import annotations

import base64
import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.identity.forge import b64, token
from vedette.identity.compact import (
    MAX_HEADER_BYTES,
    MAX_KEY_ID_CHARACTERS,
    MAX_TOKEN_BYTES,
    read,
    read_object,
)
from vedette.identity.errors import IdentityError


def refused(text: str) -> str:
    with pytest.raises(IdentityError) as caught:
        read(text)
    return caught.value.reason


def padded(size: int) -> str:
    """A token of exactly *size* characters."""
    head, tail = f"{b64(b'{}')}.{b64(b'{}')}.", ""
    room = size - len(head)
    tail = "A" * room
    return head + tail


def test_the_largest_token_is_read_and_one_byte_more_is_not():
    size = MAX_TOKEN_BYTES - MAX_TOKEN_BYTES % 4

    assert len(padded(size)) == size
    assert read(padded(size)).claims == {}
    assert "over 16384 bytes" in refused("A" * (MAX_TOKEN_BYTES + 1))


def test_the_largest_header_is_read_and_one_byte_more_is_not():
    def header(size: int) -> bytes:
        return json.dumps({"x": "y" * (size - len('{"x": ""}'))}).encode()

    assert read(token(header(MAX_HEADER_BYTES), {}, b"k"))
    assert "header is over" in refused(token(header(MAX_HEADER_BYTES + 1), {}, b"k"))


def test_the_longest_key_id_is_read_and_one_more_is_not():
    assert read(token({"kid": "k" * MAX_KEY_ID_CHARACTERS}, {}, b"k")).key_id
    with pytest.raises(IdentityError):
        assert read(token({"kid": "k" * (MAX_KEY_ID_CHARACTERS + 1)}, {}, b"k")).key_id


def test_absent_is_not_null():
    assert read(token({}, {}, b"k")).key_id is None
    assert read(token({}, {}, b"k")).type is None
    for name in ("kid", "typ"):
        found = read(token({name: None}, {}, b"k"))
        with pytest.raises(IdentityError):
            assert found.key_id if name == "kid" else found.type


def test_encrypted_is_said_to_be_so():
    assert "encrypted" in refused("a.b.c.d.e")
    assert "three parts" in refused("a.b.c.d")


def test_a_repr_shows_no_claim():
    assert "canary" not in repr(read(token({"kid": "canary"}, {"sub": "canary"}, b"canary")))


patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@patient
@given(st.binary(max_size=60))
def test_no_bytes_end_in_anything_but_an_object_or_an_identity_error(data):
    try:
        found = read_object(data, "it")
    except IdentityError:
        return
    assert found == json.loads(data)


@patient
@given(st.lists(st.binary(max_size=30).map(b64) | st.text(max_size=8), max_size=6).map(".".join))
def test_no_parts_end_in_anything_but_a_token_or_an_identity_error(text):
    try:
        read(text)
    except IdentityError:
        return


@patient
@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=4))
def test_what_is_read_is_what_was_written(claims):
    found = read(token({"alg": "RS256"}, claims, b"k"))

    assert dict(found.claims) == claims
    assert found.signed == token({"alg": "RS256"}, claims, b"k").rpartition(".")[0].encode()


_ODD = "AZaz09-_+/=! \n\u00e9gQwBE"


@settings(max_examples=500, suppress_health_check=[HealthCheck.differing_executors])
@given(st.one_of(st.text(_ODD, max_size=12), st.binary(max_size=12).map(b64), st.text(max_size=6)))
def test_a_part_has_one_spelling_and_no_other_is_read(part: str):
    """Against the definition: nothing but the alphabet, and encoding gives the same again."""

    def defined() -> bytes | None:
        if re.fullmatch(r"[A-Za-z0-9_-]+", part, re.ASCII) is None or len(part) % 4 == 1:
            return None
        decoded = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        return decoded if b64(decoded) == part else None

    text, expected = f"{b64(b'{}')}.{b64(b'{}')}.{part}", defined()
    if expected is None:
        with pytest.raises(IdentityError) as caught:
            read(text)
        assert caught.value.code == "identity.malformed"
        assert caught.value.__context__ is None
    else:
        assert read(text).signature == expected


def test_headers_are_remembered_and_refusals_too_hold_each_time():
    good = token({"alg": "ES256", "kid": "k"}, {}, b"k")
    assert read(good).header is read(good).header
    with pytest.raises(TypeError):
        read(good).header["alg"] = "none"  # type: ignore[index]
    bad = token({"alg": "ES256", "jku": "https://evil.example/keys"}, {}, b"k")
    assert [refused(bad), refused(bad)] == ["the token's header has jku, which is not accepted"] * 2
