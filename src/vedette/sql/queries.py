"""SELECT and the four statements that change rows, with the scope of CTE names."""

from __future__ import annotations

from vedette.model import Effect
from vedette.sql import objects
from vedette.sql.objects import Found
from vedette.sql.parse import Node
from vedette.sql.reader import Reader, Scope, strings
from vedette.sql.rewriting import special_write
from vedette.sql.scoping import Target, merge_unscoped, restricts, upsert_unscoped
from vedette.sql.settings import settings_row


def select(r: Reader, node: Node, scope: Scope) -> None:
    """A query at any level, set operations and VALUES included. Set operations lean left: unrolled."""
    scope = ctes(r, node.get("withClause"), scope)
    before = r.settings_row
    pending = [(node, scope)]
    while pending:
        level, inner = pending.pop()
        if level is not node:
            inner = ctes(r, level.get("withClause"), inner)
        pending += [(level[side], inner) for side in ("larg", "rarg") if side in level]
        if "intoClause" in level:
            into(r, level["intoClause"])
        r.settings_row = settings_row(level) if "fromClause" in level else None
        r.walk([v for k, v in level.items() if k not in _OWN and type(v) in (dict, list)], inner)
    r.settings_row = before


_OWN = frozenset({"withClause", "larg", "rarg", "intoClause"})


def into(r: Reader, node: Node) -> None:
    """The table that SELECT INTO or CREATE TABLE AS makes."""
    name, resolved = objects.created(r, node["rel"])
    r.change(Effect.CREATE, name, resolved=resolved)


def ctes(r: Reader, clause: Node | None, scope: Scope) -> Scope:
    """Read the CTEs of a WITH clause; the scope with their names in it.

    Without RECURSIVE a CTE sees only those before it, and its own name means the table.
    """
    if clause is None:
        return scope
    found = [item["CommonTableExpr"] for item in clause.get("ctes", [])]
    inner: dict[str, Node | None] = dict(scope)
    if clause.get("recursive"):
        r.notes.recursive = True
        inner.update((cte["ctename"], cte.get("ctequery")) for cte in found)
    for cte in found:
        visible = dict(inner)
        r.walk([value for value in cte.values() if type(value) is dict], visible)
        inner[cte["ctename"]] = cte.get("ctequery")
        r.notes.ranges.add(cte["ctename"])
        if "aliascolnames" in cte:
            for name in strings(cte["aliascolnames"]):
                r.mention(name)
    return inner


def insert(r: Reader, node: Node, scope: Scope) -> None:
    scope = ctes(r, node.get("withClause"), scope)
    found = _target(r, node, Effect.WRITE)
    conflict = node.get("onConflictClause")
    if conflict is not None and upsert_unscoped(r, node, found, scope):
        _unscoped(r)
    special_write(r, found, node)
    _rest(r, node, found, scope)


def update(r: Reader, node: Node, scope: Scope) -> None:
    scope = ctes(r, node.get("withClause"), scope)
    found = _target(r, node, Effect.WRITE)
    if not restricts(r, node.get("whereClause"), Target(node, found, scope, "fromClause")):
        _unscoped(r)
    special_write(r, found, node)
    _rest(r, node, found, scope)
    r.imply(Effect.READ, found.name, resolved=found.resolved)


def delete(r: Reader, node: Node, scope: Scope) -> None:
    scope = ctes(r, node.get("withClause"), scope)
    found = _target(r, node, Effect.DELETE)
    if not restricts(r, node.get("whereClause"), Target(node, found, scope, "usingClause")):
        _unscoped(r)
    special_write(r, found, node)
    _rest(r, node, found, scope)
    r.imply(Effect.READ, found.name, resolved=found.resolved)


def merge(r: Reader, node: Node, scope: Scope) -> None:
    scope = ctes(r, node.get("withClause"), scope)
    commands = {clause["MergeWhenClause"].get("commandType") for clause in node.get("mergeWhenClauses", [])}
    found = objects.of_range(r, node["relation"])
    if commands & {"CMD_UPDATE", "CMD_INSERT"}:
        _target(r, node, Effect.WRITE)
    if "CMD_DELETE" in commands:
        _target(r, node, Effect.DELETE)
    if merge_unscoped(r, node, found, scope):
        _unscoped(r)
    special_write(r, found, node)
    _rest(r, node, found, scope)
    r.imply(Effect.READ, found.name, resolved=found.resolved)


def _target(r: Reader, node: Node, effect: Effect) -> Found:
    """The relation that is changed: a CTE of that name never stands for it."""
    relation = node["relation"]
    found = objects.of_range(r, relation)
    r.change(effect, found.name, resolved=found.resolved)
    objects.behind(r, found, None if r.planned else effect)
    r.notes.ranges.add(relation.get("alias", relation).get("aliasname", relation.get("relname", "")))
    return found


def _rest(r: Reader, node: Node, found: Found, scope: Scope) -> None:
    """Everything else of a change; RETURNING reads the rows."""
    r.notes.ranges.update(("old", "new", "excluded"))
    if "returningClause" in node:
        r.touch(Effect.READ, found.name, resolved=found.resolved)
    own = ("withClause", "relation", *_LATE)
    r.walk([v for k, v in node.items() if k not in own and type(v) in (dict, list)], scope)
    if r.depth == 0:
        # Whatever was mentioned so far may be fed into the rows; what only chooses or shows them may not.
        r.notes.targets.add(found.name)
        r.notes.stored |= r.notes.mentions()
    r.walk([node[key] for key in _LATE if key in node], scope)


_LATE = ("whereClause", "returningClause")


def _unscoped(r: Reader) -> None:
    if not r.planned:
        r.notes.unscoped = True


def range_var(r: Reader, node: Node, scope: Scope) -> None:
    """A name in FROM: a CTE if one is in scope, else a relation."""
    name = node.get("relname", "")
    _alias(r, node.get("alias"), hides=True)
    if "alias" not in node:
        r.notes.ranges.add(name)
    if "schemaname" not in node and name in scope:
        return
    objects.read_relation(r, objects.of_range(r, node))


def ranged(r: Reader, node: Node, scope: Scope) -> Node:
    """Anything else in FROM that may carry an alias: a subquery, a function, a join, XMLTABLE."""
    for key in ("alias", "join_using_alias"):
        _alias(r, node.get(key), hides="jointype" in node)
    return {key: value for key, value in node.items() if key not in ("alias", "join_using_alias")}


def range_function(r: Reader, node: Node, scope: Scope) -> Node:
    """A function in FROM is a range of its own name where it has no alias."""
    for item in node.get("functions", []):
        for call in item.get("List", {}).get("items", []):
            if "FuncCall" in call:
                r.notes.ranges.add(strings(call["FuncCall"].get("funcname", []))[-1])
    return ranged(r, node, scope)


def _alias(r: Reader, alias: Node | None, *, hides: bool) -> None:
    """An alias names a range. Over a table, column names in it hide what the columns are called."""
    if alias is None:
        return
    r.notes.ranges.add(alias.get("aliasname", ""))
    if hides and "colnames" in alias:
        r.mention("*")


def locking(r: Reader, node: Node, scope: Scope) -> None:
    """FOR UPDATE and its kin. The names in it are aliases, not relations."""
    r.notes.locks = True
