"""The gateway's own login at a PostgreSQL server, which may be hostile.

Two generators: `doorstep` asks for TLS, `login` does the rest up to the first
ReadyForQuery. The secret is used by the configured method only; what the server
says in words goes to the log, never to the caller, and never before TLS to anyone
(CVE-2024-10977).

Source: PostgreSQL manual, "Message Flow" and "SASL Authentication".
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn, Protocol

from vedette.protocols.postgres import scram
from vedette.protocols.postgres.login_steps import Need, Salt, Send, Step, read_message
from vedette.protocols.postgres.messages import (
    PROTOCOL_3_0,
    SSL_REQUEST,
    ProtocolError,
    cstring,
    message,
    read_cstring,
    read_fields,
    read_i32,
    startup,
)
from vedette.protocols.postgres.scram import ScramError

Method = Literal["trust", "password", "md5", "scram-sha-256", "certificate"]
Binding = Literal["prefer", "require", "disable"]

#: What decides the meaning of bytes and text for the whole session.
PINNED: Mapping[str, str] = {"client_encoding": "UTF8", "standard_conforming_strings": "on"}

# The server sends little during a login; these only stop one that does not end.
MAX_LOGIN_MESSAGE_BYTES = 64 << 10
MAX_LOGIN_MESSAGES = 500

_OK, _CLEARTEXT, _MD5, _SASL, _SASL_CONTINUE, _SASL_FINAL = 0, 3, 5, 10, 11, 12
_UNKNOWN_METHODS = {2: "kerberos", 6: "scm", 7: "gss", 9: "sspi"}

# What the caller is told, by the server's SQLSTATE. The rest is upstream.refused.
_CODES = {
    "28P01": ("upstream.credentials", "the resource did not accept the gateway's login"),
    "28000": ("upstream.credentials", "the resource did not accept the gateway's login"),
    "3D000": ("upstream.database", "the resource's database does not exist"),
    "53300": ("upstream.busy", "the resource has no connection left"),
    "57P03": ("upstream.starting", "the resource is not ready for connections"),
}


class UpstreamRefused(Exception):
    """
    No session at the server. *code* is stable, *reason* is ours and may be shown to
    the caller. *detail* is for the log only: the server's words, with the password
    taken out and control characters made visible.
    """

    def __init__(self, code: str, reason: str, *, sqlstate: str = "08006", detail: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.sqlstate = sqlstate
        self.detail = detail


class Revealing(Protocol):
    """A secret that shows itself only when asked."""

    def reveal(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Channel:
    """
    What is known of the connection. *verified*: TLS whose certificate was checked.
    *local*: loopback or a Unix socket. *binding*: tls-server-end-point, None where
    there is none.
    """

    encrypted: bool = False
    verified: bool = False
    local: bool = False
    binding: bytes | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """
    What to log in as. *auth* is the only method the server may ask for; None leaves
    it the choice among those that do not give the password away.
    """

    user: str
    database: str
    password: Revealing | None = field(default=None, repr=False)
    auth: Method | None = None
    channel_binding: Binding = "prefer"


@dataclass(frozen=True, slots=True)
class Opened:
    """A session at the server. *pid* and *secret* are its cancel key (empty where it gave none)."""

    parameters: Mapping[str, str]
    pid: int
    secret: bytes = field(repr=False)
    status: bytes
    version: int


def doorstep() -> Generator[Step, Any, None]:
    """
    Ask for TLS and insist on it.

    The shell must end the connection where bytes wait behind the server's answer.

    Raises:
        UpstreamRefused: the server has no TLS, or says something else.
    """
    yield Send(_ssl_request())
    answer: bytes = yield Need(1)
    if answer == b"S":
        return
    if answer in (b"N", b"E"):
        # After E an error text follows. Anybody could have put it there: not read.
        raise UpstreamRefused("upstream.tls", "the resource does not speak TLS, which its settings require")
    raise UpstreamRefused("upstream.protocol", "the resource did not answer as PostgreSQL does")


def _ssl_request() -> bytes:
    return (8).to_bytes(4, "big") + SSL_REQUEST.to_bytes(4, "big")


def login(
    account: Account, channel: Channel, settings: Mapping[str, str], version: int = PROTOCOL_3_0
) -> Generator[Step, Any, Opened]:
    """
    From the start-up packet to the first ReadyForQuery.

    *settings* are the caller's allowed start-up settings; the pinned ones win over
    them. *version* is what to ask for; the server may settle for 3.0.

    Raises:
        UpstreamRefused: whatever the server sends that is not a good end.
    """
    talk = _Login(account, channel, settings, version)
    try:
        return (yield from talk.run())
    except (ProtocolError, ScramError) as bad:
        refused = UpstreamRefused(
            "upstream.protocol", "the resource did not answer as PostgreSQL does", detail=talk.scrub(str(bad))
        )
    raise refused  # outside: the text of the error it came from is not chained to it


class _Login:
    def __init__(self, account: Account, channel: Channel, settings: Mapping[str, str], version: int) -> None:
        self._account = account
        self._channel = channel
        self._version = version
        self._startup = {"user": account.user, "database": account.database, **settings, **PINNED}
        self._left = MAX_LOGIN_MESSAGES
        self._proved = False
        self._used: Method = "certificate" if account.auth == "certificate" else "trust"

    def run(self) -> Generator[Step, Any, Opened]:
        yield Send(startup(self._startup, self._version))
        yield from self._authenticate()
        return (yield from self._settle())

    def scrub(self, text: str) -> str:
        """Words from outside, for the log: no password, no control characters, not long."""
        password = self._revealed()
        if password:
            text = text.replace(password, "(password)")
        return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text[:1000])

    def _revealed(self) -> str:
        """The password as text, empty where there is none or it is no text."""
        if self._account.password is None:
            return ""
        try:
            return self._account.password.reveal()
        except ValueError:
            return ""

    def _next(self) -> Generator[Step, Any, tuple[bytes, bytes]]:
        """The next message that is neither an error, which ends the login, nor a notice."""
        while True:
            self._left -= 1
            if self._left < 0:
                raise ProtocolError(f"over {MAX_LOGIN_MESSAGES} messages during login")
            tag, body = yield from read_message(MAX_LOGIN_MESSAGE_BYTES)
            if tag == b"E":
                self._refuse(read_fields(body))
            if tag != b"N":
                return tag, body

    def _refuse(self, found: Mapping[str, bytes]) -> NoReturn:
        sqlstate = found.get("C", b"").decode("latin-1")
        code, reason = _CODES.get(
            sqlstate, ("upstream.refused", "the resource refused the gateway's connection")
        )
        words = found.get("M", b"").decode("utf-8", "replace")
        shown = sqlstate if len(sqlstate) == 5 and sqlstate.isalnum() and sqlstate.isascii() else "08006"
        if code == "upstream.credentials":
            # The caller's own login was good; 28P01 would make its driver ask for a password.
            shown = "08004"
        raise UpstreamRefused(code, reason, sqlstate=shown, detail=self.scrub(f"{sqlstate}: {words}"))

    # --- who we are -------------------------------------------------------------------

    def _authenticate(self) -> Generator[Step, Any, None]:
        while True:
            tag, body = yield from self._next()
            if tag == b"v":
                self._negotiated(body)
                continue
            if tag != b"R" or len(body) < 4:
                raise ProtocolError(f"a message of type {tag.decode('latin-1')!r} before the login was over")
            (code,) = read_i32(body, 0)
            if code == _OK:
                self._check_let_in()
                return
            if self._proved:
                raise ProtocolError("a second request for proof")
            self._proved = True
            yield from self._prove(code, body[4:])

    def _negotiated(self, body: bytes) -> None:
        """NegotiateProtocolVersion: a lower minor version is fine, once, before any proof."""
        if self._proved or len(body) < 8:
            raise ProtocolError("a protocol negotiation at the wrong time")
        (version,), (count,) = read_i32(body, 0), read_i32(body, 4)
        if version >> 16 == 0:
            version |= 3 << 16  # servers before 9.3.22 name the minor version alone
        if not PROTOCOL_3_0 <= version <= self._version or count != 0 or len(body) != 8:
            raise ProtocolError("a protocol negotiation that offers what was not asked for")
        self._version = PROTOCOL_3_0 if version != self._version else version

    def _check_let_in(self) -> None:
        wanted = self._account.auth
        if wanted is not None and wanted != self._used:
            self._weak(f"asks for {self._used} where the settings say {wanted}")
        if self._account.channel_binding == "require" and not self._bound:
            self._weak("did not bind the login to the TLS session")

    _bound = False

    def _weak(self, what: str) -> NoReturn:
        raise UpstreamRefused(
            "upstream.method",
            f"the resource {what}",
            sqlstate="08004",
            detail="see upstream.auth in the settings",
        )

    def _prove(self, code: int, data: bytes) -> Generator[Step, Any, None]:
        if code == _CLEARTEXT:
            self._use("password")
            yield Send(message(b"p", cstring(self._password())))
        elif code == _MD5:
            self._use("md5")
            if len(data) != 4:
                raise ProtocolError("an md5 request without its salt")
            yield Send(message(b"p", cstring(md5_proof(self._account.user, self._password(), data))))
        elif code == _SASL:
            self._use("scram-sha-256")
            yield from self._scram(data)
        else:
            self._weak(
                f"asks for {_UNKNOWN_METHODS.get(code, f'login method {code}')}, which is not spoken here"
            )

    def _use(self, method: Method) -> None:
        """
        Whether to answer a request for *method* at all.

        By itself the server may ask for SCRAM, which gives nothing away. A clear
        password or md5 (which can be searched offline) it gets over verified TLS, on
        this machine, or where the settings name the method; a clear password never
        over an open network.
        """
        wanted, channel = self._account.auth, self._channel
        if wanted is not None and method != wanted:
            self._weak(f"asks for {method} where the settings say {wanted}")
        if method == "password" and not (channel.encrypted or channel.local):
            self._weak("asks for the password in clear over an open network")
        if method in ("password", "md5") and wanted is None and not (channel.verified or channel.local):
            self._weak(f"asks for {method} without verified TLS, and the settings do not say so")
        if method != "scram-sha-256" and self._account.channel_binding == "require":
            self._weak("did not bind the login to the TLS session")
        self._used = method

    def _password(self) -> str:
        password = self._revealed()
        if not password:
            raise UpstreamRefused(
                "upstream.credentials",
                "the resource asks for a password and none is configured",
                sqlstate="08004",
            )
        return password

    def _scram(self, data: bytes) -> Generator[Step, Any, None]:
        self._password()  # complains where there is none
        offered = _mechanisms(data)
        binding = self._channel.binding if self._account.channel_binding != "disable" else None
        client = scram.Client(binding=binding, plus=scram.PLUS in offered)
        if client.mechanism not in offered:
            self._weak("offers no SCRAM-SHA-256")
        self._bound = client.mechanism == scram.PLUS
        if self._account.channel_binding == "require" and not self._bound:
            self._weak("did not bind the login to the TLS session")
        first = client.first()
        yield Send(message(b"p", cstring(client.mechanism) + len(first).to_bytes(4, "big") + first))
        salt, iterations = client.challenge((yield from self._sasl(_SASL_CONTINUE)))
        salted: bytes = yield Salt(salt, iterations)
        yield Send(message(b"p", client.final(salted)))
        client.verify((yield from self._sasl(_SASL_FINAL)))

    def _sasl(self, expected: int) -> Generator[Step, Any, bytes]:
        tag, body = yield from self._next()
        if tag != b"R" or len(body) < 4 or read_i32(body, 0)[0] != expected:
            raise ProtocolError("the login went on without its proof")
        return body[4:]

    # --- what we got ------------------------------------------------------------------

    def _settle(self) -> Generator[Step, Any, Opened]:
        parameters: dict[str, str] = {}
        pid, secret = 0, b""
        while True:
            tag, body = yield from self._next()
            if tag == b"S":
                name, at = read_cstring(body, 0)
                value, at = read_cstring(body, at)
                parameters[_text(name)] = _text(value)
            elif tag == b"K":
                if not 8 <= len(body) <= 4 + 256:
                    raise ProtocolError(f"a cancel key of {len(body)} bytes")
                pid, secret = read_i32(body, 0)[0], body[4:]
            elif tag == b"Z":
                if body != b"I":
                    raise ProtocolError("a new session that is in a transaction")
                break
            else:
                raise ProtocolError(f"a message of type {tag.decode('latin-1')!r} during login")
        for name_, value_ in PINNED.items():
            if parameters.get(name_, "").lower() != value_.lower():
                raise UpstreamRefused(
                    "upstream.settings", f"the resource does not report {name_} as {value_}", sqlstate="08004"
                )
        return Opened(parameters, pid, secret, body, self._version)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _mechanisms(data: bytes) -> list[str]:
    names = []
    at = 0
    while at < len(data) and data[at]:
        name, at = read_cstring(data, at)
        names.append(name.decode("ascii", "replace"))
    if at != len(data) - 1:
        raise ProtocolError("a list of mechanisms without its end")
    return names


def md5_proof(user: str, password: str, salt: bytes) -> str:
    """The answer to AuthenticationMD5Password: ``md5`` and the hash of a hash."""
    inner = hashlib.md5((password + user).encode(), usedforsecurity=False).hexdigest()
    return "md5" + hashlib.md5(inner.encode() + salt, usedforsecurity=False).hexdigest()
