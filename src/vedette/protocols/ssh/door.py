"""What a listener offers, and who has come to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import asyncssh

from vedette.model import Principal
from vedette.protocols.ssh.devices import Devices, Room

_CLAIM = re.compile(r"(?:(?P<login>[^%\s]{1,64})%)?(?P<resource>[A-Za-z0-9][A-Za-z0-9._-]{0,62})", re.ASCII)


class Authority(Protocol):
    """Who holds a certificate. Raises IdentityError."""

    @property
    def lines(self) -> Sequence[str]: ...
    def principal(self, certificate: bytes, now: float) -> Principal: ...


class Identity(Protocol):
    """Who a token, an API key or a registered SSH key speaks for. Raises IdentityError."""

    async def by_token(self, text: str) -> Principal: ...
    async def by_ssh_key(self, fingerprint: str) -> Principal | None: ...
    def note(self, principal: Principal) -> None:
        """Its key was proven, just now."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What the user name asks for: ``resource``, or ``login%resource``."""

    resource: str
    login: str = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who is let in at the door. *user* is the user name as it was sent."""

    principal: Principal
    claim: Claim
    user: str
    by: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A try that failed, for the record."""

    code: str
    reason: str
    user: str = ""
    resource: str = ""


@dataclass(frozen=True, slots=True)
class Door:
    """
    What a listener offers. *moment* is remembered before evidence is checked (see Live.register).

    *deadline* is in seconds, *clock* gives Unix time in seconds; *refused* puts a try on record. By
    *devices*, people sign in with a browser that is elsewhere; *room* counts those who are at it. Where only
    some resources are *behind* it (each with its login), the login's name says which, too.
    """

    identity: Identity
    authority: Authority
    host_key: asyncssh.SSHKey = field(repr=False)
    deadline: Callable[[], float]
    clock: Callable[[], float]
    moment: Callable[[], int]
    devices: Devices | None = None
    room: Room = field(default_factory=Room)
    behind: Mapping[str, str] | None = None

    def claim(self, user: str) -> Claim | None:
        """What *user* asks for here; None where that is nothing."""
        found = claimed(user)
        if self.behind is None or (found is not None and found.resource in self.behind):
            return found
        return next((Claim(name, login) for name, login in self.behind.items() if login == user), None)


def claimed(user: str) -> Claim | None:
    """None where *user* names no resource."""
    found = _CLAIM.fullmatch(user)
    return Claim(found["resource"], found["login"] or "") if found else None
