"""An issuer on loopback over https: discovery and keys, as any provider publishes them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.testbed.certificates import Authority


@dataclass
class Issuer:
    """*pages* is what stands where (path -> JSON), *asked* which paths were asked for, in turn."""

    address: str
    ca: Path
    pages: dict[str, object] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def publish(self, *keys: dict[str, object], path: str = "/jwks") -> None:
        """These keys, and a discovery document that leads there."""
        self.pages[path] = {"keys": list(keys)}
        self.pages["/.well-known/openid-configuration"] = {
            "issuer": self.address,
            "jwks_uri": self.address + path,
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        }

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, then the end of the connection."""
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ", 2)[1].decode()
        self.asked.append(path)
        body = json.dumps(self.pages[path]).encode() if path in self.pages else b"{}"
        status = b"200 OK" if path in self.pages else b"404 Not Found"
        head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
        writer.write(head % (status, len(body)) + body)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
            writer.close()
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def issuing(folder: Path) -> AsyncIterator[Issuer]:
    """An issuer whose certificate is from an authority of its own (`Issuer.ca`)."""
    authority = Authority.create(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.server.certificate, authority.server.key)
    found = Issuer("", authority.root.certificate)
    server = await asyncio.start_server(found.answer, "127.0.0.1", 0, ssl=context)
    found.address = f"https://localhost:{server.sockets[0].getsockname()[1]}"
    try:
        yield found
    finally:
        server.close()
        await server.wait_closed()
