"""Statements about the session: transactions, prepared statements, cursors, channels."""

from __future__ import annotations

from vedette.model import Effect
from vedette.sql import bodies, objects
from vedette.sql.facts import Setting
from vedette.sql.parse import Node
from vedette.sql.reader import Reader, Scope

_TRANSACTION = {
    "TRANS_STMT_BEGIN": "begin",
    "TRANS_STMT_START": "begin",
    "TRANS_STMT_COMMIT": "commit",
    "TRANS_STMT_ROLLBACK": "rollback",
    "TRANS_STMT_SAVEPOINT": "savepoint",
    "TRANS_STMT_RELEASE": "release",
    "TRANS_STMT_ROLLBACK_TO": "rollback to",
}
_PREPARED = {
    "TRANS_STMT_PREPARE": "prepare",
    "TRANS_STMT_COMMIT_PREPARED": "commit prepared",
    "TRANS_STMT_ROLLBACK_PREPARED": "rollback prepared",
}


def transaction(r: Reader, node: Node, scope: Scope) -> None:
    """BEGIN and so on; two-phase commit ends what another session may have begun, so it executes."""
    kind = node.get("kind", "TRANS_STMT_BEGIN")
    word = _TRANSACTION.get(kind) or _PREPARED.get(kind)
    if word is None:
        r.notes.unknown(f"a transaction statement that is not known here: {kind}")
        return
    r.notes.transaction.append(word)
    if kind in _PREPARED:
        r.notes.looked = True
        r.touch(Effect.EXECUTE, f"transaction:{node.get('gid', '')}")


def prepare(r: Reader, node: Node, scope: Scope) -> None:
    """PREPARE: judged for what it will do, and remembered by `reading` with its text."""
    r.walk(node.get("query", {}), scope)


def execute(r: Reader, node: Node, scope: Scope) -> list[Node]:
    """EXECUTE: what the name stands for; its arguments are expressions."""
    name = node.get("name", "")
    r.notes.executes.append(name)
    _named(r, name, "a prepared statement that is not known")
    params: list[Node] = node.get("params", [])
    return params


def declare(r: Reader, node: Node, scope: Scope) -> Node:
    r.notes.cursors.append(node.get("portalname", ""))
    query: Node = node.get("query", {})
    return query


def fetch(r: Reader, node: Node, scope: Scope) -> None:
    name = node.get("portalname", "")
    r.notes.fetches.append(name)
    _named(r, name, "a cursor that is not known")


def _named(r: Reader, name: str, otherwise: str) -> None:
    facts = r.named.get(name)
    if facts is None:
        r.notes.unknown(f"{otherwise}: {name}")
    else:
        r.notes.merge(facts)


def nothing(r: Reader, node: Node, scope: Scope) -> None:
    """CLOSE, DEALLOCATE, UNLISTEN, SET CONSTRAINTS: the session's own affairs."""


def listen(r: Reader, node: Node, scope: Scope) -> None:
    r.touch(Effect.READ, f"channel:{node.get('conditionname', '')}")


def notify(r: Reader, node: Node, scope: Scope) -> None:
    r.touch(Effect.WRITE, f"channel:{node.get('conditionname', '')}")


def discard(r: Reader, node: Node, scope: Scope) -> None:
    """DISCARD. ALL also gives up the role (manual: SET SESSION AUTHORIZATION DEFAULT)."""
    target = node.get("target", "DISCARD_ALL")
    if target == "DISCARD_ALL":
        r.notes.settings.append(Setting("*", None))
        r.touch(Effect.CONFIGURE, "setting:role")
    if target in ("DISCARD_ALL", "DISCARD_TEMP"):
        r.touch(Effect.WRITE, "schema:pg_temp")


def lock(r: Reader, node: Node, scope: Scope) -> None:
    """LOCK keeps others out: as strong as a write, but for the lock that every SELECT takes (pg_dump)."""
    r.notes.locks = True
    effect = Effect.READ if node.get("mode") == _ACCESS_SHARE else Effect.WRITE
    for item in node.get("relations", []):
        found = objects.of_range(r, item["RangeVar"])
        r.touch(effect, found.name, resolved=found.resolved)


# AccessShareLock (lockdefs.h).
_ACCESS_SHARE = 1


def explain(r: Reader, node: Node, scope: Scope) -> None:
    """EXPLAIN runs its statement only with ANALYZE, in any spelling that is not plainly off.

    Without it the planner still evaluates functions that are declared stable or immutable, so the
    effects of calls stay.
    """
    runs = False
    for item in node.get("options", []):
        element = item["DefElem"]
        if element["defname"].casefold() == "analyze" and not _off(r, element.get("arg")):
            runs = True
    with r.aside(planned=r.planned or not runs):
        r.walk(node.get("query", {}), scope)


def _off(r: Reader, value: Node | None) -> bool:
    if value is None:
        return False
    if "String" in value:
        return str(value["String"].get("sval", "")).casefold() in ("off", "false")
    if "Integer" in value:
        return bool(value["Integer"].get("ival", 0) == 0)
    return "Boolean" in value and not bool(value["Boolean"].get("boolval"))


do_block = bodies.do_block
