"""The two ends of a channel that passes through, and what keeps either from flooding the other."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import asyncssh

from vedette.protocols.ssh.actions import MAX_ENVIRONMENT, admitted
from vedette.protocols.ssh.output import Output
from vedette.protocols.ssh.sftp import SftpError

#: What a channel takes before anybody reads it: RFC 4254 windows, in bytes.
WINDOW = 2 << 20
PACKET = 32 << 10

Data = tuple[bytes, int | None]
#: Columns, rows, and the same in pixels (RFC 4254 section 6.2); 0 where that is not known.
Size = tuple[int, int, int, int]
MAX_SIZE = 10_000
_TERM = re.compile(r"[A-Za-z0-9._+-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Terminal:
    """What a caller asks for as its terminal. *modes* are RFC 4254's, by number."""

    term: str
    size: Size
    modes: Mapping[int, int]


class Channel(asyncssh.SSHServerChannel[bytes]):
    """
    A caller's channel that bounds what may be asked of it and reports what is refused.

    asyncssh finds a request's handler by its name. Should it name them differently one day, these
    are not called: nothing of the environment is passed on then, and agent and X11 stay refused by
    the connection's own options.
    """

    environment: dict[bytes, bytes]
    dropped: int
    told: Callable[[str, str], None]

    def _process_env_request(self, packet: Any) -> bool:
        name, value = packet.get_string(), packet.get_string()
        packet.check_end()
        if len(self.environment) >= MAX_ENVIRONMENT or len(name) + len(value) > 1024:
            self.dropped += 1
            return False
        self.environment[name] = value
        return True

    def _process_auth_agent_req_at_openssh_dot_com_request(self, packet: Any) -> bool:  # type: ignore[override]
        packet.check_end()
        self.told("agent", "")
        return False

    def _process_x11_req_request(self, packet: Any) -> bool:
        self.told("x11", "")
        return False


def channel(conn: asyncssh.SSHServerConnection, told: Callable[[str, str], None]) -> Channel:
    """A channel for *conn*; *told* hears of what is refused: ``agent`` and ``x11``."""
    made = Channel(conn, asyncio.get_running_loop(), True, False, False, 0, 0, None, "strict", WINDOW, PACKET)
    made.environment, made.dropped, made.told = {}, 0, told
    return made


class Above(Protocol):
    """Where what a caller sends goes: the host's end, or whoever reads along before it."""

    def write(self, data: bytes) -> None: ...
    def eof(self) -> None: ...
    def signal(self, name: str) -> None: ...
    def resize(self, size: Size) -> None: ...
    def broke(self, msec: int) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def close(self) -> None: ...


