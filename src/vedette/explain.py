"""What would be said of a statement, without a session and without running anything."""

from __future__ import annotations

from vedette.config import ResourceSettings, Settings
from vedette.kubernetes import actions as kubernetes
from vedette.model import Action, Ask, Principal
from vedette.policy.testing import Explanation
from vedette.policy.testing import explain as explain_ask
from vedette.protocols.ssh import actions as ssh
from vedette.sql.catalog import EMPTY, Catalog, Column, Relation
from vedette.sql.reading import State, read

PATH = ("pg_catalog", "public")
_TEXT = 25  # pg_type's OID of text


def supposed(
    text: str,
    parameters: tuple[str | None, ...],
    resource: ResourceSettings,
    catalog: Catalog | None = None,
    path: tuple[str, ...] = PATH,
) -> Action:
    """
    What *text* would be on *resource*, in a session whose search_path is *path* (for SSH: as a command;
    for Kubernetes: as a request or a kubectl command).

    Without a *catalog*, what is not known is supposed to be an ordinary table that has every
    column that *text* mentions, bare names in the last schema of *path*; functions of the
    database's own stay unknown.
    """
    if resource.protocol == kubernetes.PROTOCOL:
        return kubernetes.supposed(text, resource.upstream.groups)
    if resource.protocol == ssh.PROTOCOL:
        return ssh.supposed(text, resource.login.user)
    state = State(path, resource.upstream.database, resource.login.user)
    facts = read(text, state, catalog or EMPTY)
    if catalog is None and facts.unresolved:
        facts = read(text, state, _tables(facts.unresolved, facts.mentions, path[-1]))
    return Action(
        resource.protocol,
        "query",
        text,
        facts.touches,
        parameters,
        facts.for_policy(),
        (("database", state.database), ("role", state.role), ("search_path", ", ".join(path))),
        facts.reason,
    )


def explain(
    settings: Settings,
    principal: Principal,
    resource: str,
    text: str,
    parameters: tuple[str | None, ...] = (),
    catalog: Catalog | None = None,
) -> tuple[Action, Explanation]:
    """What the policies say of *text*, and which rules spoke. Raises KeyError: no such resource."""
    found = settings.resources[resource]
    action = supposed(text, parameters, found, catalog)
    return action, explain_ask(settings.policies, Ask(principal, found.resource, action))


def _tables(names: frozenset[str], mentions: frozenset[str], schema: str) -> Catalog:
    columns = tuple(Column(n, name, _TEXT) for n, name in enumerate(sorted(mentions - {"*"}), 1))
    relations = []
    for number, name in enumerate(sorted(names), 1):
        where, dot, bare = name.rpartition(".")
        relations.append(Relation(number, where if dot else schema, bare, "r", columns))
    return Catalog(relations, ())
