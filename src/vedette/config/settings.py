"""The tree of settings: frozen values, resolved and checked. docs/configuration.md lists each.

No value here is a secret: secrets are named (:class:`~vedette.credentials.Reference`), never held.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from vedette.credentials.source import Reference
from vedette.identity.client_certificates import CertificateSettings
from vedette.identity.oidc import IssuerSettings
from vedette.model import Resource
from vedette.policy import Policies

KIB, MIB = 1 << 10, 1 << 20
NOTHING: Mapping[str, str] = MappingProxyType({})

UpstreamTls = Literal["disable", "require", "verify-ca", "verify-full"]
Method = Literal["trust", "password", "md5", "scram-sha-256", "certificate"]
Binding = Literal["prefer", "require", "disable"]


@dataclass(frozen=True, slots=True)
class HostPort:
    """Where to listen. Port 0 is any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        return self.host == "localhost" or self.host == "::1" or self.host.startswith("127.")


@dataclass(frozen=True, slots=True)
class Listen:
    """Which doors are open. *web* carries console and API. None is closed."""

    postgres: HostPort | None = None
    web: HostPort | None = None
    ssh: HostPort | None = None
    kubernetes: HostPort | None = None


@dataclass(frozen=True, slots=True)
class Tls:
    """The listeners' certificate (a PEM chain) and key; both None is one from the generated CA.

    *ca* is a PEM bundle: callers that show a certificate must have theirs from it.
    """

    certificate: Path | None = None
    key: Path | None = None
    ca: Path | None = None


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """*checkpoint_every* counts records. *anchor* is a file, best where the operator cannot write history."""

    durability: Literal["os", "fsync"] = "os"
    checkpoint_every: int = 1000
    anchor: Path | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes, counts and seconds. *value* is the largest message that is opened to be masked.

    *idle* None is no limit.
    """

    statement: int = 16 * MIB
    value: int = 64 * MIB
    sessions: int = 2000
    per_principal: int = 200
    login_timeout: float = 15.0
    idle: float | None = None


@dataclass(frozen=True, slots=True)
class Gateway:
    """*admins* may run the gateway by API and CLI, *auditors* may read all of it, *approvers*
    may look at every hold (to decide one, only the rule's own groups count); all are groups.

    *url* is where people and programs find the web listener: an origin, without a slash at its end.
    """

    data: Path
    listen: Listen = field(default_factory=Listen)
    tls: Tls = field(default_factory=Tls)
    downstream_tls: Literal["required", "allowed"] = "required"
    journal: JournalSettings = field(default_factory=JournalSettings)
    limits: Limits = field(default_factory=Limits)
    admins: frozenset[str] = frozenset()
    auditors: frozenset[str] = frozenset()
    approvers: frozenset[str] = frozenset()
    url: str | None = None


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """A public client (RFC 6749 section 2.1): no secret, PKCE instead. *redirects* count to the letter."""

    id: str
    redirects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """*name* is the issuer in the gateway's own tokens; *scope* is shown to OAUTHBEARER callers.

    *clients* are programs that may send people to the built-in issuer to sign in.
    *certificates* says whose client certificates are a login.
    """

    name: str = "vedette"
    scope: str = "openid"
    issuers: tuple[IssuerSettings, ...] = ()
    clients: tuple[ClientSettings, ...] = ()
    certificates: tuple[CertificateSettings, ...] = ()


@dataclass(frozen=True, slots=True)
class Upstream:
    """*host* is a name, an address, or the folder of a Unix socket (it then begins with ``/``).

    *ca* None trusts the system's authorities. *direct* begins TLS without asking
    (PostgreSQL 17 on). *host_keys* are the public keys of which an SSH host must show one. *groups* are
    API groups of a cluster, beyond Kubernetes' own, whose kinds keep to the usual verbs.
    """

    host: str
    port: int
    database: str
    tls: UpstreamTls = "verify-full"
    ca: Path | None = None
    direct: bool = False
    host_keys: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        return self.host if self.host.startswith("/") else str(HostPort(self.host, self.port))


@dataclass(frozen=True, slots=True)
class AuthoritySettings:
    """
    Certificates for a host, minted per session, good for *seconds*.

    *key* is where the authority's private key is kept, None for the gateway's own. *principals* are
    named in each certificate: what the host takes for the login's account.
    """

    principals: tuple[str, ...]
    key: Reference | None = None
    seconds: int = 300


@dataclass(frozen=True, slots=True)
class LoginSettings:
    """
    What the gateway logs in with. *auth* is the only method the server may ask for, None any safe one.

    Of a cluster: *token* is shown as it stands at its place now, *command* is a credential plug-in
    (``client.authentication.k8s.io``); with *impersonate* it is told for whom each request is.
    """

    user: str
    password: Reference | None = None
    certificate: Path | None = None
    key: Reference | None = None
    auth: Method | None = None
    channel_binding: Binding = "prefer"
    authority: AuthoritySettings | None = None
    token: Reference | None = None
    command: tuple[str, ...] = ()
    impersonate: bool = False

    @property
    def references(self) -> tuple[Reference, ...]:
        authority = self.authority.key if self.authority is not None else None
        return tuple(each for each in (self.password, self.key, authority, self.token) if each is not None)


@dataclass(frozen=True, slots=True)
class Record:
    """What of an action enters the record."""

    statements: Literal["full", "shape"] = "full"
    parameters: Literal["full", "masked", "none"] = "masked"
    results: Literal["shape", "masked", "none"] = "shape"


@dataclass(frozen=True, slots=True)
class ResourceSettings:
    """A thing to reach. *startup* are settings given to every upstream session."""

    name: str
    protocol: str
    upstream: Upstream
    login: LoginSettings
    labels: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    record: Record = field(default_factory=Record)
    startup: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    max_sessions: int = 1000
    about: str = ""

    @property
    def _as_whom(self) -> tuple[object, ...]:
        """Where a cluster says who the gateway is, what it shows tells as whom it leads there."""
        if self.protocol != "kubernetes":
            return ()
        login = self.login
        shown = (login.token, login.key, login.certificate)
        return (*(str(each) for each in shown), *login.command, login.impersonate)

    @property
    def resource(self) -> Resource:
        """As policy sees it."""
        up = self.upstream
        place = json.dumps([up.host, up.port, up.database, self.login.user, *up.host_keys, *self._as_whom])
        return Resource(
            self.name, self.protocol, self.labels, hashlib.sha256(place.encode()).hexdigest()[:32]
        )


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole file. *hash* names this version; *file* is where it came from."""

    file: Path
    gateway: Gateway
    identity: IdentitySettings
    resources: Mapping[str, ResourceSettings]
    policies: Policies
    hash: str = ""