class Down(asyncssh.SSHServerSession[bytes]):
    """
    The caller's end. *asked* is called once with what the channel is for: kind and text.

    Until `join`, what the caller sends is held back here, and it is soon not read any more.
    """

    def __init__(
        self, asked: Callable[[Down, str, str], None], over: Callable[[Down], None] = lambda _: None
    ) -> None:
        self.channel: Channel | None = None
        self.up: Above | None = None
        self.closed = False
        self.task: asyncio.Task[None] | None = None
        self.terminal: Terminal | None = None
        self._settled = False
        self._size: Size | None = None
        self._asked = asked
        self._over = over
        self._kind: tuple[str, str] = ("shell", "")
        self._early: list[Data] = []
        self._ended = False

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        if not isinstance(chan, Channel):
            raise TypeError("a channel that was not made here")
        self.channel = chan

    @property
    def environment(self) -> dict[str, str]:
        """What of the caller's environment goes on to the host."""
        return admitted(self.channel.environment) if self.channel is not None else {}

    def pty_requested(self, term_type: str, term_size: Size, term_modes: Any) -> bool:
        if self._settled or not _TERM.fullmatch(term_type):
            return False  # what is judged is judged with its terminal
        self.terminal = Terminal(term_type, _bounded(term_size), dict(term_modes))
        return True

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        if self.terminal is None:
            return
        self._size = _bounded((width, height, pixwidth, pixheight))
        if self.up is not None:
            self.up.resize(self._size)

    def shell_requested(self) -> bool:
        self._kind = ("shell", "")
        return True

    def exec_requested(self, command: str) -> bool:
        self._kind = ("exec", command)
        return True

    def subsystem_requested(self, subsystem: str) -> bool:
        self._kind = ("subsystem", subsystem)
        return True

    def session_started(self) -> None:
        self._settled = True
        self._asked(self, *self._kind)

    def break_received(self, msec: int) -> bool:
        if self.up is None or self.terminal is None:
            return False
        self.up.broke(msec)
        return True

    def signal_received(self, signal: str) -> None:
        if self.up is not None:
            self.up.signal(signal)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if self.up is not None:
            self.up.write(data)
            return
        self._early.append((data, datatype))
        if self.channel is not None:
            self.channel.pause_reading()

    def eof_received(self) -> bool:
        if self.up is not None:
            self.up.eof()
        else:
            self._ended = True
        return True

    def pause_writing(self) -> None:
        if self.up is not None:
            self.up.pause()

    def resume_writing(self) -> None:
        if self.up is not None:
            self.up.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._over(self)
        if self.task is not None:
            self.task.cancel()
        if self.up is not None:
            self.up.close()

    # --- what the gateway does with it -----------------------------------------------------------

    @property
    def gone(self) -> bool:
        """Whether the caller has closed it; while it is not read, nobody else is told."""
        return self.closed or self.channel is None or self.channel.is_closing()

    def join(self, up: Above) -> None:
        """From here on both ends are connected."""
        self.up = up
        if self._size is not None:
            up.resize(self._size)
        early, self._early = self._early, []
        for data, _ in early:
            up.write(data)
        if self._ended:
            up.eof()
        if self.channel is not None and not self.gone:
            self.channel.resume_reading()

    def cut(self) -> None:
        """Nothing more goes up, and the end of this channel is not passed on."""
        self.up = None
        self.pause()

    def say(self, words: bytes) -> None:
        """On the caller's standard error."""
        self.write(words, asyncssh.EXTENDED_DATA_STDERR)

    def write(self, data: bytes, datatype: int | None) -> None:
        if self.channel is not None and not self.gone:
            self.channel.write(data, datatype)

    def end(self, status: int | None, signal: tuple[str, bool, str, str] | None = None) -> None:
        """Give the caller the exit status (or the signal that ended it) and close."""
        if self.channel is None or self.gone:
            return
        if signal is not None:
            self.channel.exit_with_signal(*signal)
        elif status is not None:
            self.channel.exit(status)
        else:
            self.channel.close()

    def pause(self) -> None:
        if self.channel is not None:
            self.channel.pause_reading()

    def resume(self) -> None:
        if self.channel is not None:
            self.channel.resume_reading()


