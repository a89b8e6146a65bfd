"""Files on their way to a host that people are asked about: kept whole, until what they hold is known."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field

from vedette.protocols.ssh import sftp
from vedette.protocols.ssh.own import HostRefused, Own, done

#: One upload, and all of one channel together.
MAX_UPLOAD_BYTES = 32 << 20
_HAS_SIZE = 0x01
_EXCLUSIVE = 0x20


def keeps(act: sftp.Act) -> bool:
    """Whether *act* opens a file to be written from its beginning: what it will hold can then be known."""
    return act.packet[4] == sftp.OPEN and act.name == "write" and not _flags(act) & sftp.TO_APPEND


def _flags(act: sftp.Act) -> int:
    fields = sftp.Fields(act.packet)
    fields.number()
    fields.string()
    return fields.number()


@dataclass(slots=True)
class Upload:
    """
    One of them. *act* opens it; *attributes* are those it is to be given; *broken* is why it cannot be.

    *fresh*: nothing of what the file held before stays. OpenSSH's scp writes over it, and cuts it in the end.
    """

    act: sftp.Act
    data: bytearray = field(default_factory=bytearray)
    attributes: list[bytes] = field(default_factory=list)
    broken: str = ""
    fresh: bool = False
    cut: bool = False

    def __post_init__(self) -> None:
        flags = _flags(self.act)
        self.fresh = bool(flags & sftp.TO_TRUNCATE or (flags & sftp.TO_CREATE and flags & _EXCLUSIVE))

    @property
    def text(self) -> str:
        """What people are asked about."""
        size = f"{len(self.data)} bytes" if self.fresh else f"its first {len(self.data)} bytes"
        return f"{self.act.name} {self.act.paths[0]} {size} sha256 {hashlib.sha256(self.data).hexdigest()}"

    def take(self, offset: int, data: bytes, room: int) -> bool:
        """Keeps *data* at *offset*, if there is room; *room* is for how many bytes more than now."""
        end = offset + len(data)
        if end > MAX_UPLOAD_BYTES or end - len(self.data) > room:
            self.broken = f"an upload that waits for approval is at most {MAX_UPLOAD_BYTES} bytes"
            return False
        if offset > len(self.data) and not self.fresh:
            self.broken = "an upload that waits for approval is written from front to back"
            return False
        if end > len(self.data):
            self.data.extend(bytes(end - len(self.data)))
        self.data[offset:end] = data
        return True

    def given(self, fields: sftp.Fields) -> bool:
        """
        Keeps attributes (ATTRS of the draft, section 5), and cuts the file where they say how long it is.

        Raises SftpError.
        """
        flags = fields.number()
        if flags & _HAS_SIZE:
            size = fields.big()
            if size > len(self.data):
                self.broken = "an upload that waits for approval is not made longer than what is written"
                return False
            del self.data[size:]
            self.fresh = self.cut = True
            flags &= ~_HAS_SIZE
        if flags:
            self.attributes.append(struct.pack(">I", flags) + fields.rest())
        return True

    def answer(self, packet: bytes, room: int) -> bytes:
        """To what a caller asks of the open file, but to close it."""
        fields = sftp.Fields(packet)
        kind, number = fields.kind, fields.number()
        fields.string()
        if kind == sftp.WRITE:
            if self.take(fields.big(), fields.string(), room):
                return sftp.status(number, 0, "")
            return sftp.status(number, sftp.FAILURE, f"vedette: {self.broken} [sftp.upload]")
        if kind == sftp.FSTAT:
            return sftp.packet(struct.pack(">BIIQ", sftp.ATTRS, number, _HAS_SIZE, len(self.data)))
        if kind == sftp.EXTENDED:
            return sftp.status(number, 0, "")
        return sftp.status(number, sftp.PERMISSION_DENIED, "vedette: it was opened to write")

    async def store(self, own: Own) -> None:
        """Write it to the host, as it was approved. Raises HostRefused, with the file closed."""
        answer = await own.ask(sftp.OPEN, self.act.packet[9:])
        fields = sftp.Fields(answer)
        kind, _ = fields.kind, fields.number()
        if kind != sftp.HANDLE:
            raise HostRefused(fields.number() if kind == sftp.STATUS else sftp.FAILURE, answer)
        handle = sftp.string(fields.string())
        try:
            await own.write(handle[4:], bytes(self.data))
            if self.cut:
                size = struct.pack(">IQ", _HAS_SIZE, len(self.data))
                done(await own.ask(sftp.FSETSTAT, handle + size))
            for attributes in self.attributes:
                done(await own.ask(sftp.FSETSTAT, handle + attributes))
        finally:
            closed = await own.ask(sftp.CLOSE, handle)
        done(closed)


def handle_of(packet: bytes) -> bytes | None:
    """Of which open file *packet* asks something; None where it asks of none."""
    fields = sftp.Fields(packet)
    if fields.kind in (sftp.INIT, sftp.EXTENDED):
        if fields.kind == sftp.INIT:
            return None
        fields.number()
        return fields.string() if fields.string() == b"fsync@openssh.com" else None
    fields.number()
    return fields.string()
