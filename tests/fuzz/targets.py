"""What is fuzzed: a name, seeds, and a function that raises only what it says it raises."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vedette.identity.compact import read as read_compact
from vedette.identity.errors import IdentityError
from vedette.journal.chain import BadRecord, Chain
from vedette.journal.read import entry
from vedette.kubernetes import actions as kubernetes_actions
from vedette.kubernetes import request as kubernetes
from vedette.kubernetes.bodies import body_facts
from vedette.kubernetes.masks import Mask, WatchMask, mask_for
from vedette.masking.copy import CopyMask
from vedette.masking.plan import CannotMask, Output, plan
from vedette.masking.prose import hide
from vedette.masking.rewrite import rewrite
from vedette.masking.stream import TextMask
from vedette.masking.tally import Tally
from vedette.model import MaskRule
from vedette.protocols.http import bodies, heads, spdy, websocket
from vedette.protocols.postgres import messages, scram, startup
from vedette.protocols.ssh import sftp
from vedette.shell import read as read_shell

KEY = b"k" * 32
SECRET = b"ada@example.com"
MASKS = (
    MaskRule("by-content", "partial", frozenset({"email", "us_ssn", "credit_card"})),
    MaskRule("by-column", "redact", columns=("public.customers.ssn",)),
)


@dataclass(frozen=True, slots=True)
class Target:
    name: str
    seeds: Sequence[bytes]
    run: Callable[[bytes], None]


STREAMS = [
    b"to " + SECRET + b", \x1b[31m4111\x1b[0m 1111 1111 1111\r\n\x1b]0;078-05-1120\x07$ ",
    b"-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n" + SECRET,
    b"aws_secret = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\nAKIAIOSFODNN7EXAMPLE https://a:b@c/ %40",
    "4\u200b111 GB29 NWBK 6016 1331 9268 19 ４１１１１１１１１１１１１１１１ x\x08y".encode() + b"\xff\x00",
]
STREAMED = (MaskRule("everything", entities=frozenset({"personal", "secrets"})),)


def _stream(data: bytes) -> None:
    """Cut or not, the text comes out the same; cut by pauses too it comes out at all."""

    def masked(size: int, *, pauses: bool = False) -> bytes:
        mask = TextMask(STREAMED, KEY, Tally())
        out = []
        for at in range(0, len(data), size):
            out.append(mask.feed(data[at : at + size]))
            if pauses:
                out.append(mask.pause())
        return b"".join([*out, mask.finish()])

    whole = masked(max(1, len(data)))
    assert masked(7) == whole, "where reads are cut matters"
    masked(5, pauses=True)


def _read_startup(data: bytes) -> None:
    with contextlib.suppress(messages.ProtocolError, startup.StartupRefused):
        if len(data) >= 8:
            startup.packet_length(data[:8])
        startup.read_packet(data)


def _read_messages(data: bytes) -> None:
    at = 0
    with contextlib.suppress(messages.ProtocolError):
        while len(data) - at >= messages.HEADER:
            end = messages.message_end(data, at)
            assert end > at, "no progress"
            body = data[at + messages.HEADER : end]
            if data[at : at + 1] in (b"E", b"N"):
                assert isinstance(messages.read_fields(body), dict)
            at = end


def _read_http(data: bytes) -> None:
    """As a connection does: head, body, and what is left is the next head."""
    head, end, rest = data.partition(heads.END)
    if not head or not end:
        return
    with contextlib.suppress(heads.Malformed):
        read = heads.read_request if not head.startswith(b"HTTP/") else _read_answer
        body = bodies.body(read(head + end).framing)
        buffer = bytearray()
        for at in range(0, len(rest), 7):
            buffer += rest[at : at + 7]
            if body.done:
                break
            before = len(buffer)
            assert len(body.take(buffer)) <= before, "a body longer than what came"


def _read_streams(data: bytes) -> None:
    """Both sides of exec and port-forward, by every protocol; nothing but what says that it is malformed."""
    for masked in (True, False):
        with contextlib.suppress(heads.Malformed):
            websocket.Messages(masked=masked).feed(data)
    with contextlib.suppress(heads.Malformed):
        spdy.Frames().feed(data)


def _read_answer(head: bytes) -> heads.Response:
    return heads.read_response(head, "GET")


def _scram_server(data: bytes) -> None:
    first, _, final = data.partition(b"|")
    with contextlib.suppress(scram.ScramError):
        server = scram.Server(
            scram.verifier("secret", salt=b"s" * 16, iterations=2), binding=None, nonce="server"
        )
        server.first(scram.PLAIN, first)
        assert server.final(final) is None, "let in without the password"


def _read_token(data: bytes) -> None:
    with contextlib.suppress(IdentityError):
        read_compact(data.decode("utf-8", "replace"))


def _read_record(data: bytes) -> None:
    with contextlib.suppress(BadRecord):
        entry(data)


def _row(*cells: bytes | None) -> bytes:
    packed = b"".join(struct.pack("!i", -1) if c is None else struct.pack("!i", len(c)) + c for c in cells)
    return messages.message(b"D", struct.pack("!H", len(cells)) + packed)


def _outputs(binary: bool) -> list[Output]:
    return [
        Output("name", "public.customers", "name", 25, binary),
        Output("email", "public.customers", "email", 25, binary),
        Output("ssn", "public.customers", "ssn", 25, binary),
        Output("tags", "", None, 1009, binary),
        Output("body", "", None, 3802, binary),
    ]


def _rewrite_rows(data: bytes) -> None:
    for binary in (False, True):
        found = plan(_outputs(binary), MASKS, KEY)
        assert found is not None
        with contextlib.suppress(CannotMask):
            masked = rewrite(found, data, Tally())
            assert SECRET not in masked


def _copy(format: str) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        found = plan(_outputs(format == "binary"), MASKS, KEY)
        assert found is not None
        delimiter = "," if format == "csv" else "\t"
        null = "" if format == "csv" else "\\N"
        with contextlib.suppress(CannotMask):
            whole = CopyMask(found, format, delimiter, null, '"', '"', False)  # type: ignore[arg-type]
            once = whole.feed(data) + whole.finish()
            assert SECRET not in once
            cut = CopyMask(found, format, delimiter, null, '"', '"', False)  # type: ignore[arg-type]
            pieces = b"".join(cut.feed(data[at : at + 3]) for at in range(0, len(data), 3)) + cut.finish()
            assert pieces == once, "it matters where the reads are cut"

    return run


def _prose(data: bytes) -> None:
    shown = hide(data.decode("utf-8", "replace"), MASKS, KEY, Tally())
    assert SECRET.decode() not in shown


def _shell(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    facts = read_shell(text)
    assert facts.touches
    assert bool(facts.reason) == any(touch.effect == "unknown" for touch in facts.touches)
    # Whatever stands before it, a command of its own line is seen, or nothing is known at all.
    after = read_shell(f"{text}\nrm -rf /canary")
    seen = any(touch.object == "file:/canary" and touch.effect == "destroy" for touch in after.touches)
    assert seen or after.reason or _swallowed(text), "a command went unseen"


def _sftp(data: bytes) -> None:
    """What a caller sends: whole packets, each of which passes, is refused, or is an act that names its files."""
    requests = sftp.Requests()
    passed = b""
    with contextlib.suppress(sftp.SftpError):
        for packet in sftp.Packets().feed(data):
            step = requests.read(packet)
            if isinstance(step, sftp.Act):
                assert step.touches, "an act that touches nothing"
                assert step.paths
                assert step.packet == packet
            passed += packet
            if packet[4] == sftp.VERSION:
                sftp.greeting(packet)
    assert data.startswith(passed), "bytes were lost or made up"


def _kubernetes_request(data: bytes) -> None:
    """What is taken is forwarded in a form that reads the same again, and what it would do can be said."""
    method, _, target = data.decode("latin-1").partition(" ")
    try:
        asked = kubernetes.read_request(method, target)
    except kubernetes.BadRequest:
        return
    assert kubernetes.read_request(method, asked.target()) == asked
    assert kubernetes_actions.supposed(f"{method} {asked.target()}").touches


def _kubernetes_body(data: bytes) -> None:
    """Of every kind of body, by what stands in front of it; it is read, or it says why it is not."""
    media, _, body = data.partition(b"\n")
    line = "PATCH" if b"patch" in media else "POST"
    path = "/apis/apps/v1/namespaces/a/deployments" + ("/w" if line == "PATCH" else "")
    found = body_facts(kubernetes.read_request(line, path), media.decode("latin-1"), body)
    assert found.reason == "" or found.images == ()


def _kubernetes_answer(data: bytes) -> None:
    """What is hidden is hidden, however damaged the rest is; or nothing passes."""
    tally = Tally()
    rule = MaskRule("r", entities=frozenset({"email"}))
    mask = mask_for(kubernetes.read_request("GET", "/api/v1/secrets"), [rule], KEY)
    assert mask is not None
    for masked in (lambda: mask.json(data, tally), lambda: _watched(mask, data, tally)):
        try:
            out = masked()
        except CannotMask:
            continue
        assert SECRET not in out, out


def _watched(mask: Mask, data: bytes, tally: Tally) -> bytes:
    watch = WatchMask(mask, tally)
    return watch.feed(data[:7]) + watch.feed(data[7:]) + watch.finish()


def _swallowed(text: str) -> bool:
    """Whether a last line may belong to what stands before it: a quote, a document, a comment."""
    return any(
        mark in text for mark in ("'", '"', "<<", "\\", "`", "$(", "{", "(", "do", "case", "exit", "exec")
    )


def _cells(values: Sequence[bytes]) -> bytes:
    return struct.pack("!H", len(values)) + b"".join(struct.pack("!i", len(v)) + v for v in values)


_TAGS = struct.pack("!iiiii", 1, 0, 25, 1, 1) + struct.pack("!i", len(SECRET)) + SECRET
_COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_PARAMETERS = {
    "user": "agent",
    "database": "appdb",
    "options": "-c search_path=public",
    "client_encoding": "UTF8",
}

_POD = (
    b'{"metadata":{"name":"p"},"spec":{"hostPID":true,"replicas":0,"containers":[{"image":"x","securityContext":'
    b'{"capabilities":{"add":["A"]}}}],"volumes":[{"secret":{"secretName":"s"}}]}}'
)

TARGETS = (
    Target(
        "streams",
        [
            websocket.write(websocket.Message(websocket.BINARY, b"\x01hello"), masked=True),
            websocket.write(websocket.Message(websocket.BINARY, b"\x02" * 300), masked=False),
            spdy.Writer().write(
                spdy.Control(spdy.SYN_STREAM, 0, bytes((0, 0, 0, 1, *bytes(6))), (("a", "b"),))
            ),
            spdy.Writer().write(spdy.reset(1, 3)) + spdy.Writer().write(spdy.Data(1, 1, b"x")),
        ],
        _read_streams,
    ),
    Target(
        "http",
        [
            b"POST /api HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Type: a/b\r\n\r\nabcHTTP/1.1 204 No\r\n\r\n",
        ],
        _read_http,
    ),
    Target(
        "startup",
        [
            messages.startup(_PARAMETERS),
            messages.startup({"user": "a", "_pq_.x": "1"}, messages.PROTOCOL_3_0 + 2),
            struct.pack("!II", 8, 80877103),
            messages.cancel_request(7, b"k" * 32),
        ],
        _read_startup,
    ),
    Target(
        "messages",
        [
            messages.query("SELECT 1") + messages.sync(),
            messages.error("42501", "no", detail="d", hint="h") + messages.ready(),
            messages.notice("wait") + messages.parameter_status("TimeZone", "UTC"),
        ],
        _read_messages,
    ),
    Target(
        "scram",
        [
            b"n,,n=agent,r=client|c=biws,r=clientserver,p=" + b"A" * 43 + b"=",
            b"y,,n=,r=x|c=eSws,r=xserver,p=",
        ],
        _scram_server,
    ),
    Target(
        "token", [b"eyJhbGciOiJFZERTQSIsImtpZCI6ImEifQ.eyJpc3MiOiJ2ZWRldHRlIn0.c2ln", b"a.b.c"], _read_token
    ),
    Target(
        "journal",
        [Chain(0, bytes(48), KEY).line(1.5, b"session.opened", b'{"v":1,"at":1.5}')],
        _read_record,
    ),
    Target(
        "rows",
        [
            _row(b"1", SECRET, b"078-05-1120", b"{" + SECRET + b"}", b'{"a":"' + SECRET + b'"}'),
            _row(b"\0\0\0\1", SECRET, None, _TAGS, b'\1{"a":["' + SECRET + b'"]}'),
            _row(b"1", SECRET, b"", None, None) * 3,
        ],
        _rewrite_rows,
    ),
    Target(
        "copy-text",
        [
            b"1\t"
            + SECRET
            + b"\t078-05-1120\t{"
            + SECRET
            + b'}\t{"a":"'
            + SECRET
            + b'"}\n2\t\\N\ta\\tb\t\\N\t\\N\n\\.\n'
        ],
        _copy("text"),
    ),
    Target(
        "copy-csv",
        [b"1," + SECRET + b',078-05-1120,"{""' + SECRET + b'""}","{""a"":1}"\n2,"a\nb",,,\n'],
        _copy("csv"),
    ),
    Target(
        "copy-binary",
        [_COPY_HEADER + _cells([b"\0\0\0\1", SECRET, b"078-05-1120", _TAGS, b"\1{}"]) + b"\xff\xff"],
        _copy("binary"),
    ),
    Target(
        "shell",
        [
            b'sudo rm -rf /srv/app && echo $HOME | tee -a ~/x > /dev/null 2>&1; f() { ls "$1"; }; f a',
            b"for f in *.txt; do cat \"$f\" | grep -E 'a|b'; done; case $x in a|b) ls;; *) rm y;; esac",
            b"cat <<'E' | sh -c 'cat; rm z'\n$(ls)\nE\necho ${x:-$(id)} $((1+2)) `date` {a,b}{1..3} $'\\x41'",
            b"if [[ -f a && $b == c ]]; then curl -d @f https://h.example/; else psql -c 'DROP TABLE t'; fi &",
        ],
        _shell,
    ),
    Target(
        "sftp",
        [
            b"\0\0\0\5\1\0\0\0\3" + b"\0\0\0\x17\3\0\0\0\1\0\0\0\x06/etc/x\0\0\0\3\0\0\0\0",
            b"\0\0\0\5\1\0\0\0\3"
            + b"\0\0\0\x0f\x12\0\0\0\2\0\0\0\1a\0\0\0\1b"
            + b"\0\0\0\x26\xc8\0\0\0\3\0\0\0\x14hardlink@openssh.com\0\0\0\1a\0\0\0\1b",
            b"\0\0\0\x1e\2\0\0\0\3\0\0\0\x13statvfs@openssh.com\0\0\0\1\x32",
        ],
        _sftp,
    ),
    Target("stream", STREAMS, _stream),
    Target(
        "kubernetes-request",
        [
            b"GET /api/v1/namespaces/prod/pods/web-1/log?follow=true&tailLines=5",
            b"POST /api/v1/namespaces/a/pods/w/exec?command=sh&command=-c&command=ls%20-l%3B+id&tty=1&stdin=true",
            b"DELETE /apis/apps/v1/watch/namespaces/a/deployments?labelSelector=a%3Db&fieldSelector=metadata.name%3Dx",
            b"PUT /api/v1/proxy/namespaces/a/services/https:w:443/x/y/?a=1&a=2",
        ],
        _kubernetes_request,
    ),
    Target(
        "kubernetes-body",
        [
            b"application/json\n" + _POD,
            b"application/yaml\nspec:\n  hostPID: true\n  containers:\n  - {image: x, args: ['a', \"b\"]}\n",
            b"application/merge-patch+json\n" + _POD,
            b'application/json-patch+json\n[{"op":"add","path":"/spec/template/spec/0/image","value":"x"},'
            b'{"op":"remove","path":"/metadata/finalizers/0"}]',
            b"application/apply-patch+yaml\n" + _POD,
        ],
        _kubernetes_body,
    ),
    Target(
        "kubernetes-answer",
        [
            b'{"kind":"SecretList","items":[{"data":{"a":"eA=="},"metadata":{"annotations":{"x":"'
            + SECRET
            + b'"}}}]}',
            b'{"type":"ADDED","object":{"kind":"Secret","data":{},"stringData":{"b":"'
            + SECRET
            + b'"}}}\n' * 2,
            b'{"kind":"Table","columnDefinitions":[{"name":"A"}],"rows":[{"cells":["' + SECRET + b'",5]}]}',
        ],
        _kubernetes_answer,
    ),
    Target("prose", [b"key (email)=(" + SECRET + b") already exists", b"card 4111 1111 1111 1111"], _prose),
)
