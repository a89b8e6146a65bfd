"""The untagged first packets of a connection, and what they may ask for.

Source: PostgreSQL manual, "Start-up" and "SSL Session Encryption" in "Message
Flow", and "Message Formats". Every packet starts with its own length (int32,
counting itself) and a code: a protocol version, or one of three requests that
look like impossible versions.

Start-up parameters are settings that no rule judges, so only those on ALLOWED
pass, each once. Nothing here does I/O; any bytes give a value, a ProtocolError
or a StartupRefused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from vedette.protocols.postgres.messages import (
    CANCEL_REQUEST,
    GSSENC_REQUEST,
    MAX_STARTUP_BYTES,
    PROTOCOL_3_0,
    PROTOCOL_3_2,
    SSL_REQUEST,
    ProtocolError,
    cstring,
    message,
    read_cstring,
    read_u32,
)

#: First byte of a TLS record that opens a handshake: `sslnegotiation=direct`.
TLS_HANDSHAKE = 0x16
#: What both sides must name in the TLS handshake when it comes without an SSLRequest.
ALPN = "postgresql"

# CancelRequest: the key is 4 bytes in protocol 3.0 and 4 to 256 in 3.2.
_SHORTEST_CANCEL, _LONGEST_CANCEL = 12 + 4, 12 + 256
_EIGHT = struct.Struct("!II").unpack_from

#: Settings that a caller may bring, in lower case as PostgreSQL compares them. They
#: go to the server as they are. `search_path` is part of the state of the session.
ALLOWED = frozenset(
    {
        "application_name",
        "datestyle",
        "extra_float_digits",
        "geqo",  # libpq sends it for PGGEQO
        "idle_in_transaction_session_timeout",
        "intervalstyle",
        "jit",  # what asyncpg's documentation tells people to switch off this way
        "lock_timeout",
        "search_path",
        "statement_timeout",
        "timezone",
    }
)
#: A word for the gateway itself, taken out of the start-up options: which login to use.
LOGIN_OPTION = "vedette.login"
LOGINS = ("", "oauth", "token", "certificate")


class StartupRefused(Exception):
    """A readable packet that asks for what is not given. Shown to the caller as it stands."""

    def __init__(self, sqlstate: str, code: str, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.sqlstate = sqlstate
        self.code = code
        self.reason = reason
        self.hint = hint


@dataclass(frozen=True, slots=True)
class SslRequest:
    """May this connection become TLS? Answered by one byte, ``S`` or ``N``."""


@dataclass(frozen=True, slots=True)
class GssRequest:
    """May this connection be encrypted by GSSAPI? Always answered ``N``."""


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """Stop what the session with this key is doing. Never answered."""

    pid: int
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Startup:
    """
    A caller's opening. *settings* are allowed ones, names in lower case.

    *version* is what both sides will speak (PROTOCOL_3_0 or PROTOCOL_3_2); *told*
    is the NegotiateProtocolVersion to send first where that, or an option the
    caller asked for, is not what it expects (else empty). *login* is what
    ``-c vedette.login=...`` asked for.
    """

    user: str
    database: str
    settings: Mapping[str, str]
    version: int = PROTOCOL_3_0
    told: bytes = b""
    login: str = ""


Packet = SslRequest | GssRequest | CancelRequest | Startup


def packet_length(head: bytes) -> int:
    """
    Whole length in bytes of the packet whose first eight bytes are *head*.

    Raises:
        ProtocolError: under 8 or over MAX_STARTUP_BYTES.
    """
    (length,) = read_u32(head, 0)
    if not 8 <= length <= MAX_STARTUP_BYTES:
        raise ProtocolError(f"a first packet that claims {length} bytes")
    return int(length)


def read_packet(packet: bytes) -> Packet:
    """
    What a whole first packet says.

    Raises:
        ProtocolError: not a packet of PostgreSQL protocol 3, or its length lies.
        StartupRefused: it asks for something that is not given.
    """
    if len(packet) < 8:
        raise ProtocolError(f"a first packet of {len(packet)} bytes")
    length, code = _EIGHT(packet, 0)
    if length != len(packet) or length > MAX_STARTUP_BYTES:
        raise ProtocolError(f"a first packet of {len(packet)} bytes that claims {length}")
    if code in (SSL_REQUEST, GSSENC_REQUEST):
        if length != 8:
            raise ProtocolError("an encryption request with something behind it")
        return SslRequest() if code == SSL_REQUEST else GssRequest()
    if code == CANCEL_REQUEST:
        if not _SHORTEST_CANCEL <= length <= _LONGEST_CANCEL:
            raise ProtocolError(f"a cancel request of {length} bytes")
        return CancelRequest(int(read_u32(packet, 8)[0]), packet[12:])
    if code >> 16 != 3:
        raise ProtocolError(f"protocol version {code >> 16}.{code & 0xFFFF}; spoken are 3.0 and 3.2")
    return _startup(code, packet)


def _startup(asked: int, packet: bytes) -> Startup:
    pairs = list(_pairs(packet))
    options = [name for name, _ in pairs if name.startswith("_pq_.")]
    version = PROTOCOL_3_2 if asked >= PROTOCOL_3_2 else PROTOCOL_3_0
    told = negotiate(version, options) if options or version != asked else b""
    given: dict[str, str] = {}
    for name, value in pairs:
        if not name.startswith("_pq_."):
            _add(given, name.lower(), value)
    user = given.pop("user", "")
    if not user:
        raise StartupRefused("28000", "startup.user", "the start-up packet names no user", "set user=...")
    database = given.pop("database", "") or user
    for name, value in split_options(given.pop("options", "")):
        _add(given, name, value)
    login = given.pop(LOGIN_OPTION, "")
    if login not in LOGINS:
        raise StartupRefused(
            "22023",
            "startup.login",
            f"no login is called {_shown(login)}",
            f"leave it out, or ask for one of {', '.join(LOGINS[1:])}",
        )
    return Startup(user, database, _settings(given), version, told, login)


def _pairs(packet: bytes) -> Iterable[tuple[str, str]]:
    at, end = 8, len(packet)
    while at < end and packet[at]:
        name, at = read_cstring(packet, at)
        value, at = read_cstring(packet, at)
        yield _text(name), _text(value)
    if at != end - 1:
        raise ProtocolError("the start-up packet's list of parameters does not end with the packet")


def _text(raw: bytes) -> str:
    """Text for records and terminals: UTF-8 and no control characters."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if (raw and not text) or any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in text):
        raise StartupRefused(
            "22021", "startup.text", "a start-up parameter holds what is not plain UTF-8 text"
        )
    return text


