from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.config.files import FILE, problems, resource, settings, text
from vedette.config import ConfigError, HostPort, Settings, changes, load, reload, restart_needed, unready
from vedette.config.load import decode
from vedette.config.reading import read_text
from vedette.credentials.source import Reference
from vedette.model import Kind, Resource

UP = "upstream: {host: db.internal, database: app}"
LOGIN = "login: {user: app}"


def test_the_least_file_has_careful_defaults() -> None:
    found = settings()
    gateway, one = found.gateway, found.resources["appdb"]
    assert gateway.listen.postgres == HostPort("127.0.0.1", 6432)
    assert gateway.listen.web is None
    assert gateway.downstream_tls == "required"
    assert gateway.data == FILE.parent / "vedette-data"
    assert (gateway.tls.certificate, gateway.tls.key, gateway.tls.ca) == (None, None, None)
    assert (gateway.journal.durability, gateway.journal.checkpoint_every) == ("os", 1000)
    assert (gateway.limits.statement, gateway.limits.login_timeout) == (16 << 20, 15.0)
    assert gateway.admins == gateway.auditors == frozenset()
    assert (one.upstream.tls, one.upstream.port) == ("verify-full", 5432)
    assert (one.record.statements, one.record.parameters, one.record.results) == ("full", "masked", "shape")
    assert one.resource == Resource("appdb", "postgres", at=one.resource.at)


def test_every_setting_arrives() -> None:
    found = settings(
        gateway="{listen: {postgres: '0.0.0.0:6432', web: '[::1]:8470'}, data: d, downstream_tls: allowed, "
        "tls: {certificate: c.pem, key: /k.pem, ca: ca.pem}, "
        "journal: {durability: fsync, checkpoint_every: 7, anchor: ../anchor}, "
        "limits: {statement: 1MiB, value: 2MiB, sessions: 5, per_principal: 2, login_timeout: 3s, idle: 1h}, "
        "admins: {groups: [a]}, auditors: {groups: [b, c]}, approvers: {groups: [d]}}",
        identity="{name: gate, scope: groups, issuers: [{issuer: 'https://id.example', audience: v, "
        "others: [w], algorithms: [PS256], parties: [p], groups: realm_access.roles, "
        "email: [user, mail.work], "
        "agents: {claim: gty, equals: client-credentials}, people: {claim: human, equals: true}, "
        "services: {claim: level, equals: 3}, otherwise: service, skew: 10s, jwks: 'https://id.example/k'}]}",
        resources="{appdb: {protocol: postgres, about: the shop, "
        "upstream: {host: db.internal, port: 5433, database: app, tls: verify-ca, ca: root.pem, "
        "direct: true}, "
        "login: {user: app, password: {env: PW}, certificate: client.pem, "
        "key: {file: client.key, shared: true}, "
        "auth: scram-sha-256, channel_binding: require}, "
        "labels: {env: prod}, record: {statements: shape, parameters: none, results: masked}, "
        "startup: {statement_timeout: 30s, work_mem: 64, application_name: ''}, max_sessions: 9}}",
    )
    gateway, (issuer,), one = found.gateway, found.identity.issuers, found.resources["appdb"]
    assert str(gateway.listen.postgres) == "0.0.0.0:6432"
    assert str(gateway.listen.web) == "[::1]:8470"
    assert (gateway.tls.certificate, gateway.tls.key) == (FILE.parent / "c.pem", Path("/k.pem"))
    assert gateway.journal.anchor == FILE.parent / "../anchor"
    assert dataclasses.astuple(gateway.limits) == (1 << 20, 2 << 20, 5, 2, 3.0, 3600.0)
    assert (gateway.admins, gateway.auditors, gateway.approvers) == ({"a"}, {"b", "c"}, {"d"})
    assert (found.identity.name, found.identity.scope) == ("gate", "groups")
    assert (issuer.issuer, issuer.audience, issuer.others) == ("https://id.example", "v", {"w"})
    assert (issuer.algorithms, issuer.parties) == ({"PS256"}, {"p"})
    assert (issuer.groups, issuer.email) == (("realm_access", "roles"), ("user", "mail.work"))
    assert issuer.agents is not None
    assert issuer.people is not None
    assert issuer.services is not None
    assert (issuer.agents.equals, issuer.people.equals, issuer.services.equals) == (
        "client-credentials",
        True,
        3,
    )
    assert (issuer.otherwise, issuer.skew, issuer.jwks) == (Kind.SERVICE, 10.0, "https://id.example/k")
    assert (one.upstream.port, one.upstream.tls, one.upstream.direct) == (5433, "verify-ca", True)
    assert one.upstream.ca == FILE.parent / "root.pem"
    assert one.login.password == Reference("env", "PW")
    assert one.login.key == Reference("file", "client.key", shared=True)
    assert (one.login.auth, one.login.channel_binding) == ("scram-sha-256", "require")
    assert one.labels == {"env": "prod"}
    assert (one.record.statements, one.record.parameters, one.record.results) == ("shape", "none", "masked")
    assert one.startup == {"statement_timeout": "30s", "work_mem": "64", "application_name": ""}
    assert (one.max_sessions, one.about) == (9, "the shop")


