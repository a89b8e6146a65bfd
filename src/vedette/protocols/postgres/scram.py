"""SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, both parts, without any I/O.

Sources: RFC 5802 (the exchange), RFC 7677 (SHA-256), RFC 5929 (tls-server-end-point),
RFC 4013 (SASLprep). Where PostgreSQL differs we do as it does: the user name inside
the exchange is ignored (the start-up packet has named it), and a password that
SASLprep refuses is used as its raw bytes.

Every malformed message raises ScramError; no message does anything else.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import stringprep
import unicodedata
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

PLAIN = "SCRAM-SHA-256"
PLUS = "SCRAM-SHA-256-PLUS"

DEFAULT_ITERATIONS = 4096
# What a server may ask of us. Fewer makes an overheard exchange cheap to search
# (RFC 7677 section 4); more lets a hostile server burn our processor.
LEAST_ITERATIONS = 4096
MOST_ITERATIONS = 1_000_000
MAX_NONCE = 1024
MAX_SALT_BYTES = 1024

_BINDING_TYPE = b"tls-server-end-point"
# RFC 5802 section 7: printable ASCII without the comma.
_NONCE = re.compile(rb"[\x21-\x2b\x2d-\x7e]+")
_ITERATIONS = re.compile(rb"[1-9][0-9]{0,9}")


class ScramError(Exception):
    """The peer's message is malformed, or it proved the wrong thing. Never holds a secret."""


class Record(Protocol):
    """What a server keeps instead of a password."""

    @property
    def salt(self) -> bytes: ...
    @property
    def iterations(self) -> int: ...
    @property
    def stored_key(self) -> bytes: ...
    @property
    def server_key(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Verifier:
    """A Record. Whoever has *stored_key* and *server_key* can play the server, not the client."""

    salt: bytes
    iterations: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)


def prepare(password: str) -> bytes:
    """
    *password* as SCRAM hashes it: SASLprep where that applies, else its UTF-8 bytes.

    Source: RFC 4013; PostgreSQL's leniency for what SASLprep prohibits.
    """
    raw = password.encode("utf-8", "surrogateescape")
    if password.isascii():
        return raw
    mapped = "".join(
        " " if stringprep.in_table_c12(char) else char
        for char in password
        if not stringprep.in_table_b1(char)
    )
    normal = unicodedata.normalize("NFKC", mapped)
    if not normal or any(map(_prohibited, normal)) or not _bidirectional_rules_hold(normal):
        return raw
    return normal.encode("utf-8")


def _prohibited(char: str) -> bool:
    return (
        stringprep.in_table_c12(char)
        or stringprep.in_table_c21_c22(char)
        or stringprep.in_table_c3(char)
        or stringprep.in_table_c4(char)
        or stringprep.in_table_c5(char)
        or stringprep.in_table_c6(char)
        or stringprep.in_table_c7(char)
        or stringprep.in_table_c8(char)
        or stringprep.in_table_c9(char)
        or stringprep.in_table_a1(char)
    )


def _bidirectional_rules_hold(text: str) -> bool:
    """RFC 3454 section 6: right-to-left text stands alone and at both ends."""
    if not any(map(stringprep.in_table_d1, text)):
        return True
    if any(map(stringprep.in_table_d2, text)):
        return False
    return stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])


def salted(password: str, salt: bytes, iterations: int) -> bytes:
    """The expensive step (about 0.4 µs an iteration); *iterations* is the caller's to bound."""
    return hashlib.pbkdf2_hmac("sha256", prepare(password), salt, iterations)


def verifier(password: str, *, salt: bytes | None = None, iterations: int = DEFAULT_ITERATIONS) -> Verifier:
    """What to keep of *password*."""
    salt = secrets.token_bytes(16) if salt is None else salt
    key = salted(password, salt, iterations)
    stored = hashlib.sha256(_hmac(key, b"Client Key")).digest()
    return Verifier(salt, iterations, stored, _hmac(key, b"Server Key"))


