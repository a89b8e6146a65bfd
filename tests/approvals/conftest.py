from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from vedette.approvals import Desk
from vedette.model import Action, Allow, Ask, Deny, Effect, Hold, Kind, Principal, Resource, Touch
from vedette.store import Store
from vedette.trail.events import Event

POLICY = "p" * 64
AGENT = Principal("bot", Kind.AGENT, frozenset({"agents"}), actor="alice@example.com")
ALICE = Principal("alice", Kind.PERSON, frozenset({"dba"}), email="alice@example.com")
BOB = Principal("bob", Kind.PERSON, frozenset({"dba"}), email="bob@example.com")
CAROL = Principal("carol", Kind.PERSON, frozenset({"dba", "security"}))
DAVE = Principal("dave", Kind.PERSON, frozenset({"sales"}))
HOLD = Hold("ask-first", "writes need a person", frozenset({"dba"}), patience=60.0)
UPDATE = Action(
    "postgres", "statement", "update people set a = 1 where id = $1",
    (Touch(Effect.WRITE, "public.people"),), parameters=("7",), state=(("role", "app"),),
)  # fmt: skip
ASK = Ask(AGENT, Resource("appdb", "postgres"), UPDATE, "s1")


class Clocks:
    """A wall clock and a monotonic one, set by hand."""

    def __init__(self) -> None:
        self.wall = 1_763_835_000.0
        self.mono = 500.0

    def tick(self, seconds: float) -> None:
        self.wall += seconds
        self.mono += seconds

    def now(self) -> float:
        return self.wall

    def clock(self) -> float:
        return self.mono


class Office:
    """Desks (each a process of its own) over one store, and what they put on record."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.time = Clocks()
        self.records: list[Event] = []
        self.broken: OSError | None = None
        self.desks: list[Desk] = []
        self.parked: list[asyncio.Task[Allow | Deny]] = []

    def record(self, event: Event) -> None:
        if self.broken is not None:
            raise self.broken
        self.records.append(event)

    def desk(self, worker: str = "main", **settings: object) -> Desk:
        desk = Desk(
            self.store.holds, self.record, now=self.time.now, clock=self.time.clock, worker=worker,
            **settings,  # type: ignore[arg-type]
        )  # fmt: skip
        self.desks.append(desk)
        return desk

    @property
    def said(self) -> list[str]:
        return [event.kind for event in self.records]


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    store = await Store.open(tmp_path / "vedette.db")
    office = Office(store)
    yield office
    for desk in office.desks:
        await desk.close()
    # Who was waiting has been answered, and may still be at the store.
    await asyncio.gather(*office.parked, return_exceptions=True)
    await store.close()


Parked = tuple["asyncio.Task[Allow | Deny]", str]


@pytest.fixture
def park(office: Office) -> Callable[..., Awaitable[Parked]]:
    """Begin to wait; comes back with the task and the hold's id once it can be seen."""

    async def run(desk: Desk, ask: Ask = ASK, hold: Hold = HOLD, policy: str = POLICY) -> Parked:
        told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(desk.wait(ask, hold, policy, told=told.set_result))
        office.parked.append(task)
        return task, await told

    return run
