"""The little HTTP that the client needs: no redirects, no proxies, verified TLS, everything bounded."""

from __future__ import annotations

import base64
import contextlib
import functools
import http.client
import ipaddress
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, quote_plus, urlencode, urlsplit

from vedette.client.errors import ClientError

#: Seconds for one request, from its first byte to the answer's last.
DEADLINE_SECONDS = 20.0
MAX_BYTES = 1 << 20
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; *body* is whole."""

    status: int
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body decoded. Raises ClientError ``client.answer`` where it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise ClientError(
                "client.answer", f"an answer ({self.status}) that is no JSON", "check the address"
            ) from None

    def object(self) -> dict[str, Any]:
        """The same, where it has to be an object."""
        found = self.json()
        if not isinstance(found, dict):
            raise ClientError("client.answer", "an answer that is no JSON object", "check the address")
        return found


def loopback(host: str) -> bool:
    """Whether *host* is this very machine, by its name alone: nothing is looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def secure(url: str, what: str = "the address") -> SplitResult:
    """*url* taken apart, where a secret may be sent to it: https, or plain http to this machine.

    Raises ClientError ``client.address``.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    if not host or port == 0 or not url.isascii() or not url.isprintable() or " " in url:
        raise ClientError("client.address", f"{what} is no web address", "write https://host:port")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ClientError("client.address", f"{what} has a user or a fragment in it", "leave them out")
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback(host)):
        raise ClientError("client.address", f"{what} is not https: a token sent there could be read")
    return parts


class Web:
    """Makes requests. *ca* is a PEM file with further authorities."""

    def __init__(self, ca: str | None = None, *, deadline: float = DEADLINE_SECONDS) -> None:
        self.ca = ca
        self._deadline = deadline

    def get(self, url: str, token: str | None = None) -> Answer:
        return self._call("GET", url, {**_bearer(token)}, None)

    def post(self, url: str, body: Mapping[str, object], token: str | None = None) -> Answer:
        """JSON, as the gateway's API takes it."""
        headers = {"Content-Type": "application/json", **_bearer(token)}
        return self._call("POST", url, headers, json.dumps(body).encode())

    def form(self, url: str, fields: Mapping[str, str], basic: tuple[str, str] | None = None) -> Answer:
        """A form, as token endpoints take it; *basic*: a client's id and secret (RFC 6749 section 2.3.1)."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if basic is not None:
            pair = ":".join(quote_plus(part) for part in basic)
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        return self._call("POST", url, headers, urlencode(fields).encode())

    def _call(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        parts = secure(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        link = self._link(parts)
        try:
            link.request(method, target, body, {"Accept": "application/json", **headers})
            with contextlib.closing(link.getresponse()) as answer:
                return Answer(answer.status, _read(answer, time.monotonic() + self._deadline))
        except ssl.SSLCertVerificationError as error:
            raise ClientError(
                "client.certificate",
                f"the certificate of {parts.netloc} is not to be trusted: {error.verify_message}",
                "name the authority that made it: --ca FILE, or VEDETTE_CA",
            ) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise ClientError(
                "client.unreachable", f"{parts.netloc} cannot be reached: {reason}", "is it running?"
            ) from None
        finally:
            link.close()

    def _link(self, parts: SplitResult) -> http.client.HTTPConnection:
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        if parts.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=self._deadline)
        return http.client.HTTPSConnection(host, port, timeout=self._deadline, context=trust(self.ca))


@functools.lru_cache(maxsize=8)
def trust(ca: str | None) -> ssl.SSLContext:
    """Verified TLS, by the system's authorities and those in *ca*. Raises ClientError ``client.ca``."""
    context = ssl.create_default_context()
    if ca is not None:
        try:
            context.load_verify_locations(cafile=ca)
        except (OSError, ssl.SSLError):
            raise ClientError("client.ca", f"{ca} is no PEM file with an authority in it") from None
    return context


def _bearer(token: str | None) -> dict[str, str]:
    if token is None:
        return {}
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ClientError("client.token", "the token has characters that no token has", "get a new one")
    return {"Authorization": f"Bearer {token}"}


def _read(answer: http.client.HTTPResponse, until: float) -> bytes:
    """The whole body: at most MAX_BYTES, and not later than *until* on the monotonic clock."""
    found = bytearray()
    while chunk := answer.read1(65536):
        found += chunk
        if len(found) > MAX_BYTES:
            raise ClientError("client.answer", f"an answer of over {MAX_BYTES} bytes", "check the address")
        if time.monotonic() > until:
            raise TimeoutError("the answer takes too long")
    return bytes(found)
