"""Fetching an issuer's public documents: bounded in size and time, no detours."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from pathlib import Path

import httpx2

from vedette.identity.errors import IdentityError

MAX_DOCUMENT_BYTES = 256 << 10
TIMEOUT_SECONDS = 10.0

#: URL -> body. Raises IdentityError ``identity.unavailable``.
Fetch = Callable[[str], Awaitable[bytes]]


def unavailable() -> IdentityError:
    return IdentityError("identity.unavailable", "the token's issuer cannot be reached; try again later")


def client(ca: Path | None = None) -> httpx2.AsyncClient:
    """A client for `fetcher`. The app closes it. *ca* replaces the system's trusted authorities.

    No redirects (an issuer's document stands where the issuer says), nothing
    from the environment (no proxy, no .netrc), certificates always verified.
    """
    context = ssl.create_default_context(cafile=str(ca) if ca is not None else None)
    return httpx2.AsyncClient(
        verify=context,
        follow_redirects=False,
        trust_env=False,
        timeout=TIMEOUT_SECONDS,
        headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "vedette"},
    )


def fetcher(http: httpx2.AsyncClient) -> Fetch:
    """How documents are fetched with *http*."""

    async def fetch(url: str) -> bytes:
        try:
            # The client's own time-out is per read, which a slow drip outlives.
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await _get(http, url)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, TimeoutError) as error:
            raise unavailable() from error

    return fetch


def trusting(ca: Path) -> Fetch:
    """How documents are fetched where *ca* (PEM) is trusted in place of the system's authorities.

    The file is read each time, so that a renewed one counts; that is once an hour.
    """

    async def fetch(url: str) -> bytes:
        try:
            http = client(ca)
        except OSError as error:  # missing, or no authority in it
            raise unavailable() from error
        async with http:
            return await fetcher(http)(url)

    return fetch


async def _get(http: httpx2.AsyncClient, url: str) -> bytes:
    body = bytearray()
    async with http.stream("GET", url) as response:
        # A packed answer could unpack to anything, and we asked for none.
        if response.status_code != 200 or response.headers.get("content-encoding", "identity") != "identity":
            raise unavailable()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > MAX_DOCUMENT_BYTES:
                raise unavailable()
    return bytes(body)


def permitted(url: str, *, loopback_http: bool) -> bool:
    """Whether *url* may be fetched: https, or http to this very machine where that is configured."""
    # Where readers of addresses disagree, it is about these characters.
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return False
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError):
        return False
    if not parsed.host or parsed.userinfo or parsed.fragment or not 0 < (parsed.port or 443) < 65536:
        return False
    return parsed.scheme == "https" or (
        parsed.scheme == "http" and loopback_http and _is_loopback(parsed.host)
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
