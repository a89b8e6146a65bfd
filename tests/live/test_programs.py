"""PostgreSQL's own programs through the gateway: psql in its many ways, pgbench, pg_dump and pg_restore."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.live.gateways import Live, living
from tests.testbed.gateway import RESOURCE

pytestmark = pytest.mark.live

# What pg_dump needs beside reading, as docs/policy.md says.
PAGE = (Path(__file__).parents[2] / "docs" / "policy.md").read_text()
EXAMPLE = PAGE.split("## Programs: pg_dump")[1].split("```yaml policies")[1].split("```")[0]
DUMPING = tuple(yaml.safe_load(EXAMPLE)["policies"][0]["rules"])


def _where(live: Live) -> tuple[list[str], dict[str, str]]:
    return ["-h", "127.0.0.1", "-p", str(live.port), "-U", "agent"], {"PGPASSWORD": live.token()}


async def _psql(live: Live, text: str, *words: str) -> tuple[int, str, str]:
    where, env = _where(live)
    return await live.run("psql", "-XAtq", *where, "-d", RESOURCE, *words, text=text, env=env)


@pytest.mark.parametrize("server", ["pg16", "pg18"])
async def test_psql_describes_what_there_is(request, tmp_path, server):
    running = request.getfixturevalue(server)
    name = running.fresh()
    async with living(running, name, tmp_path, {"allow": {"effects": ["read"]}}) as live:
        commands = (
            r"\d"
            "\n"
            r"\d+ customers"
            "\n"
            r"\dt+ public.*"
            "\n"
            r"\l"
            "\n"
            r"\dn"
            "\n"
            r"\df"
            "\n"
            r"\du"
            "\n"
        )
        commands += (
            r"\di"
            "\n"
            r"\dv"
            "\n"
            r"\ds"
            "\n"
            r"\dp"
            "\n"
            r"\dT"
            "\n"
            r"\dx"
            "\n"
            r"\sf nothing_here"
            "\n"
            r"\conninfo"
            "\n"
        )
        status, out, err = await _psql(live, commands)
        assert status == 0
        assert "customers_pkey" in out
        assert "vedette" not in err, err
        assert "nothing_here" in err
    running.drop(name)


async def test_psql_in_its_own_ways(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path) as live:
        file = tmp_path / "orders.csv"
        script = f"""
