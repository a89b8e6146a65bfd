"""What a command line is made of: words of parts, and commands of words. Values without behaviour."""

from __future__ import annotations

from dataclasses import dataclass


class Unreadable(Exception):
    """The text is no command that is read here; the message says what stands in the way."""


@dataclass(frozen=True, slots=True)
class Lit:
    """Characters that stand for themselves. Unquoted ones may be patterns, braces or a tilde."""

    text: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class Param:
    """``$name`` and ``${name...}``. *op* is what follows the name up to *arg* (``:-``), or empty."""

    name: str
    quoted: bool
    op: str = ""
    arg: Word = ()


@dataclass(frozen=True, slots=True)
class Substitution:
    """``$(...)``, or backquotes."""

    body: Sequence
    quoted: bool


@dataclass(frozen=True, slots=True)
class Process:
    """``<(...)`` or ``>(...)``."""

    body: Sequence


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """``$((...))``: its text with quotes still in it, and the parts in it that are expanded first."""

    inner: Word
    quoted: bool


Part = Lit | Param | Substitution | Process | Arithmetic
Word = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Redirect:
    """*op* is ``<``, ``>``, ``>>``, ``>|``, ``<>``, ``&>``, ``&>>``, ``<&``, ``>&``, ``<<`` or ``<<<``.

    *fd* is the number before it, None where the operator's own applies, and -1 for ``{name}``.
    *target* is the word behind it; of a here-document, its body.
    """

    op: str
    fd: int | None
    target: Word


@dataclass(frozen=True, slots=True)
class Assignment:
    """``name=value``, ``name+=value``, ``name=(several)``. *index* where one of an array is meant."""

    name: str
    value: Word
    append: bool = False
    index: Word | None = None
    several: tuple[Word, ...] | None = None


@dataclass(frozen=True, slots=True)
class Simple:
    """Assignments, then words, with redirections anywhere. An assignment behind ``export`` is a word, too."""

    assignments: tuple[Assignment, ...]
    words: tuple[Word | Assignment, ...]


@dataclass(frozen=True, slots=True)
class Redirected:
    """*redirects* are whole when parsing is done: here-documents stand behind the line that names them."""

    body: Command
    redirects: list[Redirect]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One or more commands, each with the next one reading what it writes."""

    commands: tuple[Command, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """Pipelines joined by ``&&`` and ``||``; the first one's operator is empty."""

    links: tuple[tuple[str, Command], ...]
    background: bool = False


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after another."""

    commands: tuple[Command, ...]


@dataclass(frozen=True, slots=True)
class Subshell:
    body: Sequence


@dataclass(frozen=True, slots=True)
class Choice:
    """if, elif, else: pairs of condition (None for else) and body."""

    branches: tuple[tuple[Sequence | None, Sequence], ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """while and until."""

    condition: Sequence
    body: Sequence


@dataclass(frozen=True, slots=True)
class Each:
    """for and select over words; *words* None is the positional parameters."""

    name: str
    words: tuple[Word, ...] | None
    body: Sequence


@dataclass(frozen=True, slots=True)
class Count:
    """``for ((a; b; c))``."""

    expression: Word
    body: Sequence


@dataclass(frozen=True, slots=True)
class Case:
    subject: Word
    items: tuple[tuple[tuple[Word, ...], Sequence], ...]


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    body: Command


@dataclass(frozen=True, slots=True)
class Test:
    """``[[ ... ]]``: its words and operators, of which *arithmetic* says whether numbers are compared."""

    words: tuple[Word, ...]
    arithmetic: bool


@dataclass(frozen=True, slots=True)
class Let:
    """``((...))``."""

    expression: Word


Command = (
    Simple
    | Redirected
    | Pipeline
    | Chain
    | Sequence
    | Subshell
    | Choice
    | Loop
    | Each
    | Count
    | Case
    | Function
    | Test
    | Let
)
