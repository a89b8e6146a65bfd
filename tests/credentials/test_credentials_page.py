"""docs/credentials.md says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vedette.credentials import CODES, SOURCES, CredentialError
from vedette.identity.tls import MODES

PAGE = (Path(__file__).parents[2] / "docs" / "credentials.md").read_text()


def rows(pattern: str) -> dict[str, str]:
    return {
        name: rest.strip() for name, rest in re.findall(rf"^\| `({pattern})`[^|]*\| ([^|]+) \|", PAGE, re.M)
    }


def test_every_code_is_listed_with_its_meaning():
    assert rows(r"credential\.\w+") == CODES


def test_no_error_has_a_code_of_its_own():
    with pytest.raises(ValueError, match="no such"):
        CredentialError("credential.other", "x")


def test_every_source_is_listed():
    assert set(rows("env|file|sealed|vault|kubernetes|cloud")) == set(SOURCES)


def test_every_tls_mode_is_listed():
    assert set(rows("[a-z-]+")) >= set(MODES)
    assert not {"prefer", "allow"} & set(rows("[a-z-]+"))
