"""One way in for every kind of evidence, and only the way that its form says."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.identity.forge import CORP, NOW, FakeIssuers, claims, jwk, rsa_key, token
from tests.identity.test_keys import Shelf
from vedette.identity import Identity, IdentityError, Issuers, IssuerSettings, SigningKeys, Tokens
from vedette.identity.keys import create, registered
from vedette.model import Kind, Principal

SECRET, RECORD = create("ci", "svc-ci", Kind.SERVICE, ["deploy"], NOW + 600, now=NOW)

SSH = registered(create("mine", "svc-ci", Kind.SERVICE, [], NOW + 600, now=NOW, owner="ada")[1], "SHA256:abc")


class World:
    def __init__(self, *records) -> None:
        self.now = NOW
        self.revoked: set[str] = set()
        self.pages = FakeIssuers()
        self.pages.publish(CORP, jwk(rsa_key("r1"), "r1"))
        self.tokens = Tokens(SigningKeys.generate(), is_revoked=self.revoked.__contains__)
        self.shelf = Shelf(*records)
        issuers = Issuers([IssuerSettings(CORP, "vedette")], self.pages.fetch, clock=lambda: 0.0)
        self.identity = Identity(
            self.tokens, issuers, self.shelf, is_revoked=self.revoked.__contains__, clock=lambda: self.now
        )

    async def refused(self, text: str) -> str:
        with pytest.raises(IdentityError) as caught:
            await self.identity.by_token(text)
        return caught.value.code


async def test_each_kind_of_evidence_gives_its_principal():
    world = World(RECORD)
    own = world.tokens.issue("agent-7", Kind.AGENT, [], 60, now=NOW).text
    corp = token({"alg": "RS256", "kid": "r1"}, claims(), rsa_key("r1"))

    found = [await world.identity.by_token(text) for text in (own, corp, SECRET.reveal())]

    assert [who.id for who in found] == ["vedette#agent-7", f"{CORP}#agent-7", "vedette#svc-ci"]
    assert found[2].credential == RECORD.prefix
    assert found[2].expires == NOW + 600


async def test_a_second_look_costs_no_fetch_and_no_store():
    world = World()
    text = token({"alg": "RS256", "kid": "r1"}, claims(), rsa_key("r1"))
    first = await world.identity.by_token(text)
    world.pages.pages.clear()

    assert await world.identity.by_token(text) is first


async def test_forgetting_proves_anew():
    world = World()
    text = token({"alg": "RS256", "kid": "r1"}, claims(), rsa_key("r1"))
    first = await world.identity.by_token(text)
    world.identity.forget()

    again = await world.identity.by_token(text)
    assert again == first
    assert again is not first


async def test_a_revocation_reaches_what_was_proven_a_moment_ago():
    world = World(RECORD)
    issued = world.tokens.issue("agent-7", Kind.AGENT, [], 60, now=NOW)
    corp = token({"alg": "RS256", "kid": "r1"}, claims(), rsa_key("r1"))
    for text in (issued.text, corp, SECRET.reveal()):
        await world.identity.by_token(text)

    world.revoked |= {issued.record.id, "t-1", RECORD.prefix}

    for text in (issued.text, corp, SECRET.reveal()):
        assert await world.refused(text) == "identity.revoked"


async def test_an_expiry_reaches_what_was_proven_a_moment_ago():
    world = World(RECORD)
    text = world.tokens.issue("agent-7", Kind.AGENT, [], 60, now=NOW).text
    await world.identity.by_token(text)
    await world.identity.by_token(SECRET.reveal())

    world.now += 600

    assert await world.refused(text) == "identity.expired"
    assert await world.refused(SECRET.reveal()) == "identity.expired"


async def test_a_key_that_was_made_anew_is_another_key():
    world = World(RECORD)
    await world.identity.by_token(SECRET.reveal())

    _, other = create("ci", "svc-ci", Kind.SERVICE, [], None, now=NOW)
    world.shelf.records = (replace(other, prefix=RECORD.prefix),)

    assert await world.refused(SECRET.reveal()) == "identity.key"


async def test_a_withdrawn_key_says_so_only_to_who_has_its_secret():
    world = World(replace(RECORD, revoked=True))

    assert await world.refused(SECRET.reveal()) == "identity.revoked"
    assert await world.refused(f"{RECORD.prefix}_{'a' * 32}") == "identity.key"


async def test_a_key_is_found_for_a_scram_login():
    world = World(RECORD)

    assert await world.identity.key_for("ci") is RECORD
    assert await world.identity.key_for(RECORD.prefix) is RECORD
    assert await world.identity.key_for("postgres") is None


async def test_a_registered_ssh_key_speaks_for_its_principal_while_it_stands():
    world = World(RECORD, SSH)
    noted = []
    world.identity._used = noted.append

    found = await world.identity.by_ssh_key("SHA256:abc")
    assert (found.id, found.kind, found.credential) == ("vedette#svc-ci", Kind.SERVICE, SSH.prefix)
    assert noted == []
    world.identity.note(found)
    assert noted == [SSH.prefix]
    assert await world.identity.by_ssh_key("SHA256:other") is None

    world.revoked.add(SSH.prefix)
    with pytest.raises(IdentityError, match="withdrawn"):
        await world.identity.by_ssh_key("SHA256:abc")
    world.revoked.clear()
    world.now = NOW + 601
    with pytest.raises(IdentityError, match="time is over"):
        await world.identity.by_ssh_key("SHA256:abc")


async def test_who_is_shut_out_gets_in_by_no_ssh_key_either():
    def refuse(principal):
        raise IdentityError("identity.blocked", principal.owner)

    world = World(SSH)
    world.identity._refuse = refuse
    with pytest.raises(IdentityError, match="vedette#ada"):
        await world.identity.by_ssh_key("SHA256:abc")


async def test_a_store_that_fails_lets_no_ssh_key_in():
    class Broken(Shelf):
        async def by_ssh(self, fingerprint):
            raise RuntimeError("disk gone")

    world = World()
    world.identity._keys = Broken()
    with pytest.raises(IdentityError) as caught:
        await world.identity.by_ssh_key("SHA256:abc")
    assert caught.value.code == "identity.unavailable"


async def test_a_store_that_fails_is_a_refusal():
    class Broken(Shelf):
        async def by_prefix(self, prefix):
            raise RuntimeError("disk gone")

    world = World()
    world.identity._keys = Broken()

    assert await world.refused(SECRET.reveal()) == "identity.unavailable"


async def test_an_issuer_that_is_down_does_not_stop_the_others():
    world = World()
    world.pages.pages.clear()

    assert await world.refused(token({"alg": "RS256", "kid": "r1"}, claims(), rsa_key("r1"))) == (
        "identity.unavailable"
    )
    own = world.tokens.issue("agent-7", Kind.AGENT, [], 60, now=NOW).text
    assert await world.identity.by_token(own)


async def test_the_gateways_name_cannot_be_an_outside_issuers():
    tokens = Tokens(SigningKeys.generate(), issuer=CORP)
    issuers = Issuers([IssuerSettings(CORP, "vedette")], FakeIssuers().fetch)

    with pytest.raises(ValueError, match="own issuer"):
        Identity(tokens, issuers, Shelf())


async def test_an_issuer_that_is_no_longer_trusted_when_its_keys_arrive_proves_nobody():
    world = World()
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(url: str) -> bytes:
        reached.set()
        await go_on.wait()
        return await world.pages.fetch(url)

    world.identity.use(Issuers([IssuerSettings(CORP, "vedette")], slowly))
    text = token({"alg": "RS256", "kid": "r1"}, claims(), rsa_key("r1"))
    coming = asyncio.create_task(world.refused(text))
    await reached.wait()
    world.identity.use(Issuers([], world.pages.fetch))
    go_on.set()
    assert await coming == "identity.issuer"
    assert await world.refused(text) == "identity.issuer"


async def test_who_is_trusted_still():
    world = World(RECORD)
    corp = await world.identity.by_token(token({"alg": "RS256", "kid": "r1"}, claims(), rsa_key("r1")))
    own = await world.identity.by_token(SECRET.reveal())
    assert world.identity.trusts(corp)
    assert world.identity.trusts(own)
    world.identity.use(Issuers([], world.pages.fetch))
    assert not world.identity.trusts(corp)
    assert world.identity.trusts(own)
    world.revoked.add(own.credential)
    assert not world.identity.trusts(own)


@pytest.mark.parametrize(
    ("jump", "code"),
    [
        (+400, "identity.expired"),
        (+86400, "identity.expired"),
        (-100, "identity.not_yet"),
        (-86400, "identity.not_yet"),
    ],
)
async def test_when_the_clock_jumps_a_token_is_looked_at_anew(jump, code):
    world = World()
    corp = token({"alg": "RS256", "kid": "r1"}, claims(), rsa_key("r1"))
    own = world.tokens.issue("agent-7", Kind.AGENT, [], 300, now=NOW).text
    for text in (corp, own):
        world.now = NOW
        assert await world.identity.by_token(text)

        world.now = NOW + jump
        assert await world.refused(text) == code

        world.now = NOW
        assert await world.identity.by_token(text)


async def test_clocks_that_jump_cause_no_fetches():
    world = World()
    corp = token({"alg": "RS256", "kid": "r1"}, claims(), rsa_key("r1"))
    await world.identity.by_token(corp)
    asked = len(world.pages.asked)
    for jump in (-86400, 400, 86400, 0):
        world.now = NOW + jump
        if jump:
            await world.refused(corp)
    assert await world.identity.by_token(corp)
    assert len(world.pages.asked) == asked


class Certified:
    """Stands in for the authorities of callers: every chain is this principal's."""

    withdrawn: frozenset[str] = frozenset()
    whose = Principal("etl", Kind.AGENT, issuer="corp", credential="x509:1:2")

    def __contains__(self, issuer: str) -> bool:
        return issuer == "corp"

    def principal(self, chain: Sequence[bytes], now: float) -> Principal:
        return self.whose


