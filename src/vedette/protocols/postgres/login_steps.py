"""What a login may ask of the shell around it.

Both logins are generators that yield these and are sent the answers, so that a
test is a dialogue and the shell (`wire`) is the only code that knows sockets.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from vedette.protocols.postgres.messages import HEADER, ProtocolError, read_u32


@dataclass(frozen=True, slots=True)
class Send:
    """Write these bytes to the peer."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Need:
    """Answered by exactly *size* bytes from the peer."""

    size: int


@dataclass(frozen=True, slots=True)
class Peek:
    """Answered by the peer's next byte, which stays unread."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """Answered once it is certain that the peer has sent nothing beyond what was read."""


@dataclass(frozen=True, slots=True)
class FindKey:
    """Answered by the scram.Record of the API key that *user* means, by None, or by Rejected."""

    user: str


@dataclass(frozen=True, slots=True)
class Proven:
    """The secret of the key found last was proven. Answered by its Principal, or Rejected."""


@dataclass(frozen=True, slots=True)
class Verify:
    """Answered by the Principal that *token* proves, or Rejected."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Certified:
    """Answered by the Principal of the caller's certificate, by None where it has none, or Rejected."""


@dataclass(frozen=True, slots=True)
class Salt:
    """Answered by the SCRAM salted password; the shell holds the password and the time it takes."""

    salt: bytes
    iterations: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why a token or key was not accepted: a stable code, and words without any secret."""

    code: str
    reason: str


Step = Send | Need | Peek | Quiet | FindKey | Proven | Verify | Certified | Salt


def read_message(limit: int) -> Generator[Step, Any, tuple[bytes, bytes]]:
    """
    The tag and body of the peer's next message.

    Raises:
        ProtocolError: its body is over *limit* bytes, or its length lies.
    """
    head: bytes = yield Need(HEADER)
    (length,) = read_u32(head, 1)
    if not 4 <= length <= 4 + limit:
        raise ProtocolError(f"a message of type {chr(head[0])!r} claims {length} bytes during login")
    body: bytes = b""
    if length > 4:
        body = yield Need(length - 4)
    return head[:1], body
