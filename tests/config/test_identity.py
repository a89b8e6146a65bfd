"""What ``identity:`` of a file becomes, and how it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.files import FILE, problems, settings
from vedette.config.load import unready
from vedette.identity import Match


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
