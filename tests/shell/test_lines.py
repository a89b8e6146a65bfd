"""Lines typed at a shell are read with what those before them left behind."""

from __future__ import annotations

import pytest

from vedette.model import Effect
from vedette.shell.lines import MAX_NAMES, Lines


def after(*before: str, line: str) -> set[str]:
    """Effects and objects of *line*, typed after the others."""
    shell = Lines()
    for each in before:
        shell.read(each)
        shell.ran(each)
    return {
        f"{touch.effect} {touch.object}".strip() for touch in shell.read(line).touches if not touch.implied
    }


@pytest.mark.parametrize(
    ("before", "line", "does"),
    [
        ([], "rm x", "delete file:~/x"),
        (["cd /etc"], "rm passwd", "delete file:/etc/passwd"),
        (["x=rm"], "$x -rf /srv", "destroy file:/srv"),
        (["f() { rm -rf $1; }"], "f /srv", "destroy file:/srv"),
        (["mkdir a && cd a"], "rm b", "delete file:~/a/b"),
        (["source x"], "rm y", "delete file:*/y"),
        (["ls() { shred /dev/sda; }"], "ls", "destroy file:/dev/sda"),
    ],
)
def test_what_was_entered_before_counts(before: list[str], line: str, does: str) -> None:
    assert does in after(*before, line=line)


@pytest.mark.parametrize(
    "line",
    [
        "PROMPT_COMMAND='rm -rf x'", "PS1='$(rm x)'", "printf -v PROMPT_COMMAND 'rm x'", "read PATH", "export PATH=/tmp:$PATH",
        ": ${PS0:=x}", "for PS1 in x; do :; done", "((PS1=1))", "alias ls='rm -rf /'", "bind -x '\"a\": rm x'", "set -o vi",
        "shopt -s extglob", "history -s rm", "fc", "hash -p /tmp/x ls", "enable -n test", "complete -C x y", "exec bash", "bash",
        "!!", "!rm", "echo a!b", "^a^b", "ls # ; rm x", "#", "ls \\", "ls \\\\\\", "cat <<E", "echo 'a", "for x in 1; do", "( ls",
    ],
)  # fmt: skip
def test_what_only_a_terminal_does_is_unknown(line: str) -> None:
    assert "unknown" in after(line=line)


@pytest.mark.parametrize(
    "line", ["echo hi!", "[ ! -f x ]", "ls \\\\", "echo '#'a", "test a != b", "ls; pwd", ""]
)
def test_what_looks_like_it_is_read(line: str) -> None:
    assert "unknown" not in after(line=line)


def test_a_line_that_was_not_entered_leaves_nothing() -> None:
    shell = Lines()
    shell.read("cd /etc")
    assert "delete file:~/x" in {f"{t.effect} {t.object}" for t in shell.read("rm x").touches}
    shell.read("cd /etc")
    shell.ran("ls")
    assert shell.state == "*"


def test_the_state_tells_what_lines_mean() -> None:
    shell = Lines()
    assert shell.state == ""
    states = {shell.state}
    for line in ("cd /etc", "x=1", "x=2", "f() { ls; }", "f() { rm x; }"):
        shell.read(line)
        shell.ran(line)
        assert shell.state not in states
        states.add(shell.state)


def test_names_without_end_are_not_kept() -> None:
    shell = Lines()
    line = ";".join(f"v{n}=1" for n in range(MAX_NAMES + 1))
    assert Effect.UNKNOWN not in shell.read(line).effects
    shell.ran(line)
    assert shell.state == "*"
