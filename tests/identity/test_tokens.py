"""Gateway tokens: what goes in comes back, for as long as was said."""

from __future__ import annotations

import base64
import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.identity.forge import NOW
from vedette.identity import IdentityError, SigningKeys, Tokens
from vedette.identity import tokens as tokens_module
from vedette.identity.compact import read
from vedette.identity.tokens import MAX_TTL_SECONDS
from vedette.model import Kind

#: The machine may be busy; how long an example takes proves nothing here.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
KEYS = SigningKeys.generate()


def issue(**changes: object):
    words = {"subject": "agent-7", "kind": Kind.AGENT, "groups": ["ai"], "ttl": 300, "now": NOW} | changes
    return Tokens(KEYS).issue(**words)


def test_a_token_comes_back_as_the_principal_it_was_issued_for():
    issued = issue(actor="alice", email="a@example.com", groups=["b", "a"])

    principal = Tokens(KEYS).verify(issued.text, NOW)

    assert (principal.subject, principal.kind, principal.groups) == ("agent-7", "agent", {"a", "b"})
    assert (principal.actor, principal.email, principal.issuer) == ("alice", "a@example.com", "vedette")
    assert principal.credential == issued.record.id
    assert principal.expires == issued.record.expires == NOW + 300


def test_the_record_holds_no_piece_of_the_token_and_its_repr_neither():
    issued = issue()

    assert issued.text not in repr(issued)
    assert not any(part in repr(issued.record) for part in issued.text.split("."))


def test_two_tokens_never_share_an_id():
    assert len({issue().record.id for _ in range(100)}) == 100


def test_an_id_is_never_taken_for_an_option(monkeypatch):
    """People name it on command lines; base64 would let every 64th begin with a dash."""
    monkeypatch.setattr("secrets.token_bytes", lambda size: b"\xfb" * size)  # "-" to "-_v7" in base64
    assert re.fullmatch("[0-9a-f]{32}", issue().record.id)


def test_a_token_names_its_type_key_and_method_and_nothing_else():
    assert dict(read(issue().text).header) == {"alg": "EdDSA", "typ": "vedette+jwt", "kid": KEYS.signer.id}


def test_a_token_is_good_until_its_end_and_thirty_seconds_more():
    issued = issue(ttl=60)

    assert Tokens(KEYS).verify(issued.text, NOW + 89.9)
    with pytest.raises(IdentityError) as caught:
        Tokens(KEYS).verify(issued.text, NOW + 90)
    assert caught.value.code == "identity.expired"


def test_a_clock_half_a_minute_behind_does_not_matter_and_more_does():
    issued = issue()

    assert Tokens(KEYS).verify(issued.text, NOW - 30)
    with pytest.raises(IdentityError) as caught:
        Tokens(KEYS).verify(issued.text, NOW - 31)
    assert caught.value.code == "identity.not_yet"


def test_a_revoked_token_is_refused_at_once():
    issued, revoked = issue(), set()
    tokens = Tokens(KEYS, is_revoked=revoked.__contains__)
    assert tokens.verify(issued.text, NOW)

    revoked.add(issued.record.id)

    with pytest.raises(IdentityError) as caught:
        tokens.verify(issued.text, NOW)
    assert caught.value.code == "identity.revoked"


def test_another_gateways_token_is_a_strangers():
    issued = issue()

    with pytest.raises(IdentityError) as caught:
        Tokens(SigningKeys.generate()).verify(issued.text, NOW)
    assert caught.value.code == "identity.signature"


def test_issuer_and_audience_can_be_configured_and_then_bind():
    eu = Tokens(KEYS, issuer="gw-eu", audience="eu")
    text = eu.issue("a", Kind.AGENT, [], 60, now=NOW).text

    assert eu.verify(text, NOW).issuer == "gw-eu"
    for other, code in ((Tokens(KEYS), "issuer"), (Tokens(KEYS, issuer="gw-eu"), "audience")):
        with pytest.raises(IdentityError) as caught:
            other.verify(text, NOW)
        assert caught.value.code == f"identity.{code}"


