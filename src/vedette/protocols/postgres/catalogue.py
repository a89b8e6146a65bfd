"""The server's catalogue, read over a side connection into a `vedette.sql` Catalog.

The side connection logs in as the sessions do, asks its questions as simple
queries and closes. What comes back is bounded in rows, bytes and time, because the
server may be hostile. View definitions are asked for with an empty search_path, so
that every name in them is qualified.

A side connection sees what is committed. What a session has changed in its open
transaction is not in the picture: that is for the engine to treat as unknown.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from vedette.protocols.postgres import messages
from vedette.protocols.postgres.dial import Upstream
from vedette.protocols.postgres.login_upstream import UpstreamRefused
from vedette.protocols.postgres.messages import HEADER, ProtocolError, read_fields, read_i32, read_u16
from vedette.protocols.postgres.wire import Gone
from vedette.sql.catalog import EMPTY, Catalog, Column, Function, Relation

MAX_ROWS = 1_000_000
MAX_BYTES = 256 << 20
LOAD_SECONDS = 30.0
# pg_get_viewdef waits for whoever holds the view's tables in exclusive lock, perhaps
# the very session that waits for us. It must not wait long.
_LOCK_MILLISECONDS = 250
_LOCK_NOT_AVAILABLE = "55P03"

Row = Sequence[str | None]

_BEGIN = (
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL search_path = '';"
    f" SET LOCAL statement_timeout = {int(LOAD_SECONDS * 1000)};"
    f" SET LOCAL lock_timeout = {_LOCK_MILLISECONDS};"
)
_RELATIONS = """
SELECT c.oid, n.nspname, c.relname, c.relkind,
       pg_catalog.array_to_string(ARRAY(SELECT i.inhparent FROM pg_catalog.pg_inherits i
                                        WHERE i.inhrelid = c.oid), ' ')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f', 'S', 't', 'c');
