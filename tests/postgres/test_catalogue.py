"""The catalogue: rows that lie, pictures that are shared, changes that are not lost."""

from __future__ import annotations

import asyncio
import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.protocols.postgres import messages
from vedette.protocols.postgres.catalogue import (
    CatalogueError,
    CatalogueKeeper,
    Reply,
    build,
    read_row,
    split_path,
)
from vedette.protocols.postgres.login_upstream import UpstreamRefused
from vedette.protocols.postgres.messages import ProtocolError
from vedette.sql.catalog import EMPTY, Catalog, Column


def row(*cells: str | None) -> bytes:
    parts = [b"\xff" * 4 if c is None else struct.pack("!i", len(c.encode())) + c.encode() for c in cells]
    return struct.pack("!H", len(cells)) + b"".join(parts)


ANSWER = (
    messages.row_description([("a", 25)])
    + messages.message(b"D", row("1", None))
    + messages.message(b"D", row("é", ""))
    + messages.message(b"C", b"SELECT 2\0")
    + messages.row_description([("b", 25)])
    + messages.message(b"C", b"SELECT 0\0")
    + messages.ready()
)
ROWS = [[["1", None], ["é", ""]], []]


@given(st.lists(st.integers(0, len(ANSWER)), max_size=5))
def test_where_an_answer_is_cut_does_not_matter(cuts):
    reply = Reply()
    edges = [0, *sorted(cuts), len(ANSWER)]
    done = [reply.feed(ANSWER[a:b]) for a, b in itertools.pairwise(edges)]

    assert reply.results == ROWS
    assert any(done)


@given(st.one_of(st.binary(max_size=60), st.binary(max_size=40).map(lambda b: messages.message(b"D", b))))
def test_no_bytes_raise_anything_but_a_protocol_error(data):
    reply = Reply()
    try:
        reply.feed(messages.row_description([("a", 25)]) + data)
    except ProtocolError:
        pass


@given(st.binary(max_size=60))
def test_no_row_raises_anything_but_a_protocol_error(data):
    try:
        read_row(data)
    except ProtocolError:
        pass


def test_a_catalogue_without_end_is_not_read_to_the_end():
    with pytest.raises(ProtocolError, match="too many"):
        Reply(rows=1).feed(ANSWER)
    with pytest.raises(ProtocolError, match="size"):
        Reply(size=20).feed(ANSWER)


def test_an_error_is_an_answer():
    reply = Reply()

    assert reply.feed(messages.error("42501", "no") + messages.ready())
    assert reply.sqlstate == "42501"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('"$user", public', ("$user", "public")),
        ("Public,Other", ("public", "other")),
        ('""', ()),
        ("", ()),
        ('"A ""b"", c",d', ('A "b", c', "d")),
    ],
)
def test_a_search_path_is_read_as_the_server_reads_it(text, names):
    assert split_path(text) == names


@pytest.mark.parametrize("text", ['"a', "a,", ",a", "a b", 'a"b"', '"a"b', "a,,b"])
def test_what_is_no_search_path_is_not_read_as_one(text):
    with pytest.raises(ValueError, match=r"search_path|quoted"):
        split_path(text)


RELATIONS = [
    ["1", "public", "t", "r", "3"],
    ["2", "public", "v", "v", ""],
    ["3", "pg_catalog", "pg_class", "r", ""],
]
COLUMNS = [["1", "1", "id", "23", "t"], ["1", "3", "name", "25", "f"], ["2", "1", "id", "23", "f"]]
FUNCTIONS = [
    [
        "public",
        "f",
        "1",
        "f",
        "v",
        "sql",
        "SELECT 1",
        "f",
        "t",
        "0",
        "a integer",
        "integer",
        None,
        "a, b",
        "11",
    ],
    ["public", "g", "0", "f", "i", "c", None, "f", "f", "0", "", "void", None, None, "12"],
]


