"""Where a gateway listens, and the certificate that it shows there."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from pathlib import Path

from vedette.config import HostPort, Settings
from vedette.identity.certificates import CertificateError, CertificateFiles, generated_certificate
from vedette.identity.client_certificates import ClientCertificates
from vedette.identity.tls import server_context, trust_callers

log = logging.getLogger(__name__)

# How often the authorities of callers are looked at.
LOOK_SECONDS = 1.0
HTTP_ALPN = ("http/1.1",)
_ANY = frozenset({"0.0.0.0", "::", ""})  # compared with, not bound to


def listen(settings: Settings) -> dict[str, socket.socket]:
    """A listening socket for each of ``gateway.listen``, by name. Raises OSError that names the address."""
    where = settings.gateway.listen
    wanted = {"postgres": where.postgres, "web": where.web, "ssh": where.ssh, "kubernetes": where.kubernetes}
    found: dict[str, socket.socket] = {}
    try:
        for name, address in wanted.items():
            if address is not None:
                found[name] = _bound(address)
    except OSError:
        for listener in found.values():
            listener.close()
        raise
    return found


def _bound(where: HostPort) -> socket.socket:
    try:
        found = socket.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(found[4][:2], family=found[0], backlog=1024)
    except OSError as error:
        raise OSError(error.errno, f"cannot listen on {where}: {error.strerror or error}") from error


class ServerTls:
    """The gateway's certificate (the one configured, else one of its own), and whose callers' count."""

    def __init__(self, settings: Settings, folder: Path, callers: ClientCertificates) -> None:
        """*folder* keeps what is generated. Raises CertificateError."""
        tls, where = settings.gateway.tls, settings.gateway.listen
        if tls.certificate is not None and tls.key is not None:
            self.files = CertificateFiles(tls.certificate, tls.key)
        else:
            shown = [each for each in (where.postgres, where.web, where.kubernetes) if each is not None]
            names = [address.host for address in shown if address.host not in _ANY]
            self.files = generated_certificate(folder, names, now=time.time())
        self._callers = callers
        self.context = server_context(self.files, client_ca=tls.ca)
        #: For those who speak HTTP/1.1.
        self.web = server_context(self.files, client_ca=tls.ca, alpn=HTTP_ALPN)
        self._trust()

    def _trust(self) -> None:
        for context in (self.context, self.web):
            trust_callers(context, self._callers.files)

    def first_certificate(self) -> str:
        """The gateway's own, PEM, without what signed it."""
        return first_certificate(self.files.certificate)

    async def watch(self, withdrawn: Callable[[frozenset[str]], None]) -> None:
        """Trust the authorities of callers as their files change: SPIFFE's do while the gateway runs.

        *withdrawn* is told which certificates are void. Ends by being cancelled.
        """
        said = ""
        while self._callers.files:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                if self._callers.refresh():
                    self._trust()
                    withdrawn(self._callers.withdrawn)
                    log.info("the authorities of client certificates were read anew")
                    said = ""
            except CertificateError as problem:
                if str(problem) != said:
                    said = str(problem)
                    log.error("whose certificates count stays as it was: %s", said)


def first_certificate(path: Path) -> str:
    """The first of a PEM file."""
    text = path.read_text(encoding="ascii", errors="replace")
    end = "-----END CERTIFICATE-----"
    return text[: text.index(end) + len(end)]
