"""Dialogues: what the caller says, what the server hears, and the way back."""

from __future__ import annotations

import pytest

from tests.postgres.dialogue import (
    BOUND,
    CLOSED,
    NO_PARAMETERS,
    NONCE,
    PARSED,
    Dialogue,
    bind,
    complete,
    describe,
    described,
    execute,
    row,
)
from vedette.model import Allow, Deny, Limit, MaskRule
from vedette.protocols.postgres import messages as m
from vedette.protocols.postgres.messages import ProtocolError

NOT_HERE = Deny("no-drop", "not here", "ask for an approval")
REFUSED = f"vedette_refused_{NONCE}"
SSN = MaskRule("hide-ssn", "redact", columns=("public.customers.ssn",))
SSN_COLUMN = ("ssn", 16400, 4, 25)
NAME_COLUMN = ("name", 16400, 2, 25)


def deny_drops(draft):
    return NOT_HERE if draft.text and "DROP" in draft.text else Allow("test")


def syntax_error():
    return m.error("42601", f'syntax error at or near "{REFUSED}"')


def test_an_allowed_query_passes_untouched():
    talk = Dialogue()
    talk.caller_says(m.query("SELECT 1"))
    talk.server_hears(m.query("SELECT 1"))
    answer = described(("one", 0, 0, 23)) + row(b"1") + complete("SELECT 1") + m.ready()
    talk.server_says(answer)
    talk.caller_hears(answer)
    assert [(o.tag, o.rows) for o in talk.outcomes] == [("SELECT 1", 1)]


def test_a_refusal_reads_as_a_server_error():
    talk = Dialogue(deny_drops)
    talk.caller_says(m.query("DROP TABLE customers"))
    talk.server_hears(m.query(REFUSED))
    talk.server_says(syntax_error() + m.ready(b"E"))
    talk.caller_hears(m.refusal(NOT_HERE) + m.ready(b"E"))
    assert not talk.outcomes


def test_a_refused_parse_takes_the_rest_of_its_group_with_it():
    talk = Dialogue(deny_drops)
    talk.caller_says(m.parse("", "DROP TABLE customers"), describe("S"), m.message(b"H"))
    talk.server_hears(m.parse("vedette_refused", REFUSED))
    talk.server_says(syntax_error())
    talk.caller_hears(m.refusal(NOT_HERE))
    talk.caller_says(bind(), execute(), m.sync())
    talk.server_hears(m.sync())
    talk.server_says(m.ready())
    talk.caller_hears(m.ready())
    talk.caller_says(m.query("SELECT 1"))
    talk.server_hears(m.query("SELECT 1"))


def test_a_pipeline_goes_on_behind_the_sync_of_a_refusal():
    talk = Dialogue(deny_drops)
    good = m.parse("", "SELECT 1") + bind() + execute() + m.sync()
    bad = m.parse("", "DROP TABLE customers") + bind() + execute() + m.sync()
    talk.caller_says(bad + good)
    talk.server_hears(m.parse("vedette_refused", REFUSED), m.sync(), good)
    talk.server_says(
        syntax_error() + m.ready() + PARSED + BOUND + row(b"1") + complete("SELECT 1") + m.ready()
    )
    talk.caller_hears(
        m.refusal(NOT_HERE), m.ready(), PARSED, BOUND, row(b"1"), complete("SELECT 1"), m.ready()
    )


def test_a_bind_is_judged_with_its_values():
    talk = Dialogue(lambda draft: NOT_HERE if draft.parameters == (b"13",) else Allow("test"))
    talk.caller_says(m.parse("s", "SELECT $1"), bind("", "s", b"13"), execute(), m.sync())
    talk.server_hears(m.parse("s", "SELECT $1"), m.parse("vedette_refused", REFUSED), m.sync())
    talk.server_says(PARSED + syntax_error() + m.ready())
    talk.caller_hears(PARSED, m.refusal(NOT_HERE), m.ready())


def test_a_masked_column_is_hidden_whatever_it_is_called():
    talk = Dialogue(masks=(SSN,))
    talk.caller_says(m.query("SELECT ssn AS harmless FROM customers"))
    head = described(("harmless", 16400, 4, 25))
    talk.server_says(head + row(b"123-45-6789") + complete("SELECT 1") + m.ready())
    assert b"6789" not in talk.down
    assert talk.down.startswith(head)
    assert talk.outcomes[0].masked


