"""TLS contexts for both sides, and the channel binding that SCRAM takes from a certificate."""

from __future__ import annotations

import contextlib
import os
import ssl
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Literal, NoReturn

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

from vedette.credentials.keyfile import KeyFileError, read_private
from vedette.credentials.secret import Secret
from vedette.identity.certificates import CertificateError, CertificateFiles

#: How an upstream's certificate is checked, in libpq's words (manual, "SSL Support"),
#: without its two that fall back to plain text.
Mode = Literal["disable", "require", "verify-ca", "verify-full"]
MODES: Final = ("disable", "require", "verify-ca", "verify-full")

#: What direct TLS has to agree on (PostgreSQL manual, "SSL Session Encryption").
POSTGRESQL_ALPN: Final = ("postgresql",)


def server_context(
    files: CertificateFiles, *, client_ca: Path | None = None, alpn: tuple[str, ...] = POSTGRESQL_ALPN
) -> ssl.SSLContext:
    """For the listener: TLS 1.2 or newer, with the certificate in *files*.

    With *client_ca* (PEM), callers may show a certificate, and one that is not
    from there ends the handshake.

    Raises:
        CertificateError: missing, unsafe or unusable.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    try:
        read_private(files.key)  # for its check of the mode
        context.load_cert_chain(files.certificate, files.key, password=_no_password)
    except (OSError, KeyFileError) as error:
        raise CertificateError(f"the server certificate cannot be used: {_why(error)}") from None
    if client_ca is not None:
        context.verify_mode = ssl.CERT_OPTIONAL
        _trust(context, client_ca)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def trust_callers(context: ssl.SSLContext, files: Iterable[Path]) -> None:
    """Let callers of *context* show certificates from the authorities in *files* (PEM) too.

    May be called again while the context is in use, as when a bundle has changed.
    Sessions are not resumed: what a resumed one was verified with is not known.

    Raises:
        CertificateError: a file cannot be used.
    """
    for file in files:
        context.verify_mode = ssl.CERT_OPTIONAL
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
        _trust(context, file)


def verified_chain(session: ssl.SSLObject) -> tuple[bytes, ...]:
    """The peer's certificate and those that TLS verified it by, up to the trusted one, in DER.

    Empty where it showed none. Up to Python 3.12 only the inner object tells
    (`ssl.SSLObject.get_verified_chain` is new in 3.13); it has been there since 3.10.
    """
    if session.getpeercert(binary_form=True) is None:
        return ()
    if hasattr(session, "get_verified_chain"):
        return tuple(session.get_verified_chain())
    chain = session._sslobj.get_verified_chain()  # type: ignore[attr-defined]
    return tuple(ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in chain or ())


def upstream_context(
    mode: Mode,
    ca: Path | None = None,
    certificate: bytes | None = None,
    key: Secret | None = None,
    *,
    alpn: tuple[str, ...] = POSTGRESQL_ALPN,
) -> ssl.SSLContext | None:
    """For dialling; None where *mode* is ``disable``.

    ``require`` encrypts without looking at the certificate, ``verify-ca`` wants
    it signed by a trusted authority, ``verify-full`` made for the host's name
    too. *ca* (PEM) replaces the system's trusted authorities. *certificate* and
    *key* (PEM) are shown to an upstream that asks for them.

    Raises:
        CertificateError: an unknown mode, or something that cannot be used.
    """
    if mode not in MODES:
        raise CertificateError(f"tls: {mode} is not one of {', '.join(MODES)}")
    if mode == "disable":
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = mode == "verify-full"
    context.verify_mode = ssl.CERT_NONE if mode == "require" else ssl.CERT_REQUIRED
    if mode != "require":
        _trust(context, ca)
    if certificate is not None and key is not None:
        _show(context, certificate, key)
    elif certificate is not None or key is not None:
        raise CertificateError("a client certificate needs both certificate and key")
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def _trust(context: ssl.SSLContext, ca: Path | None) -> None:
    if ca is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        return
    try:
        context.load_verify_locations(cafile=ca)
    except OSError as error:
        raise CertificateError(f"{ca} holds no authority to trust: {_why(error)}") from None


def _show(context: ssl.SSLContext, certificate: bytes, key: Secret) -> None:
    """Python loads certificates from files only, so the key gets one that exists in memory alone."""
    try:
        with _in_memory(certificate + b"\n" + key.reveal_bytes()) as path:
            context.load_cert_chain(path, password=_no_password)
    except OSError as error:
        raise CertificateError(f"the client certificate cannot be used: {_why(error)}") from None


@contextlib.contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("vedette", os.MFD_CLOEXEC)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            yield f"/proc/self/fd/{descriptor}"
        return
    # Elsewhere: a file that has no name by the time anything is written to it.
    with tempfile.TemporaryFile() as unnamed:
        unnamed.write(content)
        unnamed.flush()
        unnamed.seek(0)
        yield f"/dev/fd/{unnamed.fileno()}"


def _no_password() -> NoReturn:
    """Asked for where a key is encrypted; OpenSSL would prompt on the terminal otherwise."""
    raise CertificateError("the private key is encrypted; store it without a pass phrase, in a private file")


def _why(error: OSError | KeyFileError) -> str:
    """OpenSSL's word for it, without file content."""
    if isinstance(error, ssl.SSLError):
        return error.reason or "not PEM, or certificate and key do not fit"
    return str(error)


def tls_server_end_point(certificate: bytes) -> bytes:
    """The channel binding ``tls-server-end-point`` of a certificate in DER.

    Source: RFC 5929 section 4.1. The hash is that of the certificate's own
    signature; SHA-256 where that one is MD5 or SHA-1.

    Raises:
        CertificateError: not a certificate, or its signature has no hash of its
            own (Ed25519, Ed448): RFC 5929 then defines no binding.
    """
    try:
        parsed = x509.load_der_x509_certificate(certificate)
        algorithm = parsed.signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateError("the certificate gives no channel binding: its signature is unknown") from None
    if algorithm is None:
        raise CertificateError("the certificate gives no channel binding: its signature has no hash")
    if isinstance(algorithm, hashes.MD5 | hashes.SHA1):
        algorithm = hashes.SHA256()
    digest = hashes.Hash(algorithm)
    digest.update(certificate)
    return digest.finalize()