\\copy (SELECT id FROM orders ORDER BY id) TO '{file}' CSV
\\copy notes FROM STDIN
77\tseventy-seven
\\.
SELECT body FROM notes WHERE id = 77;
SELECT 1 AS a, 'x'::text AS b \\gdesc
\\set FETCH_COUNT 3
SELECT generate_series(1, 10);
\\unset FETCH_COUNT
SELECT $1::int + 1 \\bind 41 \\g
SELECT 'SELECT ' || 5 \\gexec
SELECT 6 AS six \\gset
\\echo :six
BEGIN; SELECT 'in'; COMMIT;
SELECT 8 \\; SELECT 9;
\\watch c=2 i=0.01
"""
        status, out, err = await _psql(live, script)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert file.read_text().split() == ["1", "2", "3", "4", "5", "6"]
    assert lines[:3] == ["seventy-seven", "a|integer", "b|text"]
    assert lines[3:13] == [str(n) for n in range(1, 11)]
    assert lines[13:17] == ["42", "5", "6", "in"]
    assert lines[17:].count("9") == 3


async def test_psql_goes_on_after_a_refusal(pg16, database, tmp_path):
    rules = ({"allow": {"effects": ["read"]}}, {"deny": {"pack": "destructive-sql"}})
    async with living(pg16, database, tmp_path, *rules) as live:
        script = "BEGIN;\nSELECT 1;\nDROP TABLE notes;\nSELECT 2;\nROLLBACK;\nSELECT 3;\n"
        script += "CREATE TABLE x ();\nSELECT 4;\n"
        status, out, err = await _psql(live, script)
        assert (status, out.split()) == (0, ["1", "3", "4"])
        assert err.count("vedette") >= 2
        assert "current transaction is aborted" in err
        status, _, err = await _psql(
            live, "DROP TABLE notes", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose"
        )
        assert status == 3
        assert "42501" in err
        assert "DETAIL" in err


async def test_protocol_3_2_with_psql_18(pg18, tmp_path):
    name = pg18.fresh()
    async with living(pg18, name, tmp_path) as live:
        for version in ("3.0", "3.2", "latest"):
            dsn = live.dsn(max_protocol_version=version)
            status, out, err = await live.run("psql", "-XAtq", "-d", dsn, text="SELECT 1;\n\\conninfo\n")
            assert (status, err) == (0, "")
            assert out.startswith("1\n")
            if version != "3.0":
                assert "3.2" in out
        sent = [f"SELECT $1 \\bind {number} \\sendpipeline" for number in (1, 2)]
        script = "\n".join(["\\startpipeline", *sent, "\\endpipeline", ""])
        assert await live.run("psql", "-XAtq", "-d", live.dsn(), text=script) == (0, "1\n2\n", "")
    pg18.drop(name)


async def test_pgbench_in_all_its_modes(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path) as live:
        where, env = _where(live)
        status, _, err = await live.run("pgbench", *where, "-i", "-I", "dtgvpf", "-s", "1", RESOURCE, env=env)
        assert status == 0, err
        for mode in ("simple", "extended", "prepared"):
            words = ["-n", "-M", mode, "-c", "4", "-j", "2", "-t", "50"]
            status, out, err = await live.run("pgbench", *where, *words, RESOURCE, env=env)
            assert status == 0, err
            assert "number of transactions actually processed: 200/200" in out
        assert live.direct("SELECT count(*) FROM pgbench_history") == "600"


async def test_pg_dump_and_pg_restore(pg16, database, tmp_path):
    target = pg16.fresh()
    pg16.run("DROP TABLE orders, customers, notes CASCADE; DROP SCHEMA audit CASCADE", target)
    file = str(tmp_path / "dump")
    (tmp_path / "from").mkdir()
    (tmp_path / "to").mkdir()
    async with living(pg16, database, tmp_path / "from", *DUMPING) as live:
        where, env = _where(live)
        status, _, err = await live.run("pg_dump", *where, "-Fc", "-f", file, "-d", RESOURCE, env=env)
        assert (status, err) == (0, "")
        status, text, err = await live.run(
            "pg_dump", *where, "--inserts", "-t", "notes", "-d", RESOURCE, env=env
        )
        assert (status, err) == (0, "")
        assert "INSERT INTO public.notes" in text
    async with living(pg16, target, tmp_path / "to") as live:
        where, env = _where(live)
        status, _, err = await live.run("pg_restore", *where, "-d", RESOURCE, "--no-owner", file, env=env)
        assert (status, err) == (0, "")
    for question in (
        "SELECT count(*) FROM orders",
        "SELECT count(*) FROM audit.log",
        "SELECT string_agg(ssn, ',') FROM customers",
    ):
        assert pg16.run(question, target) == pg16.run(question, database)
    pg16.drop(target)


async def test_pg_dump_under_masks_shows_nothing_that_is_masked(pg16, database, tmp_path):
    masks = (
        {"mask": {"columns": ["public.customers.ssn"], "as": "redact"}},
        {"mask": {"entities": ["credit_card"], "as": "redact"}},
    )
    async with living(pg16, database, tmp_path, *DUMPING, *masks) as live:
        where, env = _where(live)
        for words in ([], ["--inserts"], ["--column-inserts", "--rows-per-insert=3"]):
            status, text, err = await live.run("pg_dump", *where, *words, "-d", RESOURCE, env=env)
            assert (status, err) == (0, "")
            assert "Ada Example" in text
            assert "078-05-1120" not in text
            assert "4111 1111 1111 1111" not in text
