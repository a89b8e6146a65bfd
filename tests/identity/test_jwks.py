"""An issuer's keys: strictly read, fetched seldom, kept through an outage but not forever."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.identity.forge import ec_key, ed_key, jwk, number, rsa_key
from vedette.identity.errors import IdentityError
from vedette.identity.fetch import unavailable
from vedette.identity.jwks import (
    FRESH_SECONDS,
    MAX_AGE_SECONDS,
    REFETCH_SECONDS,
    RETRY_SECONDS,
    IssuerKeys,
    KeySet,
    parse_keys,
)


def keys_of(*rows: object) -> KeySet:
    return parse_keys(json.dumps({"keys": rows}).encode())


class Issuer:
    """Publishes *rows*; counts fetches; fails on request; waits where told to."""

    def __init__(self, *rows: dict[str, object]) -> None:
        self.rows = list(rows)
        self.fetches = 0
        self.now = 1000.0
        self.down = False
        self.pause: asyncio.Event | None = None
        self.keys = IssuerKeys(self.load, lambda: self.now)

    async def load(self) -> KeySet:
        self.fetches += 1
        if self.pause is not None:
            await self.pause.wait()
        if self.down:
            raise unavailable()
        return keys_of(*self.rows)


A, B = jwk(ec_key("a"), "a"), jwk(ec_key("b"), "b")


async def test_a_known_key_is_fetched_once():
    issuer = Issuer(A)

    for _ in range(5):
        assert await issuer.keys.find("a", "ES256")
    assert issuer.fetches == 1


async def test_a_new_key_is_found_once_the_rate_permits():
    issuer = Issuer(A)
    await issuer.keys.find("a", "ES256")
    issuer.rows = [B]

    assert await issuer.keys.find("b", "ES256") is None
    issuer.now += REFETCH_SECONDS
    assert await issuer.keys.find("b", "ES256")
    assert await issuer.keys.find("a", "ES256") is None


async def test_a_flood_of_unknown_ids_causes_one_fetch_per_interval():
    issuer = Issuer(A)
    for count in range(1000):
        assert await issuer.keys.find(f"x{count}", "ES256") is None
    assert issuer.fetches == 1

    issuer.now += REFETCH_SECONDS
    for count in range(1000):
        await issuer.keys.find(f"y{count}", "ES256")
    assert issuer.fetches == 2


async def test_callers_at_the_same_time_share_one_fetch():
    issuer = Issuer(A)
    issuer.pause = asyncio.Event()
    waiting = [asyncio.create_task(issuer.keys.find("a", "ES256")) for _ in range(20)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    issuer.pause.set()

    assert all(await asyncio.gather(*waiting))
    assert issuer.fetches == 1


async def test_a_caller_who_gives_up_does_not_end_the_fetch_for_the_others():
    issuer = Issuer(A)
    issuer.pause = asyncio.Event()
    first = asyncio.create_task(issuer.keys.find("a", "ES256"))
    second = asyncio.create_task(issuer.keys.find("a", "ES256"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    first.cancel()
    issuer.pause.set()

    assert await second
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_an_outage_keeps_known_keys_up_to_the_stated_age():
    issuer = Issuer(A)
    await issuer.keys.find("a", "ES256")
    issuer.down = True

    issuer.now += MAX_AGE_SECONDS - 1
    assert await issuer.keys.find("a", "ES256")
    issuer.now += 1
    with pytest.raises(IdentityError) as caught:
        await issuer.keys.find("a", "ES256")
    assert caught.value.code == "identity.unavailable"
    await issuer.keys.close()


async def test_an_issuer_that_comes_back_is_believed_again():
    issuer = Issuer(A)
    issuer.down = True
    with pytest.raises(IdentityError):
        await issuer.keys.find("a", "ES256")
    issuer.down = False

    with pytest.raises(IdentityError):
        await issuer.keys.find("a", "ES256")
    issuer.now += RETRY_SECONDS
    assert await issuer.keys.find("a", "ES256")


async def test_old_keys_are_fetched_anew_without_anybody_waiting():
    issuer = Issuer(A)
    await issuer.keys.find("a", "ES256")
    issuer.now += FRESH_SECONDS
    issuer.pause = asyncio.Event()
    issuer.rows = [B]

    assert await issuer.keys.find("a", "ES256")  # answered while the fetch stands still
    await asyncio.sleep(0)
    assert issuer.fetches == 2
    issuer.pause.set()
    assert await issuer.keys.find("b", "ES256")
    assert issuer.fetches == 2


async def test_young_keys_are_not_fetched_anew():
    issuer = Issuer(A)
    await issuer.keys.find("a", "ES256")
    issuer.now += FRESH_SECONDS - 1

    assert await issuer.keys.find("a", "ES256")
    await asyncio.sleep(0)
    assert issuer.fetches == 1


async def test_a_key_that_the_issuer_withdrew_stops_counting():
    issuer = Issuer(A)
    await issuer.keys.find("a", "ES256")
    issuer.rows = []
    issuer.now += REFETCH_SECONDS

    assert await issuer.keys.find("other", "ES256") is None
    assert await issuer.keys.find("a", "ES256") is None


async def test_closing_ends_a_fetch_under_way():
    issuer = Issuer(A)
    issuer.pause = asyncio.Event()
    waiting = asyncio.create_task(issuer.keys.find("a", "ES256"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    await issuer.keys.close()

    with pytest.raises(asyncio.CancelledError):
        await waiting


@pytest.mark.parametrize(
    "document",
    [b"", b"[]", b"{}", b'{"keys": {}}', b'{"keys": null}', b'{"keys": [], "keys": []}', b"\xff",
     json.dumps({"keys": [{}] * 101}).encode()],
)  # fmt: skip
def test_what_is_no_key_set_is_refused(document):
    with pytest.raises(IdentityError):
        parse_keys(document)


@pytest.mark.parametrize(
    "row",
    [
        None,
        "key",
        {},
        {"kty": ["RSA"]},
        {"kty": "AKP", "x": "AA"},
        {"kty": "RSA"},
        {"kty": "RSA", "n": number((1 << 8192) + 1), "e": "AQAB"},
        {"kty": "RSA", "n": "", "e": ""},
        {"kty": "RSA", "n": "AQAB", "e": 3},
        {"kty": "RSA", "n": "A" * 4000, "e": "AQAB"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"},
        {"kty": "OKP", "crv": "X25519", "x": jwk(ed_key("x"), "")["x"]},
        {"kty": "OKP", "crv": "Ed25519", "x": "AA"},
        jwk(b"secret", "s"),
        jwk(rsa_key("r1"), "r", use="enc"),
        jwk(rsa_key("r1"), "r", key_ops=["encrypt"]),
        jwk(rsa_key("r1"), "r", key_ops="verify"),
        jwk(rsa_key("r1"), "r", d="AQAB"),
        jwk(rsa_key("weak", 1024), "r"),
        jwk(rsa_key("r1"), "r") | {"kid": 7},
        jwk(rsa_key("r1"), "r", alg=["RS256"]),
        jwk(ec_key("a"), "e") | {"y": "AA"},
    ],
)
def test_a_key_that_cannot_be_used_is_left_out_and_the_others_stay(row):
    assert len(keys_of(row, A)) == 1


def test_a_set_of_a_hundred_keys_is_read():
    assert len(keys_of(*[{}] * 99, A)) == 1


def test_a_point_that_is_not_on_its_curve_is_left_out():
    assert len(keys_of(A | {"y": A["x"]})) == 0


def test_a_key_serves_only_methods_that_it_suits():
    keys = keys_of(A, jwk(rsa_key("r1"), "r"), jwk(ed_key("o"), "o"), jwk(ec_key("c", "P-521"), "c"))

    suited = {
        (kid, method)
        for kid in ("a", "r", "o", "c")
        for method in ("RS256", "PS512", "ES256", "ES384", "ES512", "EdDSA")
        if keys.find(kid, method)
    }
    assert suited == {("r", "RS256"), ("r", "PS512"), ("a", "ES256"), ("c", "ES512"), ("o", "EdDSA")}


def test_without_a_key_id_only_a_single_suitable_key_is_meant():
    assert keys_of(A, jwk(rsa_key("r1"), "r")).find(None, "ES256")
    assert keys_of(A, B).find(None, "ES256") is None
