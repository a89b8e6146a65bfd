"""Gateway tokens: short JWTs that the gateway signs and checks itself."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from vedette.identity import claims as claim
from vedette.identity.compact import MAX_TOKEN_BYTES, Compact, read, refuse_algorithm
from vedette.identity.errors import IdentityError, malformed
from vedette.identity.signature import made_by, wrong_signature
from vedette.identity.signing import ALGORITHM, SigningKeys
from vedette.model import Kind, Principal

TYPE = "vedette+jwt"
NAME = "vedette"
MIN_TTL_SECONDS = 10
MAX_TTL_SECONDS = 30 * 24 * 3600

_HEADERS = frozenset({"alg", "typ", "kid"})
_KINDS = frozenset(kind.value for kind in Kind)


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """What is kept of an issued token: everything but the token. Times in Unix seconds.

    *resources* None is any. *client* asked for it; *owner* is the principal that it
    is void without (empty where an admin issued it); *grant* the sign-in it stems from.
    *parent* is the id of the token that was shown to have this one lent, empty where none was.
    """

    id: str
    issuer: str
    subject: str
    kind: Kind
    groups: frozenset[str]
    actor: str | None
    email: str | None
    issued: int
    expires: int
    key_id: str
    resources: frozenset[str] | None = None
    client: str = ""
    scope: str = ""
    owner: str = ""
    grant: str = ""
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Lender:
    """More of the person on whose behalf a token acts: all *groups* that it is in, and its address."""

    groups: frozenset[str] = frozenset()
    email: str | None = None

    def claims(self, name: str, lent: frozenset[str]) -> dict[str, object]:
        """What ``act`` holds: of the groups, those that are not *lent* anyway."""
        found: dict[str, object] = {"sub": name}
        if left := sorted(self.groups - lent):
            found["groups"] = left
        if self.email is not None:
            found["email"] = self.email
        return found


@dataclass(frozen=True, slots=True)
class Issued:
    """A new token: *text* is for its owner alone, *record* for the store."""

    text: str = field(repr=False)
    record: TokenRecord


def _never(_: str) -> bool:
    return False


class Tokens:
    """Issues and verifies gateway tokens.

    *is_revoked* is asked at every verification with the token's id (``jti``);
    it answers from memory.
    """

    def __init__(
        self,
        keys: SigningKeys,
        *,
        issuer: str = NAME,
        audience: str = NAME,
        is_revoked: Callable[[str], bool] = _never,
    ) -> None:
        self.keys = keys
        self.issuer = issuer
        self._audience = audience
        self._is_revoked = is_revoked

    def issue(
        self,
        subject: str,
        kind: Kind,
        groups: Iterable[str],
        ttl: float,
        actor: str | None = None,
        *,
        now: float,
        email: str | None = None,
        resources: Iterable[str] | None = None,
        client: str = "",
        scope: str = "",
        owner: str = "",
        grant: str = "",
        parent: str = "",
        behind: str = "",
        lender: Lender | None = None,
    ) -> Issued:
        """A token for *subject* that lives *ttl* seconds from *now* (Unix seconds).

        *actor* goes into ``act`` (RFC 8693 section 4.1) and comes back as the
        principal's actor. *resources* are all that the token is good for. *client* and
        *scope* become ``client_id`` and ``scope`` (RFC 9068); *owner*, *grant* and *parent*
        stay in the record. *behind* is the id of the person who answers for an account: it
        goes into ``owner`` and comes back as the principal's. *lender* is more
        of the actor, which goes into ``act`` as well, so that what binds it still does.

        Raises:
            ValueError: a name is not printable, the ttl out of bounds, the token too long.
        """
        if not MIN_TTL_SECONDS <= ttl <= MAX_TTL_SECONDS:
            raise ValueError(
                f"a token lives {MIN_TTL_SECONDS} to {MAX_TTL_SECONDS} seconds (30 days), not {ttl:g}"
            )
        signer, issued = self.keys.signer, int(now)
        record = TokenRecord(
            id=secrets.token_hex(16),  # never to be taken for an option: people name it on command lines
            issuer=self.issuer,
            subject=subject,
            kind=Kind(kind),
            groups=frozenset(groups),
            actor=actor,
            email=email,
            issued=issued,
            expires=issued + int(ttl),
            key_id=signer.id,
            resources=None if resources is None else frozenset(resources),
            client=client,
            scope=scope,
            owner=owner,
            grant=grant,
            parent=parent,
        )
        body = self._body(record)
        if behind:
            body["owner"] = behind
        if actor is not None and lender is not None:
            body["act"] = lender.claims(actor, record.groups)
        try:
            _principal(body, self.issuer, float(record.expires))
        except IdentityError as error:
            raise ValueError(error.reason) from None
        signed = b".".join(
            _encode(part) for part in ({"alg": ALGORITHM, "typ": TYPE, "kid": signer.id}, body)
        )
        text = (signed + b"." + _base64(signer.sign(signed))).decode("ascii")
        if len(text) > MAX_TOKEN_BYTES:
            raise ValueError(f"the token would be over {MAX_TOKEN_BYTES} bytes; name fewer groups")
        return Issued(text, record)

    def _body(self, record: TokenRecord) -> dict[str, object]:
        body: dict[str, object] = {
            "iss": self.issuer,
            "aud": self._audience,
            "sub": record.subject,
            "jti": record.id,
            "iat": record.issued,
            "nbf": record.issued,
            "exp": record.expires,
            "kind": record.kind.value,
            "groups": sorted(record.groups),
        }
        if record.actor is not None:
            body["act"] = {"sub": record.actor}
        if record.email is not None:
            body["email"] = record.email
        if record.resources is not None:
            body["resources"] = sorted(record.resources)
        if record.client:
            body["client_id"] = record.client
        if record.scope:
            body["scope"] = record.scope
        return body

    def verify(self, text: str, now: float) -> Principal:
        """Who *text* speaks for at *now* (Unix seconds).

        Raises:
            IdentityError: every way in which it is not a good token of ours.
        """
        return self.verify_compact(read(text), now)

    def verify_compact(self, compact: Compact, now: float) -> Principal:
        """The same for a token that was taken apart already."""
        if compact.algorithm != ALGORITHM:
            raise refuse_algorithm()
        if compact.type != TYPE:
            raise malformed("the token's type is not that of a gateway token")
        if not compact.header.keys() <= _HEADERS:
            raise malformed("the token's header has parameters that gateway tokens do not have")
        if compact.issuer != self.issuer:
            raise IdentityError("identity.issuer", "the token is not one of this gateway's")
        key = self.keys.find(compact.key_id)
        if key is None or not made_by(compact, ALGORITHM, key.key):
            raise wrong_signature()
        return self._checked(compact, now)

    def _checked(self, compact: Compact, now: float) -> Principal:
        """The claims, once the signature is known to be ours."""
        claims = compact.claims
        if claims.get("aud") != self._audience:
            raise IdentityError("identity.audience", "the token was made for somebody else")
        for needed in ("nbf", "iat", "jti", "groups", "kind"):
            if needed not in claims:
                raise malformed(f"the token has no {needed}")
        expires = claim.check_times(claims, now, claim.SKEW_SECONDS)
        principal = _principal(claims, self.issuer, expires)
        if self._is_revoked(principal.credential):
            raise IdentityError("identity.revoked", "the token was withdrawn; get a new one")
        return principal


def _principal(claims: claim.Claims, issuer: str, expires: float) -> Principal:
    kind = claims.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise malformed("the token's kind is not one of agent, person, service")
    if not isinstance(claims.get("groups"), list):
        raise malformed("the token's groups are not a list")
    actor, act = claim.actor(claims), claims.get("act")
    act = act if isinstance(act, Mapping) else {}
    return Principal(
        subject=claim.name(claims.get("sub"), "the token's sub"),
        kind=Kind(kind),
        groups=claim.names(claims.get("groups"), "the token's groups"),
        issuer=issuer,
        email=claim.optional_name(claims.get("email"), "the token's email"),
        actor=actor,
        credential=claim.name(claims.get("jti"), "the token's jti"),
        expires=expires,
        resources=_resources(claims),
        owner=claim.optional_name(claims.get("owner"), "the token's owner") or "",
        actor_groups=claim.names(act.get("groups"), "the token's act.groups"),
        actor_email=claim.optional_name(act.get("email"), "the token's act.email"),
    )


def _resources(claims: claim.Claims) -> frozenset[str] | None:
    """What a lent token is good for. A null would read as "any", so it is refused."""
    if "resources" not in claims:
        return None
    if not isinstance(claims["resources"], list):
        raise malformed("the token's resources are not a list")
    return claim.names(claims["resources"], "the token's resources")


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _encode(part: dict[str, object] | dict[str, str]) -> bytes:
    return _base64(json.dumps(part, separators=(",", ":")).encode())
