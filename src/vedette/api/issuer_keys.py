"""The keys that sign this gateway's tokens: the newest signs, older ones verify what they signed."""

from __future__ import annotations

import asyncio
import time

from fastapi import APIRouter
from pydantic import BaseModel

from vedette.api import changes
from vedette.api.access import Admin, Here
from vedette.api.problems import ProblemError
from vedette.folder import Folder
from vedette.identity.signing import SigningKeyError, SigningKeys

router = APIRouter(prefix="/issuer", tags=["gateway"])


class SigningKeyInfo(BaseModel):
    """*signs* is the id of the key that signs; *verifies* those of all whose tokens still count."""

    signs: str
    verifies: list[str]


@router.post("/rotate")
async def rotate_signing_key(who: Admin, here: Here) -> SigningKeyInfo:
    """Sign with a new key from now on. Old ones verify until the last token they signed is over."""
    before = here.tokens.keys
    folder = Folder(here.settings.gateway.data).keys
    changes.record(here, who, "signing-key", "tokens", {"signs": before.signer.id}, {"signs": "a new one"})
    try:
        after = await asyncio.to_thread(SigningKeys.rotate, folder, time.time, keep=None)
    except SigningKeyError as error:
        raise ProblemError(503, "unavailable", str(error)) from None
    here.tokens.keys = after
    changes.record(
        here, who, "signing-key", "tokens", {"signs": before.signer.id}, {"signs": after.signer.id}
    )
    return SigningKeyInfo(
        signs=after.signer.id, verifies=[str(each["kid"]) for each in after.public()["keys"]]
    )
