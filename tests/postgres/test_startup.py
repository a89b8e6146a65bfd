"""First packets: what is read, what is refused, and that nothing else ever happens."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.protocols.postgres import messages
from vedette.protocols.postgres.messages import PROTOCOL_3_0, PROTOCOL_3_2, ProtocolError
from vedette.protocols.postgres.startup import (
    CancelRequest,
    GssRequest,
    SslRequest,
    Startup,
    StartupRefused,
    negotiate,
    packet_length,
    read_packet,
    split_options,
)


def opening(version: int = PROTOCOL_3_0, **given: str) -> bytes:
    return messages.startup({"user": "ada", **given}, version)


def raw(*strings: bytes, end: bytes = b"\0", version: int = PROTOCOL_3_0) -> bytes:
    body = b"".join(s + b"\0" for s in strings) + end
    return struct.pack("!II", 8 + len(body), version) + body


def read(**given: str) -> Startup:
    found = read_packet(opening(**given))
    assert isinstance(found, Startup)
    return found


def refused(**given: str) -> StartupRefused:
    with pytest.raises(StartupRefused) as no:
        read_packet(opening(**given))
    return no.value


def test_encryption_requests():
    assert read_packet(struct.pack("!II", 8, messages.SSL_REQUEST)) == SslRequest()
    assert read_packet(struct.pack("!II", 8, messages.GSSENC_REQUEST)) == GssRequest()


def test_cancel_requests_of_both_protocols():
    assert read_packet(messages.cancel_request(7, b"abcd")) == CancelRequest(7, b"abcd")
    assert read_packet(messages.cancel_request(7, b"k" * 256)) == CancelRequest(7, b"k" * 256)


@pytest.mark.parametrize("size", [0, 3, 257])
def test_cancel_keys_of_no_protocol(size):
    with pytest.raises(ProtocolError):
        read_packet(messages.cancel_request(7, b"k" * size))


def test_a_cancel_key_is_in_no_repr():
    assert "abcd" not in repr(CancelRequest(7, b"abcd"))


def test_what_libpq_sends():
    found = read(
        database="appdb", application_name="psql", client_encoding="UTF8", DateStyle="ISO", TimeZone="UTC"
    )

    assert (found.user, found.database) == ("ada", "appdb")
    assert found.settings == {"application_name": "psql", "datestyle": "ISO", "timezone": "UTC"}
    assert (found.version, found.told, found.login) == (PROTOCOL_3_0, b"", "")


def test_the_user_stands_for_a_database_that_is_not_named():
    assert read().database == "ada"


def test_nobody():
    for packet in (raw(), raw(b"user", b""), raw(b"database", b"appdb")):
        with pytest.raises(StartupRefused) as no:
            read_packet(packet)
        assert (no.value.sqlstate, no.value.code) == ("28000", "startup.user")


@pytest.mark.parametrize("spelling", ["UTF8", "utf-8", "'utf-8'", "Unicode", "UTF_8"])
def test_utf8_in_its_spellings(spelling):
    assert "client_encoding" not in read(client_encoding=spelling).settings


@pytest.mark.parametrize("other", ["LATIN1", "SJIS", "SQL_ASCII", "auto", "", "ｕtf8"])
def test_other_encodings_are_refused(other):
    assert (refused(client_encoding=other).sqlstate, refused(client_encoding=other).code) == (
        "22023",
        "startup.encoding",
    )


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("replication", "true", "startup.replication"),
        ("replication", "database", "startup.replication"),
        ("standard_conforming_strings", "off", "startup.strings"),
        ("role", "postgres", "startup.parameter"),
        ("session_authorization", "postgres", "startup.parameter"),
        ("Session_Preload_Libraries", "x", "startup.parameter"),
        ("default_transaction_read_only", "off", "startup.parameter"),
        ("options", "-c role=postgres", "startup.parameter"),
        ("options", "-c client_encoding=SJIS", "startup.encoding"),
        ("options", "-crole=postgres", "startup.parameter"),
        ("options", "--role=postgres", "startup.parameter"),
        ("options", "--standard-conforming-strings=off", "startup.strings"),
        ("options", "-c user=root", "startup.parameter"),
        ("options", "-c", "startup.options"),
        ("options", "-c jit", "startup.options"),
        ("options", "-c =on", "startup.options"),
        ("options", "-e", "startup.options"),
        ("options", "-d5", "startup.options"),
        ("options", "on", "startup.options"),
        ("options", "-c vedette.login=root", "startup.login"),
        ("options", "-c jit=on -c JIT=off", "startup.twice"),
        ("application_name", "a\x1b[2J", "startup.text"),
        ("application_name", "a\nb", "startup.text"),
        ("application_name", "a\u009bb", "startup.text"),
    ],
)
def test_what_does_not_pass(name, value, code):
    assert refused(**{name: value}).code == code


def test_duplicates_are_refused_however_they_are_spelt():
    for packet in (
        raw(b"user", b"ada", b"user", b"root"),
        raw(b"user", b"ada", b"USER", b"root"),
        raw(b"user", b"ada", b"DateStyle", b"ISO", b"datestyle", b"SQL"),
        raw(b"user", b"ada", b"jit", b"on", b"options", b"-c jit=off"),
        raw(b"user", b"ada", b"options", b"-c jit=off", b"options", b"-c geqo=off"),
    ):
        with pytest.raises(StartupRefused) as no:
            read_packet(packet)
        assert no.value.code == "startup.twice"


def test_options_are_settings():
    found = read(
        options=r"-c statement_timeout=5s --search-path=a,\ b -clock_timeout=1 -c vedette.login=oauth"
    )

    assert found.settings == {"statement_timeout": "5s", "search_path": "a, b", "lock_timeout": "1"}
    assert found.login == "oauth"


def test_options_split_as_the_server_splits_them():
    assert split_options(r"-c  a=b\\c\ d   --e-f=") == [("a", r"b\c d"), ("e_f", "")]
    assert split_options("") == split_options("   ") == []


def test_text_that_is_not_utf8_is_refused():
    with pytest.raises(StartupRefused) as no:
        read_packet(raw(b"user", b"\xff\xfe"))
    assert no.value.code == "startup.text"


def test_a_refusal_shows_no_more_than_a_glimpse():
    assert len(refused(**{"x" * 9000: "y"}).reason) < 200


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\0" * 7,
        struct.pack("!II", 8, PROTOCOL_3_0),  # no list at all
        raw(b"user", end=b""),
        raw(b"user", b"ada", end=b""),
        raw(b"user", b"ada", end=b"\0x"),
        raw(b"user", b"ada", end=b"\0\0"),
        struct.pack("!II", 9, messages.SSL_REQUEST) + b"x",
        struct.pack("!II", 8, 2 << 16),
        struct.pack("!II", 8, 4 << 16),
        struct.pack("!II", 200, PROTOCOL_3_0) + b"\0",
        struct.pack("!II", 4, PROTOCOL_3_0),
        b"GET / HTTP/1.1\r\n",
    ],
)
def test_lies_and_other_protocols(packet):
    with pytest.raises(ProtocolError):
        read_packet(packet)


@pytest.mark.parametrize("length", [0, 4, 7, 10_001, 0x7FFFFFFF, 0xFFFFFFFF])
def test_lengths_are_bounded_before_anything_is_read(length):
    with pytest.raises(ProtocolError):
        packet_length(struct.pack("!II", length, PROTOCOL_3_0))


def test_a_million_parameters_do_not_fit():
    packet = raw(b"user", b"ada", *[b"a", b"b"] * 1_000_000)
    with pytest.raises(ProtocolError):
        packet_length(packet)
    with pytest.raises(ProtocolError):
        read_packet(packet)


def test_as_many_as_fit_are_refused_for_what_they_are():
    with pytest.raises(StartupRefused):
        read_packet(raw(*[b"a", b""] * 3000))


@pytest.mark.parametrize(
    ("asked", "spoken", "told"),
    [
        (0x30000, PROTOCOL_3_0, b""),
        (0x30001, PROTOCOL_3_0, negotiate(PROTOCOL_3_0, [])),
        (0x30002, PROTOCOL_3_2, b""),
        (0x30003, PROTOCOL_3_2, negotiate(PROTOCOL_3_2, [])),
        (0x3FFFF, PROTOCOL_3_2, negotiate(PROTOCOL_3_2, [])),
    ],
)
def test_versions_are_negotiated_downwards(asked, spoken, told):
    found = read_packet(opening(asked))
    assert isinstance(found, Startup)
    assert (found.version, found.told) == (spoken, told)


def test_options_of_protocols_to_come_are_named_back():
    found = read_packet(opening(PROTOCOL_3_2, **{"_pq_.speed": "max", "_pq_.x": ""}))

    assert found.told == b"v" + struct.pack("!iII", 4 + 8 + 18, PROTOCOL_3_2, 2) + b"_pq_.speed\0_pq_.x\0"


WORDS = st.sampled_from(
    [b"user", b"ada", b"options", b"-c a=b", b"_pq_.x", b"", b"\xff", b"replication", b"DateStyle", b"\n"]
)
PACKETS = st.one_of(
    st.binary(max_size=40),
    st.tuples(
        st.sampled_from([PROTOCOL_3_0, PROTOCOL_3_2, messages.CANCEL_REQUEST, messages.SSL_REQUEST, 0x30009]),
        st.binary(max_size=40),
    ).map(lambda pair: struct.pack("!II", 8 + len(pair[1]), pair[0]) + pair[1]),
    st.lists(WORDS, max_size=8).map(lambda words: raw(*words)),
)


@given(PACKETS)
def test_any_bytes_are_read_or_refused(packet):
    try:
        read_packet(packet)
    except (ProtocolError, StartupRefused) as no:
        assert str(no)


@given(st.text(alphabet="-c=a \\b.", max_size=30))
def test_any_options_are_split_or_refused(options):
    try:
        for name, _ in split_options(options):
            assert name
    except StartupRefused as no:
        assert no.code == "startup.options"
