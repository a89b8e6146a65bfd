"""The catalogue of real servers, read and read again."""

from __future__ import annotations

import time

import pytest

from tests.testbed.postgres import Postgres
from vedette.credentials.secret import Secret
from vedette.identity.tls import upstream_context
from vedette.protocols.postgres import messages
from vedette.protocols.postgres.catalogue import load
from vedette.protocols.postgres.dial import Target, dial
from vedette.protocols.postgres.login_upstream import Account

pytestmark = pytest.mark.live

WORLD = """
CREATE SCHEMA "Odd.Name";
CREATE TABLE "Odd.Name".t (id int NOT NULL, gone int, label text);
ALTER TABLE "Odd.Name".t DROP COLUMN gone;
CREATE VIEW public.v AS SELECT id FROM "Odd.Name".t;
CREATE FUNCTION public.f(a int, VARIADIC b int[] DEFAULT '{}') RETURNS int LANGUAGE plpgsql
    STABLE SECURITY DEFINER SET search_path = "Odd.Name", public AS 'BEGIN RETURN 1; END';
CREATE FUNCTION public.atomic() RETURNS bigint LANGUAGE sql
    BEGIN ATOMIC SELECT count(*) FROM "Odd.Name".t; END;
CREATE PROCEDURE public.p() LANGUAGE sql AS 'DELETE FROM "Odd.Name".t';
"""


@pytest.fixture(params=["pg16", "pg18", "pg15_tls"])
def world(request):
    server: Postgres = request.getfixturevalue(request.param)
    name = server.fresh()
    server.run(WORLD, name)
    yield server, name
    server.drop(name)


def dialler(server: Postgres, database: str):
    role = server.roles["by_scram"]
    there = Target(server.host, server.port, upstream_context("require") if server.tls else None)
    return lambda: dial(there, Account(role.name, database, Secret(role.password)))


async def test_what_is_there_is_found(world):
    server, name = world
    began = time.process_time()
    found = await load(dialler(server, name), version=3)
    assert time.process_time() - began < 5

    table = found.relation("Odd.Name", "t")
    assert [(c.number, c.name, c.type, c.required) for c in table.columns] == [
        (1, "id", 23, True),
        (3, "label", 25, False),
    ]
    view = found.relation("public", "v")
    assert (view.kind, '"Odd.Name".t' in view.definition) == ("v", True)
    (function,) = found.functions("public", "f")
    assert (function.arguments, function.defaults, function.variadic) == (2, 1, True)
    assert (function.volatility, function.security_definer, function.kind) == ("s", True, "f")
    assert (function.path, function.result) == (("Odd.Name", "public"), "integer")
    assert "VARIADIC b integer[]" in function.signature
    (atomic,) = found.functions("public", "atomic")
    assert '"Odd.Name".t' in atomic.body
    (procedure,) = found.functions("public", "p")
    assert (procedure.kind, procedure.body) == ("p", 'DELETE FROM "Odd.Name".t')
    shown = found.relation("pg_catalog", "pg_tables")
    assert (shown.kind, shown.definition, shown.columns[1].name) == ("v", "", "tablename")
    assert found.relation("information_schema", "columns") is not None
    assert found.version == 3


async def test_somebody_elses_lock_does_not_keep_it_waiting(world):
    server, name = world
    call = dialler(server, name)
    first = await load(call, version=1)
    locker = await dial(
        Target(server.host, server.port, upstream_context("require") if server.tls else None),
        Account("postgres", name),
    )
    await locker.wire.send(messages.query('BEGIN; LOCK TABLE "Odd.Name".t IN ACCESS EXCLUSIVE MODE'))
    while not (await locker.wire.some()).endswith(messages.ready(b"T")):
        pass

    second = await load(call, version=2, previous=first)
    assert second.relation("public", "v").definition == first.relation("public", "v").definition
    assert second.functions("public", "atomic") == first.functions("public", "atomic")
    third = await load(call, version=3)
    assert third.relation("public", "v").definition == ""
    assert third.functions("public", "atomic")[0].body == ""
    locker.wire.close()
