"""Whether the gateway works, for whoever has to restart it. No token, and nothing but yes or no."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import BaseModel

from vedette.api.access import Here

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """*status* is ``ok`` or ``failing``."""

    status: str


@router.get("/health", responses={503: {"model": Health}})
async def health(here: Here, response: Response) -> Health:
    """200 while actions can be judged and recorded, 503 where they cannot."""
    if here.journal.trouble:
        response.status_code = 503
        return Health(status="failing")
    return Health(status="ok")
