"""SFTP's packets: what is an act, on what, and what is none of it."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.model import Effect, Touch
from vedette.protocols.ssh import paths, sftp

R, W, D = Effect.READ, Effect.WRITE, Effect.DELETE


def string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def packet(kind: int, *parts: bytes, number: int | None = 7) -> bytes:
    return string(bytes([kind]) + (b"" if number is None else struct.pack(">I", number)) + b"".join(parts))


def opening(path: bytes, flags: int) -> bytes:
    return packet(sftp.OPEN, string(path), struct.pack(">II", flags, 0))


def begun() -> sftp.Requests:
    requests = sftp.Requests()
    requests.read(packet(sftp.INIT, struct.pack(">I", 3), number=None))
    return requests


@pytest.mark.parametrize(
    ("sent", "name", "touches"),
    [
        (opening(b"/etc/passwd", 1), "read", [(R, "file:/etc/passwd")]),
        (opening(b"/x", 2), "write", [(W, "file:/x")]),
        (opening(b"/x", 0x1A), "write", [(W, "file:/x")]),
        (opening(b"/x", 4), "write", [(W, "file:/x")]),
        (opening(b"/x", 3), "read and write", [(R, "file:/x"), (W, "file:/x")]),
        (packet(sftp.OPENDIR, string(b"")), "list", [(R, "file:~")]),
        (packet(sftp.REMOVE, string(b"a")), "remove", [(D, "file:~/a")]),
        (packet(sftp.RMDIR, string(b"/a/")), "rmdir", [(D, "file:/a")]),
        (packet(sftp.MKDIR, string(b"/a"), b"\0" * 4), "mkdir", [(Effect.CREATE, "file:/a")]),
        (packet(sftp.SETSTAT, string(b"/a"), b"\0" * 4), "setstat", [(Effect.ALTER, "file:/a")]),
        (packet(sftp.RENAME, string(b"/a"), string(b"/b")), "rename", [(D, "file:/a"), (W, "file:/b")]),
        (
            packet(sftp.SYMLINK, string(b"/a"), string(b"/b")),
            "symlink",
            [(Effect.CREATE, "file:/a"), (Effect.CREATE, "file:/b")],
        ),
        (
            packet(sftp.EXTENDED, string(b"posix-rename@openssh.com"), string(b"/a"), string(b"/b")),
            "rename",
            [(D, "file:/a"), (W, "file:/b")],
        ),
        (
            packet(sftp.EXTENDED, string(b"hardlink@openssh.com"), string(b"/a"), string(b"/b")),
            "hardlink",
            [(R, "file:/a"), (Effect.CREATE, "file:/b")],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_acts(sent: bytes, name: str, touches: list[tuple[Effect, str]]) -> None:
    act = begun().read(sent)
    assert isinstance(act, sftp.Act)
    assert (act.name, act.packet, act.number) == (name, sent, 7)
    assert act.touches == tuple(Touch(effect, path) for effect, path in touches)


@pytest.mark.parametrize("kind", [sftp.CLOSE, sftp.READ, sftp.WRITE, sftp.FSTAT, sftp.READDIR])
def test_what_is_done_with_an_open_file_was_judged_before(kind: int) -> None:
    sent = packet(kind, string(b"handle"), b"\0" * 12)
    assert begun().read(sent) == sftp.Pass(sent)


def test_attributes_by_handle_are_attributes_of_its_path() -> None:
    requests = begun()
    sent = packet(sftp.FSETSTAT, string(b"h"), b"\0" * 4)
    assert isinstance(requests.read(sent), sftp.Bad)
    requests.files[b"h"] = "/srv/a"
    act = requests.read(sent)
    assert isinstance(act, sftp.Act)
    assert act.touches == (Touch(Effect.ALTER, "file:/srv/a"),)


@pytest.mark.parametrize(
    "sent",
    [
        opening(b"/a\0b", 1),
        opening(b"/\xff", 1),
        opening(b"/" + b"a" * 5000, 1),
        opening(b"/a", 0),
        packet(99, string(b"/a")),
        packet(sftp.EXTENDED, string(b"copy-file"), string(b"/a"), string(b"/b")),
        packet(sftp.EXTENDED, string(b"copy-data"), string(b"h")),
    ],
)
def test_what_cannot_be_judged_is_refused(sent: bytes) -> None:
    assert isinstance(begun().read(sent), sftp.Bad)


@pytest.mark.parametrize(
    "sent",
    [packet(sftp.OPEN, struct.pack(">I", 500) + b"/a"), packet(sftp.REMOVE), string(b"\x03\0"), packet(sftp.STAT, b"\0\0")],
)  # fmt: skip
def test_what_is_cut_short_ends_the_channel(sent: bytes) -> None:
    with pytest.raises(sftp.SftpError):
        begun().read(sent)


def test_nothing_before_the_greeting_and_no_version_beyond_three() -> None:
    with pytest.raises(sftp.SftpError):
        sftp.Requests().read(opening(b"/a", 1))
    hello = sftp.Requests().read(packet(sftp.INIT, struct.pack(">I", 6), string(b"x"), number=None))
    assert hello == sftp.Pass(struct.pack(">IBI", 5, sftp.INIT, 3))


def test_a_host_offers_no_extension_that_is_not_let_through() -> None:
    def hello(*names: bytes) -> bytes:
        return packet(sftp.VERSION, *(string(name) + string(b"1") for name in names), number=3)

    offered = (
        b"statvfs@openssh.com",
        b"copy-data",
        b"hardlink@openssh.com",
        b"users-groups-by-id@openssh.com",
    )
    assert sftp.greeting(hello(*offered)) == hello(b"statvfs@openssh.com", b"hardlink@openssh.com")
    assert sftp.greeting(hello()) == hello()
    with pytest.raises(sftp.SftpError):
        sftp.greeting(packet(sftp.VERSION, string(b"a"), number=3))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", "file:/"),
        ("//etc///passwd", "file:/etc/passwd"),
        ("/./etc/./passwd", "file:/etc/passwd"),
        ("/../../etc/passwd", "file:/etc/passwd"),
        ("", "file:~"),
        (".", "file:~"),
        ("a/b", "file:~/a/b"),
    ],
)
def test_paths(path: str, name: str) -> None:
    assert paths.touch(R, path) == Touch(R, name)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/srv/../etc/passwd", "file:*/passwd"),
        ("../x", "file:*/x"),
        ("a/..", "file:*/a"),
        ("..", "file:*"),
        ("/../a/../b", "file:*/b"),
    ],
)
def test_paths_that_hang_on_links_are_not_resolved(path: str, name: str) -> None:
    assert paths.touch(R, path) == Touch(R, name, resolved=False)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.data())
def test_where_reads_are_cut_does_not_matter(bodies: list[bytes], data: st.DataObject) -> None:
    whole = [string(body) for body in bodies]
    stream, cutter, found = b"".join(whole), sftp.Packets(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += list(cutter.feed(stream[:size]))
        stream = stream[size:]
    assert found == whole


@given(st.binary(max_size=200))
def test_any_bytes_are_a_step_or_an_error(body: bytes) -> None:
    requests = begun()
    try:
        step = requests.read(string(body or b"\0"))
    except sftp.SftpError:
        return
    assert isinstance(step, sftp.Pass | sftp.Act | sftp.Bad)


@pytest.mark.parametrize("size", [0, sftp.MAX_PACKET_BYTES + 1, 0xFFFFFFFF])
def test_packets_that_are_none(size: int) -> None:
    with pytest.raises(sftp.SftpError):
        list(sftp.Packets().feed(struct.pack(">I", size)))
