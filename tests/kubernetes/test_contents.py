"""What goes through exec and port-forward, message by message."""

from __future__ import annotations

import json
import struct

import pytest

from vedette.protocols.http import spdy
from vedette.protocols.http.heads import Malformed
from vedette.protocols.kubernetes.contents import V4, V5, Channels, Over, Ports, Streams, ended, failure

TERMINAL = frozenset({"error", "stdin", "stdout", "stderr", "resize"})


class Watcher:
    def __init__(self, most=1 << 30):
        self.seen, self.most = [], most

    def shown(self, data, stream):
        self.most -= len(data)
        if self.most < 0:
            raise Over
        self.seen.append((stream, data))
        return data

    def rest(self, stream, *, final):
        return b""

    def typed(self, data):
        self.seen.append(("i", data))

    def resized(self, width, height):
        self.seen.append(("r", (width, height)))


def down(content, data, allowed=True):
    """Send *data*; what was asked about."""
    asked, steps = [], content.down(data)
    try:
        opening = next(steps)
        while True:
            asked.append(opening.port)
            opening = steps.send(allowed if isinstance(allowed, bool) else opening.port in allowed)
    except StopIteration:
        return asked


def test_channels():
    watcher = Watcher()
    content = Channels(V5, watcher)
    for data in (b"\0typed", b'\4{"Width":80,"Height":24}', b"\xff\0"):
        down(content, data)
    for data in (b"\0", b"\1out", b"\2err", b"\1", b"\3" + b'{"status":"Success"}'):
        content.up(data)
    assert content.to_up == [b"\0typed", b'\4{"Width":80,"Height":24}', b"\xff\0"]
    assert content.to_down == [b"\0", b"\1out", b"\2err", b"\1", b'\3{"status":"Success"}']
    assert watcher.seen == [("i", b"typed"), ("r", (80, 24)), ("o", b"out"), ("e", b"err"), ("o", b"")]
    assert ended(content.status) == ("ok", "exit 0")


@pytest.mark.parametrize(
    "data", [b"", b"\1x", b"\2x", b"\3x", b"\5x", b"\xff\1", b"\xff", b"\xfe", b"\4nonsense"]
)
def test_what_callers_do_not_send(data):
    with pytest.raises(Malformed):
        down(Channels(V5, Watcher()), data)


def test_closing_came_with_v5():
    with pytest.raises(Malformed):
        down(Channels(V4, Watcher()), b"\xff\0")


@pytest.mark.parametrize("data", [b"", b"\0x", b"\4x", b"\5x"])
def test_what_clusters_do_not_send(data):
    with pytest.raises(Malformed):
        Channels(V4, Watcher()).up(data)


def test_a_limit_ends_it():
    content = Channels(V4, Watcher(4))
    content.up(b"\1four")
    with pytest.raises(Over):
        content.up(b"\1x")
    assert content.to_down == [b"\1four"]


def test_ports_over_channels():
    content = Ports([80, 90], Watcher())
    down(content, b"\0to 80")
    content.up(b"\3trouble with 90")
    assert (content.to_up, content.to_down) == ([b"\0to 80"], [b"\3trouble with 90"])
    for data in (b"\1x", b"\4x", b""):
        with pytest.raises(Malformed):
            down(content, data)


class Peer:
    """One end of SPDY."""

    def __init__(self):
        self.writer, self.reader = spdy.Writer(), spdy.Frames()

    def syn(self, number, **headers):
        return self.writer.write(
            spdy.Control(spdy.SYN_STREAM, 0, struct.pack("!IIH", number, 0, 0), tuple(headers.items()))
        )

    def data(self, number, data, flags=0):
        return self.writer.write(spdy.Data(number, flags, data))


def test_streams_of_exec():
    caller, cluster, watcher = Peer(), Peer(), Watcher()
    content = Streams(TERMINAL, watcher)
    for at, name in enumerate(("error", "stdin", "stdout", "stderr")):
        down(content, caller.syn(2 * at + 1, streamtype=name))
    down(content, caller.data(3, b"typed"))
    content.up(cluster.data(5, b"out"))
    content.up(cluster.data(7, b"err"))
    content.up(
        cluster.data(
            1,
            json.dumps(
                {"status": "Failure", "details": {"causes": [{"reason": "ExitCode", "message": "7"}]}}
            ).encode(),
        )
    )
    assert watcher.seen == [("i", b"typed"), ("o", b"out"), ("e", b"err")]
    heard = spdy.Frames().feed(b"".join(content.to_up))
    assert [dict(frame.headers) for frame in heard[:4]] == [
        {"streamtype": n} for n in ("error", "stdin", "stdout", "stderr")
    ]
    assert ended(content.status) == ("error", "exit 7")


