"""Which places a forward may not lead past the gateway to: its own resources, each behind its own engine."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vedette.config import ResourceSettings, Settings
from vedette.protocols.ssh.forwards import Elsewhere
from vedette.shell.hosts import canonical

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # compared with, not bound to

#: Serves a caller's connection from an address as if it had come to the SSH listener: to these resources.
Visit = Callable[[socket.socket, str, tuple[ResourceSettings, ...]], None]


@dataclass(frozen=True, slots=True)
class Places:
    """*listeners* are the gateway's own, by protocol; *visit* is the way in to its SSH engine."""

    settings: Callable[[], Settings]
    listeners: Callable[[], Mapping[str, socket.socket]]
    visit: Visit

    def __call__(self, seen_from: str, host: str, port: int) -> Elsewhere | None:
        """The resource at *host* (in its canonical form) and *port*, if one is: by its address, or its name.

        To itself, the host of the resource *seen_from* is another machine than to us, unless it is ours.
        """
        resources = self.settings().resources
        near = seen_from in resources and _is_ours(_place(resources[seen_from]))
        found = tuple(
            each
            for each in resources.values()
            if each.upstream.port == port
            and (host == each.name.lower() or (host == _place(each) and (near or not _is_ours(host))))
        )
        if not found:
            return None
        first = found[0]
        if first.protocol == "ssh":
            return Elsewhere(first.name, lambda factory, peer: self._to_ssh(factory, peer, found))
        listener = self.listeners().get(first.protocol)
        if listener is None:
            return Elsewhere(first.name, None)
        return Elsewhere(first.name, lambda factory, peer: _to_listener(factory, listener))

    async def _to_ssh(
        self, factory: Callable[[], asyncio.Protocol], peer: str, found: tuple[ResourceSettings, ...]
    ) -> None:
        ours, theirs = socket.socketpair()
        self.visit(theirs, peer, found)
        await asyncio.get_running_loop().create_connection(factory, sock=ours)


async def _to_listener(factory: Callable[[], asyncio.Protocol], listener: socket.socket) -> None:
    """As anybody comes to it who is on this machine: the caller's login there says who it is."""
    host, port = listener.getsockname()[:2]
    await asyncio.get_running_loop().create_connection(factory, _ANY.get(host, host), port)


def _is_ours(host: str) -> bool:
    return host == "localhost" or host == "::1" or host.startswith("127.")


def _place(resource: ResourceSettings) -> str:
    host = resource.upstream.host
    return canonical(host.lower().rstrip(".")) or host.lower()
