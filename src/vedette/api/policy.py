"""The policy in force: what it is, what it would say, and loading it anew."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from vedette import explain as explaining
from vedette.api.access import Admin, Here, Reader
from vedette.api.problems import ProblemError, not_found
from vedette.config import ConfigError, load
from vedette.model import Action, Allow, Kind, Principal, Verdict
from vedette.policy import describe
from vedette.policy.testing import Explanation, word

router = APIRouter(prefix="/policy", tags=["policy"])

MAX_TEXT = 60_000
Name = Annotated[str, Field(max_length=255)]


class Rule(BaseModel):
    """A rule by name, and in words."""

    name: str
    says: str


class PolicyDocument(BaseModel):
    name: str
    about: str
    mode: str
    who: str
    rules: list[Rule]


class InForce(BaseModel):
    """*hash* is the version that stands in every record, *settings* that of the whole file."""

    hash: str
    settings: str
    file: str
    policies: list[PolicyDocument]


class Question(BaseModel):
    """Who, where, what: nothing is run."""

    model_config = ConfigDict(extra="forbid")

    subject: Name = "somebody"
    kind: Kind = Kind.AGENT
    groups: list[Name] = Field(default_factory=list, max_length=200)
    issuer: Name = "vedette"
    email: Name | None = None
    actor: Name | None = None
    resource: Name
    text: str = Field(max_length=MAX_TEXT)
    parameters: list[str | None] = Field(default_factory=list, max_length=1000)


class Opinion(BaseModel):
    """What one rule says of one touch (or which obligation it adds)."""

    rule: str
    says: str
    about: str


class PassedOver(BaseModel):
    policy: str
    why: str


class Answer(BaseModel):
    """*verdict* is allow, hold or deny. *catalogue*: names were looked up in the server's own."""

    verdict: str
    rule: str
    reason: str
    code: str
    hint: str
    approvers: list[str]
    masks: list[str]
    limits: list[str]
    observed: str
    policy: str
    observing: bool
    touches: list[str]
    unread: str
    opinions: list[Opinion]
    applied: list[str]
    passed_over: list[PassedOver]
    catalogue: bool


class Reloaded(BaseModel):
    """*later* says in words what waits for a restart."""

    hash: str
    before: str
    later: list[str]


@router.get("")
async def show_policy(who: Reader, here: Here) -> InForce:
    """What judges now."""
    settings = here.settings
    return InForce(
        hash=settings.policies.hash,
        settings=settings.hash,
        file=str(settings.file),
        policies=[
            PolicyDocument(
                name=policy.name,
                about=policy.about,
                mode="observe" if policy.observing else "enforce",
                who=str(policy.who),
                rules=[Rule(name=rule.name, says=describe.rule(rule)) for rule in policy.rules],
            )
            for policy in settings.policies.policies
        ],
    )


@router.post("/explain")
async def explain_policy(who: Reader, here: Here, question: Question) -> Answer:
    """What would be said of a statement, and which rules spoke."""
    principal = Principal(
        question.subject, question.kind, frozenset(question.groups), question.issuer, question.email,
        question.actor,
    )  # fmt: skip
    backend = here.engine.backends.get(question.resource)
    catalog = backend.reader.catalog if backend is not None else None
    if catalog is not None and not catalog.version:
        catalog = None  # nobody has been there yet: suppose, and say so
    try:
        action, found = explaining.explain(
            here.settings, principal, question.resource, question.text, tuple(question.parameters), catalog
        )
    except KeyError:
        raise not_found("resource") from None
    return answer(action, found, catalogue=catalog is not None)


@router.post("/reload")
async def reload_policy(who: Admin, here: Here) -> Reloaded:
    """Load vedette.yaml anew. What does not load changes nothing, and is answered with what is wrong."""
    before = here.settings
    later = await here.reload(who.principal.id)
    if here.settings is before:
        raise ProblemError(
            409, "config.invalid", "the file does not load; what was in force stays", "run: vedette check",
            more={"problems": _problems(here)},
        )  # fmt: skip
    return Reloaded(hash=here.settings.policies.hash, before=before.policies.hash, later=list(later))


def _problems(here: Here) -> list[str]:
    try:
        load(here.settings.file)
    except ConfigError as error:
        return [str(each) for each in error.problems[:50]]
    return []


def answer(action: Action, found: Explanation, *, catalogue: bool) -> Answer:
    verdict = found.decision.verdict
    observed = verdict.observed if isinstance(verdict, Allow) else None
    return Answer(
        verdict=word(verdict), rule=verdict.rule, reason=getattr(verdict, "reason", ""),
        code=getattr(verdict, "code", ""), hint=getattr(verdict, "hint", ""),
        approvers=sorted(getattr(verdict, "approvers", ())), masks=_rules(verdict, "masks"),
        limits=_rules(verdict, "limits"),
        observed=f"{word(observed)} by {observed.rule}" if observed is not None else "",
        policy=found.decision.policy, observing=found.observing,
        touches=[_touch(action, number) for number in range(len(action.touches))], unread=action.reason,
        opinions=[Opinion(rule=r, says=s, about=a) for r, s, a in found.decision.opinions],
        applied=list(found.applied),
        passed_over=[PassedOver(policy=policy, why=why) for policy, why in found.passed_over],
        catalogue=catalogue,
    )  # fmt: skip


def _rules(verdict: Verdict, name: str) -> list[str]:
    return [each.rule for each in getattr(verdict, name, ())]


def _touch(action: Action, number: int) -> str:
    touch = action.touches[number]
    marks = ("" if touch.resolved else " (schema unknown)") + (" (implied)" if touch.implied else "")
    return f"{touch.effect} {touch.object}".rstrip() + marks
