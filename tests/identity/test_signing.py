"""Signing keys on disk: private, whole, and exchangeable without a gap."""

from __future__ import annotations

import json
import os
import threading

import pytest
from joserfc.jwk import OKPKey

from tests.identity.forge import NOW
from vedette.identity import IdentityError, SigningKeys, Tokens
from vedette.identity.signing import FILE_NAME, SigningKeyError
from vedette.model import Kind


def test_keys_are_made_once_and_found_again(tmp_path):
    first = SigningKeys.open(tmp_path / "keys")

    assert SigningKeys.open(tmp_path / "keys").signer.id == first.signer.id


def test_only_the_owner_can_read_them(tmp_path):
    SigningKeys.open(tmp_path / "keys")

    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "keys" / FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "keys").iterdir()] == [FILE_NAME]


def test_a_file_that_others_may_read_is_refused_with_the_fix(tmp_path):
    SigningKeys.open(tmp_path)
    (tmp_path / FILE_NAME).chmod(0o640)

    with pytest.raises(SigningKeyError, match="chmod 600"):
        SigningKeys.open(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b'{"version": 2, "keys": []}', b'{"version": 1, "keys": [{}]}', b"\xff\xfe", b"null"],
)
def test_a_damaged_file_is_refused_and_never_replaced(tmp_path, content):
    path = tmp_path / FILE_NAME
    path.write_bytes(content)
    path.chmod(0o600)

    with pytest.raises(SigningKeyError, match=r"tokens\.json"):
        SigningKeys.open(tmp_path)
    assert path.read_bytes() == content


def test_a_damaged_files_error_does_not_hold_the_private_key(tmp_path):
    SigningKeys.open(tmp_path)
    path = tmp_path / FILE_NAME
    private = json.loads(path.read_bytes())["keys"][0]["d"]
    path.write_text(path.read_text().replace('"OKP"', '"RSA"'))

    with pytest.raises(SigningKeyError) as caught:
        SigningKeys.open(tmp_path)
    assert private not in repr(caught.value)
    assert caught.value.__context__ is None


def test_after_a_rotation_the_new_key_signs_and_the_old_one_still_verifies(tmp_path):
    old = SigningKeys.open(tmp_path)
    text = Tokens(old).issue("a", Kind.AGENT, [], 60, now=NOW).text

    new = SigningKeys.rotate(tmp_path)

    assert new.signer.id != old.signer.id
    assert Tokens(new).verify(text, NOW).subject == "a"
    assert Tokens(SigningKeys.open(tmp_path)).verify(text, NOW).subject == "a"


def test_a_key_that_was_not_kept_verifies_no_more(tmp_path):
    text = Tokens(SigningKeys.open(tmp_path)).issue("a", Kind.AGENT, [], 60, now=NOW).text
    SigningKeys.rotate(tmp_path)

    with pytest.raises(IdentityError) as caught:
        Tokens(SigningKeys.rotate(tmp_path)).verify(text, NOW)
    assert caught.value.code == "identity.signature"


def test_the_public_set_has_every_key_and_no_private_part(tmp_path):
    SigningKeys.open(tmp_path)
    keys = SigningKeys.rotate(tmp_path)

    rows = keys.public()["keys"]

    assert [set(row) for row in rows] == [{"kty", "crv", "x", "kid", "use", "alg"}] * 2
    assert [OKPKey.import_key(row).thumbprint() for row in rows] == [row["kid"] for row in rows]


def test_processes_that_start_at_once_agree_on_one_key(tmp_path):
    found, gate = [], threading.Barrier(8)

    def start():
        gate.wait()
        found.append(SigningKeys.open(tmp_path / "keys").signer.id)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert os.listdir(tmp_path / "keys") == [FILE_NAME]


def test_a_repr_shows_no_key():
    keys = SigningKeys.generate()

    assert "OKPKey" not in repr(keys.signer)
