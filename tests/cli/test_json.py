"""``--json``: every listing command has it, and its keys stay."""

from __future__ import annotations

import json

from tests.cli.conftest import Shell

SESSION = {
    "id", "principal", "kind", "groups", "actor", "resource", "protocol", "address", "application", "policy",
    "run", "opened", "closed", "reason", "actions", "denied", "held", "rows", "bytes", "masked", "live",
}  # fmt: skip
APPROVAL = {
    "id", "status", "created", "expires", "requester", "resource", "protocol", "effects", "objects",
    "touches", "rule", "reason", "approvers", "count", "given", "mode", "uses", "uses_left", "session",
    "form", "text", "parameters", "state", "policy", "digest", "decisions", "yours", "preview",
}  # fmt: skip
TOKEN = {
    "id", "subject", "kind", "groups", "actor", "email", "issued", "expires", "note", "revoked",
}  # fmt: skip
KEY = {"id", "name", "subject", "kind", "groups", "created", "expires", "used", "revoked", "owner", "ssh"}
RECORD = {"seq", "time", "kind", "body"}


def test_tokens_and_keys(shell: Shell) -> None:
    made = shell.json("token", "issue", "--subject", "bot", "--groups", "a,b", "--ttl", "10m", "--note", "n")
    assert set(made) == TOKEN | {"token"}
    assert (made["groups"], made["expires"] - made["issued"]) == (["a", "b"], 600)
    (listed,) = shell.json("token", "list")
    assert set(listed) == TOKEN
    assert shell.json("token", "revoke", made["id"]) == {"id": made["id"], "revoked": True}
    assert shell.json("token", "list")[0]["revoked"] is not None
    made = shell.json("key", "create", "--subject", "bot", "--kind", "service")
    assert set(made) == KEY | {"key"}
    assert [set(each) for each in shell.json("key", "list")] == [KEY]
    assert shell.json("key", "revoke", made["id"]) == {"id": made["id"], "revoked": True}


def test_sessions(shell: Shell) -> None:
    shell.session()
    (listed,) = shell.json("sessions", "list")
    assert set(listed) == SESSION
    shown = shell.json("sessions", "show", "s-1")
    assert set(shown) == {"session", "records"}
    assert shown["session"] == listed
    assert {tuple(sorted(each)) for each in shown["records"]} == {tuple(sorted(RECORD))}
    assert shell.json("sessions", "show", "last") == shown
    exported = json.loads(shell.run("sessions", "export", "s-1").stdout)
    assert [each["kind"] for each in exported["records"]] == [each["kind"] for each in shown["records"]]
    assert shell.json("sessions", "list", "--live") == []


def test_approvals(shell: Shell) -> None:
    hold = shell.hold()
    (listed,) = shell.json("approvals", "list")
    assert set(listed) == APPROVAL
    assert shell.json("approvals", "show", hold) == listed
    assert listed["yours"] is False
    token = shell.token("person", "dba")
    approved = shell.json("approvals", "approve", hold, "--reason", "fine", VEDETTE_TOKEN=token)
    assert (approved["status"], approved["decisions"][0]["reason"]) == ("approved", "fine")
    assert shell.json("approvals", "list") == []
    assert len(shell.json("approvals", "list", "--status", "open")) == 1


def test_audit(shell: Shell) -> None:
    shell.session()
    lines = shell.run("audit", "tail", "--json").stdout.splitlines()
    assert {tuple(sorted(json.loads(line))) for line in lines} == {tuple(sorted(RECORD))}
    judged = shell.run("audit", "tail", "--kind", "action.judged", "--json").stdout.splitlines()
    assert [json.loads(line)["kind"] for line in judged] == ["action.judged"]
    assert len(shell.run("audit", "tail", "-n", "2", "--json").stdout.splitlines()) == 2


def test_policy(shell: Shell) -> None:
    found = shell.json("policy", "explain", "DROP TABLE t", "--resource", "appdb")
    assert (found["verdict"], found["rule"]) == ("deny", "agents/deny-2")
    assert set(found) == {
        "verdict", "rule", "reason", "code", "hint", "approvers", "masks", "limits", "observed", "policy",
        "observing", "touches", "unread", "opinions", "applied", "passed_over", "catalogue",
    }  # fmt: skip
    assert set(shell.json("policy", "show")) == {"hash", "settings", "file", "policies"}


def test_verify_seal_check_and_version(shell: Shell) -> None:
    shell.session()
    found = shell.json("verify")
    assert (found["ok"], found["tags_checked"], found["by_session"]) == (True, True, {"s-1": 4})
    shell.run("seal", "put", "appdb", stdin="s3cret\n")
    (sealed,) = shell.json("seal", "list")
    assert set(sealed) == {"name", "key"}
    assert shell.json("seal", "rotate") == {"sealed": 0, "key": sealed["key"]}
    checked = shell.json("check")
    assert (checked["ok"], checked["summary"]["file"]) == (True, "vedette.yaml")
    assert set(shell.json("version")) == {"version", "python", "twin"}


def test_every_command_that_lists_or_shows_has_json() -> None:
    from tests.cli.test_docs import commands

    without = {
        name for name, command in commands() if "--json" not in {o for p in command.params for o in p.opts}
    }
    assert without == {
        "init", "serve", "demo", "run", "kubeconfig", "seal put", "seal remove", "sessions replay",
        "sessions export",
    }  # fmt: skip
