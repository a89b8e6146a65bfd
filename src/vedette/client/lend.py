"""A token for an agent, narrower than one's own: by exchange (RFC 8693), or issued by an admin."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from vedette.client.credential import MARGIN_SECONDS, Credential
from vedette.client.errors import ClientError
from vedette.client.gateway import Gateway, Provider
from vedette.client.issuer import ACCESS_TOKEN, EXCHANGE, Party, ask, discover, revoke


@dataclass(frozen=True, slots=True)
class Wish:
    """What an agent is to get. Empty *groups* or *resources*: all that the lender has. *ttl* in seconds."""

    agent: str
    groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    ttl: float = 3600.0


@dataclass(frozen=True, slots=True)
class Loan:
    """A token that was lent. *id* names it at the gateway, where known. *expires* in Unix seconds."""

    token: str = field(repr=False)
    expires: float
    id: str = ""


@dataclass(frozen=True, slots=True)
class Lender:
    """Makes loans, and takes them back."""

    lend: Callable[[], Loan]
    take_back: Callable[[Loan], None]


class Lent:
    """A credential that borrows anew before the loan is over."""

    def __init__(self, lender: Lender, clock: Callable[[], float] = time.time) -> None:
        self._lender, self._clock = lender, clock
        self._loan: Loan | None = None
        self._lock = threading.Lock()

    @property
    def expires(self) -> float | None:
        return None if self._loan is None else self._loan.expires

    def token(self) -> str:
        with self._lock:
            if self._loan is None or self._loan.expires - self._clock() < MARGIN_SECONDS:
                self._loan = self._lender.lend()
            return self._loan.token

    def give_back(self) -> None:
        """Make the present loan void. Sessions that it opened end. Raises ClientError."""
        if self._loan is not None and self._loan.expires > self._clock():
            self._lender.take_back(self._loan)


@contextlib.contextmanager
def borrowed(lender: Lender, told: Callable[[ClientError], None]) -> Iterator[Lent]:
    """A credential for as long as the context lasts. *told* hears why it could not be given back."""
    lent = Lent(lender)
    try:
        yield lent
    finally:
        try:
            lent.give_back()
        except ClientError as error:
            told(error)


def by_exchange(gateway: Gateway, provider: Provider, own: Credential, wish: Wish) -> Lender:
    """Lends by token exchange at the gateway's own issuer."""
    party = Party(provider.client)

    def lend() -> Loan:
        there = discover(gateway.web, provider.issuer)
        grant = ask(gateway.web, there, party, exchange(own.token(), wish))
        return Loan(grant.token, grant.expires, grant.id)

    def take_back(loan: Loan) -> None:
        there = discover(gateway.web, provider.issuer)
        if not revoke(gateway.web, there, party, loan.token, "access_token"):
            raise ClientError("client.revoke", "the lent token could not be taken back; it ends by itself")

    return Lender(lend, take_back)


def exchange(token: str, wish: Wish) -> dict[str, str]:
    """The form of an exchange (RFC 8693 section 2.1), with the gateway's own parameters: docs/issuer.md."""
    form = {
        "grant_type": EXCHANGE, "subject_token": token, "subject_token_type": ACCESS_TOKEN,
        "requested_token_type": ACCESS_TOKEN, "requested_subject": wish.agent, "ttl": str(int(wish.ttl)),
    }  # fmt: skip
    if wish.groups:
        form["groups"] = " ".join(wish.groups)
    if wish.resources:
        form["resources"] = " ".join(wish.resources)
    return form


def by_admin(gateway: Gateway, wish: Wish, actor: str, note: str) -> Lender:
    """Issues gateway tokens, as admins may."""

    def lend() -> Loan:
        said = gateway.post(
            "/tokens",
            {
                "subject": wish.agent, "kind": "agent", "groups": list(wish.groups), "ttl": wish.ttl,
                "actor": actor, "note": note,
            },
        )  # fmt: skip
        try:
            return Loan(str(said["token"]), float(said["expires"]), str(said["id"]))
        except (KeyError, TypeError, ValueError):
            raise ClientError("client.answer", "the gateway's answer is no token") from None

    def take_back(loan: Loan) -> None:
        gateway.post(f"/tokens/{loan.id}/revoke", {"reason": f"{note} is over"})

    return Lender(lend, take_back)
