"""Resources that speak SSH: what loads, and what is said about what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from vedette.config import ConfigError, load
from vedette.config.overview import render, summary
from vedette.config.settings import AuthoritySettings

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
WHOLE = """\
gateway: {{listen: {{ssh: 2222}}}}
resources:
  bastion:
    protocol: ssh
    upstream: {upstream}
    login: {login}
{more}
policies:
  - name: agents
    rules:
      - allow: {{effects: [read]}}
{rules}
"""
UPSTREAM = f"{{host: 10.0.0.5, host_key: {KEY}}}"
LOGIN = "{user: deploy, key: {file: id}}"


def write(
    folder: Path, upstream: str = UPSTREAM, login: str = LOGIN, more: str = "", rules: str = ""
) -> Path:
    file = folder / "vedette.yaml"
    file.write_text(WHOLE.format(upstream=upstream, login=login, more=more, rules=rules))
    return file


def test_a_host(tmp_path: Path) -> None:
    settings = load(write(tmp_path), {})
    host = settings.resources["bastion"]
    assert (host.upstream.address, host.upstream.host_keys) == ("10.0.0.5:22", (KEY,))
    assert (host.login.user, host.login.password) == ("deploy", None)
    assert [reference.name for reference in host.login.references] == ["id"]
    assert settings.gateway.listen.ssh is not None
    shown = render(summary(settings))
    assert "bastion: ssh at 10.0.0.5:22, tls pinned host key" in shown
    assert "warning" not in shown


def test_several_host_keys_and_comments(tmp_path: Path) -> None:
    upstream = f"{{host: h, port: 2200, host_key: ['{KEY} first host', '{KEY}']}}"
    assert load(write(tmp_path, upstream), {}).resources["bastion"].upstream.host_keys == (KEY, KEY)


def test_an_authority_for_hosts(tmp_path: Path) -> None:
    own = load(write(tmp_path, login="{user: deploy, authority: {}}"), {})
    found = own.resources["bastion"].login
    assert found.authority == AuthoritySettings(("deploy",), None, 300)
    assert "certificates by the gateway's own authority for deploy" in render(summary(own))
    given = "{user: deploy, authority: {key: {file: ca}, valid: 2m, principals: [web, db]}}"
    other = load(write(tmp_path, login=given), {}).resources["bastion"].login
    assert other.authority is not None
    assert (other.authority.principals, other.authority.seconds) == (("web", "db"), 120)
    assert [reference.name for reference in other.references] == ["ca"]


def test_another_key_is_another_place(tmp_path: Path) -> None:
    one = load(write(tmp_path), {}).resources["bastion"].resource
    other = load(write(tmp_path, UPSTREAM.replace("4f}", "4e}").replace("HR4f", "HR4e")), {})
    assert one.at != other.resources["bastion"].resource.at


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"upstream": "{host: h}"}, 'the key "host_key" is missing'),
        ({"upstream": "{host: h, host_key: accept}"}, "no public key"),
        ({"upstream": "{host: h, host_key: []}"}, "host_key"),
        ({"upstream": f"{{host: h, host_key: '10.0.0.5 {KEY}'}}"}, "no public key"),
        ({"upstream": f"{{host: h, host_key: {KEY}, database: x}}"}, 'unknown key "database"'),
        ({"upstream": f"{{host: h, host_key: {KEY}, tls: disable}}"}, 'unknown key "tls"'),
        ({"upstream": f"{{host: /tmp/s, host_key: {KEY}}}"}, "this is a path"),
        ({"login": "{user: deploy}"}, "a key, a password or an authority is needed"),
        ({"login": "{user: deploy, key: {file: id}, authority: {}}"}, "two ways for one"),
        ({"login": "{user: deploy, authority: {valid: 2h}}"}, "valid"),
        ({"login": "{user: deploy, authority: {principals: []}}"}, "principals"),
        ({"login": "{user: deploy, authority: {principals: ['a b']}}"}, "plain names"),
        ({"login": "{user: deploy, authority: {key: secret}}"}, "a secret is not written into the settings"),
        ({"login": "{user: 'a%b', key: {file: id}}"}, "is no login name"),
        ({"login": "{user: 'a b', key: {file: id}}"}, "is no login name"),
        ({"login": "{user: '-oProxyCommand=x%', key: {file: id}}"}, "is no login name"),
        ({"login": "{user: deploy, key: secret}"}, "a secret is not written into the settings"),
        ({"login": "{user: deploy, key: {file: id}, certificate: c}"}, 'unknown key "certificate"'),
        ({"more": "    startup: {statement_timeout: 3}"}, "only databases have such settings"),
        (
            {"rules": "      - mask: {columns: ['public.t.c'], as: redact}"},
            "whose text has no columns to mask",
        ),
    ],
    ids=str,
)
def test_what_does_not_load(tmp_path: Path, change: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(write(tmp_path, **change), {})
    assert said in "\n".join(str(problem) for problem in refused.value.problems)
