"""Dropping what is over for good. The journal keeps the record of it."""

from __future__ import annotations

import asyncio
import logging
import time

from vedette.store.errors import StoreError
from vedette.store.grants import Grants
from vedette.store.tokens import OUTLIVED_SECONDS, IssuedTokens

log = logging.getLogger(__name__)

PAUSE_SECONDS = 3600.0


async def tidy(tokens: IssuedTokens, grants: Grants, now: float) -> None:
    """Drop tokens and sign-ins that nothing can hang on any more. Raises StoreError."""
    await tokens.forget(now - OUTLIVED_SECONDS)
    await grants.forget(now - OUTLIVED_SECONDS)


async def keep_tidy(tokens: IssuedTokens, grants: Grants, pause: float = PAUSE_SECONDS) -> None:
    """The same now and then, for ever; ends by being cancelled."""
    while True:
        await asyncio.sleep(pause)
        try:
            await tidy(tokens, grants, time.time())
        except StoreError as error:
            log.warning("old tokens and sign-ins cannot be dropped: %s", error)