def _add(given: dict[str, str], name: str, value: str) -> None:
    # Servers take the last of two; a gateway that took the first would judge another
    # caller than the one let in.
    if name in given:
        raise StartupRefused("22023", "startup.twice", f"the start-up parameter {_shown(name)} comes twice")
    given[name] = value


def _settings(given: dict[str, str]) -> dict[str, str]:
    if given.pop("replication", "false").lower() not in ("false", "off", "no", "0"):
        raise StartupRefused("0A000", "startup.replication", "replication does not pass through the gateway")
    encoding = given.pop("client_encoding", "UTF8")
    if _bare(encoding) not in ("utf8", "unicode"):
        raise StartupRefused(
            "22023",
            "startup.encoding",
            f"client_encoding {_shown(encoding)} is not spoken here",
            "set client_encoding to UTF8",
        )
    # What the gateway pins anyway may be asked for by its pinned value.
    if given.pop("standard_conforming_strings", "on").lower() not in ("on", "true", "yes", "1"):
        raise StartupRefused("22023", "startup.strings", "standard_conforming_strings is always on here")
    for name in given:
        if name not in ALLOWED:
            raise StartupRefused(
                "22023",
                "startup.parameter",
                f"the start-up parameter {_shown(name)} is not accepted",
                f"accepted are {', '.join(sorted(ALLOWED))}; use SET for the rest",
            )
    return given


def _bare(encoding: str) -> str:
    """As PostgreSQL compares encodings: letters and digits only (asyncpg sends ``'utf-8'``, quoted)."""
    return "".join(char for char in encoding.lower() if char.isascii() and char.isalnum())


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "...")


def split_options(options: str) -> list[tuple[str, str]]:
    """
    The ``-c name=value`` (also ``-cname=value``, ``--name=value``) of start-up options.

    Words are split at spaces; a backslash takes the next character as it is.
    Source: pg_split_opts and process_postgres_switches in the server.

    Raises:
        StartupRefused: any other switch.
    """
    words = iter(_words(options))
    found = []
    for word in words:
        if word == "-c":
            setting = next(words, "")
        elif word.startswith("-c") or word.startswith("--"):
            setting = word[2:]
        else:
            setting = ""
        name, equals, value = setting.partition("=")
        if not name or not equals:
            raise StartupRefused(
                "22023",
                "startup.options",
                f"the start-up option {_shown(word)} is not accepted",
                "use -c name=value",
            )
        # The server reads - as _ in a name given on a command line.
        found.append((name.replace("-", "_").lower(), value))
    return found


def _words(options: str) -> list[str]:
    words: list[str] = []
    word: list[str] | None = None
    chars = iter(options)
    for char in chars:
        if char == " ":  # other white space was refused with the control characters
            if word is not None:
                words.append("".join(word))
                word = None
            continue
        word = [] if word is None else word
        word.append(next(chars, "") if char == "\\" else char)
    if word is not None:
        words.append("".join(word))
    return words


def negotiate(version: int, options: Iterable[str]) -> bytes:
    """NegotiateProtocolVersion: what we speak, and which options we do not know."""
    unknown = list(options)
    names = b"".join(map(cstring, unknown))
    return message(b"v", struct.pack("!II", version, len(unknown)) + names)
