"""Lists of certificates that their authorities withdrew. Source: RFC 5280 section 5."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from vedette.identity.certificates import CertificateError

_MARK = b"-----BEGIN X509 CRL-----"


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """
    What one file says.

    *until* is when a list is out of date (Unix seconds), by its authority's `key_id`;
    *credentials* are the certificates withdrawn, as `credential` names them.
    """

    until: dict[str, float]
    credentials: frozenset[str]


def key_id(authority: x509.Certificate) -> str:
    """A short name for the authority's key: serial numbers are its own."""
    key = authority.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(key).hexdigest()[:16]


def credential(key: str, serial: int) -> str:
    """A certificate's name in records, and by what it is withdrawn: its authority's `key_id`, its serial."""
    return f"x509:{key}:{serial:x}"


def read_lists(file: Path, authorities: Iterable[x509.Certificate]) -> Withdrawn:
    """
    The lists in *file* (PEM), each signed by one of *authorities*.

    Raises:
        CertificateError: unreadable; no list at all; one that none of them signed, or without its end.
    """
    signers = list(authorities)
    until: dict[str, float] = {}
    credentials: set[str] = set()
    try:
        parts = file.read_bytes().split(_MARK)[1:]
        lists = [x509.load_pem_x509_crl(_MARK + part) for part in parts]
    except (OSError, ValueError):
        lists = []
    if not lists:
        raise CertificateError(f"{file} holds no certificate revocation list (PEM)")
    for each in lists:
        signer = next((one for one in signers if _signed(each, one)), None)
        if signer is None or each.next_update_utc is None:
            raise CertificateError(
                f"{file} holds a list that none of its authorities signed, or without its end"
            )
        key = key_id(signer)
        until[key] = min(until.get(key, float("inf")), each.next_update_utc.timestamp())
        credentials.update(credential(key, row.serial_number) for row in each)
    return Withdrawn(until, frozenset(credentials))


def _signed(revocations: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    if revocations.issuer != authority.subject:
        return False
    try:
        return revocations.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
