"""What reading a text of SQL found out: the facts that policy, masking and the engine go by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from types import MappingProxyType
from typing import Literal

from vedette.model import Effect, Touch

NOTHING = Touch(Effect.READ)

_CHANGES_CATALOGUE = frozenset({Effect.CREATE, Effect.ALTER, Effect.DESTROY, Effect.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Setting:
    """A run-time setting that a text changes. *value* None: back to its default, or not a constant."""

    name: str
    value: str | None
    local: bool = False


@dataclass(frozen=True, slots=True)
class CopyFacts:
    """A COPY statement. *relation* is qualified, or empty where a query stands; *columns* () means all.

    The characters are PostgreSQL's defaults for the format where the statement names none
    (manual page of COPY); for ``binary`` they are empty. *text* is the query's own text.
    """

    direction: Literal["in", "out"]
    relation: str
    columns: tuple[str, ...]
    query: bool
    format: Literal["text", "csv", "binary"]
    delimiter: str
    null: str
    quote: str
    escape: str
    header: bool
    stdio: bool
    text: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that was read off one text.

    *touches* is never empty. *mentions* holds the bare names of columns that stand anywhere
    except where no value of theirs can come out, and ``*`` for stars and whole rows; *counts*
    are the positions (from 0) of outputs that are safe whatever the statement reads.
    *unresolved* names what the catalogue did not know, so that reading it anew may help.
    *constant_free* True promises that another text of the same shape has the same facts.
    *reason* says why UNKNOWN is among the effects. *targets* are the relations whose rows plain
    INSERT, UPDATE, DELETE and MERGE change, and *stored* the mentions that may be fed into them:
    not those of their WHERE and RETURNING.
    """

    touches: tuple[Touch, ...] = (NOTHING,)
    verbs: tuple[str, ...] = ()
    unscoped: bool = False
    mentions: frozenset[str] = frozenset()
    counts: frozenset[int] = frozenset()
    copy: CopyFacts | None = None
    settings: tuple[Setting, ...] = ()
    prepares: tuple[tuple[str, str], ...] = ()
    executes: tuple[str, ...] = ()
    cursors: tuple[str, ...] = ()
    fetches: tuple[str, ...] = ()
    transaction: tuple[str, ...] = ()
    ddl: bool = False
    writes_or_locks: bool = False
    unresolved: frozenset[str] = frozenset()
    constant_free: bool = False
    statements: int = 0
    reason: str = ""
    targets: frozenset[str] = frozenset()
    stored: frozenset[str] = frozenset()
    _policy: list[Mapping[str, Mapping[str, object]]] = field(
        default_factory=list, init=False, repr=False, compare=False
    )

    def for_policy(self) -> Mapping[str, Mapping[str, object]]:
        """What conditions may ask about, under the key ``sql``; built once."""
        if not self._policy:
            copy = self.copy
            inner: Mapping[str, object] = MappingProxyType(
                {
                    "unscoped": self.unscoped,
                    "verbs": list(self.verbs),
                    "statements": self.statements,
                    "ddl": self.ddl,
                    "copy_in": copy is not None and copy.direction == "in",
                    "copy_out": copy is not None and copy.direction == "out",
                    "transaction": list(self.transaction),
                }
            )
            self._policy.append(MappingProxyType({"sql": inner}))
        return self._policy[0]


def unknown(reason: str, *, statements: int = 0, unresolved: Iterable[str] = ()) -> Facts:
    """The facts of what could not be read. Assumes the worst of everything."""
    return Facts(
        touches=(Touch(Effect.UNKNOWN),),
        unscoped=True,
        mentions=frozenset({"*"}),
        ddl=True,
        writes_or_locks=True,
        unresolved=frozenset(unresolved),
        statements=statements,
        reason=reason,
    )


def changes_catalogue(touches: Iterable[Touch]) -> bool:
    """Whether the snapshot must be read anew after these."""
    return any(touch.effect in _CHANGES_CATALOGUE for touch in touches)


def union(facts: Iterable[Facts]) -> Facts:
    """The facts of "any of these may run", for a name that has stood for several bodies.

    The engine uses it where a prepared statement and a cursor share a name, or where a name
    was given anew in a transaction that may yet roll back.
    """
    found = list(facts)
    if not found:
        return unknown("a name that stands for nothing known")
    return reduce(_either, found)


def _either(one: Facts, two: Facts) -> Facts:
    return replace(
        one,
        touches=tuple(dict.fromkeys(one.touches + two.touches)),
        verbs=one.verbs + two.verbs,
        unscoped=one.unscoped or two.unscoped,
        mentions=one.mentions | two.mentions,
        counts=one.counts & two.counts,
        copy=one.copy if one.copy == two.copy else None,
        settings=one.settings + two.settings,
        prepares=one.prepares + two.prepares,
        executes=one.executes + two.executes,
        cursors=one.cursors + two.cursors,
        fetches=one.fetches + two.fetches,
        transaction=one.transaction + two.transaction,
        ddl=one.ddl or two.ddl,
        writes_or_locks=one.writes_or_locks or two.writes_or_locks,
        unresolved=one.unresolved | two.unresolved,
        constant_free=one.constant_free and two.constant_free,
        statements=one.statements + two.statements,
        reason=one.reason or two.reason,
        targets=one.targets | two.targets,
        stored=one.stored | two.stored,
    )
