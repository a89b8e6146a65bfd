"""The examples in docs/identity.md, loaded as they stand there and asked with the claims that such issuers send."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.identity.forge import ec_key, jwk, rsa_key, token
from tests.testbed.issuer import issuing
from vedette.config import load
from vedette.identity import IdentityError, Issuers, IssuerSettings, client, fetcher
from vedette.model import Kind, Principal

PAGE = (Path(__file__).parents[2] / "docs" / "identity.md").read_text()
EXAMPLES = [
    yaml.safe_load(block)[0]
    for block in re.findall(r"```yaml\n(- issuer:.*?)```", PAGE.split("### Examples")[1], re.DOTALL)
]
KUBERNETES, GITHUB, SPIFFE = EXAMPLES


def settings(example: Mapping[str, Any], address: str, ca: Path, folder: Path) -> IssuerSettings:
    """The example through the loader; only the issuer's place and its authority are the test's."""
    mine = {**example, "issuer": address, "ca": str(ca)}
    if "jwks" in mine:
        mine["jwks"] = address + "/keys"
    file = folder / "vedette.yaml"
    file.write_text(yaml.safe_dump({"identity": {"issuers": [mine]}, "resources": {}, "policies": []}))
    (found,) = load(file, {}).identity.issuers
    return found


async def who(
    example: Mapping[str, Any], folder: Path, claims: Mapping[str, object], typ: str = "JWT"
) -> Principal:
    """Who such a token speaks for, its keys fetched over https."""
    now = time.time()
    async with issuing(folder / "tls") as issuer, client() as http:
        issuer.publish(jwk(rsa_key("r1"), "r1"), jwk(ec_key("e1"), "e1", use="sig"), path="/openid/v1/jwks")
        issuer.pages["/keys"] = issuer.pages["/openid/v1/jwks"]
        issuers = Issuers([settings(example, issuer.address, issuer.ca, folder)], fetcher(http))
        body = {"iss": issuer.address, "iat": int(now), "nbf": int(now), "exp": int(now) + 600, **claims}
        try:
            return await issuers.verify(
                token({"alg": "RS256", "kid": "r1", "typ": typ}, body, rsa_key("r1")), now
            )
        finally:
            await issuers.close()
            discovery = ["/.well-known/openid-configuration", "/openid/v1/jwks"]
            assert issuer.asked == (["/keys"] if "jwks" in example else discovery)


async def code(example: Mapping[str, Any], folder: Path, claims: Mapping[str, object]) -> str:
    with pytest.raises(IdentityError) as refused:
        await who(example, folder, claims)
    return refused.value.code


def service_account(namespace: str, name: str) -> dict[str, object]:
    """What the API server puts into a projected token (Kubernetes 1.30: service account admission)."""
    return {
        "aud": ["vedette"],
        "jti": "ea28ed49-2e11-4280-9ec5-bc3d1d84661a",
        "kubernetes.io": {
            "namespace": namespace,
            "node": {"name": "node-1", "uid": "646e7c5e-32d6-4d42-9dbd-e504e6cbe6b1"},
            "pod": {"name": f"{name}-5d7c9", "uid": "5e0bd49b-f040-43b0-99b7-22765a53f7f3"},
            "serviceaccount": {"name": name, "uid": "14ee3fa4-a7e2-420f-9f9a-dbc4507c3798"},
            "warnafter": 1_800_000_000,
        },
        "sub": f"system:serviceaccount:{namespace}:{name}",
    }


async def test_a_pod_of_an_agents_namespace_is_an_agent_of_it(tmp_path):
    found = await who(KUBERNETES, tmp_path, service_account("agents-eu", "autogen"))

    assert (found.kind, found.groups) == (Kind.AGENT, {"agents-eu"})
    assert found.subject == "system:serviceaccount:agents-eu:autogen"
    assert found.credential == "ea28ed49-2e11-4280-9ec5-bc3d1d84661a"


@pytest.mark.parametrize(("namespace", "name"), [("billing", "agents-eu"), ("xagents-eu", "autogen")])
async def test_any_other_pod_is_a_service(tmp_path, namespace, name):
    found = await who(KUBERNETES, tmp_path, service_account(namespace, name))

    assert (found.kind, found.groups) == (Kind.SERVICE, {namespace})


async def test_a_pods_token_for_the_api_server_is_not_for_us(tmp_path):
    claims = service_account("agents-eu", "autogen") | {
        "aud": ["https://kubernetes.default.svc.cluster.local"]
    }

    assert await code(KUBERNETES, tmp_path, claims) == "identity.audience"


def job(**changes: object) -> dict[str, object]:
    """A workflow's token, as GitHub documents it ("Understanding the OIDC token")."""
    return {
        "jti": "b6cb0b4e-6ab6-4bb0-b2c1-8a7d2e0a9f40",
        "sub": "repo:acme/agents:environment:production",
        "aud": "vedette",
        "ref": "refs/heads/main",
        "sha": "f7e3c1b0a4",
        "repository": "acme/agents",
        "repository_owner": "acme",
        "actor_id": "12",
        "repository_visibility": "private",
        "repository_id": "74",
        "repository_owner_id": "9919",
        "run_id": "30433642",
        "run_number": "10",
        "run_attempt": "2",
        "runner_environment": "github-hosted",
        "actor": "alice",
        "workflow": "nightly",
        "head_ref": "",
        "base_ref": "",
        "event_name": "workflow_dispatch",
        "ref_type": "branch",
        "environment": "production",
        "job_workflow_ref": "acme/agents/.github/workflows/nightly.yml@refs/heads/main",
    } | changes


