"""SFTP, version 3: its packets, and which of them are acts that have to be judged.

Source: draft-ietf-secsh-filexfer-02, and OpenSSH's PROTOCOL (sections 4.1 to 4.9) for its extensions.
Nothing here touches the world: what a packet is, what it would do, and the answer that refuses it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from vedette.model import Effect, Touch
from vedette.protocols.ssh import paths

MAX_PACKET_BYTES = 512 << 10
MAX_OPEN = 512
#: What one READ is answered with at most, where the gateway answers it.
MAX_READ_BYTES = 256 << 10
MAX_UNDER_WAY = 1024

INIT, VERSION = 1, 2
OPEN, CLOSE, READ, WRITE = 3, 4, 5, 6
LSTAT, FSTAT, SETSTAT, FSETSTAT = 7, 8, 9, 10
OPENDIR, READDIR, REMOVE, MKDIR, RMDIR, REALPATH = 11, 12, 13, 14, 15, 16
STAT, RENAME, READLINK, SYMLINK = 17, 18, 19, 20
STATUS, HANDLE, DATA, NAME, ATTRS = 101, 102, 103, 104, 105
EXTENDED = 200

EOF, PERMISSION_DENIED, FAILURE, UNSUPPORTED = 1, 3, 4, 8
#: pflags of OPEN.
TO_READ, TO_WRITE, TO_APPEND, TO_CREATE, TO_TRUNCATE = 0x01, 0x02, 0x04, 0x08, 0x10

#: Acts on a path, by packet: what policy and people read, and the effect.
_ON_PATH = {
    LSTAT: ("stat", Effect.READ),
    STAT: ("stat", Effect.READ),
    SETSTAT: ("setstat", Effect.ALTER),
    OPENDIR: ("list", Effect.READ),
    REMOVE: ("remove", Effect.DELETE),
    MKDIR: ("mkdir", Effect.CREATE),
    RMDIR: ("rmdir", Effect.DELETE),
    REALPATH: ("realpath", Effect.READ),
    READLINK: ("readlink", Effect.READ),
}
_ON_TWO = {
    RENAME: ("rename", Effect.DELETE, Effect.WRITE),
    SYMLINK: ("symlink", Effect.CREATE, Effect.CREATE),
}
_EXTENDED_ON_PATH = {
    b"statvfs@openssh.com": ("statvfs", Effect.READ),
    b"lsetstat@openssh.com": ("setstat", Effect.ALTER),
    b"expand-path@openssh.com": ("realpath", Effect.READ),
}
_EXTENDED_ON_TWO = {
    b"posix-rename@openssh.com": ("rename", Effect.DELETE, Effect.WRITE),
    b"hardlink@openssh.com": ("hardlink", Effect.READ, Effect.CREATE),
}
#: On files that are open already, or on nothing at all.
_EXTENDED_FREE = (b"fsync@openssh.com", b"limits@openssh.com", b"fstatvfs@openssh.com")
#: On an open file or folder: judged when it was opened.
_ON_HANDLE = frozenset({CLOSE, READ, WRITE, FSTAT, READDIR})


class SftpError(Exception):
    """The peer's bytes are not SFTP as we know it; the channel must end."""


@dataclass(frozen=True, slots=True)
class Pass:
    """Goes on as it is."""

    packet: bytes


@dataclass(frozen=True, slots=True)
class Act:
    """Has to be judged. *name* and *paths* say what it is, *packet* are its exact bytes."""

    packet: bytes
    number: int
    name: str
    paths: tuple[str, ...]
    touches: tuple[Touch, ...]
    opens: bool = False


@dataclass(frozen=True, slots=True)
class Bad:
    """Cannot be judged, and is refused. *status* is SFTP's."""

    packet: bytes
    number: int
    reason: str
    status: int = PERMISSION_DENIED


Step = Pass | Act | Bad


