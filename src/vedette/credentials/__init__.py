"""Where the secrets for upstream logins come from. docs/credentials.md is the reference."""

from __future__ import annotations

from vedette.credentials.errors import CODES, CredentialError
from vedette.credentials.login import SOURCES, Login, LoginSettings, Secrets, Surroundings
from vedette.credentials.sealed import (
    Seal,
    Sealed,
    SealedStore,
    SealKey,
    decode_seal_key,
    generated_seal_key,
)
from vedette.credentials.secret import Secret
from vedette.credentials.source import Reference, Source, parse_reference

__all__ = [
    "CODES",
    "SOURCES",
    "CredentialError",
    "Login",
    "LoginSettings",
    "Reference",
    "Seal",
    "SealKey",
    "Sealed",
    "SealedStore",
    "Secret",
    "Secrets",
    "Source",
    "Surroundings",
    "decode_seal_key",
    "generated_seal_key",
    "parse_reference",
]
