"""A real browser: Debian's Chromium, headless, led by its DevTools protocol over two pipes.

No driver in between: requests and events are JSON texts that end in NUL
(``--remote-debugging-pipe``; fd 3 in, fd 4 out). Nothing is listened on, nothing outside is asked.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import fcntl
import itertools
import json
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.testbed.processes import PATIENCE_SECONDS

MAX_MESSAGE_BYTES = 32 << 20
#: As root there is no sandbox; the pages are our own. The rest keeps it from calling home.
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe",
    "--no-first-run", "--no-default-browser-check", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--disable-domain-reliability", "--disable-quic", "--no-proxy-server",
    "--disable-extensions", "--password-store=basic", "--metrics-recording-only",
)  # fmt: skip


class Chromium:
    """The browser. *tell* gets every event: (session, method, parameters)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._pages: dict[str, Page] = {}

    async def listen(self) -> None:
        """Read until the browser ends."""
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                message = json.loads((await self._reader.readuntil(b"\0"))[:-1])
                if "id" in message:
                    if (waiter := self._waiting.pop(message["id"], None)) and not waiter.done():
                        waiter.set_result(message)
                elif page := self._pages.get(message.get("sessionId", "")):
                    page.heard(message["method"], message["params"])
        for waiter in self._waiting.values():
            waiter.cancel()

    async def send(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        waiter = self._waiting[number] = asyncio.get_running_loop().create_future()
        order: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if session:
            order["sessionId"] = session
        self._writer.write(json.dumps(order).encode() + b"\0")
        async with asyncio.timeout(PATIENCE_SECONDS):
            answer = await waiter
        assert "error" not in answer, (method, answer["error"])
        found: dict[str, Any] = answer["result"]
        return found

    async def page(self, *, width: int = 1000, height: int = 700, dark: bool = False) -> Page:
        """A window with no cookies of any other."""
        context = (await self.send("Target.createBrowserContext"))["browserContextId"]
        target = (await self.send("Target.createTarget", url="about:blank", browserContextId=context))[
            "targetId"
        ]
        session = (await self.send("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        page = self._pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            await page.send(f"{domain}.enable")
        await page.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
            mobile=width < 600,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await page.send("Emulation.setEmulatedMedia", features=[scheme])
        await page.send("Page.bringToFront")
        return page


class Page:
    """One window. *complaints* are what the browser wrote to its console: refused styles, forms, frames."""

    def __init__(self, browser: Chromium, session: str) -> None:
        self._browser, self._session = browser, session
        self.complaints: list[str] = []
        self._loads = 0
        self._loaded = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    async def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        return await self._browser.send(method, self._session, **parameters)

    def heard(self, method: str, said: dict[str, Any]) -> None:
        if method == "Log.entryAdded":
            self.complaints.append(said["entry"]["text"])
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(str(said["args"]))
        elif method == "Page.loadEventFired":
            task = asyncio.ensure_future(self._count())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _count(self) -> None:
        async with self._loaded:
            self._loads += 1
            self._loaded.notify_all()

    async def after(self, act: Callable[[], Awaitable[object]]) -> None:
        """Do what leads to another page, and wait until that is there."""
        before = self._loads
        await act()
        async with asyncio.timeout(PATIENCE_SECONDS), self._loaded:
            await self._loaded.wait_for(lambda: self._loads > before)
        # What is to have the focus gets it when the page is first drawn.
        await self.ask(
            "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))"
        )

    async def go(self, url: str) -> None:
        await self.after(lambda: self.send("Page.navigate", url=url))

    async def type(self, text: str) -> None:
        """Into whatever has the focus."""
        await self.send("Input.insertText", text=text)

    async def press(self, key: str, *, shift: bool = False) -> None:
        """A key of the keyboard, by its DOM name: Tab, Enter."""
        code = {"Tab": 9, "Enter": 13, " ": 32}[key]
        text = {"text": "\r"} if key == "Enter" else {"text": " "} if key == " " else {}
        about = {"key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        await self.send("Input.dispatchKeyEvent", type="keyDown", **about, **text)
        await self.send("Input.dispatchKeyEvent", type="keyUp", **about)

    async def ask(self, script: str) -> Any:
        """What *script* comes to, run beside the page's own policy."""
        answer = await self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def text(self) -> str:
        return str(await self.ask("document.body.innerText"))

    async def where(self) -> str:
        return str(await self.ask("location.href"))

    async def focused(self) -> str:
        """The name, or else the words, of what has the focus."""
        return str(await self.ask("(e => e.name || e.innerText || e.tagName)(document.activeElement)"))

    async def cookies(self, url: str) -> list[dict[str, Any]]:
        """Those that it would send to *url*."""
        found: list[dict[str, Any]] = (await self.send("Network.getCookies", urls=[url]))["cookies"]
        return found

    async def picture(self, file: Path) -> None:
        shot = await self.send("Page.captureScreenshot", format="png")
        await asyncio.to_thread(file.write_bytes, base64.b64decode(shot["data"]))


def _high(descriptor: int) -> int:
    """The same, with a number that is not 3 or 4."""
    high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return high


@contextlib.asynccontextmanager
async def chromium(folder: Path) -> AsyncIterator[Chromium]:
    """A browser whose profile is in *folder*; skips the test where there is none."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium here: the sign-in pages want a real browser")
    theirs_in, ours_out = map(_high, os.pipe())
    ours_in, theirs_out = map(_high, os.pipe())
    try:
        child = await asyncio.create_subprocess_exec(
            "bash", "-c", f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}', "bash", program, *FLAGS,
            f"--user-data-dir={folder}", "about:blank",
            pass_fds=(theirs_in, theirs_out), start_new_session=True,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"},
        )  # fmt: skip
    finally:
        os.close(theirs_in)
        os.close(theirs_out)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=MAX_MESSAGE_BYTES)
    coming, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(ours_in, "rb")
    )
    going, protocol = await loop.connect_write_pipe(
        asyncio.streams.FlowControlMixin, os.fdopen(ours_out, "wb")
    )
    browser = Chromium(reader, asyncio.StreamWriter(going, protocol, None, loop))
    listening = asyncio.create_task(browser.listen())
    try:
        yield browser
    finally:
        with contextlib.suppress(AssertionError, TimeoutError, asyncio.CancelledError, OSError):
            async with asyncio.timeout(5):
                await browser.send("Browser.close")
        going.close()
        try:
            async with asyncio.timeout(5):
                await child.wait()
        except TimeoutError:
            # Its own session: the renderers go with it.
            os.killpg(child.pid, 9)
            await child.wait()
        await listening
        coming.close()
