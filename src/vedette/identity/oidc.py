"""Tokens of OpenID Connect issuers, and of anything else that publishes a JWK set.

Kubernetes service accounts, GitHub Actions and SPIFFE JWT-SVIDs are issuers
like any other. Nothing a token says is ever fetched: the issuer is chosen by
exact comparison with the settings, and its addresses come from there.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path as File

from vedette.identity import claims as claim
from vedette.identity.claims import Claims, Path
from vedette.identity.compact import Compact, read, refuse_algorithm
from vedette.identity.discovery import find_jwks
from vedette.identity.errors import IdentityError, malformed
from vedette.identity.fetch import Fetch, permitted, trusting, unavailable
from vedette.identity.jwks import IssuerKeys, KeySet, parse_keys
from vedette.identity.match import Match
from vedette.identity.signature import ALGORITHMS, made_by, wrong_signature
from vedette.model import Kind, Principal

MAX_SKEW_SECONDS = 300.0
DEFAULT_ALGORITHMS = frozenset({"RS256", "ES256"})

#: Header types that a bearer token may have, in lower case (RFC 7515 section
#: 4.1.9 for the prefix): none, plain, an access token (RFC 9068), SPIFFE's word.
_TYPES = frozenset({None, "jwt", "at+jwt", "application/jwt", "application/at+jwt", "jose"})


@dataclass(frozen=True, slots=True)
class IssuerSettings:
    """One issuer, as configured.

    *issuer* must equal ``iss`` and the discovery document's ``issuer`` to the
    letter. *others* are audiences that may stand beside *audience*. *parties*,
    where not empty, are the clients (``azp``, else ``client_id``) whose tokens
    count. *requires* must all hold, or the token counts for nobody: an issuer that
    serves the whole world needs some. *actor* is where the party stands on whose
    behalf the caller acts, where the issuer does not say it by ``act``.
    *jwks* is the address of the keys where there is no discovery. *ca* (PEM) is
    trusted for the issuer's own addresses in place of the system's authorities.
    *loopback_http* permits plain http to this machine, for trials. *client* is the
    public client by which ``vedette login`` signs people in there; empty is none.

    *otherwise* is the kind of who matches none of *agents*, *people*,
    *services*; left out, it is a person where *agents* is set, else an agent.

    Raises ValueError, naming the setting, on creation.
    """

    issuer: str
    audience: str
    others: frozenset[str] = frozenset()
    algorithms: frozenset[str] = DEFAULT_ALGORITHMS
    parties: frozenset[str] = frozenset()
    requires: tuple[Match, ...] = ()
    groups: Path = ("groups",)
    email: Path = ("email",)
    actor: Path | None = None
    agents: Match | None = None
    people: Match | None = None
    services: Match | None = None
    otherwise: Kind | None = None
    skew: float = claim.SKEW_SECONDS
    jwks: str | None = None
    ca: File | None = None
    loopback_http: bool = False
    client: str = ""

    def __post_init__(self) -> None:
        if not permitted(self.issuer, loopback_http=self.loopback_http) or "?" in self.issuer:
            raise ValueError(
                f"issuer {self.issuer!r}: an https address without query is needed "
                "(http only to loopback, with loopback_http: true)"
            )
        if not self.audience:
            raise ValueError(f"issuer {self.issuer}: audience is needed; tokens for anybody are not accepted")
        unknown = sorted(self.algorithms - ALGORITHMS.keys())
        if unknown or not self.algorithms:
            raise ValueError(
                f"issuer {self.issuer}: algorithms {', '.join(unknown) or '(none)'} cannot be permitted; "
                f"possible are {', '.join(ALGORITHMS)}"
            )
        if not 0 <= self.skew <= MAX_SKEW_SECONDS:
            raise ValueError(f"issuer {self.issuer}: skew is 0 to {MAX_SKEW_SECONDS:g} seconds")
        if self.jwks is not None and not permitted(self.jwks, loopback_http=self.loopback_http):
            raise ValueError(f"issuer {self.issuer}: jwks {self.jwks!r} is not an https address")

    def kind(self, claims: Claims) -> Kind:
        """What sort of caller these claims describe. Whoever acts for another is an agent."""
        if "act" in claims or self.actor_of(claims) is not None:
            return Kind.AGENT
        rules = ((self.agents, Kind.AGENT), (self.people, Kind.PERSON), (self.services, Kind.SERVICE))
        for match, kind in rules:
            if match is not None and match.holds(claims):
                return kind
        if self.otherwise is not None:
            return self.otherwise
        return Kind.PERSON if self.agents is not None else Kind.AGENT

    def actor_of(self, claims: Claims) -> str | None:
        """Who else stands behind the request: the configured claim, else ``act.sub``; None for nobody."""
        said = claim.actor(claims)  # checked for its form also where another claim counts
        if self.actor is None:
            return said
        named = claim.optional_name(claim.find(claims, self.actor), "the token's actor claim")
        return said if named is None else named


def principal_of(settings: IssuerSettings, compact: Compact, now: float) -> Principal:
    """What the claims of a token mean, once its signature is known to be the issuer's.

    Raises:
        IdentityError: a claim is missing, of the wrong type, or says that the token is not for us or now.
    """
    claims = compact.claims
    claim.check_audience(claims.get("aud"), settings.audience, settings.others)
    if settings.parties:
        _check_party(claims, settings.parties)
    if not all(match.holds(claims) for match in settings.requires):
        raise wrong_party()
    if "cnf" in claims:
        # RFC 9449 section 7.2: accepting it as a bearer token would undo the binding.
        raise IdentityError("identity.bound", "the token is bound to a key; a bearer token is needed")
    expires = claim.check_times(claims, now, settings.skew)
    return Principal(
        subject=claim.name(claims.get("sub"), "the token's sub"),
        kind=settings.kind(claims),
        groups=_groups(claim.find(claims, settings.groups)),
        issuer=settings.issuer,
        email=_email(claims, settings.email),
        actor=settings.actor_of(claims),
        credential=_credential(compact),
        expires=expires,
    )


def _check_party(claims: Claims, parties: frozenset[str]) -> None:
    party = claims.get("azp", claims.get("client_id"))
    if party is not None and not isinstance(party, str):
        raise malformed("the token's azp or client_id is not a text")
    if party not in parties:
        raise wrong_party()


def wrong_party() -> IdentityError:
    """One text for every such rule, so that it tells nothing about the configuration."""
    return IdentityError("identity.audience", "the token was asked for by a party that is not permitted")


def _groups(value: object) -> frozenset[str]:
    """A single text is one group, whatever it holds; it is never split."""
    return claim.names([value] if isinstance(value, str) else value, "the token's groups claim")


def _email(claims: Claims, path: Path) -> str | None:
    """The address, unless the issuer says that it was not verified."""
    if claims.get("email_verified", True) is not True:
        return None
    return claim.optional_name(claim.find(claims, path), "the token's email")


def _credential(compact: Compact) -> str:
    """The token's id for records and revocation: ``jti``, else a piece of its digest."""
    if "jti" in compact.claims:
        return claim.name(compact.claims["jti"], "the token's jti")
    return "sha256:" + hashlib.sha256(compact.signed).hexdigest()[:32]


