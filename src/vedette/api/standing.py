"""Taking away: what hangs on a person, an account or a sign-in becomes void, and its sessions end."""

from __future__ import annotations

import time
from collections.abc import Collection

from vedette.api import changes
from vedette.api.context import Gateway
from vedette.trail import events


async def void(
    here: Gateway, *, by: str, reason: str, owner: str = "", grant: str = "", parent: str = "",
    holding: Collection[str] = (), lent_as: str = "",
) -> bool:  # fmt: skip
    """
    Make void every token of *owner* or *grant*, or that was lent by the token *parent* or under the name
    *lent_as*; with *holding*, only those that carry one of these groups.

    Done whether or not it can be recorded; False where it could not be.
    """
    now, recorded = time.time(), True
    ended = await here.store.tokens.end(
        now, owner=owner, grant=grant, parent=parent, lent_as=lent_as, holding=holding
    )
    for row in ended:
        record = row.record
        here.revocations.add(record.id)
        if record.expires > now:
            event = events.TokenRevoked(at=now, token=record.id, by=by, reason=reason)
            recorded = changes.recorded(here, event) and recorded
    return recorded


async def claim_name(here: Gateway, name: str, *, by: str) -> bool:
    """
    *name* becomes an account's or gets an API key: what people had lent under it, to whom they chose, ends.

    Else whoever lends under a likely name before it is taken would pass for the one that takes it. Asked
    once the name is in the store: a loan that is being made looks there when it is made. False where
    not all of it could be recorded.
    """
    reason = f"{name} has a credential of its own now"
    return await void(here, by=by, reason=reason, lent_as=f"{here.tokens.issuer}#{name}")


async def void_keys(here: Gateway, name: str, *, by: str, reason: str) -> bool:
    """The same for the API keys that *name*, a person or an account, answers for or that speak for it."""
    now, recorded = time.time(), True
    for row in await here.store.keys.all():
        record = row.record
        if name not in (record.owner, record.subject) or record.revoked:
            continue
        if not await here.store.keys.revoke(record.prefix, now):
            continue
        here.revocations.add(record.prefix)
        event = events.KeyRevoked(at=now, key=record.prefix, by=by, reason=reason)
        recorded = changes.recorded(here, event) and recorded
    return recorded
