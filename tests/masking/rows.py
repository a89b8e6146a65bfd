"""DataRow messages, written and read the slow, obvious way."""

from __future__ import annotations

import struct


def row(*cells: bytes | None) -> bytes:
    body = struct.pack("!h", len(cells))
    for cell in cells:
        body += struct.pack("!i", -1) if cell is None else struct.pack("!i", len(cell)) + cell
    return b"D" + struct.pack("!I", len(body) + 4) + body


def cells_of(run: bytes) -> list[list[bytes | None]]:
    rows = []
    while run:
        assert run[:1] == b"D"
        end = 1 + struct.unpack_from("!I", run, 1)[0]
        body, run = run[5:end], run[end:]
        (count,), at = struct.unpack_from("!h", body), 2
        cells: list[bytes | None] = []
        for _ in range(count):
            (size,) = struct.unpack_from("!i", body, at)
            at += 4
            cells.append(None if size < 0 else body[at : at + size])
            at += max(size, 0)
        assert at == len(body)
        rows.append(cells)
    return rows
