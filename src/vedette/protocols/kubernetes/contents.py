"""What goes through an exec, attach or port-forward: taken apart, checked, and put together anew.

Sources: k8s.io/apimachinery, pkg/util/remotecommand (the protocols by name); k8s.io/kubelet,
pkg/cri/streaming (which streams there are, and who opens them); KEP-4006 (v5, and SPDY inside WebSocket).
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from vedette.protocols.http import spdy
from vedette.protocols.http.heads import Malformed

V4, V5 = "v4.channel.k8s.io", "v5.channel.k8s.io"
FORWARD = "portforward.k8s.io"
TUNNEL = "SPDY/3.1+portforward.k8s.io"

STDIN, STDOUT, STDERR, STATUS, RESIZE, CLOSED = 0, 1, 2, 3, 4, 255
_OUTPUTS = {STDOUT: "o", STDERR: "e"}
MAX_STATUS_BYTES = 64 << 10
MAX_STREAMS = 1000
_PORT = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)


class Watcher(Protocol):
    """Who looks on: masks, limits and recordings. Raises OSError where what passes cannot be recorded."""

    def shown(self, data: bytes, stream: str) -> bytes:
        """What of *data* goes to the caller by now: ``o`` output, ``e`` standard error. Raises Over."""

    def rest(self, stream: str, *, final: bool) -> bytes:
        """What was held back of that stream, and goes now: it has paused, or is over (*final*)."""

    def typed(self, data: bytes) -> None: ...
    def resized(self, width: int, height: int) -> None: ...


class Over(Exception):
    """A limit is reached; nothing more goes to the caller."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A connection to *port* of the Pod is asked for."""

    port: int


class Content(Protocol):
    """
    One stream of many. What it gives to send stands in *to_up* and *to_down*, message by message.

    `down` yields what is to be judged, and is sent whether it may be.
    """

    to_up: list[bytes]
    to_down: list[bytes]
    status: bytes
    carried: int

    def down(self, data: bytes) -> Generator[Opening, bool, None]: ...
    def up(self, data: bytes) -> None: ...
    def rest(self, *, final: bool) -> None:
        """Give what was held back of what is shown: it has paused, or is over (*final*)."""

    def say(self, text: str) -> None:
        """Our own words, as the reason for which it ends."""


class Channels:
    """Messages that begin with the number of their channel: exec and attach over WebSocket (v4, v5)."""

    def __init__(self, protocol: str, watcher: Watcher) -> None:
        self.to_up: list[bytes] = []
        self.to_down: list[bytes] = []
        self.status = b""
        self.carried = 0
        self._watcher = watcher
        self._sends = frozenset({STDIN, RESIZE} | ({CLOSED} if protocol == V5 else set()))
        self._brings = frozenset({STDOUT, STDERR, STATUS} | ({CLOSED} if protocol == V5 else set()))

    def down(self, data: bytes) -> Generator[Opening, bool, None]:
        if not data or data[0] not in self._sends:
            raise Malformed("a message on a channel that callers do not have")
        if data[0] == CLOSED and data != bytes((CLOSED, STDIN)):
            raise Malformed("a channel is closed that is not the caller's to close")
        if data[0] == STDIN:
            self._watcher.typed(data[1:])
        elif data[0] == RESIZE:
            _resized(self._watcher, data[1:])
        self.to_up.append(data)
        return
        yield  # nothing of it is judged by itself

    def up(self, data: bytes) -> None:
        # Some servers begin by an empty message on their standard input's channel.
        if not data or (data[0] not in self._brings and data != b"\0"):
            raise Malformed("a message on a channel that clusters do not have")
        if data[0] in (STDOUT, STDERR):
            shown = self._watcher.shown(data[1:], _OUTPUTS[data[0]])
            if shown or len(data) == 1:
                self._show(data[0], shown)
            return
        if data[0] in (STATUS, CLOSED):
            self.rest(final=True)
        if data[0] == STATUS:
            self.status = (self.status + data[1:])[:MAX_STATUS_BYTES]
        self.to_down.append(data)

    def rest(self, *, final: bool) -> None:
        for channel, stream in _OUTPUTS.items():
            if held := self._watcher.rest(stream, final=final):
                self._show(channel, held)

    def _show(self, channel: int, data: bytes) -> None:
        self.carried += len(data)
        self.to_down.append(bytes((channel,)) + data)

    def say(self, text: str) -> None:
        self.to_down.append(bytes((STATUS,)) + failure(text))