def test_rows_become_a_catalogue():
    found = build([RELATIONS, COLUMNS, FUNCTIONS], {2: "SELECT t.id FROM public.t", 12: "RETURN 1"}, 7, EMPTY)

    table = found.relation("public", "t")
    assert table is not None
    assert table.columns == (Column(1, "id", 23, True), Column(3, "name", 25, False))
    assert found.by_oid(2).definition == "SELECT t.id FROM public.t"
    assert found.by_oid(3).columns == ()
    assert found.functions("public", "f")[0].path == ("a", "b")
    assert found.functions("public", "f")[0].security_definer
    assert found.functions("public", "g")[0].path is None
    assert found.version == 7


def test_a_locked_view_keeps_its_definition_only_while_it_looks_the_same():
    before = build(
        [RELATIONS, COLUMNS, FUNCTIONS], {2: "SELECT t.id FROM public.t", 12: "RETURN 1"}, 1, EMPTY
    )

    same = build([RELATIONS, COLUMNS, FUNCTIONS], None, 2, before)
    other = build([RELATIONS, COLUMNS[:2], FUNCTIONS], None, 2, before)

    assert same.by_oid(2).definition == "SELECT t.id FROM public.t"
    assert other.by_oid(2).definition == ""
    assert same.functions("public", "g")[0].body == "RETURN 1"


class Server:
    """Counts readings; each waits for leave."""

    def __init__(self) -> None:
        self.readings = 0
        self.leave = asyncio.Event()
        self.leave.set()
        self.fails = False
        self.time = 100.0

    def now(self) -> float:
        return self.time

    async def load(self, version: int, previous: Catalog) -> Catalog:
        self.readings += 1
        await self.leave.wait()
        if self.fails:
            raise CatalogueError("away")
        return Catalog((), (), version=version)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def keeper(server) -> CatalogueKeeper:
    return CatalogueKeeper(server.load, now=server.now)


async def test_it_is_read_once_for_all_who_wait(server, keeper):
    await asyncio.gather(*(keeper.get() for _ in range(10)))

    assert (server.readings, keeper.version) == (1, 1)
    assert not keeper.should_refresh(False)


async def test_a_change_makes_it_read_anew(server, keeper):
    await keeper.ready()
    keeper.invalidate()

    assert keeper.should_refresh(False)
    await keeper.refresh()
    assert (server.readings, keeper.version) == (2, 2)


async def test_a_change_during_a_reading_is_not_lost(server, keeper):
    server.leave.clear()
    reading = asyncio.create_task(keeper.get())
    await asyncio.sleep(0)
    keeper.invalidate()
    server.leave.set()
    await reading

    assert keeper.should_refresh(False)
    await keeper.get()
    assert server.readings == 2


async def test_names_that_do_not_exist_do_not_keep_the_server_busy(server, keeper):
    await keeper.ready()
    for _ in range(10):
        if keeper.should_refresh(True):
            await keeper.refresh()
    assert server.readings == 1

    server.time += 1.0
    assert keeper.should_refresh(True)
    await asyncio.gather(*(keeper.refresh() for _ in range(10)))
    assert server.readings == 2


async def test_a_failure_keeps_the_picture_and_the_doubt(server, keeper):
    await keeper.ready()
    keeper.invalidate()
    server.fails = True
    for _ in range(5):
        with pytest.raises(CatalogueError, match="away"):
            await keeper.get()
    assert (server.readings, keeper.version) == (2, 1)

    server.time += 1.0
    server.fails = False
    assert (await keeper.get()).version == 2


async def test_without_a_first_reading_there_is_no_session(server, keeper):
    server.fails = True
    with pytest.raises(UpstreamRefused) as no:
        await keeper.ready()
    assert no.value.code == "upstream.catalogue"


async def test_a_reading_that_is_cancelled_leaves_the_turn_to_the_next(server, keeper):
    server.leave.clear()
    first, second = asyncio.create_task(keeper.get()), asyncio.create_task(keeper.get())
    await asyncio.sleep(0)
    first.cancel()
    server.leave.set()

    assert (await second).version == 1
