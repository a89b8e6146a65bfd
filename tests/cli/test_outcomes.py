"""Exit codes, and errors that name the fix."""

from __future__ import annotations

import stat

import pytest

from tests.cli.conftest import Shell
from vedette.cli.outcome import NO, NOT_PERMITTED, UNREACHABLE, USAGE
from vedette.folder import Folder
from vedette.journal import Journal
from vedette.journal import keys as journal_keys


def test_usage(shell: Shell) -> None:
    shell.run("nonsense", code=USAGE)
    shell.run("token", "issue", code=USAGE)
    shell.run("token", "issue", "--subject", "x", "--ttl", "soon", code=USAGE)
    shell.run("token", "issue", "--subject", "local:root", code=USAGE)
    shell.run("token", "issue", "--subject", "x", "--ttl", "1s", code=USAGE)
    shell.run("token", "list", "--url", "http://gateway.example", code=USAGE)
    shell.config.unlink()
    result = shell.run("token", "list", code=USAGE)
    assert "--url and VEDETTE_TOKEN" in result.stderr


def test_no(shell: Shell) -> None:
    assert "no such session" in shell.run("sessions", "show", "none", code=NO).stderr
    shell.run("sessions", "kill", "none", code=NO)
    shell.run("approvals", "show", "none", code=NO)
    shell.run("token", "revoke", "none", code=NO)
    shell.run("key", "revoke", "../tokens", code=NO)
    shell.run("seal", "remove", "none", code=NO)
    shell.run("policy", "reload", code=NO)
    assert "exists" in shell.run("init", code=NO).stderr
    shell.config.write_text("resources: {}\nnonsense: 1\n")
    result = shell.run("check", code=NO)
    assert "vedette.yaml:2:1" in result.stderr
    assert shell.json("check", code=NO)["ok"] is False
    assert "vedette.yaml:2:1" in shell.run("token", "list", code=NO).stderr


def test_unreachable(shell: Shell) -> None:
    shell.run("approvals", "watch", code=UNREACHABLE)
    shell.run("audit", "tail", "--follow", code=UNREACHABLE)
    shell.run("token", "list", "--url", "http://127.0.0.1:9", VEDETTE_TOKEN="x", code=UNREACHABLE)
    home = Folder(shell.settings.gateway.data)
    journal = Journal.open(home.journal, journal_keys.load_or_create(home.keys))
    try:
        # Another process has the folder, and its API does not answer.
        result = shell.run("token", "issue", "--subject", "x", code=UNREACHABLE)
        assert "vedette serve" in result.stderr
    finally:
        journal.close()


def test_not_permitted(shell: Shell) -> None:
    agent = shell.token("agent", "admins")
    for words in (("token", "list"), ("key", "list"), ("audit", "tail"), ("policy", "show")):
        result = shell.run(*words, VEDETTE_TOKEN=agent, code=NOT_PERMITTED)
        assert "access.denied" in result.stderr
    shell.run("token", "list", VEDETTE_TOKEN="garbage", code=NOT_PERMITTED)
    hold = shell.hold()
    own = shell.token("person", "dba", subject="alice")
    result = shell.run("approvals", "approve", hold, VEDETTE_TOKEN=own, code=NOT_PERMITTED)
    assert "approval.requester" in result.stderr
    # The operator runs the gateway, yet approves only where the rule names its group.
    result = shell.run("approvals", "approve", hold, code=NOT_PERMITTED)
    assert "dba" in result.stderr
    shell.run("token", "list", "--url", "https://gateway.example", code=NOT_PERMITTED)


@pytest.mark.parametrize("name", ["-mAAAAAAAAAAAAAAAAAAAA", "--AAAAAAAAAAAAAAAAAAAA"])
def test_an_id_that_looks_like_an_option_is_an_id(shell: Shell, name: str) -> None:
    assert len(name) == 22
    assert "no such token" in shell.run("token", "revoke", name, "--reason", "lost", code=NO).stderr
    assert "no such token" in shell.run("token", "revoke", "--reason", "lost", "--", name, code=NO).stderr