class Ports:
    """Port-forward over WebSocket as it was before tunnels: two channels for each of *ports*."""

    def __init__(self, ports: Sequence[int], watcher: Watcher) -> None:
        self.to_up: list[bytes] = []
        self.to_down: list[bytes] = []
        self.status = b""
        self.carried = 0
        self._watcher = watcher
        self._channels = 2 * len(ports)

    def down(self, data: bytes) -> Generator[Opening, bool, None]:
        if not data or data[0] >= self._channels or data[0] % 2:
            raise Malformed("a message on a channel that callers do not have")
        self.to_up.append(data)
        return
        yield

    def up(self, data: bytes) -> None:
        if not data or data[0] >= self._channels:
            raise Malformed("a message on a channel that clusters do not have")
        shown = self._watcher.shown(data[1:], "o")
        self.carried += len(shown)
        self.to_down.append(data[:1] + shown)

    def rest(self, *, final: bool) -> None:
        """Nothing of it is held back."""

    def say(self, text: str) -> None:
        """There is nowhere to say it."""


class Streams:
    """
    SPDY/3.1 frames: exec and attach, whose streams are called by *names*; or port-forward, without *names*,
    where each pair of streams is a connection to a port, and is asked about when it is opened.
    """

    def __init__(self, names: frozenset[str], watcher: Watcher) -> None:
        self.to_up: list[bytes] = []
        self.to_down: list[bytes] = []
        self.status = b""
        self.carried = 0
        self._names = names
        self._watcher = watcher
        self._from_down, self._from_up = spdy.Frames(), spdy.Frames()
        self._write_up, self._write_down = spdy.Writer(), spdy.Writer()
        self._open: dict[int, str] = {}
        self._half: set[int] = set()
        self._asked: dict[tuple[str, int], bool] = {}
        self._last = 0

    # --- from the caller --------------------------------------------------------------------------

    def down(self, data: bytes) -> Generator[Opening, bool, None]:
        for frame in self._from_down.feed(data):
            if isinstance(frame, spdy.Control) and frame.kind == spdy.SYN_STREAM:
                if not (yield from self._opened(frame)):
                    continue
            elif not self._known(frame.stream):
                continue
            elif isinstance(frame, spdy.Control) and frame.kind == spdy.SYN_REPLY:
                raise Malformed("an answer where nothing was asked")
            elif isinstance(frame, spdy.Data):
                self._said(frame.data, self._open[frame.stream])
            self.to_up.append(self._write_up.write(frame))
            self._closed(frame)

    def _said(self, data: bytes, name: str) -> None:
        if name == "stdin":
            self._watcher.typed(data)
        elif name == "resize":
            _resized(self._watcher, data)
        elif data and self._names:
            raise Malformed("data on a stream that is not the caller's to write")

    def _known(self, number: int) -> bool:
        """Whether a frame of the stream goes on. Those of streams that are closed or refused do not."""
        if number > self._last:
            raise Malformed("a frame of a stream that was never opened")
        return number == 0 or number in self._open

    def _closed(self, frame: spdy.Data | spdy.Control) -> None:
        """Forget streams that both sides have ended, or one has cut off."""
        if isinstance(frame, spdy.Control) and frame.kind == spdy.RST_STREAM:
            self._half.discard(frame.stream)
            self._open.pop(frame.stream, None)
        elif frame.flags & spdy.FIN and frame.stream in self._open:
            if frame.stream in self._half:
                self._half.discard(frame.stream)
                del self._open[frame.stream]
            else:
                self._half.add(frame.stream)

    def _opened(self, frame: spdy.Control) -> Generator[Opening, bool, bool]:
        """Whether the stream may be opened upstream; where not, the caller is told."""
        number, headers = frame.stream, dict(frame.headers or ())
        if len(headers) != len(frame.headers or ()):
            raise Malformed("a header stands twice")
        # Numbers go up, and those of whoever connects are odd (section 2.3.2).
        if number % 2 == 0 or number <= self._last or frame.before[4:8] != b"\0\0\0\0":
            raise Malformed("a stream with a number that is not its turn")
        self._last = number
        if len(self._open) >= MAX_STREAMS:
            raise Malformed("too many streams at once")
        name = headers.get("streamtype", "").lower()
        if self._names:
            if name not in self._names or name in self._open.values():
                raise Malformed("a stream that exec does not have")
        elif not (yield from self._forwarded(name, headers)):
            self.to_down.append(self._write_down.write(spdy.reset(number, spdy.REFUSED_STREAM)))
            return False
        self._open[number] = name
        return True

    def _forwarded(self, name: str, headers: dict[str, str]) -> Generator[Opening, bool, bool]:
        port = headers.get("port", "")
        if name not in ("data", "error") or not _PORT.fullmatch(port) or int(port) > 65535:
            raise Malformed("a stream that port-forward does not have")
        pair = headers.get("requestid", ""), int(port)
        if pair in self._asked:
            # The other stream of a pair, which ends it: the number may come again for another connection.
            return self._asked.pop(pair)
        if len(self._asked) >= MAX_STREAMS:
            raise Malformed("too many connections that lack their other stream")
        allowed = yield Opening(int(port))
        self._asked[pair] = allowed
        return allowed

    # --- from the cluster -------------------------------------------------------------------------

    def up(self, data: bytes) -> None:
        for frame in self._from_up.feed(data):
            if isinstance(frame, spdy.Control) and frame.kind == spdy.SYN_STREAM:
                raise Malformed("the cluster opens a stream")
            if not self._known(frame.stream):
                continue
            if isinstance(frame, spdy.Data):
                frame = self._brought(frame, self._open.get(frame.stream, ""))
            self.to_down.append(self._write_down.write(frame))
            self._closed(frame)

    def _brought(self, frame: spdy.Data, name: str) -> spdy.Data:
        """What of *frame* goes on."""
        if not name:
            raise Malformed("data of no stream")
        if name == "error":
            if self._names:
                self.rest(final=True)
                self.status = (self.status + frame.data)[:MAX_STATUS_BYTES]
            return frame
        stream = "e" if name == "stderr" else "o"
        shown = self._watcher.shown(frame.data, stream)
        if frame.flags & spdy.FIN and self._names:
            shown += self._watcher.rest(stream, final=True)
        self.carried += len(shown)
        return replace(frame, data=shown)

    def rest(self, *, final: bool) -> None:
        for number, name in self._open.items():
            if not self._names or name not in ("stdout", "stderr"):
                continue
            if held := self._watcher.rest("e" if name == "stderr" else "o", final=final):
                self.carried += len(held)
                self.to_down.append(self._write_down.write(spdy.Data(number, 0, held)))

    def say(self, text: str) -> None:
        for number, name in self._open.items():
            if name == "error" and self._names:
                self.to_down.append(self._write_down.write(spdy.Data(number, spdy.FIN, failure(text))))


def _resized(watcher: Watcher, data: bytes) -> None:
    """A window's new size: ``{"Width": 80, "Height": 24}``, one for each message."""
    for line in data[:MAX_STATUS_BYTES].splitlines():
        try:
            said = json.loads(line)
            width, height = int(said["Width"]), int(said["Height"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Malformed("a window's size that is none") from None
        if 0 < width < 10_000 and 0 < height < 10_000:
            watcher.resized(width, height)


def failure(text: str) -> bytes:
    """What kubectl prints as the error of a command."""
    return json.dumps(
        {"metadata": {}, "status": "Failure", "message": text, "reason": "InternalError", "code": 500}
    ).encode()


def ended(status: bytes) -> tuple[str, str]:
    """How a command ended, by the Status that its own channel brought: in a word, and as a tag."""
    try:
        said = json.loads(status)
        if said["status"] == "Success":
            return "ok", "exit 0"
        causes = said.get("details", {}).get("causes", [])
        codes = [str(each["message"]) for each in causes if each.get("reason") == "ExitCode"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "lost", ""
    if codes and codes[0].isascii() and codes[0].isdecimal() and len(codes[0]) < 4:
        return "error", f"exit {codes[0]}"
    return "error", "not run"
