"""SCRAM both ways: the RFC's own example, every way to be wrong, and totality."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.protocols.postgres import scram
from vedette.protocols.postgres.scram import PLAIN, PLUS, Client, ScramError, Server

# RFC 7677 section 3, with the user name that PostgreSQL ignores.
PASSWORD = "pencil"
SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
SERVER_FIRST = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
BINDING = bytes(range(32))


def client(**more) -> Client:
    return Client(**{"binding": None, "plus": False, **more})


def server(password: str = PASSWORD, **more) -> Server:
    record = scram.verifier(password, salt=SALT)
    return Server(record, **{"binding": None, **more})


def converse(one: Client, other: Server, password: str = PASSWORD) -> bytes | None:
    challenge = other.first(one.mechanism, one.first())
    salt, iterations = one.challenge(challenge)
    return other.final(one.final(scram.salted(password, salt, iterations)))


def test_the_example_of_rfc_7677_in_its_own_bytes():
    talk = Server(scram.verifier(PASSWORD, salt=SALT), binding=None, nonce="%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")

    assert talk.first(PLAIN, b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO") == SERVER_FIRST
    answer = talk.final(
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )

    assert answer == b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


@pytest.mark.parametrize("binding", [None, BINDING])
def test_both_parts_agree(binding):
    one = client(binding=binding, plus=binding is not None)
    final = converse(one, server(binding=binding))

    assert final is not None
    one.verify(final)
    assert one.mechanism == (PLUS if binding else PLAIN)


def test_a_wrong_password_is_not_an_error_but_no():
    assert converse(client(), server(), password="pen") is None


def test_a_user_that_does_not_exist_fails_at_the_end_and_not_before():
    record = scram.mock("nobody", b"k" * 32)

    assert converse(client(), Server(record, binding=None, doomed=True)) is None


def test_even_the_right_proof_fails_where_the_user_is_a_mock():
    assert converse(client(), server(doomed=True)) is None


def test_a_mock_shows_the_same_salt_each_time_and_another_to_another_name():
    assert scram.mock("a", b"k" * 32) == scram.mock("a", b"k" * 32)
    assert scram.mock("a", b"k" * 32).salt != scram.mock("b", b"k" * 32).salt
    assert len(scram.mock("a", b"k" * 32).salt) == len(scram.verifier("x").salt)


def test_a_server_that_does_not_know_the_password_is_found_out():
    one = client()
    converse(one, server())

    with pytest.raises(ScramError, match="does not know"):
        one.verify(b"v=" + base64.b64encode(b"x" * 32))


def test_a_server_may_not_prove_itself_before_we_did():
    with pytest.raises(ScramError, match="before ours"):
        client().verify(b"v=" + base64.b64encode(b""))


def test_two_ends_of_different_tls_sessions_do_not_agree():
    with pytest.raises(ScramError, match="channel binding does not match"):
        converse(client(binding=BINDING, plus=True), server(binding=BINDING[::-1]))


def test_a_struck_offer_of_plus_is_noticed_by_the_server():
    with pytest.raises(ScramError, match="removed on its way"):
        converse(client(binding=BINDING, plus=False), server(binding=BINDING))


def test_a_client_without_binding_may_use_the_plain_mechanism_over_tls():
    assert converse(client(), server(binding=BINDING)) is not None


@pytest.mark.parametrize(
    "count", [b"0", b"1", b"4095", b"1000001", b"9" * 10, b"9" * 400, b"-1", b"4096 ", b"", b"0x10"]
)
def test_iterations_from_a_server_are_bounded(count):
    one = client(nonce="abc")
    with pytest.raises(ScramError):
        one.challenge(b"r=abcdef,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=" + count)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"r=abc",
        b"r=abcd,s=AA==",
        b"r=abcd,i=4096,s=AA==",
        b"r=abc,s=AAAA,i=4096",
        b"r=xyz,s=AAAA,i=4096",
        b"r=abcd,s=,i=4096",
        b"r=abcd,s=A,i=4096",
        b"m=x,r=abcd,s=AAAA,i=4096",
        b"r=abcd,s=AAAA,i=4096,m=x",
        b"r=abcd,s=AAAA,i=4096,",
        b"r=abc\x00d,s=AAAA,i=4096",
        b"e=other-error",
        b"r=abc" + b"d" * 2000 + b",s=AAAA,i=4096",
        b"r=abcd,s=" + base64.b64encode(b"s" * 1025) + b",i=4096",
    ],
)
def test_malformed_challenges_are_refused(message):
    with pytest.raises(ScramError):
        client(nonce="abc").challenge(message)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"n",
        b"n,",
        b"n,,",
        b"n,a=root,n=,r=abc",
        b"n,,r=abc",
        b"n,,n=",
        b"n,,n=,r=",
        b"n,,n=,r=a b",
        b"x,,n=,r=abc",
        b"p=tls-unique,,n=,r=abc",
        b"p=tls-server-end-point,,n=,r=abc",
        b"n,,m=x,n=,r=abc",
        b"n,,n=,r=abc,m=x",
        b"n,,n=,r=" + b"a" * 1025,
        b"n,,n=,r=\xff",
    ],
)
def test_malformed_openings_are_refused(message):
    with pytest.raises(ScramError):
        server().first(PLAIN, message)


def test_a_mechanism_that_was_not_offered_is_refused():
    with pytest.raises(ScramError, match="not offered"):
        server().first(PLUS, b"p=tls-server-end-point,,n=,r=abc")
    with pytest.raises(ScramError, match="not offered"):
        server().first("SCRAM-SHA-1", b"n,,n=,r=abc")


def test_the_password_is_in_no_repr_and_no_error():
    record = scram.verifier("correct horse")

    assert "stored_key" not in repr(record)
    assert "server_key" not in repr(record)


@pytest.mark.parametrize(
    ("given", "hashed"),
    [
        ("I\u00adX", "IX"),  # RFC 4013: soft hyphen maps to nothing
        ("USER", "USER"),
        ("\u00aa", "a"),  # NFKC
        ("\u2168", "IX"),
        ("a\u00a0b", "a b"),  # non-ASCII space maps to space
        ("x\u0007", "x\u0007"),  # prohibited in ASCII: as it is
        ("\u0627\u0031", "\u0627\u0031"),  # breaks the bidirectional rule: raw
        ("\u00ad", "\u00ad"),  # would be empty: raw
        ("é\u0007", "é\u0007"),
    ],
)
def test_passwords_are_prepared_as_postgresql_prepares_them(given, hashed):
    assert scram.prepare(given) == hashed.encode()


NASTY = st.one_of(
    st.binary(max_size=80),
    st.text(alphabet="nrcpvsiemy=,AZaz09+/ \x00", max_size=60).map(str.encode),
    st.lists(
        st.sampled_from(
            [
                b"n",
                b"y",
                b"r=abc",
                b"r=abcd",
                b"s=AAAA",
                b"i=4096",
                b"c=biws",
                b"p=AAAA",
                b"v=AAAA",
                b"m=",
                b"",
                b"n=",
                b"a=b",
                b"p=tls-server-end-point",
            ]
        ),
        max_size=6,
    ).map(b",".join),
)


@given(NASTY, NASTY, st.sampled_from([None, BINDING]), st.sampled_from([PLAIN, PLUS]))
def test_no_bytes_from_a_client_raise_anything_else(opening, proof, binding, mechanism):
    talk = Server(scram.mock("u", b"k"), binding=binding)
    try:
        talk.first(mechanism, opening)
        assert talk.final(proof) is None
    except ScramError:
        pass


@given(NASTY, NASTY)
def test_no_bytes_from_a_server_raise_anything_else(challenge, final):
    talk = client(nonce="abc")
    try:
        talk.challenge(challenge)
        talk.final(b"s" * 32)
    except ScramError:
        pass
    with pytest.raises(ScramError):
        talk.verify(final)
