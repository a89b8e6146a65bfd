"""The console in a real browser, before a real gateway, database and agents."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from tests.console.stand import HOSTILE, PASSWORD, Stand, history, terminal
from tests.console.walking import at, click, entered, gone, into, settled, shows
from tests.testbed.chromium import Chromium, Page

pytestmark = pytest.mark.live


async def signed_in(page: Page, stand: Stand, name: str) -> None:
    """By the gateway's own sign-in page."""
    await page.go(f"{stand.url}/")
    await page.after(lambda: click(page, "Sign in"))
    await page.type(name)
    await page.press("Tab")
    await page.type(PASSWORD)
    await page.after(lambda: page.press("Enter"))
    await at(page, "Overview", "Sign out", name)


async def test_from_signing_in_to_a_kill(stand: Stand, browser: Chromium) -> None:
    page = await browser.page(width=1280, height=800)
    await signed_in(page, stand, "dana")
    assert "code=" not in await page.where()
    # Watch a live agent.
    agent = await stand.agent("report-agent")
    await agent.fetch("SELECT 41 AS before")
    await stand.indexed()
    await click(page, "Sessions")
    await at(page, "report-agent", "live")
    session = (await stand.live.app.store.sessions.find(live=True, limit=1))[0].id
    await page.ask(f"document.querySelector('a[href$=\"{session}\"]').click()")
    await at(page, "watching live", "41 AS before")
    await agent.fetch("SELECT 42 AS now")
    await at(page, "42 AS now")
    # Approve what another one asks for.
    hold, running = await stand.held("UPDATE orders SET status = 'refunded' WHERE id = 4")
    await shows(page, ".count", "1")
    await click(page, "Approvals")
    await at(page, "UPDATE orders", "public.orders", "write", "hold-3", "yours")
    await into(page, "reason", "the order was returned")
    await click(page, "Approve")
    assert await running == "UPDATE 1"
    await at(page, "approved", "the order was returned")
    assert (await stand.live.app.desk.get(hold)).decisions[0].principal == "vedette#dana"
    # Find it by search.
    await stand.indexed()
    await click(page, "Sessions")
    await click(page, "Actions")
    await into(page, "q", "refunded")
    await gone(page, "SELECT 42")
    await at(page, "by people", "UPDATE orders")
    await click(page, "UPDATE orders")
    await at(page, "people were asked", "dana approved", "the order was returned")
    await click(page, "Verify the chain")
    await at(page, "chain verified")
    # Kill the one that is live.
    await page.go(f"{stand.url}/console/sessions/{session}")
    await click(page, "Kill")
    await into(page, "why", "too curious")
    await click(page, "End it now")
    await at(page, "killed by vedette#dana: too curious")
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await agent.fetch("SELECT 43")
    await agent.close()
    # And leave: the token is void, not only forgotten.
    token = await page.ask("sessionStorage.getItem('vedette.token')")
    await click(page, "Sign out")
    await at(page, "With a token")
    assert await page.ask("sessionStorage.getItem('vedette.token')") is None
    assert await page.ask(
        f"fetch('/api/v1/self', {{headers: {{Authorization: 'Bearer {token}'}}}}).then(each => each.status)"
    ) == 401  # fmt: skip
    assert [each for each in page.complaints if "401" not in each] == []


async def test_a_recording_is_played_and_jumped_in(stand: Stand, browser: Chromium) -> None:
    agent = await stand.agent()
    await agent.execute("SELECT 1")
    await agent.close()
    await stand.indexed()
    session = await terminal(stand)
    page = await browser.page(width=1280, height=800)
    await page.go(f"{stand.url}/console/sessions/{session}")
    await click(page, "With a token")
    await into(page, "token", stand.token("dana"))
    await click(page, "Go on")
    await at(page, "load average", "notes.txt", "<script>alert(1)</script>")
    first = "document.querySelector('input[type=range]').value"
    end = float(await page.ask(first))
    await click(page, "0 ms uptime", "button")
    assert float(await page.ask(first)) < end
    assert "load average" not in await page.ask("document.querySelector('.screen').innerText")
    await click(page, "Play")
    await at(page, "load average")