class Up(asyncssh.SSHClientSession[bytes]):
    """
    The host's end. *ended* is called once, when the channel is over; *carried* is told how many
    bytes went up, and how many down.
    """

    def __init__(
        self,
        down: Down,
        ended: Callable[[Up], None],
        carried: Callable[[int, int], None],
        output: Output,
    ) -> None:
        self.channel: asyncssh.SSHClientChannel[bytes] | None = None
        self.status: int | None = None
        self.signalled: tuple[str, bool, str, str] | None = None
        self.free = asyncio.Event()
        self.free.set()
        #: Reads along what the host sends on its standard output, and gives what goes on.
        self.filter: Callable[[bytes], bytes] | None = None
        self.problem = ""
        self.code = "protocol.unreadable"
        self._over = False
        self._gathered: list[bytes] = []
        self._going: list[bytes] = []
        self._cut = self._held = self._full = False
        self._down = down
        self._ended = ended
        self._carried = carried
        self._output = output
        output.broken, output.throttle = self._broke, self._throttled

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self.channel = chan

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if self._cut:
            return
        if self.filter is not None and datatype is None:
            try:
                data = self.filter(data)
            except SftpError as bad:
                self.problem = str(bad)
                self.close()
                return
            if not self._gathered:
                asyncio.get_running_loop().call_soon(self._pass_on)
            self._gathered.append(data)
            return
        self._show(data, datatype)

    def _pass_on(self) -> None:
        """
        What was read along goes on, all that came in one turn of the loop together: by itself, an answer of
        32 KiB with its head is a packet and a stub.
        """
        gathered = b"".join(self._gathered)
        self._gathered.clear()
        if gathered and not self._cut:
            self._show(gathered, None)

    def _show(self, data: bytes, datatype: int | None) -> None:
        self._carried(0, len(data))
        if not self._output.put(data, datatype):
            self._broke()

    def _broke(self) -> None:
        """Nothing more can be shown."""
        if self._output.problem:
            self.problem, self.code = self._output.problem, self._output.code
        self.close()

    def _throttled(self, full: bool) -> None:
        """The host sends faster than can be masked; or that is over."""
        self._full = full
        self._read()

    def eof_received(self) -> bool:
        # The caller hears of the end with the exit status; a half-closed channel must stay open.
        return True

    def exit_status_received(self, status: int) -> None:
        self.status = status

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        self.signalled = (signal, core_dumped, msg, lang)

    def pause_writing(self) -> None:
        self.free.clear()
        self._down.pause()

    def resume_writing(self) -> None:
        self.free.set()
        self._down.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        self._pass_on()
        self._over = True
        if self._output.problem and not self.problem:
            self.problem, self.code = self._output.problem, self._output.code
        self._ended(self)

    # --- what the caller's end does with it --------------------------------------------------------

    @property
    def open(self) -> bool:
        """Whether more may be sent; what comes back is another matter."""
        return self.channel is not None and not self.channel.is_closing()

    def write(self, data: bytes) -> None:
        if self.filter is None:
            self._send(data)
            return
        if not self._going:
            asyncio.get_running_loop().call_soon(self._send_on)
        self._going.append(data)

    def _send_on(self) -> None:
        """Requests that came together go together, for the same reason."""
        going = b"".join(self._going)
        self._going.clear()
        if going:
            self._send(going)

    def _send(self, data: bytes) -> None:
        if self.channel is not None and self.open:
            self._carried(len(data), 0)
            self.channel.write(data)

    def eof(self) -> None:
        self._send_on()
        if self.channel is not None and self.open:
            self.channel.write_eof()

    def signal(self, name: str) -> None:
        if self.channel is not None and not self._over:
            self.channel.send_signal(name)

    def resize(self, size: Size) -> None:
        if self.channel is not None and self.open:
            self.channel.change_terminal_size(*size)

    def broke(self, msec: int) -> None:
        if self.channel is not None and self.open:
            self.channel.send_break(min(msec, 3000))

    def cut(self) -> None:
        """Nothing more comes down. It is read on all the same, or its end would never be heard of."""
        self._cut = True
        self._output.close()
        if self.channel is not None and not self._over:
            self.channel.resume_reading()

    def pause(self) -> None:
        self._held = True
        self._read()

    def resume(self) -> None:
        self._held = False
        self._read()

    def _read(self) -> None:
        """Read the host, or do not: as long as the caller or the mask cannot take more."""
        if self.channel is None or self._over:
            return
        if (self._held or self._full) and not self._cut:
            self.channel.pause_reading()
        else:
            self.channel.resume_reading()

    def fail(self, problem: str, code: str) -> None:
        """It ends, and the caller is told why."""
        self.problem, self.code = problem, code
        self.close()

    def close(self) -> None:
        """The caller is gone: what it started hears of that as over OpenSSH, by a closed channel."""
        if self.channel is not None:
            self.channel.abort()


def _bounded(size: Size) -> Size:
    width, height, wide, high = (min(max(0, each), MAX_SIZE) for each in size)
    return width, height, wide, high
