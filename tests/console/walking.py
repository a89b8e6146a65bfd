"""Steps in the console, as a person takes them."""

from __future__ import annotations

import asyncio
import json
import re

from tests.testbed.chromium import Page

PATIENCE_SECONDS = 20.0


async def at(page: Page, *words: str) -> str:
    """Wait until the page shows all of *words*; its text."""
    text = ""
    for _ in range(int(PATIENCE_SECONDS / 0.1)):
        text = await page.text()
        if all(word in text for word in words):
            return text
        await asyncio.sleep(0.1)
    raise AssertionError(f"{words} do not show: {text[:2000]}\n{page.complaints}")


async def click(page: Page, words: str, among: str = "a, button, summary") -> None:
    """Click what says *words*, once it is there and can be clicked."""
    script = f"""(() => {{
        const all = [...document.querySelectorAll({json.dumps(among)})];
        const one = all.find(each => each.innerText.trim().startsWith({json.dumps(words)}) && !each.disabled);
        if (!one) return false;
        one.focus(); one.click(); return true;
    }})()"""
    for _ in range(int(PATIENCE_SECONDS / 0.1)):
        if await page.ask(script):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"nothing says {words}: {(await page.text())[:2000]}")


async def into(page: Page, name: str, text: str) -> None:
    """Type into the field of that name."""
    script = f"""(() => {{
        const field = document.querySelector('[name={json.dumps(name)}]');
        if (!field) return false;
        field.focus(); if (field.select) field.select(); return document.activeElement === field;
    }})()"""
    for _ in range(int(PATIENCE_SECONDS / 0.1)):
        if await page.ask(script):
            await page.type(text)
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"there is no field {name}")


async def entered(page: Page, token: str) -> None:
    """Come in by a token."""
    await click(page, "With a token")
    await into(page, "token", token)
    await click(page, "Go on")
    await at(page, "Overview", "Sign out")


async def settled(page: Page) -> str:
    """Wait until the page is there and its text has come to rest, but for clocks; its text."""
    before = ""
    for _ in range(int(PATIENCE_SECONDS / 0.4)):
        await asyncio.sleep(0.4)
        text = re.sub(r"\d+", "", await page.text())
        if text == before and "Sign out" in text and "…" not in text.split("Sign out")[1][:40]:
            return text
        before = text
    raise AssertionError(f"it does not come to rest: {before[:2000]}")


async def shows(page: Page, where: str, words: str) -> None:
    """Wait until what the selector *where* finds says *words*."""
    script = f"document.querySelector({json.dumps(where)})?.innerText"
    for _ in range(int(PATIENCE_SECONDS / 0.1)):
        if await page.ask(script) == words:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{where} does not say {words}: {await page.ask(script)}")


async def gone(page: Page, words: str) -> None:
    """Wait until the page does not show *words* any more."""
    for _ in range(int(PATIENCE_SECONDS / 0.1)):
        if words not in await page.text():
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{words} still shows")
