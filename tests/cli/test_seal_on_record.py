"""What is sealed, replaced and removed on the folder is on record, without what it holds."""

from __future__ import annotations

from typing import Any

from tests.cli.conftest import Shell
from vedette.folder import Folder
from vedette.journal.read import read


def changes(shell: Shell) -> list[dict[str, Any]]:
    folder = Folder(shell.settings.gateway.data).journal
    return [entry.body for entry in read(folder) if entry.kind == "config.changed"]


def test_each_change_says_who_and_which_key(shell: Shell) -> None:
    shell.run("seal", "put", "appdb", stdin="hunter2\n")
    shell.run("seal", "put", "appdb", stdin="hunter3\n")
    shell.run("seal", "list")
    shell.run("seal", "remove", "appdb")
    shell.run("seal", "remove", "appdb", code=1)
    first, second, third = changes(shell)
    assert {each["by"].partition("local:")[0] for each in (first, second, third)} == {"vedette#"}
    assert {(each["what"], each["name"]) for each in (first, second, third)} == {("credential", "appdb")}
    assert "before" not in first
    assert (first["after"], second["after"]) == (second["before"], third["before"])
    assert first["after"]["key"] == second["after"]["key"]
    assert first["after"] != second["after"]
    assert "after" not in third
    assert "hunter" not in str(changes(shell))
    shell.run("verify")
