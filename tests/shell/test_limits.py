"""Commands that are made to cost: each is read or refused after a bounded number of steps."""

from __future__ import annotations

import pytest

from vedette.model import Effect
from vedette.shell import read
from vedette.shell.parse import MAX_BYTES

N = 10_000
# What would take for ever if anything here were worse than a small power of its length.
COSTLY = {
    "ten megabytes": "echo " + "a" * (10 << 20),
    "ten megabytes of commands": "ls;" * (3 << 20),
    "many commands": "ls;" * N,
    "many words": "ls" + " a" * N,
    "many pipes": "ls" + "|ls" * N,
    "many ands": "ls" + "&&ls" * N,
    "parentheses": "(" * N,
    "matched parentheses": "(" * N + "ls" + ")" * N,
    "braces": "{" * N,
    "braces with commas": "echo " + "{a,b}" * 60,
    "nested braces": "echo " + "{a," * 60 + "}" * 60,
    "brace runs": "echo {1..999999}",
    "brace runs times": "echo {1..400}{1..400}",
    "open commas": "echo {" + "a," * N,
    "substitutions": "echo " + "$(" * N,
    "matched substitutions": "echo " + "$(" * N + "ls" + ")" * N,
    "backquotes": "echo " + "`" * N,
    "escaped backquotes": "echo `" + "\\" * N + "`",
    "quotes": "'" * (N + 1),
    "double quotes": '"' * (N + 1),
    "open double quotes": '"$(' * N,
    "parameters": "echo " + "${x:-" * N,
    "arithmetic": "echo $((" + "(" * N,
    "arithmetic parts": "echo " + "$((1))" * N,
    "lets": "((" * N,
    "ifs": "if true; then " * N,
    "loops": "for i in 1 2 3; do " * 12 + "ls" + "; done" * 12,
    "loops over loops": "while x; do a=$a$b; b=$a$b; " * 20 + "done;" * 20,
    "doubling": "a=xxxxxxxxxxxxxxxxxxxx;" + "a=$a$a$a$a;" * 200 + "echo $a",
    "doubling words": "set -- a b;" + 'set -- "$@" "$@" "$@";' * 40 + 'rm "$@"',
    "doubling arrays": "x=(a b);" + 'x=("${x[@]}" "${x[@]}");' * 40 + 'rm "${x[@]}"',
    "doubling scripts": "f0() { ls; };"
    + "".join(f"f{n + 1}() {{ f{n}; f{n}; }};" for n in range(40))
    + "f40",
    "evals": "eval " * N + "ls",
    "wrappers": "sudo " * N + "ls",
    "shells": "sh -c '" * N,
    "documents": "cat " + "<<E " * N,
    "documents that never end": "cat <<E\n" + "x\n" * N,
    "cases": "case x in " + "a) ls;; " * N + "esac",
    "cases in cases": "case x in a) " * N,
    "functions": "".join(f"f{n}() {{ ls; }};" for n in range(N // 4)),
    "assignments": "x=1 " * N,
    "redirections": "ls" + " >a" * N,
    "globs": "ls " + "*" * N,
    "brackets": "ls " + "[" * N + "]" * N,
    "paths": "cat /" + "a/../" * N,
    "sed": "sed '" + "s/a/b/;" * N + "' f",
    "sed that nearly matches": "sed '" + "1,2!s/" + "\\/" * 2000 + "' f",
    "awk": "awk '" + '"' * N + "' f",
    "tests": "[[ " + "( " * N,
    "processes": "cat " + "<(" * N,
    "comments": "#" * N + "\n" + "# \n" * N,
    "dollars": "echo " + "$" * N,
    "continued": "\\\n" * N + "ls",
    "many open names": "cat" + "".join(f" *{n}*" for n in range(N // 10)),
    "many hosts": "curl" + "".join(f" http://h{n}.example/" for n in range(N // 10)),
}


@pytest.mark.parametrize("name", COSTLY)
def test_costly_commands_are_read_or_refused(name: str) -> None:
    facts = read(COSTLY[name])
    assert facts.touches
    assert len(facts.touches) <= 400
    assert (Effect.UNKNOWN in facts.effects) == bool(facts.reason)


def test_no_command_is_longer_than_a_shell_can_be_given() -> None:
    assert not read("echo " + "a" * (MAX_BYTES - 5)).reason
    assert read("echo " + "a" * (MAX_BYTES - 4)).reason
    assert read("echo " + "é" * (MAX_BYTES // 2)).reason


def test_what_is_no_text_is_unknown() -> None:
    for text in ("ls \0", "ls \udc80", "ls \U0010ffff", "ls \U0010fffc"):
        assert Effect.UNKNOWN in read(text).effects
