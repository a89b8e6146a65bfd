"""Sign-ins of people at the built-in issuer: each ends with all tokens that came of it."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from vedette.api import changes
from vedette.api.access import Admin, Here, Reader
from vedette.api.export import FILES, Format, listed
from vedette.api.pages import Limit, Next, Page, cut
from vedette.api.problems import ProblemError, not_found
from vedette.api.standing import void
from vedette.api.tokens import Revoked, Why, said

router = APIRouter(prefix="/grants", tags=["grants"])

MAX_GRANTS = 5000


class Grant(BaseModel):
    """A sign-in by the program *client*. *revoked* is when it was ended before its time, null for never."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    person: str
    client: str
    scope: str
    created: float
    expires: float
    revoked: float | None


@router.get("", response_model=Page[Grant], responses=FILES)
async def list_grants(
    who: Reader,
    here: Here,
    person: Annotated[str | None, Query(max_length=63)] = None,
    limit: Limit = 50,
    cursor: Next = None,
    format: Format = "json",
) -> Any:
    """Sign-ins, newest first."""
    rows = [
        Grant.model_validate(row) for row in await here.store.grants.find(person=person, limit=MAX_GRANTS)
    ]

    async def turn(cursor: str | None, limit: int) -> Page[Grant]:
        return cut(rows, lambda row: (-row.created, row.id), cursor, limit)

    return await listed("grants", format, Grant, turn, cursor, limit)


@router.post("/{grant}/revoke")
async def revoke_grant(who: Admin, here: Here, grant: str, why: Why) -> Revoked:
    """End a sign-in: its tokens are void, what was lent by them too, and their sessions end."""
    row = await here.store.grants.get(grant)
    if row is None:
        raise not_found("sign-in")
    if row.revoked is not None:
        raise ProblemError(409, "grant.revoked", "this sign-in was ended before")
    by, now = who.principal.id, time.time()
    before: changes.Facts = {"person": row.person, "client": row.client}
    recorded = changes.recorded(here, changes.event(by, "sign-in", grant, before, None))
    await here.store.grants.revoke(grant, now)
    recorded = await void(here, grant=grant, by=by, reason=why.reason or "the sign-in was ended") and recorded
    return said(Revoked(id=grant), recorded=recorded)