@pytest.mark.parametrize(
    "changes",
    [
        {"ttl": 9},
        {"ttl": MAX_TTL_SECONDS + 1},
        {"ttl": -60},
        {"ttl": float("nan")},
        {"subject": ""},
        {"subject": "a\nb"},
        {"groups": ["ok", ""]},
        {"groups": ["x" * 200 + str(n) for n in range(100)]},
        {"actor": ""},
        {"email": "a\0"},
        {"kind": "admin"},
    ],
    ids=str,
)
def test_a_token_that_would_not_verify_is_not_issued(changes):
    with pytest.raises(ValueError, match=r"\S"):
        issue(**changes)


@pytest.mark.parametrize("ttl", [10, MAX_TTL_SECONDS])
def test_the_bounds_themselves_are_within(ttl):
    assert issue(ttl=ttl).record.expires == NOW + ttl


printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


@patient
@given(printable, st.frozensets(printable, max_size=5), st.sampled_from(Kind), st.none() | printable)
def test_whatever_is_issued_verifies(subject, groups, kind, actor):
    text = issue(subject=subject, groups=groups, kind=kind, actor=actor).text
    principal = Tokens(KEYS).verify(text, NOW)

    assert (principal.subject, principal.groups, principal.kind) == (subject, groups, kind)
    assert principal.actor == actor


@patient
@given(st.integers(0, 10_000), st.characters())
def test_no_change_of_one_character_verifies(position, character):
    text = issue().text
    position %= len(text)
    changed = text[:position] + character + text[position + 1 :]
    if changed == text:
        return

    with pytest.raises(IdentityError):
        Tokens(KEYS).verify(changed, NOW)


@patient
@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
def test_no_text_at_all_ends_in_anything_but_an_identity_error(text):
    with pytest.raises(IdentityError):
        Tokens(KEYS).verify(text, NOW)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@patient
@given(
    st.dictionaries(
        st.sampled_from(["aud", "sub", "jti", "iat", "nbf", "exp", "kind", "groups", "act", "email"]),
        json_values,
        max_size=6,
    )
)
def test_no_claim_of_any_type_ends_in_anything_but_a_principal_or_an_identity_error(changes):
    issued = issue()
    body = json.loads(base64.urlsafe_b64decode(issued.text.split(".")[1] + "==")) | changes
    header = issued.text.split(".")[0]
    encoded = base64.urlsafe_b64encode(json.dumps(body).encode()).rstrip(b"=").decode()
    signed = f"{header}.{encoded}"
    signature = base64.urlsafe_b64encode(KEYS.signer.sign(signed.encode())).rstrip(b"=").decode()

    try:
        principal = Tokens(KEYS).verify(f"{signed}.{signature}", NOW)
    except IdentityError:
        return
    assert isinstance(principal.subject, str)
    assert all(isinstance(group, str) for group in principal.groups)


def test_a_lent_token_says_what_it_is_good_for() -> None:
    tokens = Tokens(SigningKeys.generate())
    issued = tokens.issue(
        "autogen", Kind.AGENT, ["ai"], 60, "anna", now=1000.0, resources=["appdb"], client="vedette-cli"
    )
    principal = tokens.verify(issued.text, 1000.0)
    assert principal.resources == {"appdb"}
    assert principal.reaches("appdb")
    assert not principal.reaches("payments")
    assert tokens.verify(tokens.issue("a", Kind.AGENT, [], 60, now=1000.0).text, 1000.0).reaches("anything")


@pytest.mark.parametrize("wrong", [None, "appdb", [1], {"appdb": True}])
def test_resources_of_the_wrong_form_refuse_the_token(wrong: object) -> None:
    tokens = Tokens(SigningKeys.generate())
    body = tokens._body(tokens.issue("a", Kind.AGENT, [], 60, now=1000.0).record) | {"resources": wrong}
    with pytest.raises(IdentityError) as error:
        tokens_module._principal(body, tokens.issuer, 2000.0)
    assert error.value.code == "identity.malformed"
