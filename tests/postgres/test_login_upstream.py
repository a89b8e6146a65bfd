"""The gateway's login as a dialogue with servers that are honest, weak or hostile."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.credentials.secret import Secret
from vedette.protocols.postgres import messages, scram
from vedette.protocols.postgres.login_steps import Need, Salt, Send
from vedette.protocols.postgres.login_upstream import (
    Account,
    Channel,
    Opened,
    UpstreamRefused,
    doorstep,
    login,
    md5_proof,
)
from vedette.protocols.postgres.messages import authentication

PASSWORD = "correct-horse"
BINDING = b"b" * 32
OPEN = Channel()
LOCAL = Channel(local=True)
TLS = Channel(encrypted=True, binding=BINDING)
VERIFIED = Channel(encrypted=True, verified=True, binding=BINDING)

SETTLED = (
    messages.parameter_status("client_encoding", "UTF8")
    + messages.parameter_status("standard_conforming_strings", "on")
    + messages.parameter_status("server_version", "16.1")
    + messages.backend_key(42, b"key4")
    + messages.ready()
)
OK = authentication(0)
CLEAR, MD5 = authentication(3), authentication(5, b"salt")


class Waits(Exception):
    """The server says nothing more."""


class Dialogue:
    """Plays the server: *said* is what it sends, *react* answers what it hears."""

    def __init__(
        self, *said: bytes, channel: Channel = VERIFIED, react=None, version=messages.PROTOCOL_3_0, **account
    ):
        given = {"user": "app", "database": "db", "password": Secret(PASSWORD), **account}
        self.said = b"".join(said)
        self.heard: list[bytes] = []
        self.react = react
        self.steps = login(
            Account(**given), channel, {"application_name": "x", "client_encoding": "SJIS"}, version
        )

    def run(self) -> Opened:
        answer: object = None
        while True:
            try:
                step = self.steps.send(answer)
            except StopIteration as end:
                return end.value
            match step:
                case Send(data):
                    self.heard.append(data)
                    if self.react is not None:
                        self.said += self.react(data)
                    answer = None
                case Need(size):
                    if len(self.said) < size:
                        raise Waits
                    answer, self.said = self.said[:size], self.said[size:]
                case Salt(salt, iterations):
                    answer = scram.salted(PASSWORD, salt, iterations)

    def refused(self) -> UpstreamRefused:
        with pytest.raises(UpstreamRefused) as no:
            self.run()
        return no.value


class ScramServer:
    """A server that does SCRAM honestly, unless told otherwise."""

    def __init__(
        self, offer: tuple[str, ...] | None = None, binding: bytes | None = BINDING, password=PASSWORD
    ):
        self.server = scram.Server(scram.verifier(password), binding=binding)
        self.offer = offer or self.server.mechanisms(binding)
        self.mechanism = ""

    def __call__(self, data: bytes) -> bytes:
        if data[:1] != b"p":
            return authentication(10, "".join(f"{name}\0" for name in self.offer).encode() + b"\0")
        body = data[5:]
        if not self.mechanism:
            name, _, rest = body.partition(b"\0")
            self.mechanism = name.decode()
            return authentication(11, self.server.first(self.mechanism, rest[4:]))
        final = self.server.final(body)
        return messages.error("28P01", "no") if final is None else authentication(12, final) + OK + SETTLED


# --- let in -------------------------------------------------------------------------------


def test_trust():
    talk = Dialogue(OK, SETTLED, channel=OPEN)
    opened = talk.run()

    assert (opened.pid, opened.secret, opened.version) == (42, b"key4", messages.PROTOCOL_3_0)
    assert opened.parameters["server_version"] == "16.1"
    assert "key4" not in repr(opened)


def test_the_meaning_of_text_is_pinned_whatever_the_caller_asked_for():
    talk = Dialogue(OK, SETTLED)
    talk.run()

    assert talk.heard[0] == messages.startup(
        {
            "user": "app",
            "database": "db",
            "application_name": "x",
            "client_encoding": "UTF8",
            "standard_conforming_strings": "on",
        }
    )


@pytest.mark.parametrize("channel", [LOCAL, VERIFIED])
def test_a_password_in_clear_where_nobody_else_can_hear(channel):
    talk = Dialogue(CLEAR, OK, SETTLED, channel=channel)
    talk.run()
    assert talk.heard[1] == messages.message(b"p", PASSWORD.encode() + b"\0")


@pytest.mark.parametrize("channel", [LOCAL, VERIFIED])
def test_md5(channel):
    talk = Dialogue(MD5, OK, SETTLED, channel=channel)
    talk.run()
    assert talk.heard[1] == messages.message(b"p", md5_proof("app", PASSWORD, b"salt").encode() + b"\0")


def test_md5_as_the_manual_says():
    # concat('md5', md5(concat(md5(concat(password, username)), random-salt)))
    assert md5_proof("postgres", "secret", b"\x01\x02\x03\x04").startswith("md5")
    assert len(md5_proof("postgres", "secret", b"\x01\x02\x03\x04")) == 35


@pytest.mark.parametrize(
    ("channel", "server", "mechanism"),
    [
        (OPEN, ScramServer(binding=None), scram.PLAIN),
        (TLS, ScramServer(), scram.PLUS),
        (TLS, ScramServer(binding=None), scram.PLAIN),
    ],
)
def test_scram_and_plus_where_it_is_offered(channel, server, mechanism):
    Dialogue(channel=channel, react=server).run()
    assert server.mechanism == mechanism


def test_channel_binding_can_be_switched_off():
    server = ScramServer()
    Dialogue(react=server, channel_binding="disable").run()
    assert server.mechanism == scram.PLAIN


def test_a_server_may_settle_for_an_older_protocol():
    negotiated = messages.message(b"v", struct.pack("!II", messages.PROTOCOL_3_0, 0))
    talk = Dialogue(negotiated, OK, SETTLED, version=messages.PROTOCOL_3_2)

    assert talk.run().version == messages.PROTOCOL_3_0
    assert Dialogue(OK, SETTLED, version=messages.PROTOCOL_3_2).run().version == messages.PROTOCOL_3_2


def test_notices_are_dropped():
    assert Dialogue(messages.notice("hello"), OK, messages.notice("hello"), SETTLED).run()


# --- refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "channel", "account"),
    [
        (CLEAR, OPEN, {}),
        (CLEAR, OPEN, {"auth": "password"}),
        (CLEAR, TLS, {}),  # nobody vouches for the server
        (MD5, OPEN, {}),
        (MD5, TLS, {}),
        (CLEAR, VERIFIED, {"auth": "scram-sha-256"}),
        (MD5, VERIFIED, {"auth": "scram-sha-256"}),
        (MD5, VERIFIED, {"auth": "password"}),
        (OK, VERIFIED, {"auth": "scram-sha-256"}),
        (OK, VERIFIED, {"auth": "md5"}),
        (CLEAR, VERIFIED, {"auth": "certificate"}),
        (CLEAR, VERIFIED, {"auth": "trust"}),
        (CLEAR, VERIFIED, {"channel_binding": "require"}),
        (MD5, VERIFIED, {"channel_binding": "require"}),
        (OK, VERIFIED, {"channel_binding": "require"}),
        (authentication(10, b"SCRAM-SHA-256\0\0"), VERIFIED, {"channel_binding": "require"}),
        (authentication(10, b"SCRAM-SHA-256\0\0"), VERIFIED, {"auth": "md5"}),
        (authentication(10, b"SCRAM-SHA-1\0\0"), VERIFIED, {}),
        (authentication(10, b"OAUTHBEARER\0\0"), VERIFIED, {}),
        (authentication(7), VERIFIED, {}),
        (authentication(9), VERIFIED, {}),
        (authentication(99), VERIFIED, {}),
    ],
)
def test_a_hostile_server_cannot_choose_a_weaker_method(ask, channel, account):
    talk = Dialogue(ask, OK, SETTLED, channel=channel, **account)
    refused = talk.refused()

    assert refused.code == "upstream.method"
    assert len(talk.heard) == 1  # nothing behind the start-up packet: no proof was given


def test_pinned_methods_pass():
    Dialogue(MD5, OK, SETTLED, channel=OPEN, auth="md5").run()
    Dialogue(CLEAR, OK, SETTLED, channel=TLS, auth="password").run()
    Dialogue(OK, SETTLED, auth="certificate").run()
    Dialogue(react=ScramServer(), auth="scram-sha-256", channel_binding="require").run()


def test_a_server_that_does_not_know_the_password_learns_nothing_and_is_found_out():
    class Impostor(ScramServer):
        def __call__(self, data: bytes) -> bytes:
            answer = super().__call__(data)
            if answer.startswith(b"E"):  # it cannot check the proof, so it lies
                return authentication(12, b"v=" + b"A" * 43 + b"=") + OK + SETTLED
            return answer

    assert Dialogue(react=Impostor(password="guess")).refused().code == "upstream.protocol"


def test_being_let_in_in_the_midst_of_scram_proves_nothing():
    for cut in (10, 11):

        class Hasty(ScramServer):
            def __call__(self, data: bytes, cut: int = cut) -> bytes:
                answer = super().__call__(data)
                code = struct.unpack_from("!i", answer, 5)[0]
                return OK + SETTLED if code == cut + 1 else answer

        assert Dialogue(react=Hasty()).refused().code == "upstream.protocol"


@pytest.mark.parametrize("count", [1, 4095, 1_000_001, 4_000_000_000])
def test_iterations_are_bounded(count):
    class Counting(ScramServer):
        def __call__(self, data: bytes) -> bytes:
            answer = super().__call__(data)
            if b",i=4096" in answer:
                body = answer[9:].replace(b",i=4096", b",i=%d" % count)
                return authentication(11, body)
            return answer

    assert Dialogue(react=Counting()).refused().code == "upstream.protocol"


@pytest.mark.parametrize(
    ("sqlstate", "code", "shown"),
    [
        ("28P01", "upstream.credentials", "08004"),
        ("28000", "upstream.credentials", "08004"),
        ("3D000", "upstream.database", "3D000"),
        ("53300", "upstream.busy", "53300"),
        ("57P03", "upstream.starting", "57P03"),
        ("XX000", "upstream.refused", "XX000"),
        ("\x1b[2J", "upstream.refused", "08006"),
    ],
)
def test_errors_become_our_words(sqlstate, code, shown):
    refused = Dialogue(messages.error(sqlstate, "secret internal words")).refused()

    assert (refused.code, refused.sqlstate) == (code, shown)
    assert "internal" not in refused.reason
    assert "internal words" in refused.detail


def test_an_error_without_sqlstate():
    assert Dialogue(messages.message(b"E", b"Mhm\0\0")).refused().code == "upstream.refused"
    assert Dialogue(messages.message(b"E", b"")).refused().code == "upstream.protocol"


def test_words_for_the_log_hold_no_password_and_no_escapes():
    refused = Dialogue(messages.error("28P01", f"you said {PASSWORD}\x1b[2J\n" + "x" * 5000)).refused()

    assert PASSWORD not in refused.detail
    assert "(password)" in refused.detail
    assert refused.detail.isprintable()
    assert len(refused.detail) < 1200


def test_the_password_is_in_no_chain_of_errors():
    class Weird(Secret):
        def reveal(self) -> str:
            return PASSWORD + "\0"

    talk = Dialogue(CLEAR, OK, SETTLED, password=Weird(PASSWORD))
    refused = talk.refused()
    assert refused.__cause__ is None
    assert refused.__context__ is None
    assert PASSWORD not in repr(refused) + str(refused) + refused.detail


@pytest.mark.parametrize(
    ("name", "value"), [("client_encoding", "LATIN1"), ("standard_conforming_strings", "off")]
)
def test_pinned_settings_that_do_not_hold(name, value):
    other = SETTLED[: -len(messages.ready())] + messages.parameter_status(name, value) + messages.ready()
    assert Dialogue(OK, other).refused().code == "upstream.settings"


def test_pinned_settings_that_are_not_reported():
    assert Dialogue(OK, messages.ready()).refused().code == "upstream.settings"


def test_no_password_is_configured():
    assert Dialogue(CLEAR, password=None).refused().code == "upstream.credentials"
    assert Dialogue(react=ScramServer(), password=None).refused().code == "upstream.credentials"
    assert Dialogue(CLEAR, password=Secret(b"\xff\xfe")).refused().code == "upstream.credentials"


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        messages.ready(),
        b"R\0\0\0\4",
        b"R\xff\xff\xff\xff",
        b"R" + struct.pack("!I", (64 << 10) + 5),
        authentication(5, b"sal"),
        authentication(10, b"SCRAM-SHA-256"),
        authentication(10, b""),
        authentication(11, b"r=abc"),
        CLEAR + CLEAR,
        OK + messages.ready(b"T"),
        OK + messages.message(b"K", b"1234567"),
        OK + messages.message(b"K", b"1" * 261),
        OK + messages.message(b"S", b"name"),
        OK + messages.row_description([("a", 25)]),
        OK + OK,
        messages.message(b"v", struct.pack("!II", 0x40000, 0)),
        messages.message(b"v", struct.pack("!II", 0x30002, 0)),
        messages.message(b"v", struct.pack("!II", 0x30000, 1) + b"_pq_.x\0"),
        messages.message(b"v", b""),
        CLEAR + messages.message(b"v", struct.pack("!II", 0x30000, 0)),
        messages.notice("x") * 501,
        OK + messages.parameter_status("a", "b") * 501,
    ],
)
def test_what_is_not_the_protocol(said):
    refused = Dialogue(said).refused()
    assert refused.code in ("upstream.protocol", "upstream.method")


# --- before TLS ---------------------------------------------------------------------------


def ask_for_tls(answer: bytes) -> None:
    steps = doorstep()
    assert next(steps) == Send(struct.pack("!II", 8, messages.SSL_REQUEST))
    assert steps.send(None) == Need(1)
    steps.send(answer)


def test_tls_is_insisted_on():
    with pytest.raises(StopIteration):
        ask_for_tls(b"S")
    for answer in (b"N", b"E"):
        with pytest.raises(UpstreamRefused) as no:
            ask_for_tls(answer)
        assert no.value.code == "upstream.tls"
    with pytest.raises(UpstreamRefused) as no:
        ask_for_tls(b"H")
    assert no.value.code == "upstream.protocol"


# --- laws ---------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        OK,
        CLEAR,
        MD5,
        SETTLED,
        messages.ready(),
        messages.notice("n"),
        messages.error("28P01", "no"),
        b"R\0\0\0\x08",
        authentication(10, b"SCRAM-SHA-256\0\0"),
        authentication(11, b"r=a,s=AAAA,i=4096"),
        authentication(12, b"v=AA=="),
        messages.message(b"v", struct.pack("!II", 0x30000, 0)),
        messages.backend_key(1, b"k"),
        b"\0",
        b"Z",
    ]
)


@given(
    st.one_of(st.binary(max_size=60), st.lists(PIECES, max_size=7).map(b"".join)),
    st.sampled_from([OPEN, LOCAL, TLS, VERIFIED]),
)
def test_any_bytes_end_in_a_session_or_a_refusal(said, channel):
    talk = Dialogue(said, channel=channel)
    try:
        talk.run()
    except (UpstreamRefused, Waits):
        pass
    if channel is OPEN or channel is TLS:
        assert not any(PASSWORD.encode() in heard for heard in talk.heard)
