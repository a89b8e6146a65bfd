"""Issuers: settings that cannot be unsafe, claims that mean what was configured."""

from __future__ import annotations

import json

import pytest

from tests.identity.forge import CORP, NOW, FakeIssuers, claims, ec_key, jwk, rsa_key, token
from vedette.identity import IdentityError, Issuers, IssuerSettings, Match
from vedette.identity.claims import path_of
from vedette.model import Kind, Principal

SPIFFE = "https://spire.example.org"


async def principal(settings: IssuerSettings, body: dict[str, object]) -> Principal:
    world = FakeIssuers()
    world.publish(settings.issuer, jwk(rsa_key("r1"), "r1"))
    issuers = Issuers([settings], world.fetch, clock=lambda: 0.0)
    text = token({"alg": "RS256", "kid": "r1"}, claims(iss=settings.issuer, **body), rsa_key("r1"))
    return await issuers.verify(text, NOW)


def corp(**more: object) -> IssuerSettings:
    return IssuerSettings(CORP, "vedette", **more)


@pytest.mark.parametrize(
    ("path", "body", "groups"),
    [
        ("groups", {"groups": ["a", "b"]}, {"a", "b"}),
        ("groups", {"groups": "a b"}, {"a b"}),
        ("groups", {"groups": []}, set()),
        ("groups", {"groups": None}, set()),
        ("realm_access.roles", {"realm_access": {"roles": ["dba"]}}, {"dba"}),
        ("realm_access.roles", {"realm_access": {}}, set()),
        ("https://example.com/groups", {"https://example.com/groups": ["dba"]}, {"dba"}),
        (["resource_access", "my.app", "roles"], {"resource_access": {"my.app": {"roles": ["x"]}}}, {"x"}),
        (["kubernetes.io", "namespace"], {"kubernetes.io": {"namespace": "prod"}}, {"prod"}),
    ],
)
async def test_groups_are_read_where_the_setting_points(path, body, groups):
    found = await principal(corp(groups=path_of(path)), {"groups": None} | body)

    assert found.groups == groups


async def test_a_path_that_runs_through_a_text_is_refused_not_taken_for_empty():
    with pytest.raises(IdentityError) as caught:
        await principal(corp(groups=path_of("realm_access.roles")), {"realm_access": "dba"})
    assert caught.value.code == "identity.malformed"


@pytest.mark.parametrize("setting", ["", ".", "a.", ".a", "a..b", [], [""], ["a", ""]])
def test_a_path_with_nothing_in_it_is_refused(setting):
    with pytest.raises(ValueError, match="path of a claim"):
        path_of(setting)


AGENTS = Match(path_of("gty"), "client-credentials")


@pytest.mark.parametrize(
    ("settings", "body", "kind"),
    [
        (corp(agents=AGENTS), {"gty": "client-credentials"}, Kind.AGENT),
        (corp(agents=AGENTS), {"gty": None}, Kind.PERSON),
        (corp(agents=AGENTS), {"gty": "client-credentials-2"}, Kind.PERSON),
        (corp(agents=AGENTS), {"gty": ["password", "client-credentials"]}, Kind.AGENT),
        (corp(agents=AGENTS, otherwise=Kind.SERVICE), {"gty": None}, Kind.SERVICE),
        (corp(), {}, Kind.AGENT),
        (corp(people=Match(path_of("amr"), "pwd")), {"amr": ["pwd", "otp"]}, Kind.PERSON),
        (corp(services=Match(path_of("svc"), True)), {"svc": True}, Kind.SERVICE),
        (corp(services=Match(path_of("svc"), True)), {"svc": 1}, Kind.AGENT),
        (corp(services=Match(path_of("svc"), 1)), {"svc": "1"}, Kind.AGENT),
        (corp(agents=AGENTS, people=Match(path_of("sub"), "agent-7")), {}, Kind.AGENT),
    ],
)
async def test_who_counts_as_what_is_configured_and_types_count(settings, body, kind):
    assert (await principal(settings, body)).kind is kind


async def test_whoever_acts_for_another_is_an_agent_whatever_else_is_said():
    found = await principal(
        corp(people=Match(path_of("sub"), "alice")), {"sub": "alice", "act": {"sub": "bot"}}
    )

    assert (found.kind, found.subject, found.actor) == (Kind.AGENT, "alice", "bot")