def test_a_socket_is_an_upstream_without_tls() -> None:
    found = settings(resources=resource(f"upstream: {{socket: run, database: app}}, {LOGIN}"))
    upstream = found.resources["appdb"].upstream
    assert (upstream.host, upstream.tls, upstream.address) == (
        "/etc/vedette/run",
        "disable",
        "/etc/vedette/run",
    )


@pytest.mark.parametrize(
    ("section", "inner", "message", "fix"),
    [
        ("gateway", "{listen: {smtp: 25}}", 'unknown key "smtp"', "postgres, ssh, web"),
        ("gateway", "{listen: {postgres: 70000}}", "70000 is out of range", "65535"),
        ("gateway", "{listen: {postgres: '1.2.3.4'}}", "a port or host:port", "0.0.0.0:6432"),
        ("gateway", "{listen: {postgres: '::1:6432'}}", "a port or host:port", ""),
        ("gateway", "{listen: {postgres: 6432, web: 6432}}", "web and postgres both listen", "another port"),
        ("gateway", "{data: ~/x}", '"~" is not resolved', ""),
        ("gateway", "{data: 5}", "text is needed", '"5"'),
        ("gateway", "{tls: {certificate: c.pem}}", "certificate and key go together", ""),
        ("gateway", "{downstream_tls: no}", 'unknown downstream_tls "no"', "required"),
        ("gateway", "{journal: {durability: disk}}", 'unknown durability "disk"', "os"),
        ("gateway", "{journal: {checkpoint_every: 0}}", "0 is out of range", ""),
        ("gateway", "{limits: {statement: 1GB2}}", "a size is needed", ""),
        ("gateway", "{limits: {statement: 10}}", "10 is out of range", "from 1024"),
        ("gateway", "{limits: {sessions: true}}", "a whole number is needed", ""),
        ("gateway", "{limits: {idle: 5}}", "a duration is needed", ""),
        ("gateway", "{admins: {groups: []}}", "an empty list", ""),
        ("gateway", "{admins: [a]}", "a mapping is needed here, not a list", ""),
        ("gateway", "[]", "a mapping is needed", ""),
        ("identity", "{issuers: [{audience: v}]}", 'the key "issuer" is missing', ""),
        ("identity", "{issuers: [{issuer: 'https://a.example'}]}", 'the key "audience" is missing', ""),
        (
            "identity",
            "{issuers: [{issuer: 'http://a.example', audience: v}]}",
            "an https address",
            "loopback_http",
        ),
        (
            "identity",
            "{issuers: [{issuer: 'http://a.example', audience: v, loopback_http: true}]}",
            "an https address",
            "loopback only",
        ),
        (
            "identity",
            "{issuers: [{issuer: 'https://a.example', audience: v, algorithms: [HS256]}]}",
            'unknown algorithm "HS256"',
            "",
        ),
        (
            "identity",
            "{issuers: [{issuer: 'https://a.example', audience: v, algorithms: [none]}]}",
            'unknown algorithm "none"',
            "",
        ),
        (
            "identity",
            "{issuers: [{issuer: 'https://a.example', audience: v, groups: a..b}]}",
            "the path of a claim",
            "",
        ),
        (
            "identity",
            "{issuers: [{issuer: 'https://a.example', audience: v, skew: 1h}]}",
            "out of range",
            "to 5m",
        ),
        (
            "identity",
            "{issuers: [{issuer: 'https://a.example', audience: v, agents: {claim: a, equals: [b]}}]}",
            "a text, a whole number, true or false",
            "",
        ),
        (
            "identity",
            "{issuers: [{issuer: 'https://a.test', audience: v}, {issuer: 'https://a.test', audience: w}]}",
            "configured twice",
            "remove one",
        ),
        ("resources", f"{{'a b': {{protocol: postgres, {UP}, {LOGIN}}}}}", "is no name for a resource", ""),
        (
            "resources",
            f"{{appdb: {{protocol: postgras, {UP}, {LOGIN}}}}}",
            'unknown protocol "postgras"',
            "postgres",
        ),
        ("resources", f"{{appdb: {{{UP}, {LOGIN}}}}}", 'the key "protocol" is missing', ""),
        ("resources", resource(f"upstream: {{host: db}}, {LOGIN}"), 'the key "database" is missing', ""),
        ("resources", resource(f"upstream: {{database: a}}, {LOGIN}"), "either host or socket", ""),
        (
            "resources",
            resource(f"upstream: {{host: 'db:5432', database: a}}, {LOGIN}"),
            "is no host name",
            "port:",
        ),
        (
            "resources",
            resource(f"upstream: {{host: /run, database: a}}, {LOGIN}"),
            "this is a path",
            "socket: /run",
        ),
        (
            "resources",
            resource(f"upstream: {{host: db, database: a, tls: off}}, {LOGIN}"),
            'unknown tls "off"',
            "disable",
        ),
        (
            "resources",
            resource(f"upstream: {{host: db, database: a, tls: disable, ca: x}}, {LOGIN}"),
            "ca means nothing without TLS",
            "",
        ),
        (
            "resources",
            resource(f"upstream: {{host: db, database: a, tls: require, ca: x}}, {LOGIN}"),
            "checks no certificate",
            "verify-full",
        ),
        (
            "resources",
            resource(f"upstream: {{socket: /run, database: a, tls: require}}, {LOGIN}"),
            "a Unix socket has no TLS",
            "",
        ),
        ("resources", resource(f"{UP}, login: {{password: {{env: A}}}}"), 'the key "user" is missing', ""),
        (
            "resources",
            resource(f"{UP}, login: {{user: a, certificate: c}}"),
            "certificate and key go together",
            "",
        ),
        (
            "resources",
            resource(f"{UP}, login: {{user: a, auth: md5}}"),
            "auth: md5 needs a password",
            "{env: NAME}",
        ),
        ("resources", resource(f"{UP}, login: {{user: a, auth: certificate}}"), "needs one", ""),
        (
            "resources",
            resource(
                "upstream: {host: db, database: a, tls: disable}, "
                "login: {user: a, auth: password, password: {env: A}}"
            ),
            "in the clear",
            "TLS",
        ),
        (
            "resources",
            resource(f"{UP}, login: {{user: a, password: {{env: A, file: b}}}}"),
            "exactly one source",
            "",
        ),
        (
            "resources",
            resource(f"{UP}, login: {{user: a, password: {{vault: A}}}}"),
            'unknown key "vault"',
            "",
        ),
        (
            "resources",
            resource(f"{UP}, login: {{user: a, password: {{env: A, shared: true}}}}"),
            "about files",
            "",
        ),
        ("resources", resource(f"{UP}, {LOGIN}, labels: {{env: 1}}"), "text is needed", '"1"'),
        (
            "resources",
            resource(f"{UP}, {LOGIN}, record: {{results: full}}"),
            'unknown results "full"',
            "masked",
        ),
        (
            "resources",
            resource(f"{UP}, {LOGIN}, startup: {{client_encoding: LATIN1}}"),
            "set by the gateway",
            "",
        ),
        ("resources", resource(f"{UP}, {LOGIN}, startup: {{Role: a}}"), "set by the gateway", ""),
        ("resources", resource(f"{UP}, {LOGIN}, startup: {{'a b': c}}"), "is no name of a setting", ""),
        ("resources", resource(f"{UP}, {LOGIN}, max_sessions: 0"), "0 is out of range", ""),
        ("policies", "{}", "a list is needed", "- name:"),
        (
            "policies",
            "[{name: p, where: {resources: [x]}, rules: [{limit: {rows: 1}}]}]",
            "no resource is called",
            "",
        ),
    ],
)
def test_a_mistake_is_said_with_its_fix(section: str, inner: str, message: str, fix: str) -> None:
    found = problems(None, **{section: inner})
    assert any(message in problem.message and fix in problem.fix for problem in found), found
    lines = {"gateway": 1, "identity": 2, "resources": 3, "policies": 4}
    assert {problem.line for problem in found} == {lines[section]}


