"""SFTP between a caller and its host: every act on a path is judged before the host hears of it."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from vedette.gate import Ruled
from vedette.masking import CannotMask, Tally
from vedette.model import Action, Allow, Deny, MaskRule
from vedette.protocols.ssh import actions, copies, sftp, words
from vedette.protocols.ssh.meter import Meter
from vedette.protocols.ssh.own import OK, HostRefused, Own
from vedette.protocols.ssh.room import ROOM
from vedette.protocols.ssh.uploads import MAX_UPLOAD_BYTES, Upload, handle_of, keeps
from vedette.protocols.ssh.wire import Down, Size, Up

#: What is held back while people are asked, in bytes: then the caller is not read any more.
HIGH_BYTES, LOW_BYTES = 512 << 10, 128 << 10

Judge = Callable[[Action, bytes], Awaitable[Ruled]]
Came = Callable[[str, str, str, int, float, Mapping[str, int]], None]
#: Requests of a caller that the host has not answered yet.
MAX_UNANSWERED = 1 << 16


@dataclass(slots=True)
class Flow:
    """What of a file went one way: its size, and its digest as long as it goes from front to back."""

    size: int = 0
    digest: hashlib._Hash | None = field(default_factory=hashlib.sha256)
    next: int = 0

    def take(self, offset: int, data: bytes) -> None:
        self.size += len(data)
        if self.digest is not None and offset == self.next:
            self.digest.update(data)
            self.next += len(data)
        elif data:
            self.digest = None

    def said(self, verb: str) -> str:
        if not self.size:
            return ""
        return f"{verb} {self.size}" + (f" sha256 {self.digest.hexdigest()}" if self.digest else "")


@dataclass(slots=True)
class Doing:
    """
    An act that the host has been asked for; a file or folder that is open because of it.

    *copy* is what is shown of a file under masks.
    """

    action: str
    path: str
    opens: bool
    began: float
    meter: Meter
    read: Flow = field(default_factory=Flow)
    wrote: Flow = field(default_factory=Flow)
    copy: bytes | None = None
    hidden: Tally = field(default_factory=Tally)

    @property
    def tag(self) -> str:
        return " ".join(filter(None, (self.read.said("read"), self.wrote.said("wrote"))))


class Files:
    """
    Stands where the host's end of a channel would (see `wire.Down.join`).

    *judge* gives the final word on an action; *came* is told what came of one (its id, how it
    ended, a tag, bytes that went to the caller, seconds, values hidden); *meter* makes the meter of an
    allowed act. *masks* are those that hold as it begins, *key* is the secret of keyed ones. *held* says
    whether people would be asked about an action.
    """

    def __init__(
        self, down: Down, up: Up, judge: Judge, came: Came, meter: Callable[[Allow], Meter],
        clock: Callable[[], float], masks: Sequence[MaskRule], key: bytes, held: Callable[[Action], bool],
    ) -> None:  # fmt: skip
        self._masks, self._key, self._held = masks, key, held
        self._uploads: dict[bytes, Upload] = {}
        self._number = itertools.count(1)
        self._unanswered: set[int] = set()
        self._own = Own(self._forward, self._unanswered)
        self._listing: dict[int, Doing] = {}
        self._drained = asyncio.Event()
        self._drained.set()
        self._down, self._up, self._judge, self._came = down, up, judge, came
        self._meter, self._clock = meter, clock
        self._said = sftp.Packets()
        self._answered = sftp.Packets()
        self._requests = sftp.Requests()
        self._queue: deque[bytes] = deque()
        self._size = 0
        self._ended = False
        self._wake = asyncio.Event()
        self._doing: dict[int, Doing] = {}
        self._open: dict[bytes, Doing] = {}
        self._reading: dict[int, tuple[bytes, int]] = {}
        self._greeted = False
        self.problem = ""

    # --- from the caller -------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        self._queue.append(data)
        self._size += len(data)
        if self._size > HIGH_BYTES:
            self._down.pause()
        self._wake.set()

    def eof(self) -> None:
        self._ended = True
        self._wake.set()

    def signal(self, name: str) -> None:
        self._up.signal(name)

    def resize(self, size: Size) -> None:
        """Files have no terminal."""

    def broke(self, msec: int) -> None:
        """Nor a line that could break."""

    def pause(self) -> None:
        self._drained.clear()
        self._up.pause()

    def resume(self) -> None:
        self._drained.set()
        self._up.resume()

    def close(self) -> None:
        self._up.close()

    async def run(self) -> None:
        """Judge and pass on what the caller sends, until it ends. What is not SFTP ends the channel."""
        try:
            while not (self._ended and not self._queue):
                await self._wake.wait()
                self._wake.clear()
                while self._queue:
                    data = self._queue.popleft()
                    for packet in self._said.feed(data):
                        await self._one(packet)
                    self._size -= len(data)
                    if self._size < LOW_BYTES and self._up.free.is_set():
                        self._down.resume()
            self._up.eof()
        except sftp.SftpError as bad:
            self.problem = str(bad)
            self._up.close()

    async def _one(self, packet: bytes) -> None:
        step = self._requests.read(packet)
        match step:
            case sftp.Pass(raw):
                if not await self._of_upload(raw) and not await self._served(raw):
                    self._note(raw)
                    await self._send(raw)
            case sftp.Bad(raw, number, reason, status):
                self._refuse(number, Deny("ssh", reason, "", "sftp.refused"), status)
            case sftp.Act():
                await self._act(step)

    async def _act(self, act: sftp.Act) -> None:
        if act.number in self._doing or len(self._doing) + len(self._open) >= sftp.MAX_UNDER_WAY:
            raise sftp.SftpError("too much at once, or a number that is taken")
        action = actions.other("sftp", " ".join((act.name, *act.paths)), act.touches)
        if keeps(act) and self._held(action):
            self._keep(act)
            return
        ruled = await self._judge(action, act.packet)
        if isinstance(ruled.verdict, Deny):
            self._refuse(act.number, ruled.verdict, sftp.PERMISSION_DENIED)
            return
        doing = Doing(ruled.action, act.paths[0], act.opens, self._clock(), self._meter(ruled.verdict))
        self._masks = ruled.verdict.masks
        kept = self._uploads.get(handle_of(act.packet) or b"") if act.packet[4] == sftp.FSETSTAT else None
        if kept is not None:
            fields = sftp.Fields(act.packet)
            fields.number()
            fields.string()
            well = kept.given(fields)
            self._over(doing, "ok" if well else "error")
            self._down.write(sftp.status(act.number, OK if well else sftp.FAILURE, kept.broken), None)
            return
        if act.packet[4] == sftp.OPEN and act.name == "read" and self._masks:
            await self._open_masked(act, doing)
            return
        self._doing[act.number] = doing
        await self._send(act.packet)

    def _keep(self, act: sftp.Act) -> None:
        """Open a file here, not at the host: people are asked when it is closed and known what it holds."""
        handle = b"vedette-%d" % next(self._number)
        self._uploads[handle] = Upload(act)
        self._requests.files[handle] = act.paths[0]
        body = struct.pack(">BI", sftp.HANDLE, act.number) + sftp.string(handle)
        self._down.write(sftp.packet(body), None)

    async def _of_upload(self, packet: bytes) -> bool:
        """Whether *packet* is about a file that is kept here; then it has been answered."""
        handle = handle_of(packet) if self._uploads else None
        upload = self._uploads.get(handle) if handle is not None else None
        if upload is None or handle is None:
            return False
        await self._drained.wait()
        if packet[4] != sftp.CLOSE:
            room = MAX_UPLOAD_BYTES - sum(len(each.data) for each in self._uploads.values())
            self._down.write(upload.answer(packet, min(room, ROOM.left)), None)
            self._weigh()
            return True
        try:
            await self._store(int.from_bytes(packet[5:9], "big"), upload)
        finally:
            del self._uploads[handle]
            self._requests.files.pop(handle, None)
            self._weigh()
        return True

    def _weigh(self) -> None:
        """Says how much is kept here by now."""
        copied = sum(len(each.copy or b"") for each in self._open.values())
        ROOM.hold(self, copied + sum(len(each.data) for each in self._uploads.values()))

    async def _store(self, number: int, upload: Upload) -> None:
        """People are asked about the whole of it; then it goes to the host, byte for byte."""
        if upload.broken:
            self._refuse(number, Deny("ssh", upload.broken, "", "sftp.upload"), sftp.FAILURE)
            return
        action = actions.other("sftp", upload.text, upload.act.touches)
        ruled = await self._judge(action, bytes(upload.data))
        if isinstance(ruled.verdict, Deny):
            self._refuse(number, ruled.verdict, sftp.PERMISSION_DENIED)
            return
        doing = Doing(ruled.action, upload.act.paths[0], True, self._clock(), self._meter(ruled.verdict))
        try:
            await upload.store(self._own)
        except HostRefused as no:
            self._over(doing, "error")
            code = no.status if no.status > 0 else sftp.FAILURE
            self._down.write(sftp.status(number, code, "the host did not take it"), None)
            return
        doing.wrote.take(0, bytes(upload.data))
        self._over(doing, "ok")
        self._down.write(sftp.status(number, OK, ""), None)

    async def _open_masked(self, act: sftp.Act, doing: Doing) -> None:
        """Read the file for the caller, whole, and show a masked copy of it."""
        masks = self._masks
        answer = await self._own.passed(act.number, act.packet)
        fields = sftp.Fields(answer)
        if fields.kind != sftp.HANDLE:
            self._over(doing, "error")
            self._down.write(self._shown(answer, doing), None)
            return
        fields.number()
        handle = fields.string()
        try:
            doing.copy = await self._copy(handle, masks, doing.hidden)
        except (HostRefused, CannotMask) as no:
            refused = isinstance(no, CannotMask)
            reason = str(no) if refused else "the host did not let it be read whole, which a mask needs"
            await self._own.ask(sftp.CLOSE, sftp.string(handle))
            self._refuse(act.number, Deny("masking", reason, "", "masking.refused"), sftp.FAILURE)
            self._over(doing, "error", f"masking: {reason}")
            return
        self._open[handle] = doing
        self._weigh()
        self._requests.files[handle] = doing.path
        self._down.write(answer, None)

    async def _copy(self, handle: bytes, masks: Sequence[MaskRule], hidden: Tally) -> bytes:
        """Raises HostRefused, CannotMask."""
        most = copies.largest(masks)
        room = copies.MAX_COPIES_BYTES - sum(len(each.copy or b"") for each in self._open.values())
        room = min(room, ROOM.left)
        data = await self._own.read(handle, min(most, room))
        if data is None:
            what = f"a file over {most} bytes" if most <= room else "one more open file"
            raise CannotMask(f"{what} cannot be masked")
        return await copies.masked(data, masks, self._key, hidden)

    async def _served(self, packet: bytes) -> bool:
        """Whether *packet* reads a copy; then it has been answered."""
        fields = sftp.Fields(packet)
        if fields.kind != sftp.READ:
            return False
        number, handle = fields.number(), fields.string()
        file = self._open.get(handle)
        if file is None or file.copy is None:
            if self._masks:
                why = "what is read under a mask is opened under it"
                self._refuse(number, Deny("masking", why, "open it anew", "masking.refused"), sftp.FAILURE)
            return bool(self._masks)
        await self._drained.wait()
        offset = fields.big()
        answer, data = copies.served(number, file.copy, offset, fields.number())
        if data:
            self._count(file, offset, data)
        self._down.write(answer, None)
        return True

    def _refuse(self, number: int, deny: Deny, status: int) -> None:
        # Most clients show their own words for the status, and what stands on standard error.
        self._down.say(words.refusal(deny))
        self._down.write(sftp.status(number, status, f"vedette: {deny.reason} [{deny.code}]"), None)

    async def _send(self, packet: bytes) -> None:
        if packet[4] != sftp.INIT:
            if len(self._unanswered) >= MAX_UNANSWERED:
                raise sftp.SftpError("too much is asked at once")
            self._unanswered.add(int.from_bytes(packet[5:9], "big"))
        await self._forward(packet)

    async def _forward(self, packet: bytes) -> None:
        await self._up.free.wait()
        self._up.write(packet)

    def _note(self, packet: bytes) -> None:
        """What is read, written and closed, for the record."""
        fields = sftp.Fields(packet)
        kind = fields.kind
        if kind not in (sftp.READ, sftp.WRITE, sftp.CLOSE, sftp.READDIR):
            return
        number, handle = fields.number(), fields.string()
        doing = self._open.get(handle)
        if doing is None:
            return
        if kind == sftp.READDIR:
            if len(self._listing) < sftp.MAX_UNDER_WAY:
                self._listing[number] = doing
        elif kind == sftp.READ:
            if len(self._reading) >= sftp.MAX_UNDER_WAY:
                raise sftp.SftpError("too much is being read at once")
            self._reading[number] = (handle, fields.big())
        elif kind == sftp.WRITE:
            offset = fields.big()
            doing.wrote.take(offset, fields.string())
        else:
            del self._open[handle]
            self._weigh()
            self._requests.files.pop(handle, None)
            self._over(doing, "ok")

    # --- from the host ----------------------------------------------------------------------------

    def from_host(self, data: bytes) -> bytes:
        """What of what the host sends goes on to the caller, in whole packets. Raises SftpError."""
        passed = []
        for packet in self._answered.feed(data):
            number = int.from_bytes(packet[5:9], "big")
            if not self._greeted:
                self._greet(packet)
                passed.append(sftp.greeting(packet))
            elif number in self._own:
                self._own.answer(number, packet)
            else:
                self._unanswered.discard(number)
                about = self._listing.get(number) or self._doing.get(number)
                passed.append(self._shown(packet, about))
                self._answer(packet)
        return b"".join(passed)

    def _greet(self, packet: bytes) -> None:
        fields = sftp.Fields(packet)
        if fields.kind != sftp.VERSION or fields.number() != 3:
            raise sftp.SftpError("the host does not speak version 3")
        self._greeted = True

    def _answer(self, packet: bytes) -> None:
        """Remember what *packet* is the answer to, as far as that matters."""
        fields = sftp.Fields(packet)
        kind, number = fields.kind, fields.number()
        if kind == sftp.DATA and number in self._reading:
            handle, offset = self._reading.pop(number)
            file = self._open.get(handle)
            if file is not None:
                self._count(file, offset, fields.string())
            return
        self._reading.pop(number, None)
        self._listing.pop(number, None)
        doing = self._doing.pop(number, None)
        if doing is None:
            return
        if kind == sftp.HANDLE and doing.opens:
            handle = fields.string()
            self._open[handle] = doing
            self._requests.files[handle] = doing.path
        else:
            failed = kind == sftp.STATUS and fields.number() != 0
            self._over(doing, "error" if failed else "ok")

    def _shown(self, packet: bytes, doing: Doing | None) -> bytes:
        """*packet* as masks let it be shown: names in lists, and the host's words, may hold values."""
        if not self._masks or packet[4] not in (sftp.NAME, sftp.STATUS):
            return packet
        hidden = doing.hidden if doing is not None else Tally()
        hide = copies.names if packet[4] == sftp.NAME else copies.words
        try:
            return hide(packet, self._masks, self._key, hidden)
        except CannotMask as no:
            raise sftp.SftpError(str(no)) from no

    def _count(self, file: Doing, offset: int, data: bytes) -> None:
        if not file.meter.permits(data):
            raise sftp.SftpError(f"the limit of {file.meter.reached} is reached")
        file.read.take(offset, data)

    def _over(self, doing: Doing, status: str, tag: str = "") -> None:
        seconds = self._clock() - doing.began
        hidden = dict(doing.hidden.counts)
        self._came(doing.action, status, tag or doing.tag, doing.read.size, seconds, hidden)

    def finish(self) -> None:
        """The channel is over: what is still open is on record as lost."""
        self._own.close()
        ROOM.hold(self, 0)
        for doing in (*self._doing.values(), *self._open.values()):
            self._over(doing, "lost")
        self._doing.clear()
        self._open.clear()
