"""Every kind of type, in the bytes PostgreSQL 16 sends for it (data/pg16.json, made from cases.py)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.masking.cases import CARD, CASES, EMAIL, SSN
from tests.masking.rows import cells_of, row
from vedette.masking import Output, Tally, plan, rewrite
from vedette.model import MaskRule

RECORDED = json.loads((Path(__file__).parent / "data" / "pg16.json").read_text())
CONTENT = MaskRule("personal-data", entities=frozenset({"personal", "secrets"}))
STRATEGIES = ("redact", "partial", "hash", "null")
SECRETS = [
    value.encode() for value in (EMAIL, CARD, SSN, "janeu0040", "192.168.17.4", "10.1.2.3", "2001:db8")
]
# As int8, as digits of a numeric, as float8, as hex of bytea.
SECRETS += [int(CARD).to_bytes(8, "big"), bytes.fromhex("1007045704570457"), EMAIL.encode().hex().encode()]

BOTH = [
    pytest.param(case, binary, id=f"{case['sql'][:40]}-{'binary' if binary else 'text'}")
    for case in RECORDED
    for binary in (False, True)
]


def masked(case, binary, rule, label="x", column="x"):
    raw = bytes.fromhex(case["binary" if binary else "text"])
    output = Output(label, "public.t", column, case["oid"], binary)
    made = plan([output], [rule], b"key")
    if made is None:
        return raw, raw
    [[new]] = cells_of(rewrite(made, row(raw), Tally()))
    return raw, new


@pytest.mark.parametrize(("case", "binary"), BOTH)
def test_content_rules_hide_what_is_planted_and_nothing_else(case, binary):
    raw, new = masked(case, binary, CONTENT)

    if case["planted"]:
        assert new != raw
        assert new is None or not any(secret in new for secret in SECRETS)
    elif (case["oid"] >= 16384 or case["oid"] == 3926) and binary:
        assert new in (raw, None)
    else:
        assert new == raw


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(("case", "binary"), BOTH)
def test_column_rules_hide_every_value(case, binary, strategy):
    raw, new = masked(case, binary, MaskRule("columns", strategy, columns=("public.t.x",)))

    if raw not in (b"{}", bytes.fromhex("000000000000000000000019")):
        assert new != raw
    assert new is None or not any(secret in new for secret in SECRETS)


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case["sql"][:40])
def test_a_hash_is_the_same_in_both_formats(case):
    rule = MaskRule("columns", "hash", columns=("public.t.x",))
    text, binary = masked(case, False, rule)[1], masked(case, True, rule)[1]

    assert (text is None) == (binary is None)
    if case["oid"] in (20, 23):
        assert int(text) == int.from_bytes(binary, "big")
    if case["oid"] in (25, 1043, 114):
        assert text == binary


def test_the_recording_has_every_case():
    assert [(case["sql"], case["planted"]) for case in RECORDED] == [tuple(case) for case in CASES]


@pytest.mark.live
def test_the_server_takes_every_masked_value_back(pg16, database):
    """A masked value is a valid value of its type: the server itself says so."""
    psycopg = pytest.importorskip("psycopg")
    rules = [MaskRule("columns", strategy, columns=("public.t.x",)) for strategy in STRATEGIES]
    with psycopg.connect(pg16.dsn(database), autocommit=True) as connection:
        connection.execute("create type mood as enum ('happy', 'sad')")
        connection.execute("create domain mail as text")
        for case in CASES:
            for binary in (False, True):
                read = connection.pgconn.exec_params(
                    f"select {case.sql}".encode(), None, result_format=int(binary)
                )
                here = {"oid": read.ftype(0), "binary" if binary else "text": read.get_value(0, 0).hex()}
                for rule in (*rules, CONTENT):
                    _, new = masked(here, binary, rule)
                    if new is None or read.ftype(0) == 2249:
                        continue
                    back = connection.pgconn.exec_params(
                        b"select $1", [new], [read.ftype(0)], [int(binary)], result_format=0
                    )
                    assert not back.error_message, (case.sql, binary, rule, new)
