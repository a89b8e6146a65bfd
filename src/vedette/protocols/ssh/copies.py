"""Files as a caller under masks may read them: whole copies in memory, masked, as long as the file was."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from vedette.masking import CannotMask, Tally
from vedette.masking.binary import Binary
from vedette.masking.prose import text_scanner
from vedette.masking.strategies import REDACTED
from vedette.masking.stream import TextMask
from vedette.model import MaskRule
from vedette.protocols.aside import aside
from vedette.protocols.ssh import sftp

#: All copies of one channel together.
MAX_COPIES_BYTES = 64 << 20
#: So much is masked by a thread before others have their turn.
PIECE_BYTES = 64 << 10
_EXTENDED_ATTRIBUTES = 0x80000000


def largest(masks: Sequence[MaskRule]) -> int:
    """The largest file, in bytes, that *masks* let through masked."""
    return min(rule.files for rule in masks if rule.entities)


async def masked(data: bytes, masks: Sequence[MaskRule], key: bytes, tally: Tally) -> bytes:
    """
    *data*, a whole file, masked; what stands for a value is as long as it.

    Raises:
        CannotMask: it is no text, and a rule refuses what is none; or a rule cannot be applied.
    """
    mask = TextMask(masks, key, tally, same_size=True)
    binary = Binary() if any(rule.binary == "refuse" for rule in masks if rule.entities) else None
    out = []
    for at in range(0, len(data), PIECE_BYTES):
        piece = data[at : at + PIECE_BYTES]
        if binary is not None:
            binary.see(piece)
        out.append(await aside(lambda piece=piece: mask.feed(piece)))  # type: ignore[misc]
    out.append(await aside(mask.finish))
    made = b"".join(out)
    if len(made) != len(data):
        raise CannotMask("a masked file came out longer or shorter than it was")
    return made


def served(number: int, copy: bytes, offset: int, length: int) -> tuple[bytes, bytes]:
    """The answer to a READ of a copy, and what of it is in there."""
    data = copy[offset : offset + min(length, sftp.MAX_READ_BYTES)]
    if not data:
        return sftp.status(number, sftp.EOF, "end of file"), b""
    return sftp.packet(struct.pack(">BI", sftp.DATA, number) + sftp.string(data)), data


def names(packet: bytes, masks: Sequence[MaskRule], key: bytes, tally: Tally) -> bytes:
    """SSH_FXP_NAME with the values hidden that names hold. Raises SftpError, CannotMask."""
    fields = sftp.Fields(packet)
    number, count = fields.number(), fields.number()
    body = [struct.pack(">BII", sftp.NAME, number, count)]
    changed = False
    for _ in range(count):
        for _ in range(2):
            name = fields.string()
            new = hidden(name, masks, key, tally)
            changed = changed or new != name
            body.append(sftp.string(new))
        body.append(_attributes(fields))
    return sftp.packet(b"".join(body)) if changed else packet


def words(packet: bytes, masks: Sequence[MaskRule], key: bytes, tally: Tally) -> bytes:
    """SSH_FXP_STATUS with the values hidden that the host's words hold. Raises SftpError, CannotMask."""
    fields = sftp.Fields(packet)
    number, code = fields.number(), fields.number()
    if fields.over:
        return packet
    said = fields.string()
    new = hidden(said, masks, key, tally)
    return packet if new == said else sftp.status(number, code, new.decode("utf-8", "replace"))


def hidden(text: bytes, masks: Sequence[MaskRule], key: bytes, tally: Tally) -> bytes:
    """A short text without what *masks* look for. Raises CannotMask."""
    try:
        scan = text_scanner(tuple(rule for rule in masks if rule.entities), key)
    except (ValueError, KeyError) as error:
        raise CannotMask(f"these mask rules cannot be applied: {error}") from error
    found = scan.hide(text, tally)
    return REDACTED if found is None else found


def _attributes(fields: sftp.Fields) -> bytes:
    """ATTRS as they stand in a packet (draft-ietf-secsh-filexfer-02, section 5)."""
    flags = fields.number()
    parts = [struct.pack(">I", flags)]
    for bit, size in ((0x01, 8), (0x02, 8), (0x04, 4), (0x08, 8)):
        if flags & bit:
            parts.append(fields.take(size))
    if flags & _EXTENDED_ATTRIBUTES:
        count = fields.number()
        parts.append(struct.pack(">I", count))
        parts += [sftp.string(fields.string()) for _ in range(2 * count)]
    return b"".join(parts)
