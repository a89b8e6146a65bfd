"""Connections to an API server: TLS, HTTP/1.1, and what the gateway shows there."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass

from vedette.credentials.secret import Secret
from vedette.protocols.http.wire import Wire

DIAL_SECONDS = 10.0


class UpstreamRefused(Exception):
    """The cluster cannot be reached as it should be. *detail* is for the log, the rest for callers too."""

    def __init__(self, code: str, reason: str, *, detail: str = "") -> None:
        super().__init__(reason)
        self.code, self.reason, self.detail = code, reason, detail


@dataclass(frozen=True, slots=True)
class Shown:
    """What a cluster is shown: by TLS with *context* (a client certificate), and as a bearer *token*."""

    context: ssl.SSLContext | None
    token: Secret | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Where an API server is. *authority* is what stands in ``Host``."""

    host: str
    port: int

    @property
    def authority(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


async def dial(target: Target, context: ssl.SSLContext | None) -> Wire:
    """
    A connection to *target*.

    Raises:
        UpstreamRefused: out of reach, or not the server that its certificate has to show.
    """
    loop, wire = asyncio.get_running_loop(), Wire()
    try:
        async with asyncio.timeout(DIAL_SECONDS):
            await loop.create_connection(
                lambda: wire, target.host, target.port, ssl=context,
                server_hostname=target.host if context is not None else None,
            )  # fmt: skip
            return wire
    except ssl.SSLCertVerificationError as problem:
        raise UpstreamRefused(
            "upstream.certificate", "the cluster does not show the certificate it has to",
            detail=problem.verify_message,
        ) from None  # fmt: skip
    except ssl.SSLError as problem:
        raise UpstreamRefused(
            "upstream.tls", "TLS with the cluster failed", detail=problem.reason or ""
        ) from None
    except (OSError, TimeoutError) as problem:
        raise UpstreamRefused(
            "upstream.unreachable", "the cluster cannot be reached", detail=str(problem)
        ) from None
