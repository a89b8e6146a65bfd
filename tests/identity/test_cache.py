"""The cache saves work and never a door: it forgets in time, in size, and on revocation."""

from __future__ import annotations

from dataclasses import replace

from tests.identity.forge import NOW
from vedette.identity.cache import MAX_AGE_SECONDS, TokenCache, digest
from vedette.model import Kind, Principal

WHO = Principal("agent-7", Kind.AGENT, credential="t-1", expires=NOW + 60)


def cache(**options) -> TokenCache:
    return TokenCache(options.pop("is_revoked", lambda _: False), **options)


def test_what_was_proven_is_known_until_the_token_expires():
    known = cache()
    known.put(digest("t"), WHO, NOW)

    assert known.get(digest("t"), NOW + 59.9) is WHO
    assert known.get(digest("t"), NOW + 60) is None
    assert len(known) == 0


def test_a_token_that_lives_long_is_proven_anew_all_the_same():
    known = cache()
    known.put(digest("t"), replace(WHO, expires=None), NOW)

    assert known.get(digest("t"), NOW + MAX_AGE_SECONDS - 1)
    assert known.get(digest("t"), NOW + MAX_AGE_SECONDS) is None


def test_revocation_is_asked_every_time():
    revoked: set[str] = set()
    known = cache(is_revoked=revoked.__contains__)
    known.put(digest("t"), WHO, NOW)
    assert known.get(digest("t"), NOW)

    revoked.add("t-1")

    assert known.get(digest("t"), NOW) is None


def test_the_longest_unused_goes_first():
    known = cache(limit=2)
    known.put(digest("a"), WHO, NOW)
    known.put(digest("b"), WHO, NOW)
    known.get(digest("a"), NOW)
    known.put(digest("c"), WHO, NOW)

    assert [bool(known.get(digest(name), NOW)) for name in "abc"] == [True, False, True]


def test_no_token_is_kept():
    known = cache()
    known.put(digest("a-token-in-clear"), WHO, NOW)

    assert "a-token-in-clear" not in repr(vars(known))
    known.clear()
    assert len(known) == 0


def test_what_else_an_entry_is_bound_to_is_part_of_its_name():
    assert digest("t") != digest("t", b"x")


def test_a_clock_set_back_stretches_nothing():
    known = cache()
    known.put(digest("t"), replace(WHO, expires=None), NOW)

    assert known.get(digest("t"), NOW - 0.001) is None
    assert len(known) == 0
