"""asyncssh's part of a login: what every connection is offered, and whose keys count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncssh
from asyncssh.packet import SSHPacketLogger

from vedette.protocols.ssh import algorithms
from vedette.protocols.ssh.devices import DEVICE_SECONDS
from vedette.protocols.ssh.door import Door

if TYPE_CHECKING:
    import asyncio

    from vedette.protocols.ssh.accept import Doorman

KEEPALIVE_SECONDS = 30


class Entrance(asyncssh.SSHServerConnection):
    """
    A connection whose public-key logins go by our own certificates and by registered keys alone.

    The principal comes from the very key that has signed, never from one that was merely offered before.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, options: asyncssh.SSHServerConnectionOptions, doorman: Doorman
    ) -> None:
        super().__init__(loop, options)
        self._doorman = doorman

    def send_packet(self, pkttype: int, *args: bytes, handler: SSHPacketLogger | None = None) -> None:
        """Without the empty packet that asyncssh puts before each: see `algorithms.IGNORED`."""
        if pkttype != algorithms.IGNORED:
            super().send_packet(pkttype, *args, handler=handler)

    def check_certificate_permission(self, permission: str) -> bool:
        """What is permitted is for policy to say, and for us to put on record where it is refused."""
        return True

    async def validate_public_key(self, username: str, key_data: bytes, msg: bytes, signature: bytes) -> bool:
        caller = await self._doorman.key(username, key_data, proof=bool(msg))
        if caller is None:
            return False
        if not await super().validate_public_key(username, key_data, msg, signature):
            return False
        if msg:
            self._doorman.proven(caller)
        return True


def options(door: Door, doorman: Doorman) -> asyncssh.SSHServerConnectionOptions:
    """What every connection is offered."""
    trusted = "".join(f'cert-authority,principals="*" {line}\n' for line in door.authority.lines)
    return asyncssh.SSHServerConnectionOptions(
        server_factory=lambda: doorman,
        config=None,
        server_host_keys=[door.host_key],
        server_version="Vedette",
        authorized_client_keys=asyncssh.import_authorized_keys(trusted),
        x509_trusted_certs=None,
        public_key_auth=True,
        password_auth=True,
        kbdint_auth=True,
        host_based_auth=False,
        gss_host=None,
        allow_pty=True,
        line_editor=False,
        x11_forwarding=False,
        agent_forwarding=False,
        allow_scp=False,
        kex_algs=algorithms.KEY_EXCHANGES,
        encryption_algs=algorithms.CIPHERS,
        mac_algs=algorithms.MACS,
        compression_algs=algorithms.COMPRESSIONS,
        signature_algs=algorithms.SIGNATURES,
        encoding=None,
        # The engine keeps the time, and gives people who sign in elsewhere more of it.
        login_timeout=door.deadline() + DEVICE_SECONDS,
        keepalive_interval=KEEPALIVE_SECONDS,
    )
