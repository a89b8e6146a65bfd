"""Bodies of HTTP/1.1 messages as they arrive: counted, or in chunks, to the byte.

Chunks are read strictly (RFC 9112 section 7.1): no extensions, no trailers, sizes of eight digits
at most. Of servers and clients that we know none sends any, and what one hop
ignores and another does not is how requests are smuggled.
"""

from __future__ import annotations

import re
from typing import Protocol

from vedette.protocols.http.heads import Framing, Malformed

_SIZE = re.compile(rb"[0-9a-fA-F]{1,8}\r\n")
_SIZE_SO_FAR = re.compile(rb"[0-9a-fA-F]{1,8}\r?")
#: A chunk's size line is at most this long, its line end included.
_MAX_SIZE_LINE = 10


class Body(Protocol):
    """What is left of one body."""

    @property
    def done(self) -> bool: ...
    @property
    def endless(self) -> bool:
        """Whether the end of the connection is its end."""
        ...

    @property
    def counted(self) -> bool:
        """Whether bytes of it can be told without looking at them."""
        ...

    def finish(self) -> None:
        """The connection has ended."""

    def whole(self, data: bytes) -> bool:
        """Whether all of *data*, which came next, belongs to it; counts it where it does."""
        ...

    def take(self, buffer: bytearray) -> bytes:
        """What of the body stands at the front of *buffer*, which is left with what follows.

        Raises Malformed.
        """
        ...


class _Ended:
    """A body that has an end of its own."""

    endless = False
    counted = False

    def whole(self, data: bytes) -> bool:
        """Only a look inside tells."""
        return False

    def finish(self) -> None:
        """Nothing: what is missing stays missing."""


class Counted(_Ended):
    """A body of *length* bytes."""

    counted = True

    def __init__(self, length: int) -> None:
        self._left = length

    def whole(self, data: bytes) -> bool:
        if len(data) > self._left:
            return False
        self._left -= len(data)
        return True

    @property
    def done(self) -> bool:
        return self._left == 0

    def take(self, buffer: bytearray) -> bytes:
        if self._left >= len(buffer):
            data = bytes(buffer)
            buffer.clear()
        else:
            data = bytes(buffer[: self._left])
            del buffer[: self._left]
        self._left -= len(data)
        return data


class Endless:
    """A body that ends with the connection."""

    endless = True
    counted = True

    def __init__(self) -> None:
        self.done = False

    def whole(self, data: bytes) -> bool:
        return True

    def finish(self) -> None:
        self.done = True

    def take(self, buffer: bytearray) -> bytes:
        data = bytes(buffer)
        buffer.clear()
        return data


class Chunked(_Ended):
    """A body in chunks."""

    def __init__(self) -> None:
        self.done = False
        self._left = 0
        self._ending = False  # the line end behind a chunk's data is still to come

    def take(self, buffer: bytearray) -> bytes:
        pieces: list[bytes] = []
        at, end = 0, len(buffer)
        while not self.done:
            if self._left:
                piece = bytes(buffer[at : at + self._left])
                at += len(piece)
                self._left -= len(piece)
                pieces.append(piece)
                if self._left:
                    break
                self._ending = True
            if self._ending:
                if not _begins(buffer, at, b"\r\n"):
                    break
                at, self._ending = at + 2, False
            if at == end:
                break
            size = _SIZE.match(buffer, at)
            if size is None:
                if end - at >= _MAX_SIZE_LINE or not _SIZE_SO_FAR.fullmatch(buffer, at):
                    raise Malformed("a chunk's size is malformed")
                break
            number = int(buffer[at : size.end() - 2], 16)
            if number:
                self._left, at = number, size.end()
            elif _begins(buffer, size.end(), b"\r\n"):
                at, self.done = size.end() + 2, True
            else:
                break
        del buffer[:at]
        return b"".join(pieces) if len(pieces) != 1 else pieces[0]


def _begins(buffer: bytearray, at: int, what: bytes) -> bool:
    """Whether *what* stands at *at*; False while that cannot be told. Raises Malformed where it does not."""
    found = bytes(buffer[at : at + len(what)])
    if not what.startswith(found):
        raise Malformed("a chunk does not end where its size says")
    return len(found) == len(what)


def body(framing: Framing) -> Body:
    """What reads a body that is framed so."""
    if framing.chunked:
        return Chunked()
    return Endless() if framing.length is None else Counted(framing.length)
