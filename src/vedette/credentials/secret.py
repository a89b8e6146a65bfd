"""A secret value that does not show itself."""

from __future__ import annotations

import hmac
from typing import NoReturn


class Secret:
    """Bytes that appear nowhere unless asked for by name.

    ``repr``, ``str``, ``format`` and tracebacks show ``Secret(***)``; pickling,
    copying and hashing raise TypeError, so that a secret cannot slip into a
    cache, a record or another process. Comparison takes constant time.
    """

    __hash__ = None  # type: ignore[assignment]  # a secret is no dictionary key
    __slots__ = ("_value",)

    def __init__(self, value: str | bytes) -> None:
        self._value = value.encode() if isinstance(value, str) else bytes(value)

    def reveal(self) -> str:
        """The secret as text. Raises ValueError where it is not UTF-8 (without showing it)."""
        try:
            return self._value.decode()
        except UnicodeDecodeError:
            pass  # raised below, outside: the decoder's error carries the bytes
        raise ValueError("the secret is not UTF-8 text")

    def reveal_bytes(self) -> bytes:
        """The secret as it was stored."""
        return self._value

    def matches(self, candidate: str | bytes) -> bool:
        """Whether *candidate* is this secret, in time that does not depend on where they differ."""
        other = candidate.encode() if isinstance(candidate, str) else candidate
        return hmac.compare_digest(self._value, other)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value, other._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "Secret(***)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied")
