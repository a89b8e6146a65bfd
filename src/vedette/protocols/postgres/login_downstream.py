"""The caller's login: who is calling, and for which resource.

Two generators. `doorstep` is what happens before any TLS: encryption requests,
and the first bytes of the packet that follows. `Arrival` is the login proper. Its
evidence is one of

- an API key, by SCRAM-SHA-256 (or -PLUS inside TLS), where the user name is a key's;
- a token, as a password in clear, inside TLS or from this machine only;
- a client certificate, which TLS has verified, and then nothing more is asked;
- a token by OAUTHBEARER (RFC 7628), where the user name is ``oauth`` or the start-up
  options carry ``-c vedette.login=oauth``, with the same restriction.

``-c vedette.login=`` with ``token`` or ``certificate`` insists on that evidence.

AuthenticationOk is not sent here: the caller hears it once the upstream let us in.
Which resources exist is not told before the caller has proven who it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, overload

from vedette.model import Principal
from vedette.protocols.postgres import scram
from vedette.protocols.postgres.login_steps import (
    Certified,
    FindKey,
    Need,
    Peek,
    Proven,
    Quiet,
    Rejected,
    Send,
    Step,
    Verify,
    read_message,
)
from vedette.protocols.postgres.messages import (
    ProtocolError,
    authentication,
    backend_key,
    error,
    parameter_status,
    read_cstring,
    read_i32,
    ready,
)
from vedette.protocols.postgres.scram import ScramError
from vedette.protocols.postgres.startup import (
    TLS_HANDSHAKE,
    CancelRequest,
    GssRequest,
    SslRequest,
    Startup,
    StartupRefused,
    packet_length,
    read_packet,
)

#: The server's own cap on what a client may send as evidence (PG_MAX_AUTH_TOKEN_LENGTH).
MAX_EVIDENCE_BYTES = 65_535

_OK, _CLEARTEXT, _SASL, _SASL_CONTINUE, _SASL_FINAL = 0, 3, 10, 11, 12
_OAUTHBEARER = "OAUTHBEARER"
# RFC 6750 section 2.1, and the scheme's name in any case (RFC 7235 section 2.1).
_BEARER = re.compile(rb"(?i:bearer) +([A-Za-z0-9\-._~+/]+=*)")
_KEY_NAME = re.compile(rb"[A-Za-z]+")
_SECURE = "connect with sslmode=require or better"


@dataclass(frozen=True, slots=True)
class Plain:
    """The connection stays as it is; *head* is the first eight bytes of the next packet."""

    head: bytes


@dataclass(frozen=True, slots=True)
class StartTls:
    """The connection becomes TLS now. *direct*: the caller began without asking, so ALPN is due."""

    direct: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """
    Under what conditions a login takes place.

    *encrypted*: inside TLS. *local*: from this machine (loopback or a Unix socket).
    *binding*: tls-server-end-point of our certificate, inside TLS. *require_tls*
    refuses callers from elsewhere without it. *knows* tells whether a resource
    exists. *mock_key* is secret, at least 16 bytes, and stays for the process's
    life. *issuer* and *scope* are what an OAUTHBEARER client is told to use.
    *is_key* tells by its form alone whether a user name is an API key's: those get
    SCRAM whether they exist or not, so that existence does not show.
    """

    encrypted: bool
    local: bool
    knows: Callable[[str], bool]
    mock_key: bytes = field(repr=False)
    binding: bytes | None = None
    require_tls: bool = False
    issuer: str = ""
    scope: str = ""
    is_key: Callable[[str], bool] = lambda user: False


@dataclass(frozen=True, slots=True)
class Login:
    """A caller that has proven who it is. *method* is ``key``, ``token``, ``oauth`` or ``certificate``."""

    principal: Principal
    resource: str
    user: str
    settings: Mapping[str, str]
    version: int
    encrypted: bool
    method: str


@dataclass(frozen=True, slots=True)
class Refused:
    """
    A caller that was turned away, and has been told so (except ``login.gone``).

    *code* is stable. *user* and *resource* are what it claimed, empty where it did
    not come that far.
    """

    code: str
    reason: str
    sqlstate: str = "28000"
    hint: str = ""
    user: str = ""
    resource: str = ""

    def message(self) -> bytes:
        """The FATAL ErrorResponse for the caller."""
        return error(
            self.sqlstate,
            f"vedette: {self.reason}",
            detail=f"code {self.code}",
            hint=self.hint,
            severity="FATAL",
        )


class _TurnAway(Exception):
    """Ends a login from wherever it stands; never leaves this module."""

    def __init__(self, code: str, sqlstate: str, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.code, self.sqlstate, self.reason, self.hint = code, sqlstate, reason, hint


def doorstep(tls: bool) -> Generator[Step, Any, Plain | StartTls]:
    """
    The part of a connection before TLS. *tls*: whether we can.

    Bytes that wait behind an SSLRequest before it is answered end the connection:
    whoever stuffed them in is not the one in the TLS session (CVE-2021-23214). After
    the answer it would be too late to ask: a quick caller's ClientHello is there.

    Raises:
        ProtocolError: not PostgreSQL, or an encryption request repeated.
    """
    seen: set[type] = set()
    while True:
        first: bytes = yield Peek()
        if first[0] == TLS_HANDSHAKE and not seen:
            if not tls:
                raise ProtocolError("a TLS handshake, and no certificate here")
            return StartTls(direct=True)
        head: bytes = yield Need(8)
        if packet_length(head) != 8:
            return Plain(head)
        packet = read_packet(head)
        if not isinstance(packet, SslRequest | GssRequest) or type(packet) in seen:
            raise ProtocolError("an encryption request repeated")
        seen.add(type(packet))
        if isinstance(packet, SslRequest) and tls:
            yield Quiet()
            yield Send(b"S")
            return StartTls(direct=False)
        yield Send(b"N")


class Arrival:
    """
    One caller's login from its start-up packet to the proof of who it is.

    *head* is what `doorstep` has read already. `startup` is there as soon as it is
    known, so that a record of a login that breaks off can say who it was, and `refusal`
    as soon as it is decided: who hangs up instead of hearing it was refused all the same.
    """

    def __init__(self, terms: Terms, head: bytes = b"") -> None:
        self._terms = terms
        self._head = head
        self.startup: Startup | None = None
        self.refusal: Refused | None = None

    def talk(self) -> Generator[Step, Any, Login | CancelRequest | Refused]:
        """Ends with a value whatever the caller sends; raises nothing."""
        try:
            return (yield from self._talk())
        except StartupRefused as no:
            refused = self.refused(no.code, no.reason, no.sqlstate, no.hint)
        except (ProtocolError, ScramError) as bad:
            refused = self.refused("login.protocol", str(bad), "08P01")
        except _TurnAway as no:
            refused = self.refused(no.code, no.reason, no.sqlstate, no.hint)
        self.refusal = refused
        yield Send(refused.message())
        return refused

    def refused(self, code: str, reason: str, sqlstate: str, hint: str = "") -> Refused:
        """A refusal that names the caller as far as it is known."""
        user, database = (self.startup.user, self.startup.database) if self.startup else ("", "")
        return Refused(code, reason, sqlstate, hint, user, database)

    def _talk(self) -> Generator[Step, Any, Login | CancelRequest]:
        head: bytes = self._head
        if not head:
            head = yield Need(8)
        length = packet_length(head)
        rest: bytes = b""
        if length > 8:
            rest = yield Need(length - 8)
        packet = read_packet(head + rest)
        if isinstance(packet, CancelRequest):
            return packet
        if not isinstance(packet, Startup):
            raise ProtocolError("an encryption request at the wrong time")
        self.startup = packet
        if self._terms.require_tls and not (self._terms.encrypted or self._terms.local):
            raise _TurnAway("login.tls", "28000", "connections without TLS are not accepted", _SECURE)
        if packet.told:
            yield Send(packet.told)
        principal, method = yield from self._evidence(packet)
        if not self._terms.knows(packet.database):
            raise _TurnAway(
                "login.resource",
                "3D000",
                f"no resource is called {packet.database!r}",
                "the database name of the connection names the resource",
            )
        return Login(
            principal,
            packet.database,
            packet.user,
            packet.settings,
            packet.version,
            self._terms.encrypted,
            method,
        )

    def _evidence(self, startup: Startup) -> Generator[Step, Any, tuple[Principal, str]]:
        clear = self._terms.encrypted or self._terms.local
        wanted = startup.login or ("oauth" if startup.user == "oauth" else "")
        if wanted == "certificate":
            return (yield from self._certificate(needed=True)), "certificate"
        if wanted in ("oauth", "token"):
            if not clear:
                raise _TurnAway("login.tls", "28000", "a token is accepted inside TLS only", _SECURE)
            return (yield from self._oauth() if wanted == "oauth" else self._token()), wanted
        key: scram.Record | Rejected | None = yield FindKey(startup.user)
        if isinstance(key, Rejected):
            raise _TurnAway(key.code, "28000", key.reason)
        if key is not None or self._terms.is_key(startup.user) or not clear:
            # Without TLS everybody gets SCRAM: a name that led to another answer
            # would tell which keys exist.
            return (yield from self._key(startup.user, key)), "key"
        certified = yield from self._certificate()
        if certified is not None:
            return certified, "certificate"
        return (yield from self._token()), "token"

    def _key(self, user: str, key: scram.Record | None) -> Generator[Step, Any, Principal]:
        record = scram.mock(user, self._terms.mock_key) if key is None else key
        server = scram.Server(record, binding=self._terms.binding, doomed=key is None)
        offered = "".join(name + "\0" for name in server.mechanisms(self._terms.binding)) + "\0"
        yield Send(authentication(_SASL, offered.encode()))
        mechanism, opening = yield from _initial_response()
        yield Send(authentication(_SASL_CONTINUE, server.first(mechanism, opening)))
        proof = yield from _response()
        final = server.final(proof)
        if final is None:
            hint = "check the user name and the key"
            if not (self._terms.encrypted or self._terms.local):
                hint += f"; a token as password is accepted inside TLS only: {_SECURE}"
            raise _TurnAway("login.key", "28P01", "no API key of that name and secret", hint)
        answer: Principal | Rejected = yield Proven()
        if isinstance(answer, Rejected):
            raise _TurnAway(answer.code, "28P01", answer.reason, "ask for a new key")
        yield Send(authentication(_SASL_FINAL, final))
        return answer

    @overload
    def _certificate(self, *, needed: Literal[True]) -> Generator[Step, Any, Principal]: ...
    @overload
    def _certificate(self) -> Generator[Step, Any, Principal | None]: ...
    def _certificate(self, *, needed: bool = False) -> Generator[Step, Any, Principal | None]:
        answer: Principal | Rejected | None = yield Certified()
        if isinstance(answer, Rejected):
            raise _TurnAway(answer.code, "28000", answer.reason, "log in by token with sslcertmode=disable")
        if answer is None and needed:
            raise _TurnAway(
                "login.certificate", "28000", "a client certificate is needed", "set sslcert and sslkey"
            )
        return answer

    def _token(self) -> Generator[Step, Any, Principal]:
        yield Send(authentication(_CLEARTEXT))
        body = yield from _response()
        password, end = read_cstring(body, 0)
        if end != len(body):
            raise ProtocolError("a password message with something behind the password")
        token = _ascii(password)
        if not token:
            raise _TurnAway(
                "login.token", "28P01", "a token is needed as password", "see `vedette token issue`"
            )
        answer: Principal | Rejected = yield Verify(token)
        if isinstance(answer, Rejected):
            raise _TurnAway(
                answer.code, "28P01", _without(token, answer.reason), "get a new token and connect again"
            )
        return answer

    def _oauth(self) -> Generator[Step, Any, Principal]:
        yield Send(authentication(_SASL, _OAUTHBEARER.encode() + b"\0\0"))
        mechanism, opening = yield from _initial_response()
        if mechanism != _OAUTHBEARER:
            raise ProtocolError("a mechanism that was not offered")
        token = read_bearer(opening)
        # No token is a question: which issuer, which scope? libpq asks so first.
        answer: Principal | Rejected = Rejected("login.token", "a bearer token is needed")
        if token:
            answer = yield Verify(token)
        if isinstance(answer, Principal):
            return answer
        no = _TurnAway(
            answer.code, "28000", _without(token, answer.reason), "get a new token and connect again"
        )
        # libpq hangs up as soon as it was told where to get a token.
        self.refusal = self.refused(no.code, no.reason, no.sqlstate, no.hint)
        yield Send(authentication(_SASL_CONTINUE, self._status()))
        closing = yield from _response()
        if closing != b"\x01":
            raise ProtocolError("not the answer that RFC 7628 section 3.2.3 asks for")
        raise no

    def _status(self) -> bytes:
        """The failure challenge of RFC 7628 section 3.2.2, as libpq reads it."""
        told = {"status": "invalid_token", "scope": self._terms.scope}
        if self._terms.issuer:
            told["openid-configuration"] = (
                self._terms.issuer.rstrip("/") + "/.well-known/openid-configuration"
            )
        return json.dumps(told).encode()


def _response() -> Generator[Step, Any, bytes]:
    tag, body = yield from read_message(MAX_EVIDENCE_BYTES)
    if tag != b"p":
        raise ProtocolError(f"a message of type {tag.decode('latin-1')!r} where a password was due")
    return body


def _initial_response() -> Generator[Step, Any, tuple[str, bytes]]:
    body = yield from _response()
    name, at = read_cstring(body, 0)
    if len(body) < at + 4:
        raise ProtocolError("a SASL response that breaks off")
    (size,) = read_i32(body, at)
    data = body[at + 4 :]
    if size != len(data):
        raise ProtocolError("a SASL response without its data, or with a length that lies")
    return name.decode("ascii", "replace"), data


def read_bearer(message: bytes) -> str:
    """
    The token of an OAUTHBEARER client message, empty where it only asks.

    Source: RFC 7628 section 3.1: a GS2 header, then key-value pairs, each closed by
    0x01, and one 0x01 more.

    Raises:
        ProtocolError: malformed; names another identity; or asks for channel binding.
    """
    header, mark, rest = message.partition(b"\x01")
    if not mark or header not in (b"n,,", b"y,,"):
        raise ProtocolError("an OAUTHBEARER message that does not begin with n,,")
    if not rest.endswith(b"\x01") or (rest != b"\x01" and not rest.endswith(b"\x01\x01")):
        raise ProtocolError("an OAUTHBEARER message without its end")
    pairs = [pair.partition(b"=") for pair in rest[:-2].split(b"\x01")] if rest != b"\x01" else []
    if any(not equals or not _KEY_NAME.fullmatch(name) for name, equals, _ in pairs):
        raise ProtocolError("an OAUTHBEARER message with a malformed pair")
    values = [value for name, _, value in pairs if name == b"auth"]
    if len(values) != 1:
        raise ProtocolError("an OAUTHBEARER message without exactly one auth")
    if not values[0]:
        return ""
    found = _BEARER.fullmatch(values[0])
    if found is None:
        raise ProtocolError("an OAUTHBEARER message whose auth is not a bearer token")
    return found[1].decode("ascii")


def _ascii(password: bytes) -> str:
    """A token is ASCII; anything else cannot be one, and decodes to nothing."""
    return password.decode("ascii") if password.isascii() else ""


def _without(token: str, reason: str) -> str:
    """*reason*, should whoever wrote it have put the token in."""
    return reason.replace(token, "(token)") if token else reason


def welcome(parameters: Mapping[str, str], pid: int, secret: bytes, status: bytes = b"I") -> bytes:
    """
    What ends a login well: AuthenticationOk, the server's parameters, the gateway's
    own cancel key, ReadyForQuery.
    """
    told = b"".join(parameter_status(name, value) for name, value in parameters.items())
    return authentication(_OK) + told + backend_key(pid, secret) + ready(status)
