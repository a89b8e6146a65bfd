"""A certified OpenID provider's tokens, from its token endpoint to a principal."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from tests.identity.test_keys import Shelf
from tests.testbed.provider import Provider
from vedette.identity import (
    Identity,
    IdentityError,
    Issuers,
    IssuerSettings,
    Match,
    SigningKeys,
    Tokens,
    client,
    fetcher,
)
from vedette.identity.claims import path_of
from vedette.model import Kind

pytestmark = pytest.mark.live


@dataclass
class World:
    settings: IssuerSettings
    clock: float
    identity: Identity
    fetched: list[str]

    async def refused(self, text: str) -> str:
        with pytest.raises(IdentityError) as caught:
            await self.identity.by_token(text)
        return caught.value.code


@pytest.fixture
async def world(provider: Provider) -> AsyncIterator[World]:
    settings = IssuerSettings(
        provider.issuer,
        "vedette",
        algorithms=frozenset({"RS256", "PS256", "ES256", "EdDSA"}),
        parties=frozenset({"autogen"}),
        groups=path_of("realm_access.roles"),
        agents=Match(path_of("gty"), "client-credentials"),
        loopback_http=True,
    )
    async with client() as http:
        yield built(settings, fetcher(http))


def built(settings: IssuerSettings, fetch) -> World:
    fetched: list[str] = []

    async def counted(url: str) -> bytes:
        fetched.append(url)
        return await fetch(url)

    made = World(settings, 0.0, None, fetched)  # type: ignore[arg-type]
    issuers = Issuers([settings], counted, clock=lambda: made.clock)
    made.identity = Identity(Tokens(SigningKeys.generate()), issuers, Shelf())
    return made


async def test_its_tokens_by_every_method_speak_for_an_agent_in_its_groups(provider, world):
    for resource in ("urn:rs", "urn:ps", "urn:es", "urn:ed"):
        found = await world.identity.by_token(await provider.ask(resource))

        assert (found.subject, found.kind, found.groups) == ("autogen", Kind.AGENT, {"ai-agents", "readers"})
        assert found.issuer == provider.issuer
        assert found.expires is not None
        assert time.time() < found.expires <= time.time() + 301


async def test_tokens_after_the_first_cost_no_fetch(provider, world):
    for _ in range(3):
        await world.identity.by_token(await provider.ask("urn:es"))

    assert [url.removeprefix(provider.issuer) for url in world.fetched] == [
        "/.well-known/openid-configuration",
        "/jwks",
    ]


async def test_after_a_rotation_new_tokens_pass_at_the_stated_rate_and_old_ones_end(provider, world):
    old = await provider.ask("urn:rs")
    await world.identity.by_token(old)
    await provider.rotate()
    new = await provider.ask("urn:rs")

    assert await world.refused(new) == "identity.signature"
    world.clock += 30
    assert await world.identity.by_token(new)
    world.identity.forget()
    assert await world.refused(old) == "identity.signature"


async def test_its_tokens_are_for_nobody_else(provider, world):
    text = await provider.ask("urn:rs")
    async with client() as http:
        for changes, code in (
            ({"audience": "another"}, "identity.audience"),
            ({"parties": frozenset({"another"})}, "identity.audience"),
            ({"algorithms": frozenset({"ES256"})}, "identity.algorithm"),
            ({"issuer": provider.issuer.replace("127.0.0.1", "localhost")}, "identity.issuer"),
        ):
            assert await built(replace(world.settings, **changes), fetcher(http)).refused(text) == code


async def test_an_outage_does_not_shut_out_who_is_known_to_the_cache(provider, world):
    first, second = await provider.ask("urn:es"), await provider.ask("urn:es")
    await world.identity.by_token(first)
    provider.process.terminate()
    await provider.process.wait()

    world.clock += 23 * 3600
    assert (await world.identity.by_token(second)).subject == "autogen"
    world.identity.forget()
    world.clock += 3600
    assert await world.refused(second) == "identity.unavailable"
