"""Which columns of one result are hidden, and how; decided once per result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

from vedette.masking.cells import Cover, constant, content_cover, whole_cover
from vedette.masking.fold import DISGUISES
from vedette.masking.patterns import Pattern, any_of, compile_bytes
from vedette.masking.scan import Sought, anchors, scanner, sought
from vedette.masking.strategies import STRICTNESS
from vedette.model import MaskRule


class CannotMask(Exception):
    """What cannot be masked and must therefore not pass; the text says why, without values."""


@dataclass(frozen=True, slots=True)
class Output:
    """One column of a result, as described.

    *relation* is the qualified name of the table it is read from, "" for none
    (an expression), None for one that cannot be named. *type* is the type's
    OID. *tainted* is an expression that a masked column may feed.
    """

    label: str
    relation: str | None
    column: str | None
    type: int
    binary: bool
    tainted: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """One column to open. *always*: in every row, not only where something may be found."""

    position: int
    cover: Cover
    always: bool
    constant: bytes | None = None
    """What every value becomes, as a cell with its length in front; *cover* gives the same."""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with the rows of one result. *width* is how many columns they must have."""

    width: int
    columns: tuple[Column, ...]
    sieve: Pattern | None
    always: bool
    names: tuple[str, ...]

    def rules(self) -> tuple[str, ...]:
        """Names of the rules in force here, sorted, for the record."""
        return self.names


def plan(outputs: Sequence[Output], masks: Sequence[MaskRule], key: bytes) -> Plan | None:
    """
    What *masks* ask for in a result of these columns; None where there is nothing to hide.

    *key* is the secret of keyed hashes, at least one byte where a rule hashes.

    Raises:
        CannotMask: a rule names an unknown entity or strategy, or hashes without a key.
    """
    return _plan(tuple(outputs), tuple(masks), key)


# The same statement described again asks for the same plan; making one costs some 0.2 ms.
@lru_cache(maxsize=1024)
def _plan(outputs: tuple[Output, ...], masks: tuple[MaskRule, ...], key: bytes) -> Plan | None:
    by_column = [rule for rule in masks if rule.columns]
    by_content = [rule for rule in masks if rule.entities]
    if any(rule.strategy not in STRICTNESS or not (rule.columns or rule.entities) for rule in masks):
        raise CannotMask("a mask rule that says neither what to hide nor how")
    try:
        return _made(outputs, by_column, by_content, key)
    except (ValueError, KeyError) as error:
        raise CannotMask(f"these mask rules cannot be applied: {error}") from error


def _made(
    outputs: Sequence[Output], by_column: list[MaskRule], by_content: list[MaskRule], key: bytes
) -> Plan | None:
    columns: list[Column] = []
    names: set[str] = set()
    sources: set[bytes] = set()
    for position, output in enumerate(outputs):
        rule = column_rule(output, by_column)
        if rule is not None:
            cover = whole_cover(rule.rule, output.type, output.binary, rule.strategy, rule.keep, key)
            same = constant(output.type, output.binary, rule.strategy)
            columns.append(Column(position, cover, True, same, rule.rule))
            names.add(rule.rule)
            continue
        wanted = sought(by_content, output.column or output.label)
        content = content_cover(output.type, output.binary, scanner(wanted, key)) if wanted else None
        if content is not None:
            columns.append(Column(position, *content))
            names.update(rule.rule for rule in by_content)
            if not content[1]:
                sources.update(_sources(wanted))
    if not columns:
        return None
    sieve = compile_bytes(any_of(sorted(sources))) if sources else None
    return Plan(len(outputs), tuple(columns), sieve, any(c.always for c in columns), tuple(sorted(names)))


def _sources(wanted: tuple[Sought, ...]) -> list[bytes]:
    # A backslash is how JSON, array literals and COPY write a character in another way.
    return [*anchors(wanted), DISGUISES, rb"\\"]


def column_rule(output: Output, rules: Sequence[MaskRule]) -> MaskRule | None:
    """
    The strictest column rule that covers *output*, None where none does.

    A column that cannot be named, or that a masked one may feed, is covered by
    the strictest of all column rules.
    """
    if output.tainted or output.relation is None or (output.relation and output.column is None):
        covering = list(rules)
    else:
        covering = [rule for rule in rules if any(_covers(glob, output) for glob in rule.columns)]
    return max(covering, key=lambda rule: (STRICTNESS[rule.strategy], -rule.keep), default=None)


def _covers(glob: str, output: Output) -> bool:
    """
    Names are compared without regard to case, and ``*`` also stands for dots: more is hidden, not less.

    An expression's label is compared with the last part of the glob, unless that is
    a star: a label proves nothing, but one that names the column is worth heeding.
    """
    glob = glob.lower()
    if not output.relation:
        last = glob.rpartition(".")[2]
        return bool(last.strip("*?")) and fnmatchcase(output.label.lower(), last)
    name = f"{output.relation}.{output.column}".lower()
    parts = name.split(".")
    # "customers.ssn" means that column in any schema, "ssn" in any table.
    shorter = ".".join(parts[-1 - glob.count(".") :])
    return fnmatchcase(name, glob) or fnmatchcase(shorter, glob)
