"""Credential plug-ins of Kubernetes: what they print is read, and nothing of it is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vedette.credentials import plugin
from vedette.credentials.errors import CredentialError

V1 = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential"}


def printed(**status: object) -> bytes:
    return json.dumps(V1 | {"status": status}).encode()


def test_a_token() -> None:
    found = plugin.read(printed(token="sesame\n", expirationTimestamp="2026-11-22T10:00:00Z"), "p")
    assert found.token is not None
    assert (found.token.reveal(), found.expires) == ("sesame", 1795341600.0)
    assert "sesame" not in repr(found)


def test_a_certificate() -> None:
    found = plugin.read(printed(clientCertificateData="PEM", clientKeyData="KEY"), "p")
    assert (found.certificate, found.token) == (b"PEM", None)
    assert "PEM" not in repr(found)


@pytest.mark.parametrize(
    "said",
    [
        b"", b"sesame", b"[]", b"{}", printed(), printed(token=""), printed(token=7), printed(token="s\xe4same"),
        printed(clientCertificateData="PEM"), printed(token="sesame", expirationTimestamp="soon"),
        json.dumps({**V1, "kind": "Status", "status": {"token": "sesame"}}).encode(),
        json.dumps({**V1, "apiVersion": "v1", "status": {"token": "sesame"}}).encode(),
    ],
)  # fmt: skip
def test_what_is_no_credential(said: bytes) -> None:
    with pytest.raises(CredentialError) as refused:
        plugin.read(said, "p")
    assert refused.value.code == "credential.plugin"
    assert "sesame" not in str(refused.value)


def script(folder: Path, text: str) -> str:
    file = folder / "plugin"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o700)
    return str(file)


async def test_it_gets_nothing_of_the_gateways_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPDB_PASSWORD", "hunter2")
    there = script(tmp_path, f"env > {tmp_path}/env; echo '{printed(token='sesame').decode()}'")
    assert (await plugin.ask([there])).token is not None
    seen = (tmp_path / "env").read_text()
    assert "hunter2" not in seen
    assert "KUBERNETES_EXEC_INFO=" in seen


@pytest.mark.parametrize("text", ["exit 3", "head -c 1000000 /dev/zero", "sleep 100"])
async def test_one_that_fails_floods_or_hangs(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin, "SECONDS", 2.0)
    with pytest.raises(CredentialError):
        await plugin.ask([script(tmp_path, text)])


async def test_one_that_is_not_there() -> None:
    with pytest.raises(CredentialError):
        await plugin.ask(["/nowhere/plugin"])
