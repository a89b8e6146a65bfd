"""docs/identity.md says what is so."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from vedette.identity import CODES, IdentityError, IssuerSettings, jwks, keys, tokens
from vedette.identity.cache import MAX_AGE_SECONDS
from vedette.identity.claims import SKEW_SECONDS
from vedette.identity.fetch import MAX_DOCUMENT_BYTES, TIMEOUT_SECONDS
from vedette.identity.oidc import DEFAULT_ALGORITHMS, MAX_SKEW_SECONDS
from vedette.identity.signature import ALGORITHMS

PAGE = (Path(__file__).parents[2] / "docs" / "identity.md").read_text()
ROWS = {code: means for code, means in re.findall(r"^\| `(identity\.\w+)` \| ([^|]+) \|", PAGE, re.MULTILINE)}


def test_every_code_is_listed_with_its_meaning():
    assert {code: means.strip() for code, means in ROWS.items()} == CODES


def test_no_error_has_a_code_of_its_own():
    with pytest.raises(ValueError, match="no such"):
        IdentityError("identity.other", "x")


def test_every_setting_of_an_issuer_is_listed():
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    listed = {name for row in rows for name in re.findall(r"`(\w+)`", row)}

    assert {field.name for field in fields(IssuerSettings)} <= listed


def test_every_algorithm_is_listed():
    (row,) = [line for line in PAGE.splitlines() if line.startswith("| `algorithms`")]

    assert set(re.findall(r"`(\w+)`", row.split("|")[2])) == set(ALGORITHMS)
    assert set(re.findall(r"`(\w+)`", row.split("|")[3])) == DEFAULT_ALGORITHMS


def test_the_figures_are_the_codes():
    assert (SKEW_SECONDS, MAX_SKEW_SECONDS, MAX_AGE_SECONDS) == (30, 300, 300)
    assert (tokens.MIN_TTL_SECONDS, tokens.MAX_TTL_SECONDS) == (10, 30 * 86400)
    assert (jwks.FRESH_SECONDS, jwks.MAX_AGE_SECONDS, jwks.REFETCH_SECONDS) == (3600, 24 * 3600, 30)
    assert (jwks.MIN_RSA_BITS, jwks.MAX_RSA_BITS) == (2048, 8192)
    assert (MAX_DOCUMENT_BYTES, TIMEOUT_SECONDS) == (256 * 1024, 10)
    assert (keys.ITERATIONS, keys.SECRET_BYTES * 8) == (4096, 160)
