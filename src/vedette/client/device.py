"""The device flow (RFC 8628): the browser is on another machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from vedette.client.errors import ClientError, words
from vedette.client.issuer import Grant, Metadata, Party, ask, refused, wishes
from vedette.client.web import Web, secure

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
MAX_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Prompt:
    """What to tell the person: type *code* at *url*; *complete* has the code in it already."""

    url: str
    code: str
    complete: str = ""
    device: str = field(default="", repr=False)
    seconds: float = 600.0
    every: float = 5.0


def begin(web: Web, there: Metadata, party: Party) -> Prompt:
    """Ask for a code. Raises ClientError."""
    if not there.device:
        raise ClientError("client.device", f"{there.issuer} offers no device flow", "log in with a browser")
    answer = web.form(there.device, {"client_id": party.client, **wishes(party)})
    if answer.status != 200:
        raise refused(answer.json(), answer.status)
    said = answer.object()
    found = [said.get(name) for name in ("device_code", "user_code", "verification_uri")]
    if not all(isinstance(each, str) and each for each in found):
        raise ClientError("client.answer", "the issuer's answer is no device code")
    device, code, url = map(str, found)
    complete = said.get("verification_uri_complete")
    for each in filter(None, (url, complete)):
        secure(str(each), "where the issuer sends people")
    return Prompt(
        url=url, code=words(code, 40), complete=str(complete or ""), device=device,
        seconds=min(_number(said.get("expires_in"), 600.0), MAX_SECONDS),
        every=max(_number(said.get("interval"), 5.0), 1.0),
    )  # fmt: skip


def _number(value: object, default: float) -> float:
    return float(value) if isinstance(value, int | float) and 0 < value < 10**6 else default


def finish(
    web: Web,
    there: Metadata,
    party: Party,
    prompt: Prompt,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Grant:
    """Wait for the person. Raises ClientError: refused, expired."""
    every, end = prompt.every, clock() + prompt.seconds
    while clock() < end:
        sleep(every)
        try:
            return ask(web, there, party, {"grant_type": GRANT, "device_code": prompt.device})
        except ClientError as no:
            match no.code:
                case "oauth.authorization_pending":
                    pass
                case "oauth.slow_down":
                    every += 5.0  # RFC 8628 section 3.5
                case "client.unreachable":
                    every = min(every * 2, 60.0)
                case _:
                    raise
    raise ClientError("oauth.expired_token", "nobody used the code in time", "try again")