"""
_COLUMNS = """
SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.attnotnull
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'v', 'm', 'p', 'f', 'c')
ORDER BY a.attrelid, a.attnum;
"""
_FUNCTIONS = """
SELECT n.nspname, p.proname, p.pronargs, p.provariadic <> 0, p.provolatile, l.lanname, p.prosrc, p.prokind,
       p.prosecdef, p.pronargdefaults, pg_catalog.pg_get_function_arguments(p.oid),
       pg_catalog.pg_get_function_result(p.oid), pg_catalog.pg_get_expr(p.proargdefaults, 0),
       (SELECT pg_catalog.substr(s, 13) FROM pg_catalog.unnest(p.proconfig) s
        WHERE pg_catalog.starts_with(s, 'search_path=')), p.oid
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_language l ON l.oid = p.prolang
WHERE n.nspname <> 'pg_catalog';
"""
# What the server has to take locks for: the text of views, and from PostgreSQL 14 on
# of function bodies that were parsed when they were created.
_DEFINITIONS = """
SELECT c.oid, pg_catalog.pg_get_viewdef(c.oid)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema');
"""
_BODIES = """
SELECT p.oid, pg_catalog.pg_get_function_sqlbody(p.oid)
FROM pg_catalog.pg_proc p WHERE p.prosqlbody IS NOT NULL;
"""


class CatalogueError(Exception):
    """The catalogue could not be read. The text is for the log and the caller alike."""


class _Refused(Exception):
    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


class Reply:
    """
    The rows of a simple query's results, one list per statement that had any.

    Feed it what the server sends. Raises ProtocolError for what is not such an
    answer or over its bounds.
    """

    def __init__(self, *, rows: int = MAX_ROWS, size: int = MAX_BYTES) -> None:
        self.results: list[list[Row]] = []
        self.sqlstate = ""
        self._rows_left = rows
        self._bytes_left = size
        self._rest = b""

    def feed(self, data: bytes) -> bool:
        """Take *data* in; True when the answer is complete."""
        self._bytes_left -= len(data)
        if self._bytes_left < 0:
            raise ProtocolError("a catalogue that is over its size")
        data = self._rest + data if self._rest else data
        at, size = 0, len(data)
        while at + HEADER <= size:
            end = messages.message_end(data, at)
            if end > size:
                break
            if self._take(data[at : at + 1], data[at + HEADER : end]):
                return True
            at = end
        self._rest = data[at:]
        return False

    def _take(self, tag: bytes, body: bytes) -> bool:
        if tag == b"D":
            if not self.results:
                raise ProtocolError("a row without its description")
            self._rows_left -= 1
            if self._rows_left < 0:
                raise ProtocolError("a catalogue of too many rows")
            self.results[-1].append(read_row(body))
        elif tag == b"T":
            self.results.append([])
        elif tag == b"E":
            self.sqlstate = read_fields(body).get("C", b"XX000").decode("latin-1")
        elif tag not in (b"C", b"S", b"N", b"A", b"Z"):
            raise ProtocolError(f"a message of type {tag.decode('latin-1')!r} in a catalogue")
        return tag == b"Z"


def read_row(body: bytes) -> Row:
    """The cells of a DataRow in text format. Raises ProtocolError where its lengths lie."""
    if len(body) < 2:
        raise ProtocolError("a row without its count")
    (count,) = read_u16(body, 0)
    cells: list[str | None] = []
    at = 2
    for _ in range(count):
        if at + 4 > len(body):
            raise ProtocolError("a row that breaks off")
        (size,) = read_i32(body, at)
        at += 4
        if size == -1:
            cells.append(None)
            continue
        if size < 0 or at + size > len(body):
            raise ProtocolError("a cell whose length lies")
        cells.append(body[at : at + size].decode("utf-8", "surrogateescape"))
        at += size
    if at != len(body):
        raise ProtocolError("a row with something behind it")
    return cells


async def load(
    dial: Callable[[], Awaitable[Upstream]], *, version: int = 0, previous: Catalog = EMPTY
) -> Catalog:
    """
    The catalogue as committed now, numbered *version*.

    Where somebody's lock keeps the text of views from us, that of *previous* stands in
    for views that look the same; for others it stays unknown.

    Raises:
        CatalogueError: the server cannot be reached, refuses, or is too slow.
    """
    try:
        async with asyncio.timeout(LOAD_SECONDS):
            upstream = await dial()
            try:
                rows = await _ask(upstream, _BEGIN + _RELATIONS + _COLUMNS + _FUNCTIONS)
                texts = await _texts(upstream)
                await upstream.wire.send(messages.terminate())
            finally:
                upstream.wire.close()
            # A large catalogue takes a while to build; other sessions go on meanwhile.
            return await asyncio.to_thread(build, rows, texts, version, previous)
    except TimeoutError:
        raise CatalogueError(f"the resource's catalogue took over {LOAD_SECONDS:g} seconds") from None
    except _Refused as no:
        raise CatalogueError(f"the resource does not show its catalogue ({no.sqlstate})") from None
    except UpstreamRefused as no:
        raise CatalogueError(no.reason) from None
    except (Gone, ProtocolError, ValueError, IndexError) as error:
        raise CatalogueError(f"the resource's catalogue cannot be read: {error}") from None


async def _ask(upstream: Upstream, text: str) -> list[list[Row]]:
    reply = Reply()
    await upstream.wire.send(messages.query(text))
    while not reply.feed(await upstream.wire.some()):
        pass
    if reply.sqlstate:
        raise _Refused(reply.sqlstate)
    return reply.results


async def _texts(upstream: Upstream) -> dict[int, str] | None:
    """Definitions and parsed bodies by OID; None where somebody's lock is in the way."""
    major = upstream.parameters.get("server_version", "").partition(".")[0]
    question = _DEFINITIONS if major in ("9", "10", "11", "12", "13") else _DEFINITIONS + _BODIES
    try:
        results = await _ask(upstream, question)
    except _Refused as no:
        if no.sqlstate == _LOCK_NOT_AVAILABLE:
            return None
        raise
    return {_int(row[0]): row[1] or "" for rows in results for row in rows}


def build(
    results: Sequence[Sequence[Row]], texts: Mapping[int, str] | None, version: int, previous: Catalog
) -> Catalog:
    """
    A Catalog from the rows; *texts* None takes them from *previous* where nothing else
    about the view or function has changed, and leaves them empty, hence unknown, elsewhere.

    Raises:
        ValueError, IndexError: the rows are not what was asked for.
    """
    relations, columns, functions = results
    of: dict[int, list[Column]] = {}
    for row in columns:
        column = Column(_int(row[1]), _str(row[2]), _int(row[3]), row[4] == "t")
        of.setdefault(_int(row[0]), []).append(column)
    found = []
    for row in relations:
        oid = _int(row[0])
        parents = tuple(int(parent) for parent in _str(row[4]).split())
        relation = Relation(
            oid, _str(row[1]), _str(row[2]), _str(row[3]), tuple(of.get(oid, ())), parents=parents
        )
        if relation.kind in ("v", "m"):
            text = texts.get(oid, "") if texts is not None else _old_definition(relation, previous)
            relation = replace(relation, definition=text)
        found.append(relation)
    return Catalog(found, [_function(row, texts, previous) for row in functions], version=version)


def _old_definition(relation: Relation, previous: Catalog) -> str:
    old = previous.by_oid(relation.oid)
    return old.definition if old is not None and replace(old, definition="") == relation else ""


