"""The built-in issuer's routes together. They are the RFCs', and not part of the API's own description."""

from __future__ import annotations

from fastapi import FastAPI

from vedette.api import login, oauth_authorize, oauth_device, oauth_token, oauth_token_ends, setup
from vedette.issuer.desk import IssuerDesk

ROUTES = (
    login.well_known, oauth_token.router, oauth_authorize.router, oauth_device.router,
    oauth_token_ends.router, setup.router,
)  # fmt: skip


def install(app: FastAPI) -> None:
    """Put the issuer onto *app*, with a memory of its own."""
    app.state.issuer = IssuerDesk()
    for router in ROUTES:
        app.include_router(router)