def mock(user: str, key: bytes, iterations: int = DEFAULT_ITERATIONS) -> Verifier:
    """
    A verifier for a user that does not exist; nobody can satisfy it.

    The same user gets the same salt each time, as a real one would, so that an
    exchange does not tell who exists. *key* is secret and stays for the life of the
    process.
    """
    name = user.encode("utf-8", "surrogateescape")
    return Verifier(
        salt=_hmac(key, b"salt\0" + name)[:16],
        iterations=iterations,
        stored_key=_hmac(key, b"stored\0" + name),
        server_key=_hmac(key, b"server\0" + name),
    )


class Client:
    """
    The part that has the password. Order: first, challenge, final, verify.

    *binding* is the tls-server-end-point hash of the server's certificate, None
    where there is no TLS or no such hash. *plus* is whether the server offered the
    PLUS mechanism; with a binding and no offer we say so ("y"), which lets an honest
    server find out that somebody struck PLUS from its list.
    """

    def __init__(self, *, binding: bytes | None, plus: bool, nonce: str | None = None) -> None:
        self.mechanism = PLUS if plus and binding is not None else PLAIN
        if self.mechanism == PLUS:
            self._header, self._bound = b"p=" + _BINDING_TYPE + b",,", binding or b""
        else:
            self._header, self._bound = (b"n,," if binding is None else b"y,,"), b""
        self._nonce = (nonce or secrets.token_urlsafe(24)).encode("ascii")
        self._bare = b"n=,r=" + self._nonce
        self._server_first = b""
        self._server_nonce = b""
        self._signature = b""

    def first(self) -> bytes:
        """client-first-message. The user name is left empty, as libpq leaves it."""
        return self._header + self._bare

    def challenge(
        self, server_first: bytes, *, least: int = LEAST_ITERATIONS, most: int = MOST_ITERATIONS
    ) -> tuple[bytes, int]:
        """
        Salt and iteration count to derive the salted password with.

        Raises:
            ScramError: malformed, not our nonce, or iterations outside *least* to *most*.
        """
        nonce, salt, count = _attributes(server_first, b"rsi")
        if not nonce.startswith(self._nonce) or len(nonce) <= len(self._nonce):
            raise ScramError("the server's nonce does not continue ours")
        _check_nonce(nonce)
        decoded = _decode(salt, "salt")
        if not 0 < len(decoded) <= MAX_SALT_BYTES:
            raise ScramError(f"a salt of {len(decoded)} bytes")
        if not _ITERATIONS.fullmatch(count):
            raise ScramError("the iteration count is not a number")
        iterations = int(count)
        if not least <= iterations <= most:
            raise ScramError(f"{iterations} iterations are outside {least} to {most}")
        self._server_first, self._server_nonce = server_first, nonce
        return decoded, iterations

    def final(self, salted_password: bytes) -> bytes:
        """client-final-message, from the salted password that `challenge` asked for."""
        bound = base64.b64encode(self._header + self._bound)
        without_proof = b"c=" + bound + b",r=" + self._server_nonce
        everything = b",".join((self._bare, self._server_first, without_proof))
        client_key = _hmac(salted_password, b"Client Key")
        proof = _xor(client_key, _hmac(hashlib.sha256(client_key).digest(), everything))
        self._signature = _hmac(_hmac(salted_password, b"Server Key"), everything)
        return without_proof + b",p=" + base64.b64encode(proof)

    def verify(self, server_final: bytes) -> None:
        """
        Let the server prove that it knows the password too.

        Raises:
            ScramError: malformed, an error from the server, or the wrong signature.
        """
        if not self._signature:
            raise ScramError("the server's proof came before ours")
        if server_final.startswith(b"e="):
            raise ScramError("the server ended the exchange")
        (signature,) = _attributes(server_final, b"v")
        if not hmac.compare_digest(_decode(signature, "signature"), self._signature):
            raise ScramError("the server does not know the password")


