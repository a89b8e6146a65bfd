"""Who is calling. docs/identity.md is the reference."""

from __future__ import annotations

from vedette.identity.errors import CODES, IdentityError
from vedette.identity.fetch import client, fetcher
from vedette.identity.keys import KeyRecord, KeyStore, Verifier
from vedette.identity.match import Match
from vedette.identity.oidc import Issuers, IssuerSettings
from vedette.identity.signing import SigningKeys
from vedette.identity.source import Identity
from vedette.identity.tokens import Issued, TokenRecord, Tokens

__all__ = [
    "CODES",
    "Identity",
    "IdentityError",
    "Issued",
    "IssuerSettings",
    "Issuers",
    "KeyRecord",
    "KeyStore",
    "Match",
    "SigningKeys",
    "TokenRecord",
    "Tokens",
    "Verifier",
    "client",
    "fetcher",
]
