"""What a reload changed, as the audit trail tells it: noun by noun, before and after, never a secret."""

from __future__ import annotations

import msgspec

from tests.config.files import settings
from vedette.config.differences import Difference, differences
from vedette.trail import events

RESOURCES = (
    "{appdb: {protocol: postgres, upstream: {host: db.internal, database: app}, login: {user: app%s}%s}}"
)
POLICY = "[{name: p, who: {groups: [a]}, where: {labels: {env: [test, prod]}}, rules: [%s]}]"
ISSUERS = "{issuers: [{issuer: 'https://id.example', audience: v%s}]}"
LABELS = ", labels: {env: prod}"


def found(old: dict[str, str], new: dict[str, str]) -> list[Difference]:
    return list(differences(settings(**old), settings(**new)))


def test_the_same_differs_in_nothing() -> None:
    section = {"resources": RESOURCES % ("", LABELS), "policies": POLICY % "{allow: {effects: [read]}}",
               "identity": ISSUERS % ""}  # fmt: skip
    assert found(section, section) == []


def test_a_policy_that_changed_says_its_rules_before_and_after() -> None:
    old, new = "{allow: {effects: [read]}}", "{allow: {effects: [read]}}, {session: {max: 8h}}"
    resources = RESOURCES % ("", LABELS)
    (one,) = found(
        {"policies": POLICY % old, "resources": resources}, {"policies": POLICY % new, "resources": resources}
    )
    assert one == Difference(
        "policy", "p",
        {"rules": ("allow-1: allow read",)},
        {"rules": ("allow-1: allow read", "session-2: session max 8h")},
    )  # fmt: skip


def test_what_comes_and_goes_is_told_in_full() -> None:
    resources = RESOURCES % ("", LABELS)
    none = {"resources": resources, "policies": "[]"}
    one = {
        "resources": resources,
        "policies": POLICY % "{allow: {effects: [read]}}",
        "identity": ISSUERS % "",
    }
    added = found(none, one)
    assert [(each.what, each.name, each.before) for each in added] == [
        ("policy", "p", None), ("issuer", "https://id.example", None),
    ]  # fmt: skip
    assert added[0].after == {
        "mode": "enforce", "who": "groups a", "where": ("env=test|prod",), "rules": ("allow-1: allow read",),
    }  # fmt: skip
    gone = found(one, none)
    assert [(each.before, each.after) for each in gone] == [(each.after, None) for each in added]


def test_only_what_differs_of_a_resource_is_told_and_places_of_secrets_not_secrets() -> None:
    old = {"resources": RESOURCES % ("", ", startup: {work_mem: 64}")}
    new = {"resources": RESOURCES % (", password: {env: APPDB_PW}", ", startup: {app.key: s3cret}")}
    (one,) = found(old, new)
    assert (one.what, one.name) == ("resource", "appdb")
    assert one.before is not None
    assert (one.before["login.password.name"], one.before["startup"]) == (None, ("work_mem",))
    assert (one.after or {})["login.password.name"] == "APPDB_PW"
    assert "s3cret" not in str(one)


def test_roles_and_limits() -> None:
    (limits, roles) = found({}, {"gateway": "{limits: {sessions: 7}, approvers: {groups: [b, a]}}"})
    assert (limits.name, limits.after) == ("limits", {"sessions": 7})
    assert (roles.name, roles.before, roles.after) == ("roles", {"approvers": ()}, {"approvers": ("a", "b")})


def test_every_difference_can_be_written_down() -> None:
    old = {"resources": RESOURCES % ("", "")}
    new = {"resources": RESOURCES % (", password: {env: PW}", LABELS), "identity": ISSUERS
           % ", requires: [{claim: a, equals: b}], groups: realm_access.roles, agents: {claim: x, like: 'y*'}",
           "policies": POLICY % "{deny: {effects: [write]}}"}  # fmt: skip
    for each in (*found(old, new), *found(new, old)):
        event = events.ConfigChanged(at=0, by="file", what=each.what, name=each.name, before=each.before,
                                     after=each.after)  # fmt: skip
        kind, body = events.encode(event)
        assert events.decode(kind, msgspec.json.decode(body)) == event
