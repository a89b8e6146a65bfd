"""To whom and where a policy applies."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from vedette.model import Kind, Principal, Resource
from vedette.policy.globs import Globs


@dataclass(frozen=True, slots=True)
class Who:
    """Each key that is given must match, by any of its values. Nothing given is everyone."""

    kinds: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    subjects: tuple[str, ...] = ()
    issuers: frozenset[str] = frozenset()
    _subjects: Globs = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_subjects", Globs(self.subjects))

    def match(self, principal: Principal) -> bool:
        return (
            (not self.kinds or principal.kind in self.kinds)
            and (not self.groups or not self.groups.isdisjoint(principal.groups))
            and (not self.issuers or principal.issuer in self.issuers)
            and (not self.subjects or self._subjects.spells(principal.subject))
        )

    def __str__(self) -> str:
        parts = [
            f"{name} {', '.join(values)}"
            for name, values in (
                ("kinds", sorted(self.kinds)),
                ("groups", sorted(self.groups)),
                ("subjects", self.subjects),
                ("issuers", sorted(self.issuers)),
            )
            if values
        ]
        return "; ".join(parts) or "everyone"


def lenders_of(principal: Principal) -> tuple[Principal, ...]:
    """
    Whom *principal* may be acting for, as policies see people: none, or one for each reading of its actor.

    A bare actor was named by the principal's own issuer; ``issuer#subject`` is of another. Of its groups
    those are known that came along, and those that the token says stayed behind.
    """
    if principal.actor is None:
        return ()
    groups = principal.groups | principal.actor_groups
    email = principal.actor_email or principal.email
    bare = replace(
        principal, subject=principal.actor, kind=Kind.PERSON, groups=groups, email=email, actor=None
    )
    issuer, mark, subject = principal.actor.partition("#")
    return (bare, replace(bare, subject=subject, issuer=issuer)) if mark else (bare,)


@dataclass(frozen=True, slots=True)
class Where:
    """As :class:`Who`, for resources. *labels* are (key, accepted values); all keys must be there."""

    resources: tuple[str, ...] = ()
    labels: tuple[tuple[str, tuple[str, ...]], ...] = ()
    protocols: frozenset[str] = frozenset()
    _resources: Globs = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_resources", Globs(self.resources))

    def match(self, resource: Resource) -> bool:
        return (
            (not self.protocols or resource.protocol in self.protocols)
            and (not self.resources or self._resources.spells(resource.name))
            and all(resource.labels.get(key) in values for key, values in self.labels)
        )
