"""docs/issuer.md says what is so."""

from __future__ import annotations

import re
from pathlib import Path

from vedette.api import oauth
from vedette.issuer import backoff, errors, passwords
from vedette.issuer.clients import SCOPES

PAGE = (Path(__file__).parents[2] / "docs" / "issuer.md").read_text()


def test_every_code_is_listed_with_its_meaning() -> None:
    listed = dict(re.findall(r"^\| `((?:oauth|login|identity)\.[a-z_]+)` \| (.+) \|$", PAGE, re.MULTILINE))
    assert listed == dict(errors.CODES)


def test_every_error_on_the_wire_is_named() -> None:
    assert all(f"`{error}`" in PAGE for error in errors.STATUS)


def test_every_address_is_listed() -> None:
    paths = {route.path for router in oauth.ROUTES for route in router.routes}  # type: ignore[attr-defined]
    assert [path for path in paths if path not in PAGE] == []


def test_the_numbers_are_the_codes() -> None:
    assert all(f"`{scope}`" in PAGE for scope in SCOPES)
    assert f"{passwords.MIN_CHARACTERS} characters at least" in PAGE
    assert f"{passwords.MEMORY_KIB // 1024} MiB, {passwords.PASSES} passes" in PAGE
    assert f"| name and network (IPv4 /24, IPv6 /64) | {backoff.FREE['pair']} |" in PAGE
    assert f"| network | {backoff.FREE['net']} |" in PAGE
    assert f"| everybody together | {backoff.BUSY_PER_MINUTE} a minute |" in PAGE
