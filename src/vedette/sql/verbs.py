"""A statement's verb in one word or two, for policies and for people: ``SELECT``, ``DROP TABLE``."""

from __future__ import annotations

import re

from vedette.sql.parse import Node

_PLAIN = {
    "SelectStmt": "SELECT",
    "DoStmt": "DO",
    "CopyStmt": "COPY",
    "CreateTableAsStmt": "CREATE TABLE",
    "ViewStmt": "CREATE VIEW",
    "IndexStmt": "CREATE INDEX",
    "RuleStmt": "CREATE RULE",
    "CompositeTypeStmt": "CREATE TYPE",
    "CreateSeqStmt": "CREATE SEQUENCE",
    "AlterSeqStmt": "ALTER SEQUENCE",
    "CreateTrigStmt": "CREATE TRIGGER",
    "CreatedbStmt": "CREATE DATABASE",
    "DropdbStmt": "DROP DATABASE",
    "DeclareCursorStmt": "DECLARE",
    "ClosePortalStmt": "CLOSE",
    "VariableShowStmt": "SHOW",
    "ConstraintsSetStmt": "SET CONSTRAINTS",
    "CreateStmt": "CREATE TABLE",
    "GrantRoleStmt": "GRANT",
    "RefreshMatViewStmt": "REFRESH MATERIALIZED",
    "SecLabelStmt": "SECURITY LABEL",
    "CheckPointStmt": "CHECKPOINT",
    "AlterRoleSetStmt": "ALTER ROLE",
    "AlterDatabaseSetStmt": "ALTER DATABASE",
    "CreatePLangStmt": "CREATE LANGUAGE",
    "CreateEventTrigStmt": "CREATE EVENT",
    "DropOwnedStmt": "DROP OWNED",
    "ReassignOwnedStmt": "REASSIGN OWNED",
}
_BY_KIND = {
    "DropStmt": ("DROP", "removeType"),
    "AlterTableStmt": ("ALTER", "objtype"),
    "RenameStmt": ("ALTER", "renameType"),
    "AlterOwnerStmt": ("ALTER", "objectType"),
    "AlterObjectSchemaStmt": ("ALTER", "objectType"),
    "AlterObjectDependsStmt": ("ALTER", "objectType"),
    "DefineStmt": ("CREATE", "kind"),
}
_WORDS = re.compile(r"[A-Z][a-z]*|[A-Z]+(?=[A-Z]|$)")


def verb(statement: Node) -> str:
    """The verb of one wrapped statement node."""
    ((kind, node),) = statement.items()
    if kind in _PLAIN:
        return "SELECT INTO" if kind == "SelectStmt" and "intoClause" in node else _PLAIN[kind]
    if kind in _BY_KIND:
        first, field = _BY_KIND[kind]
        return f"{first} {str(node.get(field, '')).removeprefix('OBJECT_').replace('_', ' ')}"
    if kind == "TransactionStmt":
        word = str(node.get("kind", "TRANS_STMT_BEGIN")).removeprefix("TRANS_STMT_").replace("_", " ")
        return "BEGIN" if word == "START" else word
    if kind == "VariableSetStmt":
        return "RESET" if str(node.get("kind", "")).startswith("VAR_RESET") else "SET"
    if kind == "ExplainStmt":
        return "EXPLAIN"
    if kind == "VacuumStmt":
        return "VACUUM" if node.get("is_vacuumcmd") else "ANALYZE"
    if kind == "GrantStmt":
        return "GRANT" if node.get("is_grant") else "REVOKE"
    if kind == "CreateFunctionStmt":
        return "CREATE PROCEDURE" if node.get("is_procedure") else "CREATE FUNCTION"
    return " ".join(word.upper() for word in _WORDS.findall(kind.removesuffix("Stmt"))[:2])