def test_the_second_execution_of_a_prepared_statement_is_masked_too():
    talk = Dialogue(masks=(SSN,))
    text = "SELECT ssn FROM customers"
    talk.caller_says(m.parse("s", text), describe("S", "s"), m.sync())
    talk.server_says(PARSED + NO_PARAMETERS + described(SSN_COLUMN) + m.ready())
    for _ in range(2):
        talk.up = talk.down = b""
        talk.caller_says(bind("", "s"), execute(), m.sync())
        talk.server_hears(bind("", "s"), execute(), m.sync())
        talk.server_says(BOUND + row(b"123-45-6789") + complete("SELECT 1") + m.ready())
        assert b"6789" not in talk.down
        assert talk.down.startswith(BOUND + b"D")


def test_columns_that_nobody_asked_about_are_asked_about():
    talk = Dialogue(masks=(SSN,))
    text = "SELECT ssn FROM customers"
    talk.caller_says(m.parse("", text), bind(), execute(), m.sync())
    talk.server_hears(m.parse("", text), bind(), m.describe_portal(b""), execute(), m.sync())
    talk.server_says(
        PARSED + BOUND + described(SSN_COLUMN) + row(b"123-45-6789") + complete("SELECT 1") + m.ready()
    )
    assert b"6789" not in talk.down
    assert b"T" not in {talk.down[n : n + 1] for n in (0, 5, 10)}
    assert talk.down.startswith(PARSED + BOUND + b"D")


def test_a_name_given_twice_is_judged_for_both():
    """The second Parse fails in the server, which then runs the first: both must be allowed."""
    talk = Dialogue(
        lambda draft: NOT_HERE if draft.kind == "execute" and "DELETE" in draft.text else Allow("test")
    )
    talk.caller_says(m.parse("s", "DELETE FROM customers WHERE id = 1"), m.sync())
    talk.server_says(PARSED + m.ready())
    talk.caller_says(m.parse("s", "SELECT 1"), m.sync(), bind("", "s"))
    assert talk.up.endswith(m.parse("vedette_refused", REFUSED))


def test_a_statement_that_failed_to_parse_is_forgotten():
    talk = Dialogue()
    talk.caller_says(m.parse("s", "SELECT 1"), m.sync())
    talk.server_says(m.error("42P05", "exists") + m.ready())
    talk.up = b""
    talk.caller_says(bind("", "s"))
    talk.server_hears(m.parse("vedette_refused", REFUSED))


def test_sql_prepare_is_judged_again_by_what_it_prepared():
    talk = Dialogue(lambda draft: NOT_HERE if draft.text.startswith("EXECUTE") else Allow("test"))
    talk.caller_says(m.query("PREPARE p AS DELETE FROM customers"))
    talk.server_says(complete("PREPARE") + m.ready())
    talk.caller_says(m.query("EXECUTE p"))
    facts = talk.facts(talk.drafts[-1])
    assert facts.unscoped
    assert ("delete", "public.customers") in {(t.effect.value, t.object) for t in facts.touches}


def test_a_cursor_that_sql_made_is_described_before_its_rows():
    talk = Dialogue(masks=(SSN,))
    talk.caller_says(m.query("DECLARE c CURSOR FOR SELECT ssn FROM customers"))
    talk.server_says(complete("DECLARE CURSOR") + m.ready(b"T"))
    talk.up = talk.down = b""
    talk.caller_says(execute("c"), m.sync())
    talk.server_hears(m.describe_portal(b"c"), execute("c"), m.sync())
    talk.server_says(described(SSN_COLUMN) + row(b"123-45-6789") + complete("SELECT 1") + m.ready(b"T"))
    assert b"6789" not in talk.down


def test_an_error_that_may_quote_a_masked_value_is_withheld():
    talk = Dialogue(masks=(SSN,))
    talk.caller_says(m.query("SELECT ssn::int FROM customers"))
    talk.server_says(m.error("22P02", 'invalid input syntax for type integer: "123-45-6789"') + m.ready())
    assert b"6789" not in talk.down
    assert b"22P02" in talk.down


