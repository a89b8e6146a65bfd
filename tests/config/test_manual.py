"""docs/configuration.md names every setting, and nothing else; its examples and examples/ load."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.policy.asks import reading
from vedette.config import certificates, gateway, identity, load, load_cases, resources, summary
from vedette.config.load import SECTIONS, VARIABLES
from vedette.config.settings import Limits
from vedette.policy.testing import run
from vedette.policy.units import size, spoken

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "configuration.md").read_text()
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
CASES = [path for path in EXAMPLES if path.name.endswith(".cases.yaml")]
SETTINGS = [path for path in EXAMPLES if path not in CASES]


def rows(heading: str) -> dict[str, str]:
    """Of all tables below *heading*: setting -> default."""
    text = PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return dict(re.findall(r"^\| `([^`]+)` \| ([^|]*) \|", text, re.MULTILINE))


def below(prefix: str, keys: tuple[str, ...]) -> set[str]:
    return {f"{prefix}.{key}" for key in keys}


def test_every_section_has_its_heading() -> None:
    assert [f"\n## {name}\n" in PAGE for name in SECTIONS] == [True] * len(SECTIONS)


def test_every_setting_of_the_gateway_is_described() -> None:
    groups = {
        "listen": gateway.LISTENERS,
        "tls": gateway.TLS_KEYS,
        "journal": gateway.JOURNAL_KEYS,
        "limits": gateway.LIMIT_KEYS,
        "admins": ("groups",),
        "auditors": ("groups",),
        "approvers": ("groups",),
    }
    plain = below("gateway", tuple(key for key in gateway.KEYS if key not in groups))
    assert set(rows("gateway")) == plain.union(
        *(below(f"gateway.{key}", keys) for key, keys in groups.items())
    )


def test_every_setting_of_identity_is_described() -> None:
    several = set(identity.ISSUER_KEYS) | set(certificates.KEYS)
    assert set(rows("identity")) == below("identity", identity.KEYS) | several


def test_every_setting_of_a_resource_is_described() -> None:
    groups = {
        "upstream": resources.UPSTREAM_KEYS,
        "login": resources.LOGIN_KEYS,
        "record": resources.RECORD_KEYS,
    }
    plain = {key for key in resources.KEYS if key not in groups}
    assert set(rows("resources")) == plain.union(*(below(key, keys) for key, keys in groups.items()))


def test_every_variable_is_described() -> None:
    text = PAGE.split("\n## Environment\n", 1)[1].split("\n## ", 1)[0]
    assert tuple(re.findall(r"^\| `([A-Z_]+)` \|", text, re.MULTILINE)) == VARIABLES


def test_the_limits_on_the_page_are_the_limits() -> None:
    table, limits = rows("gateway"), Limits()
    stated = {name: table[f"gateway.limits.{name}"].strip() for name in gateway.LIMIT_KEYS}
    assert size(stated["statement"]) == limits.statement
    assert size(stated["value"]) == limits.value
    assert stated["sessions"] == str(limits.sessions)
    assert stated["per_principal"] == str(limits.per_principal)
    assert stated["login_timeout"] == spoken(limits.login_timeout)
    assert (stated["idle"], limits.idle) == ("`none`", None)


def test_the_choices_on_the_page_are_the_choices() -> None:
    words = set(re.findall(r"`([a-z0-9-]+)`", PAGE))
    assert {*resources.TLS, *resources.METHODS, *resources.BINDINGS, "os", "fsync"} <= words


@pytest.mark.parametrize(
    "example", re.findall(r"^```yaml settings\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
)
def test_the_example_on_the_page_loads(example: str, tmp_path: Path) -> None:
    file = tmp_path / "vedette.yaml"
    file.write_text(example)
    load(file, {})


@pytest.mark.parametrize("example", SETTINGS, ids=lambda path: path.name)
def test_every_example_loads_without_a_warning_it_does_not_mean(example: Path) -> None:
    only_observed = [
        warning for warning in summary(load(example, {})).warnings if "only observed" not in warning
    ]
    assert only_observed == []


@pytest.mark.parametrize("cases", CASES, ids=lambda path: path.name)
def test_every_example_of_cases_holds(cases: Path) -> None:
    settings = load(cases.with_name(cases.name.replace(".cases", "")), {})
    results = run(
        load_cases(cases),
        settings.policies,
        {name: each.resource for name, each in settings.resources.items()},
        reading,
    )
    assert [f"{result.case.name}: {result.wrong}" for result in results if not result.passed] == []
