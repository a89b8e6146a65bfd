"""Private keys, which go over many lines: hidden from their head to their end, however long that takes.

Source: RFC 7468, and RFC 4880 section 6.2 for the armour of OpenPGP.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vedette.masking.controls import Shown
from vedette.masking.patterns import compile_bytes

_END = compile_bytes(rb"-----END [0-9A-Z ]*PRIVATE KEY(?: BLOCK)?-----")
_END_BYTES = 96
#: On a terminal, where much may follow a head that no key belongs to.
MAX_TERMINAL_BYTES = 256 << 10
# A line of a key holds base64 and what commands put around it; other lines are "Name: value".
_FOREIGN = re.compile(rb"[^0-9A-Za-z+/=:,._\- \t\r\"'\\|>]")
_HEADER = re.compile(rb"\s*[A-Za-z][A-Za-z-]*: ")
_HEADER_BYTES = 64
SHOWN = b"[private_key]"
_STARS = bytes(byte if byte in b"\r\n" else 0x2A for byte in range(256))


class KeyBlock:
    """
    What follows a key's head. *terminal*: a line that can not belong to a key ends it as well, for where
    an end never comes a prompt would. Elsewhere, without an end, nothing is shown any more.
    """

    def __init__(self, *, terminal: bool, same_size: bool) -> None:
        self.over = False
        self._terminal, self._same_size = terminal, same_size
        self._said = False
        self._tail = b""
        self._line = b""
        self._left = MAX_TERMINAL_BYTES

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """What stands for *data*, and what of *data* is behind the end."""
        part = Shown(data)
        ends = [part.raw_at(at - 1) + 1 if at else 0 for at in self._ends(part.text)]
        if self._terminal:
            if len(data) >= self._left:
                ends.append(self._left)
            self._left -= len(data)
        if not ends:
            return self._hidden(data), b""
        self.over = True
        return self._hidden(data[: min(ends)]), data[min(ends) :]

    def _ends(self, text: bytes) -> Iterator[int]:
        found = _END.search(self._tail + text)
        if found is not None:
            yield max(0, found.span()[1] - len(self._tail))
        if self._terminal:
            at = 0
            for line in text.splitlines(keepends=True):
                foreign = _FOREIGN.search(line.rstrip(b"\n"))
                if foreign is not None:
                    before = (self._line + line[: foreign.start()])[:_HEADER_BYTES]
                    if _HEADER.match(before) is None:
                        yield at + foreign.start()
                        return
                self._line = b"" if line.endswith(b"\n") else (self._line + line)[:_HEADER_BYTES]
                at += len(line)
        self._tail = (self._tail + text)[-_END_BYTES:]

    def _hidden(self, data: bytes) -> bytes:
        if self._same_size:
            return data.translate(_STARS)
        said, self._said = self._said, True
        return b"" if said else SHOWN
