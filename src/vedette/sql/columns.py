"""Whose column a name is, as far as the question of rows needs it.

`Sources` knows the ranges of one statement: the table that is changed and those beside it. A
column belongs to the target unless it can be shown to belong to another range.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vedette.sql.folding import fold, truth
from vedette.sql.objects import Found, find, of_range
from vedette.sql.parse import Node
from vedette.sql.reader import Reader, Scope, strings
from vedette.sql.words import words

Base = tuple[str, str]
"""A relation (or range) and a column."""


@dataclass(frozen=True, slots=True)
class Sources:
    """*target*: the range name of the table being changed. *relations*: range name to relation name, or
    "" for a subquery. *outputs*: columns of subqueries that are plain columns of a whole relation."""

    target: str
    relations: dict[str, str]
    columns: dict[str, frozenset[str]]
    outputs: dict[Base, Base]
    needed: frozenset[str]
    scope: Scope

    @classmethod
    def of(cls, r: Reader, node: Node, found: Found, others: list[Node], scope: Scope) -> Sources:
        relation = node["relation"]
        name = relation.get("alias", {}).get("aliasname", relation.get("relname", ""))
        made = cls(name, {}, {}, {}, _needed(found), scope)
        made._add(name, found)
        for other in others:
            made._from(r, other)
        return made

    def within(self, r: Reader, others: list[Node]) -> Sources:
        """The same, with the ranges of a subquery over it. A range of the target's name hides it."""
        made = Sources(
            self.target, dict(self.relations), dict(self.columns), dict(self.outputs), self.needed, self.scope
        )
        for other in others:
            made._from(r, other)
        return made

    def _add(self, name: str, found: Found) -> None:
        self.relations[name] = found.name
        if found.relation is not None:
            self.columns[name] = frozenset(column.name for column in found.relation.columns)

    def _from(self, r: Reader, node: Node) -> None:
        if "RangeVar" in node:
            fields = node["RangeVar"]
            name = fields.get("alias", {}).get("aliasname", fields.get("relname", ""))
            query = self.scope.get(fields.get("relname", "")) if "schemaname" not in fields else None
            if query is None:
                self._add(name, of_range(r, fields))
            else:
                self._query(r, name, query)
        elif "JoinExpr" in node:
            self._from(r, node["JoinExpr"].get("larg", {}))
            self._from(r, node["JoinExpr"].get("rarg", {}))
        elif "RangeSubselect" in node:
            fields = node["RangeSubselect"]
            self._query(r, fields.get("alias", {}).get("aliasname", ""), fields.get("subquery", {}))
        else:
            for fields in node.values():
                if type(fields) is dict and "alias" in fields:
                    self.relations[fields["alias"].get("aliasname", "")] = ""

    def _query(self, r: Reader, name: str, query: Node) -> None:
        self.relations[name] = ""
        for label, base in whole(r, query, self.scope).items():
            self.outputs[name, label] = base

    def base(self, r: Reader, names: tuple[str, ...]) -> Base:
        """The relation and column that a (qualified) name leads to."""
        column = names[-1]
        if len(names) == 1:
            owner = self._owner(column)
        elif len(names) == 2:
            owner = names[0]
        else:
            return find(r, names[-3], names[-2]).name, column
        if (owner, column) in self.outputs:
            return self.outputs[owner, column]
        return self.relations.get(owner) or owner, column

    def _owner(self, column: str) -> str:
        """The range of a bare column: the only one that has it, else the target."""
        having = [name for name, columns in self.columns.items() if column in columns]
        return having[0] if len(having) == 1 else self.target

    def belongs(self, names: tuple[str, ...]) -> bool:
        """Whether a name may be a column of the target. One that no table here has is a variable."""
        if len(names) >= 2:
            return names[-2] == self.target
        known = self.columns.get(self.target)
        return known is None or names[-1] in known or names[-1] in _SYSTEM

    def required(self, r: Reader, names: list[str]) -> bool:
        """Whether a column of the target cannot be NULL: declared so, or its customary key."""
        return self.belongs(tuple(names)) and (names[-1] in self.needed or names[-1] in ("id", "ctid"))

    def is_all_of(self, r: Reader, test: Node, subselect: Node | None) -> bool:
        """``id IN (SELECT id FROM the same table)``."""
        names = single_column(test)
        if names is None or subselect is None:
            return False
        base = self.base(r, names)
        return any(alike_columns(base, other) for other in whole(r, subselect, self.scope).values())


def alike(one: str, two: str) -> bool:
    """Whether two names may mean one relation: a bare one is any of that name."""
    if one == two:
        return True
    return one.rpartition(".")[2] == two.rpartition(".")[2] and not ("." in one and "." in two)


def alike_columns(one: Base, two: Base) -> bool:
    return one[1] == two[1] and alike(one[0], two[0])


