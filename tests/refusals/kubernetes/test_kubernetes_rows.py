"""The permanent collection of requests to Kubernetes: what must stop is stopped, what must pass passes."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from vedette.kubernetes.actions import action
from vedette.kubernetes.bodies import body_facts
from vedette.kubernetes.errors import BadRequest
from vedette.kubernetes.request import read_request
from vedette.model import Allow, Ask, Deny, Kind, Principal, Resource, Verdict
from vedette.policy import Marks, compile_policies

HERE = Path(__file__).parent
STOP: Mapping[str, list[Any]] = yaml.safe_load((HERE / "must_stop.yaml").read_text())
PASS: list[Any] = yaml.safe_load((HERE / "must_pass.yaml").read_text())
# As docs/kubernetes.md recommends it for agents that may deploy.
CAREFUL: Mapping[str, Any] = {
    "name": "careful",
    "rules": [
        {"allow": {"effects": ["read", "write", "create", "delete", "execute"]}},
        {"deny": {"pack": "destructive-kubernetes"}},
        {"deny": {"pack": "privilege-kubernetes"}},
        {"deny": {"pack": "secrets-kubernetes"}},
    ],
}
AGENT, CLUSTER = Principal("bot", Kind.AGENT), Resource("prod-cluster", "kubernetes")


@functools.cache
def _session() -> Any:
    return compile_policies([dict(CAREFUL)], Marks("careful.yaml")).for_session(AGENT, CLUSTER)


def row(given: Any) -> tuple[str, str, list[tuple[str, str]], str, bytes]:
    """Method, target, headers, Content-Type and body of a row."""
    fields = {"request": given} if isinstance(given, str) else given
    method, _, target = fields["request"].partition(" ")
    body = fields.get("body", "")
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return method, target, list(fields.get("headers", {}).items()), fields.get("type", ""), raw


def judged(given: Any) -> Verdict | BadRequest:
    method, target, headers, media, body = row(given)
    try:
        request = read_request(method, target, headers)
    except BadRequest as error:
        return error
    facts = body_facts(request, media, body) if body or request.writes else None
    asked = action(request, facts, content_type=media)
    verdict: Verdict = _session().decide(Ask(AGENT, CLUSTER, asked)).verdict
    return verdict


def all_stops() -> list[Any]:
    return [each for rows in STOP.values() for each in rows]


@pytest.mark.parametrize("given", all_stops(), ids=str)
def test_what_must_stop_is_stopped(given: Any) -> None:
    verdict = judged(given)
    assert isinstance(verdict, Deny | BadRequest), verdict
    if isinstance(verdict, Deny):
        assert verdict.reason
    else:
        assert verdict.code.startswith("kubernetes.")


@pytest.mark.parametrize("given", PASS, ids=str)
def test_what_must_pass_passes(given: Any) -> None:
    verdict = judged(given)
    assert isinstance(verdict, Allow), verdict


def test_what_is_stopped_as_malformed_is_only_that() -> None:
    """A row that tries a rule must be stopped by the rule, and not by a slip in its path."""
    slips = ("paths", "queries", "methods", "impersonation")
    for group, rows in STOP.items():
        for given in rows:
            malformed = isinstance(judged(given), BadRequest)
            assert malformed or not group.startswith(slips), given
            assert not malformed or group.startswith(slips), given


def test_there_are_enough_rows_and_no_twins() -> None:
    stops, passes = [repr(each) for each in all_stops()], [repr(each) for each in PASS]
    assert len(stops) >= 120
    assert len(passes) >= 60
    assert len({*stops, *passes}) == len(stops) + len(passes)
