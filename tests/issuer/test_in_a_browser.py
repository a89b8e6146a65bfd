"""The sign-in pages in a real browser, by keyboard: what it stores, lets pass and shows."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.issuer.conftest import PASSWORD, House, house
from tests.issuer.signing_in import Client
from tests.testbed.certificates import Authority
from tests.testbed.chromium import Chromium, Page, chromium
from tests.testbed.processes import PATIENCE_SECONDS
from vedette.client.browser import log_in
from vedette.client.errors import ClientError
from vedette.client.issuer import Grant, Metadata, Party, discover
from vedette.client.web import Web
from vedette.issuer.backoff import network

pytestmark = pytest.mark.live
SCOPE = "openid email groups offline_access"


@dataclass
class Login:
    """``vedette login`` waiting for its browser at *url*."""

    url: str
    ends: asyncio.Task[Grant]


@contextlib.asynccontextmanager
async def logging_in(there: Metadata) -> AsyncIterator[Login]:
    """The client's own code, with its own listener on loopback."""
    loop = asyncio.get_running_loop()
    shown: asyncio.Future[str] = loop.create_future()

    def work() -> Grant:
        party = Party("vedette-cli", scope=SCOPE)
        return log_in(
            Web(),
            there,
            party,
            lambda url: loop.call_soon_threadsafe(shown.set_result, url),
            patience=PATIENCE_SECONDS,
        )

    ends = asyncio.create_task(asyncio.to_thread(work))
    try:
        yield Login(await shown, ends)
    finally:
        await asyncio.gather(ends, return_exceptions=True)


async def fill(page: Page, *lines: str) -> None:
    """Type from where the focus is, a line per field, and press Enter in the last."""
    for number, line in enumerate(lines):
        if number:
            await page.press("Tab")
        await page.type(line)
    await page.after(lambda: page.press("Enter"))


def unhindered(page: Page) -> bool:
    """Whether the browser complained of nothing but statuses: no style, form or frame was refused."""
    return all(re.search(r"status of (400|429)", each) for each in page.complaints)


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Chromium]:
    async with chromium(tmp_path / "browser") as found:
        yield found


async def test_from_the_first_admin_to_a_login_a_device_and_a_no(home: House, browser: Chromium) -> None:
    page = await browser.page(width=360, dark=True)
    assert home.app.setup_link is not None
    await page.go(home.app.setup_link)
    assert await page.focused() == "name"
    await fill(page, "anna", "", PASSWORD, "another long one")
    assert "The two passwords differ." in await page.text()
    assert await page.focused() == "password"
    await fill(page, PASSWORD, PASSWORD)
    assert f"Sign in with: vedette login {home.url}" in await page.text()
    assert await page.ask("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 27)"
    assert await page.ask("document.documentElement.scrollWidth <= innerWidth")
    assert unhindered(page)

    there = await asyncio.to_thread(discover, Web(), home.url)
    page = await browser.page()
    async with logging_in(there) as login:
        await page.go(login.url)
        await fill(page, "anna", "not her password")
        assert "No such person, or not their password." in await page.text()
        assert await page.focused() == "password"
        await fill(page, PASSWORD)
        assert "You are logged in" in await page.text()
        assert (await page.where()).startswith("http://127.0.0.1:")
        assert (await login.ends).refresh
    assert unhindered(page), page.complaints
    (cookie,) = [each for each in await page.cookies(home.url) if each["name"] == "vedette"]
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["session"]) == (True, "Strict", True)

    async with logging_in(there) as login:
        await page.go(login.url)
        for _ in ("password", "sign in", "cancel"):
            await page.press("Tab")
        await page.after(lambda: page.press("Enter"))
        assert "You are not logged in" in await page.text()
        with pytest.raises(ClientError, match="the person said no"):
            await login.ends

    begun = (await home.http.post("/oauth/device_authorization", data={"client_id": "vedette-cli"})).json()
    await page.go(begun["verification_uri_complete"])
    assert await page.focused() == "name"
    await fill(page, "anna", PASSWORD)
    assert f"Is {begun['user_code']} yours?" in await page.text()
    await page.press("Tab")
    await page.after(lambda: page.press("Enter"))
    assert "The device is signed in." in await page.text()
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code", "client_id": "vedette-cli",
        "device_code": begun["device_code"],
    }  # fmt: skip
    assert (await home.token(**form)).status_code == 200


