"""API groups of others, as clusters name them."""

from __future__ import annotations

import pytest

from vedette.config import ConfigError, load
from vedette.explain import supposed
from vedette.model import Effect


def written(tmp_path, groups: str):
    file = tmp_path / "vedette.yaml"
    file.write_text(
        "resources: {prod: {protocol: kubernetes, upstream: {host: api.example, groups: "
        + groups
        + "}, login: {token: {env: T}}}}\npolicies: []\n"
    )
    return load(file, {"T": "x"}).resources["prod"]


def test_kinds_of_groups_that_are_named_are_read(tmp_path):
    prod = written(tmp_path, '[cert-manager.io, "*.example.com"]')
    assert prod.upstream.groups == ("cert-manager.io", "*.example.com")
    for group, known in (("cert-manager.io", True), ("a.example.com", True), ("other.io", False)):
        found = supposed(f"GET /apis/{group}/v1/namespaces/a/things/t", (), prod)
        assert (Effect.UNKNOWN not in found.effects) is known
    assert supposed("kubectl delete ns shop", (), prod).effects == {Effect.DESTROY, Effect.READ}


@pytest.mark.parametrize(
    "groups", ['["*"]', "[apps]", "[Example.com]", '["*.*"]', "['']", '["a.example.com/v1"]']
)
def test_what_is_no_group_of_others_stops_the_load(tmp_path, groups):
    with pytest.raises(ConfigError, match=r"API group|empty"):
        written(tmp_path, groups)