def _needed(found: Found) -> frozenset[str]:
    if found.relation is None:
        return frozenset()
    return frozenset(column.name for column in found.relation.columns if column.required)


_SYSTEM = words("ctid xmin xmax cmin cmax")
_WHOLE = words("targetList fromClause whereClause limitOption op distinctClause sortClause")


def whole(r: Reader, query: Node, scope: Scope) -> dict[str, Base]:
    """The outputs of ``SELECT columns FROM one relation`` that hold every value of that column."""
    fields = query.get("SelectStmt", {})
    sources = fields.get("fromClause", [])
    if not set(fields) <= _WHOLE or len(sources) != 1 or "RangeVar" not in sources[0]:
        return {}
    relation = sources[0]["RangeVar"]
    inner = scope.get(relation.get("relname", "")) if "schemaname" not in relation else None
    beneath = whole(r, inner, {k: v for k, v in scope.items() if v is not inner}) if inner else None
    found = of_range(r, relation) if inner is None else None
    if "whereClause" in fields and truth(fold(r, fields["whereClause"])) is not True:
        return {}
    outputs: dict[str, Base] = {}
    for item in fields.get("targetList", []):
        names = strings(item["ResTarget"].get("val", {}).get("ColumnRef", {}).get("fields", []))
        if names and names[-1] == "*" and found is not None and found.relation is not None:
            outputs |= {column.name: (found.name, column.name) for column in found.relation.columns}
        elif names and beneath is not None and names[-1] in beneath:
            outputs[item["ResTarget"].get("name", names[-1])] = beneath[names[-1]]
        elif names and found is not None:
            outputs[item["ResTarget"].get("name", names[-1])] = (found.name, names[-1])
    return outputs


def refers(r: Reader, node: Node, sources: Sources) -> bool:
    """Whether an expression depends on the row that is changed, as far as can be told."""
    stack: list[tuple[Any, Sources]] = [(node, sources)]
    while stack:
        item, known = stack.pop()
        if type(item) is list:
            stack += [(inner, known) for inner in item]
            continue
        for key, value in item.items():
            if key == "ColumnRef":
                names = tuple(strings(value.get("fields", [])))
                if names and names[-1] != "tableoid" and _may_be_target(names, known):
                    return True
            elif key == "SelectStmt":
                stack.append((value, known.within(r, value.get("fromClause", []))))
            elif key in ("fromClause", "typeName"):
                stack += [(value, known)] if key == "fromClause" else []
            elif type(value) in (dict, list):
                stack.append((value, known))
    return False


def _may_be_target(names: tuple[str, ...], sources: Sources) -> bool:
    if names[-1] == "*" or names[-1] == sources.target:
        return names[-1] == sources.target or (len(names) > 1 and names[-2] == sources.target)
    return sources.belongs(names)


def plain(node: Node) -> Node:
    """``(SELECT x)`` without a table is x."""
    while node.get("SubLink", {}).get("subLinkType") == "EXPR_SUBLINK":
        query = node["SubLink"].get("subselect", {}).get("SelectStmt", {})
        outputs = query.get("targetList", [])
        if not set(query) <= {"targetList", "limitOption", "op"} or len(outputs) != 1:
            break
        node = outputs[0].get("ResTarget", {}).get("val", {})
    return node


def single_column(node: Node | None) -> tuple[str, ...] | None:
    """The one column that an expression is made of: itself, cast, collated, or with constants added."""
    stack, found = [node or {}], set[tuple[str, ...]]()
    while stack:
        item = stack.pop()
        if not item:
            continue
        ((kind, fields),) = item.items()
        if kind == "ColumnRef":
            found.add(tuple(strings(fields.get("fields", []))))
        elif kind in ("TypeCast", "CollateClause"):
            stack.append(fields.get("arg", {}))
        elif kind == "SubLink" and plain(item) is not item:
            stack.append(plain(item))
        elif kind == "A_Expr" and fields.get("kind") == "AEXPR_OP" and strings(fields["name"])[-1] in "+-*||":
            stack += [fields.get("lexpr", {}), fields.get("rexpr", {})]
        elif kind != "A_Const":
            return None
    return found.pop() if len(found) == 1 else None


def same(r: Reader, one: Any, two: Any) -> bool:
    """Whether two trees are alike but for where they stand in the text."""
    stack = [(one, two)]
    while stack:
        left, right = stack.pop()
        if type(left) is not type(right):
            return False
        if type(left) is dict:
            keys = left.keys() - {"location"}
            if keys != right.keys() - {"location"}:
                return False
            if "A_Const" in keys:
                r.notes.looked = True
            stack += [(left[key], right[key]) for key in keys]
        elif type(left) is list:
            if len(left) != len(right):
                return False
            stack += list(zip(left, right, strict=True))
        elif left != right:
            return False
    return True
