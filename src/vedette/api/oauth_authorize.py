"""``/oauth/authorize``: a person signs in, the client gets a code. RFC 6749 section 4.1, RFC 7636, RFC 9207.

The password is asked for each time: no session stays in the browser that another page could use.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from vedette.api.browser import TOKEN, Browser, typed_name
from vedette.api.oauth_desk import At, Counter
from vedette.api.oauth_form import Form, decode, form
from vedette.config.addresses import origin
from vedette.issuer import pages
from vedette.issuer.clients import client, scope
from vedette.issuer.desk import Code
from vedette.issuer.errors import Refusal
from vedette.issuer.pages import Field
from vedette.issuer.pkce import is_challenge
from vedette.issuer.shelf import Full
from vedette.issuer.texts import digest, fresh

router = APIRouter(include_in_schema=False)
PATH = "/oauth/authorize"
CARRIED = (
    "response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge",
    "code_challenge_method", "prompt", "response_mode",
)  # fmt: skip
MAX_STATE_CHARACTERS = 1024


@dataclass(frozen=True, slots=True)
class Asked:
    """A request whose client and way back are known; the rest may still be wrong."""

    client: str
    redirect: str
    state: str
    sent: Form

    def back(self, issuer: str, **values: str) -> str:
        """The address to return to, with the answer in its query."""
        told = values | ({"state": self.state} if self.state else {}) | {"iss": issuer}
        mark = "&" if "?" in self.redirect else "?"
        return f"{self.redirect}{mark}{urlencode(told)}"


def asked(at: Counter, sent: Form) -> Asked:
    """Who asks and where to answer. Raises Refusal, to be shown here: nobody is sent to places unknown."""
    found = client(at.here.settings, sent.get("client_id"), at.issuer)
    if found is None:
        raise Refusal("invalid_client", "oauth.client", "no such client here", status=400)
    redirect = sent.get("redirect_uri")
    if not found.returns_to(redirect):
        raise Refusal("invalid_request", "oauth.redirect", "this client is not known to be at redirect_uri")
    state = sent.get("state")
    return Asked(found.id, redirect, state if len(state) <= MAX_STATE_CHARACTERS else "", sent)


def checked(wish: Asked) -> str:
    """The scope, once all else is right. Raises Refusal, which the client hears."""
    sent = wish.sent
    if sent.get("response_type") != "code":
        raise Refusal("unsupported_response_type", "oauth.request", "response_type is code")
    if sent.get("response_mode") not in ("", "query") or sent.get("request") or sent.get("request_uri"):
        raise Refusal("invalid_request", "oauth.request", "parameters in the query, the answer in a query")
    if not wish.state:
        raise Refusal("invalid_request", "oauth.state", "state is missing, or over 1024 characters")
    if not is_challenge(sent.get("code_challenge"), sent.get("code_challenge_method")):
        raise Refusal("invalid_request", "oauth.pkce", "a code_challenge by the method S256 is needed")
    if "none" in sent.get("prompt").split():
        raise Refusal("login_required", "oauth.request", "people sign in here each time")
    granted = scope(sent.get("scope"))
    if granted is None:
        raise Refusal("invalid_scope", "oauth.scope", "no such scope here")
    return granted


@router.get(PATH)
async def ask(request: Request, at: At) -> Response:
    """The page to sign in on."""
    browser = Browser.of(request, at)
    wish = None
    try:
        wish = asked(at, decode(request.url.query))
        checked(wish)
        return _page(browser, wish)
    except Refusal as refusal:
        return _refused(browser, wish, refusal)


@router.post(PATH)
async def sign_in(request: Request, at: At) -> Response:
    """Name and password: the way back with a code, or the page again."""
    browser = Browser.of(request, at)
    wish, name = None, ""
    try:
        sent = await form(request, printable=False)
        browser.check(request, "authorize", sent)
        wish = asked(at, sent)
        granted = checked(wish)
        if sent.get("answer") == "no":
            raise Refusal("access_denied", "oauth.declined", "the person said no")
        name = sent.get("name")
        person = await at.person(name, sent.get("password"))
        code = fresh("vdc_")
        meaning = Code(
            person.name, wish.client, wish.redirect, sent.get("code_challenge"), granted, sent.get("nonce"),
            time.time(),
        )  # fmt: skip
        try:
            at.desk.codes.put(digest(code), meaning, at.now)
        except Full:
            raise Refusal("temporarily_unavailable", "oauth.crowded", "too many are signing in") from None
        return browser.go(wish.back(at.issuer, code=code))
    except Refusal as refusal:
        if wish is not None and refusal.code in ("login.password", "login.wait", "oauth.crowded"):
            at.note("password", refusal, claimed=name, client=wish.client)
            return _page(browser, wish, refusal)
        return _refused(browser, wish, refusal)


def _page(browser: Browser, wish: Asked, refusal: Refusal | None = None) -> Response:
    carried = {name: wish.sent.get(name) for name in CARRIED if wish.sent.get(name)}
    back = origin(wish.redirect) or ""
    where = back.partition("://")[2]
    html = pages.form_page(
        "Sign in",
        f"{wish.client}, at {where}, wants to act as you. Go on only if you have just asked it to.",
        action=PATH,
        hidden={TOKEN: browser.tag("authorize"), **carried},
        fields=(
            Field("name", "Name", auto="username", value=typed_name(wish.sent.get("name"), refusal), most=63),
            Field("password", "Password", "password", "current-password"),
        ),
        buttons=(("yes", "Sign in"), ("no", "Cancel")),
        wrong=refusal.reason if refusal else "",
    )
    answer = browser.show(html, status=refusal.status if refusal else 200, returns_to=back)
    if refusal and refusal.wait:
        answer.headers["Retry-After"] = str(max(1, round(refusal.wait)))
    return answer


def _refused(browser: Browser, wish: Asked | None, refusal: Refusal) -> Response:
    at = browser.at
    at.note("authorize", refusal, client=wish.client if wish else "")
    if wish is None:
        return browser.refused(refusal)
    told = {"error": refusal.error, "error_description": refusal.reason}
    return browser.go(wish.back(at.issuer, **told))