@pytest.mark.parametrize(
    ("actor", "body", "found"),
    [
        ("started.by", {"started": {"by": "alice"}}, "alice"),
        ("started.by", {"started": {"by": "alice"}, "act": {"sub": "bot"}}, "alice"),
        ("started.by", {"act": {"sub": "bot"}}, "bot"),
        ("started.by", {}, None),
        (None, {"started": {"by": "alice"}}, None),
        (None, {"act": {"sub": "bot", "act": {"sub": "earlier"}}}, "bot"),
        ("act.act.sub", {"act": {"sub": "bot", "act": {"sub": "earlier"}}}, "earlier"),
    ],
)
async def test_on_whose_behalf_is_said_by_the_configured_claim_or_act_and_makes_an_agent(actor, body, found):
    settings = corp(actor=path_of(actor) if actor else None, otherwise=Kind.PERSON)
    who = await principal(settings, body)

    assert who.actor == found
    assert who.kind is (Kind.PERSON if found is None else Kind.AGENT)


async def test_all_that_is_required_must_hold():
    both = corp(requires=(Match(path_of("gty"), "client-credentials"), Match(path_of("sub"), like="agent-*")))

    assert (await principal(both, {})).subject == "agent-7"
    for body in ({"gty": None}, {"sub": "alice"}):
        with pytest.raises(IdentityError) as caught:
            await principal(both, body)
        assert caught.value.code == "identity.audience"


@pytest.mark.parametrize(
    ("body", "email"),
    [
        ({"email": "a@example.com"}, "a@example.com"),
        ({"email": "a@example.com", "email_verified": True}, "a@example.com"),
        ({"email": "a@example.com", "email_verified": False}, None),
        ({"email": "a@example.com", "email_verified": "true"}, None),
        ({}, None),
    ],
)
async def test_an_address_counts_unless_the_issuer_did_not_verify_it(body, email):
    assert (await principal(corp(), body)).email == email


async def test_a_token_without_id_gets_one_from_its_digest():
    found = await principal(corp(), {"jti": None})

    assert found.credential.startswith("sha256:")
    assert len(found.credential) == 39


async def test_the_skew_is_the_issuers_own():
    body = {"exp": NOW - 100}

    assert await principal(corp(skew=120.0), body)
    with pytest.raises(IdentityError):
        await principal(corp(skew=0.0), body)


async def test_a_spiffe_svid_needs_no_discovery():
    world = FakeIssuers()
    world.pages["https://spire.example.org/keys"] = {"keys": [jwk(ec_key("spire"), "s1")]}
    settings = IssuerSettings(SPIFFE, "vedette", jwks="https://spire.example.org/keys")
    body = claims(iss=SPIFFE, aud=["vedette"], sub="spiffe://example.org/agent", iat=None, nbf=None, jti=None)
    text = token({"alg": "ES256", "kid": "s1", "typ": "JOSE"}, body, ec_key("spire"))

    found = await Issuers([settings], world.fetch, clock=lambda: 0.0).verify(text, NOW)

    assert found.subject == "spiffe://example.org/agent"
    assert world.asked == ["https://spire.example.org/keys"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"issuer": "http://login.example.com"}, "https"),
        ({"issuer": "http://127.0.0.1:9"}, "loopback_http"),
        ({"issuer": "http://login.example.com", "loopback_http": True}, "loopback"),
        ({"issuer": "http://127.0.0.1.evil.example", "loopback_http": True}, "https"),
        ({"issuer": "https://u:p@login.example.com"}, "https"),
        ({"issuer": "https://login.example.com?x=1"}, "query"),
        ({"issuer": "https://login.example.com#x"}, "https"),
        ({"issuer": "login.example.com"}, "https"),
        ({"issuer": "file:///etc/passwd"}, "https"),
        ({"issuer": ""}, "https"),
        ({"audience": ""}, "audience"),
        ({"algorithms": frozenset({"none"})}, "none"),
        ({"algorithms": frozenset({"RS256", "HS256"})}, "HS256"),
        ({"algorithms": frozenset()}, "none"),
        ({"skew": 301.0}, "skew"),
        ({"skew": -1.0}, "skew"),
        ({"skew": float("nan")}, "skew"),
        ({"jwks": "http://login.example.com/keys"}, "jwks"),
    ],
)
def test_an_unsafe_setting_cannot_be_made(changes, says):
    with pytest.raises(ValueError, match=says):
        IssuerSettings(**({"issuer": CORP, "audience": "vedette"} | changes))