class Packets:
    """Cuts a stream into packets, wherever the reads are cut."""

    def __init__(self) -> None:
        self._left = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Whole packets, each with its length in front. Raises SftpError."""
        self._left += data
        while len(self._left) >= 4:
            (size,) = struct.unpack_from(">I", self._left)
            if not 1 <= size <= MAX_PACKET_BYTES:
                raise SftpError(f"a packet of {size} bytes")
            if len(self._left) < 4 + size:
                return
            packet = bytes(self._left[: 4 + size])
            del self._left[: 4 + size]
            yield packet


class Fields:
    """The fields of a packet, one after another. Raises SftpError where it is cut short."""

    def __init__(self, packet: bytes) -> None:
        self._packet = packet
        self._at = 5

    @property
    def kind(self) -> int:
        return self._packet[4]

    def number(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def big(self) -> int:
        return int.from_bytes(self.take(8), "big")

    def string(self) -> bytes:
        return self.take(self.number())

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self._packet) - self._at)

    def take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._packet):
            raise SftpError("a packet that is cut short")
        found = self._packet[self._at : end]
        self._at = end
        return found

    @property
    def over(self) -> bool:
        """Whether nothing is left of it."""
        return self._at >= len(self._packet)


class Requests:
    """What a caller sends, step by step. *files* are open handles and their paths."""

    def __init__(self) -> None:
        self.files: dict[bytes, str] = {}
        self._begun = False

    def read(self, packet: bytes) -> Step:
        """What *packet* is. Raises SftpError."""
        fields = Fields(packet)
        kind = fields.kind
        if not self._begun:
            if kind != INIT:
                raise SftpError("the first packet is not SSH_FXP_INIT")
            self._begun = True
            # Never more than version 3: later ones mean other things by the same packets.
            return Pass(struct.pack(">IBI", 5, INIT, 3))
        number = fields.number()
        try:
            return self._act(packet, fields, kind, number)
        except paths.BadPath as bad:
            return Bad(packet, number, str(bad))

    def _act(self, packet: bytes, fields: Fields, kind: int, number: int) -> Step:
        if kind in _ON_HANDLE:
            fields.string()
            return Pass(packet)
        if kind == OPEN:
            return self._open(packet, fields, number)
        if kind in _ON_PATH:
            return _one(packet, number, *_ON_PATH[kind], fields.string(), opens=kind == OPENDIR)
        if kind in _ON_TWO:
            return _two(packet, number, *_ON_TWO[kind], fields.string(), fields.string())
        if kind == FSETSTAT:
            path = self.files.get(fields.string())
            if path is None:
                return Bad(packet, number, "no such open file")
            return Act(packet, number, "setstat", (path,), (paths.touch(Effect.ALTER, path),))
        if kind == EXTENDED:
            return _extended(packet, fields, number)
        return Bad(packet, number, "no such request is let through", UNSUPPORTED)

    def _open(self, packet: bytes, fields: Fields, number: int) -> Step:
        path, flags = paths.text(fields.string()), fields.number()
        found = []
        if flags & TO_READ:
            found.append(paths.touch(Effect.READ, path))
        if flags & (TO_WRITE | TO_APPEND | TO_CREATE | TO_TRUNCATE):
            found.append(paths.touch(Effect.WRITE, path))
        if not found:
            return Bad(packet, number, "a file is opened to read or to write")
        name = {1: "read", 2: "write"}[len(found)] if found[0].effect is Effect.READ else "write"
        return Act(packet, number, "read and write" if len(found) == 2 else name, (path,), tuple(found), True)


def _one(packet: bytes, number: int, name: str, effect: Effect, raw: bytes, *, opens: bool = False) -> Act:
    path = paths.text(raw)
    return Act(packet, number, name, (path,), (paths.touch(effect, path),), opens)


def _two(
    packet: bytes, number: int, name: str, first: Effect, second: Effect, one: bytes, other: bytes
) -> Act:
    a, b = paths.text(one), paths.text(other)
    return Act(packet, number, name, (a, b), (paths.touch(first, a), paths.touch(second, b)))


def _extended(packet: bytes, fields: Fields, number: int) -> Step:
    name = fields.string()
    if name in _EXTENDED_FREE:
        return Pass(packet)
    if name in _EXTENDED_ON_PATH:
        return _one(packet, number, *_EXTENDED_ON_PATH[name], fields.string())
    if name in _EXTENDED_ON_TWO:
        return _two(packet, number, *_EXTENDED_ON_TWO[name], fields.string(), fields.string())
    return Bad(packet, number, "no such extension is let through", UNSUPPORTED)


def greeting(packet: bytes) -> bytes:
    """SSH_FXP_VERSION with those extensions only that are let through: a client does not ask for the rest."""
    fields = Fields(packet)
    body = struct.pack(">BI", fields.kind, fields.number())
    while not fields.over:
        name, data = fields.string(), fields.string()
        if name in _EXTENDED_FREE or name in _EXTENDED_ON_PATH or name in _EXTENDED_ON_TWO:
            body += string(name) + string(data)
    return string(body)


def status(number: int, code: int, words: str) -> bytes:
    """SSH_FXP_STATUS: what became of *number*, or why it was not done."""
    return packet(struct.pack(">BII", STATUS, number, code) + string(words.encode()) + string(b"en"))


def string(data: bytes) -> bytes:
    """*data* with its length in front, as everything in SSH."""
    return struct.pack(">I", len(data)) + data


packet = string
