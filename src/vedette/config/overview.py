"""What a file resolved to, as data and as text: ``vedette check``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vedette.config.settings import HostPort, ResourceSettings, Settings
from vedette.credentials.source import Reference
from vedette.policy import Policy, describe
from vedette.policy.rules.hold import HoldRule

#: Hosts of issuers that give everybody in the world a token, for any audience they name.
WORLDLY = frozenset({"token.actions.githubusercontent.com", "gitlab.com", "agent.buildkite.com"})


@dataclass(frozen=True, slots=True)
class RuleSummary:
    name: str
    says: str


@dataclass(frozen=True, slots=True)
class PolicySummary:
    """A policy as it applies to one resource. *mode* is ``enforce`` or ``observe``."""

    name: str
    who: str
    mode: str
    rules: tuple[RuleSummary, ...]


@dataclass(frozen=True, slots=True)
class ResourceSummary:
    name: str
    protocol: str
    address: str
    tls: str
    login: str
    labels: tuple[str, ...]
    record: str
    policies: tuple[PolicySummary, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """Plain values only; *warnings* are what loads and yet is probably not meant."""

    file: str
    hash: str
    policies: str
    data: str
    listeners: tuple[str, ...]
    issuers: tuple[str, ...]
    resources: tuple[ResourceSummary, ...]
    warnings: tuple[str, ...]


def summary(settings: Settings) -> Summary:
    """What *settings* mean for each resource."""
    listen = settings.gateway.listen
    listeners = {
        "postgres": listen.postgres, "web": listen.web, "ssh": listen.ssh, "kubernetes": listen.kubernetes,
    }  # fmt: skip
    return Summary(
        file=str(settings.file),
        hash=settings.hash,
        policies=settings.policies.hash,
        data=str(settings.gateway.data),
        listeners=tuple(f"{name} on {where}" for name, where in listeners.items() if where is not None),
        issuers=(
            *(issuer.issuer for issuer in settings.identity.issuers),
            *(f"{each.name} (certificates)" for each in settings.identity.certificates),
        ),
        resources=tuple(_resource(resource, settings) for resource in settings.resources.values()),
        warnings=tuple(_warnings(settings, listeners)),
    )


def _resource(resource: ResourceSettings, settings: Settings) -> ResourceSummary:
    record = resource.record
    return ResourceSummary(
        resource.name,
        resource.protocol,
        "/".join(filter(None, (resource.upstream.address, resource.upstream.database))),
        "pinned host key" if resource.upstream.host_keys else resource.upstream.tls,
        _login(resource),
        tuple(f"{key}={value}" for key, value in sorted(resource.labels.items())),
        f"statements {record.statements}, parameters {record.parameters}, results {record.results}",
        tuple(_policy(policy) for policy in settings.policies.on(resource.resource)),
    )


def _login(resource: ResourceSettings) -> str:
    login = resource.login
    parts = [login.user or "as the cluster says"]
    if login.password is not None:
        parts.append(f"password from {_reference(login.password)}")
    if login.certificate is not None and login.key is not None:
        parts.append(f"certificate {login.certificate}, key from {_reference(login.key)}")
    elif login.key is not None:
        parts.append(f"key from {_reference(login.key)}")
    if login.authority is not None:
        key = login.authority.key
        by = "the gateway's own authority" if key is None else f"the authority from {_reference(key)}"
        parts.append(f"certificates by {by} for {', '.join(login.authority.principals)}")
    if login.token is not None:
        parts.append(f"token from {_reference(login.token)}")
    if login.command:
        parts.append(f"token from {login.command[0]}")
    if login.impersonate:
        parts.append("as the caller")
    return ", ".join(parts if len(parts) > 1 else [*parts, "no secret"])


def _reference(reference: Reference) -> str:
    return f"{reference.source} {reference.name}"


def _policy(policy: Policy) -> PolicySummary:
    rules = tuple(RuleSummary(rule.name, describe.rule(rule)) for rule in policy.rules)
    return PolicySummary(policy.name, str(policy.who), "observe" if policy.observing else "enforce", rules)


def _warnings(settings: Settings, listeners: dict[str, HostPort | None]) -> Iterator[str]:
    if not any(listeners.values()):
        yield "no listener is open: name one in gateway.listen"
    yield from _worldly(settings)
    for name, where in listeners.items():
        clear = name not in ("ssh", "kubernetes") and settings.gateway.downstream_tls == "allowed"
        if where is not None and not where.loopback and clear:
            yield f"{name} listens on {where}, and callers may come without TLS"
    for resource in settings.resources.values():
        policies = settings.policies.on(resource.resource)
        if not policies:
            yield f'no policy applies to "{resource.name}": everything there is refused'
        elif all(policy.observing for policy in policies):
            yield f'"{resource.name}" is only observed: nothing there is refused, held or masked'
        if resource.upstream.tls in ("disable", "require") and not _near(resource.upstream.host):
            yield f'"{resource.name}" is reached without checking who answers (tls: {resource.upstream.tls})'
        yield from _apart(resource, policies)


def _worldly(settings: Settings) -> Iterator[str]:
    for issuer in settings.identity.issuers:
        host = issuer.issuer.removeprefix("https://").partition("/")[0]
        if host in WORLDLY and not issuer.requires and not issuer.parties:
            yield f"anybody at all can get a token from {host} for your audience: say which count by requires"


def _near(host: str) -> bool:
    return host.startswith("/") or HostPort(host, 0).loopback


def _apart(resource: ResourceSettings, policies: tuple[Policy, ...]) -> Iterator[str]:
    """Holds that no one group can approve together: an action under both is refused."""
    holds = [rule.hold for policy in policies for rule in policy.judging if isinstance(rule, HoldRule)]
    for place, one in enumerate(holds):
        for other in holds[:place]:
            if not one.approvers & other.approvers:
                yield (
                    f'"{resource.name}": an action held by both {other.rule} and {one.rule} is refused, '
                    "because they have no group of approvers in common"
                )


def render(found: Summary) -> str:
    """*found* as text for a terminal, ending with a line end."""
    lines = [f"{found.file} loads (settings {found.hash[:12]}, policies {found.policies[:12]})"]
    lines += [f"  listens: {', '.join(found.listeners) or 'nowhere'}", f"  data: {found.data}"]
    if found.issuers:
        lines.append(f"  issuers: {', '.join(found.issuers)}")
    for resource in found.resources:
        lines += ["", f"{resource.name}: {resource.protocol} at {resource.address}, tls {resource.tls}"]
        lines += [f"  login: {resource.login}", f"  record: {resource.record}"]
        if resource.labels:
            lines.append(f"  labels: {', '.join(resource.labels)}")
        for policy in resource.policies:
            lines.append(f"  policy {policy.name} ({policy.mode}) for {policy.who}")
            lines += [f"    {rule.says}" for rule in policy.rules]
    if found.warnings:
        lines += ["", *(f"warning: {warning}" for warning in found.warnings)]
    return "\n".join(lines) + "\n"
