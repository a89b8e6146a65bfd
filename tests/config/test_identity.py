"""What ``identity:`` of a file becomes, and how it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.files import FILE, problems, settings
from vedette.config import summary
from vedette.config.load import restart_needed, unready
from vedette.identity import Match
from vedette.identity.client_certificates import CertificateSettings
from vedette.model import Kind


def issuer(more: str) -> str:
    return f"{{issuers: [{{issuer: 'https://a.example', audience: v, {more}}}]}}"


def test_rules_an_actor_and_an_authority():
    more = "requires: [{claim: owner, equals: '65'}, {claim: sub, like: 'repo:acme/*'}], actor: started.by, ca: k/ca.pem"
    (found,) = settings(identity=issuer(more)).identity.issuers

    assert found.requires == (Match(("owner",), "65"), Match(("sub",), like="repo:acme/*"))
    assert (found.actor, found.ca) == (("started", "by"), FILE.parent / "k" / "ca.pem")


def test_a_single_requirement_needs_no_list():
    (found,) = settings(identity=issuer("requires: {claim: owner, equals: 65}")).identity.issuers

    assert found.requires == (Match(("owner",), 65),)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("requires: []", "requires nothing"),
        ("requires: {claim: a}", "what the claim has to be is needed once"),
        ("requires: {claim: a, equals: b, like: c}", "what the claim has to be is needed once"),
        ("requires: {equals: b}", 'the key "claim" is missing'),
        ("requires: [a]", "a mapping is needed here"),
        ("requires: {claim: a, like: 3}", "text is needed here"),
        ("requires: {claim: a, like: ''}", "empty text says nothing"),
        ("agents: {claim: a, like: b, not: c}", 'unknown key "not"'),
        ("actor: a..b", "the path of a claim"),
        ("ca: 3", "text is needed here"),
    ],
)
def test_what_makes_no_sense_stops_the_load(more, message):
    found = problems(identity=issuer(more))

    assert [message in problem.message for problem in found] == [True], found


def test_an_authority_that_is_not_there_is_told_before_the_start(tmp_path: Path):
    found = unready(settings(identity=issuer("ca: /nowhere/ca.pem")), {})

    assert ["/nowhere/ca.pem" in problem.message for problem in found] == [True]


def test_certificates_of_workloads_and_of_people():
    found = settings(
        identity="{certificates: [{ca: spire.pem, trust_domain: example.org, groups: [a]}, {ca: /p.pem, name: people, "
        "subject: email, subjects: ['*@example.com'], groups_from: organizational_unit, kind: person}]}"
    ).identity.certificates

    assert found == (
        CertificateSettings(
            FILE.parent / "spire.pem", "spiffe://example.org", "example.org", groups=frozenset({"a"})
        ),
        CertificateSettings(
            Path("/p.pem"),
            "people",
            None,
            "email",
            ("*@example.com",),
            frozenset(),
            "organizational_unit",
            Kind.PERSON,
        ),
    )


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ("{ca: a}", "a list is needed"),
        ("[{name: a}]", 'the key "ca" is missing'),
        ("[{ca: a}]", "a name is needed"),
        ("[{ca: a, trust_domain: A.b}]", "is no trust domain"),
        ("[{ca: a, trust_domain: 'spiffe://a'}]", "is no trust domain"),
        ("[{ca: a, trust_domain: a.b, subject: dns}]", "the subject is the SPIFFE ID"),
        ("[{ca: a, name: b, subject: serial}]", "serial"),
        ("[{ca: a, name: b, groups_from: country}]", "country"),
        ("[{ca: a, name: b, kind: admin}]", "admin"),
        ("[{ca: a, name: b, subjects: []}]", "an empty list"),
        ("[{ca: a, name: vedette}]", "the name of an issuer already"),
        ("[{ca: a, name: b}, {ca: c, name: b}]", "two files of authorities"),
        ("[{ca: a, name: b, ocsp: c}]", 'unknown key "ocsp"'),
    ],
)
def test_certificates_that_make_no_sense_stop_the_load(entries, message):
    found = problems(identity=f"{{certificates: {entries}}}")

    assert [message in problem.message for problem in found] == [True], found


def test_a_bundle_that_is_not_there_is_told_before_the_start():
    found = unready(settings(identity="{certificates: [{ca: /nowhere/ca.pem, name: b}]}"), {})

    assert ["/nowhere/ca.pem" in problem.message for problem in found] == [True]


def test_entries_of_certificates_wait_for_a_restart():
    before, after = settings(), settings(identity="{certificates: [{ca: a, name: b}]}")

    assert restart_needed(before, after) == ("identity.certificates stays as it is until a restart",)


@pytest.mark.parametrize(
    ("issuer", "more", "warned"),
    [
        ("https://token.actions.githubusercontent.com", "", True),
        (
            "https://token.actions.githubusercontent.com",
            ", requires: {claim: repository_owner_id, equals: '1'}",
            False,
        ),
        ("https://token.actions.githubusercontent.com/acme", "", True),
        ("https://gitlab.com", ", parties: [a]", False),
        ("https://gitlab.com.example", "", False),
        ("https://gitlab.example.com", "", False),
    ],
)
def test_an_issuer_that_serves_the_whole_world_needs_requirements(issuer, more, warned):
    found = summary(settings(identity=f"{{issuers: [{{issuer: '{issuer}', audience: v{more}}}]}}"))

    assert ["anybody at all" in warning for warning in found.warnings] == [True] * warned


def test_whose_certificates_count_is_shown_by_check():
    found = summary(settings(identity="{certificates: [{ca: a, trust_domain: b.org}]}"))

    assert found.issuers == ("spiffe://b.org (certificates)",)