async def test_a_workflow_acts_for_who_started_it(tmp_path):
    found = await who(GITHUB, tmp_path, job())

    assert (found.kind, found.groups, found.actor) == (Kind.AGENT, {"acme/agents"}, "alice")
    assert found.subject == "repo:acme/agents:environment:production"


@pytest.mark.parametrize(
    "changes",
    [
        {"repository_owner_id": "9920"},
        {"repository_owner_id": 9919},
        {"repository_owner_id": None},
        {"sub": "repo:acme/agents:pull_request"},
        {"sub": "repo:acmesque/agents:environment:production"},
        {"sub": "repo:acme/agents:environment:production:x"},
        {"aud": "https://github.com/acme"},
    ],
    ids=str,
)
async def test_another_owners_workflow_is_nobody_here(tmp_path, changes):
    assert await code(GITHUB, tmp_path, job(**changes)) == "identity.audience"


async def test_a_workload_of_the_trust_domain_is_what_its_path_says(tmp_path):
    for path, kind in (("agents/autogen", Kind.AGENT), ("billing/api", Kind.SERVICE)):
        svid = {"sub": f"spiffe://example.org/{path}", "aud": ["vedette"], "nbf": 0}
        found = await who(SPIFFE, tmp_path, svid, typ="JOSE")

        assert (found.kind, found.subject, found.groups) == (
            kind,
            f"spiffe://example.org/{path}",
            frozenset(),
        )


@pytest.mark.parametrize(
    "sub",
    ["spiffe://example.com/agents/x", "spiffe://example.org.evil/agents/x", "spiffe://example.org", "x"],
)
async def test_another_trust_domain_is_another_world(tmp_path, sub):
    assert await code(SPIFFE, tmp_path, {"sub": sub, "aud": ["vedette"]}) == "identity.audience"


async def test_without_its_authority_an_issuer_is_not_believed(tmp_path):
    async with issuing(tmp_path) as issuer, client() as http:
        issuer.publish(jwk(rsa_key("r1"), "r1"))
        for ca in (None, tmp_path / "stranger.crt", tmp_path / "missing.crt", tmp_path / "server.key"):
            issuers = Issuers([IssuerSettings(issuer.address, "vedette", ca=ca)], fetcher(http))
            text = token({"alg": "RS256", "kid": "r1"}, {"iss": issuer.address}, rsa_key("r1"))
            with pytest.raises(IdentityError) as refused:
                await issuers.verify(text, time.time())
            assert refused.value.code == "identity.unavailable"
        assert issuer.asked == []