def test_notices_and_notifications_pass_the_content_masks():
    talk = Dialogue(masks=(MaskRule("mail", "redact", entities=frozenset({"email"})),))
    talk.server_says(m.message(b"A", b"\0\0\0\1" + m.cstring("news") + m.cstring("from ada@example.com")))
    talk.server_says(m.notice("mail bob@example.org"))
    assert b"example" not in talk.down


def test_a_description_of_an_unknown_table_hides_the_column():
    talk = Dialogue(masks=(SSN,))
    talk.caller_says(m.query("SELECT a FROM made_just_now"))
    talk.server_says(described(("a", 99999, 1, 25)) + row(b"123-45-6789") + complete("SELECT 1") + m.ready())
    assert b"6789" not in talk.down


def test_a_row_limit_ends_the_result_and_tells_the_server_to_stop():
    limit = Allow("test", limits=(Limit("few", rows=2),))
    talk = Dialogue(lambda draft: limit)
    talk.caller_says(m.query("SELECT id FROM customers"))
    talk.server_says(described(("id", 16400, 1, 23)) + row(b"1") + row(b"2"))
    talk.down = b""
    talk.server_says(row(b"3") + row(b"4"))
    assert talk.down.startswith(b"E")
    assert b"53400" in talk.down
    assert talk.interrupts == 1
    talk.down = b""
    talk.server_says(row(b"5") + m.error("57014", "canceling") + m.ready())
    talk.caller_hears(m.ready())
    assert len(talk.outcomes) == 1


def test_rows_larger_than_a_read_pass_without_being_kept():
    talk = Dialogue()
    talk.caller_says(m.query("SELECT big"))
    big = row(b"x" * (3 << 20))
    whole = described(("big", 0, 0, 25)) + big + complete("SELECT 1") + m.ready()
    for at in range(0, len(whole), 65536):
        talk.server_says(whole[at : at + 65536])
        assert not talk.relay.responses._parts or len(talk.relay.responses._parts[0]) < 65536
    talk.caller_hears(whole)


def test_a_row_too_large_to_mask_ends_the_session():
    talk = Dialogue(masks=(SSN,))
    talk.caller_says(m.query("SELECT ssn FROM customers"))
    with pytest.raises(ProtocolError, match=r"can be masked|have to be opened"):
        talk.server_says(described(SSN_COLUMN) + row(b"x" * (2 << 20))[:70000])
    assert b"xxx" not in talk.down


# --- COPY ---------------------------------------------------------------------------------------

COPY_IN = m.message(b"G", b"\0\0\0")
COPY_OUT = m.message(b"H", b"\0\0\1\0\0")
COPY_DONE = m.message(b"c")


def data(payload: bytes) -> bytes:
    return m.message(b"d", payload)


def test_copy_in_streams_behind_its_verdict():
    talk = Dialogue()
    talk.caller_says(m.query("COPY customers FROM STDIN"))
    talk.server_says(COPY_IN)
    talk.up = b""
    talk.caller_says(data(b"1\tada\n"), data(b"2\tbob\n"), COPY_DONE)
    talk.server_hears(data(b"1\tada\n"), data(b"2\tbob\n"), COPY_DONE)
    talk.server_says(complete("COPY 2") + m.ready())
    talk.caller_hears(COPY_IN, complete("COPY 2"), m.ready())


def test_the_sync_that_a_copy_swallows_is_not_waited_for():
    """libpq sends Sync with the Execute, and another behind the data."""
    talk = Dialogue()
    group = m.parse("", "COPY customers FROM STDIN") + bind() + execute() + m.sync()
    talk.caller_says(group)
    talk.server_says(PARSED + BOUND + COPY_IN)
    talk.caller_says(data(b"1\n"), COPY_DONE, m.sync())
    talk.server_says(complete("COPY 1") + m.ready())
    assert not talk.exchange.pending
    talk.caller_says(m.query("SELECT 1"))
    talk.server_says(complete("SELECT 0") + m.ready())


