"""What people and accounts have alike: a name of their own, groups, and changes that must be on record."""

from __future__ import annotations

from typing import TypeVar

from vedette.api.context import Gateway
from vedette.api.problems import ProblemError
from vedette.identity import IdentityError
from vedette.identity.claims import names

T = TypeVar("T")


def taken(name: str) -> ProblemError:
    return ProblemError(409, "name.taken", f"there is a person or account named {name} already")


def grouped(groups: list[str]) -> frozenset[str]:
    """Raises ProblemError where one of them is no name of a group."""
    try:
        return names(groups, "the groups")
    except IdentityError as error:
        raise ProblemError(422, "request.invalid", error.reason) from None


def principal_id(here: Gateway, name: str) -> str:
    """The principal's id of a person or account of this gateway."""
    return f"{here.tokens.issuer}#{name}"


def told(done: T, *, recorded: bool) -> T:
    """*done*. Raises ProblemError where it was done and the journal has no record of all of it."""
    if not recorded:
        raise ProblemError(
            503, "journal.unavailable", "it is done, but the journal has no record of all of it"
        )
    return done
