"""The tables of programs: nothing that matters is listed and then looked at by nobody."""

from __future__ import annotations

from functools import partial

import pytest

from tests.shell.told import told
from vedette.shell.options import Spec, plain
from vedette.shell.programs import PROGRAMS

_PLAIN: dict[str, Spec] = {
    name: reader.keywords["wanted"]
    for name, reader in PROGRAMS.items()
    if isinstance(reader, partial) and reader.func is plain
}


def test_there_are_plain_programs() -> None:
    assert len(_PLAIN) > 100


@pytest.mark.parametrize("name", sorted(_PLAIN))
def test_a_plain_program_has_no_marks(name: str) -> None:
    assert "mark" not in _PLAIN[name].options.values(), "a mark needs a function that asks for it"


@pytest.mark.parametrize(
    "name", sorted(name for name, wanted in _PLAIN.items() if wanted.operands == "unknown")
)
def test_what_is_unknown_is_so_without_operands(name: str) -> None:
    assert told(name) == "unknown"
    assert told(f"{name} --help") == "unknown"
