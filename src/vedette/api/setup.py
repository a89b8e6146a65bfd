"""The first person: by a link that works once, printed at the start. There is no default password."""

from __future__ import annotations

import time

from fastapi import APIRouter, Request
from starlette.responses import Response

from vedette.api.browser import TOKEN, Browser
from vedette.api.context import Gateway
from vedette.api.members import taken
from vedette.api.oauth_desk import At, Counter
from vedette.api.oauth_form import decode, form
from vedette.api.people import facts, person
from vedette.api.problems import ProblemError
from vedette.issuer import pages
from vedette.issuer.errors import Refusal
from vedette.issuer.metadata import address
from vedette.issuer.pages import Field
from vedette.issuer.passwords import MIN_CHARACTERS
from vedette.issuer.texts import digest, fresh
from vedette.trail import events

router = APIRouter(include_in_schema=False)
PAGE = "/setup"
LINK_SECONDS = 24 * 3600.0


async def offer(here: Gateway) -> str | None:
    """
    A new set-up link, where nobody could come in otherwise; the one before it is void.

    None where there is a person, another issuer, no group of admins, or no web listener.
    """
    if not await _needed(here) or here.settings.gateway.listen.web is None:
        return None
    secret, now = fresh("vdl_"), time.time()
    await here.store.setup_links.add(digest(secret), now, now + LINK_SECONDS)
    return f"{address(here.settings, here.ports)}{PAGE}?link={secret}"


async def _needed(here: Gateway) -> bool:
    settings = here.settings
    if not settings.gateway.admins or settings.identity.issuers:
        return False
    return not await here.store.people.any()


@router.get(PAGE)
async def begin(request: Request, at: At) -> Response:
    """The page of the first person."""
    browser = Browser.of(request, at)
    try:
        link = decode(request.url.query).get("link")
        await _check(at, link)
        return _page(browser, link)
    except Refusal as refusal:
        at.note("setup", refusal)
        return browser.refused(refusal)


@router.post(PAGE)
async def finish(request: Request, at: At) -> Response:
    """Make the first person, an admin, and use up the link."""
    browser = Browser.of(request, at)
    here, link = at.here, ""
    try:
        sent = await form(request, printable=False)
        browser.check(request, "setup", sent)
        link = sent.get("link")
        await _check(at, link)
        given = sent.get("name"), sent.get("email")
        if sent.get("password") != sent.get("again"):
            return _page(browser, link, "the two passwords differ", *given)
        groups = sorted(here.settings.gateway.admins)
        try:
            row = await person(
                request, sent.get("name"), sent.get("email") or None, groups, sent.get("password")
            )
            if await here.store.accounts.get(row.name):
                raise taken(row.name)
        except ProblemError as problem:
            return _page(browser, link, problem.detail, *given)
        here.journal.record(
            events.ConfigChanged(
                at=time.time(), by="set-up link", what="person", name=row.name, before=None, after=facts(row)
            )
        )
        if not await here.store.people.first(row, digest(link), time.time()):
            raise _over()
        return browser.show(
            pages.said(
                "Done", f"You are the first admin, {row.name}. Sign in with: vedette login {at.issuer}"
            )
        )
    except Refusal as refusal:
        at.note("setup", refusal)
        return browser.refused(refusal)


async def _check(at: Counter, link: str) -> None:
    if not await _needed(at.here) or not await at.here.store.setup_links.good(digest(link), time.time()):
        raise _over()


def _over() -> Refusal:
    return Refusal(
        "access_denied",
        "login.setup",
        "this link is over; where nobody can sign in yet, a restart prints another",
    )


def _page(browser: Browser, link: str, wrong: str = "", name: str = "", email: str = "") -> Response:
    html = pages.form_page(
        "Set up Vedette",
        "You become the first admin of this gateway. The link works once.",
        action=PAGE,
        hidden={TOKEN: browser.tag("setup"), "link": link},
        fields=(
            Field(
                "name", "Name", auto="username", value=name, hint="Letters a-z, digits and . _ @ -", most=63
            ),
            Field("email", "E-mail address", "email", "email", email, "Not needed.", needed=False, most=254),
            Field(
                "password",
                "Password",
                "password",
                "new-password",
                hint=f"{MIN_CHARACTERS} characters at least.",
                least=MIN_CHARACTERS,
            ),
            Field("again", "The password again", "password", "new-password"),
        ),
        buttons=(("", "Set up"),),
        wrong=wrong,
    )
    return browser.show(html, status=400 if wrong else 200)
