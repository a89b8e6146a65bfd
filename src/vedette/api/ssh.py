"""SSH certificates for callers: a public key in, a short certificate out."""

from __future__ import annotations

import time

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field

from vedette.api.access import Anybody, Here
from vedette.api.problems import ProblemError
from vedette.identity.ssh_ca import DEFAULT_TTL, MAX_KEY_CHARACTERS, MAX_TTL, MIN_TTL, BadPublicKey
from vedette.trail import events

router = APIRouter(prefix="/ssh", tags=["ssh"])


class Wish(BaseModel):
    """*public_key* is the line of a ``.pub`` file. *ttl* in seconds; the token's own end comes first."""

    model_config = ConfigDict(extra="forbid")

    public_key: str = Field(min_length=1, max_length=MAX_KEY_CHARACTERS)
    ttl: int = Field(default=DEFAULT_TTL, ge=MIN_TTL, le=MAX_TTL)


class Certificate(BaseModel):
    """
    *certificate* is the line for a ``-cert.pub`` file; *begins* and *expires* in Unix seconds.

    *host_keys* are the gateway's own, for the caller's ``known_hosts``.
    """

    certificate: str
    serial: str
    key_id: str
    fingerprint: str
    begins: int
    expires: int
    host_keys: list[str]


@router.post("/certificate", status_code=201)
async def certify_key(who: Anybody, here: Here, wish: Wish) -> Certificate:
    """Certify your own public key for minutes. It is on record before it is given out."""
    now = time.time()
    try:
        made = here.ssh_authority.issue(who.principal, wish.public_key, now=now, ttl=wish.ttl)
    except (BadPublicKey, ValueError) as error:
        raise ProblemError(422, "request.invalid", str(error)) from None
    here.journal.record(
        events.CertificateIssued(
            at=now, certificate=str(made.serial), who=events.caller(who.principal), key=made.fingerprint,
            expires=float(made.expires),
        )
    )  # fmt: skip
    return Certificate(
        certificate=made.text, serial=str(made.serial), key_id=made.key_id, fingerprint=made.fingerprint,
        begins=made.begins, expires=made.expires, host_keys=list(here.ssh_host_keys),
    )  # fmt: skip


@router.get("/ca", response_class=PlainTextResponse)
async def show_authority(here: Here) -> str:
    """The authority that certifies callers' keys: lines of OpenSSH, the signing one first."""
    return "".join(f"{line}\n" for line in here.ssh_authority.lines)


@router.get("/hosts-ca", response_class=PlainTextResponse)
async def show_authority_for_hosts(here: Here) -> str:
    """The authority that hosts trust: the line for the file that TrustedUserCAKeys names."""
    return f"{here.ssh_hosts_authority.line}\n"