def play(*frames, names=TERMINAL):
    content = Streams(names, Watcher())
    for frame in frames:
        down(content, frame)
    return content


def test_streams_that_exec_does_not_have():
    for wrong in ("shell", "", "data", "STDIN2"):
        with pytest.raises(Malformed):
            play(Peer().syn(1, streamtype=wrong))
    peer = Peer()
    with pytest.raises(Malformed):
        play(peer.syn(1, streamtype="stdin"), peer.syn(3, streamtype="stdin"))


def test_numbers_go_up_and_are_odd():
    for numbers in ((2,), (3, 1), (1, 1), (0,)):
        peer = Peer()
        with pytest.raises(Malformed):
            play(
                *(
                    peer.syn(number, streamtype=name)
                    for number, name in zip(numbers, ("stdin", "stdout"), strict=False)
                )
            )


def test_frames_of_streams_that_were_never_opened():
    with pytest.raises(Malformed):
        play(Peer().data(1, b"x"))
    with pytest.raises(Malformed):
        Streams(TERMINAL, Watcher()).up(Peer().data(1, b"x"))
    with pytest.raises(Malformed):
        Streams(TERMINAL, Watcher()).up(Peer().syn(1, streamtype="stdin"))


def test_callers_do_not_write_where_the_cluster_does():
    peer = Peer()
    with pytest.raises(Malformed):
        play(peer.syn(1, streamtype="stdout"), peer.data(1, b"x"))


def pair(peer, number, port, request):
    return peer.syn(number, streamtype="error", port=port, requestid=request) + peer.syn(
        number + 2, streamtype="data", port=port, requestid=request
    )


def test_each_connection_to_a_port_is_asked_about_once():
    peer, content = Peer(), Streams(frozenset(), Watcher())
    assert down(content, pair(peer, 1, "80", "0")) == [80]
    assert down(content, pair(peer, 5, "80", "1")) == [80]
    assert down(content, pair(peer, 9, "22", "2"), {80}) == [22]
    assert down(content, peer.data(11, b"for nobody")) == []
    assert down(content, peer.data(3, b"for 80")) == []
    heard = spdy.Frames().feed(b"".join(content.to_up))
    assert [frame.stream for frame in heard] == [1, 3, 5, 7, 3]
    told = spdy.Frames().feed(b"".join(content.to_down))
    assert [(frame.kind, frame.stream) for frame in told] == [(spdy.RST_STREAM, 9), (spdy.RST_STREAM, 11)]


@pytest.mark.parametrize("port", ["", "0", "65536", "-1", "080", "8O", "80 ", "999999"])
def test_ports_that_are_none(port):
    with pytest.raises(Malformed):
        play(Peer().syn(1, streamtype="data", port=port, requestid="0"), names=frozenset())


def test_a_port_cannot_change_under_a_number_that_was_allowed():
    peer, content = Peer(), Streams(frozenset(), Watcher())
    assert down(content, peer.syn(1, streamtype="error", port="80", requestid="0")) == [80]
    assert down(content, peer.syn(3, streamtype="data", port="22", requestid="0"), {80}) == [22]
    assert [frame.stream for frame in spdy.Frames().feed(b"".join(content.to_up))] == [1]


def test_connections_come_and_go_without_end():
    caller, cluster = Peer(), Peer()
    content = Streams(frozenset(), Watcher())
    for at in range(1, 12_000, 4):
        down(content, pair(caller, at, "80", str(at)))
        for number in (at, at + 2):
            down(content, caller.data(number, b"", spdy.FIN))
            content.up(cluster.data(number, b"", spdy.FIN))
        content.to_up.clear()
        content.to_down.clear()
    assert not content._open
    assert not content._asked


@pytest.mark.parametrize("raw", [b"", b"no json", b"[]", b"{}", b'"x"', b'{"status":1}', b"[" * 100_000])
def test_how_a_command_ended_is_not_known(raw):
    assert ended(raw) in (("lost", ""), ("error", "not run"))


def test_our_own_words_are_a_failure():
    assert ended(failure("session ended")) == ("error", "not run")
