"""What this caller may reach, and what it may do there: its own view of the policies, in words."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter
from pydantic import BaseModel

from vedette.api.access import Here, Own
from vedette.api.context import Gateway
from vedette.api.export import FILES, Format, listed
from vedette.api.pages import MAX_LIMIT, Limit, Next, Page, cut
from vedette.config import ResourceSettings
from vedette.identity.keys import SCHEME
from vedette.issuer.metadata import ANY, address
from vedette.model import Principal
from vedette.policy import describe
from vedette.policy.decide import SessionPolicy
from vedette.policy.rules import Rule
from vedette.policy.rules.allow import AllowRule
from vedette.policy.rules.deny import DenyRule
from vedette.policy.rules.hold import HoldRule
from vedette.policy.rules.limit import Limiting
from vedette.policy.rules.mask import Masking
from vedette.policy.wording import lifetime_texts

router = APIRouter(prefix="/resources", tags=["resources"])

# A protocol that is spoken to a URL rather than to a host and a port.
SCHEMES = {"kubernetes": "https", "http": "https", "mcp": "https"}


#: Below it are clusters by name, each as an API server's own root.
CLUSTERS = "/clusters/"


class May(BaseModel):
    """
    What you may do there, in words. What nothing here allows is refused.

    *held* waits for people, *masked* is hidden from what comes back, *limited* and *lasts*
    bound how much comes back and how long a session may last.
    """

    allowed: list[str]
    held: list[str]
    denied: list[str]
    masked: list[str]
    limited: list[str]
    lasts: list[str]


class Reachable(BaseModel):
    """
    A resource that you may reach.

    *address* is where the gateway listens for it (``host:port``, or a URL), null where that door is
    closed; *login* the user name to log in with. *observing*: rules there are recorded and not all enforced.
    """

    name: str
    protocol: str
    about: str
    labels: dict[str, str]
    address: str | None
    login: str
    observing: bool
    may: May


@router.get("", response_model=Page[Reachable], responses=FILES)
async def list_resources(
    who: Own, here: Here, limit: Limit = MAX_LIMIT, cursor: Next = None, format: Format = "json"
) -> Any:
    """What you may reach, and what you may do there."""
    policies, principal = here.settings.policies, who.principal
    found = []
    for name, resource in sorted(here.settings.resources.items()):
        policy = policies.for_session(principal, resource.resource)
        if principal.reaches(name) and policy.policies:
            found.append(_shown(here, principal, resource, policy))

    async def turn(cursor: str | None, limit: int) -> Page[Reachable]:
        return cut(found, lambda row: (row.name,), cursor, limit)

    return await listed("resources", format, Reachable, turn, cursor, limit)


def _shown(
    here: Gateway, principal: Principal, resource: ResourceSettings, policy: SessionPolicy
) -> Reachable:
    return Reachable(
        name=resource.name, protocol=resource.protocol, about=resource.about, labels=dict(resource.labels),
        address=_address(here, resource), login=_login(principal, resource),
        observing=policy.observing, may=may(policy),
    )  # fmt: skip


def may(policy: SessionPolicy) -> May:
    """What the enforced policies say; where none is, nothing is refused."""
    enforced = [rule for each in policy.policies if not each.observing for rule in each.rules]
    only_observed = all(each.observing for each in policy.policies)
    return May(
        allowed=["anything"] if only_observed else _words(enforced, AllowRule),
        held=_words(enforced, HoldRule),
        denied=_words(enforced, DenyRule),
        masked=_words(enforced, Masking),
        limited=[text.removeprefix("to ") for text in _words(enforced, Limiting)],
        lasts=[text for _, text in lifetime_texts(policy.lifetime)],
    )


def _words(rules: list[Rule], kind: type[Rule]) -> list[str]:
    """What rules of one kind say, without the kind's own word; each once."""
    texts = (describe.rule(rule).partition(" ")[2] for rule in rules if isinstance(rule, kind))
    return list(dict.fromkeys(texts))


def _login(principal: Principal, resource: ResourceSettings) -> str:
    if resource.protocol == "ssh":
        return resource.name
    # A key is found by the name that comes with it; a token says all by itself.
    return principal.credential if principal.credential.startswith(SCHEME) else principal.subject


def _address(here: Gateway, resource: ResourceSettings) -> str | None:
    protocol = resource.protocol
    listen = getattr(here.settings.gateway.listen, protocol, None)
    if listen is None:
        return None
    named = here.settings.gateway.url is not None or listen.host in ANY
    host = (urlsplit(address(here.settings, here.ports)).hostname or "localhost") if named else listen.host
    name = f"[{host}]" if ":" in host else host
    where = f"{name}:{here.ports.get(protocol) or listen.port}"
    scheme = SCHEMES.get(protocol)
    if scheme is None:
        return where
    return (
        f"{scheme}://{where}{CLUSTERS}{resource.name}" if protocol == "kubernetes" else f"{scheme}://{where}"
    )
