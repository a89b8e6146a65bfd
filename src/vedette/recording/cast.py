"""Recordings of terminals and commands, read back: to be played, exported and proven. Pure but for `find`."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vedette.recording.tape import DONE, PART
from vedette.terminal.inert import RESET, Inert

#: No pause is longer than this when a recording is played, in seconds.
LONGEST = 2.0
CHUNK_BYTES = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9-]{1,64}\.[0-9]{1,9}", re.ASCII)


def find(folder: Path, name: str) -> Path | None:
    """The file of a recording, finished or not; None where there is none of that name."""
    if not _NAME.fullmatch(name):
        return None
    return next((path for end in (DONE, PART) if (path := folder / f"{name}{end}").is_file()), None)


@dataclass(frozen=True, slots=True)
class Cast:
    """A recording: its header, and its events (seconds since the beginning, code, text)."""

    header: Mapping[str, Any]
    events: tuple[tuple[float, str, str], ...]

    @property
    def terminal(self) -> bool:
        return any(code == "o" for _, code, _ in self.events)


def parse(data: bytes) -> Cast:
    """
    What a file holds, up to its last whole line: of one that is being written the end may be missing.

    Raises:
        ValueError: it is no recording.
    """
    lines = data[: data.rfind(b"\n") + 1].splitlines()
    if not lines:
        raise ValueError("a recording without a header")
    header = json.loads(lines[0])
    if not isinstance(header, dict) or header.get("version") != 2:
        raise ValueError("not an asciicast of version 2")
    events = []
    for line in lines[1:]:
        at, code, text = json.loads(line)
        events.append((float(at), str(code), str(text)))
    return Cast(header, tuple(events))


def play(cast: Cast, *, speed: float = 1.0, longest: float = LONGEST) -> Iterator[tuple[float, str]]:
    """
    Frames of (seconds to wait before it, text for a terminal). Sequences that do more than draw are left out,
    and the last frame puts the terminal back as it was.
    """
    if speed <= 0:
        raise ValueError("speed is more than 0")
    streams = {"o": Inert(), "e": Inert()}
    before = 0.0
    for at, code, text in cast.events:
        if code not in streams:
            continue
        delay = min(max(0.0, at - before) / speed, longest)
        before = at
        yield delay, streams[code].feed(text)
    yield 0.0, RESET + "\r\n"


def export(cast: Cast) -> str:
    """An asciicast of version 2 for any player: standard error is output there, and nothing acts."""
    streams = {"o": Inert(), "e": Inert()}
    width, height = int(cast.header.get("width", 80)), int(cast.header.get("height", 24))
    header = dict(cast.header) | {"width": max(1, width), "height": max(1, height)}
    lines = [json.dumps(header)]
    for at, code, text in cast.events:
        if code in streams:
            shown = streams[code].feed(text)
            if shown:
                lines.append(json.dumps([round(at, 6), "o", shown]))
        elif code == "i":
            lines.append(json.dumps([round(at, 6), "i", text.encode("utf-8", "replace").decode()]))
        elif code in ("r", "m"):
            lines.append(json.dumps([round(at, 6), code, text.encode("utf-8", "replace").decode()]))
    return "\n".join(lines) + "\n"


def check(folder: Path, entries: Iterable[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """
    What is wrong with the recordings in *folder*, by *entries* of a journal that has been verified (kind and
    body). What a recording has grown by since its last seal cannot be told, unless that was its end.
    """
    seals: dict[str, list[Mapping[str, Any]]] = {}
    for kind, body in entries:
        if kind == "recording.opened":
            seals.setdefault(str(body["recording"]), [])
        elif kind == "recording.sealed":
            seals.setdefault(str(body["recording"]), []).append(body)
    return [problem for name, many in seals.items() if (problem := _wrong(folder, name, many))]


def _wrong(folder: Path, name: str, seals: list[Mapping[str, Any]]) -> str:
    path = find(folder, name)
    if path is None:
        return f"recording {name}: its file is missing" if seals else ""
    digest, at = hashlib.sha256(), 0
    with path.open("rb") as file:
        for seal in sorted(seals, key=lambda seal: int(seal["bytes"])):
            wanted = int(seal["bytes"])
            while at < wanted:
                data = file.read(min(CHUNK_BYTES, wanted - at))
                if not data:
                    return f"recording {name}: it ends after {at} bytes, {wanted} were sealed"
                digest.update(data)
                at += len(data)
            if digest.hexdigest() != seal["sha256"]:
                return f"recording {name}: its first {wanted} bytes are not what was sealed"
        if any(seal.get("final") for seal in seals) and file.read(1):
            return f"recording {name}: something was added behind its end"
    return ""