@pytest.mark.parametrize(
    "login",
    [
        "password: hunter2",
        "password: 40414243",
        "password: [hunter2]",
        "password: {env: 'hunter2!'}",
        "password: {hunter2: x}",
    ],
)
def test_a_secret_in_the_file_is_refused_and_never_quoted(login: str) -> None:
    found = problems(resources=resource(f"{UP}, login: {{user: a, {login}}}"))
    assert any(
        "secret" in str(problem) or "environment variable" in str(problem) or "source" in str(problem)
        for problem in found
    )
    if "{hunter2" not in login:
        assert not any("hunter2" in str(problem) or "4041" in str(problem) for problem in found)


def test_problems_of_all_sections_are_told_at_once() -> None:
    found = problems(
        gateway="{listen: {smtp: 1}}", identity="{isuers: []}", resources="{x: 1}", policies="[{name: p}]"
    )
    assert {problem.line for problem in found} == {1, 2, 3, 4}


def test_a_repeated_key_is_told_with_the_rest() -> None:
    found = problems(gateway="{data: a, data: b, lissten: {}}")
    assert ["twice" in str(problem) for problem in found] == [True, False]


def test_missing_sections_are_named() -> None:
    (found,) = _missing("resources: {}\n")
    assert found == 'vedette.yaml:1:1: the file: the key "policies" is missing; add policies:'


