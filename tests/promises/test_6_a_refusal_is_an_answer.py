"""Promise 6: the caller reads why, in its own protocol, and its session goes on in the right state."""

from __future__ import annotations

import asyncpg
import psycopg
import pytest
from psycopg import errors

from tests.conformance.talk_postgres import Talk
from tests.live.gateways import living
from vedette.protocols.postgres import messages as m

pytestmark = pytest.mark.live

RULES = (
    {"allow": {"effects": ["read", "write"]}},
    {"deny": {"effects": ["delete"]}, "message": "nothing is deleted here", "hint": "set archived = true"},
    {"hold": {"effects": ["write"], "objects": ["*.customers"]}, "approvers": {"groups": ["dba"]}, "mode": "ticket"},
)  # fmt: skip
# A refused statement -> the code, the rule, and what its words say.
REFUSED = {
    "DELETE FROM orders WHERE id = 1": ("policy.denied", "test/deny-2", "nothing is deleted here"),
    "DROP TABLE orders": ("policy.default", "default", "no rule permits destroy on public.orders"),
    "UPDATE customers SET name = 'x' WHERE id = 1": ("approval.required", "test/hold-3", ""),
    "SELECT * FRM orders": ("policy.unknown", "default", "could not be found out"),
    "DELETE FROM orders WHERE id = 1; SELECT 1": ("policy.denied", "test/deny-2", "nothing is deleted here"),
    "COPY orders TO STDOUT; DROP TABLE orders": (
        "protocol.unreadable",
        "protocol",
        "a COPY among other statements",
    ),
}


def speaks(words: str, detail: str | None, hint: str | None, text: str) -> None:
    """The refusal of *text* says which code and rule, why, and what to do, in the gateway's own words."""
    code, rule, why = REFUSED[text]
    assert words.startswith("vedette: ")
    assert why in words
    assert detail == f"code {code}, rule {rule}"
    assert hint
    if code == "policy.denied":
        assert hint == "set archived = true"


@pytest.mark.parametrize("text", REFUSED)
async def test_byte_by_byte_one_error_and_then_ready(pg16, database, tmp_path, text):
    """One ErrorResponse, severity ERROR, SQLSTATE 42501, then ReadyForQuery: simple and extended alike."""
    async with living(pg16, database, tmp_path, *RULES) as live:
        talk = await Talk.login(live.port, live.token())
        ways = {
            "simple": m.query(text),
            "extended": m.parse("", text) + m.message(b"B", bytes(8)) + m.message(b"E", bytes(5)) + m.sync(),
        }
        for way, message in ways.items():
            talk.say(message)
            said = await talk.ready()
            assert [tag for tag, _ in said.messages][-2:] == [b"E", b"Z"], way
            (error,) = said.errors
            assert (error["S"], error["C"]) == ("ERROR", "42501")
            speaks(error["M"], error.get("D"), error.get("H"), text)
            assert (said.status, said.rows) == (b"I", 0)
            assert "vedette_refused" not in str(said.raw), "what stood in its place is ours to know"
            assert "P" not in error, "a position in a text that the caller did not send"
            assert (await talk.query("SELECT 1")).rows == 1
        await talk.close()


@pytest.mark.parametrize("text", [text for text in REFUSED if ";" not in text])
async def test_drivers_raise_their_permission_error_and_go_on(pg16, database, tmp_path, text):
    async with living(pg16, database, tmp_path, *RULES) as live:
        one = await asyncpg.connect(**live.keywords())
        for _ in range(2):  # the second time from asyncpg's own statement cache
            with pytest.raises(asyncpg.InsufficientPrivilegeError) as no:
                await one.execute(text)
            speaks(str(no.value).partition("\n")[0], no.value.detail, no.value.hint, text)
            assert await one.fetchval("SELECT 1") == 1
        await one.close()
        two = await psycopg.AsyncConnection.connect(live.dsn(), autocommit=True)
        for prepare in (False, True):
            with pytest.raises(errors.InsufficientPrivilege) as told:
                await two.execute(text, prepare=prepare)  # type: ignore[call-overload]
            said = told.value.diag
            speaks(str(said.message_primary), said.message_detail, said.message_hint, text)
            assert await (await two.execute("SELECT 1")).fetchone() == (1,)
        await two.close()


