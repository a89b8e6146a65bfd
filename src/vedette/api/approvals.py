"""Approvals: what waits for people, and what they say. A decision is a POST, never a link to follow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from vedette.api.access import Anybody, Here, Visitor
from vedette.api.export import FILES, Format, listed
from vedette.api.pages import Limit, Next, Page, page
from vedette.api.problems import ProblemError, not_found
from vedette.api.sessions import Name, Seconds
from vedette.approvals.quorum import NotAllowed, check
from vedette.model import Kind
from vedette.store.holds import OPEN, HoldRow, Status

router = APIRouter(prefix="/approvals", tags=["approvals"])

Which = Literal["pending", "open", "all", "approved", "denied", "expired", "withdrawn", "used"]
MAX_SIMILAR = 5
STATUSES = {
    "approval.unknown": 404,
    "approval.over": 409,
    "approval.twice": 409,
    "approval.person": 403,
    "approval.requester": 403,
    "approval.group": 403,
}


class Requester(BaseModel):
    """Who asks; *actor* is on whose behalf."""

    principal: str
    kind: str
    groups: list[str]
    email: str
    actor: str


class Touched(BaseModel):
    """One effect on one object; see docs/policy.md."""

    effect: str
    object: str
    resolved: bool
    implied: bool


class Decision(BaseModel):
    """What one person said."""

    principal: str
    approve: bool
    reason: str
    at: float


class Approval(BaseModel):
    """One hold. *text* and *parameters* are the caller's own words, *preview* is what the gateway found
    that it would do; *expires* ends the present stage.

    *yours* is whether whoever reads this may decide it now.
    """

    id: str
    status: str
    created: float
    expires: float
    requester: Requester
    resource: str
    protocol: str
    effects: list[str]
    objects: list[str]
    touches: list[Touched]
    rule: str
    reason: str
    approvers: list[str]
    count: int
    given: int
    mode: str
    uses: int
    uses_left: int
    session: str
    form: str
    text: str
    parameters: list[str | None]
    preview: str
    state: dict[str, str]
    policy: str
    digest: str
    decisions: list[Decision]
    yours: bool


class Say(BaseModel):
    """A decision's reason, which the record keeps and, for a refusal, the caller reads."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(default="", max_length=1000)


def sees(who: Visitor, hold: HoldRow) -> bool:
    """Whether *who* may look at *hold*: who asks, approvers of it, and who may read everything."""
    if who.approves or who.sees(hold.principal, hold.actor):
        return True
    person = who.principal.kind is Kind.PERSON
    return person and not who.principal.groups.isdisjoint(hold.approvers)


def shown(who: Visitor) -> Callable[[HoldRow], Approval]:
    return lambda hold: _shown(hold, who)


@router.get("", response_model=Page[Approval], responses=FILES)
async def list_approvals(
    who: Anybody,
    here: Here,
    status: Annotated[Which, Query(description="open: pending, or approved and not used up")] = "pending",
    principal: Name | None = None,
    resource: Name | None = None,
    rule: Name | None = None,
    session: Name | None = None,
    since: Seconds | None = None,
    limit: Limit = 50,
    cursor: Next = None,
    format: Format = "json",
) -> Any:
    """Holds that you may decide or wait for (approvers, auditors and admins: all), newest first."""
    statuses: tuple[Status, ...] | None = {"open": OPEN, "all": None}.get(status, (status,))  # type: ignore[arg-type]

    async def find(before: float | None, many: int) -> list[HoldRow]:
        return await here.store.holds.find(
            statuses, before=before, principal=principal, resource=resource, rule=rule, session=session,
            since=since, limit=many,
        )  # fmt: skip

    async def turn(cursor: str | None, limit: int) -> Page[Approval]:
        rows, after = await page(
            find, lambda row: (row.created, row.id), cursor, limit, lambda row: sees(who, row)
        )
        return Page(items=list(map(shown(who), rows)), next=after)

    return await listed("approvals", format, Approval, turn, cursor, limit)


@router.get("/{hold}/similar")
async def similar_approvals(who: Anybody, here: Here, hold: str) -> Page[Approval]:
    """What people said before, newest first, where the same rule held the same shape of action there."""
    row = await _seen(who, here, hold)
    found = await here.store.holds.find(
        ("approved", "denied", "used", "expired"), resource=row.resource, rule=row.rule, limit=200
    )
    alike = [
        each
        for each in found
        if each.id != row.id and each.decisions and each.objects == row.objects and sees(who, each)
    ]
    # The very same action by the same principal first, then the same principal, then anybody.
    alike.sort(key=lambda each: (each.text != row.text, each.principal != row.principal, -each.created))
    return Page(items=list(map(shown(who), alike[:MAX_SIMILAR])))


@router.get("/{hold}")
async def show_approval(who: Anybody, here: Here, hold: str) -> Approval:
    """One hold."""
    return _shown(await _seen(who, here, hold), who)


@router.post("/{hold}/approve")
async def approve(who: Anybody, here: Here, hold: str, say: Say) -> Approval:
    """Approve it. Nobody approves what they asked for themselves."""
    return await _decide(who, here, hold, say.reason, yes=True)


@router.post("/{hold}/deny")
async def deny(who: Anybody, here: Here, hold: str, say: Say) -> Approval:
    """Refuse it, for good: one refusal ends a hold."""
    return await _decide(who, here, hold, say.reason, yes=False)


async def _decide(who: Visitor, here: Here, hold: str, reason: str, *, yes: bool) -> Approval:
    await _seen(who, here, hold)
    try:
        return _shown(await here.desk.decide(hold, who.principal, yes, reason), who)
    except NotAllowed as no:
        fix = ""
        if no.code == "approval.group":
            fix = "decide with a token of a person in one of these groups"
        raise ProblemError(STATUSES.get(no.code, 403), no.code, no.reason, fix) from None


async def _seen(who: Visitor, here: Here, hold: str) -> HoldRow:
    """The hold; one that is not for *who* looks like one that is not there."""
    row = await here.desk.get(hold)
    if row is None or not sees(who, row):
        raise not_found("approval (or it is not for you to see)")
    return row


def _shown(hold: HoldRow, who: Visitor) -> Approval:
    return Approval(
        id=hold.id, status=hold.status, created=hold.created, expires=hold.expires,
        requester=Requester(
            principal=hold.principal, kind=hold.kind, groups=list(hold.groups), email=hold.email,
            actor=hold.actor,
        ),
        resource=hold.resource, protocol=hold.protocol,
        effects=list(hold.effects), objects=list(hold.objects),
        touches=[Touched(effect=e, object=o, resolved=r, implied=i) for e, o, r, i in hold.touches],
        rule=hold.rule, reason=hold.reason, approvers=list(hold.approvers), count=hold.count,
        given=sum(each.approve for each in hold.decisions), mode=hold.mode, uses=hold.uses,
        uses_left=hold.uses_left, session=hold.session, form=hold.form, text=hold.text,
        parameters=list(hold.parameters), preview=hold.preview, state=dict(hold.state),
        policy=hold.policy, digest=hold.digest,
        decisions=[
            Decision(principal=each.principal, approve=each.approve, reason=each.reason, at=each.at)
            for each in hold.decisions
        ],
        yours=_may(hold, who),
    )  # fmt: skip


def _may(hold: HoldRow, who: Visitor) -> bool:
    if hold.status != "pending":
        return False
    try:
        check(hold, who.principal)
    except NotAllowed:
        return False
    return True