class Issuers:
    """All configured issuers.

    *clock* is monotonic, in seconds, and only paces fetches. The keys of *before*
    stay known for issuers whose settings are the same.

    Raises ValueError where two settings name the same issuer.
    """

    def __init__(
        self,
        settings: Iterable[IssuerSettings],
        fetch: Fetch,
        *,
        clock: Callable[[], float] = time.monotonic,
        before: Issuers | None = None,
    ) -> None:
        self._issuers: dict[str, tuple[IssuerSettings, IssuerKeys]] = {}
        self._fetch = fetch
        for one in settings:
            if one.issuer in self._issuers:
                raise ValueError(f"issuer {one.issuer} is configured twice")
            old, keys = before._issuers.get(one.issuer, (None, None)) if before is not None else (None, None)
            if keys is None or old != one:
                keys = IssuerKeys(self._loader(one), clock)
            self._issuers[one.issuer] = (one, keys)

    def __contains__(self, issuer: str) -> bool:
        return issuer in self._issuers

    def _loader(self, settings: IssuerSettings) -> Callable[[], Awaitable[KeySet]]:
        fetch = self._fetch if settings.ca is None else trusting(settings.ca)

        async def load() -> KeySet:
            address = settings.jwks or await find_jwks(
                settings.issuer, fetch, loopback_http=settings.loopback_http
            )
            try:
                return parse_keys(await fetch(address))
            except IdentityError:
                raise unavailable() from None

        return load

    async def verify(self, text: str, now: float) -> Principal:
        """Who *text* speaks for at *now* (Unix seconds).

        Raises:
            IdentityError: every way in which it is not a good token of a configured issuer.
        """
        return await self.verify_compact(read(text), now)

    async def verify_compact(self, compact: Compact, now: float) -> Principal:
        """The same for a token that was taken apart already."""
        settings, keys = self._issuers.get(compact.issuer, (None, None))
        if settings is None or keys is None:
            raise IdentityError("identity.issuer", "the token's issuer is not configured here")
        algorithm, kind = compact.algorithm, compact.type
        if algorithm not in settings.algorithms:
            raise refuse_algorithm()
        if (kind.lower() if kind is not None else None) not in _TYPES:
            raise malformed("the token's type is not that of a bearer token")
        key = await keys.find(compact.key_id, algorithm)
        if key is None or not made_by(compact, algorithm, key):
            raise wrong_signature()
        return principal_of(settings, compact, now)

    async def close(self) -> None:
        """End fetches that are under way."""
        for _, keys in self._issuers.values():
            await keys.close()
