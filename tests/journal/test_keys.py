from __future__ import annotations

import threading

import pytest

from vedette.journal import JournalError
from vedette.journal.keys import load_or_create, public_key


def test_keys_are_made_once(tmp_path):
    first = load_or_create(tmp_path / "keys")
    second = load_or_create(tmp_path / "keys")
    assert (first.mac, first.public_pem) == (second.mac, second.public_pem)
    assert (tmp_path / "keys" / "journal.pub.pem").read_bytes() == first.public_pem


def test_only_the_owner_may_read_them(tmp_path):
    load_or_create(tmp_path / "keys")
    path = tmp_path / "keys" / "journal.key"
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(JournalError, match="chmod 600"):
        load_or_create(tmp_path / "keys")


def test_several_starting_at_once_agree(tmp_path):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(load_or_create(tmp_path / "keys").mac)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == ["journal.key", "journal.pub.pem"]


FROM_LATER = b'{"version":2,"signing":"' + b"0" * 64 + b'","mac":"' + b"0" * 64 + b'"}'


@pytest.mark.parametrize("content", [b"", b"{}", b'{"version":1,"signing":"zz","mac":""}', FROM_LATER])
def test_a_broken_key_file_is_never_replaced(tmp_path, content):
    path = tmp_path / "journal.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(JournalError, match="restore it from a copy"):
        load_or_create(tmp_path)
    assert path.read_bytes() == content


def test_the_secrets_do_not_show(tmp_path):
    keys = load_or_create(tmp_path)
    assert keys.mac.hex() not in repr(keys)
    assert "signing" not in repr(keys)


@pytest.mark.parametrize("data", [b"", b"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"])
def test_what_is_no_public_key_is_refused(data):
    with pytest.raises(JournalError):
        public_key(data)
