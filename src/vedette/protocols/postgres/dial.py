"""A session at the server: from an address and an account to a logged-in Upstream."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

from vedette.identity.certificates import CertificateError
from vedette.identity.tls import tls_server_end_point
from vedette.protocols.postgres import scram
from vedette.protocols.postgres.login_steps import Salt, Step
from vedette.protocols.postgres.login_upstream import (
    Account,
    Channel,
    Opened,
    Revealing,
    UpstreamRefused,
    doorstep,
    login,
)
from vedette.protocols.postgres.messages import PROTOCOL_3_0, cancel_request
from vedette.protocols.postgres.startup import ALPN
from vedette.protocols.postgres.wire import Bare, Gone, StuffedBytes, Wire, perform

DIAL_SECONDS = 10.0
NO_SETTINGS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Target:
    """
    Where a server is. A *host* that begins with ``/`` is the folder of a Unix socket.

    *tls* says how its certificate is checked (and holds the client certificate, if
    any); None is no TLS. *direct* begins TLS without asking (PostgreSQL 17 on), for
    which the context has to name ``postgresql`` by ALPN.
    """

    host: str
    port: int = 5432
    tls: ssl.SSLContext | None = None
    direct: bool = False


@dataclass(frozen=True, slots=True)
class Upstream:
    """
    A session at the server, idle. *pid* and *secret* are its cancel key, for
    `send_cancel`; *version* is what it speaks.
    """

    wire: Wire
    target: Target
    parameters: Mapping[str, str]
    pid: int
    secret: bytes = field(repr=False)
    version: int


class SaltedPasswords:
    """
    Salted passwords once derived (RFC 5802 section 5.1 lets a client keep them).

    A derivation takes a millisecond or more, and a server keeps one salt per role.
    Bounded; lives in the memory of the dialling code only.
    """

    def __init__(self, limit: int = 256) -> None:
        self._limit = limit
        self._found: dict[tuple[bytes, bytes, int], bytes] = {}

    async def get(self, password: Revealing, salt: bytes, iterations: int) -> bytes:
        text = password.reveal()
        entry = (hashlib.sha256(text.encode()).digest(), salt, iterations)
        found = self._found.get(entry)
        if found is None:
            found = await asyncio.to_thread(scram.salted, text, salt, iterations)
            while len(self._found) >= self._limit:
                del self._found[next(iter(self._found))]
            self._found[entry] = found
        return found


_SALTED = SaltedPasswords()


async def dial(
    target: Target,
    account: Account,
    *,
    settings: Mapping[str, str] = NO_SETTINGS,
    version: int = PROTOCOL_3_0,
    timeout: float = DIAL_SECONDS,  # noqa: ASYNC109  (the whole dial has one deadline)
) -> Upstream:
    """
    Connect and log in; *settings* are the caller's start-up settings.

    Raises:
        UpstreamRefused: unreachable, too slow, not trustworthy, or it says no.
    """
    try:
        async with asyncio.timeout(timeout):
            wire = await _connect(target)
            try:
                opened = await _log_in(wire, target, account, settings, version)
            except BaseException:
                wire.close()
                raise
    except (OSError, TimeoutError, StuffedBytes) as error:
        raise _unreached(error, timeout) from None
    return Upstream(wire, target, opened.parameters, opened.pid, opened.secret, opened.version)


async def _log_in(
    wire: Wire, target: Target, account: Account, settings: Mapping[str, str], version: int
) -> Opened:
    async def answer(step: Step) -> bytes:
        if not isinstance(step, Salt) or account.password is None:
            raise TypeError(f"nobody answers {type(step).__name__} here")
        return await _SALTED.get(account.password, step.salt, step.iterations)

    talk = login(account, _channel(wire, target), settings, version)
    return await perform(talk, wire, answer)


def _channel(wire: Wire, target: Target) -> Channel:
    if target.tls is None:
        return Channel(local=wire.local)
    certificate = wire.transport.get_extra_info("ssl_object").getpeercert(True)
    return Channel(
        encrypted=True,
        verified=target.tls.verify_mode == ssl.CERT_REQUIRED,
        local=wire.local,
        binding=end_point(certificate) if certificate else None,
    )


@functools.lru_cache(maxsize=256)
def end_point(certificate: bytes) -> bytes | None:
    """tls-server-end-point of a DER *certificate*; None where none is defined for it."""
    try:
        return tls_server_end_point(certificate)
    except CertificateError:
        return None


async def _connect(target: Target) -> Wire:
    """Connected, inside TLS where that is wanted. Raises OSError, StuffedBytes, UpstreamRefused."""
    bare = Bare(await _socket(target))
    try:
        if target.tls is not None and not target.direct:
            await perform(doorstep(), bare)
            bare.refuse_stuffed()
        wire = await bare.call(target.tls, target.host)
    except BaseException:
        bare.close()
        raise
    if target.tls is not None:
        chosen = wire.transport.get_extra_info("ssl_object").selected_alpn_protocol()
        if chosen != ALPN and (target.direct or chosen is not None):
            wire.close()
            raise UpstreamRefused("upstream.tls", "the resource does not speak PostgreSQL inside TLS")
    return wire


async def _socket(target: Target) -> socket.socket:
    """A connected socket, to the first address that answers."""
    loop = asyncio.get_running_loop()
    if target.host.startswith("/"):
        path = f"{target.host}/.s.PGSQL.{target.port}"
        return await _connected(socket.AF_UNIX, path)
    found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    failed: OSError = OSError("no address")
    for family, _kind, _protocol, _name, address in found:
        try:
            sock = await _connected(family, address)
        except OSError as error:
            failed = error
            continue
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return sock
    raise failed


async def _connected(family: int, address: str | tuple[object, ...]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


def _unreached(error: Exception, timeout: float) -> UpstreamRefused:
    """In our words what went wrong before anybody said no."""
    if isinstance(error, StuffedBytes):
        return UpstreamRefused("upstream.tls", "the resource sent bytes before the TLS handshake")
    if isinstance(error, ssl.SSLCertVerificationError):
        return UpstreamRefused(
            "upstream.certificate", "the resource's certificate was not accepted", detail=error.verify_message
        )
    if isinstance(error, ssl.SSLError):
        return UpstreamRefused(
            "upstream.tls", "no TLS session with the resource came about", detail=error.reason or ""
        )
    if isinstance(error, TimeoutError):
        return UpstreamRefused("upstream.timeout", f"the resource did not answer within {timeout:g} seconds")
    if isinstance(error, Gone):
        return UpstreamRefused("upstream.gone", "the resource hung up during the login")
    return UpstreamRefused("upstream.unreachable", "the resource cannot be reached", detail=str(error))


async def send_cancel(
    target: Target,
    pid: int,
    secret: bytes,
    *,
    timeout: float = DIAL_SECONDS,  # noqa: ASYNC109  (one deadline for all of it)
) -> None:
    """
    Ask the server to stop what session *pid* is doing, on a connection of its own.

    Returns when the server has hung up: by then it has passed the request on.

    Raises:
        UpstreamRefused: it could not be asked.
    """
    try:
        async with asyncio.timeout(timeout):
            wire = await _connect(target)
            try:
                await wire.send(cancel_request(pid, secret))
                await wire.hung_up()
            finally:
                wire.close()
    except (OSError, TimeoutError, StuffedBytes) as error:
        raise _unreached(error, timeout) from None
