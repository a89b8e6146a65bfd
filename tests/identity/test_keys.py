"""API keys: shown once, kept as verifiers, found by name or prefix and by nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from tests.identity.forge import NOW
from vedette.identity.errors import IdentityError
from vedette.identity.keys import Verifier, create, decoy, find, prefix_of
from vedette.model import Kind


class Shelf:
    """A store that answers with whatever it holds first, even when that is wrong."""

    def __init__(self, *records):
        self.records = records
        self.asked = []

    async def by_prefix(self, prefix):
        self.asked.append(prefix)
        return next((record for record in self.records if record.prefix == prefix), None)

    async def by_name(self, name):
        self.asked.append(name)
        return next((record for record in self.records if record.name == name), None)

    async def by_ssh(self, fingerprint):
        self.asked.append(fingerprint)
        return next((record for record in self.records if record.ssh == fingerprint), None)


def make(name="ci", expires=None, **more):
    return create(name, "svc-ci", Kind.SERVICE, ["deploy"], expires, now=NOW, **more)


def test_a_key_has_its_form_and_the_record_not_its_secret():
    secret, record = make()
    scheme, prefix, random = secret.reveal().split("_")

    assert (scheme, len(prefix), len(random)) == ("vdt", 8, 32)
    assert record.prefix == f"vdt_{prefix}" == prefix_of(secret.reveal())
    assert random not in repr(record)
    assert str(record.verifier.stored_key) not in repr(record)


def test_the_verifier_knows_its_secret_and_no_other():
    secret, record = make()

    assert record.verifier.matches(secret.reveal())
    assert not record.verifier.matches(secret.reveal()[:-1])
    assert not record.verifier.matches("")


def test_the_verifier_is_scram_sha_256s():
    """RFC 7677 section 3: the example exchange of user ``user`` with password ``pencil``."""
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    verifier = Verifier.of("pencil", salt, 4096)
    nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    spoken = (
        f"n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r={nonce}"
    ).encode()

    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    mask = hmac.digest(verifier.stored_key, spoken, "sha256")
    client_key = bytes(a ^ b for a, b in zip(proof, mask, strict=True))
    server_signature = hmac.digest(verifier.server_key, spoken, "sha256")

    assert hashlib.sha256(client_key).digest() == verifier.stored_key
    assert base64.b64encode(server_signature) == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def test_two_keys_share_nothing():
    made = [make() for _ in range(5)]

    assert len({record.prefix for _, record in made}) == 5
    assert len({record.verifier.salt for _, record in made}) == 5


@pytest.mark.parametrize("name", ["", "vdt_x", "CI", "a b", "a\n", "a'--", "ä", "x" * 64, "-a", ".a"])
def test_a_name_that_could_mislead_is_refused(name):
    with pytest.raises(ValueError, match="key's name"):
        make(name)


def test_a_key_that_would_be_over_already_is_refused():
    with pytest.raises(ValueError, match="expired"):
        make(expires=NOW)
    with pytest.raises(ValueError, match="subject"):
        create("ci", "a\0", Kind.AGENT, [], None, now=NOW)


async def test_a_user_name_finds_the_key_of_that_name_or_prefix():
    _, record = make()

    assert await find(Shelf(record), "ci") is record
    assert await find(Shelf(record), record.prefix) is record
    assert await find(Shelf(record), "other") is None


@pytest.mark.parametrize(
    "user", ["", "CI", "ci ", "ci\0", "vdt_", "vdt_%%%%%%%%", "vdt_AAAAAAAA", "%", "ci' OR 1=1"]
)
async def test_a_name_no_key_can_have_does_not_even_reach_the_store(user):
    shelf = Shelf(make()[1])

    assert await find(shelf, user) is None
    assert shelf.asked == []


async def test_a_store_that_answers_with_another_key_is_not_believed():
    _, record = make()

    class Confused(Shelf):
        async def by_name(self, name):
            return record

        by_prefix = by_name

    assert await find(Confused(), "other") is None
    assert await find(Confused(), "vdt_aaaaaaaa") is None


def test_time_and_withdrawal_end_a_key():
    from dataclasses import replace

    _, record = make(expires=NOW + 60)
    record.check(NOW + 59)
    for bad, at, code in ((record, NOW + 60, "expired"), (replace(record, revoked=True), NOW, "revoked")):
        with pytest.raises(IdentityError) as caught:
            bad.check(at)
        assert caught.value.code == f"identity.{code}"


def test_a_decoy_looks_the_same_each_time_and_fits_nothing():
    first, second = decoy("ghost", b"pepper"), decoy("ghost", b"pepper")

    assert first.salt == second.salt != decoy("other", b"pepper").salt
    assert first.salt != decoy("ghost", b"salt").salt
    assert (first.iterations, len(first.salt)) == (4096, 16)
    assert first.stored_key != second.stored_key
