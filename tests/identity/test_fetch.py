"""Fetching against a real server that misbehaves: every way ends in one refusal."""

from __future__ import annotations

import asyncio
import gzip
from contextlib import asynccontextmanager

import pytest

from vedette.identity import fetch as module
from vedette.identity.errors import IdentityError
from vedette.identity.fetch import MAX_DOCUMENT_BYTES, client, fetcher, permitted


@asynccontextmanager
async def server(answer: bytes, *, hang: bool = False):
    """A loopback server that gives *answer* to any request, and then hangs or closes."""
    heard: list[bytes] = []
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        try:
            await writer.drain()
            if hang:
                await over.wait()
        except ConnectionError:
            pass  # the client had enough, which is the point of some tests
        finally:
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/doc", heard
    finally:
        over.set()
        listener.close()
        await listener.wait_closed()


def page(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def get(url: str) -> bytes:
    async with client() as http:
        return await fetcher(http)(url)


async def test_a_document_is_fetched_and_nothing_of_ours_is_told():
    async with server(page(b"{}")) as (url, heard):
        assert await get(url) == b"{}"
    assert b"cookie" not in heard[0].lower()
    assert b"authorization" not in heard[0].lower()
    assert b"accept-encoding: identity" in heard[0].lower()


@pytest.mark.parametrize(
    "answer",
    [
        page(b"", "302 Found", "Location: http://127.0.0.1:1/elsewhere"),
        page(b"{}", "404 Not Found"),
        page(b"{}", "500 Internal Server Error"),
        page(b"{}", "204 No Content"),
        page(b"x" * (MAX_DOCUMENT_BYTES + 1)),
        page(gzip.compress(b"{}" * 10_000_000), "200 OK", "Content-Encoding: gzip"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
    ],
    ids=["redirect", "404", "500", "204", "large", "packed", "short", "bad chunk", "not http", "nothing"],
)
async def test_an_answer_that_is_not_a_plain_small_document_is_unavailable(answer):
    async with server(answer) as (url, _):
        with pytest.raises(IdentityError) as caught:
            await get(url)
    assert caught.value.code == "identity.unavailable"


async def test_a_server_that_never_finishes_is_left(monkeypatch):
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.05)
    async with server(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{", hang=True) as (url, _):
        with pytest.raises(IdentityError) as caught:
            await get(url)
    assert caught.value.code == "identity.unavailable"


async def test_nobody_listening_is_unavailable():
    async with server(b"") as (url, _):
        pass
    with pytest.raises(IdentityError) as caught:
        await get(url)
    assert caught.value.code == "identity.unavailable"


async def test_the_environments_proxy_is_not_asked(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with server(page(b"{}")) as (url, _):
        assert await get(url) == b"{}"


async def test_an_untrusted_certificate_is_unavailable(tmp_path):
    import ssl
    import time

    from vedette.identity.certificates import generated_certificate
    from vedette.identity.tls import server_context

    files = generated_certificate(tmp_path, now=time.time())

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(page(b"{}"))
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_context(files, alpn=()))
    url = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"
    with pytest.raises(IdentityError):
        await get(url)
    async with client(files.ca) as http:
        assert await fetcher(http)(url) == b"{}"
    assert ssl.create_default_context().verify_mode is ssl.CERT_REQUIRED
    listener.close()
    await listener.wait_closed()


@pytest.mark.parametrize("url", ["https://a.example", "https://a.example/x?y=1", "https://127.0.0.1:8443/"])
def test_https_is_permitted(url):
    assert permitted(url, loopback_http=False)


@pytest.mark.parametrize(
    "url",
    ["", "a", "//a", "ftp://a", "file:///a", "https://", "https://u@a", "https://a#b", "http://a.example",
     "http://127.0.0.1", "https://a:99999", "https://a b", "https://\0", "https://a\\b",
     "https://ex\u0430mple.com", "https://a\x7f"],
)  # fmt: skip
def test_anything_else_is_not(url):
    assert not permitted(url, loopback_http=False)


def test_loopback_is_the_address_not_the_beginning_of_a_name():
    for url in (
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://10.0.0.1",
        "ftp://localhost",
    ):
        assert not permitted(url, loopback_http=True)
    assert permitted("http://127.8.8.8:80/", loopback_http=True)
