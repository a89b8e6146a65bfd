"""The permanent collection, read: what must be stopped is, what must pass does.

That each row of the first kind is dangerous without us is proven elsewhere, against a real server.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.sql.world import CATALOG, read_in_order, rows, stopped, texts, told
from tests.testbed.postgres import Postgres
from vedette.credentials.secret import Secret
from vedette.identity.tls import upstream_context
from vedette.model import Effect
from vedette.protocols.postgres.catalogue import load
from vedette.protocols.postgres.dial import Target, dial
from vedette.protocols.postgres.login_upstream import Account
from vedette.sql import Catalog

MUST_STOP = rows("sql_must_stop.yaml")
MUST_PASS = rows("sql_must_pass.yaml")
KEYS = {"id", "sql", "setup", "proof", "effect", "why", "since", "unproven", "cleanup"}


def expect_stopped(row: dict[str, Any], known: Catalog) -> None:
    found = read_in_order(texts(row), known)
    seen = set().union(*(told(facts) for facts in found))
    assert any(stopped(facts) for facts in found), seen
    effects = {touch.effect for facts in found for touch in facts.touches}
    if row["effect"] == "delete-unscoped":
        assert any(facts.unscoped for facts in found), seen
    else:
        assert Effect(row["effect"]) in effects, seen


def test_the_collection_is_in_order():
    assert len(MUST_STOP) >= 130
    assert len(MUST_PASS) >= 60
    for collection in (MUST_STOP, MUST_PASS):
        names = [row["id"] for row in collection]
        assert len(names) == len(set(names))
    for row in MUST_STOP:
        assert {"id", "sql", "proof", "effect", "why"} <= set(row) <= KEYS, row["id"]
    for row in MUST_PASS:
        assert {"id", "sql"} <= set(row) <= {"id", "sql", "since", "copy"}, row["id"]


@pytest.mark.parametrize("row", [r for r in MUST_STOP if "setup" not in r], ids=lambda row: row["id"])
def test_what_must_stop_is_stopped(row):
    expect_stopped(row, CATALOG)


@pytest.mark.parametrize("row", MUST_PASS, ids=lambda row: row["id"])
def test_what_must_pass_passes(row):
    for facts in read_in_order(texts(row), CATALOG):
        assert not stopped(facts), (told(facts), facts.unscoped, facts.reason)


@pytest.mark.live
@pytest.mark.parametrize("row", [r for r in MUST_STOP if "setup" in r], ids=lambda row: row["id"])
async def test_what_must_stop_is_stopped_by_the_real_catalogue(row, pg16: Postgres, database: str):
    """With functions, views and operators as a server shows them."""
    role = pg16.roles["by_scram"]
    pg16.run(row["setup"], database)
    there = Target(pg16.host, pg16.port, upstream_context("require") if pg16.tls else None)
    known = await load(lambda: dial(there, Account(role.name, database, Secret(role.password))))
    expect_stopped(row, known)