async def test_who_is_blocked_is_refused_by_every_way_proven_a_moment_ago_or_not():
    world, blocked = World(RECORD), set()

    def refuse(who: Principal) -> None:
        if not blocked.isdisjoint(who.answers_to):
            raise IdentityError("identity.blocked", "blocked")

    issuers = Issuers([IssuerSettings(CORP, "vedette")], world.pages.fetch, clock=lambda: 0.0)
    world.identity = Identity(
        world.tokens, issuers, world.shelf, refuse=refuse, clock=lambda: NOW, certificates=Certified()
    )
    own = world.tokens.issue("agent-7", Kind.AGENT, [], 60, now=NOW).text
    corp = token({"alg": "RS256", "kid": "r1"}, claims(), rsa_key("r1"))
    texts = (own, corp, SECRET.reveal())
    found = [await world.identity.by_token(text) for text in texts]
    assert world.identity.by_certificate([b"chain"]) == Certified.whose

    for text, who in zip(texts, found, strict=True):
        blocked.add(who.id)
        assert await world.refused(text) == "identity.blocked"
        world.identity.forget()
        assert await world.refused(text) == "identity.blocked"
    blocked.add("x509:1:2")
    with pytest.raises(IdentityError, match="blocked"):
        world.identity.by_certificate([b"chain"])
    blocked.clear()
    assert [await world.identity.by_token(text) for text in texts] == found
