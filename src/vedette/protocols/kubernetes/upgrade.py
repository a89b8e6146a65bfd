"""Changing from HTTP to streams: what a caller may ask for, what the cluster is asked for.

Nothing of a caller's own handshake is passed on: the gateway asks with its own key, and checks the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Protocol

from vedette.kubernetes.errors import BadRequest
from vedette.kubernetes.request import KubernetesRequest
from vedette.protocols.http import websocket, writing
from vedette.protocols.http.heads import Fields, Malformed, Request, Response
from vedette.protocols.http.websocket import Message, Messages
from vedette.protocols.kubernetes.contents import (
    FORWARD,
    TUNNEL,
    V4,
    V5,
    Channels,
    Content,
    Opening,
    Ports,
    Streams,
    Watcher,
)

CODE = "kubernetes.upgrade"
MAX_PORTS = 64
_TERMINALS = frozenset({"error", "stdin", "stdout", "stderr", "resize"})


@dataclass(frozen=True, slots=True)
class Upgrade:
    """
    What a caller asks to switch to: *by* is ``websocket`` or ``spdy/3.1``, *protocols* those of Kubernetes
    inside that it speaks and we do, *key* its WebSocket key.
    """

    by: str
    protocols: tuple[str, ...]
    key: str = ""


def wanted(request: Request, asked: KubernetesRequest) -> Upgrade | None:
    """
    None where nothing is to be switched.

    Raises:
        BadRequest: streams without an upgrade, an upgrade without streams, or to what is not spoken here.
    """
    if not asked.streams:
        if request.upgrade:
            raise BadRequest(CODE, "only exec, attach and port-forward switch protocols here")
        return None
    if request.upgrade == "websocket":
        return _websocket(request, asked)
    if request.upgrade == "spdy/3.1":
        known = (FORWARD,) if asked.verb == "portforward" else (V4,)
        found = _both(request.fields, "x-stream-protocol-version", known)
        if not found:
            raise BadRequest(CODE, f"of the protocols over SPDY only {known[0]} is spoken here")
        return Upgrade("spdy/3.1", found)
    raise BadRequest(CODE, f"{asked.verb} needs an upgrade to websocket or SPDY/3.1")


def _websocket(request: Request, asked: KubernetesRequest) -> Upgrade:
    known = (TUNNEL, V4) if asked.verb == "portforward" else (V5, V4)
    found = _both(request.fields, "sec-websocket-protocol", known)
    key = request.field("sec-websocket-key")
    if request.method != "GET" or not websocket.is_key(key):
        raise BadRequest(CODE, "this is no WebSocket handshake")
    if request.field("sec-websocket-version") != websocket.VERSION:
        raise BadRequest(CODE, "WebSocket is spoken in version 13")
    if not found:
        raise BadRequest(CODE, f"of the protocols over WebSocket only {' and '.join(known)} are spoken here")
    if asked.verb == "portforward" and found[0] == V4 and not ports(asked):
        raise BadRequest(CODE, "port-forward over WebSocket channels needs its ports in the query")
    return Upgrade("websocket", found, key)


def _both(fields: Fields, name: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """What stands in the lists of all fields called *name* and is *known*, in the caller's order."""
    said = [part.strip(" \t") for key, value in fields if key == name for part in value.split(",")]
    return tuple(dict.fromkeys(part for part in said if part in known))


def ports(asked: KubernetesRequest) -> tuple[int, ...]:
    """Those in the query of a port-forward. Raises BadRequest where they are none."""
    found = [value for key, many in asked.query if key == "ports" for value in many.split(",")]
    if len(found) > MAX_PORTS or not all(
        each.isascii() and each.isdecimal() and len(each) < 6 for each in found
    ):
        raise BadRequest(CODE, "ports that are none")
    return tuple(map(int, found))


class Handshake:
    """The gateway's own with the cluster, for what the caller *wants*."""

    def __init__(self, wants: Upgrade) -> None:
        self._wants = wants
        self._key = websocket.new_key()

    @property
    def fields(self) -> Fields:
        """What the request says beside what it says anyway."""
        wants = self._wants
        if wants.by == "websocket":
            return (
                ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Key", self._key),
                ("Sec-WebSocket-Version", websocket.VERSION),
                ("Sec-WebSocket-Protocol", ", ".join(wants.protocols)),
            )  # fmt: skip
        listed = tuple(("X-Stream-Protocol-Version", each) for each in wants.protocols)
        return (("Connection", "Upgrade"), ("Upgrade", "SPDY/3.1"), *listed)

    def chosen(self, found: Response) -> str:
        """The protocol of Kubernetes that the cluster has chosen by its 101. Raises Malformed."""
        wants = self._wants
        if found.status != 101 or found.upgrade != wants.by:
            raise Malformed("the cluster switched to something else")
        name = "sec-websocket-protocol" if wants.by == "websocket" else "x-stream-protocol-version"
        values = [value for key, value in found.fields if key == name]
        if len(values) != 1 or values[0] not in wants.protocols or found.field("sec-websocket-extensions"):
            raise Malformed("the cluster chose a protocol that was not offered")
        accepted = websocket.accepts(self._key)
        if wants.by == "websocket" and found.field("sec-websocket-accept") != accepted:
            raise Malformed("the cluster's handshake is not an answer to ours")
        return values[0]

    def answer(self, protocol: str, notices: Fields) -> bytes:
        """The 101 for the caller."""
        wants = self._wants
        if wants.by == "websocket":
            fields: Fields = (
                ("Connection", "Upgrade"), ("Upgrade", "websocket"),
                ("Sec-WebSocket-Accept", websocket.accepts(wants.key)), ("Sec-WebSocket-Protocol", protocol),
            )  # fmt: skip
        else:
            fields = (
                ("Connection", "Upgrade"), ("Upgrade", "SPDY/3.1"), ("X-Stream-Protocol-Version", protocol),
            )  # fmt: skip
        return writing.response(101, "Switching Protocols", (*fields, *notices), None)


