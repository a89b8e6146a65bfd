"""How to sign in at this gateway: for clients that know its address and nothing else. Open to all."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter
from pydantic import BaseModel

from vedette.api.access import Here
from vedette.api.context import Gateway
from vedette.config import HostPort
from vedette.config.identity import CLIENT
from vedette.issuer.clients import SCOPES
from vedette.issuer.metadata import ANY, address, metadata

router = APIRouter(tags=["gateway"])
well_known = APIRouter(include_in_schema=False)


class LoginIssuer(BaseModel):
    """*client_id* is the public client to sign in with; *audience* is what to ask for, null for nothing."""

    issuer: str
    client_id: str
    builtin: bool
    scopes: list[str]
    audience: str | None


class Listener(BaseModel):
    host: str
    port: int


class SshListener(Listener):
    """*host_keys* are the gateway's own, as ``known_hosts`` has them after the name."""

    host_keys: list[str]


class Login(BaseModel):
    """*gateway* is the issuer in its own tokens. *postgres* and *ssh* are null where that door is closed."""

    gateway: str
    issuers: list[LoginIssuer]
    postgres: Listener | None
    ssh: SshListener | None


@router.get("/login")
async def show_login(here: Here) -> Login:
    """Issuers to sign in with, the built-in one last; where PostgreSQL is, and SSH."""
    identity = here.settings.identity
    found = [
        LoginIssuer(
            issuer=each.issuer, client_id=each.client, builtin=False, scopes=identity.scope.split(),
            audience=each.audience,
        )
        for each in identity.issuers
        if each.client
    ]  # fmt: skip
    own = address(here.settings, here.ports)
    found.append(LoginIssuer(issuer=own, client_id=CLIENT, builtin=True, scopes=list(SCOPES), audience=None))
    listen = here.settings.gateway.listen
    postgres = _listener(here, own, "postgres", listen.postgres)
    ssh = _listener(here, own, "ssh", listen.ssh)
    return Login(
        gateway=here.tokens.issuer, issuers=found, postgres=postgres,
        ssh=None if ssh is None else SshListener(**ssh.model_dump(), host_keys=list(here.ssh_host_keys)),
    )  # fmt: skip


def _listener(here: Gateway, own: str, name: str, where: HostPort | None) -> Listener | None:
    if where is None:
        return None
    named = here.settings.gateway.url is not None or where.host in ANY
    host = (urlsplit(own).hostname or "localhost") if named else where.host
    return Listener(host=host, port=here.ports.get(name) or where.port)


@well_known.get("/.well-known/openid-configuration")
@well_known.get("/.well-known/oauth-authorization-server")
async def show_metadata(here: Here) -> dict[str, object]:
    """Discovery."""
    return metadata(address(here.settings, here.ports))


@well_known.get("/oauth/jwks")
async def show_keys(here: Here) -> dict[str, Any]:
    """The public keys that this gateway's tokens are signed with, older ones that still verify among them."""
    return dict(here.tokens.keys.public())
