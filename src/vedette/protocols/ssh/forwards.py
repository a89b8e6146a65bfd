"""Connections through a caller's session, to and from its host: each is judged, then joined end to end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

import asyncssh

from vedette.gate import Ruled
from vedette.model import Action, Allow, Deny
from vedette.protocols.ssh import actions, words
from vedette.protocols.ssh.meter import Meter
from vedette.protocols.ssh.tunnel import End, Tunnel
from vedette.protocols.ssh.wire import PACKET, WINDOW

#: Open at once on one connection, those that wait included; and places on a host that are listened on.
MAX_FORWARDS, MAX_LISTENERS = 64, 8
OVER = "vedette: the session is over"
T = TypeVar("T")
Came = Callable[[str, str, str, int, float], None]


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """
    A resource of this gateway's that stands where a forward is to lead, and the way in to its own engine.

    *connect* joins a protocol with it, for a caller from an address; None where that door is closed.
    """

    resource: str
    connect: Callable[[Callable[[], asyncio.Protocol], str], Awaitable[None]] | None


class Around(Protocol):
    """The session that forwards belong to."""

    @property
    def ended(self) -> bool: ...
    @property
    def host(self) -> asyncssh.SSHClientConnection: ...
    @property
    def login(self) -> str: ...
    @property
    def peer(self) -> str: ...
    async def begun(self) -> None:
        """Returns once both sides are logged in. Raises ChannelOpenError where they never are."""

    async def unless_over(self, waited: Awaitable[T]) -> T:
        """What is waited for. Raises ChannelOpenError where the session ends first."""

    async def ruled(self, action: Action) -> Ruled: ...
    def meter(self, allow: Allow) -> Meter: ...
    def carried(self, up: int, down: int) -> None: ...
    def came(self, action: str, status: str, tag: str, size: int, seconds: float) -> None: ...
    def refused(self, kind: str, text: str) -> asyncssh.ChannelOpenError: ...


Connect = Callable[[End], Awaitable[object]]


class Bridge(asyncio.Protocol):
    """Joins an end of a tunnel with a connection of this machine's instead of a channel."""

    def __init__(self, end: End) -> None:
        self._end = end

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # What an end asks of a channel, a transport can do as well.
        self._end.connection_made(cast("asyncssh.SSHTCPChannel[bytes]", transport))

    def data_received(self, data: bytes) -> None:
        self._end.data_received(data, None)

    def eof_received(self) -> bool:
        return self._end.eof_received()

    def pause_writing(self) -> None:
        self._end.pause_writing()

    def resume_writing(self) -> None:
        self._end.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end.connection_lost(exc)


