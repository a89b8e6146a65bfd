"""Each source: where it finds a secret, and what it says where there is none."""

from __future__ import annotations

import os

import pytest

from vedette.credentials import SOURCES, CredentialError, Reference, Secrets, Surroundings, parse_reference
from vedette.credentials.env import Environment
from vedette.credentials.file import Files, read_secret

CANARY = "canary-7f3a"


async def env(environ, name="APPDB_PASSWORD", **options):
    return await Environment(environ, **options).fetch(Reference("env", name))


async def test_a_variable_is_read():
    assert (await env({"APPDB_PASSWORD": CANARY})).reveal() == CANARY


async def test_a_variable_is_read_once_and_leaves_the_environment_if_told_to():
    environ = {"APPDB_PASSWORD": CANARY, "OTHER": "x"}
    source = Environment(environ, remove=True)

    for _ in range(2):
        assert (await source.fetch(Reference("env", "APPDB_PASSWORD"))).matches(CANARY)
    assert environ == {"OTHER": "x"}


async def test_it_stays_unless_told_to():
    environ = {"APPDB_PASSWORD": CANARY}
    await env(environ)

    assert environ == {"APPDB_PASSWORD": CANARY}


@pytest.mark.parametrize("environ", [{}, {"APPDB_PASSWORD": ""}])
async def test_a_missing_variable_is_named(environ):
    with pytest.raises(CredentialError, match="APPDB_PASSWORD") as caught:
        await env(environ)
    assert caught.value.code == "credential.missing"


async def test_bytes_that_are_no_text_come_through_and_the_endless_does_not():
    assert (await env({"APPDB_PASSWORD": "p\udcffw"})).reveal_bytes() == b"p\xffw"
    with pytest.raises(CredentialError) as caught:
        await env({"APPDB_PASSWORD": CANARY * 6000})
    assert caught.value.code == "credential.malformed"
    assert CANARY not in str(caught.value)


def written(tmp_path, content: bytes, mode: int = 0o600):
    path = tmp_path / "password"
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("content", "secret"),
    [(b"pw", b"pw"), (b"pw\n", b"pw"), (b"pw\r\n", b"pw"), (b"pw\n\n", b"pw\n"), (b" pw ", b" pw "),
     (b"pw\r", b"pw\r"), (b"a\nb\n", b"a\nb")],
)  # fmt: skip
def test_one_line_end_is_not_part_of_the_secret(tmp_path, content, secret):
    assert read_secret(written(tmp_path, content)).reveal_bytes() == secret


@pytest.mark.parametrize(
    ("content", "mode", "code", "says"),
    [
        (b"", 0o600, "missing", "empty"),
        (b"\n", 0o600, "missing", "empty"),
        (b"pw", 0o644, "unreadable", "shared: true"),
        (b"pw", 0o666, "unreadable", "chmod go-w"),
        (b"x" * 70_000, 0o600, "unreadable", "longer"),
    ],
)
def test_a_file_that_will_not_do_is_named_with_the_fix(tmp_path, content, mode, code, says):
    with pytest.raises(CredentialError, match=says) as caught:
        read_secret(written(tmp_path, content, mode))
    assert caught.value.code == f"credential.{code}"
    assert "password" in str(caught.value)


async def test_a_relative_path_stands_beside_the_settings_and_a_new_content_counts_at_once(tmp_path):
    written(tmp_path, b"old")
    source = Files(tmp_path)
    assert (await source.fetch(Reference("file", "password"))).matches("old")

    written(tmp_path, b"new")

    assert (await source.fetch(Reference("file", "password"))).matches("new")
    with pytest.raises(CredentialError) as caught:
        await source.fetch(Reference("file", "none"))
    assert caught.value.code == "credential.missing"


async def test_a_shared_file_is_read_where_that_is_said(tmp_path):
    written(tmp_path, b"pw", 0o444)

    assert await Files(tmp_path).fetch(Reference("file", "password", shared=True))


@pytest.mark.parametrize(
    ("value", "reference"),
    [
        ({"env": "A"}, Reference("env", "A")),
        ({"file": "/run/secrets/a", "shared": True}, Reference("file", "/run/secrets/a", True)),
        ({"sealed": "a"}, Reference("sealed", "a")),
        ({"vault": "a"}, Reference("vault", "a")),
    ],
)
def test_a_setting_points_at_a_source(value, reference):
    assert parse_reference(value) == reference


@pytest.mark.parametrize(
    "value",
    [CANARY, None, 7, {}, {"env": ""}, {"env": 7}, {"env": CANARY, "file": CANARY}, {"shared": True},
     {"env": CANARY, "shared": True}, {"file": CANARY, "shared": "yes"}, {7: CANARY}, [CANARY]],
)  # fmt: skip
def test_anything_else_is_refused_without_being_shown(value):
    with pytest.raises(CredentialError) as caught:
        parse_reference(value)
    assert caught.value.code == "credential.source"
    assert CANARY not in str(caught.value)


async def test_an_unknown_source_is_named_with_those_that_exist(tmp_path):
    secrets = Secrets(Surroundings({}, tmp_path))

    with pytest.raises(CredentialError, match="env, file, sealed") as caught:
        await secrets.fetch(Reference("vault", "a"))
    assert caught.value.code == "credential.source"
    assert set(SOURCES) == {"env", "file", "sealed"}


def test_the_process_environment_is_the_usual_one(tmp_path, monkeypatch):
    monkeypatch.setenv("APPDB_PASSWORD", CANARY)

    assert Secrets.here(tmp_path)
    assert os.environ["APPDB_PASSWORD"] == CANARY
