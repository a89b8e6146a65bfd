"""Decoding of ``identity:``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vedette.config import certificates, places
from vedette.config.addresses import origin
from vedette.config.settings import ClientSettings, IdentitySettings
from vedette.identity.claims import path_of
from vedette.identity.fetch import permitted
from vedette.identity.match import Match
from vedette.identity.oidc import DEFAULT_ALGORITHMS, MAX_SKEW_SECONDS, IssuerSettings
from vedette.identity.signature import ALGORITHMS
from vedette.model import Kind
from vedette.policy.strict import Node

KEYS = ("name", "scope", "issuers", "clients", "certificates")
CLIENT_KEYS = ("id", "redirects")
ISSUER_KEYS = (
    "issuer", "audience", "others", "algorithms", "parties", "requires", "groups", "email", "actor",
    "agents", "people", "services", "otherwise", "skew", "jwks", "ca", "loopback_http", "client",
)  # fmt: skip
#: The public client that every gateway knows: `vedette login`.
CLIENT = "vedette-cli"
#: And the console, which the gateway serves itself.
CONSOLE = "vedette-console"
KINDS = tuple(map(str, Kind))


def decode(node: Node | None, base: Path, url: str | None = None) -> IdentitySettings:
    """*base* is the folder of the file.

    *url* is ``gateway.url``: where it is set, the gateway's tokens bear it as their issuer.
    """
    if node is None:
        return IdentitySettings() if url is None else IdentitySettings(url)
    fields = node.fields(KEYS)
    default = IdentitySettings()
    name = fields["name"].text() if "name" in fields else url or default.name
    if url is not None and name != url:
        fields["name"].problem(
            f"identity.name is {name} and gateway.url is {url}; discovery needs them to be the same",
            "remove identity.name",
        )
    nodes = fields["issuers"].entries() if "issuers" in fields else []
    issuers = [_issuer(each, base) for each in nodes]
    known = {name}
    for each, issuer in zip(nodes, issuers, strict=True):
        if issuer is not None and issuer.issuer in known:
            each.problem(f"the issuer {issuer.issuer} is configured twice", "remove one")
        known.add(issuer.issuer if issuer is not None else "")
    return IdentitySettings(
        name,
        fields["scope"].text() if "scope" in fields else default.scope,
        tuple(issuer for issuer in issuers if issuer is not None),
        tuple(_clients(fields["clients"])) if "clients" in fields else (),
        certificates.decode(fields["certificates"], base, known) if "certificates" in fields else (),
    )


def _clients(node: Node) -> Iterator[ClientSettings]:
    known = {CLIENT, CONSOLE}
    for each in node.entries():
        fields = each.fields(CLIENT_KEYS, required=CLIENT_KEYS)
        name = fields["id"].text() if "id" in fields else ""
        redirects = fields["redirects"].texts() if "redirects" in fields else ()
        for redirect in redirects:
            if origin(redirect) is None:
                each.problem(f"client {name}: {redirect!r} is no https address (http: this machine only)")
        if name in known:
            each.problem(f"there is a client {name} already", "choose another id")
        known.add(name)
        yield ClientSettings(name, tuple(redirects))


def _issuer(node: Node, base: Path) -> IssuerSettings | None:
    fields = node.fields(ISSUER_KEYS, required=("issuer", "audience"))
    noted = len(node.book.problems)
    loopback = fields["loopback_http"].boolean() if "loopback_http" in fields else False
    for name in ("issuer", "jwks"):
        if name in fields:
            _check_address(fields[name], loopback)
    texts = {name: frozenset(fields[name].texts()) for name in ("others", "parties") if name in fields}
    found: dict[str, object] = {
        "issuer": fields["issuer"].text() if "issuer" in fields else "",
        "audience": fields["audience"].text() if "audience" in fields else "",
        "algorithms": _algorithms(fields.get("algorithms")),
        "groups": _claim(fields["groups"]) if "groups" in fields else ("groups",),
        "email": _claim(fields["email"]) if "email" in fields else ("email",),
        "requires": _requirements(fields.get("requires")),
        "actor": _claim(fields["actor"]) if "actor" in fields else None,
        "agents": _match(fields.get("agents")),
        "people": _match(fields.get("people")),
        "services": _match(fields.get("services")),
        "otherwise": Kind(fields["otherwise"].choice(KINDS, what="kind")) if "otherwise" in fields else None,
        "jwks": fields["jwks"].text() if "jwks" in fields else None,
        "ca": places.path(fields["ca"], base) if "ca" in fields else None,
        "loopback_http": loopback,
        "client": fields["client"].text() if "client" in fields else "",
    }
    if "skew" in fields:
        found["skew"] = fields["skew"].duration(0, MAX_SKEW_SECONDS)
    if len(node.book.problems) > noted or not found["issuer"]:
        return None
    try:
        return IssuerSettings(**found, **texts)  # type: ignore[arg-type]
    except ValueError as error:
        node.problem(str(error))
        return None


def _check_address(node: Node, loopback: bool) -> None:
    address = node.text()
    if address and not permitted(address, loopback_http=loopback):
        fix = "http is possible for loopback only, with loopback_http: true"
        node.problem(f"{node.name}: an https address is needed here", fix)


def _algorithms(node: Node | None) -> frozenset[str]:
    if node is None:
        return DEFAULT_ALGORITHMS
    return frozenset(node.choices(tuple(ALGORITHMS), what="algorithm"))


def _claim(node: Node) -> tuple[str, ...]:
    """``realm_access.roles``, or a list of steps where a name holds a dot."""
    steps = node.texts() if isinstance(node.value, list) else node.text()
    try:
        return path_of(steps) if steps else ("",)
    except ValueError as error:
        node.problem(f"{node.name}: {error}")
        return ("",)


def _requirements(node: Node | None) -> tuple[Match, ...]:
    """One rule, or a list of them."""
    if node is None:
        return ()
    found = [_match(each) for each in (node.entries() if isinstance(node.value, list) else [node])]
    if not found:
        node.problem("requires: an empty list requires nothing", "name something, or leave it out")
    return tuple(match for match in found if match is not None)


def _match(node: Node | None) -> Match | None:
    """``{claim: PATH, equals: VALUE}`` or ``{claim: PATH, like: PATTERN}``."""
    if node is None:
        return None
    fields = node.fields(("claim", "equals", "like"), required=("claim",))
    if not isinstance(node.value, dict):
        return None
    path = _claim(fields["claim"]) if "claim" in fields else ("",)
    if ("equals" in fields) == ("like" in fields):
        node.problem(f"{node.name}: what the claim has to be is needed once", "write equals: or like:")
        return None
    if "like" in fields:
        return Match(path, like=fields["like"].text())
    equals = fields["equals"].value
    if not isinstance(equals, str | int | bool):
        fields["equals"].wrong("a text, a whole number, true or false")
        return None
    return Match(path, equals)