async def test_waits_and_other_names_for_this_machine_are_explained(home: House, browser: Chromium) -> None:
    await home.person()
    there = await asyncio.to_thread(discover, Web(), home.url)
    page = await browser.page()
    async with logging_in(there) as login:
        await page.go(login.url)
        for _ in range(12):
            home.desk.backoff.turn("anna", network("127.0.0.1"), home.desk.clock())
        await fill(page, "anna", PASSWORD)
        assert re.search(r"Too many tries; come back in \d+ seconds?\.", await page.text())
        began = home.desk.clock
        home.desk.clock = lambda: began() + 3600
        await fill(page, PASSWORD)
        assert "You are logged in" in await page.text()
        assert await login.ends

    await page.go(f"{home.url.replace('127.0.0.1', 'localhost')}/device")
    await fill(page, "BCDF-GHJK", "anna", PASSWORD)
    assert f"was not opened at {home.url}; begin again there." in await page.text()


async def test_a_client_on_ipv6_loopback_is_returned_to(home: House, browser: Chromium) -> None:
    """A policy cannot name such an address, and Chromium would then refuse the way back."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nback")
        writer.close()

    await home.person()
    async with await asyncio.start_server(answer, "::1", 0) as listening:
        redirect = f"http://[::1]:{listening.sockets[0].getsockname()[1]}/callback"
        page = await browser.page()
        query = urlencode(Client(home).query(redirect_uri=redirect))
        await page.go(f"{home.url}/oauth/authorize?{query}")
        await fill(page, "anna", PASSWORD)
        assert (await page.where()).startswith(f"{redirect}?code=vdc_")
    assert unhindered(page), page.complaints


@contextlib.asynccontextmanager
async def https(folder: Path, to: list[int]) -> AsyncIterator[str]:
    """What stands before a gateway with a name: takes TLS off, and knows its port once *to* has it."""
    server = Authority.create(folder).server
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate, server.key)

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            inner = await asyncio.open_connection("127.0.0.1", to[0])
            await asyncio.gather(copy(reader, inner[1]), copy(inner[0], writer), return_exceptions=True)

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while some := await reader.read(65536):
                writer.write(some)
                await writer.drain()
        finally:
            writer.close()

    listening = await asyncio.start_server(one, "127.0.0.1", 0, ssl=context)
    async with listening:
        yield f"https://localhost:{listening.sockets[0].getsockname()[1]}"


async def test_an_https_issuer_sends_back_to_a_plain_loopback_port(tmp_path: Path, browser: Chromium) -> None:
    port: list[int] = []
    async with https(tmp_path / "tls", port) as url, house(tmp_path, gateway={"url": url}) as home:
        port.append(home.app.ports["web"])
        await home.person()
        # The client asks the gateway's own port; the addresses are those that discovery gives out.
        found = (await home.http.get("/.well-known/openid-configuration")).json()
        there = Metadata(
            found["issuer"], f"{home.url}/oauth/token", found["authorization_endpoint"],
            names_itself=True,
        )  # fmt: skip
        page = await browser.page()
        await page.send("Security.setIgnoreCertificateErrors", ignore=True)
        async with logging_in(there) as login:
            await page.go(login.url)
            (cookie,) = await page.cookies(url)
            assert (cookie["name"], cookie["secure"]) == ("__Host-vedette", True)
            await fill(page, "anna", PASSWORD)
            assert "You are logged in" in await page.text()
            assert (await login.ends).refresh
        assert unhindered(page), page.complaints
