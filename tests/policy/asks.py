"""Short ways to write policies and asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from vedette.model import Action, Ask, Decision, Effect, Kind, Principal, Resource, Touch, Verdict
from vedette.policy import Marks, Policies, compile_policies
from vedette.sql.catalog import EMPTY
from vedette.sql.reading import State, read

AGENT = Principal("bot", Kind.AGENT, frozenset({"ai-agents"}), email="bot@example.com")
APPDB = Resource("appdb", "postgres", {"env": "prod"})
PLAIN: Mapping[str, object] = {
    "unscoped": False,
    "verbs": ["SELECT"],
    "statements": 1,
    "ddl": False,
    "copy_in": False,
    "copy_out": False,
    "transaction": [],
}


def compiled(text: str) -> Policies:
    """Whole policies, as in a file."""
    return compile_policies(yaml.safe_load(text), Marks("vedette.yaml"))


def ruled(text: str, *, mode: str = "enforce", name: str = "p") -> Policies:
    """One policy for everybody everywhere, with these rules."""
    return compile_policies([policy(text, mode=mode, name=name)], Marks("vedette.yaml"))


def policy(text: str, *, mode: str = "enforce", name: str = "p") -> dict[str, Any]:
    return {"name": name, "mode": mode, "rules": yaml.safe_load(text)}


def touch(text: str, **more: Any) -> Touch:
    """``read public.t``."""
    effect, _, name = text.partition(" ")
    return Touch(Effect(effect), name, **more)


def ask(
    *touches: str | Touch,
    who: Principal = AGENT,
    where: Resource = APPDB,
    text: str = "SELECT 1",
    parameters: tuple[str | None, ...] = (),
    facts: Mapping[str, object] | None = PLAIN,
    reason: str = "",
    **more: object,
) -> Ask:
    """An ask with these touches; *more* are facts that differ from a plain SELECT's."""
    found = tuple(touch(each) if isinstance(each, str) else each for each in touches)
    given = {} if facts is None else {"sql": {**facts, **more}}
    return Ask(who, where, Action("postgres", "statement", text, found, parameters, given, reason=reason))


def reading(text: str, parameters: tuple[str | None, ...], resource: Resource) -> Action:
    """A statement as the gateway reads it where it knows no table; the names in it are whole."""
    facts = read(text, State(("pg_catalog", "public"), "app", "me"), EMPTY)
    return Action(
        resource.protocol, "query", text, facts.touches, parameters, facts.for_policy(), reason=facts.reason
    )


def decision(policies: Policies, asked: Ask) -> Decision:
    return policies.for_session(asked.principal, asked.resource).decide(asked)


def verdict(policies: Policies, asked: Ask) -> Verdict:
    return decision(policies, asked).verdict
