"""Logging in at a host, whose key must be the one that an administrator wrote down."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

import asyncssh
from asyncssh.packet import SSHPacketLogger

from vedette.credentials import Secret
from vedette.protocols.ssh import algorithms

DIAL_SECONDS = 15.0
KEEPALIVE_SECONDS = 30


class UpstreamRefused(Exception):
    """No session upstream. *reason* is for the caller, *detail* for the log alone."""

    def __init__(self, code: str, reason: str, *, detail: str = "") -> None:
        super().__init__(reason)
        self.code, self.reason, self.detail = code, reason, detail


@dataclass(frozen=True, slots=True)
class Target:
    """*host_keys* are public keys as OpenSSH writes them; one of them must be the host's."""

    host: str
    port: int
    host_keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """
    What the gateway shows there: *key* (a private key in OpenSSH's or PEM format), *password*, or both.

    *certificate* is that of the key, as OpenSSH writes it.
    """

    user: str
    password: Secret | None = None
    key: Secret | None = field(default=None, repr=False)
    certificate: str | None = field(default=None, repr=False)


class Watch(asyncssh.SSHClient):
    """Tells when the host is gone. Everything that a host may ask of a client is refused by default."""

    def __init__(self, lost: Callable[[Exception | None], None]) -> None:
        self._lost = lost

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost(exc)


async def dial(
    target: Target, account: Account, lost: Callable[[Exception | None], None]
) -> asyncssh.SSHClientConnection:
    """
    A connection to the host, logged in. *lost* is called when it ends, for whatever reason.

    Raises:
        UpstreamRefused: out of reach, another key than the pinned ones, or the login is not taken.
    """
    options = _options(target, account, lost)
    try:
        async with asyncio.timeout(DIAL_SECONDS):
            made: asyncssh.SSHClientConnection = await asyncssh.connect(
                target.host, target.port, options=options
            )
            _quiet(made)
            return made
    except asyncssh.HostKeyNotVerifiable as problem:
        raise UpstreamRefused(
            "upstream.host_key", "the host does not show the key that is configured for it",
            detail=str(problem),
        ) from None  # fmt: skip
    except asyncssh.PermissionDenied as problem:
        raise UpstreamRefused(
            "upstream.login", "the host did not accept the gateway's login", detail=str(problem)
        ) from None
    except asyncssh.KeyExchangeFailed as problem:
        # Also where it has no key of a pinned kind: that is told apart nowhere.
        raise UpstreamRefused(
            "upstream.algorithms", "the host and the gateway have no safe algorithm or known key in common",
            detail=str(problem),
        ) from None  # fmt: skip
    except (OSError, asyncssh.Error, TimeoutError) as problem:
        raise UpstreamRefused(
            "upstream.unreachable", "the host cannot be reached", detail=str(problem)
        ) from None


def _quiet(connection: asyncssh.SSHClientConnection) -> None:
    """No empty packet before each (`algorithms.IGNORED`). What asyncssh connects is of its own class only."""
    send = connection.send_packet

    def send_packet(pkttype: int, *args: bytes, handler: SSHPacketLogger | None = None) -> None:
        if pkttype != algorithms.IGNORED:
            send(pkttype, *args, handler=handler)

    connection.send_packet = send_packet  # type: ignore[method-assign]


def _options(
    target: Target, account: Account, lost: Callable[[Exception | None], None]
) -> asyncssh.SSHClientConnectionOptions:
    try:
        pinned = [asyncssh.import_public_key(line) for line in target.host_keys]
    except asyncssh.KeyImportError:
        raise UpstreamRefused("upstream.host_key", "the configured host key cannot be read") from None
    if not pinned:
        raise UpstreamRefused("upstream.host_key", "no host key is configured for this host")
    keys: list[asyncssh.SSHKey | tuple[asyncssh.SSHKey, asyncssh.SSHCertificate]] = []
    if account.key is not None:
        with contextlib.suppress(asyncssh.KeyImportError, ValueError):
            key = asyncssh.import_private_key(account.key.reveal())
            certified = account.certificate and asyncssh.import_certificate(account.certificate)
            keys = [(key, certified) if certified else key]
        if not keys:  # outside, so that nothing of the key hangs on to the error
            raise UpstreamRefused(
                "upstream.credential", "the gateway's own login is not available", detail="not a private key"
            )
    return asyncssh.SSHClientConnectionOptions(
        client_factory=lambda: Watch(lost),
        config=None,
        username=account.user,
        password=account.password.reveal() if account.password is not None else None,
        client_keys=keys or None,
        agent_path=None,
        known_hosts=(pinned, [], []),
        x509_trusted_certs=None,
        public_key_auth=bool(keys),
        password_auth=account.password is not None,
        kbdint_auth=account.password is not None,
        host_based_auth=False,
        gss_host=None,
        kex_algs=algorithms.KEY_EXCHANGES,
        encryption_algs=algorithms.CIPHERS,
        mac_algs=algorithms.MACS,
        compression_algs=algorithms.COMPRESSIONS,
        signature_algs=algorithms.SIGNATURES,
        keepalive_interval=KEEPALIVE_SECONDS,
        login_timeout=DIAL_SECONDS,
        connect_timeout=DIAL_SECONDS,
    )
