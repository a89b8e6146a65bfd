"""What this gateway is, and who you are to it."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from vedette import __version__
from vedette.api.access import Anybody, Here, Reader
from vedette.store.holds import Status

router = APIRouter(tags=["gateway"])

MAX_PENDING = 1000


class Self(BaseModel):
    """How the gateway knows you. *role* is ``admin``, ``auditor`` or ``none``; *expires* in Unix seconds."""

    principal: str
    subject: str
    issuer: str
    kind: str
    groups: list[str]
    email: str | None
    actor: str | None
    expires: float | None
    role: str


class ResourceInfo(BaseModel):
    """*observing*: everything there is only observed, nothing is refused, held or masked."""

    name: str
    protocol: str
    labels: dict[str, str]
    about: str
    observing: bool


class GatewayInfo(BaseModel):
    """*trouble* is what keeps the journal from writing, empty when well."""

    version: str
    policy: str
    settings: str
    ports: dict[str, int]
    resources: list[ResourceInfo]
    live_sessions: int
    pending_approvals: int
    journal_records: int
    journal_link: str
    trouble: str


@router.get("/self")
async def show_self(who: Anybody, here: Here) -> Self:
    """Who your token says you are."""
    principal = who.principal
    return Self(
        principal=principal.id, subject=principal.subject, issuer=principal.issuer, kind=principal.kind.value,
        groups=sorted(principal.groups), email=principal.email, actor=principal.actor,
        expires=principal.expires, role=who.role,
    )  # fmt: skip


@router.get("/gateway")
async def show_gateway(who: Reader, here: Here) -> GatewayInfo:
    """Version, listeners, resources, and how things stand."""
    settings = here.settings
    pending: tuple[Status, ...] = ("pending",)
    sequence, link = here.journal.head
    return GatewayInfo(
        version=__version__, policy=settings.policies.hash, settings=settings.hash, ports=dict(here.ports),
        resources=[
            ResourceInfo(
                name=each.name, protocol=each.protocol, labels=dict(each.labels), about=each.about,
                observing=all(policy.observing for policy in settings.policies.on(each.resource)),
            )
            for each in settings.resources.values()
        ],
        live_sessions=len(here.live.sessions),
        pending_approvals=len(await here.store.holds.find(pending, limit=MAX_PENDING)),
        journal_records=sequence, journal_link=link, trouble=here.journal.trouble,
    )  # fmt: skip
