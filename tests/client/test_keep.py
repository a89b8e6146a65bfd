"""Where logins are kept: private, whole, and in the keyring where there is one that works."""

from __future__ import annotations

import json
import os
import sys
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vedette.client import ClientError
from vedette.client.held import Address, Login
from vedette.client.keep import Keep

LOGIN = Login(
    gateway="https://gw.example:8470", name="default", how="browser", token="tok-1", expires=2e9,
    issuer="https://login.example", client="cli", scope="openid", refresh="ref-1", secret="sec-1",
    ca="/ca.pem", postgres=Address("gw.example", 6432),
)  # fmt: skip


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_STATE_HOME": str(tmp_path), "VEDETTE_KEEP": "file"}


def put(keep: Keep, login: Login) -> str:
    with keep.alone():
        return keep.put(login)


def test_what_is_put_is_found(environ):
    keep = Keep(environ)
    assert put(keep, LOGIN) == "file"
    other = replace(LOGIN, gateway="https://other.example", token="tok-2")
    put(keep, other)
    assert keep.find() == other
    assert keep.find(LOGIN.gateway) == LOGIN
    assert keep.find(LOGIN.gateway, "nobody") is None
    with keep.alone():
        keep.replace(replace(LOGIN, token="tok-3"))
    assert keep.find() == other
    assert [each.token for each in keep.all()] == ["tok-2", "tok-3"]
    with keep.alone():
        keep.drop(other)
    assert keep.find(other.gateway) is None


def test_only_this_user_can_read_it(environ):
    keep = Keep(environ)
    old = os.umask(0)
    try:
        put(keep, LOGIN)
    finally:
        os.umask(old)
    assert keep.path.stat().st_mode & 0o777 == 0o600
    assert keep.path.parent.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in keep.path.parent.iterdir()} == {"logins.json", "lock"}
    assert "tok-1" not in repr(keep.find())
    assert "sec-1" not in repr(keep.find())


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622])
def test_a_file_that_others_can_get_at_is_refused(environ, mode):
    keep = Keep(environ)
    put(keep, LOGIN)
    keep.path.chmod(mode)
    with pytest.raises(ClientError) as caught:
        keep.find()
    assert caught.value.code == "client.private"
    assert "tok-1" not in str(caught.value)


def test_a_link_is_refused(environ, tmp_path):
    keep = Keep(environ)
    put(keep, LOGIN)
    keep.path.rename(tmp_path / "elsewhere")
    keep.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ClientError, match="cannot be read"):
        keep.find()


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "[]", "{", '{"version": 2, "logins": {}}', '{"version": 1, "logins": []}',
        '{"version": 1, "logins": {"a": 1}}', '{"version": 1, "logins": {"a": {"name": "x"}}}',
        "[" * 100_000, "\0" * 2_000_000,
        json.dumps({"version": 1, "logins": {"a": {"gateway": "g", "name": "n", "how": "magic", "token": "t"}}}),
        json.dumps({"version": 1, "logins": {"a": {"gateway": "g", "name": "n", "how": "token", "token": 5}}}),
        json.dumps(
            {"version": 1, "logins": {"a": {"gateway": "g", "name": "n", "how": "token", "token": "t", "more": 1}}}
        ),
    ],
)  # fmt: skip
def test_another_kind_of_file_is_refused(environ, text):
    keep = Keep(environ)
    keep.folder  # noqa: B018
    keep.path.touch(0o600)
    keep.path.write_text(text)
    with pytest.raises(ClientError) as caught:
        keep.find()
    assert caught.value.code == "client.store"


class Backend:
    priority = 5.0


class FakeRing(types.ModuleType):
    """As the package ``keyring`` looks from outside."""

    def __init__(self, backend: Any, *, broken: str = "") -> None:
        super().__init__("keyring")
        self._backend, self._broken = backend, broken
        self.held: dict[tuple[str, str], str] = {}

    def get_keyring(self) -> Any:
        return self._backend

    def set_password(self, service: str, name: str, secret: str) -> None:
        if self._broken == "set" or (self._broken == "long" and len(secret) > 10):
            raise RuntimeError("locked: " + secret)
        self.held[service, name] = secret

    def get_password(self, service: str, name: str) -> str | None:
        return "another" if self._broken == "get" else self.held.get((service, name))

    def delete_password(self, service: str, name: str) -> None:
        del self.held[service, name]


def test_a_keyring_holds_the_secrets_and_the_file_the_rest(tmp_path, monkeypatch):
    ring = FakeRing(Backend())
    monkeypatch.setitem(sys.modules, "keyring", ring)
    keep = Keep({"XDG_STATE_HOME": str(tmp_path)})
    assert put(keep, LOGIN) == "keyring"
    text = keep.path.read_text()
    assert all(secret not in text for secret in ("tok-1", "ref-1", "sec-1"))
    assert keep.find() == LOGIN
    assert list(ring.held) == [("vedette", LOGIN.key)]
    with keep.alone():
        keep.drop(LOGIN)
    assert not ring.held
    put(keep, LOGIN)
    ring.held.clear()
    with pytest.raises(ClientError, match="keyring"):
        keep.find()


@pytest.mark.parametrize("broken", ["set", "get", "long", "weak", "plain"])
def test_a_keyring_that_does_not_work_is_passed_over(tmp_path, monkeypatch, broken):
    backend = Backend()
    if broken == "weak":
        backend.priority = 0.1
    if broken == "plain":
        backend = type("Plain", (Backend,), {"__module__": "keyrings.alt.file"})()
    monkeypatch.setitem(sys.modules, "keyring", FakeRing(backend, broken=broken))
    keep = Keep({"XDG_STATE_HOME": str(tmp_path)})
    assert put(keep, LOGIN) == "file"
    assert keep.find() == LOGIN
