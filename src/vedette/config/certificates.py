"""Decoding of ``identity.certificates``."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from vedette.config import places
from vedette.identity.client_certificates import ATTRIBUTES, PLACES, CertificateSettings
from vedette.identity.spiffe import SCHEME, is_trust_domain
from vedette.model import Kind
from vedette.policy.strict import Node

KEYS = ("ca", "name", "trust_domain", "subject", "subjects", "groups", "groups_from", "kind", "crl")
KINDS = tuple(map(str, Kind))


def decode(node: Node, base: Path, issuers: Collection[str]) -> tuple[CertificateSettings, ...]:
    """*base* is the folder of the file; *issuers* are names that tokens bear already."""
    found: list[CertificateSettings] = []
    for each in node.entries():
        entry = _entry(each, base)
        if entry is None:
            continue
        if entry.name in issuers:
            each.problem(f"{entry.name} is the name of an issuer already", "choose another name")
        if any(other.name == entry.name and other.ca != entry.ca for other in found):
            # Two authorities under one name could each sign for the other's callers.
            each.problem(f"{entry.name} has two files of authorities", "put them into one, or use two names")
        found.append(entry)
    return tuple(found)


def _entry(node: Node, base: Path) -> CertificateSettings | None:
    noted = len(node.book.problems)
    fields = node.fields(KEYS, required=("ca",))
    domain = fields["trust_domain"].text() if "trust_domain" in fields else None
    if domain is not None and not is_trust_domain(domain):
        fields["trust_domain"].problem(f'"{domain}" is no trust domain', "write it as example.org")
    if domain is not None and "subject" in fields:
        fields["subject"].problem("with trust_domain the subject is the SPIFFE ID", "remove subject")
    if domain is None and "name" not in fields:
        node.problem("certificates: a name is needed where there is no trust_domain", "add name:")
    entry = {
        "ca": places.path(fields["ca"], base) if "ca" in fields else base,
        "name": fields["name"].text() if "name" in fields else f"{SCHEME}{domain}",
        "trust_domain": domain,
        "subject": fields["subject"].choice(PLACES, what="place") if "subject" in fields else "common_name",
        "subjects": fields["subjects"].texts() if "subjects" in fields else (),
        "groups": frozenset(fields["groups"].texts() if "groups" in fields else ()),
        "groups_from": fields["groups_from"].choice(ATTRIBUTES) if "groups_from" in fields else None,
        "crl": places.path(fields["crl"], base) if "crl" in fields else None,
        "kind": Kind(fields["kind"].choice(KINDS, what="kind")) if "kind" in fields else Kind.AGENT,
    }
    return None if len(node.book.problems) > noted else CertificateSettings(**entry)  # type: ignore[arg-type]