class Server:
    """
    The part that has a verifier. Order: first, final.

    *binding* is the tls-server-end-point hash of our certificate, None without TLS;
    with it both mechanisms are offered, without it only the plain one. A *doomed*
    exchange (no such user) runs to its end like any other and fails there.
    """

    def __init__(
        self, record: Record, *, binding: bytes | None, nonce: str | None = None, doomed: bool = False
    ) -> None:
        self._record = record
        self._binding = binding
        self._doomed = doomed
        self._own_nonce = (nonce or secrets.token_urlsafe(24)).encode("ascii")
        self._header = b""
        self._bare = b""
        self._nonce = b""
        self._first = b""
        self._plus = False

    @staticmethod
    def mechanisms(binding: bytes | None) -> tuple[str, ...]:
        """What to offer, best first."""
        return (PLAIN,) if binding is None else (PLUS, PLAIN)

    def first(self, mechanism: str, client_first: bytes) -> bytes:
        """
        server-first-message in answer to *client_first*.

        Raises:
            ScramError: malformed, or a mechanism or binding that was not on offer.
        """
        if mechanism not in self.mechanisms(self._binding):
            raise ScramError("a mechanism that was not offered")
        self._plus = mechanism == PLUS
        flag, _, rest = client_first.partition(b",")
        authzid, comma, bare = rest.partition(b",")
        self._check_flag(flag)
        if not comma or authzid:
            raise ScramError("an authorization identity is not supported" if authzid else "no bare message")
        _name, nonce = _attributes(bare, b"nr")
        _check_nonce(nonce)
        self._header = flag + b",,"
        self._bare = bare
        self._nonce = nonce + self._own_nonce
        salt = base64.b64encode(self._record.salt)
        self._first = b"r=%b,s=%b,i=%d" % (self._nonce, salt, self._record.iterations)
        return self._first

    def _check_flag(self, flag: bytes) -> None:
        if self._plus:
            if flag != b"p=" + _BINDING_TYPE:
                raise ScramError("the channel binding is not tls-server-end-point")
        elif flag == b"y":
            # The client can bind and believes that we cannot. If we offered it,
            # somebody between us changed the list (RFC 5802 section 6).
            if self._binding is not None:
                raise ScramError("the offer of channel binding was removed on its way")
        elif flag != b"n":
            raise ScramError("an unknown channel binding flag")

    def final(self, client_final: bytes) -> bytes | None:
        """
        server-final-message, or None where the proof is wrong (or the user does not exist).

        Raises:
            ScramError: malformed, another nonce, or a channel binding that does not match.
        """
        if not self._first:
            raise ScramError("a proof before the exchange began")
        without_proof, mark, encoded = client_final.rpartition(b",p=")
        if not mark:
            raise ScramError("a final message without proof")
        proof = _decode(encoded, "proof")
        if len(proof) != 32:
            raise ScramError(f"a proof of {len(proof)} bytes")
        bound, nonce = _attributes(without_proof, b"cr")
        expected = self._header + (self._binding or b"" if self._plus else b"")
        if not hmac.compare_digest(bound, base64.b64encode(expected)):
            raise ScramError("the channel binding does not match: another party holds the TLS session")
        if not hmac.compare_digest(nonce, self._nonce):
            raise ScramError("the nonce does not match")
        everything = b",".join((self._bare, self._first, without_proof))
        client_key = _xor(proof, _hmac(self._record.stored_key, everything))
        genuine = hmac.compare_digest(hashlib.sha256(client_key).digest(), self._record.stored_key)
        signature = _hmac(self._record.server_key, everything)
        if not genuine or self._doomed:
            return None
        return b"v=" + base64.b64encode(signature)


def _attributes(text: bytes, names: bytes) -> list[bytes]:
    """
    The values of exactly these one-letter attributes in this order; what follows is
    an extension and ignored, except that ``m=`` (mandatory) is refused wherever it stands.
    """
    parts = text.split(b",")
    if len(parts) < len(names):
        _malformed()
    for part in parts:
        if part[:2] == b"m=":
            raise ScramError("a mandatory extension that is not supported")
    values = []
    for name, part in zip(names, parts, strict=False):
        if part[:2] != bytes((name, 0x3D)):
            _malformed()
        values.append(part[2:])
    for part in parts[len(names) :]:
        if len(part) < 2 or part[1:2] != b"=" or not part[:1].isalpha():
            _malformed()
    return values


def _malformed() -> NoReturn:
    raise ScramError("a malformed message")


def _check_nonce(nonce: bytes) -> None:
    if len(nonce) > MAX_NONCE or not _NONCE.fullmatch(nonce):
        raise ScramError("a nonce that is empty, too long or not printable")


def _decode(text: bytes, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        pass  # raised below, outside: the decoder's error says nothing that we want to show
    raise ScramError(f"the {what} is not base64")


def _hmac(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
