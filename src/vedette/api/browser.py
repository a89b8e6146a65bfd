"""Pages and forms for browsers: which headers, which cookie, and whether a form is one that we gave out."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from vedette.api.oauth_desk import Counter
from vedette.api.oauth_form import Form
from vedette.issuer import pages
from vedette.issuer.errors import Refusal

COOKIE_BYTES = 24
TOKEN = "form"  # noqa: S105  (a field's name)


def typed_name(name: str, refusal: Refusal | None) -> str:
    """The name to show again after *refusal*, so that only what was wrong is typed anew."""
    return name[:63] if refusal is not None else ""


@dataclass(frozen=True, slots=True)
class Browser:
    """
    One browser, known by a random cookie that says nothing about anybody.

    A form carries a tag over that cookie, so one that another site wrote does not count here, and it must
    come from a page of our own origin (RFC 6454), so neither does one from a name that was made to lead here.
    """

    at: Counter
    cookie: str
    fresh: bool

    @classmethod
    def of(cls, request: Request, at: Counter) -> Browser:
        known = request.cookies.get(cls.name(at), "")
        if 0 < len(known) <= 64 and known.isascii():
            return cls(at, known, fresh=False)
        return cls(at, secrets.token_urlsafe(COOKIE_BYTES), fresh=True)

    @staticmethod
    def name(at: Counter) -> str:
        # Browsers take the __Host- prefix over TLS only, loopback or not.
        return "__Host-vedette" if at.issuer.startswith("https://") else "vedette"

    def tag(self, form: str) -> str:
        """What the form of that name carries, in this browser."""
        return hmac.new(self.at.desk.form_key, f"{form}\0{self.cookie}".encode(), "sha256").hexdigest()

    def check(self, request: Request, form: str, sent: Form) -> None:
        """Raises Refusal where this is not a form that we gave to this browser."""
        origins = request.headers.getlist("origin")
        site = request.headers.get("sec-fetch-site", "same-origin")
        own = origins == [self.at.issuer] and site == "same-origin"
        if (
            not own
            or self.fresh
            or not hmac.compare_digest(sent.get(TOKEN).encode(), self.tag(form).encode())
        ):
            raise Refusal(
                "invalid_request",
                "oauth.form",
                f"this page is too old, or was not opened at {self.at.issuer}; begin again there",
            )

    def show(self, html: str, *, status: int = 200, returns_to: str = "") -> HTMLResponse:
        """*html* with the headers that every page has."""
        answer = HTMLResponse(html, status, self._headers(returns_to))
        if self.fresh:
            answer.set_cookie(
                self.name(self.at), self.cookie, secure=self.at.issuer.startswith("https://"),
                httponly=True, samesite="strict", path="/",
            )  # fmt: skip
        return answer

    def refused(self, refusal: Refusal) -> Response:
        """*refusal* as a page, where there is nowhere safe to send the browser."""
        answer = self.show(
            pages.said("This did not work", pages.sentence(refusal.reason)), status=refusal.status
        )
        if refusal.wait:
            answer.headers["Retry-After"] = str(max(1, round(refusal.wait)))
        return answer

    def go(self, where: str) -> RedirectResponse:
        """Send the browser on. 303: what was posted here is not posted there (RFC 9700 section 4.12)."""
        return RedirectResponse(where, 303, {"Referrer-Policy": "no-referrer"})

    def _headers(self, returns_to: str) -> dict[str, str]:
        return {
            "Content-Security-Policy": pages.policy(returns_to),
            # Not "no-referrer", by which browsers would not say which origin a form comes from.
            "Referrer-Policy": "same-origin",
            "X-Frame-Options": "DENY",
            "Cross-Origin-Opener-Policy": "same-origin",
        }
