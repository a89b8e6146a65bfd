"""Whom a client certificate speaks for, once TLS has verified its chain."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.testbed.callers import HOUR, Signer, usage
from tests.testbed.certificates import Pair
from vedette.identity import IdentityError
from vedette.identity.certificates import CertificateError
from vedette.identity.client_certificates import CertificateSettings, ClientCertificates
from vedette.identity.crl import key_id
from vedette.identity.spiffe import is_trust_domain, is_workload_of
from vedette.model import Kind, Principal

AGENT = "spiffe://example.org/agents/autogen"


@pytest.fixture
def root(tmp_path: Path) -> Signer:
    return Signer.root(tmp_path)


def plain(root: Signer, **more: object) -> CertificateSettings:
    return CertificateSettings(**({"ca": root.bundle(), "name": "corp"} | more))


def spiffe(root: Signer, **more: object) -> CertificateSettings:
    return CertificateSettings(**({"ca": root.bundle(), "name": "s", "trust_domain": "example.org"} | more))


def chain(pair: Pair, *above: Signer) -> list[bytes]:
    leaf = x509.load_pem_x509_certificates(pair.certificate.read_bytes())[0]
    return [each.public_bytes(Encoding.DER) for each in (leaf, *(signer.certificate for signer in above))]


def who(
    pair: Pair, root: Signer, *settings: CertificateSettings, now: float | None = None
) -> Principal | None:
    return ClientCertificates(settings).principal(chain(pair, root), time.time() if now is None else now)


def refused(pair: Pair, root: Signer, *settings: CertificateSettings, now: float | None = None) -> str:
    with pytest.raises(IdentityError) as caught:
        who(pair, root, *settings, now=now)
    return caught.value.code


def test_an_svid_is_the_workload_that_its_uri_names(root):
    pair = root.issue("a", uris=[AGENT], key_usage=usage(signs=True))
    found = who(pair, root, spiffe(root, groups=frozenset({"ai-agents"})))

    assert found is not None
    assert (found.subject, found.kind, found.issuer, found.groups) == (AGENT, Kind.AGENT, "s", {"ai-agents"})
    serial = x509.load_pem_x509_certificate(pair.certificate.read_bytes()).serial_number
    assert found.credential == f"x509:{key_id(root.certificate)}:{serial:x}"
    assert time.time() < (found.expires or 0) <= time.time() + 3600


@pytest.mark.parametrize(
    ("subject", "more", "is_"),
    [
        ("common_name", {"common": "robot-1"}, "robot-1"),
        ("dns", {"dns": ["robot.example.com"], "common": ["a", "b"]}, "robot.example.com"),
        ("email", {"emails": ["ada@example.com"]}, "ada@example.com"),
        ("uri", {"uris": ["urn:robot:1"]}, "urn:robot:1"),
    ],
)
def test_a_plain_certificate_names_its_subject_where_the_setting_says(root, subject, more, is_):
    found = who(root.issue("a", **more), root, plain(root, subject=subject, kind=Kind.PERSON))

    assert found is not None
    assert (found.subject, found.kind) == (is_, Kind.PERSON)
    assert found.email == (is_ if subject == "email" else None)


def test_groups_are_everybodys_and_the_certificates_own(root):
    pair = root.issue("a", "robot", organizations=["Acme"], units=["dba", "ops"])

    for place, own in (("organizational_unit", {"dba", "ops"}), ("organization", {"Acme"}), (None, set())):
        found = who(pair, root, plain(root, groups=frozenset({"all"}), groups_from=place))
        assert found is not None
        assert found.groups == {"all"} | own


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"common": "robot"},
        {"uris": []},
        {"uris": ["spiffe://example.com/agents/autogen"]},
        {"uris": ["spiffe://example.org"]},
        {"uris": ["spiffe://example.org/"]},
        {"uris": ["spiffe://example.org/agents/"]},
        {"uris": ["spiffe://example.org//agents"]},
        {"uris": ["spiffe://example.org/a/../b"]},
        {"uris": ["spiffe://example.org/a/./b"]},
        {"uris": ["spiffe://example.org/a%2fb"]},
        {"uris": ["spiffe://example.org/a?b"]},
        {"uris": ["spiffe://example.org/a#b"]},
        {"uris": ["spiffe://example.org:443/a"]},
        {"uris": ["spiffe://user@example.org/a"]},
        {"uris": ["spiffe://EXAMPLE.org/a"]},
        {"uris": ["SPIFFE://example.org/a"]},
        {"uris": ["spiffe://example.org.evil/a"]},
        {"uris": ["https://example.org/a"]},
        {"uris": [AGENT, "spiffe://example.org/admin"]},
        {"uris": [AGENT, AGENT]},
        {"uris": [AGENT], "ca": True},
        {"uris": [AGENT], "key_usage": usage(signs=True, certifies=True)},
        {"uris": [AGENT], "key_usage": usage(certifies=True)},
        {"uris": [AGENT], "key_usage": usage()},
        {"uris": ["spiffe://example.org/" + "a" * 300]},
    ],
    ids=str,
)
def test_an_svid_that_is_none_speaks_for_nobody(root, more):
    assert refused(root.issue("a", **more), root, spiffe(root)) in (
        "identity.certificate",
        "identity.malformed",
    )


@pytest.mark.parametrize(
    ("more", "subject"),
    [
        ({}, "common_name"),
        ({"common": ["a", "b"]}, "common_name"),
        ({"common": "a\nb"}, "common_name"),
        ({"common": " a"}, "common_name"),
        ({"common": "a"}, "dns"),
        ({"dns": ["a.example", "b.example"]}, "dns"),
        ({"common": "a", "ca": True}, "common_name"),
    ],
    ids=str,
)
def test_a_plain_certificate_without_exactly_one_good_subject_speaks_for_nobody(root, more, subject):
    code = refused(root.issue("a", **more), root, plain(root, subject=subject))

    assert code in ("identity.certificate", "identity.malformed")


def test_only_the_subjects_named_may_come(root):
    settings = plain(root, subjects=("robot-*", "ada"))

    assert who(root.issue("a", "robot-7"), root, settings)
    assert who(root.issue("b", "ada"), root, settings)
    for name in ("adah", "xrobot-7", "Robot-7", "bob"):
        assert refused(root.issue("c", name), root, settings) == "identity.certificate"


def test_entries_divide_one_authoritys_callers(root):
    agents = spiffe(root, subjects=("spiffe://example.org/agents/*",))
    others = spiffe(root, subjects=("spiffe://example.org/billing/*",), kind=Kind.SERVICE)

    assert who(root.issue("a", uris=[AGENT]), root, agents, others).kind is Kind.AGENT
    billing = root.issue("b", uris=["spiffe://example.org/billing/api"])
    assert who(billing, root, agents, others).kind is Kind.SERVICE


def test_who_fits_two_entries_is_nobody(root):
    pair = root.issue("a", uris=[AGENT])
    both = (spiffe(root), spiffe(root, kind=Kind.PERSON))

    assert refused(pair, root, *both) == refused(pair, root, *reversed(both)) == "identity.certificate"


def test_an_authority_speaks_for_its_own_entry_only(root, tmp_path):
    other = Signer.root(tmp_path / "other", "other")
    theirs = replace(spiffe(other), name="theirs", trust_domain="other.org")
    forged = other.issue("a", uris=[AGENT])

    assert refused(forged, other, spiffe(root), theirs) == "identity.certificate"
    assert who(forged, other, spiffe(root)) is None


def test_between_the_caller_and_its_authority_others_may_stand(root):
    between = root.intermediate()
    pair = between.issue("a", uris=[AGENT])
    found = ClientCertificates([spiffe(root)]).principal(chain(pair, between, root), time.time())

    assert found is not None
    assert found.subject == AGENT
    assert ClientCertificates([spiffe(root)]).principal(chain(pair, between), time.time()) is None


def test_the_time_is_looked_at_once_more(root):
    pair = root.issue("a", uris=[AGENT])
    now = time.time()

    assert refused(pair, root, spiffe(root), now=now + 7200) == "identity.expired"
    assert refused(pair, root, spiffe(root), now=now - 7200) == "identity.not_yet"


def test_no_chain_is_no_login(root):
    assert ClientCertificates([spiffe(root)]).principal([], time.time()) is None


def test_a_bundle_is_read_anew_when_it_changes_and_kept_when_it_is_spoilt(root, tmp_path):
    other = Signer.root(tmp_path / "other", "other")
    pair, settings = other.issue("a", uris=[AGENT]), spiffe(root)
    certificates = ClientCertificates([settings])
    assert certificates.principal(chain(pair, other), time.time()) is None
    assert not certificates.refresh()

    root.bundle(other)
    assert certificates.refresh()
    assert certificates.principal(chain(pair, other), time.time())

    settings.ca.write_text("spoilt")
    with pytest.raises(CertificateError, match="no certificates of authorities"):
        certificates.refresh()
    assert certificates.principal(chain(pair, other), time.time())


def test_a_bundle_that_cannot_be_read_stops_the_start(tmp_path):
    (tmp_path / "empty.pem").touch()
    for file in ("missing.pem", "empty.pem"):
        with pytest.raises(CertificateError, match=file):
            ClientCertificates([CertificateSettings(tmp_path / file, "x")])


@pytest.mark.parametrize("text", ["", "Example.org", "example.org/a", "a b", "spiffe://a", "a:1", "x" * 256])
def test_a_trust_domain_is_a_plain_name(text, tmp_path):
    assert not is_trust_domain(text)
    with pytest.raises(ValueError, match="no trust domain"):
        CertificateSettings(tmp_path, "x", trust_domain=text)


def test_an_id_is_of_its_own_trust_domain():
    assert is_workload_of("spiffe://a/b", "a")
    assert not is_workload_of("spiffe://a/b", "b")
    assert not is_workload_of("spiffe://a/b\n", "a")


def test_what_its_authority_withdrew_is_no_login(root):
    good, bad = root.issue("good", uris=[AGENT]), root.issue("bad", uris=[AGENT])
    settings = spiffe(root, crl=root.withdraw(bad))

    assert who(good, root, settings)
    assert refused(bad, root, settings) == "identity.revoked"


def test_a_list_that_is_out_of_date_lets_nobody_in(root):
    pair = root.issue("a", uris=[AGENT])
    settings = spiffe(root, crl=root.withdraw(until=HOUR / 2))

    assert who(pair, root, settings)
    assert refused(pair, root, settings, now=time.time() + 2000) == "identity.unavailable"


def test_a_list_of_another_authority_says_nothing_about_a_certificate(root, tmp_path):
    """One bundle, two authorities, the list of one: the other's certificates cannot be known to stand."""
    other = Signer.root(tmp_path / "other", "other")
    settings = replace(spiffe(root, crl=root.withdraw()), ca=root.bundle(other, name="both"))

    assert who(root.issue("a", uris=[AGENT]), root, settings)
    assert refused(other.issue("b", uris=[AGENT]), other, settings) == "identity.unavailable"


