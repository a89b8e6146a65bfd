"""The gateway's own certificate authority and server certificate.

Where the operator brings no certificate, the gateway makes an authority once
and lets it sign a short-lived server certificate, renewed at start. Callers
trust the authority's certificate (``ca.pem``), which may be handed out freely.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vedette.credentials.keyfile import KeyFileError, locked, read_private, replace_private

CA_DAYS = 3650
SERVER_DAYS = 90
RENEW_DAYS = 30
#: Clocks of callers may be behind ours.
_BACKDATED = dt.timedelta(days=1)


class CertificateError(Exception):
    """A certificate or key cannot be used; the text names the place and the fix, never a key."""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where a certificate chain and its key stand (PEM), and the authority that callers trust."""

    certificate: Path
    key: Path
    ca: Path | None = None


@dataclass(frozen=True, slots=True)
class _Pair:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def days_left(self, now: dt.datetime) -> float:
        return (self.certificate.not_valid_after_utc - now) / dt.timedelta(days=1)


def generated_certificate(folder: Path, names: Iterable[str] = (), *, now: float) -> CertificateFiles:
    """The generated certificate in *folder* (0600 inside 0700), made or renewed where that is due.

    Good for localhost, 127.0.0.1, ::1, this host's name and *names* (host names
    or IP addresses). Renewed when under RENEW_DAYS are left, when *names*
    change, or with the authority. *now* is Unix time in seconds. Blocks: for
    the start, or for a thread.

    Raises:
        CertificateError: a file is unsafe or not ours, or a name cannot stand in a certificate.
    """
    files = CertificateFiles(folder / "server.pem", folder / "server.key", folder / "ca.pem")
    moment = dt.datetime.fromtimestamp(now, dt.UTC)
    wanted = _alternative_names(["localhost", "127.0.0.1", "::1", *_host_name(), *names])
    try:
        with locked(folder):
            authority = _load(folder / "ca.pem", folder / "ca.key")
            if authority is None or authority.days_left(moment) < RENEW_DAYS:
                authority = _make_authority(moment)
                _save(authority, folder / "ca.pem", folder / "ca.key")
            server = _load(files.certificate, files.key)
            if server is None or not _serves(server, authority, wanted, moment):
                server = _make_server(authority, wanted, moment)
                _save(server, files.certificate, files.key)
    except KeyFileError as error:
        raise CertificateError(str(error)) from None
    return files


def ca_pem(files: CertificateFiles) -> str:
    """The authority's certificate, for callers to trust."""
    if files.ca is None:
        raise CertificateError("the server certificate was configured; its authority is not known here")
    return files.ca.read_text(encoding="ascii")


def _host_name() -> list[str]:
    """This host's name, where it can stand in a certificate: nobody wrote it for us."""
    name = socket.gethostname()
    try:
        _alternative_names([name])
    except CertificateError:
        return []
    return [name]


def _alternative_names(names: Iterable[str]) -> list[x509.GeneralName]:
    found: dict[str, x509.GeneralName] = {}
    for name in names:
        try:
            found[name] = x509.IPAddress(ipaddress.ip_address(name))
            continue
        except ValueError:
            pass  # not an address, so a host name
        try:
            found[name] = x509.DNSName(name.encode("idna").decode("ascii"))
            if not name:
                raise ValueError("empty")
        except ValueError:
            raise CertificateError(f"{name!r} is no host name or address for a certificate") from None
    return list(found.values())


def _serves(server: _Pair, authority: _Pair, names: list[x509.GeneralName], now: dt.datetime) -> bool:
    """Whether *server* is still the certificate that would be made now."""
    if server.days_left(now) < RENEW_DAYS:
        return False
    try:
        server.certificate.verify_directly_issued_by(authority.certificate)
        held = server.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return list(held) == names


def _make_authority(now: dt.datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    # The serial in the name keeps a renewed authority apart from the one before.
    serial = x509.random_serial_number()
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Vedette"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Vedette gateway CA {serial & 0xFFFFFFFF:08x}"),
        ]
    )
    certificate = (
        _builder(name, name, key.public_key(), serial, now, CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _Pair(certificate, key)


def _make_server(authority: _Pair, names: list[x509.GeneralName], now: dt.datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Vedette gateway")])
    days = min(SERVER_DAYS, int(authority.days_left(now)))
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    certificate = (
        _builder(
            subject, authority.certificate.subject, key.public_key(), x509.random_serial_number(), now, days
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(issuer_key, critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return _Pair(certificate, key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    serial: int,
    now: dt.datetime,
    days: int,
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(serial)
    return builder.not_valid_before(now - _BACKDATED).not_valid_after(now + dt.timedelta(days=days))


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _load(certificate: Path, key: Path) -> _Pair | None:
    """The pair as stored; None where a part is missing or they do not belong together (made anew then)."""
    if not certificate.exists() or not key.exists():
        return None
    try:
        leaf = x509.load_pem_x509_certificate(read_private(certificate, shared=True))
        private = serialization.load_pem_private_key(read_private(key), None)
    except (ValueError, TypeError):
        raise CertificateError(
            f"{certificate} or {key} is not in PEM; restore them, or move them away for new ones"
        ) from None
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.public_key() != leaf.public_key():
        return None
    return _Pair(leaf, private)


def _save(pair: _Pair, certificate: Path, key: Path) -> None:
    """Key first: a crash in between leaves a pair that does not fit, which the next start replaces."""
    replace_private(
        key,
        pair.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
    replace_private(certificate, pair.certificate.public_bytes(serialization.Encoding.PEM))
