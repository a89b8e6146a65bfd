"""What every flow of the issuer does: who asks, is it their turn, note a refusal, mint a token."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.responses import Response

from vedette.api.context import Gateway, gateway
from vedette.api.oauth_form import refused
from vedette.api.standing import void
from vedette.identity.tokens import Issued, Lender
from vedette.issuer.backoff import network
from vedette.issuer.desk import IssuerDesk
from vedette.issuer.errors import Refusal
from vedette.issuer.metadata import address
from vedette.issuer.passwords import Crowded
from vedette.model import Kind, Principal
from vedette.store.people import Person
from vedette.trail import events

ACCESS_SECONDS = 3600


def _desk(request: Request) -> IssuerDesk:
    found: IssuerDesk = request.app.state.issuer
    return found


@dataclass(frozen=True, slots=True)
class Counter:
    """The issuer, as one request finds it. *peer* is the caller's address."""

    here: Gateway
    desk: IssuerDesk
    peer: str

    @property
    def issuer(self) -> str:
        return address(self.here.settings, self.here.ports)

    @property
    def now(self) -> float:
        """Monotonic, in seconds."""
        return self.desk.clock()

    def principal(self, name: str) -> str:
        """The principal's id of a person or account of this gateway."""
        return f"{self.here.tokens.issuer}#{name}"

    async def turn(self, name: str) -> None:
        """Wait for one's turn to try a password. Raises Refusal (429) where that is too long."""
        turn = self.desk.backoff.turn(name, network(self.peer), self.now)
        if turn.wait:
            seconds = max(1, round(turn.wait))
            reason = f"too many tries; come back in {seconds} second{'s' if seconds > 1 else ''}"
            refusal = Refusal("temporarily_unavailable", "login.wait", reason, status=429, wait=turn.wait)
            refusal.quiet = not turn.first
            raise refusal
        if turn.delay:
            await asyncio.sleep(turn.delay)

    def right(self, name: str) -> None:
        """The try was a good one."""
        self.desk.backoff.succeeded(name, network(self.peer))

    async def person(self, name: str, password: str) -> Person:
        """Who proves to be the person *name*. Raises Refusal; takes as long for nobody as for somebody."""
        name = name.strip().casefold()[:64]
        await self.turn(name)
        found = await self.here.store.people.get(name)
        verifier = found.password if found is not None and found.disabled is None else None
        try:
            fits = await self.desk.passwords.verify(verifier, password)
        except Crowded:
            raise Refusal(
                "temporarily_unavailable", "oauth.crowded", "too many are signing in; try again", wait=2.0
            ) from None
        if not fits or found is None:
            raise Refusal("access_denied", "login.password", "no such person, or not their password")
        self.right(name)
        await self.here.store.people.change(name, used=time.time())
        return found

    def note(self, how: str, refusal: Refusal, *, claimed: str = "", client: str = "") -> None:
        """Put *refusal* on record, but for a flood's later part. Raises OSError where there is no record."""
        if refusal.quiet or not self.desk.flood.room(network(self.peer), self.now):
            return
        refusal.quiet = True
        self.here.journal.record(
            events.LoginRefused(
                at=time.time(), how=refusal.how or how, code=refusal.code, reason=refusal.reason,
                address=self.peer, claimed=_short(claimed), client=_short(client),
            )
        )  # fmt: skip

    async def mint(
        self, subject: str, kind: Kind, groups: Iterable[str], *, ttl: float, by: str, note: str, owner: str,
        client: str, actor: str | None = None, email: str | None = None, scope: str = "", grant: str = "",
        resources: Iterable[str] | None = None, parent: str = "", behind: str = "",
        lender: Lender | None = None,
    ) -> Issued:  # fmt: skip
        """
        A gateway token, on record before it is given out. Look again afterwards whether *owner* still stands.

        Raises Refusal where it would be too long; OSError where there is no record.
        """
        now = time.time()
        issuer = self.here.tokens.issuer
        if self.here.blocks.bars(Principal(subject, kind, issuer=issuer, actor=actor, owner=behind)):
            raise Refusal("access_denied", "identity.blocked", "this caller is blocked here")
        try:
            issued = self.here.tokens.issue(
                subject, kind, groups, ttl, actor, now=now, email=email, resources=resources, client=client,
                scope=scope, owner=owner, grant=grant, parent=parent, behind=behind, lender=lender,
            )  # fmt: skip
        except ValueError as error:
            raise Refusal("invalid_request", "oauth.request", str(error)) from None
        record = issued.record
        self.here.journal.record(
            events.TokenIssued(
                at=now, token=record.id, subject=subject, principal_kind=record.kind.value,
                expires=float(record.expires), groups=tuple(sorted(record.groups)), by=by, note=note,
                actor=actor or "", client=client, address=self.peer,
                resources=None if record.resources is None else tuple(sorted(record.resources)),
            )
        )  # fmt: skip
        await self.here.store.tokens.add(record, note)
        return issued

    async def void(self, *, owner: str = "", grant: str = "", parent: str = "", by: str, reason: str) -> None:
        """Make void every token of *owner*, *grant* or *parent*, and end its sessions; on record or not."""
        await void(self.here, owner=owner, grant=grant, parent=parent, by=by, reason=reason)


def counter(request: Request, here: Annotated[Gateway, Depends(gateway)]) -> Counter:
    """A FastAPI dependency."""
    return Counter(here, _desk(request), request.client.host if request.client else "")


At = Annotated[Counter, Depends(counter)]


def _short(text: str) -> str:
    """What somebody claims, fit for a record."""
    return "".join(each if each.isprintable() else "?" for each in text[:100])


async def answered(
    at: Counter, how: str, work: Callable[[], Coroutine[Any, Any, Response]], *, basic: bool = False
) -> Response:
    """What *work* answers; a refusal goes on record and out as the RFC's error."""
    try:
        return await work()
    except Refusal as refusal:
        at.note(how, refusal)
        return refused(refusal, basic=basic)
    except OSError:
        # The store or the journal: nothing is given out that is not on record.
        return refused(
            Refusal("temporarily_unavailable", "oauth.crowded", "the gateway cannot keep records now")
        )
