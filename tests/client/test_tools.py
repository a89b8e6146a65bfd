"""Configuration for kubectl and ssh, read by kubectl and ssh themselves; programs run in our place."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vedette.client import ClientError, Resource, kube, ssh, tools
from vedette.client.child import Child
from vedette.client.held import Address
from vedette.client.postgres import Door, door, login_name
from vedette.client.web import secure

FOUND = [
    Resource("prod", "kubernetes", address="https://gw.example:6443"),
    Resource("bastion", "ssh", address="gw.example:6422"),
    Resource("six", "ssh", address="[::1]:22"),
    Resource("closed", "ssh"),
    Resource("appdb", "postgres", address="gw.example:6432"),
]


def test_what_is_for_which_tool():
    assert tools.clusters(FOUND) == {"prod": "https://gw.example:6443"}
    assert tools.hosts(FOUND) == {"bastion": Address("gw.example", 6422), "six": Address("::1", 22)}
    with pytest.raises(ClientError, match="not https"):
        tools.clusters([Resource("x", "kubernetes", address="http://gw.example")])


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl here")
def test_kubectl_takes_the_token_from_the_plug_in(tmp_path):
    plugin = tmp_path / "plugin"
    plugin.write_text(f"#!/bin/sh\necho '{kube.credential('tok-1', 1_800_000_000.5)}'\n")
    plugin.chmod(0o700)
    file = tmp_path / "config"
    file.write_text(
        kube.config({"prod": "https://127.0.0.1:9/", "b": "https://b"}, [str(plugin), "x"], {"A": "1"}, None)
    )
    view = subprocess.run(
        ["kubectl", "--kubeconfig", str(file), "config", "view", "-o", "json"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    found = json.loads(view.stdout)
    assert found["current-context"] == "prod"
    assert found["users"][0]["user"]["exec"]["command"] == str(plugin)
    called = subprocess.run(
        ["kubectl", "--kubeconfig", str(file), "get", "--raw", "/version"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "refused" in called.stderr, called.stderr  # it has its token, and nobody listens there


@pytest.mark.skipif(shutil.which("ssh") is None, reason="no ssh here")
@pytest.mark.parametrize("bare", [False, True])
def test_ssh_reads_its_configuration_and_asks_for_a_certificate(tmp_path, bare):
    asked = tmp_path / "asked 100%"
    config = tmp_path / "config"
    identity = ssh.Identity(tmp_path / "key's 50%")
    config.write_text(ssh.config(tools.hosts(FOUND), identity, ["touch", str(asked)], bare=bare))
    name = "bastion" if bare else "bastion.vedette"
    done = subprocess.run(
        ["ssh", "-G", "-F", str(config), name], capture_output=True, text=True, check=True, timeout=60
    )
    for line in (
        "hostname gw.example",
        "port 6422",
        "user bastion",
        "identitiesonly yes",
        "forwardagent no",
        "hostkeyalias vedette",
        "stricthostkeychecking true",
    ):
        assert line in done.stdout.lower().splitlines(), line
    assert str(identity.key) in done.stdout.replace("%%", "%")
    assert asked.exists()
    asked.unlink()
    subprocess.run(["ssh", "-G", "-F", str(config), "other"], capture_output=True, check=True, timeout=60)
    assert not asked.exists()


@pytest.mark.parametrize(
    "key",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 AAAA\n@cert-authority * ssh-ed25519 BBBB",
        "* ssh-ed25519 AAAA",
        "ssh-ed25519  AAAA",
    ],
)
def test_what_is_no_host_key_does_not_stand_among_them(key):
    good = "ssh-ed25519 AAAAC3Nza gateway"
    assert ssh.known_hosts([good]) == "vedette ssh-ed25519 AAAAC3Nza\n"
    with pytest.raises(ValueError, match="not host keys"):
        ssh.known_hosts([good, key])


def test_names_that_would_be_more_than_names_are_refused(tmp_path):
    for name in ("a b", "a\nProxyCommand x", "*", "", 'a"'):
        with pytest.raises(ClientError):
            ssh.config({name: Address("h", 1)}, ssh.Identity(tmp_path), ["x"])
    with pytest.raises(ClientError):
        ssh.config({"a": Address("h", 1)}, ssh.Identity(Path('/a"b')), ["x"])


def test_dsns_hold_what_they_are_given_and_no_more():
    there = Door(Address("::1", 5), "a@b/c", "verify-full", "/c a.pem", "x/1")
    assert there.dsn("app/db") == (
        "postgresql://a%40b%2Fc@[::1]:5/app%2Fdb?sslmode=verify-full&sslrootcert=%2Fc%20a.pem&application_name=x%2F1"
    )
    assert there.password_file("a:b\\c") == "\\:\\:1:5:*:*:a\\:b\\\\c\n"
    assert door(Address("gw.example", 1), "me", None).mode == "verify-full"
    assert door(Address("gw.example", 1), "me", None).root
    assert door(Address("127.0.0.1", 1), "me", None).mode == "disable"
    assert (login_name("vdt_x"), login_name("oauth"), login_name("é b"), login_name("")) == (
        "u-vdt_x", "u-oauth", "--b", "agent",
    )  # fmt: skip


@pytest.mark.parametrize(
    "url",
    ["http://gw.example", "http://127.0.0.1.evil.example", "https://a@b", "https://a:b@c", "https://", "ftp://a",
     "https://a#b", "https://a b", "https://a\n", "javascript:x", "https://a:99999", "https://[", "http://localhost.evil"],
)  # fmt: skip
def test_no_token_goes_there(url):
    with pytest.raises(ClientError) as caught:
        secure(url)
    assert caught.value.code == "client.address"


@pytest.mark.parametrize(
    ("code", "status"), [("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 137)]
)
def test_a_programs_end_is_passed_on(code, status):
    assert Child([sys.executable, "-c", code], {"PATH": "/usr/bin"}).run() == status


def test_a_program_that_is_not_there():
    with pytest.raises(ClientError) as caught:
        Child(["/no/such/program"], {}).run()
    assert caught.value.code == "client.program"
