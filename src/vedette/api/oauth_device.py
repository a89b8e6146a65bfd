"""Signing in a program that has no browser: the person does it elsewhere. Source: RFC 8628."""

from __future__ import annotations

import time

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from vedette.api.browser import TOKEN, Browser, typed_name
from vedette.api.oauth_desk import At, Counter, answered
from vedette.api.oauth_form import Form, decode, form
from vedette.api.oauth_signin import public_client
from vedette.issuer import pages
from vedette.issuer.backoff import network
from vedette.issuer.clients import scope
from vedette.issuer.desk import DEVICE_SECONDS, MAX_DEVICES_PER_NETWORK, Confirmation, Device
from vedette.issuer.errors import Refusal
from vedette.issuer.pages import Field
from vedette.issuer.shelf import Full
from vedette.issuer.texts import digest, fresh, typed, user_code

router = APIRouter(include_in_schema=False)
PAGE = "/device"


@router.post("/oauth/device_authorization")
async def begin(request: Request, at: At) -> Response:
    """A code for the program, and one for its person."""

    async def work() -> Response:
        sent = await form(request)
        name = public_client(at, request, sent)
        granted = scope(sent.get("scope"))
        if granted is None:
            raise Refusal("invalid_scope", "oauth.scope", "no such scope here")
        code, device = fresh("vdd_"), Device(name, granted, user_code(), at.peer, network(at.peer))
        _keep(at, digest(code), device)
        shown = f"{device.user_code[:4]}-{device.user_code[4:]}"
        return JSONResponse(
            {
                "device_code": code, "user_code": shown, "verification_uri": at.issuer + PAGE,
                "verification_uri_complete": f"{at.issuer}{PAGE}?user_code={shown}",
                "expires_in": int(DEVICE_SECONDS), "interval": int(device.interval),
            }
        )  # fmt: skip

    return await answered(at, "device", work, basic="authorization" in request.headers)


def _keep(at: Counter, key: bytes, device: Device) -> None:
    neighbours = sum(each.network == device.network for each in at.desk.devices.items(at.now))
    letters = digest(device.user_code)
    if neighbours >= MAX_DEVICES_PER_NETWORK or at.desk.user_codes.get(letters, at.now) is not None:
        raise _crowded()
    try:
        at.desk.devices.put(key, device, at.now)
        at.desk.user_codes.put(letters, key, at.now)
    except Full:
        raise _crowded() from None


def _crowded() -> Refusal:
    return Refusal(
        "temporarily_unavailable", "oauth.crowded", "too many devices wait for their people", wait=60.0
    )


@router.get(PAGE)
async def enter(request: Request, at: At) -> Response:
    """The page on which people type the code."""
    browser = Browser.of(request, at)
    try:
        return _first(browser, typed(decode(request.url.query).get("user_code")))
    except Refusal as refusal:
        return browser.refused(refusal)


@router.post(PAGE)
async def answer(request: Request, at: At) -> Response:
    """First name, password and code; then, on a page that says who waits, yes or no."""
    browser = Browser.of(request, at)
    claimed, sent = "", Form({})
    try:
        sent = await form(request, printable=False)
        browser.check(request, "device", sent)
        if sent.get("ticket"):
            return await _second(browser, sent)
        claimed = sent.get("name")
        return await _sign_in(browser, sent)
    except Refusal as refusal:
        at.note("device", refusal, claimed=claimed)
        if refusal.code in ("login.password", "login.wait", "oauth.user_code", "oauth.crowded"):
            return _first(browser, typed(sent.get("user_code")), refusal, claimed)
        return browser.refused(refusal)


async def _sign_in(browser: Browser, sent: Form) -> Response:
    at = browser.at
    person = await at.person(sent.get("name"), sent.get("password"))
    # Codes are short, so guessing them is slowed down as guessing passwords is, by the guesser's name.
    guesser = f"code {person.name}"
    await at.turn(guesser)
    key = at.desk.user_codes.get(digest(typed(sent.get("user_code"))), at.now)
    device = at.desk.devices.get(key, at.now) if key is not None else None
    if key is None or device is None or device.person or device.denied:
        raise Refusal("access_denied", "oauth.user_code", "no device waits with this code; look again")
    # Whoever guesses can always have a code of its own waiting: a right one makes up for no wrong ones.
    at.desk.backoff.returned(guesser, network(at.peer))
    ticket = fresh("vdf_")
    try:
        at.desk.confirmations.put(
            digest(ticket), Confirmation(person.name, time.time(), key, browser.cookie), at.now
        )
    except Full:
        raise _crowded() from None
    about = (
        f"{device.client}, on a computer at {device.address}, wants to act as {person.name}. "
        "Say yes only if you began this yourself, just now, and the code there is the same: nobody else, "
        "and no message, should have sent you here."
    )
    return browser.show(
        pages.form_page(
            f"Is {device.user_code[:4]}-{device.user_code[4:]} yours?", about, action=PAGE,
            hidden={TOKEN: browser.tag("device"), "ticket": ticket},
            buttons=(("yes", "Yes, let it in"), ("no", "No")),
        )
    )  # fmt: skip


async def _second(browser: Browser, sent: Form) -> Response:
    at = browser.at
    asked = at.desk.confirmations.take(digest(sent.get("ticket")), at.now)
    device = at.desk.devices.get(asked.device, at.now) if asked is not None else None
    if asked is None or device is None or asked.browser != browser.cookie or device.person or device.denied:
        raise Refusal("access_denied", "oauth.user_code", "this took too long; begin again on the device")
    if sent.get("answer") != "yes":
        device.denied = True
        return browser.show(pages.said("Not let in", "The device was told no. You can close this page."))
    device.person, device.at = asked.person, asked.at
    return browser.show(pages.said("Done", "The device is signed in. You can close this page."))


def _first(browser: Browser, code: str, refusal: Refusal | None = None, name: str = "") -> Response:
    html = pages.form_page(
        "Sign in a device",
        "Type the code that the device shows, and sign in.",
        action=PAGE,
        hidden={TOKEN: browser.tag("device")},
        fields=(
            Field("user_code", "Code", value=f"{code[:4]}-{code[4:]}" if code else "", upper=True, most=20),
            Field("name", "Name", auto="username", value=typed_name(name, refusal), most=63),
            Field("password", "Password", "password", "current-password"),
        ),
        buttons=(("", "Go on"),),
        wrong=refusal.reason if refusal else "",
    )
    return browser.show(html, status=refusal.status if refusal else 200)
