"""What a caller is shown of one channel: counted, masked, recorded, and only then shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from vedette.masking import Tally
from vedette.model import MaskRule
from vedette.protocols.masked import Masked
from vedette.protocols.ssh.meter import Meter

UNRECORDED = "what this shows cannot be recorded, so it ends"


class Recording(Protocol):
    """Where it is kept. Raises OSError where it cannot be, and then it may not pass."""

    def put(self, data: bytes, stream: str = "o") -> None: ...


class Closing(Protocol):
    """The host's end."""

    def close(self) -> None: ...


class Output:
    """
    *show* hands bytes to the caller, with the SSH data type (None is standard output).

    *watch* sees what the host sends on standard output as it came, before anything of it is hidden. *broken*
    is called where the channel must end although nothing was put just now; *throttle* where the host sends
    faster than can be masked (True), and when that is over. *hidden* counts the values hidden, by entity.
    """

    def __init__(
        self, show: Callable[[bytes, int | None], None], meter: Meter, recording: Recording | None
    ) -> None:
        self.watch: Callable[[bytes], None] | None = None
        self.broken: Callable[[], None] = lambda: None
        self.throttle: Callable[[bool], None] = lambda full: None
        self.hidden = Tally()
        self._masked: dict[int | None, Masked] = {}
        self._make: Callable[[int | None], Masked] | None = None
        self.problem = self.code = ""
        self.shown = 0
        self._show = show
        self._meter = meter
        self._recording = recording

    def put(self, data: bytes, datatype: int | None) -> bool:
        """What the host sends. False: the channel must end, and *problem* says why unless it is a limit."""
        if self.problem or not self._meter.permits(data):
            return False
        if self.watch is not None and datatype is None:
            self.watch(data)
        if self._make is None:
            return self.show(data, datatype)
        masked = self._masked.get(datatype)
        if masked is None:
            masked = self._masked[datatype] = self._make(datatype)
        masked.put(data)
        return not self.problem

    def mask(self, masks: Sequence[MaskRule], key: bytes, *, terminal: bool) -> None:
        """From here on show what the host sends as *masks* let it be shown. Raises CannotMask."""

        def failed(reason: str) -> None:
            self.problem, self.code = reason, "masking.refused"
            self.broken()

        def stream(datatype: int | None) -> Masked:
            return Masked(
                masks, key, self.hidden, lambda data: self._late(data, datatype), failed,
                lambda full: self.throttle(full), terminal=terminal,
            )  # fmt: skip

        self._masked[None] = stream(None)
        self._make = stream

    def _late(self, data: bytes, datatype: int | None) -> bool:
        shown = self.show(data, datatype)
        if not shown:
            self.broken()
        return shown

    async def finish(self) -> None:
        """The host has sent all: what of it is still held back is shown."""
        for masked in list(self._masked.values()):
            await masked.finish()

    def close(self) -> None:
        """Nothing more of what the host sent is shown."""
        for masked in self._masked.values():
            masked.close()

    def show(self, data: bytes, datatype: int | None) -> bool:
        """What may be shown, and is: the host's output by now, or the gateway's own words."""
        if self._recording is not None:
            try:
                self._recording.put(data, "o" if datatype is None else "e")
            except OSError:
                self.problem, self.code = UNRECORDED, "recording.unavailable"
                return False
        self.shown += len(data)
        self._show(data, datatype)
        return True

    def fail(self, up: Closing) -> None:
        """Something else of the recording cannot be written: the channel ends."""
        self.problem, self.code = UNRECORDED, "recording.unavailable"
        up.close()
