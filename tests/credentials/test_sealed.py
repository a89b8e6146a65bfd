"""The sealed store: what was changed, moved or sealed by a stranger does not open."""

from __future__ import annotations

import base64
import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.credentials import (
    CredentialError,
    Reference,
    Seal,
    Sealed,
    SealKey,
    Secret,
    Secrets,
    Surroundings,
    decode_seal_key,
    generated_seal_key,
)

OLD, NEW = SealKey.of(b"o" * 32), SealKey.of(b"n" * 32)


class Shelf:
    def __init__(self) -> None:
        self.rows: dict[str, Sealed] = {}

    async def get(self, name):
        return self.rows.get(name)

    async def put(self, sealed):
        self.rows[sealed.name] = sealed

    async def all(self):
        return list(self.rows.values())


def refused(call, *arguments) -> CredentialError:
    with pytest.raises(CredentialError) as caught:
        call(*arguments)
    return caught.value


@given(st.binary(min_size=1, max_size=300), st.text(min_size=1, max_size=30))
def test_what_was_sealed_opens(secret, name):
    sealed = Seal([NEW]).seal(name, Secret(secret))

    assert Seal([NEW]).unseal(sealed).reveal_bytes() == secret
    assert len(secret) < 8 or secret not in sealed.box


def test_the_same_secret_twice_looks_different():
    boxes = {Seal([NEW]).seal("a", Secret("pw")).box for _ in range(20)}

    assert len(boxes) == 20


SEALED = Seal([OLD]).seal("appdb", Secret("canary-7f3a"))


@pytest.mark.parametrize(
    "changed",
    [
        replace(SEALED, name="otherdb"),
        replace(SEALED, name="appd"),
        replace(SEALED, box=SEALED.box[:-1]),
        replace(SEALED, box=bytes([SEALED.box[0] ^ 1]) + SEALED.box[1:]),
        replace(SEALED, box=b""),
        replace(SEALED, nonce=bytes(12)),
        replace(SEALED, nonce=b""),
        replace(SEALED, key_id=NEW.id),
        replace(SEALED, key_id="0" * 16),
    ],
    ids=range(9),
)
def test_what_was_changed_or_moved_does_not_open(changed):
    error = refused(Seal([OLD, NEW]).unseal, changed)

    assert error.code == "credential.seal"
    assert "canary" not in str(error)


def test_a_name_and_a_key_id_cannot_borrow_from_each_other():
    one, other = SealKey("ab", OLD.key), SealKey("b", OLD.key)
    sealed = Seal([other]).seal("xa", Secret("pw"))

    assert refused(Seal([one]).unseal, replace(sealed, name="x", key_id="ab")).code == "credential.seal"


async def test_rotation_seals_anew_and_the_old_key_can_go():
    shelf, old = Shelf(), Seal([OLD])
    for name in ("a", "b"):
        await shelf.put(old.seal(name, Secret(f"pw-{name}")))
    both = Seal([NEW, OLD])
    await shelf.put(both.seal("c", Secret("pw-c")))

    assert await both.rotate(shelf) == 2
    assert await both.rotate(shelf) == 0
    assert [Seal([NEW]).unseal(row).reveal() for row in shelf.rows.values()] == ["pw-a", "pw-b", "pw-c"]


async def test_a_rotation_that_cannot_open_everything_changes_nothing():
    shelf, stranger = Shelf(), Seal([SealKey.of(b"s" * 32)])
    await shelf.put(Seal([OLD]).seal("a", Secret("pw")))
    await shelf.put(stranger.seal("b", Secret("pw")))
    before = dict(shelf.rows)

    with pytest.raises(CredentialError):
        await Seal([NEW, OLD]).rotate(shelf)
    assert shelf.rows == before


def test_an_empty_or_endless_secret_is_not_sealed():
    for secret in ("", "x" * 70_000):
        assert refused(Seal([NEW]).seal, "a", Secret(secret)).code == "credential.malformed"


def test_a_seal_needs_a_key_of_32_bytes():
    assert refused(Seal, []).code == "credential.seal"
    assert refused(SealKey.of, b"x" * 31).code == "credential.malformed"


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_key_is_base64_in_either_alphabet_with_or_without_padding(encode):
    key = bytes(range(224, 256))
    for text in (encode(key), encode(key).rstrip(b"="), encode(key) + b"\n"):
        assert decode_seal_key(Secret(text), "KEY") == SealKey.of(key)


@pytest.mark.parametrize("text", ["", "pw", "A" * 40, "A" * 44, "canary!" * 7, "\xff"])
def test_a_key_that_is_none_is_refused_with_the_command_that_makes_one(text):
    error = refused(decode_seal_key, Secret(text), "VEDETTE_SEAL_KEY")

    assert "VEDETTE_SEAL_KEY" in str(error)
    assert "openssl rand" in str(error)
    assert "canary" not in str(error)


def test_a_generated_key_is_private_and_stays(tmp_path):
    path = tmp_path / "keys" / "seal.key"
    key = generated_seal_key(path)

    assert generated_seal_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    assert refused(generated_seal_key, path).code == "credential.unreadable"
    path.chmod(0o600)
    path.write_text("damaged")
    assert refused(generated_seal_key, path).code == "credential.malformed"
    assert path.read_text() == "damaged"


def test_a_key_does_not_show_itself_and_its_id_does_not_tell():
    key = SealKey.of(os.urandom(32))

    assert key.key.reveal_bytes().hex()[:8] not in key.id
    assert "Secret" not in repr(key)


async def test_the_source_opens_by_name(tmp_path):
    shelf = Shelf()
    await shelf.put(Seal([NEW]).seal("appdb", Secret("pw")))
    secrets = Secrets(Surroundings({}, tmp_path, Seal([NEW]), shelf))

    assert (await secrets.fetch(Reference("sealed", "appdb"))).reveal() == "pw"
    with pytest.raises(CredentialError, match="nothing is sealed as other") as caught:
        await secrets.fetch(Reference("sealed", "other"))
    assert caught.value.code == "credential.missing"


async def test_a_store_that_answers_for_another_name_is_not_believed(tmp_path):
    class Confused(Shelf):
        async def get(self, name):
            return Seal([NEW]).seal("appdb", Secret("pw"))

    with pytest.raises(CredentialError, match="another name"):
        await Secrets(Surroundings({}, tmp_path, Seal([NEW]), Confused())).fetch(Reference("sealed", "x"))


async def test_without_a_seal_the_source_says_so(tmp_path):
    with pytest.raises(CredentialError, match="not set up") as caught:
        await Secrets(Surroundings({}, tmp_path)).fetch(Reference("sealed", "appdb"))
    assert caught.value.code == "credential.source"