class Forwards:
    """All forwards of one session. *elsewhere* knows which places are resources of this gateway's."""

    def __init__(self, around: Around, clock: Callable[[], float]) -> None:
        self.elsewhere: Callable[[str, int], Elsewhere | None] = lambda host, port: None
        self._around = around
        self._clock = clock
        self._open = 0
        self._tunnels: set[Tunnel] = set()
        self._listening: set[Listening] = set()

    def abandon(self) -> None:
        """The session is over."""
        for tunnel in list(self._tunnels):
            tunnel.abandon()
        for listening in list(self._listening):
            listening.close()

    # --- from the caller, through the host --------------------------------------------------------

    async def to_place(self, host: str, port: int) -> asyncssh.SSHTCPSession[bytes]:
        """A connection from the host to *host*, where policy lets it. Raises ChannelOpenError."""
        around = self._around
        with self._seat():
            await around.begun()
            try:
                name = actions.destination(host)
                found = self.elsewhere(name, port)
                action = actions.forward(name, port, around.login, found.resource if found else "")
            except actions.Unreadable:
                raise around.refused("forward", f"{host}:{port}") from None
            if found is not None:
                return await self._joined(action, self._instead(found))
            return await self._joined(
                action,
                lambda end: around.host.create_connection(
                    lambda: end, name, port, window=WINDOW, max_pktsize=PACKET
                ),
            )

    async def to_socket(self, path: str) -> asyncssh.SSHUNIXSession[bytes]:
        """The same to a Unix socket of the host's (OpenSSH, PROTOCOL section 2.4)."""
        around = self._around
        with self._seat():
            await around.begun()
            try:
                action = actions.socket(path, around.login)
            except actions.Unreadable:
                raise around.refused("forward", f"unix:{path}") from None
            joined: Any = await self._joined(
                action,
                lambda end: around.host.create_unix_connection(
                    lambda: end,  # type: ignore[arg-type,return-value]
                    path, window=WINDOW, max_pktsize=PACKET,
                ),
            )  # fmt: skip
            return joined  # type: ignore[no-any-return]  # both kinds of session have the same calls

    def _instead(self, found: Elsewhere) -> Connect:
        async def connect(end: End) -> None:
            if found.connect is None:
                raise asyncssh.ChannelOpenError(
                    asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED,
                    f"vedette: {found.resource} is there, and its own door is closed [forward.resource]",
                )
            await found.connect(lambda: Bridge(end), self._around.peer)

        return connect

    @contextlib.contextmanager
    def _seat(self) -> Any:
        """One of the forwards that may be open; kept unless what is done in it fails."""
        if self._around.ended:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, OVER)
        if self._open >= MAX_FORWARDS:
            reason = f"vedette: {MAX_FORWARDS} forwards are open; close one first"
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_RESOURCE_SHORTAGE, reason)
        self._open += 1  # from now on: those that wait count too
        try:
            yield
        except BaseException:
            self._open -= 1
            raise

    async def _joined(self, action: Action, connect: Connect) -> End:
        around = self._around
        ruled = await around.unless_over(around.ruled(action))
        if isinstance(ruled.verdict, Deny):
            said = words.refusal(ruled.verdict).decode().strip()
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, said)
        began = self._clock()
        tunnel = self._tunnel(around.meter(ruled.verdict), ruled.action, began)
        try:
            await connect(tunnel.up)
        except (asyncssh.ChannelOpenError, OSError) as no:
            around.came(ruled.action, "error", "not connected", 0, self._clock() - began)
            if isinstance(no, asyncssh.ChannelOpenError) and "[forward.resource]" in no.reason:
                raise
            code = no.code if isinstance(no, asyncssh.ChannelOpenError) else asyncssh.OPEN_CONNECT_FAILED
            raise asyncssh.ChannelOpenError(code, "vedette: the host could not connect there") from None
        if around.ended:
            tunnel.up.close()
            around.came(ruled.action, "lost", "", 0, self._clock() - began)
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, OVER)
        self._tunnels.add(tunnel)
        return tunnel.down

    def _tunnel(self, meter: Meter, action: str, began: float) -> Tunnel:
        def ended(received: int, reached: str) -> None:
            self._open -= 1
            self._tunnels.discard(tunnel)
            status = "error" if reached else "ok"
            tag = reached and f"limit {reached}"
            if action:
                self._around.came(action, status, tag, received, self._clock() - began)

        tunnel = Tunnel(meter, self._around.carried, ended)
        return tunnel

    # --- from the host, to the caller -------------------------------------------------------------

    async def listen(
        self, caller: asyncssh.SSHServerConnection, host: str, port: int
    ) -> asyncssh.SSHListener | bool:
        """Listen on the host for connections that then lead to the caller, where policy lets it."""
        around = self._around
        try:
            await around.begun()
            action = actions.listen(host, port, around.login)
            if len(self._listening) >= MAX_LISTENERS:
                raise around.refused("listen", action.text)
            ruled = await around.unless_over(around.ruled(action))
        except actions.Unreadable:
            around.refused("listen", f"{host}:{port}")
            return False
        except asyncssh.ChannelOpenError:
            return False
        if isinstance(ruled.verdict, Deny):
            return False  # the protocol has no words for why (RFC 4254 section 7.1)
        listening = Listening(self, caller, host, port, around.meter(ruled.verdict), ruled.action)
        try:
            await listening.begin(around.host)
        except (asyncssh.Error, OSError):
            around.came(ruled.action, "error", "not listening", 0, 0.0)
            return False
        self._listening.add(listening)
        return listening

    async def from_host(self, listening: Listening, orig_host: str, orig_port: int) -> End:
        """Somebody has come to where the host listens: lead them to the caller. Raises ChannelOpenError."""
        with self._seat():
            tunnel = self._tunnel(listening.meter, "", self._clock())
            await listening.caller.create_connection(
                lambda: tunnel.down, listening.place, listening.port, orig_host, orig_port,
                window=WINDOW, max_pktsize=PACKET,
            )  # fmt: skip
            self._tunnels.add(tunnel)
            return tunnel.up

    def over(self, listening: Listening, seconds: float) -> None:
        self._listening.discard(listening)
        self._around.came(listening.action, "ok", "", 0, seconds)

    def now(self) -> float:
        return self._clock()


class Listening(asyncssh.SSHListener):
    """A place on the host that is listened on for the caller, until it or the session is over."""

    def __init__(
        self, forwards: Forwards, caller: asyncssh.SSHServerConnection, place: str, port: int, meter: Meter,
        action: str,
    ) -> None:  # fmt: skip
        self.caller, self.place, self.port, self.meter, self.action = caller, place, port, meter, action
        self._forwards = forwards
        self._began = forwards.now()
        self._there: asyncssh.SSHListener | None = None

    async def begin(self, host: asyncssh.SSHClientConnection) -> None:
        """Raises ChannelListenError."""
        self._there = await host.create_server(
            lambda orig_host, orig_port: self._forwards.from_host(self, orig_host, orig_port),
            self.place, self.port, window=WINDOW, max_pktsize=PACKET,
        )  # fmt: skip
        self.port = self.port or self._there.get_port()

    def get_port(self) -> int:
        return self.port

    def close(self) -> None:
        there, self._there = self._there, None
        if there is not None:
            there.close()
            self._forwards.over(self, self._forwards.now() - self._began)

    async def wait_closed(self) -> None:
        return None