def test_a_copy_that_fails_at_once_leaves_its_data_unread():
    talk = Dialogue()
    talk.caller_says(m.query("COPY nothing FROM STDIN"))
    talk.server_says(m.error("42P01", "no such table") + m.ready())
    talk.up = b""
    talk.caller_says(data(b"1\n"), COPY_DONE, m.query("SELECT 1"))
    talk.server_hears(m.query("SELECT 1"))


def test_a_query_in_the_middle_of_a_copy_ends_the_session():
    talk = Dialogue()
    talk.caller_says(m.query("COPY customers FROM STDIN"))
    with pytest.raises(ProtocolError, match="middle of a COPY"):
        talk.caller_says(m.query("DROP TABLE customers"))


def test_copy_data_without_a_copy_ends_the_session():
    with pytest.raises(ProtocolError, match="without a COPY"):
        Dialogue().caller_says(data(b"1\n"))


def test_copy_out_of_a_table_is_masked_by_its_columns():
    talk = Dialogue(masks=(SSN,))
    talk.caller_says(m.query("COPY customers (name, ssn) TO STDOUT"))
    talk.server_says(COPY_OUT + data(b"ada\t123-45-6789\n") + COPY_DONE + complete("COPY 1") + m.ready())
    assert b"6789" not in talk.down
    assert b"ada\t" in talk.down
    assert talk.down.endswith(COPY_DONE + complete("COPY 1") + m.ready())


def test_copy_of_a_query_is_described_first():
    talk = Dialogue(masks=(SSN,))
    text = "COPY (SELECT name, ssn FROM customers) TO STDOUT"
    talk.caller_says(m.query(text))
    assert talk.up.endswith(m.query(text))
    assert b"SELECT name, ssn FROM customers\0" in talk.up.removesuffix(m.query(text))
    talk.server_says(
        CLOSED + PARSED + NO_PARAMETERS + described(NAME_COLUMN, SSN_COLUMN) + CLOSED + m.ready()
    )
    talk.caller_hears()
    talk.server_says(COPY_OUT + data(b"ada\t123-45-6789\n") + COPY_DONE + complete("COPY 1") + m.ready())
    assert b"6789" not in talk.down


# --- bytes that make no sense -------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad",
    [
        b"Q\0\0\0\3",
        b"Q\0\0\0\5x",
        b"Q\0\0\0\7a\0b",
        b"z\0\0\0\4",
        b"\0\0\0\0\4",
        b"p\0\0\0\5\0",
        b"P\0\0\0\4",
        b"P" + b"\0\0\0\x0c" + b"\0" + b"SELECT\0",
        b"B\0\0\0\4",
        b"B\0\0\0\x0c\0\0\0\0\xff\xff\0\0",
        b"D\0\0\0\6X\0",
        b"D\0\0\0\5S",
        b"E\0\0\0\5\0",
        b"C\x7f\xff\xff\xff",
        b"c\0\0\0\4",
    ],
)
def test_garbage_from_the_caller_ends_the_session(bad):
    talk = Dialogue()
    with pytest.raises(ProtocolError):
        talk.caller_says(bad)
    talk.server_hears()


@pytest.mark.parametrize(
    "bad",
    [
        row(b"1"),
        m.ready(),
        PARSED,
        b"D\0\0\0\3",
        m.message(b"V", b"\xff\xff\xff\xff"),
        m.message(b"W", b"\0\0\0"),
        m.message(b"R", b"\0\0\0\0"),
        m.message(b"Z", b"X"),
        m.parameter_status("client_encoding", "SJIS"),
        m.parameter_status("standard_conforming_strings", "off"),
        m.message(b"E", b"Sno end"),
    ],
)
def test_garbage_from_the_server_ends_the_session(bad):
    talk = Dialogue()
    with pytest.raises(ProtocolError):
        talk.server_says(bad)


def test_rows_without_a_description_under_a_mask_end_the_session():
    talk = Dialogue(masks=(SSN,))
    talk.caller_says(m.parse("", "SELECT ssn FROM customers"), bind(), execute(), m.sync())
    with pytest.raises(ProtocolError):
        talk.server_says(PARSED + BOUND + row(b"123-45-6789"))
    assert b"6789" not in talk.down