def _function(row: Row, texts: Mapping[int, str] | None, previous: Catalog) -> Function:
    found = Function(
        schema=_str(row[0]),
        name=_str(row[1]),
        arguments=_int(row[2]),
        variadic=row[3] == "t",
        volatility=_str(row[4]),
        language=_str(row[5]),
        body=row[6] or "",
        kind=_str(row[7]),
        security_definer=row[8] == "t",
        defaults=_int(row[9]),
        signature=row[10] or "",
        result=row[11] or "",
        preset=row[12] or "",
        path=None if row[13] is None else split_path(row[13]),
    )
    if found.body:
        return found
    # A body that was parsed when the function was created leaves prosrc empty.
    if texts is not None:
        return replace(found, body=texts.get(_int(row[14]), ""))
    same = (old for old in previous.functions(found.schema, found.name) if replace(old, body="") == found)
    return next(same, found)


def _int(cell: str | None) -> int:
    return int(_str(cell))


def _str(cell: str | None) -> str:
    if cell is None:
        raise ValueError("a null where there is none")
    return cell


def split_path(text: str) -> tuple[str, ...]:
    """
    The names in a search_path setting: ``"$user", public`` is ("$user", "public").

    Source: SplitIdentifierString in the server: commas, double quotes, the rest
    in lower case. Raises ValueError where it is not such a list.
    """
    names: list[str] = []
    rest = text.strip()
    while rest:
        if rest[0] == '"':
            name, rest = _quoted(rest)
        else:
            bare, comma, behind = rest.partition(",")
            name, rest = bare.strip().lower(), comma + behind
            if not name or " " in name or '"' in name:
                raise ValueError(f"not a search_path: {text!r}")
        names.append(name)
        rest = rest.lstrip()
        if rest and not (rest[0] == "," and rest[1:].strip()):
            raise ValueError(f"not a search_path: {text!r}")
        rest = rest[1:].lstrip()
    # Postgres keeps an empty path as one empty quoted name.
    return tuple(name for name in names if name)


def _quoted(text: str) -> tuple[str, str]:
    name = ""
    at = 1
    while True:
        end = text.find('"', at)
        if end < 0:
            raise ValueError("a quoted name without its end")
        name += text[at:end]
        if text[end + 1 : end + 2] != '"':
            return name, text[end + 1 :]
        name += '"'
        at = end + 2


class CatalogueKeeper:
    """
    The current picture of one resource's catalogue.

    *load* reads it anew (given the next version number and the picture so far), *now*
    is a monotonic clock in seconds. Whoever waits for a reading shares it. *interval*,
    in seconds, is how soon the server is asked again for somebody who names what does
    not exist, or after a reading that failed.
    """

    def __init__(
        self,
        load: Callable[[int, Catalog], Awaitable[Catalog]],
        *,
        interval: float = 1.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._now = now
        self._interval = interval
        self._began = float("-inf")
        self._changes = 0
        self._failed: str = ""
        self._turn = asyncio.Lock()
        self.current: Catalog = EMPTY
        #: `current`, where it is to be trusted.
        self.trusted: Catalog | None = None

    @property
    def version(self) -> int:
        """Of the current picture: 0 before the first reading, more with each."""
        return self.current.version

    def invalidate(self) -> None:
        """The catalogue has changed: what is current now is no longer to be trusted."""
        self.trusted = None
        self._failed = ""
        self._changes += 1

    def should_refresh(self, unresolved: bool = False) -> bool:
        """Whether reading anew is due; with *unresolved*, whether it may help and is not too soon."""
        return self.trusted is None or (unresolved and self._now() - self._began >= self._interval)

    async def ready(self) -> None:
        """Returns once there is a picture to trust. Raises UpstreamRefused."""
        if self.trusted is None:
            try:
                await self._read(float("-inf"))
            except CatalogueError as no:
                raise UpstreamRefused("upstream.catalogue", str(no)) from None

    async def get(self) -> Catalog:
        """The current picture, read now if it is not to be trusted. Raises CatalogueError."""
        return self.current if self.trusted is not None else await self._read(float("-inf"))

    async def refresh(self, min_interval: float | None = None) -> Catalog:
        """
        Read anew, unless a reading that is still to be trusted began under
        *min_interval* seconds ago.

        Raises:
            CatalogueError: it cannot be read. `current` is what it was, `should_refresh` stays.
        """
        return await self._read(self._now() - (self._interval if min_interval is None else min_interval))

    async def _read(self, not_before: float) -> Catalog:
        """The picture of a reading that began after *not_before*."""
        async with self._turn:
            recent = self._now() - self._began < self._interval
            if self.trusted is not None and self._began > not_before:
                return self.current
            if self._failed and recent:
                raise CatalogueError(self._failed)
            self._began, changes = self._now(), self._changes
            try:
                self.current = await self._load(self.version + 1, self.current)
            except CatalogueError as no:
                self.trusted, self._failed = None, str(no)
                raise
            # A change during the reading may or may not be in it.
            self.trusted, self._failed = (self.current if self._changes == changes else None), ""
            return self.current
