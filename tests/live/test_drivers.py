"""Drivers' own ways through the gateway: SQLAlchemy, psycopg 3, asyncpg."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import psycopg
import pytest
from sqlalchemy import ForeignKey, MetaData, create_engine, func, inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from tests.live.gateways import Live, living
from tests.testbed.gateway import RESOURCE

pytestmark = pytest.mark.live

CAREFUL = (
    {"allow": {"effects": ["read", "write", "delete"]}},
    {"deny": {"pack": "destructive-sql"}},
)


class Base(DeclarativeBase):
    pass


class Customer(Base):
    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str | None]
    orders: Mapped[list[Order]] = relationship(back_populates="customer")


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    total: Mapped[float]
    customer: Mapped[Customer] = relationship(back_populates="orders")


def _url(live: Live, driver: str) -> str:
    return f"postgresql+{driver}://agent:{live.token()}@127.0.0.1:{live.port}/{RESOURCE}"


def _orm(live: Live) -> None:
    engine = create_engine(_url(live, "psycopg"), connect_args={"sslmode": "disable"})
    try:
        with Session(engine) as session:
            session.add(
                Customer(id=700, name="Eve", email="eve@example.com", orders=[Order(id=700, total=3)])
            )
            session.commit()
            eve = session.scalars(select(Customer).where(Customer.name == "Eve")).one()
            eve.name = "Eva"
            assert [order.total for order in eve.orders] == [3]
            session.commit()
            with pytest.raises(DBAPIError, match="vedette"):
                session.execute(text("DELETE FROM orders"))
            session.rollback()
            assert session.scalar(select(Customer.name).where(Customer.id == 700)) == "Eva"
        seen = MetaData()
        seen.reflect(engine)
        assert {"customers", "orders", "notes"} <= set(seen.tables)
        assert inspect(engine).get_pk_constraint("customers")["constrained_columns"] == ["id"]
        assert inspect(engine).get_foreign_keys("orders")[0]["referred_table"] == "customers"
    finally:
        engine.dispose()


async def test_sqlalchemy_over_psycopg(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path, *CAREFUL) as live:
        await asyncio.to_thread(_orm, live)


async def test_sqlalchemy_over_asyncpg(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path, *CAREFUL) as live:
        engine = create_async_engine(_url(live, "asyncpg"), connect_args={"ssl": False})
        async with AsyncSession(engine) as session:
            session.add_all(Customer(id=n, name=f"N{n}", email=None) for n in range(700, 720))
            await session.commit()
            with pytest.raises(DBAPIError, match="vedette"):
                await session.execute(text("TRUNCATE orders"))
            await session.rollback()
            count = select(func.count()).select_from(Customer).where(Customer.id >= 700)
            assert await session.scalar(count) == 20
        async with engine.connect() as connection:
            assert "orders" in await connection.run_sync(lambda sync: inspect(sync).get_table_names())
        await engine.dispose()


async def test_asyncpg_in_its_own_ways(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path) as live:
        there = await asyncpg.connect(**live.keywords(), statement_cache_size=3)
        for number in range(8):
            assert await there.fetchval(f"SELECT $1::int + {number}", 1) == 1 + number
        await there.executemany("INSERT INTO orders VALUES ($1, 1, $2)", [(n, n) for n in range(800, 1000)])
        assert await there.fetchval("SELECT count(*) FROM orders WHERE id >= 800") == 200
        async with there.transaction(), asyncio.timeout(30):
            cursor = await there.cursor("SELECT id FROM orders WHERE id >= 800 ORDER BY id")
            assert [row["id"] for row in await cursor.fetch(5)] == [800, 801, 802, 803, 804]
            await cursor.forward(5)
            assert (await cursor.fetchrow())["id"] == 810
        out = tmp_path / "out.csv"
        await there.copy_from_query("SELECT id FROM orders WHERE id >= $1", 990, output=out, format="csv")
        assert len(out.read_text().splitlines()) == 10
        await there.copy_to_table("notes", source=_file(tmp_path), format="csv")
        assert await there.fetchval("SELECT body FROM notes WHERE id = 41") == "hello"
        with pytest.raises(asyncpg.UniqueViolationError):
            await there.copy_to_table("notes", source=_file(tmp_path), format="csv")
        assert await there.fetchval("SELECT 1") == 1
        statement = await there.prepare("SELECT * FROM orders WHERE id = ANY($1::int[])")
        assert len(await statement.fetch([800, 801])) == 2
        assert [a.name for a in statement.get_attributes()] == ["id", "customer_id", "total"]
        await there.reset()
        await there.close()


def _file(folder: Path) -> Path:
    file = folder / "notes.csv"
    file.write_text("41,hello\n42,there\n")
    return file


async def test_psycopg_in_its_own_ways(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path, *CAREFUL) as live:
        there = await psycopg.AsyncConnection.connect(live.dsn(), prepare_threshold=2)
        async with there:
            for number in range(6):
                row = await (await there.execute("SELECT %s + 1, %b::text", (number, "x"))).fetchone()
                assert row == (number + 1, "x")
            async with there.pipeline():
                cursors = [await there.execute("SELECT %s::int", (n,), prepare=True) for n in range(20)]
            assert [(await cursor.fetchone())[0] for cursor in cursors] == list(range(20))
            async with there.cursor(name="held", scrollable=True) as named:
                named.itersize = 7
                await named.execute("SELECT generate_series(1, 30)")
                assert [row[0] async for row in named] == list(range(1, 31))
                await named.scroll(4, mode="absolute")
                assert await named.fetchone() == (5,)
            async with there.cursor(binary=True) as binary:
                await binary.execute("SELECT id, name, balance FROM customers ORDER BY id LIMIT 1")
                assert (await binary.fetchone())[1] == "Ada Example"
            async with there.cursor().copy("COPY notes FROM STDIN (FORMAT binary)") as copy:
                copy.set_types(["int4", "text"])
                await copy.write_row((51, "binary"))
            await there.commit()
            async with there.transaction():
                await there.execute("UPDATE notes SET body = 'x' WHERE id = 51")
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    async with there.transaction():
                        await there.execute("DROP TABLE notes")
            found = await (await there.execute("SELECT body FROM notes WHERE id = 51")).fetchone()
            assert found == ("x",), "a refusal inside a savepoint leaves the rest as it was"


async def test_large_values_both_ways_do_not_stay_in_memory(pg16, database, tmp_path):
    """100 MiB each way, in values of 25 MiB; what the gateway's own process holds at its peak is less."""
    size = 25 << 20
    rows = _rows(tmp_path, size)
    async with living(pg16, database, tmp_path) as live:
        where = ["psql", "-XAtq", "-d", live.dsn(), "-v", "FETCH_COUNT=0"]
        assert (await live.run(*where, "-c", "SELECT 1")) == (0, "1\n", "")
        before = _peak_anew()
        big = f"SELECT repeat('x', {size}) FROM generate_series(1, 4)"
        assert await live.run(*where, "-o", "/dev/null", "-c", big) == (0, "", "")
        assert await live.run(*where, "-c", f"\\copy notes FROM '{rows}'") == (0, "", "")
        assert live.direct("SELECT sum(length(body)) FROM notes WHERE id >= 1000") == str(4 * size)
        assert _peak_kib() - before < 20 << 10


def _rows(folder: Path, size: int) -> Path:
    file = folder / "rows"
    file.write_text("".join(f"{number}\t{'y' * size}\n" for number in range(1000, 1004)))
    return file


def _peak_anew() -> int:
    """Has the kernel count the peak anew (proc(5), clear_refs); what is held now, in KiB."""
    peak = Path("/proc/self/clear_refs")
    if not peak.exists():
        pytest.skip("the peak of a process's memory is read from /proc")
    peak.write_text("5")
    return _peak_kib()


def _peak_kib() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
