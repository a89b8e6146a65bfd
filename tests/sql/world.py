"""The catalogue of tests/testbed/refusals.sql as a value, and a word for what was read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from vedette.model import Effect
from vedette.sql import Catalog, Column, Facts, Function, Relation, State, read, union

REFUSALS = Path(__file__).parents[1] / "refusals"
STATE = State(("pg_catalog", "public"), "app", "agent")


def table(oid: int, name: str, *columns: str, schema: str = "public") -> Relation:
    """A relation; a column with an exclamation mark is NOT NULL."""
    found = [
        Column(number, column.removesuffix("!"), 25, column.endswith("!"))
        for number, column in enumerate(columns, 1)
    ]
    return Relation(oid, schema, name, "r", tuple(found))


def view(oid: int, name: str, definition: str, *columns: str) -> Relation:
    made = table(oid, name, *columns)
    return Relation(oid, made.schema, name, "v", made.columns, definition)


def function(name: str, body: str, language: str = "sql", arguments: int = 0, **more: Any) -> Function:
    defaults: dict[str, Any] = {"schema": "public", "variadic": False, "volatility": "v"}
    return Function(name=name, arguments=arguments, language=language, body=body, **(defaults | more))


RELATIONS = (
    table(100, "customers", "id!", "name!", "email", "ssn", "balance!"),
    table(101, "orders", "id!", "customer_id!", "total!"),
    table(102, "notes", "id!", "body!"),
    table(103, "log", "id!", "at!", "what!", schema="audit"),
    Relation(104, "audit", "log_id_seq", "S"),
)
CATALOG = Catalog(RELATIONS, ())


def catalog(*more: Relation | Function) -> Catalog:
    """The world and something more."""
    relations = [one for one in more if isinstance(one, Relation)]
    functions = [one for one in more if isinstance(one, Function)]
    return Catalog((*RELATIONS, *relations), functions)


def told(facts: Facts) -> set[str]:
    """The touches in words: ``delete public.notes``, ``read? t`` unresolved, ``(read public.t)`` implied."""
    found = set()
    for touch in facts.touches:
        text = f"{touch.effect}{'' if touch.resolved else '?'} {touch.object}".strip()
        found.add(f"({text})" if touch.implied else text)
    return found


def stopped(facts: Facts) -> bool:
    """Whether "read, and write or delete with a WHERE" would stop it."""
    changes = {Effect.WRITE, Effect.DELETE}
    for touch in facts.touches:
        if touch.implied or touch.effect is Effect.READ:
            continue
        if touch.effect not in changes or facts.unscoped:
            return True
    return False


def read_in_order(texts: list[str], known: Catalog) -> list[Facts]:
    """The facts of texts that one session sends: later ones may name what earlier ones prepared."""
    named: dict[str, Facts] = {}
    found = []
    for text in texts:
        facts = read(text, STATE, known, named)
        found.append(facts)
        for name, body in facts.prepares:
            named[name] = read(body, STATE, known)
        for name in facts.cursors:
            named[name] = union([facts])
    return found


def rows(name: str) -> list[dict[str, Any]]:
    """A file of tests/refusals."""
    loaded: list[dict[str, Any]] = yaml.safe_load((REFUSALS / name).read_text())
    return loaded


def texts(row: dict[str, Any]) -> list[str]:
    sql = row["sql"]
    return [sql] if isinstance(sql, str) else list(sql)