def test_a_token_alone_on_standard_output(shell: Shell) -> None:
    result = shell.run("token", "issue", "--subject", "bot")
    assert len(result.stdout.split()) == 1
    assert result.stdout.count(".") == 2
    assert "id " in result.stderr
    key = shell.run("key", "create", "--subject", "bot").stdout.strip()
    assert key.startswith("vdt_")


def test_secrets_come_from_standard_input_only(shell: Shell) -> None:
    shell.run("seal", "put", "appdb", "hunter2", code=USAGE)
    shell.run("seal", "put", "appdb", stdin="", code=USAGE)
    shell.run("seal", "put", "appdb", stdin="hunter2\n")
    assert b"hunter2" not in b"".join(path.read_bytes() for path in shell.folder.rglob("*") if path.is_file())
    shell.run("seal", "remove", "appdb")
    assert "nothing is sealed" in shell.run("seal", "list").stderr


def test_offline_commands_leave_a_journal_that_verifies(shell: Shell) -> None:
    shell.token("agent")
    shell.run("token", "list")
    shell.run("key", "create", "--subject", "bot")
    result = shell.run("verify")
    assert "intact" in result.stdout
    segment = next(Folder(shell.settings.gateway.data).journal.glob("*.journal"))
    whole = segment.read_bytes()
    segment.write_bytes(whole.replace(b'"subject":"dana"', b'"subject":"dora"'))
    result = shell.run("verify", code=NO)
    assert "NOT INTACT" in result.stdout


def test_verify_from_files_and_a_public_key_alone(shell: Shell) -> None:
    shell.token("agent")
    home = Folder(shell.settings.gateway.data)
    key = shell.folder / "noted.pem"
    key.write_bytes((home.keys / "journal.pub.pem").read_bytes())
    journal = shell.folder / "copy"
    home.journal.rename(journal)
    shell.config.unlink()
    words = ("verify", "--journal", str(journal), "--key", str(key))
    assert shell.json(*words)["tags_checked"] is False
    shell.run("verify", "--journal", str(journal), "--key", "missing.pem", code=NO)
    shell.run("verify", code=NO)


def test_looking_leaves_no_trace(shell: Shell) -> None:
    shell.session()
    before = shell.json("verify")["records"]
    for words in (("sessions", "list"), ("audit", "tail"), ("token", "list"), ("policy", "show")):
        shell.run(*words)
    assert shell.json("verify")["records"] == before


def test_exports_are_for_their_owner(shell: Shell) -> None:
    shell.session()
    for form in ("json", "jsonl", "asciicast", "html"):
        shell.run("sessions", "export", "s-1", "--format", form, "--output", f"out.{form}")
        assert stat.S_IMODE((shell.folder / f"out.{form}").stat().st_mode) == 0o600
    shell.run("sessions", "export", "s-1", "--format", "exe", code=USAGE)


def test_init_writes_a_file_that_loads(shell: Shell) -> None:
    shell.run("init", "--force")
    assert "appdb" in shell.run("check").stdout
    shell.run("check", "--strict", code=NO)  # the password's variable is not set


@pytest.mark.parametrize("expect", ["hold", "allow"])
def test_policy_test_is_for_ci(shell: Shell, expect: str) -> None:
    (shell.folder / "cases.yaml").write_text(f"""\
cases:
  - name: an update waits
    who: {{subject: bot, kind: agent}}
    where: appdb
    statement: UPDATE payments SET a = 1 WHERE id = 2
    expect: {expect}
""")
    result = shell.run("policy", "test", "cases.yaml", code=0 if expect == "hold" else NO)
    assert ("1 passed" in result.stdout) == (expect == "hold")
    (row,) = shell.json("policy", "test", "cases.yaml", code=0 if expect == "hold" else NO)
    assert (row["passed"], row["got"]) == (expect == "hold", "hold")
