"""An authority for the certificates of callers: plain ones, SPIFFE X.509-SVIDs, and ones that must not pass."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from tests.testbed.certificates import Pair

HOUR = datetime.timedelta(hours=1)
CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


def usage(*, signs: bool = False, certifies: bool = False) -> x509.KeyUsage:
    """digitalSignature, keyCertSign, and nothing else."""
    return x509.KeyUsage(signs, False, False, False, False, certifies, False, False, False)


@dataclass(frozen=True, slots=True)
class Signer:
    """A certificate that signs others. *pem* holds it and what stands above it, but for the root."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    folder: Path
    pem: bytes = b""

    @classmethod
    def root(cls, folder: Path, name: str = "callers") -> Signer:
        folder.mkdir(parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = _built(subject, subject, key, ca=True).sign(key, hashes.SHA256())
        return cls(certificate, key, folder)

    def bundle(self, *others: Signer, name: str = "callers") -> Path:
        """A PEM file with this authority, and *others*."""
        file = self.folder / f"{name}.pem"
        file.write_bytes(b"".join(each.certificate.public_bytes(Encoding.PEM) for each in (self, *others)))
        return file

    def withdraw(self, *pairs: Pair, until: datetime.timedelta = HOUR, name: str = "withdrawn") -> Path:
        """A PEM file with this authority's list: *pairs* are void. It is good for *until* from now."""
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject)
        builder = builder.last_update(now - 2 * HOUR)
        builder = builder.next_update(now + until)
        for pair in pairs:
            serial = x509.load_pem_x509_certificate(pair.certificate.read_bytes()).serial_number
            row = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now - HOUR)
            builder = builder.add_revoked_certificate(row.build())
        file = self.folder / f"{name}.crl"
        file.write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM))
        return file

    def intermediate(self, name: str = "between") -> Signer:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = _built(subject, self.certificate.subject, key, ca=True).sign(self.key, hashes.SHA256())
        return Signer(certificate, key, self.folder, certificate.public_bytes(Encoding.PEM) + self.pem)

    def issue(
        self,
        file: str,
        common: str | Iterable[str] = (),
        *,
        uris: Iterable[str] = (),
        dns: Iterable[str] = (),
        emails: Iterable[str] = (),
        organizations: Iterable[str] = (),
        units: Iterable[str] = (),
        ca: bool | None = False,
        key_usage: x509.KeyUsage | None = None,
        purposes: Iterable[ObjectIdentifier] = (),
        begins: datetime.datetime | None = None,
    ) -> Pair:
        """A certificate and its key, valid for an hour from *begins* (five minutes ago)."""
        names = {
            NameOID.COMMON_NAME: [common] if isinstance(common, str) else common,
            NameOID.ORGANIZATION_NAME: organizations,
            NameOID.ORGANIZATIONAL_UNIT_NAME: units,
        }
        subject = x509.Name(
            [x509.NameAttribute(oid, value) for oid, values in names.items() for value in values]
        )
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _built(subject, self.certificate.subject, key, ca=ca, begins=begins)
        others: list[x509.GeneralName] = [x509.UniformResourceIdentifier(each) for each in uris]
        others += [x509.DNSName(each) for each in dns] + [x509.RFC822Name(each) for each in emails]
        if others:
            builder = builder.add_extension(x509.SubjectAlternativeName(others), critical=False)
        if key_usage is not None:
            builder = builder.add_extension(key_usage, critical=True)
        if purposes:
            builder = builder.add_extension(x509.ExtendedKeyUsage(list(purposes)), critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        pair = Pair(self.folder / f"{file}.crt", self.folder / f"{file}.key")
        pair.certificate.write_bytes(certificate.public_bytes(Encoding.PEM) + self.pem)
        pair.key.touch(0o600)
        pair.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return pair


def _built(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    *,
    ca: bool | None,
    begins: datetime.datetime | None = None,
) -> x509.CertificateBuilder:
    begins = begins or datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=5)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(begins).not_valid_after(begins + HOUR)
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    return builder
