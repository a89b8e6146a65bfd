from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from tests.config.files import resource, settings
from vedette.config import load, render, starter, summary

LOCAL = "upstream: {host: 127.0.0.1, database: app, tls: disable}, login: {user: app}"


def test_the_summary_says_what_each_resource_resolved_to() -> None:
    found = summary(
        settings(
            resources=resource(
                "upstream: {host: db.internal, database: app}, labels: {env: prod}, "
                "login: {user: app_rw, password: {env: PW}}"
            ),
            policies="[{name: p, who: {kinds: [agent]}, rules: [{allow: {effects: [read]}}, "
            "{mask: {entities: [email]}}]}, {name: q, mode: observe, rules: [{limit: {rows: 1}}]}]",
        )
    )
    (one,) = found.resources
    assert found.listeners == ("postgres on 127.0.0.1:6432",)
    assert (one.address, one.tls, one.labels) == ("db.internal:5432/app", "verify-full", ("env=prod",))
    assert one.login == "app_rw, password from env PW"
    assert [(policy.name, policy.mode, policy.who) for policy in one.policies] == [
        ("p", "enforce", "kinds agent"),
        ("q", "observe", "everyone"),
    ]
    assert [rule.says for rule in one.policies[0].rules] == ["allow read", "mask email as redact"]
    assert found.warnings == ()
    assert json.loads(json.dumps(dataclasses.asdict(found)))["resources"][0]["name"] == "appdb"


def test_the_text_shows_the_same() -> None:
    lines = render(summary(settings(resources=resource(LOCAL)))).splitlines()
    assert lines[1:3] == ["  listens: postgres on 127.0.0.1:6432", "  data: /etc/vedette/vedette-data"]
    assert "appdb: postgres at 127.0.0.1:5432/app, tls disable" in lines
    assert "  login: app, no secret" in lines
    assert lines[-2:] == ["  policy p (enforce) for everyone", "    allow read"]


@pytest.mark.parametrize(
    ("sections", "warning"),
    [
        ({"gateway": "{}"}, "no listener is open: name one in gateway.listen"),
        (
            {"gateway": "{listen: {web: '0.0.0.0:1'}, downstream_tls: allowed}"},
            "web listens on 0.0.0.0:1, and callers may come without TLS",
        ),
        ({"policies": "[]"}, 'no policy applies to "appdb": everything there is refused'),
        (
            {"policies": "[{name: p, mode: observe, rules: [{limit: {rows: 1}}]}]"},
            '"appdb" is only observed: nothing there is refused, held or masked',
        ),
        (
            {"resources": resource("upstream: {host: db, database: a, tls: require}, login: {user: a}")},
            '"appdb" is reached without checking who answers (tls: require)',
        ),
        (
            {
                "policies": "[{name: p, rules: [{hold: {effects: [write]}, approvers: {groups: [a]}}, "
                "{hold: {effects: [delete]}, approvers: {groups: [b]}}]}]"
            },
            '"appdb": an action held by both p/hold-1 and p/hold-2 is refused, '
            "because they have no group of approvers in common",
        ),
    ],
)
def test_what_loads_and_is_probably_not_meant_is_warned_about(sections: dict[str, str], warning: str) -> None:
    found = summary(settings(None, **sections))
    assert found.warnings == (warning,)
    assert f"warning: {warning}" in render(found)


def test_the_starter_file_loads_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "vedette.yaml"
    file.write_text(starter())
    found = summary(load(file, {}))
    assert found.warnings == ()
    assert [policy.name for policy in found.resources[0].policies] == ["agents", "people"]


def test_the_starter_file_explains_itself() -> None:
    lines = starter().splitlines()
    assert sum(line.lstrip().startswith("#") for line in lines) > len(lines) / 4
    assert max(map(len, lines)) <= 110
