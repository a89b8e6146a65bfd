"""Callers who prove who they are by a client certificate: SPIFFE X.509-SVIDs, and plain ones.

TLS has verified the chain before any of this is asked: dates, signatures, purpose.
Here it is decided whom the certificate speaks for, by the authority in which its
chain ends; whoever is trusted to sign for one entry says nothing about another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, ObjectIdentifier

from vedette.identity import claims as claim
from vedette.identity.certificates import CertificateError
from vedette.identity.crl import Withdrawn, credential, key_id, read_lists
from vedette.identity.errors import IdentityError
from vedette.identity.match import spelt_by
from vedette.identity.spiffe import is_trust_domain, is_workload_of
from vedette.model import Kind, Principal

Place = Literal["common_name", "dns", "email", "uri"]
PLACES: Final = ("common_name", "dns", "email", "uri")
Attribute = Literal["organization", "organizational_unit"]
ATTRIBUTES: Final = ("organization", "organizational_unit")

_OIDS: Final[dict[str, ObjectIdentifier]] = {
    "common_name": NameOID.COMMON_NAME,
    "organization": NameOID.ORGANIZATION_NAME,
    "organizational_unit": NameOID.ORGANIZATIONAL_UNIT_NAME,
}
MAX_CHAIN = 10


@dataclass(frozen=True, slots=True)
class CertificateSettings:
    """Whom the authorities in *ca* (PEM) speak for.

    *name* is the issuer in the principals. With *trust_domain*, certificates are
    X.509-SVIDs and the subject is the SPIFFE ID; else it stands at *subject*, and
    there has to be exactly one. *subjects* are patterns (``*`` is anything), of which
    one must fit; none permits all. *groups* are everybody's, *groups_from* adds the
    values of an attribute of the certificate's name. *crl* (PEM) are the authorities'
    lists of what they withdrew; without a list that is in date nobody is let in.

    Raises ValueError on creation where the trust domain is none.
    """

    ca: Path
    name: str
    trust_domain: str | None = None
    subject: Place = "common_name"
    subjects: tuple[str, ...] = ()
    groups: frozenset[str] = frozenset()
    groups_from: Attribute | None = None
    kind: Kind = Kind.AGENT
    crl: Path | None = None

    def __post_init__(self) -> None:
        if self.trust_domain is not None and not is_trust_domain(self.trust_domain):
            raise ValueError(f"{self.trust_domain!r} is no trust domain")

    def permits(self, subject: str) -> bool:
        return not self.subjects or any(spelt_by(tuple(each.split("*")), subject) for each in self.subjects)


class ClientCertificates:
    """All configured authorities of callers. Reads their files at once, and again on `refresh`.

    Raises:
        CertificateError: a file is missing or holds no certificate.
    """

    def __init__(self, settings: Iterable[CertificateSettings]) -> None:
        self._settings = tuple(settings)
        self._stamps: dict[Path, tuple[int, int, int]] = {}
        self._anchors: dict[Path, frozenset[bytes]] = {}
        self._authorities: dict[Path, list[x509.Certificate]] = {}
        self._withdrawn: dict[tuple[Path, Path], Withdrawn] = {}
        #: Credentials that their authorities' lists name.
        self.withdrawn: frozenset[str] = frozenset()
        self.refresh()

    def __contains__(self, issuer: str) -> bool:
        return any(each.name == issuer for each in self._settings)

    @property
    def files(self) -> tuple[Path, ...]:
        """The bundles that TLS has to trust."""
        return tuple(dict.fromkeys(each.ca for each in self._settings))

    def refresh(self) -> bool:
        """Read what has changed; whether anything had. SPIFFE bundles rotate while the gateway runs.

        Raises:
            CertificateError: a file cannot be read now; what was read before stays.
        """
        changed = {file: stamp for file in self._all() if (stamp := _stamp(file)) != self._stamps.get(file)}
        for file in self.files:
            if file in changed:
                try:
                    found = x509.load_pem_x509_certificates(file.read_bytes())
                except (OSError, ValueError):
                    raise CertificateError(f"{file} holds no certificates of authorities (PEM)") from None
                self._authorities[file] = found
                self._anchors[file] = frozenset(map(_der, found))
        for each in self._settings:
            if each.crl is not None and (each.crl in changed or each.ca in changed):
                self._withdrawn[each.ca, each.crl] = read_lists(each.crl, self._authorities[each.ca])
        self.withdrawn = frozenset().union(*(each.credentials for each in self._withdrawn.values()))
        self._stamps |= changed
        return bool(changed)

    def _all(self) -> tuple[Path, ...]:
        return (*self.files, *(each.crl for each in self._settings if each.crl is not None))

    def principal(self, chain: Sequence[bytes], now: float) -> Principal | None:
        """Who the verified *chain* (DER, the caller's own first) speaks for at *now* (Unix seconds).

        None where its authority is none of these.

        Raises:
            IdentityError: it speaks for nobody here, or not now.
        """
        if not 0 < len(chain) <= MAX_CHAIN:
            return None
        mine = [each for each in self._settings if chain[-1] in self._anchors[each.ca]]
        if not mine:
            return None
        try:
            leaf = _leaf(chain[0])
            authority = key_id(x509.load_der_x509_certificate(chain[1])) if len(chain) > 1 else key_id(leaf)
            expires = _check_times(leaf, now)
            found = [
                (each, who)
                for each in mine
                if (who := _principal(each, leaf, authority, expires)) is not None
            ]
        except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension):
            raise nobody() from None  # parts of a certificate are read, and found broken, when asked for
        # Two entries that fit would make two callers of one; which is meant, only the operator knows.
        if len(found) != 1:
            raise nobody()
        settings, who = found[0]
        if settings.crl is not None:
            self._check_withdrawn(self._withdrawn[settings.ca, settings.crl], authority, who, now)
        return who

    def _check_withdrawn(self, lists: Withdrawn, authority: str, who: Principal, now: float) -> None:
        if not now < lists.until.get(authority, 0.0):
            raise IdentityError(
                "identity.unavailable", "what was withdrawn cannot be known now; try again later"
            )
        if who.credential in lists.credentials:
            raise IdentityError("identity.revoked", "the certificate was withdrawn; get a new one")


def _stamp(file: Path) -> tuple[int, int, int]:
    try:
        status = file.stat()
    except OSError:
        return (0, 0, 0)  # reading it says what is wrong
    return (status.st_mtime_ns, status.st_ino, status.st_size)


def nobody() -> IdentityError:
    """One text for every reason, so that it tells nothing about the configuration."""
    return IdentityError("identity.certificate", "the client certificate speaks for nobody here")


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _leaf(der: bytes) -> x509.Certificate:
    """The caller's own certificate, which must not be one that signs others."""
    leaf = x509.load_der_x509_certificate(der)
    for extension in leaf.extensions:
        value = extension.value
        if isinstance(value, x509.BasicConstraints) and value.ca:
            raise nobody()
        if isinstance(value, x509.KeyUsage) and (
            value.key_cert_sign or value.crl_sign or not value.digital_signature
        ):
            raise nobody()
    return leaf


def _check_times(leaf: x509.Certificate, now: float) -> float:
    begins, expires = (at.timestamp() for at in (leaf.not_valid_before_utc, leaf.not_valid_after_utc))
    if now >= expires:
        raise IdentityError("identity.expired", "the certificate's time is over; get a new one")
    if now < begins:
        raise IdentityError("identity.not_yet", "the certificate's time has not begun; compare the clocks")
    return expires


def _principal(
    settings: CertificateSettings, leaf: x509.Certificate, authority: str, expires: float
) -> Principal | None:
    """None where *settings* is about others."""
    values = _values(leaf, "uri" if settings.trust_domain is not None else settings.subject)
    if len(values) != 1 or not settings.permits(values[0]):
        return None
    subject = values[0]
    if settings.trust_domain is not None and not is_workload_of(subject, settings.trust_domain):
        return None
    groups = settings.groups
    if settings.groups_from is not None:
        groups |= claim.names(_values(leaf, settings.groups_from), "the certificate's groups")
    subject = claim.name(subject, "the certificate's subject")
    return Principal(
        subject=subject,
        kind=settings.kind,
        groups=groups,
        issuer=settings.name,
        email=subject if settings.trust_domain is None and settings.subject == "email" else None,
        credential=credential(authority, leaf.serial_number),
        expires=expires,
    )


def _values(leaf: x509.Certificate, place: str) -> list[str]:
    """All texts at *place*: an attribute of the name, or a kind of alternative name."""
    if place in _OIDS:
        return [str(each.value) for each in leaf.subject.get_attributes_for_oid(_OIDS[place])]
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    if place == "dns":
        return names.get_values_for_type(x509.DNSName)
    if place == "email":
        return names.get_values_for_type(x509.RFC822Name)
    return names.get_values_for_type(x509.UniformResourceIdentifier)
