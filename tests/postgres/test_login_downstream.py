"""The caller's login as a dialogue: every kind of evidence, every way to be turned away."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.model import Kind, Principal
from vedette.protocols.postgres import messages, scram
from vedette.protocols.postgres.login_downstream import (
    Arrival,
    Login,
    Plain,
    Refused,
    StartTls,
    Terms,
    doorstep,
    read_bearer,
    welcome,
)
from vedette.protocols.postgres.login_steps import (
    Certified,
    FindKey,
    Need,
    Peek,
    Proven,
    Quiet,
    Rejected,
    Send,
    Verify,
)
from vedette.protocols.postgres.messages import ProtocolError
from vedette.protocols.postgres.startup import CancelRequest
from vedette.protocols.postgres.wire import StuffedBytes

ADA = Principal("ada", Kind.AGENT)
SECRET = "vdt_abcdefgh_" + "k" * 32
RECORD = scram.verifier(SECRET)
TOKEN = "eyJhbGciOi.eyJzdWIi.c2ln"
BINDING = b"b" * 32


class Ended(Exception):
    """The caller says nothing more."""


class Dialogue:
    """Plays the caller and the identity part; the steps ask, it answers from what was said."""

    def __init__(self, said: bytes = b"", *, reject: Rejected | None = None, **terms) -> None:
        given = {"encrypted": True, "local": False, "knows": {"appdb"}.__contains__, "mock_key": b"m" * 32}
        self.arrival = Arrival(Terms(**{**given, **terms}))
        self.said = said
        self.heard = b""
        self.asked: list[object] = []
        self.reject = reject
        self.keys = {"ci": RECORD}
        self.certified: Principal | Rejected | None = None
        self.reply: Callable[[bytes], bytes] | None = None
        self.outcome: Login | CancelRequest | Refused | None = None

    def run(self) -> Dialogue:
        steps = self.arrival.talk()
        answer: object = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as end:
                self.outcome = end.value
                return self
            answer = self._answer(step)

    def _answer(self, step: object) -> object:
        match step:
            case Send(data):
                self.heard += data
                if self.reply is not None:
                    self.said += self.reply(data)
                return None
            case Need(size):
                if len(self.said) < size:
                    raise Ended
                found, self.said = self.said[:size], self.said[size:]
                return found
            case FindKey(user):
                self.asked.append(step)
                return self.keys.get(user)
            case Verify(token):
                self.asked.append(step)
                good = token == TOKEN and self.reject is None
                return ADA if good else self.reject or Rejected("identity.signature", "nobody made this")
            case Certified():
                self.asked.append(step)
                return self.certified
            case Proven():
                self.asked.append(step)
                return self.reject or ADA
        raise AssertionError(step)

    def refused(self) -> Refused:
        self.run()
        assert isinstance(self.outcome, Refused)
        assert self.heard.endswith(self.outcome.message())
        return self.outcome

    def let_in(self) -> Login:
        self.run()
        assert isinstance(self.outcome, Login), self.outcome
        return self.outcome


def opening(
    user: str = "anyone", database: str = "appdb", version: int = messages.PROTOCOL_3_0, **more
) -> bytes:
    return messages.startup({"user": user, "database": database, **more}, version)


def password(text: str) -> bytes:
    return messages.message(b"p", messages.cstring(text))


def first(mechanism: str, data: bytes) -> bytes:
    return messages.message(b"p", mechanism.encode() + b"\0" + struct.pack("!i", len(data)) + data)


def bearer(token: str = TOKEN) -> bytes:
    return first("OAUTHBEARER", f"n,,\x01auth=Bearer {token}\x01\x01".encode())


class Libpq:
    """Answers SCRAM requests as libpq does."""

    def __init__(self, secret: str = SECRET, binding: bytes | None = None, plus: bool = False) -> None:
        self.client = scram.Client(binding=binding, plus=plus)
        self.secret = secret
        self.proved = False

    def __call__(self, data: bytes) -> bytes:
        if data[:1] != b"R":
            return b""
        code, body = struct.unpack_from("!i", data, 5)[0], data[9:]
        if code == 10:
            return first(self.client.mechanism, self.client.first())
        if code == 11:
            salt, iterations = self.client.challenge(body)
            return messages.message(b"p", self.client.final(scram.salted(self.secret, salt, iterations)))
        if code == 12:
            self.client.verify(body)
            self.proved = True
        return b""


def key_login(user: str = "ci", libpq: Libpq | None = None, **more) -> Dialogue:
    talk = Dialogue(opening(user), **more)
    talk.reply = libpq or Libpq()
    return talk


# --- let in -------------------------------------------------------------------------------


def test_a_token_as_password():
    talk = Dialogue(opening(application_name="agent") + password(TOKEN))
    login = talk.let_in()

    assert (login.principal, login.resource, login.user, login.method) == (ADA, "appdb", "anyone", "token")
    assert login.settings == {"application_name": "agent"}
    assert talk.heard == messages.authentication(3)  # and no AuthenticationOk yet


def test_an_api_key_by_scram():
    libpq = Libpq()
    login = key_login(libpq=libpq).let_in()

    assert (login.principal, login.method) == (ADA, "key")
    assert libpq.proved


def test_an_api_key_bound_to_the_tls_session():
    libpq = Libpq(binding=BINDING, plus=True)
    login = key_login(libpq=libpq, binding=BINDING).let_in()

    assert libpq.client.mechanism == scram.PLUS
    assert login.method == "key"


@pytest.mark.parametrize("how", [{"user": "oauth"}, {"options": "-c vedette.login=oauth"}])
def test_a_bearer_token(how):
    login = Dialogue(opening(**how) + bearer()).let_in()

    assert (login.principal, login.method) == (ADA, "oauth")


def test_a_certificate_that_speaks_for_somebody_is_asked_nothing_more():
    talk = Dialogue(opening())
    talk.certified = ADA

    login = talk.let_in()

    assert (login.principal, login.method, talk.heard) == (ADA, "certificate", b"")


def test_a_certificate_that_speaks_for_nobody_is_not_asked_for_a_password():
    talk = Dialogue(opening() + password(TOKEN))
    talk.certified = Rejected("identity.certificate", "nobody here")

    refused = talk.refused()

    assert (refused.code, refused.sqlstate) == ("identity.certificate", "28000")
    assert not any(isinstance(step, Verify) for step in talk.asked)


def test_the_name_of_a_key_asks_for_the_key_whatever_certificate_is_there():
    talk = Dialogue(opening("ci"))
    talk.certified = ADA
    with pytest.raises(Ended):
        talk.run()
    assert b"SCRAM-SHA-256" in talk.heard


def test_who_insists_on_a_token_is_asked_for_one_whatever_certificate_is_there():
    talk = Dialogue(opening(options="-c vedette.login=token") + password(TOKEN))
    talk.certified = Rejected("identity.certificate", "nobody here")

    assert talk.let_in().method == "token"
    assert not any(isinstance(step, Certified) for step in talk.asked)


def test_a_token_insisted_on_is_still_asked_for_in_tls_only():
    talk = Dialogue(opening(options="-c vedette.login=token"), encrypted=False)

    assert talk.refused().code == "login.tls"


@pytest.mark.parametrize("encrypted", [True, False])
def test_who_insists_on_a_certificate_is_never_asked_for_a_password(encrypted):
    talk = Dialogue(opening(options="-c vedette.login=certificate"), encrypted=encrypted, local=True)

    assert talk.refused().code == "login.certificate"
    assert talk.heard.startswith(b"E")


def test_a_token_from_this_machine_needs_no_tls():
    assert Dialogue(opening() + password(TOKEN), encrypted=False, local=True).let_in().method == "token"


def test_the_negotiated_version_is_told_first():
    talk = Dialogue(opening(version=0x30009) + password(TOKEN))

    assert talk.let_in().version == messages.PROTOCOL_3_2
    assert talk.heard.startswith(b"v")


def test_a_cancel_request_is_no_login():
    assert Dialogue(messages.cancel_request(5, b"abcd")).run().outcome == CancelRequest(5, b"abcd")


# --- turned away --------------------------------------------------------------------------


def test_a_token_never_crosses_an_open_network():
    talk = Dialogue(opening(), encrypted=False, local=False)
    talk.reply = Libpq(secret=TOKEN)
    refused = talk.refused()

    assert messages.authentication(3) not in talk.heard
    assert refused.sqlstate == "28P01"
    assert "sslmode=require" in refused.hint
    assert not any(isinstance(step, Verify) for step in talk.asked)


def test_without_tls_a_key_that_exists_looks_like_one_that_does_not():
    known = key_login("ci", Libpq(secret="wrong"), encrypted=False)
    unknown = key_login("nobody", Libpq(secret="wrong"), encrypted=False)

    assert known.refused().message() == unknown.refused().message()
    assert [len(part) for part in known.heard.split(b",")] == [
        len(part) for part in unknown.heard.split(b",")
    ]


def test_a_name_in_the_form_of_a_key_gets_scram_whether_it_exists_or_not():
    talk = key_login("vdt_zzzzzzzz", Libpq(), is_key=lambda user: user.startswith("vdt_"))

    assert talk.refused().code == "login.key"
    assert messages.authentication(3) not in talk.heard


def test_a_bearer_token_never_crosses_an_open_network():
    refused = Dialogue(opening(user="oauth") + bearer(), encrypted=False).refused()

    assert (refused.code, "sslmode=require" in refused.hint) == ("login.tls", True)


def test_tls_may_be_required_of_everybody_from_elsewhere():
    assert Dialogue(opening(), encrypted=False, require_tls=True).refused().code == "login.tls"
    assert Dialogue(opening() + password(TOKEN), encrypted=False, local=True, require_tls=True).let_in()


def test_a_bad_token_is_told_why_and_never_repeated():
    leaky = Rejected("identity.expired", f"the time of {TOKEN} is over")
    talk = Dialogue(opening() + password(TOKEN), reject=leaky)
    refused = talk.refused()

    assert (refused.code, refused.sqlstate) == ("identity.expired", "28P01")
    assert TOKEN.encode() not in talk.heard
    assert TOKEN not in repr(refused)
    assert TOKEN not in repr(talk.asked)


def test_a_key_that_was_withdrawn_is_refused_though_proven():
    talk = key_login(reject=Rejected("identity.revoked", "the API key was withdrawn"))

    assert talk.refused().code == "identity.revoked"
    assert b"v=" not in talk.heard


def test_a_lookup_that_fails_is_a_refusal():
    talk = Dialogue(opening("ci"))
    talk.keys = {"ci": Rejected("identity.unavailable", "API keys cannot be looked up now")}

    assert talk.refused().code == "identity.unavailable"


def test_a_resource_is_spoken_of_after_the_proof_only():
    proven = Dialogue(opening(database="nowhere") + password(TOKEN)).refused()
    unproven = Dialogue(opening(database="nowhere") + password("wrong")).refused()
    elsewhere = Dialogue(opening(database="appdb") + password("wrong")).refused()

    assert (proven.sqlstate, proven.code) == ("3D000", "login.resource")
    assert unproven.message() == elsewhere.message()


def test_a_refusal_says_who_it_was():
    refused = Dialogue(opening("eve", "vault") + password("wrong")).refused()

    assert (refused.user, refused.resource) == ("eve", "vault")


def test_a_failed_bearer_token_ends_as_rfc_7628_says():
    issuer = "https://login.example.com/"
    talk = Dialogue(opening("oauth") + bearer("wrong"), issuer=issuer, scope="openid")
    with pytest.raises(Ended):
        talk.run()
    offer, _, challenge = talk.heard.partition(messages.authentication(10, b"OAUTHBEARER\0\0"))

    assert offer == b""
    assert challenge[:1] == b"R"
    assert json.loads(challenge[9:]) == {
        "status": "invalid_token",
        "scope": "openid",
        "openid-configuration": "https://login.example.com/.well-known/openid-configuration",
    }
    talk = Dialogue(opening("oauth") + bearer("wrong") + messages.message(b"p", b"\x01"), issuer=issuer)
    assert talk.refused().sqlstate == "28000"


def test_a_bearer_client_may_ask_first():
    ask = first("OAUTHBEARER", b"n,,\x01auth=\x01\x01")
    talk = Dialogue(opening("oauth") + ask + messages.message(b"p", b"\x01"))

    assert talk.refused().sqlstate == "28000"
    assert talk.asked == []


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack("!II", 8, messages.SSL_REQUEST),
        opening() + messages.query("DROP TABLE people"),
        opening() + b"p\xff\xff\xff\xff",
        opening() + b"p\0\0\0\3",
        opening() + b"p" + struct.pack("!I", 65_536 + 4) + b"x" * 65_536,
        opening() + messages.message(b"p", b"no end"),
        opening() + messages.message(b"p", b"a\0b\0"),
        opening("ci") + messages.message(b"p", b"SCRAM-SHA-256"),
        opening("ci") + messages.message(b"p", b"SCRAM-SHA-256\0"),
        opening("ci") + messages.message(b"p", b"SCRAM-SHA-256\0\xff\xff\xff\xff"),
        opening("ci") + messages.message(b"p", b"SCRAM-SHA-256\0\0\0\0\x0an,,n=,r=a"),
        opening("ci") + first("SCRAM-SHA-256", b"n,,n=,r=abc") + first("SCRAM-SHA-256", b"n,,n=,r=abc"),
        opening("ci") + first("SCRAM-SHA-1", b"n,,n=,r=abc"),
        opening("ci") + first("SCRAM-SHA-256-PLUS", b"p=tls-server-end-point,,n=,r=abc"),
        opening("oauth") + first("PLAIN", b"\0ada\0" + TOKEN.encode()),
        opening("oauth") + bearer("wrong") + messages.message(b"p", b"\x01\x01"),
    ],
)
def test_what_is_not_the_protocol(said):
    refused = Dialogue(said).refused()

    assert (refused.code, refused.sqlstate) == ("login.protocol", "08P01")


def test_no_password_is_no_token():
    assert Dialogue(opening() + password("")).refused().code == "login.token"
    assert Dialogue(opening() + password("é")).refused().code == "login.token"


def test_start_up_refusals_reach_the_caller():
    refused = Dialogue(opening(client_encoding="SJIS")).refused()
    assert (refused.code, refused.sqlstate) == ("startup.encoding", "22023")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"n,,",
        b"n,,\x01",
        b"n,,\x01\x01\x01",
        b"n,,\x01auth=Bearer a\x01",
        b"n,,auth=Bearer a\x01\x01",
        b"n,,\x01auth=Bearer a b\x01\x01",
        b"n,,\x01auth=Basic YTpi\x01\x01",
        b"n,,\x01auth=Bearer\x01\x01",
        b"n,,\x01auth=Bearer a\x01auth=Bearer b\x01\x01",
        b"n,a=root,\x01auth=Bearer a\x01\x01",
        b"p=tls-server-end-point,,\x01auth=Bearer a\x01\x01",
        b"n,,\x01host=x\x01\x01",
        b"n,,\x01=x\x01auth=Bearer a\x01\x01",
        b"n,,\x01auth=Bearer a\xff\x01\x01",
        b"n,,\x01auth=Bearer a\x01\x01\x01",
    ],
)
def test_malformed_bearer_messages(message):
    with pytest.raises(ProtocolError):
        read_bearer(message)


def test_bearer_messages_as_they_come():
    assert read_bearer(b"n,,\x01auth=bearer  abc.d-e_f~g+/=\x01\x01") == "abc.d-e_f~g+/="
    assert read_bearer(b"y,,\x01host=h\x01port=5432\x01auth=Bearer abc\x01\x01") == "abc"
    assert read_bearer(b"n,,\x01auth=\x01\x01") == ""


# --- before TLS ---------------------------------------------------------------------------

SSL = struct.pack("!II", 8, messages.SSL_REQUEST)
GSS = struct.pack("!II", 8, messages.GSSENC_REQUEST)


def at_the_door(said: bytes, tls: bool = True) -> tuple[Plain | StartTls, bytes, bytes]:
    steps, answer, heard = doorstep(tls), None, b""
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as end:
            return end.value, heard, said
        match step:
            case Send(data):
                heard, answer = heard + data, None
            case Need(size):
                answer, said = said[:size], said[size:]
                if len(answer) < size:
                    raise Ended
            case Peek():
                answer = said[:1]
                if not answer:
                    raise Ended
            case Quiet():
                # Asked once we have answered, a quick caller's ClientHello would pass for stuffed bytes.
                assert not heard.endswith(b"S")
                if said:
                    raise StuffedBytes
                answer = None


def test_the_ways_through_the_door():
    plain = opening()
    assert at_the_door(plain) == (Plain(plain[:8]), b"", plain[8:])
    assert at_the_door(SSL) == (StartTls(False), b"S", b"")
    assert at_the_door(GSS + SSL) == (StartTls(False), b"NS", b"")
    with pytest.raises(StuffedBytes):
        at_the_door(SSL + plain)
    assert at_the_door(SSL + plain, tls=False) == (Plain(plain[:8]), b"N", plain[8:])
    assert at_the_door(SSL + GSS + plain, tls=False) == (Plain(plain[:8]), b"NN", plain[8:])
    assert at_the_door(b"\x16\x03\x01") == (StartTls(True), b"", b"\x16\x03\x01")


@pytest.mark.parametrize(
    ("said", "tls"),
    [
        (GSS + GSS, True),
        (SSL + SSL, False),
        (b"GET / HTTP/1.1", True),
        (b"\x16\x03\x01", False),
        (b"\0" * 8, True),
    ],
)
def test_no_way_through_the_door(said, tls):
    with pytest.raises(ProtocolError):
        at_the_door(said, tls)


# --- laws ---------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        opening(),
        opening("ci"),
        opening("oauth"),
        password(TOKEN),
        password(""),
        bearer(),
        bearer("x"),
        SSL,
        GSS,
        b"\x16",
        first("SCRAM-SHA-256", b"n,,n=,r=abc"),
        messages.message(b"p", b"c=biws,r=abc,p=" + base64.b64encode(b"x" * 32)),
        messages.message(b"p", b"\x01"),
        messages.query("SELECT 1"),
        messages.sync(),
        b"\0\0\0",
        b"p",
    ]
)


@given(
    st.one_of(st.binary(max_size=60), st.lists(PIECES, max_size=5).map(b"".join)),
    st.booleans(),
    st.booleans(),
)
def test_any_bytes_end_in_a_value(said, encrypted, local):
    talk = Dialogue(said, encrypted=encrypted, local=local, binding=BINDING if encrypted else None)
    try:
        talk.run()
    except Ended:
        return
    assert isinstance(talk.outcome, Login | CancelRequest | Refused)
    if isinstance(talk.outcome, Login):
        assert any(isinstance(step, Verify | Proven | Certified) for step in talk.asked)


@given(st.one_of(st.binary(max_size=40), st.lists(PIECES, max_size=4).map(b"".join)), st.booleans())
def test_any_bytes_at_the_door_end_in_a_value(said, tls):
    try:
        at_the_door(said, tls)
    except (ProtocolError, Ended, StuffedBytes):
        pass


def test_the_welcome_gives_the_gateways_key():
    told = welcome({"server_version": "16"}, 7, b"key4")

    assert told.startswith(messages.authentication(0) + messages.parameter_status("server_version", "16"))
    assert told.endswith(messages.backend_key(7, b"key4") + messages.ready())
