"""All routes together."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from vedette import __version__
from vedette.api import (
    accounts,
    actions,
    approvals,
    blocks,
    console,
    events,
    grants,
    health,
    info,
    issuer_keys,
    keys,
    login,
    oauth,
    overview,
    people,
    policy,
    problems,
    recordings,
    resources,
    sessions,
    ssh,
    tokens,
)
from vedette.api.context import Gateway
from vedette.api.guard import Guard

PREFIX = "/api/v1"
NOUNS = (
    login, info, overview, resources, recordings, sessions, actions, approvals, tokens, keys, grants, blocks,
    people, accounts, issuer_keys, policy, events, ssh,
)  # fmt: skip


def build(gateway: Gateway) -> FastAPI:
    """The API of *gateway*. No CORS: no page of another origin may ask here."""
    app = FastAPI(
        title="Vedette",
        summary="What a gateway did, what waits for people, and who may come in.",
        version=__version__,
        openapi_url=f"{PREFIX}/openapi.json",
        # Their pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        strict_content_type=True,
    )
    app.state.gateway = gateway
    app.state.streams = 0
    for noun in NOUNS:
        app.include_router(noun.router, prefix=PREFIX)
    app.include_router(health.router)
    oauth.install(app)
    console.install(app)
    problems.install(app)
    app.add_middleware(Guard)
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            problems.document(describe())
        return describe()

    app.openapi = openapi  # type: ignore[method-assign]
    return app
