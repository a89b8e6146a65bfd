"""Changes of rows that are something else in truth: the settings view, and the catalogue itself."""

from __future__ import annotations

from vedette.model import Effect
from vedette.sql.objects import Found
from vedette.sql.parse import Node
from vedette.sql.reader import Reader
from vedette.sql.settings import change, settings_row
from vedette.sql.words import words

_RIGHTS = words(
    """
    pg_authid pg_auth_members pg_shadow pg_user pg_roles pg_group pg_db_role_setting pg_default_acl
    pg_init_privs pg_policy pg_policies pg_user_mapping pg_user_mappings pg_parameter_acl
    """
)


def special_write(r: Reader, found: Found, node: Node) -> None:
    """A write to pg_catalog. UPDATE pg_settings is SET, by a rule; the rest changes the database."""
    if not found.name.startswith(("pg_catalog.", "information_schema.", "pg_toast.")) or r.planned:
        return
    r.notes.looked = True
    if found.name == "pg_catalog.pg_settings":
        _settings(r, node)
    elif found.name.removeprefix("pg_catalog.") in _RIGHTS:
        r.touch(Effect.GRANT, found.name)
    else:
        r.touch(Effect.CONFIGURE, found.name)


def _settings(r: Reader, node: Node) -> None:
    source = [{"RangeVar": node["relation"]}]
    name = settings_row({"fromClause": source, "whereClause": node.get("whereClause", {})})
    values = [
        item["ResTarget"].get("val")
        for item in node.get("targetList", [])
        if item.get("ResTarget", {}).get("name") == "setting"
    ]
    value = r.look(values[0]) if len(values) == 1 else None
    if name is None:
        r.touch(Effect.CONFIGURE, "setting:*")
        r.notes.unknown("an UPDATE of pg_settings that does not name one setting")
        r.move(())
        return
    change(r, name, value, False)
