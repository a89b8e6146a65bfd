"""jq. Source: the manual of jq 1.7, and jq(1) of 1.6 where they differ."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from vedette.model import Effect
from vedette.shell.call import Call
from vedette.shell.scope import LOOSE, Arg

# Long options are given whole, with no equals sign. How many words follow, and whether the last is a file.
_FOLLOWED: Mapping[str, tuple[int, bool]] = {
    "--arg": (2, False),
    "--argjson": (2, False),
    "--rawfile": (2, True),
    "--slurpfile": (2, True),
    "--argfile": (2, True),
    "--indent": (1, False),
    "-L": (1, True),
    "--library-path": (1, True),
}
_LONG = (
    "--null-input --raw-input --slurp --compact-output --raw-output --raw-output0 --join-output --seq --tab "
    "--ascii-output --sort-keys --color-output --monochrome-output --unbuffered --stream --stream-errors "
    "--exit-status --binary --help --version --build-configuration"
)
_FLAGS = frozenset(_LONG.split())
_LETTERS = frozenset("nRscrjaSCMebhV")
# A key or variable of that name (.env, $env) is none of these.
_ENVIRONMENT = re.compile(r"(?<![.$\w])env\b|(?<![.\w])(?:ENV|__prog_args)\b|input_filename|get_search_list")
_MODULES = re.compile(r"\b(?:import|include|modulemeta)\b")
# No option of jq looks so, whatever stands before.
_PLAINLY_A_FILE = re.compile(r".*\.[a-z]{2,8}\Z", re.DOTALL)


def _jq(call: Call) -> None:
    """A filter, then files. With -f the filter stands in a file too, unseen; behind --args are no files."""
    args, operands = list(call.args), list[Arg]()
    seen, files = True, True
    while args:
        arg = args.pop(0)
        text = arg.text
        if text.startswith(LOOSE) or arg.several:
            if not _PLAINLY_A_FILE.match(text) or arg.several:
                call.unknown("an argument that may be an option is made at run time")
            operands.append(arg)
        elif text == "--":
            operands += args
            break
        elif not text.startswith("-") or text == "-":
            if files or (seen and not operands):
                operands.append(arg)
        elif text in _FOLLOWED:
            count, file = _FOLLOWED[text]
            taken, args = args[:count], args[count:]
            _follow(call, taken, file=file)
        elif text in ("--args", "--jsonargs"):
            files = False
        elif text == "--from-file":
            seen = False
        elif text not in _FLAGS:
            seen = seen and "f" not in text
            if text.startswith("--") or not set(text[1:]) <= _LETTERS | {"f"}:
                call.unknown(f"the option {text}")
    _apply(call, operands, seen=seen)


def _follow(call: Call, taken: list[Arg], *, file: bool) -> None:
    if any(arg.open for arg in taken):
        call.unknown("an argument that may be an option is made at run time")
    if file and taken:
        call.read(taken[-1].text, tree=len(taken) == 1)


def _apply(call: Call, operands: list[Arg], *, seen: bool) -> None:
    if not seen:
        call.touch(Effect.READ, "system:environment")
        call.unknown("a filter that stands in a file")
    elif operands:
        _filter(call, operands.pop(0))
    for arg in operands:
        if arg.text != "-":
            call.read(arg.text)


def _filter(call: Call, arg: Arg) -> None:
    if not arg.known:
        call.unknown("a filter that is put together at run time")
    if _MODULES.search(arg.text):
        call.unknown("a filter that takes in files")
    if not arg.known or _ENVIRONMENT.search(arg.text):
        call.touch(Effect.READ, "system:environment")


PROGRAMS: Mapping[str, Callable[[Call], None]] = {"jq": _jq}
