"""Private files: only the owner's, whole or not at all."""

from __future__ import annotations

import os
import threading

import pytest

from vedette.credentials.keyfile import (
    KeyFileError,
    create_private,
    locked,
    private_folder,
    read_private,
    replace_private,
)


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "key"
    file.write_bytes(b"content")
    file.chmod(0o600)
    return file


def test_the_owners_file_is_read(path):
    assert read_private(path) == b"content"
    path.chmod(0o400)
    assert read_private(path) == b"content"


@pytest.mark.parametrize(("mode", "fix"), [(0o640, "chmod 600"), (0o604, "chmod 600"), (0o644, "chmod 600")])
def test_a_file_others_may_read_needs_to_be_declared_so(path, mode, fix):
    path.chmod(mode)

    with pytest.raises(KeyFileError, match=fix):
        read_private(path)
    assert read_private(path, shared=True) == b"content"


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_others_may_write_is_refused_even_so(path, mode):
    path.chmod(mode)

    with pytest.raises(KeyFileError, match="chmod go-w"):
        read_private(path, shared=True)


def test_what_is_no_file_is_refused_and_hangs_nobody(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)

    for name, says in (("pipe", "regular"), (".", "regular"), ("none", "does not exist")):
        with pytest.raises(KeyFileError, match=says):
            read_private(tmp_path / name)


def test_a_file_that_is_too_long_is_refused(path):
    assert read_private(path, limit=7) == b"content"
    with pytest.raises(KeyFileError, match="longer than 6"):
        read_private(path, limit=6)


def test_a_link_is_followed_as_mounted_secrets_need(path):
    link = path.with_name("link")
    link.symlink_to(path)

    assert read_private(link) == b"content"


def test_the_first_to_create_wins_and_the_others_learn_it(tmp_path):
    path, found, gate = tmp_path / "key", [], threading.Barrier(8)

    def create(number: int) -> None:
        gate.wait()
        found.append(create_private(path, str(number).encode()))

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) == {path.read_bytes()}
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["key"]


def test_replacing_leaves_a_private_file_and_no_draft(path):
    path.chmod(0o644)

    replace_private(path, b"new")

    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(path.parent) == ["key"]


def test_a_write_that_fails_leaves_what_was_there(path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "no space left")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(OSError, match="no space"):
        replace_private(path, b"new")
    assert path.read_bytes() == b"content"
    assert os.listdir(path.parent) == ["key"]


def test_the_lock_lets_one_in_at_a_time(tmp_path):
    inside, most = [], []

    def enter() -> None:
        with locked(tmp_path / "keys"):
            inside.append(1)
            most.append(len(inside))
            inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8


def test_a_new_folder_is_the_owners_alone(tmp_path):
    private_folder(tmp_path / "keys")
    private_folder(tmp_path / "keys")

    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