class Tunnel(Protocol):
    """What goes through once both sides have switched. Bytes in, and `taken` gives what to send."""

    content: Content
    over: bool

    def from_down(self, data: bytes) -> Generator[Opening, bool, None]: ...
    def from_up(self, data: bytes) -> None: ...
    def rest(self, *, final: bool) -> None:
        """Give what was held back of what is shown: it has paused, or is over (*final*)."""

    def taken(self) -> tuple[bytes, bytes]:
        """What is to be sent up, and down, since it was asked last."""

    def say(self, text: str) -> None:
        """Our own words for the caller, and the end."""


class Raw:
    """SPDY frames, as they are."""

    def __init__(self, content: Content) -> None:
        self.content = content
        self.over = False

    def from_down(self, data: bytes) -> Generator[Opening, bool, None]:
        yield from self.content.down(data)

    def from_up(self, data: bytes) -> None:
        self.content.up(data)

    def rest(self, *, final: bool) -> None:
        self.content.rest(final=final)

    def taken(self) -> tuple[bytes, bytes]:
        content = self.content
        up, content.to_up = b"".join(content.to_up), []
        down, content.to_down = b"".join(content.to_down), []
        return up, down

    def say(self, text: str) -> None:
        self.content.say(text)


class Framed:
    """Messages of WebSocket."""

    def __init__(self, content: Content) -> None:
        self.content = content
        self.over = False
        self._down, self._up = Messages(masked=True), Messages(masked=False)
        self._to_up: list[bytes] = []
        self._to_down: list[bytes] = []
        self._closing = 0

    def from_down(self, data: bytes) -> Generator[Opening, bool, None]:
        for message in self._down.feed(data):
            if message.kind in (websocket.TEXT, websocket.BINARY):
                yield from self.content.down(message.data)
                self._frame(message.kind)
            else:
                self._to_up.append(websocket.write(message, masked=True))
                self._closed(message)

    def from_up(self, data: bytes) -> None:
        for message in self._up.feed(data):
            if message.kind in (websocket.TEXT, websocket.BINARY):
                self.content.up(message.data)
                self._frame(message.kind)
            else:
                if message.kind == websocket.CLOSE:
                    self.rest(final=True)
                self._to_down.append(websocket.write(message, masked=False))
                self._closed(message)

    def rest(self, *, final: bool) -> None:
        self.content.rest(final=final)
        self._frame(websocket.BINARY)

    def _closed(self, message: Message) -> None:
        """Both sides say that they have ended (RFC 6455 section 5.5.1)."""
        if message.kind == websocket.CLOSE:
            self._closing += 1
            self.over = self._closing >= 2

    def _frame(self, kind: int) -> None:
        content = self.content
        for data in content.to_up:
            self._to_up.append(websocket.write(Message(kind, data), masked=True))
        for data in content.to_down:
            self._to_down.append(websocket.write(Message(kind, data), masked=False))
        content.to_up, content.to_down = [], []

    def taken(self) -> tuple[bytes, bytes]:
        up, self._to_up = b"".join(self._to_up), []
        down, self._to_down = b"".join(self._to_down), []
        return up, down

    def say(self, text: str) -> None:
        self.content.say(text)
        self._frame(websocket.BINARY)
        self._to_down.append(websocket.write(Message(websocket.CLOSE, b"\x03\xe8"), masked=False))


def tunnel(wants: Upgrade, protocol: str, asked: KubernetesRequest, watcher: Watcher) -> Tunnel:
    """What reads the streams of *asked* along, by the *protocol* that both sides have chosen."""
    make: Callable[[Content], Tunnel] = Framed if wants.by == "websocket" else Raw
    if protocol in (TUNNEL, FORWARD):
        return make(Streams(frozenset(), watcher))
    if asked.verb == "portforward":
        return make(Ports(ports(asked), watcher))
    if wants.by == "websocket":
        return make(Channels(protocol, watcher))
    return make(Streams(_TERMINALS, watcher))
