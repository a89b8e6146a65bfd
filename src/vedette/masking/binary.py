"""Telling text from what is none, as it comes."""

from __future__ import annotations

from vedette.masking.plan import CannotMask

#: What the first bytes of common formats are, none of which text begins with.
_MAGIC = (
    b"\x1f\x8b", b"\x7fELF", b"PK\x03\x04", b"PK\x05\x06", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"BZh9",
    b"7z\xbc\xaf", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"%PDF-", b"SQLite format 3\0", b"\xca\xfe\xba\xbe",
    b"!<arch>\n", b"PACK\0", b"\x04\x22\x4d\x18", b"OggS", b"ID3", b"RIFF", b"Obj\x01", b"PAR1",
)  # fmt: skip
_LONGEST = max(map(len, _MAGIC))
# Bytes that text does not hold: control characters, but for NUL (which programs put between names), white
# space, the bell, backspace, shifts of the character set, and ESC. A twelfth of compressed bytes are some.
_CONTROLS = bytes({*range(1, 7), *range(0x10, 0x1B), *range(0x1C, 0x20), 0x7F})
#: So many of them in a window of so many bytes (of what there is, where that is less) are too many.
WINDOW_BYTES = 2048
_SHARE = 32
_FEWEST = 8


class Binary:
    """One stream, from its first byte on."""

    def __init__(self) -> None:
        self._first = b""
        self._seen = 0
        self._controls = 0

    def see(self, data: bytes) -> None:
        """Look at the next bytes.

        Raises:
            CannotMask: this is no text.
        """
        if len(self._first) < _LONGEST:
            self._first = (self._first + data[:_LONGEST])[:_LONGEST]
            if self._first.startswith(_MAGIC):
                raise CannotMask("binary data, of a known format, cannot be masked")
        if len(data) >= WINDOW_BYTES and len(data.translate(None, _CONTROLS)) == len(data):
            self._seen = self._controls = 0
            return
        here = 0
        while here < len(data):
            end = here + WINDOW_BYTES - self._seen
            piece = data[here:end]
            self._seen += len(piece)
            self._controls += len(piece) - len(piece.translate(None, _CONTROLS))
            if self._controls >= max(_FEWEST, self._seen // _SHARE):
                raise CannotMask("binary data cannot be masked")
            if self._seen >= WINDOW_BYTES:
                self._seen = self._controls = 0
            here = end
