"""Programs that send people here to sign in: which there are, and where each may be sent back to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vedette.config import Settings
from vedette.config.identity import CLIENT, CONSOLE

#: Where the console waits for whoever has signed in, below the gateway's own address.
CALLBACK = "/console/callback"

SCOPES = ("openid", "email", "groups", "offline_access")
#: RFC 8252 section 7.3: a program on the person's own machine listens on whatever port is free.
#: ``localhost`` is not among them (section 8.3): a name can be made to lead elsewhere.
_LOOPBACK = re.compile(r"http://(?:127\.0\.0\.1|\[::1\]):([1-9][0-9]{0,4})(?:/|/callback)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Client:
    """A public client. *redirects* count to the letter; *native* ones may listen on any loopback port."""

    id: str
    redirects: tuple[str, ...] = ()
    native: bool = False

    def returns_to(self, address: str) -> bool:
        """Whether people may be sent back to *address*."""
        if address in self.redirects:
            return True
        found = _LOOPBACK.fullmatch(address) if self.native else None
        return found is not None and int(found[1]) < 65_536


def client(settings: Settings, name: str, own: str) -> Client | None:
    """The client of that id; *own* is the gateway's address."""
    if name == CLIENT:
        return Client(CLIENT, native=True)
    if name == CONSOLE:
        return Client(CONSOLE, (f"{own}{CALLBACK}",))
    for each in settings.identity.clients:
        if each.id == name:
            return Client(each.id, each.redirects)
    return None


def scope(asked: str) -> str | None:
    """The scopes in *asked*, in one order and each once; None where one is not offered."""
    words: Sequence[str] = asked.split(" ") if asked else ()
    if not set(words) <= {*SCOPES}:
        return None
    return " ".join(each for each in SCOPES if each in words)
