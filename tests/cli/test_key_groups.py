"""``vedette key groups``: a key's groups from now on."""

from __future__ import annotations

from tests.cli.conftest import Shell


def test_a_key_gets_other_groups(shell: Shell) -> None:
    made = shell.json("key", "create", "--subject", "etl", "--groups", "readers,writers")
    done = shell.json("key", "groups", made["id"], "--groups", "readers")
    assert (done["id"], done["groups"], "key" in done) == (made["id"], ["readers"], False)
    (listed,) = shell.json("key", "list")
    assert listed["groups"] == ["readers"]
    assert "in no group" in shell.run("key", "groups", made["id"]).stdout
    shell.run("key", "revoke", made["id"])
    assert "revoked before" in shell.run("key", "groups", made["id"], code=1).stderr
