"""The browser flow: authorization code with PKCE, and a redirect to a port of this machine.

Sources: RFC 7636 (PKCE, S256 only), RFC 8252 (native apps: loopback redirect, the system's browser),
RFC 9207 (the issuer in the answer), OpenID Connect Core 1.0 section 3.1 (nonce).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import queue
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from vedette.client.errors import ClientError, words
from vedette.client.issuer import Grant, Metadata, Party, ask, claims, wishes
from vedette.client.web import Web

HOST = "127.0.0.1"
PATH = "/callback"
PATIENCE_SECONDS = 300.0
#: Requests with another's state are answered and forgotten; so many, and something is wrong.
MAX_STRANGERS = 50
_PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width,initial-scale=1"><title>{title} - Vedette</title>'
    "<style>:root{{color-scheme:light dark}}body{{font:1rem/1.5 system-ui,sans-serif;max-width:26rem;"
    "margin:0 auto;padding:clamp(1rem,8vh,4rem) 1rem}}h1{{font-size:1.4rem;line-height:1.25}}</style></head>"
    "<body><main><h1>{title}</h1><p>{text}</p></main></body></html>"
)
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Connection": "close",
}


@dataclass(frozen=True, slots=True)
class Secrets:
    """What ties the answer to the question; new for each login."""

    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(64), repr=False)

    @property
    def challenge(self) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def log_in(
    web: Web,
    there: Metadata,
    party: Party,
    show: Callable[[str], None],
    *,
    patience: float = PATIENCE_SECONDS,
) -> Grant:
    """Log in by a browser. *show* gets the address to open. Raises ClientError."""
    if not there.authorization:
        raise ClientError("client.browser", f"{there.issuer} offers no login by browser", "try --device")
    mine = Secrets()
    with Listener(there, mine) as listener:
        show(address(there, party, mine, listener.redirect))
        code = listener.wait(patience)
        grant = ask(
            web, there, party,
            {
                "grant_type": "authorization_code", "code": code, "redirect_uri": listener.redirect,
                "code_verifier": mine.verifier,
            },
        )  # fmt: skip
    if grant.identity is not None:
        said = claims(grant.identity)
        if said.get("nonce") != mine.nonce or said.get("iss") != there.issuer:
            raise ClientError("client.nonce", "the issuer's ID token is not the answer to this login")
    return grant


def address(there: Metadata, party: Party, mine: Secrets, redirect: str) -> str:
    """Where the browser goes."""
    query = {
        "response_type": "code", "client_id": party.client, "redirect_uri": redirect,
        "state": mine.state, "nonce": mine.nonce, "code_challenge": mine.challenge,
        "code_challenge_method": "S256", **wishes(party),
    }  # fmt: skip
    if "offline_access" in party.scope.split():
        query["prompt"] = "consent"  # OpenID Connect Core 1.0 section 11
    return f"{there.authorization}{'&' if '?' in there.authorization else '?'}{urlencode(query)}"


class Listener:
    """A port that waits for the browser to come back, once. Loopback only."""

    def __init__(self, there: Metadata, mine: Secrets) -> None:
        self._there, self._mine = there, mine
        self._found: queue.Queue[str | ClientError] = queue.Queue()
        self._strangers = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            # A browser opens connections ahead of need and says nothing on them.
            timeout = 10.0
            server_version, sys_version = "vedette", ""

            def do_GET(self) -> None:
                status, title, text = outer._answer(self.path)
                body = _PAGE.format(title=title, text=text).encode()
                self.send_response(status)
                for name, value in {**_HEADERS, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: the line has the code in it."""

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    @property
    def redirect(self) -> str:
        return f"http://{HOST}:{self._server.server_address[1]}{PATH}"

    def __enter__(self) -> Listener:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait(self, seconds: float) -> str:
        """The code. Raises ClientError: refused, or nobody came."""
        try:
            found = self._found.get(timeout=seconds)
        except queue.Empty:
            raise ClientError("client.timeout", "nobody came back from the browser in time") from None
        if isinstance(found, ClientError):
            raise found
        return found

    def _answer(self, target: str) -> tuple[int, str, str]:
        parts = urlsplit(target)
        if parts.path != PATH:
            return 404, "Nothing here", ""
        try:
            found = parse_qs(parts.query, max_num_fields=20)
        except ValueError:
            return self._stranger()
        if any(len(values) != 1 for values in found.values()):
            return self._stranger()
        said = {name: values[0] for name, values in found.items()}
        if not hmac.compare_digest(said.get("state", "").encode(), self._mine.state.encode()):
            return self._stranger()
        issuer = said.get("iss")
        if (issuer is None and self._there.names_itself) or issuer not in (None, self._there.issuer):
            # RFC 9207 section 2.4: an answer by another issuer than the one that was asked.
            return self._end(ClientError("client.mixup", "the answer came from another issuer"))
        if "error" in said or "code" not in said:
            code = words(said.get("error", "server_error"), 60)
            reason = words(said.get("error_description", ""))
            return self._end(ClientError(f"oauth.{code}", f"the login was refused ({code}): {reason}"))
        self._found.put(said["code"])
        return 200, "You are logged in", "You may close this window; the terminal goes on."

    def _stranger(self) -> tuple[int, str, str]:
        """Not an answer to our question: somebody else's page may have sent the browser here."""
        self._strangers += 1
        if self._strangers == MAX_STRANGERS:
            self._found.put(ClientError("client.state", "answers came that nobody here had asked for"))
        return 400, "That is not the login that waits here", "Start again in the terminal."

    def _end(self, error: ClientError) -> tuple[int, str, str]:
        self._found.put(error)
        return 400, "You are not logged in", "The terminal says why."
