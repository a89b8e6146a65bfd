"""A throw-away certificate authority: server, client, and the ones that must be refused."""

from __future__ import annotations

import datetime
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.testbed import processes


@dataclass(frozen=True, slots=True)
class Pair:
    """Two PEM files: a certificate and its key (mode 600, as libpq and the server insist)."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Authority:
    """*root* signs *server* (localhost, 127.0.0.1) and clients; *stranger* signed nothing here."""

    folder: Path
    root: Pair
    server: Pair
    client: Pair
    stranger: Pair

    @classmethod
    def create(cls, folder: Path, client: str = "by_cert") -> Authority:
        """Writes all files below *folder*; *client* is the common name in the client certificate."""
        folder.mkdir(parents=True, exist_ok=True)
        root_key, root = _authority("Vedette test authority")
        stranger_key, stranger = _authority("Somebody else")
        server_key, server = _leaf("localhost", root_key, root)
        client_key, of_client = _leaf(client, root_key, root)
        return cls(
            folder=folder,
            root=_write(folder, "root", root, root_key),
            server=_write(folder, "server", server, server_key),
            client=_write(folder, "client", of_client, client_key),
            stranger=_write(folder, "stranger", stranger, stranger_key),
        )

    def issue(self, name: str, *, expired: bool = False) -> Pair:
        """Another certificate from the same root."""
        key = serialization.load_pem_private_key(self.root.key.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        root = x509.load_pem_x509_certificate(self.root.certificate.read_bytes())
        own, certificate = _leaf(name, key, root, expired=expired)
        return _write(self.folder, name + ("-expired" if expired else ""), certificate, own)

    def server_settings(self, data: Path) -> dict[str, str]:
        """PostgreSQL's settings, the files copied into its data folder as its own user needs them."""
        names = {"ssl_cert_file": self.server.certificate, "ssl_key_file": self.server.key}
        names["ssl_ca_file"] = self.root.certificate
        for source in names.values():
            target = data / source.name
            target.write_bytes(source.read_bytes())
            target.chmod(0o600)
            if not processes.unprivileged():
                os.chown(target, processes.NOBODY, processes.NOBODY)
        return {setting: source.name for setting, source in names.items()}


_USAGE = x509.KeyUsage(
    digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
    key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
)  # fmt: skip


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(
    subject: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, expired: bool
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    start = now - datetime.timedelta(days=10 if expired else 1)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=5))
    )


def _authority(name: str) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(name, _name(name), key, expired=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    # Python 3.13 insists on what RFC 5280 says a certificate has.
    builder = builder.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
    )
    builder = builder.add_extension(_USAGE, critical=True)
    return key, builder.sign(key, hashes.SHA256())


def _leaf(
    name: str, signer: ec.EllipticCurvePrivateKey, root: x509.Certificate, *, expired: bool = False
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    loopback = x509.IPAddress(ipaddress.ip_address(processes.LOOPBACK))
    usage = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = _builder(name, root.subject, key, expired=expired)
    builder = builder.add_extension(
        x509.SubjectAlternativeName([x509.DNSName(name), loopback]), critical=False
    )
    builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=False)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    builder = builder.add_extension(issuer, critical=False)
    return key, builder.sign(signer, hashes.SHA256())


def _write(folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    pair = Pair(folder / f"{name}.crt", folder / f"{name}.key")
    pair.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pair.key.touch(0o600)
    pair.key.write_bytes(private)
    return pair
