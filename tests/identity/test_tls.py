"""TLS on both sides, shaken hands in memory."""

from __future__ import annotations

import datetime as dt
import hashlib
import ssl
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from vedette.credentials import Secret
from vedette.identity.certificates import CertificateError, CertificateFiles, generated_certificate
from vedette.identity.tls import server_context, tls_server_end_point, upstream_context


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> CertificateFiles:
    return generated_certificate(tmp_path_factory.mktemp("tls"), now=time.time())


def shake(client: ssl.SSLContext, server: ssl.SSLContext, name: str = "localhost"):
    """Both ends after the handshake. Raises ssl.SSLError as the client or server does."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(down, up, server_hostname=name),
        server.wrap_bio(up, down, server_side=True),
    )
    for _ in range(6):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return ends


def test_verify_full_accepts_the_right_name(files):
    near, far = shake(upstream_context("verify-full", files.ca), server_context(files))

    assert near.version() == "TLSv1.3"
    assert near.selected_alpn_protocol() == far.selected_alpn_protocol() == "postgresql"


def test_verify_full_refuses_another_name_and_verify_ca_does_not(files):
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(upstream_context("verify-full", files.ca), server_context(files), "evil.example")
    assert shake(upstream_context("verify-ca", files.ca), server_context(files), "evil.example")


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_an_unknown_authority_is_refused(files, mode, tmp_path):
    stranger = generated_certificate(tmp_path, now=time.time())

    for ca in (stranger.ca, None):
        with pytest.raises(ssl.SSLCertVerificationError):
            shake(upstream_context(mode, ca), server_context(files))


def test_require_encrypts_without_looking(files):
    assert shake(upstream_context("require"), server_context(files), "evil.example")[0].cipher()


def test_disable_is_no_context():
    assert upstream_context("disable") is None


@pytest.mark.parametrize("mode", ["", "prefer", "allow", "verify", "VERIFY-FULL"])
def test_a_mode_that_could_fall_back_does_not_exist(mode):
    with pytest.raises(CertificateError, match="not one of"):
        upstream_context(mode)


def test_old_tls_is_refused(files):
    client = upstream_context("require")
    client.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning):
        client.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        shake(client, server_context(files))


def test_a_client_certificate_is_shown_from_memory(files):
    server = server_context(files, client_ca=files.ca)
    mine = upstream_context("verify-full", files.ca, *client_pair(files))

    _, far = shake(mine, server)

    assert far.getpeercert()["subject"] == ((("commonName", "app_rw"),),)


def test_a_callers_certificate_from_elsewhere_ends_the_handshake_and_none_does_not(files, tmp_path):
    server = server_context(files, client_ca=files.ca)
    stranger = generated_certificate(tmp_path, now=time.time())

    assert shake(upstream_context("verify-full", files.ca), server)[1].getpeercert() is None
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(upstream_context("verify-full", files.ca, *client_pair(stranger)), server)


def client_pair(files) -> tuple[bytes, Secret]:
    ca_key = serialization.load_pem_private_key((files.key.parent / "ca.key").read_bytes(), None)
    ca = x509.load_pem_x509_certificate(files.ca.read_bytes())
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = self_made(key.public_key(), ca_key, hashes.SHA256(), ca.subject)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(pem), Secret(private)


def self_made(public, signer, algorithm, issuer=None) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "app_rw")])
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer or name)
        .public_key(public)
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(1))
        .not_valid_after(now + dt.timedelta(1))
        .sign(signer, algorithm)
    )


def test_a_certificate_without_its_key_or_the_reverse_is_refused(files):
    for pair in ((b"x", None), (None, Secret("x"))):
        with pytest.raises(CertificateError, match="both"):
            upstream_context("require", None, *pair)


def test_a_key_that_does_not_fit_is_refused_and_not_shown(files):
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(CertificateError) as caught:
        upstream_context("require", None, files.certificate.read_bytes(), Secret(other))
    assert other.decode()[30:60] not in str(caught.value)


def test_an_encrypted_key_is_refused_instead_of_asking_on_the_terminal(files, tmp_path):
    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"pass"),
    )
    path = tmp_path / "server.key"
    path.write_bytes(locked)
    path.chmod(0o600)
    with pytest.raises(CertificateError, match="pass phrase"):
        upstream_context("require", None, files.certificate.read_bytes(), Secret(locked))
    with pytest.raises(CertificateError, match="pass phrase"):
        server_context(CertificateFiles(files.certificate, path))


def test_files_that_are_missing_or_unsafe_are_refused_with_their_name(files, tmp_path):
    with pytest.raises(CertificateError, match="does not exist"):
        server_context(CertificateFiles(files.certificate, tmp_path / "none.key"))
    with pytest.raises(CertificateError, match=r"none\.pem"):
        upstream_context("verify-full", tmp_path / "none.pem")
    loose = tmp_path / "server.key"
    loose.write_bytes(files.key.read_bytes())
    loose.chmod(0o640)
    with pytest.raises(CertificateError, match="chmod 600"):
        server_context(CertificateFiles(files.certificate, loose))


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [(hashes.SHA256(), "sha256"), (hashes.SHA384(), "sha384"), (hashes.SHA512(), "sha512")],
)
def test_channel_binding_uses_the_signatures_own_hash(algorithm, digest):
    key = ec.generate_private_key(ec.SECP256R1())
    der = self_made(key.public_key(), key, algorithm).public_bytes(serialization.Encoding.DER)

    assert tls_server_end_point(der) == hashlib.new(digest, der).digest()


@pytest.mark.parametrize("algorithm", ["sha1WithRSAEncryption", "md5WithRSAEncryption"])
def test_channel_binding_replaces_weak_hashes_by_sha256(algorithm):
    der = relabelled(algorithm)

    assert tls_server_end_point(der) == hashlib.sha256(der).digest()


def relabelled(algorithm: str) -> bytes:
    """An RSA certificate that says it is signed by *algorithm*; the binding does not ask whether it is."""
    from tests.identity.forge import rsa_key

    key = rsa_key("r1")
    der = self_made(key.public_key(), key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    numbers = {"sha256": 11, "sha1WithRSAEncryption": 5, "md5WithRSAEncryption": 4}
    pkcs1 = bytes.fromhex("2a864886f70d0101")
    return der.replace(pkcs1 + bytes([numbers["sha256"]]), pkcs1 + bytes([numbers[algorithm]]))


def test_a_certificate_without_hash_gives_no_binding():
    key = ed25519.Ed25519PrivateKey.generate()
    der = self_made(key.public_key(), key, None).public_bytes(serialization.Encoding.DER)

    for bad in (der, b"", b"not a certificate"):
        with pytest.raises(CertificateError, match="no channel binding"):
            tls_server_end_point(bad)
