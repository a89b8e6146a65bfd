"""What a caller is shown of one channel: counted, recorded, and only then shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from vedette.protocols.ssh.meter import Meter

UNRECORDED = "what this shows cannot be recorded, so it ends"


class Recording(Protocol):
    """Where it is kept. Raises OSError where it cannot be, and then it may not pass."""

    def put(self, data: bytes, stream: str = "o") -> None: ...


class Output:
    """
    *show* hands bytes to the caller, with the SSH data type (None is standard output).

    *watch* sees what the host sends on standard output as it came, before anything of it is hidden.
    """

    def __init__(
        self, show: Callable[[bytes, int | None], None], meter: Meter, recording: Recording | None
    ) -> None:
        self.watch: Callable[[bytes], None] | None = None
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
        return self.show(data, datatype)

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
