"""What was read masked is not written back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vedette.kubernetes.bodies import body_facts
from vedette.kubernetes.masks import mask_for, masked_body
from vedette.kubernetes.request import read_request
from vedette.kubernetes.writeback import CODE, written_back
from vedette.masking.tally import Tally
from vedette.model import MaskRule

KEY = b"key"
CONTENT = MaskRule("p/content", entities=frozenset({"email", "credit_card"}))
ENV = MaskRule("p/env", columns=("deployments.apps.spec.template.spec.containers.env.value",))
SECRETS = MaskRule("p/secrets", columns=("secrets.data",))
WEB = "/apis/apps/v1/namespaces/a/deployments/web"
MEDIA = {"PUT": "application/json", "PATCH": "application/apply-patch+yaml", "POST": "application/json"}


def verdict(line: str, body: Any, rule: MaskRule, media: str = "") -> str | None:
    method, _, target = line.partition(" ")
    request = read_request(method, target)
    facts = body_facts(request, media or MEDIA.get(method, ""), json.dumps(body).encode())
    deny = written_back(request, facts, mask_for(request, [rule], KEY))
    assert deny is None or deny.code == CODE
    return None if deny is None else deny.reason


@pytest.mark.parametrize("strategy", ["redact", "partial", "hash", "null"])
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    ("path", "body", "rule"),
    [
        ("/api/v1/namespaces/a/secrets/s", {"data": {"p": "aHVudGVyMi1odW50ZXIy"}}, SECRETS),
        ("/api/v1/namespaces/a/secrets/s", {"data": {"p": "aHVudGVyMi1odW50ZXIy"}}, CONTENT),
        ("/api/v1/namespaces/a/configmaps/c", {"data": {"a": "mail alice@example.com"}}, CONTENT),
        ("/api/v1/namespaces/a/configmaps/c", {"data": {"a": "card 4111111111111111"}}, CONTENT),
        (WEB, {"spec": {"template": {"spec": {"containers": [{"env": [{"name": "A", "value": "hunter2-2"}]}]}}}}, ENV),
    ],
)  # fmt: skip
def test_what_was_read_masked_cannot_be_applied(
    strategy: Any, method: str, path: str, body: Any, rule: MaskRule
) -> None:
    rule = MaskRule(rule.rule, strategy, rule.entities, rule.columns)
    mask = mask_for(read_request("GET", path), [rule], KEY)
    assert mask is not None
    read = json.loads(masked_body("application/json", json.dumps(body).encode(), mask, Tally()))
    assert read != body
    assert verdict(f"{method} {path}", read, rule)


def test_values_of_ones_own_may_be_written() -> None:
    body = {"data": {"p": "bXktb3du"}}
    assert verdict("PATCH /api/v1/namespaces/a/secrets/s", body, SECRETS) is None
    assert verdict("POST /api/v1/namespaces/a/secrets", body, CONTENT) is None
    assert verdict(f"PATCH {WEB}", {"spec": {"replicas": 2}}, ENV) is None


def test_objects_with_hidden_fields_are_not_replaced_as_a_whole() -> None:
    assert verdict(f"PUT {WEB}", {"spec": {"replicas": 2}}, ENV)
    assert verdict(f"PUT {WEB}", {"spec": {"replicas": 2}}, CONTENT) is None


def test_a_body_that_was_not_read_is_not_written() -> None:
    request = read_request("PUT", WEB)
    facts = body_facts(request, "application/vnd.kubernetes.protobuf", b"k8s\0")
    mask = mask_for(request, [CONTENT], KEY)
    assert written_back(request, facts, mask) is not None
    assert written_back(request, facts, None) is None


def test_deletions_write_nothing() -> None:
    assert verdict(f"DELETE {WEB}", {"preconditions": {"uid": "[redacted]"}}, CONTENT) is None
