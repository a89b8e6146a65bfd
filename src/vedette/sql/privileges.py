"""GRANT, roles, ownership: who may do what."""

from __future__ import annotations

from vedette.model import Effect
from vedette.sql import objects
from vedette.sql.definitions import alter_as, named_object
from vedette.sql.parse import Node
from vedette.sql.reader import Reader, Scope


def grant(r: Reader, node: Node, scope: Scope) -> None:
    """GRANT and REVOKE on objects. Taking a right away changes rights too."""
    kind = str(node.get("objtype", "OBJECT_TABLE")).removeprefix("OBJECT_").casefold()
    for item in node.get("objects", []):
        names = objects.names_of(item)
        if node.get("targtype") == "ACL_TARGET_ALL_IN_SCHEMA":
            r.touch(Effect.GRANT, f"schema:{names[-1] if names else '*'}")
        elif "RangeVar" in item:
            found = objects.of_range(r, item["RangeVar"])
            r.touch(Effect.GRANT, found.name, resolved=found.resolved)
        else:
            label, resolved = named_object(r, kind, names)
            r.touch(Effect.GRANT, label, resolved=resolved)
    if not node.get("objects"):
        r.touch(Effect.GRANT)


def grant_role(r: Reader, node: Node, scope: Scope) -> None:
    for item in node.get("granted_roles", []):
        r.touch(Effect.GRANT, f"role:{item['AccessPriv'].get('priv_name', '*')}")


def default_privileges(r: Reader, node: Node, scope: Scope) -> None:
    r.touch(Effect.GRANT, "default:*")


def role(r: Reader, node: Node, scope: Scope) -> None:
    """CREATE and ALTER ROLE: attributes, passwords, membership."""
    name = node.get("role")
    r.touch(Effect.GRANT, f"role:{name if isinstance(name, str) else _spec(name)}")


def role_setting(r: Reader, node: Node, scope: Scope) -> None:
    """ALTER ROLE … SET: takes effect at the next login, past whatever the gateway pins in this one."""
    name = str(node.get("setstmt", {}).get("name", "*")).casefold()
    r.touch(Effect.CONFIGURE, f"setting:{name}")
    r.touch(Effect.CONFIGURE, f"role:{_spec(node.get('role'))}")


def drop_role(r: Reader, node: Node, scope: Scope) -> None:
    for item in node.get("roles", []):
        r.touch(Effect.DESTROY, f"role:{_spec(item['RoleSpec'])}")
        r.touch(Effect.GRANT, f"role:{_spec(item['RoleSpec'])}")


def drop_owned(r: Reader, node: Node, scope: Scope) -> None:
    for item in node.get("roles", []):
        r.touch(Effect.DESTROY, f"role:{_spec(item['RoleSpec'])}")
    r.touch(Effect.GRANT)


def reassign_owned(r: Reader, node: Node, scope: Scope) -> None:
    for item in [*node.get("roles", []), {"RoleSpec": node.get("newrole", {})}]:
        r.touch(Effect.GRANT, f"role:{_spec(item['RoleSpec'])}")


def owner(r: Reader, node: Node, scope: Scope) -> None:
    """OWNER TO."""
    alter_as(r, node, Effect.GRANT)


def security_label(r: Reader, node: Node, scope: Scope) -> None:
    alter_as(r, node, Effect.GRANT)


def _spec(spec: Node | None) -> str:
    """The name in a RoleSpec; ``current_user`` and its kin by their word."""
    spec = spec or {}
    name = spec.get("rolename")
    return str(name) if name else str(spec.get("roletype", "*")).removeprefix("ROLESPEC_").casefold()