async def test_psql_says_so_and_exits_as_for_any_error(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path, *RULES) as live:
        words = ["psql", live.dsn(), "-X", "-v", "ON_ERROR_STOP=1", "-c", "DELETE FROM orders WHERE id = 1"]
        status, out, err = await live.run(*words)
        assert (status, out) == (1, "")
        assert "ERROR:  vedette: nothing is deleted here" in err
        assert "DETAIL:  code policy.denied, rule test/deny-2" in err
        assert "HINT:  set archived = true" in err


async def _states(connect: Talk, bad: str) -> list[tuple[bytes, list[str]]]:
    """The transaction state and SQLSTATEs after each step of a transaction in which *bad* fails."""
    found = []
    for step in (
        "BEGIN", "UPDATE orders SET total = 77 WHERE id = 1", "SAVEPOINT s", bad, "SELECT 1",
        "ROLLBACK TO s", "SELECT 1", "COMMIT", bad, "SELECT 1", "BEGIN", bad, "COMMIT", "SELECT 1",
    ):  # fmt: skip
        said = await connect.query(step)
        found.append((said.status, ["failed" if each["C"] != "25P02" else "25P02" for each in said.errors]))
    return found


async def test_the_transaction_stands_as_after_any_failed_statement(pg16, database, tmp_path):
    """The same script with a statement that the server itself refuses passes through the same states."""
    async with living(pg16, database, tmp_path, *RULES) as live:
        talk = await Talk.login(live.port, live.token())
        refused = await _states(talk, "DELETE FROM orders WHERE id = 1")
        failed = await _states(talk, "SELECT 1/0")
        assert refused == failed
        assert (b"E", ["failed"]) in refused
        assert (b"E", ["25P02"]) in refused
        assert live.direct("SELECT total FROM orders WHERE id = 1") == "77.00"
        await talk.close()


async def test_in_a_pipeline_what_came_before_stands_and_what_comes_after_is_skipped(
    pg16, database, tmp_path
):
    async with living(pg16, database, tmp_path, *RULES) as live:
        connection = await psycopg.AsyncConnection.connect(live.dsn(), autocommit=True)
        async with connection.pipeline() as pipe:
            before = await connection.execute("UPDATE orders SET total = 5 WHERE id = 1")
            await pipe.sync()
            refused = connection.cursor()
            await refused.execute("DELETE FROM orders WHERE id = 1")
            behind = connection.cursor()
            await behind.execute("UPDATE orders SET total = 6 WHERE id = 1")
            with pytest.raises(errors.InsufficientPrivilege):
                await pipe.sync()
                await refused.fetchone()
            with pytest.raises(psycopg.Error):
                await behind.fetchone()
        assert before.rowcount == 1
        assert (
            await (await connection.execute("SELECT total FROM orders WHERE id = 1")).fetchone() is not None
        )
        assert live.direct("SELECT total FROM orders WHERE id = 1") == "5.00"
        await connection.close()


async def test_nothing_of_the_policy_but_the_rule_is_told(pg16, database, tmp_path):
    """Neither the text of other rules, nor where the gateway keeps anything, nor who else there is."""
    async with living(pg16, database, tmp_path, *RULES) as live:
        talk = await Talk.login(live.port, live.token())
        said = await talk.query("DROP TABLE orders")
        words = str(said.errors)
        for secret in (str(tmp_path), "dba", "customers", "deny-2", "vedette.yaml", "by_scram", database):
            assert secret not in words
        await talk.close()