def test_a_list_from_below_its_authority_counts_where_that_is_in_the_bundle(root):
    between = root.intermediate()
    good, bad = between.issue("good", uris=[AGENT]), between.issue("bad", uris=[AGENT])
    settings = replace(spiffe(root, crl=between.withdraw(bad)), ca=root.bundle(between, name="both"))
    certificates = ClientCertificates([settings])

    assert certificates.principal(chain(good, between, root), time.time())
    with pytest.raises(IdentityError) as caught:
        certificates.principal(chain(bad, between, root), time.time())
    assert caught.value.code == "identity.revoked"


@pytest.mark.parametrize("spoilt", ["missing", "empty", "forged"])
def test_a_list_that_cannot_be_believed_stops_the_start(root, tmp_path, spoilt):
    forger = Signer.root(tmp_path / "forger", "callers")  # the same name, another key
    file = {"missing": tmp_path / "no.crl", "empty": root.bundle(name="e"), "forged": forger.withdraw()}[
        spoilt
    ]

    with pytest.raises(CertificateError, match="list"):
        ClientCertificates([spiffe(root, crl=file)])


def test_a_new_list_is_read_and_a_spoilt_one_leaves_the_old(root):
    pair = root.issue("a", uris=[AGENT])
    file = root.withdraw()
    certificates = ClientCertificates([spiffe(root, crl=file)])
    found = certificates.principal(chain(pair, root), time.time())
    assert found is not None
    assert certificates.withdrawn == frozenset()

    root.withdraw(pair)
    assert certificates.refresh()
    assert certificates.withdrawn == {found.credential}

    file.write_text("spoilt")
    with pytest.raises(CertificateError, match="list"):
        certificates.refresh()
    assert certificates.withdrawn == {found.credential}