async def test_hostile_text_is_shown_and_does_nothing(stand: Stand, browser: Chromium) -> None:
    agent = await stand.agent()
    await agent.execute(HOSTILE)
    await agent.execute(f"SELECT '{'long ' * 100_000}' = ''")
    await agent.close()
    hold, running = await stand.held(HOSTILE.replace("SELECT 1", "DELETE FROM orders WHERE id = 1"))
    await stand.indexed()
    page = await browser.page(width=1280, height=800)
    await page.go(f"{stand.url}/console/")
    await entered(page, stand.token("dana"))
    rows = await stand.live.app.store.sessions.find(limit=2)
    paths = (f"approvals/{hold}", f"sessions/{rows[1].id}", "sessions?view=actions", "approvals?view=past")
    for path in paths:
        await page.go(f"{stand.url}/console/{path}")
        odd = (
            () if "past" in path else ("U+202E", "U+2066", "U+200B", "U+00AD", "U+E0041")
        )  # cut before these
        await at(page, "<script>alert(1)</script>", *odd)
        html = await page.ask("document.documentElement.outerHTML")
        assert "\u202e" not in html
        assert "\x1b" not in html
        assert await page.ask("document.scripts.length") == 1
        assert await page.ask("document.querySelectorAll('img').length") == 0
        assert len(html) < 200_000, "what is long is cut"
        assert await page.ask("document.documentElement.scrollWidth <= innerWidth"), path
    assert page.complaints == []
    await stand.live.app.desk.withdraw(hold, "over")
    await asyncio.gather(running, return_exceptions=True)


async def test_deciding(stand: Stand, browser: Chromium) -> None:
    """A denial says why; a stale tab decides nothing; who has no say sees none."""
    hold, running = await stand.held("DELETE FROM orders WHERE id = 1")
    page = await browser.page(width=390, height=844)
    await page.go(f"{stand.url}/console/")
    await entered(page, stand.token("dana"))
    await page.go(f"{stand.url}/console/approvals/{hold}")
    await click(page, "Deny")
    await at(page, "say why")
    # Another approver is faster, behind this tab's back.
    dora = await stand.live.app.identity.by_token(stand.token("dora", groups=("dba",)))
    await stand.live.app.desk.decide(hold, dora, False, "not today")
    with pytest.raises(asyncpg.PostgresError, match="not today"):
        await running
    await at(page, "denied", "not today")
    assert not await page.ask(
        "[...document.querySelectorAll('button')].some(each => each.innerText == 'Approve')"
    )
    other, running = await stand.held("DELETE FROM orders WHERE id = 2")
    watcher = await browser.page(width=1280)
    await watcher.go(f"{stand.url}/console/")
    await entered(watcher, stand.token("otto"))
    await watcher.go(f"{stand.url}/console/approvals/{other}")
    await at(watcher, "This is not yours to decide.")
    await stand.live.app.desk.withdraw(other, "over")
    await asyncio.gather(running, return_exceptions=True)


async def test_people_without_a_role_see_their_own(stand: Stand, browser: Chromium) -> None:
    await history(stand)
    page = await browser.page(width=1280)
    await page.go(f"{stand.url}/console/")
    await entered(page, stand.token("sam"))
    text = await settled(page)
    assert "Policies" not in text
    assert "report-agent" not in text
    rows = await stand.live.app.store.sessions.find(limit=1)
    await page.go(f"{stand.url}/console/sessions/{rows[0].id}")
    await at(page, "there is no such session")


async def test_a_page_of_somebody_elses_gets_nothing(
    stand: Stand, browser: Chromium, tmp_path: object
) -> None:
    """No frame, no request of another origin, no sign-in that was not begun here, no way out."""
    page = await browser.page(width=1280)
    await page.go(f"{stand.url}/console/callback?code=stolen&state=x&iss={stand.url}")
    await at(page, "this sign-in was not begun here")
    assert "stolen" not in await page.where()
    await page.go(f"{stand.url}/console//evil.example/")
    assert (await page.where()).startswith(stand.url)
    policy = await page.ask("fetch('/console/').then(each => each.headers.get('content-security-policy'))")
    for part in (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "frame-ancestors 'none'",
        "form-action 'none'",
    ):
        assert part in policy.split("; ")
    assert "unsafe" not in policy
    refused = await page.ask(
        "(() => { try { document.body.innerHTML = '<b>x</b>'; return 'done' } catch (e) { return e.name } })()"
    )
    assert refused == "TypeError", "trusted types"
