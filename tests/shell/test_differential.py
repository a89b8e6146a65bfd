"""Against a real bash: every program that it starts, with its arguments, was foreseen.

Commands are put together from pieces by chance, mostly into nonsense. Those that we read, and do not call
unknown, are run in a cage by a bash in which no program exists, and which writes down what it would start.
"""

from __future__ import annotations

import os
import random

import pytest

from tests.shell.cage import why_not
from tests.shell.shells import covers, foreseen, really
from vedette.shell.scope import Arg
from vedette.shell.tree import Unreadable

PIECES = [
    *(
        "s0",
        "s1",
        "s2",
        "s9",
        "s3 a",
        " ",
        " ",
        " ",
        "\n",
        ";",
        " && ",
        " || ",
        " | ",
        "&",
        "(",
        ")",
        "{ ",
        "; }",
    ),
    *(
        "'",
        "'x y'",
        '"',
        '"a $x"',
        "\\",
        "\\\n",
        "\\'",
        "$",
        "`",
        "$(",
        "${x}",
        "$x",
        "${x:-d}",
        "${y-e}",
        "${x:+f}",
    ),
    *(
        "x=1 ",
        "x='p q'; ",
        "y=s3; ",
        "x=",
        "<<E\n",
        "<<'E'\n",
        "\nE\n",
        "#",
        " #c",
        "{a,b}",
        "{1..3}",
        "{",
        "}",
        ",",
    ),
    *("*", "~", "$'\\x41'", "$'a\\tb'", "if ", "; then ", "; fi", "; else ", "for i in a b; do ", "; done"),
    *(
        "case a in ",
        "a) ",
        " ;; ",
        " esac",
        "[[ ",
        " ]]",
        " -f ",
        " == ",
        "((",
        "))",
        "$((1+1))",
        "! ",
        "time ",
    ),
    *(
        "function f { ",
        "f() { ",
        "f ",
        "2>&1",
        " >/tmp/o",
        " <<<",
        "<(s4)",
        "set -- p 'q r'; ",
        '"$@"',
        "$*",
        "$1",
    ),
    *(
        "-a",
        "=",
        "eval ",
        "while s9; do ",
        "until s0; do ",
        "a\tb",
        "\r",
        "é",
        "x+=2; ",
        "export ",
        "unset x; ",
    ),
    *(
        "i=0; ",
        "local z=1; ",
        "read v; ",
        "arr=(a 'b c'); ",
        '"${arr[@]}"',
        "${arr[1]}",
        "[",
        "]",
        "?",
        "!",
        "^",
    ),
    *(
        "%",
        "~/d",
        "/",
        "..",
        "sh -c ",
        "'s5 $1' n m",
        "exec ",
        "command ",
        "env ",
        "nohup ",
        "timeout 3 ",
        "*.txt",
    ),
    *(
        "shift; ",
        "x=(*); ",
        '"${x[@]}"',
        "a=~/d ",
        "$!",
        "$#",
        "$?",
        "trap 's6' EXIT; ",
        "cd /tmp; ",
        "$PWD",
        "''",
    ),
]
# What once went unforeseen.
FOUND = [
    '"$@" s0',
    's0 "$@"',
    "s0 *",
    "s0 [ab]*",
    "s0 a=~/d",
    "s0 $!",
    "s0 a${PWD}{1..3}",
    "f() { s0 $1; }; f 'a b'",
    "s0 ${x:-a b}",
    "s0 \\\n a",
    "s0 {a,b}{1..2}",
    "x='a b'; s0 $x\"$x\"$x",
    "s0 ''\"\"",
    "case $x in '') s0;; esac",
    "s0 $'\\t' \"$(s1)\"",
    "s0 <<E\n`s1`\nE\ns2",
]


def commands(count: int, seed: int) -> list[str]:
    """Those that are read."""
    chance, found = random.Random(seed), list(FOUND)
    while len(found) < count:
        text = "".join(chance.choice(PIECES) for _ in range(chance.randint(2, 12)))
        try:
            if foreseen(text) is not None:
                found.append(text)
        except Unreadable:
            continue
    return found


@pytest.mark.live
@pytest.mark.slow
def test_bash_starts_nothing_that_was_not_foreseen() -> None:
    if why_not():
        pytest.skip(why_not())
    seconds = float(os.environ.get("VEDETTE_FUZZ_SECONDS", "0"))
    seed = int.from_bytes(os.urandom(6)) if seconds else 2026
    tried = commands(5000 if seconds else 400, seed)
    for at in range(0, len(tried), 200):
        part = tried[at : at + 200]
        for command, started in zip(part, really(part), strict=True):
            known = foreseen(command) or []
            missed = [argv for argv in started if not any(covers(each, argv) for each in known)]
            assert missed == [], f"{command!r} (seed {seed}), foreseen: {known}"


def test_the_comparison_can_fail() -> None:
    assert covers([Arg("s0"), Arg("a")], ("s0", "a"))
    assert not covers([Arg("s0"), Arg("a")], ("s0", "b"))
    assert not covers([Arg("s0")], ("s0", "a"))
    assert not covers([Arg("s0"), Arg("a")], ("s0",))
