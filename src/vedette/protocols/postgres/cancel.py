"""Cancel keys: what the gateway gives to callers in place of the server's own.

A caller's key leads to its session only: the gateway then cancels at the server
with the real key, or releases the hold that the session waits for. An unknown key
is ignored, as PostgreSQL ignores it.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from vedette.protocols.postgres.messages import PROTOCOL_3_2
from vedette.protocols.postgres.startup import CancelRequest

Session = TypeVar("Session")

# Protocol 3.0 has room for 4 bytes, 3.2 for 256, of which the server itself uses 32.
_SHORT, _LONG = 4, 32


@dataclass(frozen=True, slots=True)
class CancelKey:
    """What goes into BackendKeyData. *pid* is a number of ours, of no process."""

    pid: int
    secret: bytes = field(repr=False)


class CancelKeys(Generic[Session]):
    """The keys that are out, each with its session. *draw* is a source of random bytes."""

    def __init__(self, draw: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._draw = draw
        self._out: dict[int, tuple[bytes, Session]] = {}

    def issue(self, session: Session, version: int) -> CancelKey:
        """A new key for *session*, which speaks protocol *version*. Give it back with `forget`."""
        while True:
            pid = int.from_bytes(self._draw(4), "big") & 0x7FFFFFFF
            if pid and pid not in self._out:
                break
        secret = self._draw(_LONG if version >= PROTOCOL_3_2 else _SHORT)
        self._out[pid] = (secret, session)
        return CancelKey(pid, secret)

    def forget(self, key: CancelKey) -> None:
        """The session is over."""
        self._out.pop(key.pid, None)

    def find(self, request: CancelRequest) -> Session | None:
        """Whose key *request* shows, None where it is nobody's. Takes as long for a wrong secret."""
        secret, session = self._out.get(request.pid, (b"", None))
        return session if hmac.compare_digest(secret, request.secret) and secret else None

    def __len__(self) -> int:
        return len(self._out)
