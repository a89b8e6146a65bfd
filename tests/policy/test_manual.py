"""docs/policy.md says what there is, and nothing else; its examples run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.policy.asks import reading
from vedette.config import load, load_cases
from vedette.config.reading import read_text
from vedette.masking.detectors import DETECTORS, GROUPS
from vedette.model import Effect, Kind
from vedette.policy import compile_policies, document, packs, testing, wording
from vedette.policy.conditions import FUNCTIONS, MAX_CHARACTERS, MAX_DEPTH
from vedette.policy.facts import DIALECTS, ROOTS
from vedette.policy.globs import KINDS
from vedette.policy.matching import MAX_OBJECTS
from vedette.policy.rules import JUDGING, OBLIGING
from vedette.policy.rules.mask import STRATEGIES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "policy.md").read_text()


def section(heading: str) -> str:
    level = heading.split(" ")[0]
    found = re.search(
        rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)", PAGE, re.MULTILINE | re.DOTALL
    )
    assert found, heading
    return found[1]


def listed(name: str) -> str:
    found = re.search(rf"<!-- {name} -->(.*?)<!-- end -->", PAGE, re.DOTALL)
    assert found, name
    return found[1]


def words(text: str) -> set[str]:
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return set(re.findall(r"`([^`]+)`", prose))


def first_cells(text: str) -> set[str]:
    return set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))


def examples(kind: str) -> list[str]:
    return re.findall(rf"^```yaml {kind}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_every_key_of_a_policy_is_described() -> None:
    text = section("## A policy's keys")
    assert first_cells(text) == set(document.POLICY_KEYS)
    assert {*document.WHO_KEYS, *document.WHERE_KEYS, *document.MODES, *map(str, Kind)} <= words(text)


@pytest.mark.parametrize("kind", [*JUDGING, *OBLIGING])
def test_every_key_of_a_rule_is_described(kind: str) -> None:
    keys = JUDGING[kind].keys if kind in JUDGING else OBLIGING[kind].keys
    assert first_cells(section(f"### {kind}")) == set(keys)


def test_every_strategy_is_named() -> None:
    assert set(STRATEGIES) <= words(section("### mask"))


def test_every_matcher_and_effect_is_described() -> None:
    assert first_cells(section("## Matchers")) >= set(document.MATCHER_KEYS)
    assert set(map(str, Effect)) <= words(section("### effects"))


def test_every_kind_of_object_is_listed() -> None:
    assert words(listed("kinds")) == KINDS


def test_every_fact_is_described() -> None:
    named = {f"{root}.{name}" for root, names in ROOTS.items() for name in names}
    facts = {f"action.{dialect}.{fact}" for dialect, names in DIALECTS.items() for fact in names}
    assert first_cells(section("### when")) == named | facts


def test_functions_and_bounds_of_conditions_are_named() -> None:
    text = section("### when")
    assert words(listed("functions")) == FUNCTIONS
    assert all(str(bound) in text for bound in (MAX_CHARACTERS, MAX_DEPTH, MAX_OBJECTS))


def test_the_packs_are_listed_as_they_are() -> None:
    parts = []
    for pack in packs.every().values():
        kinds = "`mask`" if pack.entities else "`allow`, `deny` and `hold`"
        entries = "\n".join(f"- {each}" for each in pack.says)
        parts.append(f"### {pack.name}\n\n{pack.about} For {kinds}:\n\n{entries}\n")
    assert listed("packs").strip() == "\n".join(parts).strip()


def test_every_entity_is_listed() -> None:
    assert words(listed("entities")) == DETECTORS.keys() | GROUPS.keys()


def test_every_code_is_described() -> None:
    source = Path(wording.__file__).read_text()
    codes = {*re.findall(r'code="([a-z.]+)"', source), "policy.denied"}
    assert first_cells(section("## What a caller reads")) == codes


def test_every_key_of_a_case_is_described() -> None:
    text = section("## Testing")
    assert first_cells(text) == set(testing.CASE_KEYS)
    assert set(testing.WHO_KEYS) <= words(text) | {"who"}


@pytest.mark.parametrize("example", examples("policies"))
def test_the_examples_load(example: str) -> None:
    read = read_text(example, "policy.md")
    assert isinstance(read.value, dict)
    compile_policies(read.value["policies"], read.marks.within("policies"))


def test_the_cases_on_the_page_hold_for_the_policy_on_the_page(tmp_path: Path) -> None:
    resources = (
        "resources: {appdb: {protocol: postgres, upstream: {host: db, database: app}, login: {user: a}, "
        "labels: {env: prod}}}\n"
    )
    (tmp_path / "vedette.yaml").write_text(resources + examples("policies")[0])
    (tmp_path / "cases.yaml").write_text(examples("cases")[0])
    found = load(tmp_path / "vedette.yaml", {})
    known = {name: each.resource for name, each in found.resources.items()}
    results = testing.run(
        load_cases(tmp_path / "cases.yaml"),
        found.policies,
        known,
        reading,
    )
    assert [result.wrong for result in results] == [""] * 3