@pytest.mark.parametrize("skew", [0.0, 300.0])
def test_the_bounds_of_the_skew_are_within(skew):
    assert corp(skew=skew).skew == skew


def test_loopback_http_is_for_this_machine():
    for address in ("http://localhost:1", "http://127.0.0.1:1", "http://[::1]:1"):
        assert IssuerSettings(address, "vedette", loopback_http=True)


def test_one_issuer_is_configured_once():
    with pytest.raises(ValueError, match="twice"):
        Issuers([corp(), corp()], FakeIssuers().fetch)


GOOD = token({"alg": "RS256", "kid": "r1"}, claims(), rsa_key("r1"))
DISCOVERY = f"{CORP}/.well-known/openid-configuration"


@pytest.mark.parametrize(
    "page",
    [
        {"issuer": CORP + "/", "jwks_uri": f"{CORP}/jwks"},
        {"issuer": "https://evil.example", "jwks_uri": f"{CORP}/jwks"},
        {"jwks_uri": f"{CORP}/jwks"},
        {"issuer": CORP},
        {"issuer": CORP, "jwks_uri": ["x"]},
        {"issuer": CORP, "jwks_uri": "http://login.example.com/jwks"},
        {"issuer": CORP, "jwks_uri": "http://169.254.169.254/"},
        {"issuer": CORP, "jwks_uri": "file:///etc/passwd"},
        [],
        b"<html>",
        json.dumps({"issuer": CORP})[:-1].encode() + b',"issuer":"x"}',
    ],
    ids=str,
)
async def test_a_discovery_document_that_is_not_exactly_the_issuers_is_not_believed(page):
    world = FakeIssuers()
    world.publish(CORP, jwk(rsa_key("r1"), "r1"))
    world.pages[DISCOVERY] = page

    with pytest.raises(IdentityError) as caught:
        await Issuers([corp()], world.fetch, clock=lambda: 0.0).verify(GOOD, NOW)
    assert caught.value.code == "identity.unavailable"
    assert world.asked == [DISCOVERY]


async def test_one_slash_at_an_issuers_end_is_not_doubled():
    world = FakeIssuers()
    world.pages[DISCOVERY] = {"issuer": CORP + "/", "jwks_uri": "https://keys.example.com/"}
    world.pages["https://keys.example.com/"] = {"keys": [jwk(rsa_key("r1"), "r1")]}
    text = token({"alg": "RS256", "kid": "r1"}, claims(iss=CORP + "/"), rsa_key("r1"))

    settings = IssuerSettings(CORP + "/", "vedette")
    assert await Issuers([settings], world.fetch, clock=lambda: 0.0).verify(text, NOW)


async def test_a_token_of_an_unknown_issuer_or_method_causes_no_fetch():
    world = FakeIssuers()
    issuers = Issuers([corp()], world.fetch, clock=lambda: 0.0)
    for text in (
        token({"alg": "RS256", "kid": "r1"}, claims(iss="https://evil.example"), rsa_key("r1")),
        token({"alg": "HS256", "kid": "r1"}, claims(), b"x"),
        token({"alg": "RS256", "jku": "https://evil.example"}, claims(), rsa_key("r1")),
    ):
        with pytest.raises(IdentityError):
            await issuers.verify(text, NOW)
    assert world.asked == []


async def test_after_a_rotation_at_the_issuer_new_tokens_pass():
    world, now = FakeIssuers(), [0.0]
    world.publish(CORP, jwk(rsa_key("r1"), "r1"))
    issuers = Issuers([corp()], world.fetch, clock=lambda: now[0])
    assert await issuers.verify(GOOD, NOW)

    world.publish(CORP, jwk(rsa_key("r2"), "r2"))
    now[0] += 30
    text = token({"alg": "RS256", "kid": "r2"}, claims(), rsa_key("r2"))

    assert await issuers.verify(text, NOW)
    with pytest.raises(IdentityError):
        await issuers.verify(GOOD, NOW)
