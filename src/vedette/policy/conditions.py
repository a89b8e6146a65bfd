"""Conditions in CEL over the ask, compiled once, bounded in size and in what they may name.

Source for the language: the Common Expression Language specification. Errors
while evaluating follow its rule: ``x || true`` is true and ``x && false`` is
false whatever x is, so a fact nobody knows matters only where it decides.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import cel

from vedette.policy.facts import ACTION, DIALECTS, PRINCIPAL, RESOURCE, ROOTS, SETTLED, Path
from vedette.policy.strict import near

MAX_CHARACTERS = 2048
MAX_DEPTH = 16
SPLIT = "split it into several rules"
Token = tuple[str, str]

# Walks over a list; one inside another would square the work that an attacker's long statement can ask for.
_WALKS = frozenset({"all", "exists", "exists_one", "filter"})
FUNCTIONS = frozenset(
    {"size", "startsWith", "endsWith", "contains", "matches", "has", "int", "string", "double", "type", "dyn"}
    | _WALKS
)
_TOKEN = re.compile(
    r"""
    (?P<space>\s+|//[^\n]*)
  | (?P<raw>(?:[rR][bB]?|[bB][rR])(?:\"\"\".*?\"\"\"|'''.*?'''|"[^"\n]*"|'[^'\n]*'))
  | (?P<string>[bB]?(?:
        \"\"\"(?:\\.|[^\\])*?\"\"\" | '''(?:\\.|[^\\])*?'''
      | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'))
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<number>[0-9][0-9A-Za-z_.]*)
  | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_LITERALS = frozenset({"true", "false", "null", "in"})


class Match(IntEnum):
    """Whether a rule is about something. MAYBE is what cannot be told.

    Three values, because the two sides of caution differ: a rule that allows
    needs YES, a rule that denies or holds is stopped only by NO.
    """

    NO = 0
    MAYBE = 1
    YES = 2


class Unsound(Exception):
    """The expression cannot be a condition. *fix* says what to write instead."""

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled expression and the names it mentions.

    *paths* are what it reads, such as ``("action", "sql", "unscoped")``;
    *of_action* those of the action, without the leading word. *reads_text*:
    it looks at more of the action than touches and facts. *lent*: it is asked of whom the
    caller acts for, in place of the caller.
    """

    source: str
    paths: tuple[Path, ...]
    program: Any = field(compare=False, repr=False)
    lent: bool = False
    of_action: tuple[Path, ...] = field(init=False, compare=False, repr=False)
    reads_text: bool = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        of_action = tuple(path[1:] for path in self.paths if path[0] == "action")
        settled = SETTLED | DIALECTS.keys()
        object.__setattr__(self, "of_action", of_action)
        object.__setattr__(self, "reads_text", any(not path or path[0] not in settled for path in of_action))

    @property
    def reads_principal(self) -> bool:
        return any(path[0] == "principal" for path in self.paths)

    def match(self, values: Mapping[str, object]) -> Match:
        """Over *values* by root name. Anything but a plain true or false is MAYBE."""
        try:
            answer = self.program.execute(values)
        except Exception:  # noqa: BLE001 - whatever went wrong, it is not known, and MAYBE is careful
            return Match.MAYBE
        if answer is True:
            return Match.YES
        return Match.NO if answer is False else Match.MAYBE


def compile_condition(source: str) -> Condition:
    """Raises Unsound with the reason and the fix."""
    if len(source) > MAX_CHARACTERS:
        raise Unsound(f"the condition is longer than {MAX_CHARACTERS} characters", SPLIT)
    found = ((match.lastgroup or "", match[0]) for match in _TOKEN.finditer(source))
    tokens = [token for token in found if token[0] != "space"]
    _check_cost(tokens)
    _check_dots(tokens)
    try:
        program = cel.compile(source)
    except Exception as error:
        raise Unsound(f"the condition is not CEL: {_first_line(error)}") from error
    _check_functions([*_called(tokens), *(name for name in program.functions() if name[0].isalpha())])
    condition = Condition(source, _paths(tokens, frozenset(program.variables())), program)
    _try(condition)
    return condition


def _called(tokens: list[Token]) -> Iterator[str]:
    """Names with a parenthesis behind them: macros too, which the compiler does not count as functions."""
    for (group, text), (_, after) in itertools.pairwise(tokens):
        if group == "name" and after == "(" and text not in _LITERALS:
            yield text


def _check_functions(names: list[str]) -> None:
    for name in names:
        if name not in FUNCTIONS:
            raise Unsound(f'unknown function "{name}" in the condition', near(name, FUNCTIONS))


def _first_line(error: Exception) -> str:
    """The compiler's own complaint, without the expression it repeats."""
    text = str(error)
    _, found, complaint = text.partition("ERROR: <input>:")
    return (complaint if found else text).splitlines()[0].partition(". ")[0][:200]


def _check_cost(tokens: list[Token]) -> None:
    """Bounds what evaluating may cost: depth, one walk over a list at a time, and nothing long inside it."""
    depth, walk = 0, 0
    for place, (_, text) in enumerate(tokens):
        before = [token for _, token in tokens[max(0, place - 2) : place]]
        if text in ("(", "[", "{"):
            depth += 1
            if len(before) == 2 and before[0] == "." and before[1] in _WALKS:
                if walk:
                    raise Unsound("one walk over a list stands inside another", SPLIT)
                walk = depth
        elif text in (")", "]", "}"):
            walk = 0 if walk == depth else walk
            depth -= 1
        elif text == "+":
            raise Unsound("a condition cannot add or join", "compare the parts one by one")
        elif walk and text == "action" and before[-1:] != ["."] and not _settled(tokens[place + 2 :]):
            raise Unsound("text or parameters are read again for each element of a list", SPLIT)
        if depth > MAX_DEPTH:
            raise Unsound(f"the condition is nested deeper than {MAX_DEPTH}", SPLIT)


def _settled(tokens: list[Token]) -> bool:
    return bool(tokens) and tokens[0][1] in SETTLED | DIALECTS.keys()


def _check_dots(tokens: list[Token]) -> None:
    """A dot with nothing before it would name a root past :func:`_paths`."""
    for place, (_, text) in enumerate(tokens):
        group, before = tokens[place - 1] if place else ("", "")
        joins = (group in ("name", "string", "raw") and before != "in") or before in (")", "]", "}")
        if text == "." and not joins:
            raise Unsound("a dot has nothing before it", "write the name from its beginning")


def _paths(tokens: list[Token], variables: frozenset[str]) -> tuple[Path, ...]:
    """Every name that the expression reads, from its root. Raises Unsound for one that does not exist."""
    bound = {
        tokens[place + 2][1]
        for place, (_, text) in enumerate(tokens[:-2])
        if text in _WALKS and place and tokens[place - 1][1] == "." and tokens[place + 1][1] == "("
    }
    for name in bound & set(ROOTS):
        raise Unsound(f'"{name}" cannot name the elements of a list', "choose another name")
    found: dict[Path, None] = {}
    for place, (group, text) in enumerate(tokens):
        after_dot = place > 0 and tokens[place - 1][1] == "."
        if group != "name" or after_dot or text in _LITERALS or text in bound:
            continue
        if text in ROOTS:
            found[_known((text, *_members(tokens, place + 1)))] = None
        elif text in variables:
            raise Unsound(f'unknown name "{text}" in the condition', near(text, ROOTS))
    if {path[0] for path in found} != variables & set(ROOTS):
        raise Unsound("the condition could not be read to its last name", "write it more plainly")
    return tuple(found)


def _members(tokens: list[Token], place: int) -> Iterator[str]:
    """The ``.one.two`` that follows, without a method call at its end."""
    while place + 1 < len(tokens) and tokens[place][1] == "." and tokens[place + 1][0] == "name":
        if place + 2 < len(tokens) and tokens[place + 2][1] == "(":
            return
        yield tokens[place + 1][1]
        place += 2


def _known(path: Path) -> Path:
    """*path*, cut to what can be looked up. Raises Unsound where there is no such fact."""
    root, *rest = path
    if not rest:
        return path
    if rest[0] not in ROOTS[root]:
        raise Unsound(f'unknown fact "{root}.{rest[0]}" in the condition', near(rest[0], ROOTS[root]))
    if root == "action" and rest[0] in DIALECTS:
        facts = DIALECTS[rest[0]]
        if len(rest) > 1 and rest[1] not in facts:
            raise Unsound(f'unknown fact "{root}.{rest[0]}.{rest[1]}" in the condition', near(rest[1], facts))
        return path[:3]
    return path[:2]


def _try(condition: Condition) -> None:
    """Evaluates once on made-up values of the right types. Raises Unsound for a mistake of type."""
    values = {
        "principal": {name: ("group",) if name == "groups" else "agent" for name in PRINCIPAL},
        "resource": {name: {} if name == "labels" else "appdb" for name in RESOURCE},
        "action": {name: ("x",) if name in ("parameters", "effects", "objects") else "x" for name in ACTION}
        | dict(DIALECTS),
    }
    try:
        answer = condition.program.execute(values)
    except (LookupError, ArithmeticError, ValueError):
        return  # depends on the values: a label that is not there, a text that is no number
    except Exception as error:
        raise Unsound(f"the condition cannot be evaluated: {_first_line(error)}") from error
    if not isinstance(answer, bool):
        raise Unsound("the condition is neither true nor false", "compare it with something")