def _missing(whole: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        decode(read_text(whole, "vedette.yaml"), Path("vedette.yaml"), {})
    return [str(problem) for problem in caught.value.problems]


def test_an_empty_file_is_said() -> None:
    (found,) = _missing("# nothing\n")
    assert "the file is empty; write a first one with: vedette init" in found


# The environment


def test_the_environment_overrides_data_and_listeners() -> None:
    environ = {"VEDETTE_DATA": "/data", "VEDETTE_LISTEN_POSTGRES": "0.0.0.0:1", "VEDETTE_LISTEN_WEB": "2"}
    found = settings(environ)
    assert found.gateway.data == Path("/data")
    assert (found.gateway.listen.postgres, found.gateway.listen.web) == (
        HostPort("0.0.0.0", 1),
        HostPort("127.0.0.1", 2),
    )
    assert found.hash != settings().hash


def test_an_override_that_is_no_address_names_the_variable() -> None:
    (found,) = problems({"VEDETTE_LISTEN_WEB": "nowhere"})
    assert str(found) == "environment variable VEDETTE_LISTEN_WEB: it is neither a port nor host:port"


def test_what_the_machine_lacks_is_told_apart_from_what_the_file_says(tmp_path: Path) -> None:
    file = tmp_path / "vedette.yaml"
    file.write_text(
        text(
            gateway="{tls: {certificate: c.pem, key: k.pem}}",
            resources=resource(
                f"{UP}, login: {{user: a, password: {{env: PW}}, certificate: x.pem, key: {{file: x.key}}}}"
            ),
        )
    )
    (tmp_path / "c.pem").touch()
    (tmp_path / "x.key").touch()
    found = [problem.message for problem in unready(load(file, {}), {})]
    assert found == [
        "resources.appdb: the environment variable PW is not set",
        f"resources.appdb: there is no file {tmp_path / 'x.pem'}",
        f"gateway.tls: there is no file {tmp_path / 'k.pem'}",
    ]
    assert len(unready(load(file, {}), {"PW": "x"})) == 2


# Files


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file; name another with --config"):
        load(tmp_path / "vedette.yaml", {})


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the file cannot be read"):
        load(tmp_path, {})


def test_settings_hold_no_secret_and_name_their_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PW", "hunter2")
    file = tmp_path / "vedette.yaml"
    file.write_text(text(resources=resource(f"{UP}, login: {{user: a, password: {{env: PW}}}}")))
    found = load(file)
    assert "hunter2" not in repr(found)
    assert (len(found.hash), found.file) == (32, file)


# Reload


def test_a_file_that_no_longer_loads_is_an_answer_not_an_exception(tmp_path: Path) -> None:
    file = tmp_path / "vedette.yaml"
    file.write_text(text())
    old = load(file, {})
    file.write_text("gateway: [")
    found = reload(old, file, {})
    assert isinstance(found, ConfigError)
    assert found.problems[0].file == str(file)
    file.write_text(text(policies="[{name: q, rules: [{limit: {rows: 1}}]}]"))
    new = reload(old, file, {})
    assert isinstance(new, Settings)
    assert new.policies.hash != old.policies.hash


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({}, ()),
        ({"policies": "[{name: q, rules: [{limit: {rows: 1}}]}]"}, ()),
        (
            {"gateway": "{listen: {postgres: 7}}"},
            ("listen.postgres stays 127.0.0.1:6432 until a restart (new: 127.0.0.1:7)",),
        ),
        (
            {"gateway": "{listen: {web: 6432}}"},
            (
                "listen.postgres stays 127.0.0.1:6432 until a restart (new: closed)",
                "listen.web stays closed until a restart (new: 127.0.0.1:6432)",
            ),
        ),
        (
            {"gateway": "{listen: {postgres: 6432}, data: /d}"},
            ("data stays /etc/vedette/vedette-data until a restart (new: /d)",),
        ),
        (
            {"gateway": "{listen: {postgres: 6432}, journal: {durability: fsync}}"},
            ("the journal's settings stay as they are until a restart",),
        ),
        (
            {"gateway": "{listen: {postgres: 6432}, downstream_tls: allowed}"},
            ("the listeners' TLS stays as it is until a restart",),
        ),
        ({"gateway": "{listen: {postgres: 6432}, limits: {sessions: 5}}"}, ()),
        ({"identity": "{scope: other}"}, ()),
        ({"resources": resource(f"{UP}, {LOGIN}, labels: {{a: b}}")}, ()),
        ({"identity": "{name: other}"}, ("identity.name stays vedette until a restart (new: other)",)),
    ],
)
def test_what_needs_a_restart_is_said(changed: dict[str, str], says: tuple[str, ...]) -> None:
    assert restart_needed(settings(), settings(None, **changed)) == says


