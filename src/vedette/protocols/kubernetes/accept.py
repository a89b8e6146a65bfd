"""Who sends a request: by its bearer token, or by the certificate that its connection has shown."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from vedette.identity.errors import IdentityError, malformed
from vedette.identity.tls import verified_chain
from vedette.model import Principal
from vedette.protocols.http.heads import Request

#: Below it are clusters by name, each as an API server's own root.
PREFIX = "/clusters/"
MAX_NAME_CHARACTERS = 63


class Identity(Protocol):
    """Who a token, key or certificate speaks for. Both raise IdentityError."""

    async def by_token(self, text: str) -> Principal: ...
    def by_certificate(self, chain: Sequence[bytes]) -> Principal | None: ...


@dataclass(frozen=True, slots=True)
class Door:
    """
    What a listener offers. *moment* is remembered before evidence is checked (see Live.register).

    *deadline* is in seconds, *clock* gives Unix time in seconds.
    """

    identity: Identity
    tls: ssl.SSLContext
    deadline: Callable[[], float]
    clock: Callable[[], float]
    moment: Callable[[], int]


def place(target: str) -> tuple[str, str]:
    """The cluster that *target* names, and the target there; the name is empty where it names none."""
    if not target.startswith(PREFIX):
        return "", target
    name, slash, rest = target[len(PREFIX) :].partition("/")
    if not slash or len(name) > MAX_NAME_CHARACTERS:
        return "", target
    return name, slash + rest


def bearer(request: Request) -> str | None:
    """
    The token of *request* (RFC 6750 section 2.1); None where it has none.

    Raises:
        IdentityError: it shows something else.
    """
    said = request.field("authorization")
    if not said:
        return None
    scheme, _, token = said.partition(" ")
    if scheme.lower() != "bearer" or not token or token != token.strip():
        raise malformed("a bearer token is needed; other schemes are not taken")
    return token


def shown_by_tls(identity: Identity, session: ssl.SSLObject | None) -> Principal | None:
    """Who the connection's own certificate speaks for, None where it is no login. Raises IdentityError."""
    chain = verified_chain(session) if session is not None else ()
    return identity.by_certificate(chain) if chain else None


async def who(door: Door, request: Request, certified: Principal | None) -> Principal:
    """
    Who sends *request*; *certified* is who the connection has shown to be. A token goes before a certificate.

    Raises:
        IdentityError: nobody, or nobody any more.
    """
    token = bearer(request)
    if token is not None:
        return await door.identity.by_token(token)
    if certified is None:
        raise IdentityError("identity.missing", "log in first: send a bearer token, or show a certificate")
    if certified.expires is not None and door.clock() >= certified.expires:
        raise IdentityError("identity.expired", "the certificate's time is over; get a new one")
    return certified
