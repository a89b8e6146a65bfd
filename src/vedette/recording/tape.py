"""Writing a recording: lines of asciicast version 2, each in the file before anybody is shown it."""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from vedette.journal.errors import JournalError
from vedette.journal.segments import sync_folder
from vedette.trail import events
from vedette.trail.events import Event

#: A recording is sealed when it has grown by so much since the last time, and whenever it rests.
SEAL_BYTES = 1 << 20
MAX_LABEL = 1000
PART, DONE = ".part", ".cast"
Form = Literal["terminal", "output"]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is recorded: an action of a session. *shell*: what the terminal calls itself (TERM)."""

    session: str
    action: str
    form: Form
    width: int = 80
    height: int = 24
    term: str = ""
    cap: int | None = None
    typed: bool = False


class Tape:
    """
    One recording. Every method raises OSError where the file cannot be written; then nothing of the
    last event is in it, and nothing may pass.
    """

    def __init__(self, name: str, fd: int, path: Path, subject: Subject, owner: Tapes) -> None:
        self.name = name
        self.size = self.sealed = 0
        self.left: dict[str, int] = {}
        self._fd, self._path, self._owner = fd, path, owner
        self._subject = subject
        self._began = owner.clock()
        self._hash = hashlib.sha256()
        self._kept: dict[str, int] = {}
        # What is no UTF-8 stays what it was, as lone surrogates; exports show it as a terminal would.
        self._text = {s: codecs.getincrementaldecoder("utf-8")("surrogateescape") for s in "oei"}

    def begin(self) -> None:
        at = self._subject
        header = {
            "version": 2, "width": at.width, "height": at.height, "timestamp": int(self._began),
            "title": f"vedette {self.name}", "env": {"TERM": at.term} if at.term else {},
        }  # fmt: skip
        self._write(json.dumps(header))

    def put(self, data: bytes, stream: str = "o") -> None:
        """What is shown (``o``, ``e`` for standard error) or was typed (``i``)."""
        cap = self._subject.cap
        if cap is not None:
            kept = self._kept.get(stream, 0)
            room = max(0, cap - kept)
            if len(data) > room:
                self.left[stream] = self.left.get(stream, 0) + len(data) - room
                data = data[:room]
            self._kept[stream] = kept + len(data)
        text = self._text[stream].decode(data)
        if text:
            self._event(stream, text)

    def resized(self, width: int, height: int) -> None:
        self._event("r", f"{width}x{height}")

    def mark(self, label: str) -> None:
        """A place to jump to: a command begins here."""
        self._event("m", label[:MAX_LABEL])

    def close(self) -> None:
        """Seal it for good. Raises nothing: what was shown is in the file."""
        with contextlib.suppress(OSError):
            for stream, decoder in self._text.items():
                rest = decoder.decode(b"", final=True)
                if rest:
                    self._event(stream, rest)
        self._owner.closed(self)

    def seal(self) -> events.RecordingSealed | None:
        """What is to be put on record of it by now; None where that is on record already."""
        if self.size == self.sealed:
            return None
        self.sealed = self.size
        return self._seal(final=False)

    def finish(self) -> events.RecordingSealed:
        """Close the file, and give its last seal."""
        os.close(self._fd)
        self._path.rename(self._path.with_suffix(DONE))
        return self._seal(final=True)

    def _seal(self, *, final: bool) -> events.RecordingSealed:
        return events.RecordingSealed(
            at=self._owner.clock(), session=self._subject.session, recording=self.name, bytes=self.size,
            sha256=self._hash.hexdigest(), final=final, left_out=dict(self.left),
        )  # fmt: skip

    def _event(self, code: str, text: str) -> None:
        elapsed = max(0.0, self._owner.clock() - self._began)
        self._write(f'[{elapsed:.6f}, "{code}", {json.dumps(text)}]')

    def _write(self, line: str) -> None:
        data = line.encode("ascii") + b"\n"
        try:
            done = os.write(self._fd, data)
            while done < len(data):
                done += os.write(self._fd, data[done:])
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self.size)
            raise
        self._hash.update(data)
        self.size += len(data)
        if self.size - self.sealed >= SEAL_BYTES:
            self._owner.seal(self)


@dataclass(slots=True)
class Tapes:
    """
    The recordings of one gateway, in *folder*. *append* writes a record, *defer* one that may wait
    for the next; *clock* gives Unix time in seconds.
    """

    folder: Path
    append: Callable[[Event], object]
    defer: Callable[[Event], object]
    clock: Callable[[], float]
    _running: dict[str, Tape] = field(default_factory=dict)

    def open(self, subject: Subject) -> Tape:
        """
        Begin a recording; that it is there is on record before it has a byte.

        Raises:
            OSError: it cannot be, so what was to be recorded must not pass.
        """
        name = subject.action
        path = self.folder / f"{name}{PART}"
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.append(
            events.RecordingOpened(
                at=self.clock(), session=subject.session, action=subject.action, recording=name,
                form=subject.form, width=subject.width, height=subject.height,
                cap=-1 if subject.cap is None else subject.cap, typed=subject.typed,
            )
        )  # fmt: skip
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        tape = Tape(name, os.open(path, flags, 0o600), path, subject, self)
        self._running[name] = tape
        try:
            tape.begin()
        except OSError:
            tape.close()
            raise
        return tape

    def seal(self, tape: Tape) -> None:
        """Put on record where *tape* stands. Raises OSError."""
        sealed = tape.seal()
        if sealed is not None:
            self.defer(sealed)

    def rest(self) -> None:
        """Seal what has grown; to be called now and then. Raises OSError."""
        for tape in list(self._running.values()):
            self.seal(tape)

    def closed(self, tape: Tape) -> None:
        if self._running.pop(tape.name, None) is not None:
            with contextlib.suppress(OSError):  # outcomes wait for a journal that is well again
                self.defer(tape.finish())

    def close(self) -> None:
        """The gateway stops: seal all that is left."""
        for tape in list(self._running.values()):
            tape.close()

    def recover(self) -> None:
        """
        After a kill: what was being recorded is cut to its last whole line, and sealed as it is.

        Raises:
            OSError: the folder cannot be written.
        """
        if not self.folder.is_dir():
            return
        for path in sorted(self.folder.glob(f"*{PART}")):
            data = path.read_bytes()
            whole = data[: data.rfind(b"\n") + 1]
            if len(whole) < len(data):
                os.truncate(path, len(whole))
            name = path.name.removesuffix(PART)
            path.rename(path.with_suffix(DONE))
            self.append(
                events.RecordingSealed(
                    at=self.clock(), session=name.rpartition(".")[0], recording=name, bytes=len(whole),
                    sha256=hashlib.sha256(whole).hexdigest(), final=True, recovered=True,
                    cut=len(data) - len(whole),
                )
            )  # fmt: skip
        sync_folder(self.folder)


class Reel:
    """A recording that begins with the first thing there is to keep. Methods raise as Tape's do."""

    def __init__(self, tapes: Tapes, subject: Subject) -> None:
        self._tapes, self._subject = tapes, subject
        self._tape: Tape | None = None
        self._over = False

    def put(self, data: bytes, stream: str = "o") -> None:
        if self._subject.cap != 0 and data:
            self._there().put(data, stream)

    def resized(self, width: int, height: int) -> None:
        self._there().resized(width, height)

    def mark(self, label: str) -> None:
        self._there().mark(label)

    def close(self) -> None:
        self._over = True
        if self._tape is not None:
            self._tape.close()

    def _there(self) -> Tape:
        if self._over:
            raise JournalError("the recording is over")
        if self._tape is None:
            self._tape = self._tapes.open(self._subject)
        return self._tape