ISSUER = "issuer: https://login.example.com, audience: vedette"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({}, ()),
        ({"policies": "[{name: q, rules: [{limit: {rows: 1}}]}]"}, ()),
        ({"gateway": "{listen: {postgres: 6432}, limits: {sessions: 5}}"}, ("limits: changed",)),
        ({"gateway": "{listen: {postgres: 6432}, admins: {groups: [a]}}"}, ("admins: changed",)),
        ({"resources": resource(f"{UP}, {LOGIN}, labels: {{a: b}}")}, ("resource appdb: changed",)),
        (
            {"resources": f"{{other: {{protocol: postgres, {UP}, {LOGIN}}}}}"},
            ("resource appdb: removed", "resource other: added"),
        ),
        ({"identity": f"{{issuers: [{{{ISSUER}}}]}}"}, ("issuer https://login.example.com: added",)),
    ],
)
def test_what_changes_at_once_is_said(changed: dict[str, str], says: tuple[str, ...]) -> None:
    assert changes(settings(), settings(None, **changed)) == says


def test_nobody_takes_the_name_that_is_in_the_gateways_own_tokens(tmp_path: Path) -> None:
    """The new name counts after a restart; until then an issuer of the old one would be the gateway itself."""
    file = tmp_path / "vedette.yaml"
    own = "https://login.example.com"
    file.write_text(text(identity=f"{{name: {own}}}"))
    old = load(file, {})
    file.write_text(text(identity=f"{{name: other, issuers: [{{{ISSUER}}}]}}"))
    assert load(file, {}).identity.name == "other"
    found = reload(old, file, {})
    assert isinstance(found, ConfigError)
    assert own in found.problems[0].message


def test_where_a_resource_leads_is_part_of_what_it_is() -> None:
    """An approval is bound to it: a name that leads elsewhere, or as somebody else, is another resource."""
    there = settings().resources["appdb"].resource
    assert there == settings().resources["appdb"].resource
    for section in (
        f"{UP}, login: {{user: other}}",
        f"upstream: {{host: elsewhere, database: app}}, {LOGIN}",
    ):
        moved = settings(None, resources=resource(section)).resources["appdb"].resource
        assert moved.at != there.at
