"""Changes of who may come in: on record with what was before and what is after, never with a secret."""

from __future__ import annotations

import time
from collections.abc import Mapping

from vedette.api.access import Visitor
from vedette.api.context import Gateway
from vedette.model import Kind
from vedette.trail import events
from vedette.trail.events import Event, Plain

Facts = Mapping[str, Plain]


def record(
    here: Gateway, who: Visitor, what: str, name: str, before: Facts | None, after: Facts | None
) -> None:
    """Write a change before it is made. Raises OSError where it cannot be written: then it is not made."""
    here.journal.record(
        events.ConfigChanged(
            at=time.time(), by=who.principal.id, what=what, name=name, before=before, after=after
        )
    )


def event(by: str, what: str, name: str, before: Facts | None, after: Facts | None) -> events.ConfigChanged:
    """A change as it is told, now."""
    return events.ConfigChanged(at=time.time(), by=by, what=what, name=name, before=before, after=after)


def recorded(here: Gateway, *written: Event) -> bool:
    """Write all of *written*; False where they are not. For what takes away: that is done all the same."""
    try:
        for event in written:
            here.journal.record(event)
    except OSError:
        return False
    return True


def credential(
    *, subject: str, kind: Kind, groups: frozenset[str], expires: float | None, actor: str | None = None,
    owner: str = "", resources: frozenset[str] | None = None,
) -> dict[str, Plain]:  # fmt: skip
    """A token or key as a change tells it: all that it permits, nothing that proves it."""
    found: dict[str, Plain] = {
        "subject": subject, "kind": kind.value, "groups": tuple(sorted(groups)), "expires": expires,
    }  # fmt: skip
    if actor:
        found["actor"] = actor
    if owner:
        found["owner"] = owner
    if resources is not None:
        found["resources"] = tuple(sorted(resources))
    return found
