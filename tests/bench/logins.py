"""What it costs to know who calls: one token check, and whole logins in a second."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable

import uvloop

from tests.bench.figures import Figure
from tests.identity import forge
from tests.identity.test_keys import Shelf
from vedette.identity import Identity, Issuers, IssuerSettings, SigningKeys, Tokens
from vedette.model import Kind

MICROSECONDS = 1e6
TARGET = 150.0
_ALGORITHMS = frozenset({"RS256", "ES256", "EdDSA"})


class _World:
    """An issuer whose keys the gateway knows, and tokens of it, no two alike."""

    def __init__(self) -> None:
        self._issuers = forge.FakeIssuers()
        self._keys = {"RS256": forge.rsa_key("r"), "ES256": forge.ec_key("e"), "EdDSA": forge.ed_key("o")}
        published = (forge.jwk(key, name) for name, key in self._keys.items())
        self._issuers.publish(forge.CORP, *published)
        settings = IssuerSettings(forge.CORP, "vedette", algorithms=_ALGORITHMS)
        self.own = Tokens(SigningKeys.generate())
        self.identity = Identity(self.own, Issuers([settings], self._issuers.fetch), Shelf())

    @property
    def fetches(self) -> int:
        return len(self._issuers.asked)

    def issue(self, algorithm: str, count: int) -> list[str]:
        now = int(time.time())
        header: dict[str, object] = {"alg": algorithm, "kid": algorithm, "typ": "at+jwt"}
        return [
            forge.token(
                header,
                forge.claims(jti=f"{algorithm}-{n}", iat=now, nbf=now, exp=now + 3600),
                self._keys[algorithm],
            )
            for n in range(count)
        ]

    def issue_own(self, count: int) -> list[str]:
        now = time.time()
        return [self.own.issue(f"a{n}", Kind.AGENT, ("g",), 600, now=now).text for n in range(count)]

    async def each(self, tokens: list[str]) -> float:
        """The median of one check, in microseconds of CPU: other work on the machine does not count."""
        spent = []
        for token in tokens:
            began = time.thread_time()
            await self.identity.by_token(token)
            spent.append(time.thread_time() - began)
        return statistics.median(spent) * MICROSECONDS


def checks(count: int) -> list[Figure]:
    """
    One check of a token never seen before, its issuer's keys known; and of one that was seen.

    *count* tokens of each kind. The issuer is asked twice in all: for its document and its keys.
    """
    world = _World()
    uvloop.run(world.each(world.issue("RS256", 1)))
    kinds: dict[str, Callable[[], list[str]]] = {
        "RS256": lambda: world.issue("RS256", count),
        "ES256": lambda: world.issue("ES256", count),
        "EdDSA": lambda: world.issue("EdDSA", count),
        "the gateway's own": lambda: world.issue_own(count),
    }
    found = []
    for name, make in kinds.items():
        tokens = make()
        new, again = asyncio.run(_twice(world, tokens))
        beside = f"seen before: {again:.1f} us"
        found.append(Figure(f"check of a new token, {name}", "-", new, TARGET, "us", beside=beside))
    beside = "the document and the keys"
    return [
        *found,
        Figure("fetches from the issuer for all of these", "-", world.fetches, 2, "", beside=beside),
    ]


async def _twice(world: _World, tokens: list[str]) -> tuple[float, float]:
    return await world.each(tokens), await world.each(tokens)