def test_a_server_that_accepts_what_it_had_to_refuse_ends_the_session():
    talk = Dialogue(deny_drops)
    talk.caller_says(m.query("DROP TABLE customers"))
    with pytest.raises(ProtocolError):
        talk.server_says(complete("DROP TABLE"))


def test_an_oversize_statement_is_refused_and_the_session_goes_on():
    talk = Dialogue(statement_cap=1000)
    big = m.query("SELECT '" + "x" * 5000 + "'")
    for at in range(0, len(big), 700):
        talk.caller_says(big[at : at + 700])
    assert "limit of 1000 bytes" in talk.drafts[0].problem
    talk.server_hears(m.query(REFUSED))
    talk.server_says(syntax_error() + m.ready())
    talk.up = b""
    talk.caller_says(m.query("SELECT 1"))
    talk.server_hears(m.query("SELECT 1"))


def test_a_function_call_message_is_refused():
    talk = Dialogue()
    talk.caller_says(m.message(b"F", b"\0\0\0\1\0\0\0\0\0\0"))
    talk.server_hears(m.query(REFUSED))


def test_text_that_is_not_utf8_is_refused():
    talk = Dialogue()
    talk.caller_says(m.message(b"Q", b"SELECT '\xff'\0"))
    talk.server_hears(m.query(REFUSED))


# --- what names mean ----------------------------------------------------------------------------


def test_a_changed_search_path_is_asked_for_before_the_caller_goes_on():
    from vedette.protocols.postgres.probe import PROBE

    talk = Dialogue()
    talk.caller_says(m.query("SET search_path = audit"))
    assert talk.exchange.state.search_path == ()
    talk.up = b""
    talk.server_says(complete("SET") + m.ready())
    talk.caller_hears(complete("SET"))
    talk.server_hears(m.query(PROBE))
    probed = described(("a", 0, 0, 25), ("b", 0, 0, 19), ("c", 0, 0, 19))
    talk.server_says(
        probed + row(b"pg_catalog\x1faudit", b"app", b"agent") + complete("SELECT 1") + m.ready()
    )
    talk.caller_hears(m.ready())
    assert talk.exchange.state.search_path == ("pg_catalog", "audit")


def test_a_transaction_that_changed_a_view_is_told_so_to_the_judge():
    """Nobody but the session sees the new definition before it is committed."""
    talk = Dialogue()
    talk.caller_says(m.query("BEGIN"))
    talk.server_says(complete("BEGIN") + m.ready(b"T"))
    talk.caller_says(m.query("CREATE OR REPLACE VIEW v AS SELECT ssn AS harmless FROM customers"))
    talk.caller_says(m.query("SELECT harmless FROM v"))
    assert [draft.altered for draft in talk.drafts] == [False, False, True]


def test_a_table_made_in_the_transaction_changes_nothing_else():
    talk = Dialogue()
    talk.caller_says(m.query("CREATE TABLE t (a int)"))
    talk.caller_says(m.query("INSERT INTO t VALUES (1)"))
    assert not talk.drafts[-1].altered


def test_rows_behind_the_end_of_a_result_need_a_description_of_their_own():
    talk = Dialogue(masks=(SSN,))
    talk.caller_says(m.query("SELECT ssn FROM customers"))
    with pytest.raises(ProtocolError, match="without a description"):
        talk.server_says(described(SSN_COLUMN) + complete("SELECT 0") + row(b"123-45-6789"))
    assert b"6789" not in talk.down


def test_copy_data_that_no_copy_began_ends_the_session():
    talk = Dialogue(masks=(SSN,))
    talk.caller_says(m.query("SELECT ssn FROM customers"))
    with pytest.raises(ProtocolError, match="without beginning a COPY"):
        talk.server_says(data(b"123-45-6789"))
    assert b"6789" not in talk.down


@pytest.mark.parametrize("tag", [b"S", b"H", b"X", b"c"])
def test_a_message_that_holds_nothing_smuggles_nothing(tag):
    """Found by the fuzzer: a Sync with a body went up as it was."""
    dialogue = Dialogue()
    with pytest.raises(ProtocolError, match="nothing reads"):
        dialogue.caller_says(m.message(tag, b"DROP TABLE customers\0"))
    assert dialogue.up == b""
