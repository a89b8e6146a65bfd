"""Signing in people who have no browser here, by an issuer's device flow. Source: RFC 8628."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx2

from vedette.identity.compact import read_object
from vedette.identity.discovery import discovery_url
from vedette.identity.errors import IdentityError
from vedette.identity.fetch import MAX_DOCUMENT_BYTES, TIMEOUT_SECONDS, Fetch, permitted, unavailable

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
MAX_CODE_CHARACTERS = 40
#: Between two questions, in seconds (section 3.5): as the issuer says, within these.
LEAST_SECONDS, MOST_SECONDS = 1.0, 30.0

#: From the token endpoint's answer to the token that the gateway takes. Raises IdentityError.
Choice = Callable[[Mapping[str, object]], str]


@dataclass(frozen=True, slots=True)
class Provider:
    """An issuer's two addresses, and the public client that asks there. *wishes* are fields that go along."""

    device: str
    token: str
    client: str
    wishes: Mapping[str, str]
    loopback_http: bool = False


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the person is told: go to *url* and compare *code*. *device* is nobody's to see."""

    url: str
    code: str
    device: str = field(repr=False)
    every: float = 5.0


async def find(issuer: str, fetch: Fetch, *, loopback_http: bool = False) -> tuple[str, str]:
    """The device and token endpoints of *issuer*. Raises IdentityError where it names none that is safe."""
    document = read_object(await fetch(discovery_url(issuer)), "the discovery document")
    found = [document.get(name) for name in ("device_authorization_endpoint", "token_endpoint")]
    safe = all(isinstance(each, str) and permitted(each, loopback_http=loopback_http) for each in found)
    if document.get("issuer") != issuer or not safe:
        raise unavailable()
    return str(found[0]), str(found[1])


async def begin(http: httpx2.AsyncClient, provider: Provider) -> Prompt:
    """Ask for a code. Raises IdentityError."""
    status, said = await _ask(http, provider.device, {"client_id": provider.client, **provider.wishes})
    device, code, url = (said.get(name) for name in ("device_code", "user_code", "verification_uri"))
    complete = said.get("verification_uri_complete") or url
    if status != 200 or not all(isinstance(each, str) and each for each in (device, code, url, complete)):
        raise unavailable()
    if len(str(code)) > MAX_CODE_CHARACTERS or not permitted(
        str(complete), loopback_http=provider.loopback_http
    ):
        raise unavailable()
    every = said.get("interval")
    seconds = float(every) if isinstance(every, int | float) else 5.0
    return Prompt(str(complete), str(code), str(device), min(max(seconds, LEAST_SECONDS), MOST_SECONDS))


async def finish(http: httpx2.AsyncClient, provider: Provider, prompt: Prompt, choice: Choice) -> str:
    """
    Wait for the person, for as long as whoever calls this does; their token.

    Raises:
        IdentityError: refused, or nobody came in the issuer's time.
    """
    every = prompt.every
    form = {"grant_type": GRANT, "device_code": prompt.device, "client_id": provider.client}
    while True:
        await asyncio.sleep(every)
        status, said = await _ask(http, provider.token, form)
        if status == 200:
            return choice(said)
        match said.get("error"):
            case "authorization_pending":
                pass
            case "slow_down":
                every = min(every + 5.0, MOST_SECONDS)  # section 3.5
            case "expired_token":
                raise IdentityError("identity.device", "nobody used the code in time")
            case "access_denied":
                raise IdentityError("identity.device", "the person said no")
            case _:
                raise unavailable()


async def _ask(
    http: httpx2.AsyncClient, url: str, form: Mapping[str, str]
) -> tuple[int, Mapping[str, object]]:
    body = bytearray()
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS), http.stream("POST", url, data=dict(form)) as answer:
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) > MAX_DOCUMENT_BYTES:
                    raise unavailable()
            return answer.status_code, read_object(bytes(body), "the issuer's answer")
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, TimeoutError) as error:
        raise unavailable() from error
