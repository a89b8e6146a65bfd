"""The API on a socket: plain http near, https far."""

from __future__ import annotations

import socket
import ssl
import time
from pathlib import Path

import httpx2
import pytest

from tests.api.conftest import Office
from vedette.api import server
from vedette.api.application import build
from vedette.identity.certificates import CertificateFiles, generated_certificate


class Certified(Office):
    files: CertificateFiles

    @property
    def certificate(self) -> CertificateFiles:
        return self.files


async def test_https_where_others_can_come(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bound to loopback all the same: only the judgement of the address is turned round."""
    monkeypatch.setattr(server, "loopback", lambda listener: False)
    office.__class__ = Certified
    assert isinstance(office, Certified)
    office.files = generated_certificate(tmp_path / "tls", now=time.time())
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    stop = await server.serve_api(office, listener, build(office))
    try:
        trust = ssl.create_default_context(cafile=str(tmp_path / "tls" / "ca.pem"))
        async with httpx2.AsyncClient(verify=trust, trust_env=False) as client:
            assert (await client.get(f"https://127.0.0.1:{port}/health")).json() == {"status": "ok"}
        async with httpx2.AsyncClient(trust_env=False) as client:
            with pytest.raises(httpx2.HTTPError):
                await client.get(f"http://127.0.0.1:{port}/health")
    finally:
        await stop


async def test_it_says_nothing_of_itself(office: Office) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    stop = await server.serve_api(office, listener, build(office))
    try:
        async with httpx2.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"http://127.0.0.1:{listener.getsockname()[1]}/health")
        assert "server" not in answer.headers
    finally:
        await stop


def test_plain_http_only_for_this_machine() -> None:
    class Bound:
        def __init__(self, host: str) -> None:
            self._host = host

        def getsockname(self) -> tuple[str, int]:
            return self._host, 1

    near = [server.loopback(Bound(host)) for host in ("127.0.0.1", "127.3.2.1", "::1")]  # type: ignore[arg-type]
    far = [server.loopback(Bound(host)) for host in ("0.0.0.0", "10.0.0.1", "::")]  # type: ignore[arg-type]
    assert (near, far) == ([True] * 3, [False] * 3)
