"""What differs between two versions of the file, noun by noun, for the audit trail: before and after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass

from vedette.config.settings import Settings
from vedette.policy import describe
from vedette.policy.decide import Policy
from vedette.trail.events import Plain

# Of these only the names are told: what people set at a server is for that server to know.
NAMES_ONLY = frozenset({"startup"})


@dataclass(frozen=True, slots=True)
class Difference:
    """*before* None: it was not there; *after* None: it is gone. Else what differs, and only that."""

    what: str
    name: str
    before: Mapping[str, Plain] | None
    after: Mapping[str, Plain] | None


def differences(old: Settings, new: Settings) -> Iterator[Difference]:
    """Policies, resources, issuers, limits and roles that were added, removed or changed. Never a secret."""
    for what, before, after in (
        ("policy", _policies(old), _policies(new)),
        ("resource", _all(old.resources), _all(new.resources)),
        ("issuer", _issuers(old), _issuers(new)),
        ("gateway", _gateway(old), _gateway(new)),
    ):
        for name in sorted(before.keys() | after.keys()):
            found = _difference(what, name, before.get(name), after.get(name))
            if found is not None:
                yield found


def _difference(
    what: str, name: str, old: Mapping[str, Plain] | None, new: Mapping[str, Plain] | None
) -> Difference | None:
    if old is None or new is None:
        return Difference(what, name, old, new)
    keys = [key for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)]
    if not keys:
        return None
    return Difference(what, name, {key: old.get(key) for key in keys}, {key: new.get(key) for key in keys})


def _policies(settings: Settings) -> dict[str, Mapping[str, Plain]]:
    return {policy.name: _policy(policy) for policy in settings.policies.policies}


def _policy(policy: Policy) -> Mapping[str, Plain]:
    rules = tuple(f"{rule.name.partition('/')[2]}: {describe.rule(rule)}" for rule in policy.rules)
    mode = "observe" if policy.observing else "enforce"
    where = policy.where
    labels = tuple(f"{key}={'|'.join(values)}" for key, values in where.labels)
    places = (*where.resources, *labels, *sorted(where.protocols))
    return {"mode": mode, "who": str(policy.who), "where": places, "rules": rules}


def _issuers(settings: Settings) -> dict[str, Mapping[str, Plain]]:
    return _all({issuer.issuer: issuer for issuer in settings.identity.issuers})


def _gateway(settings: Settings) -> dict[str, Mapping[str, Plain]]:
    gateway = settings.gateway
    roles = {name: tuple(sorted(getattr(gateway, name))) for name in ("admins", "auditors", "approvers")}
    return {"limits": dict(_facts(gateway.limits)), "roles": roles}


def _all(nouns: Mapping[str, object]) -> dict[str, Mapping[str, Plain]]:
    return {name: dict(_facts(noun)) for name, noun in nouns.items()}


def _facts(value: object, prefix: str = "") -> Iterator[tuple[str, Plain]]:
    """The fields of a settings object, those inside it as ``outer.inner``."""
    if not is_dataclass(value):
        raise TypeError(f"{type(value).__name__} is no settings object")
    for field in fields(value):
        if field.name.startswith("_"):
            continue
        inner, name = getattr(value, field.name), prefix + field.name
        if is_dataclass(inner):
            yield from _facts(inner, f"{name}.")
        elif field.name in NAMES_ONLY:
            yield name, tuple(sorted(inner))
        else:
            yield name, _plain(inner)


def _plain(value: object) -> Plain:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return tuple(f"{key}={value[key]}" for key in sorted(value))
    if isinstance(value, frozenset | set):
        return tuple(sorted(map(str, value)))
    if isinstance(value, tuple | list):
        return tuple(map(str, value))
    return str(value)
