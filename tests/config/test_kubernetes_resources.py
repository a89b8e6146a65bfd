"""Resources that are Kubernetes clusters: what loads, and what is said about what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from vedette.config import ConfigError, load
from vedette.config.overview import render, summary

WHOLE = """\
gateway: {{listen: {{kubernetes: 6443}}}}
resources:
  prod:
    protocol: kubernetes
    upstream: {upstream}
    login: {login}
{more}
policies:
  - name: agents
    rules:
      - allow: {{effects: [read]}}
{rules}
"""
UPSTREAM = "{host: 10.0.0.5, ca: ca.pem}"
LOGIN = "{token: {file: token}}"


def write(
    folder: Path, upstream: str = UPSTREAM, login: str = LOGIN, more: str = "", rules: str = ""
) -> Path:
    file = folder / "vedette.yaml"
    file.write_text(WHOLE.format(upstream=upstream, login=login, more=more, rules=rules))
    return file


def test_a_cluster(tmp_path: Path) -> None:
    settings = load(write(tmp_path, rules="      - mask: {entities: [email], as: redact}"), {})
    cluster = settings.resources["prod"]
    assert (cluster.upstream.address, cluster.upstream.tls) == ("10.0.0.5:6443", "verify-full")
    assert cluster.upstream.ca == tmp_path / "ca.pem"
    assert [reference.name for reference in cluster.login.references] == ["token"]
    assert settings.gateway.listen.kubernetes is not None
    shown = render(summary(settings))
    assert "prod: kubernetes at 10.0.0.5:6443, tls verify-full" in shown
    assert "token from file token" in shown
    assert "warning" not in shown


@pytest.mark.parametrize(
    ("login", "said"),
    [
        ("{certificate: a.pem, key: {file: a.key}}", "certificate"),
        ("{service_account: true}", "serviceaccount/token"),
        ("{exec: [/usr/bin/aws, eks, get-token]}", "token from /usr/bin/aws"),
        ("{token: {sealed: prod}, impersonate: true}", "as the caller"),
    ],
)
def test_ways_to_log_in(tmp_path: Path, login: str, said: str) -> None:
    assert said in render(summary(load(write(tmp_path, login=login), {})))


def test_as_whom_it_leads_there_is_part_of_where_it_leads(tmp_path: Path) -> None:
    logins = (
        LOGIN,
        "{token: {file: other}}",
        "{token: {file: token}, impersonate: true}",
        "{exec: [/bin/a]}",
    )
    places = {load(write(tmp_path, login=login), {}).resources["prod"].resource.at for login in logins}
    assert len(places) == len(logins)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"upstream": "{port: 1}"}, 'the key "host" is missing'),
        ({"upstream": "{host: /run/x}"}, "this is a path"),
        ({"upstream": "{host: h, tls: disable}"}, "in the clear"),
        ({"upstream": "{host: localhost, tls: disable, ca: x}"}, "means nothing"),
        ({"upstream": "{host: h, tls: require}"}, "tls"),
        ({"upstream": "{host: h, database: x}"}, 'unknown key "database"'),
        ({"login": "{}"}, "exactly one way to log in"),
        ({"login": "{token: {file: t}, service_account: true}"}, "exactly one way to log in"),
        ({"login": "{token: {file: t}, exec: [/bin/x]}"}, "exactly one way to log in"),
        ({"login": "{token: eyJhbGciOi}"}, "a secret is not written into the settings"),
        ({"login": "{certificate: a.pem}"}, "go together"),
        ({"login": "{exec: [aws]}"}, "the whole path"),
        ({"login": "{exec: []}"}, "a command and its arguments"),
        ({"login": "{user: admin, token: {file: t}}"}, 'unknown key "user"'),
        ({"more": "    startup: {a: b}"}, "only databases have such settings"),
    ],
    ids=str,
)
def test_what_does_not_load(tmp_path: Path, change: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(write(tmp_path, **change), {})
    assert said in "\n".join(str(problem) for problem in refused.value.problems)
    assert "eyJhbGciOi" not in str(refused.value)
