"""Writing the journal: one ``write(2)`` per action, before anything passes."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Literal, Self

from vedette.journal.chain import MAX_BODY_BYTES, Chain, chain
from vedette.journal.checkpoint import Anchor, sign
from vedette.journal.errors import JournalError
from vedette.journal.keys import JournalKeys
from vedette.journal.lock import lock
from vedette.journal.recover import Standing, recover
from vedette.journal.segments import SEGMENT_BYTES, segment_path, sync_folder
from vedette.trail.events import Event, JournalCheckpoint, JournalRecovered, encode

log = logging.getLogger(__name__)

Durability = Literal["os", "fsync"]
Why = Literal["open", "due", "flush", "segment", "close"]
Pending = tuple[float, bytes, bytes]

MAX_DEFERRED = 10_000
MAX_DEFERRED_BYTES = 8 << 20
_KIND = re.compile(r"[a-z][a-z.]{0,63}")
_WORKER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_OPEN, _CLOSE = b"{}"
_CHECKPOINT = JournalCheckpoint.kind.encode()


class Journal:
    """The journal of one worker, open for writing. Not to be shared between threads.

    Every method that writes raises JournalError when the record is not safely in the
    file; nothing of it is left there then, and the next call may well succeed (a disk
    that has room again). Only after a failed fsync does the journal stay shut, because
    the kernel may have dropped the bytes: reopen it.
    """

    def __init__(
        self, folder: Path, keys: JournalKeys, *, held: int, fd: int, standing: Standing, sync: bool,
        every: int, anchor: Anchor | None, now: Callable[[], float], worker: str, segment_bytes: int,
    ) -> None:  # fmt: skip
        self._folder = folder
        self._keys = keys
        self._held = held
        self._fd = fd
        self._size = standing.size
        self._since = standing.since
        self._chain = chain(standing.seq, standing.state, keys.mac)
        self._sync = sync
        self._every = every
        self._anchor = anchor
        self._now = now
        self._worker = worker
        self._segment_bytes = segment_bytes
        self._deferred: list[Pending] = []
        self._deferred_bytes = 0
        self._kinds: dict[str, bytes] = {}
        self._torn = False
        self._shut = ""
        #: Awaited before what was recorded may pass; None where an append has done all there is to do.
        self.on_disk: Callable[[], Awaitable[None]] | None = None

    @classmethod
    def open(
        cls, folder: Path, keys: JournalKeys, *, durability: Durability = "os", checkpoint_every: int = 1000,
        anchor: Path | None = None, now: Callable[[], float] = time.time, worker: str = "main",
        segment_bytes: int = SEGMENT_BYTES,
    ) -> Self:  # fmt: skip
        """Open the journal in *folder* (made, mode 0700, where missing) for one worker.

        An end that was not orderly is cut to the last whole record and itself recorded.

        Raises:
            JournalLocked: another process has the folder.
            JournalDamaged: what is there is not what was written; nothing is touched.
            JournalError: the folder cannot be written.
        """
        if not _WORKER.fullmatch(worker):
            raise ValueError(f"a worker's name is letters, digits, dot, dash, underscore: {worker!r}")
        if checkpoint_every < 1:
            raise ValueError("checkpoint_every is at least 1")
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise JournalError(f"{folder} cannot be made: {error.strerror}") from error
        held = lock(folder, worker)
        fd = -1
        try:
            standing = recover(folder, keys.public_bytes)
            fd = _open_segment(standing.segment or segment_path(folder, 1))
            journal = cls(
                folder, keys, held=held, fd=fd, standing=standing, sync=durability == "fsync",
                every=checkpoint_every, now=now, worker=worker, segment_bytes=segment_bytes,
                anchor=Anchor(anchor, sync=durability == "fsync") if anchor else None,
            )  # fmt: skip
            journal._begin(standing)
        except BaseException as error:
            if fd >= 0:
                os.close(fd)
            os.close(held)
            if isinstance(error, OSError) and not isinstance(error, JournalError):
                raise JournalError(f"the journal in {folder} cannot be opened: {error}") from error
            raise
        return journal

    @property
    def head(self) -> tuple[int, str]:
        """The last record's sequence number and link (hex)."""
        return self._chain.seq, self._chain.state[:32].hex()

    @property
    def chain(self) -> Chain:
        """The writer's end of it."""
        return self._chain

    @property
    def worker(self) -> str:
        return self._worker

    @property
    def folder(self) -> Path:
        return self._folder

    @property
    def trouble(self) -> str:
        """What keeps the journal from writing, or its anchor from following; empty when well."""
        return self._shut or (self._anchor.trouble if self._anchor else "")

    def append(self, kind: str, body: bytes) -> int:
        """Write one record, and everything deferred before it; returns its sequence number.

        *body* is one JSON object, encoded, without a line end. When this returns, the bytes
        have been handed to the kernel (durability ``os``: they survive the death of this
        process) or to the disk (``fsync``).

        Raises:
            JournalError: there is no record.
        """
        return self._commit([*self._deferred, self._pending(kind, body)])

    def append_many(self, records: Iterable[tuple[str, bytes]]) -> int:
        """Write several records with one write (and one fsync); returns the last one's number.

        Raises:
            JournalError: none of them is on record.
        """
        return self._commit([*self._deferred, *(self._pending(kind, body) for kind, body in records)])

    def record(self, event: Event) -> int:
        """``append`` of an event."""
        return self.append(*encode(event))

    def defer(self, kind: str, body: bytes) -> None:
        """Write this record with the next append or flush, whichever comes first.

        For what tells of something already past (outcomes). Bounded: at MAX_DEFERRED
        records or MAX_DEFERRED_BYTES it flushes by itself.

        Raises:
            JournalError: it had to flush and could not; everything deferred is still queued,
                this record too.
        """
        self._deferred.append(self._pending(kind, body))
        self._deferred_bytes += len(body)
        if len(self._deferred) >= MAX_DEFERRED or self._deferred_bytes >= MAX_DEFERRED_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is deferred."""
        if self._deferred:
            self._commit(self._deferred[:])

    def checkpoint(self) -> None:
        """Flush, then sign where the journal stands, unless nothing came since the last time."""
        self.flush()
        if self._since:
            self._sign("flush")

    def close(self) -> None:
        """Flush, sign the end, and let go of the folder. Closing twice is nothing.

        Raises:
            JournalError: the end could not be written; the folder is let go all the same.
        """
        if self._fd < 0:
            return
        try:
            self.flush()
            self._sign("close")
            os.fdatasync(self._fd)
        except JournalError:
            raise
        except OSError as error:
            raise JournalError(f"the journal could not be closed: {error}") from error
        finally:
            os.close(self._fd)
            os.close(self._held)
            self._fd = self._held = -1
            self._shut = "the journal is closed"

    def descriptor(self) -> int:
        """A descriptor of its own on the present segment, to be synced elsewhere and closed by the caller.

        Earlier segments are on the disk already.

        Raises:
            JournalError: the journal is shut.
        """
        if self._shut:
            raise JournalError(self._shut)
        return os.dup(self._fd)

    def leave_syncing_to(self, settled: Callable[[], Awaitable[None]]) -> None:
        """From here on only write; *settled* waits for the disk."""
        self._sync = False
        self.on_disk = settled

    def disk_failed(self, error: OSError) -> JournalError:
        """Shut the journal after a failed sync; returns the error to raise."""
        # The kernel forgets which pages failed: asking again would say "well" and lie.
        self._shut = f"the journal's disk failed ({error.strerror}); start the gateway anew"
        return JournalError(self._shut)

    # -- the inside -------------------------------------------------------------------

    def _pending(self, kind: str, body: bytes) -> Pending:
        name = self._kinds.get(kind)
        if name is None:
            if not _KIND.fullmatch(kind):
                raise ValueError(f"not an event's name: {kind!r}")
            name = self._kinds[kind] = kind.encode()
        if not body or body[0] != _OPEN or body[-1] != _CLOSE or b"\n" in body:
            raise ValueError("a record's body is one JSON object without a line end")
        if len(body) > MAX_BODY_BYTES:
            raise JournalError(f"a record of {len(body)} bytes is over the limit of {MAX_BODY_BYTES}")
        return self._now(), name, body

    def _commit(self, records: list[Pending]) -> int:
        """Chain *records* (which begin with all that is deferred) and write them in one go."""
        if self._shut:
            raise JournalError(self._shut)
        if self._size >= self._segment_bytes:
            self._rotate()
        chain = self._chain
        mark = chain.mark()
        since = self._since + len(records)
        points: list[JournalCheckpoint] = []
        if since < self._every:
            data = chain.lines(records)
            last = chain.seq
        else:
            data, last, since = self._with_checkpoints(records, points)
        try:
            self._write(data)
        except BaseException:
            chain.back(mark)
            raise
        self._since = since
        if self._deferred:
            self._deferred.clear()
            self._deferred_bytes = 0
        for point in points:
            self._anchored(point)
        return last

    def _with_checkpoints(
        self, records: list[Pending], points: list[JournalCheckpoint]
    ) -> tuple[bytes, int, int]:
        """The lines with the checkpoints due among them, the last record's number, how many came since."""
        chain = self._chain
        lines = []
        last, since = chain.seq, self._since
        for record in records:
            lines.append(chain.lines((record,)))
            last = chain.seq
            since += 1
            if since >= self._every:
                point = self._point("due", since)
                lines.append(chain.line(record[0], _CHECKPOINT, encode(point)[1]))
                points.append(point)
                since = 0
        return b"".join(lines), last, since

    def _write(self, data: bytes) -> None:
        """Put *data* at the end of the segment, wholly or not at all."""
        if self._torn:
            self._mend()
        try:
            done = os.write(self._fd, data)
            while done < len(data):
                # A full disk takes what fits and says so only when asked again.
                done += os.write(self._fd, data[done:])
        except OSError as error:
            self._torn = True
            reason = f"the journal cannot be written: {error.strerror or error}"
            try:
                self._mend()
            except JournalError as worse:
                raise JournalError(reason) from worse
            raise JournalError(reason) from error
        except BaseException:
            self._torn = True
            raise
        self._size += len(data)
        if self._sync:
            self._to_disk()

    def _mend(self) -> None:
        """Take back an unfinished write. Until that works, nothing else is written."""
        try:
            os.ftruncate(self._fd, self._size)
        except OSError as error:
            raise JournalError(f"an unfinished record cannot be taken back: {error.strerror}") from error
        self._torn = False

    def _to_disk(self) -> None:
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            raise self.disk_failed(error) from error

    def _begin(self, standing: Standing) -> None:
        """Say on record how the journal was found, and sign where it begins again."""
        beyond = 0 if self._anchor is None else max(0, self._anchor.last(self._worker) - standing.seq)
        if not standing.closed or beyond:
            torn = standing.torn
            event = JournalRecovered(
                at=self._now(),
                worker=self._worker,
                segment=torn.segment if torn else "",
                cut=torn.size if torn else 0,
                file=torn.file if torn else "",
                sha256=torn.sha256 if torn else "",
                anchored=standing.seq + beyond if beyond else 0,
            )
            log.warning(
                "the journal was not closed: %d bytes set aside, %d records missing that the anchor knows of",
                event.cut,
                beyond,
            )
            self.record(event)
        self._sign("open")

    def _point(self, why: Why, count: int) -> JournalCheckpoint:
        return sign(
            self._keys.signing, worker=self._worker, seq=self._chain.seq, state=self._chain.state,
            count=count, every=self._every, at=self._now(), why=why,
        )  # fmt: skip

    def _sign(self, why: Why) -> None:
        if self._shut:
            raise JournalError(self._shut)
        point = self._point(why, self._since)
        mark = self._chain.mark()
        line = self._chain.line(self._now(), _CHECKPOINT, encode(point)[1])
        try:
            self._write(line)
        except BaseException:
            self._chain.back(mark)
            raise
        self._since = 0
        self._anchored(point)

    def _anchored(self, point: JournalCheckpoint) -> None:
        if self._anchor is None:
            return
        before = self._anchor.trouble
        self._anchor.add(point)
        if self._anchor.trouble and not before:
            log.error("%s; checkpoints are queued", self._anchor.trouble)

    def _rotate(self) -> None:
        """Begin the next segment; the old one ends with a checkpoint."""
        if self._since:
            self._sign("segment")
        path = segment_path(self._folder, self._chain.seq + 1)
        fd = -1
        try:
            fd = _open_segment(path)
            if os.fstat(fd).st_size:
                raise OSError(f"{path} is there already")
            os.fdatasync(self._fd)
            sync_folder(self._folder)
        except OSError as error:
            if fd >= 0:
                os.close(fd)
            raise JournalError(f"a new segment cannot be begun: {error.strerror or error}") from error
        os.close(self._fd)
        self._fd = fd
        self._size = 0


def _open_segment(path: Path) -> int:
    """Open a segment for appending: the last one, or a new one."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
