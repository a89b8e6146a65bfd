"""From a draft to facts: what a statement would do, looked up before it is read.

Reading costs 50 to 300 µs, a look-up well under one. Facts are remembered by
exact text, and by shape (plain literals put aside) where they do not hang on
constants; both per state of the session and version of the catalogue.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol, TypeVar

from vedette.protocols.postgres.catalogue import CatalogueError
from vedette.protocols.postgres.exchange import Draft
from vedette.sql.catalog import Catalog
from vedette.sql.facts import Facts, union, unknown
from vedette.sql.reading import State, read
from vedette.sql.shape import shape

# Longer texts are read in a thread: a character costs about a microsecond.
MAX_AT_ONCE = 2 << 10
# Longer texts are read each time rather than kept: agents repeat short ones.
MAX_KEPT_TEXT = 16 << 10
MAX_KEPT = 8192
MAX_STATES = 64

T = TypeVar("T")

UNREADABLE = unknown("the message is no readable statement")


class Keeper(Protocol):
    """Holds the catalogue; *current* is replaced as a whole. *trusted* is None until it is read anew."""

    @property
    def current(self) -> Catalog: ...
    @property
    def trusted(self) -> Catalog | None: ...
    def should_refresh(self, unresolved: bool) -> bool:
        """Reading the catalogue anew now may help, and is not too soon."""

    async def refresh(self) -> Catalog: ...


class Aside(Protocol):
    """Runs *work* elsewhere, and gives what it returns or raises."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]: ...


class Known:
    """What is remembered for one state of sessions."""

    __slots__ = ("shapes", "texts")

    def __init__(self) -> None:
        self.texts: dict[str, Facts] = {}
        self.shapes: dict[str, Facts] = {}


class Reader:
    """
    Reads for all sessions of one resource.

    *keeper* holds the catalogue it goes by; *aside* runs what takes long beside the event loop.
    """

    def __init__(self, keeper: Keeper, aside: Aside) -> None:
        self.keeper = keeper
        self._aside = aside
        self._version = -1
        self._known: dict[State, Known] = {}
        self._last: tuple[State, Known] | None = None

    @property
    def catalog(self) -> Catalog:
        return self.keeper.current

    def read(self, draft: Draft) -> Facts | Awaitable[Facts]:
        """The facts of *draft*; awaitable where that takes long, or needs the catalogue read anew first."""
        text = draft.text
        if text is None:
            return UNREADABLE
        if self.keeper.should_refresh(False):
            return self._read_anew(draft)
        facts = self._look_up(text, draft.state)
        if facts is None:
            if len(text) > MAX_AT_ONCE:
                return self._read_aside(draft)
            facts = self._read(text, draft.state, draft.texts_of)
        if facts.unresolved and self.keeper.should_refresh(True):
            return self._read_anew(draft)
        return facts

    def read_now(self, draft: Draft) -> Facts:
        """The facts of *draft* by the catalogue as it stands, whatever was remembered."""
        return self._read(draft.text or "", draft.state, draft.texts_of)

    async def _read_anew(self, draft: Draft) -> Facts:
        try:
            await self.keeper.refresh()
        except CatalogueError:
            # A picture that was good a moment ago still is; one that is known to be stale is not.
            if self.keeper.should_refresh(False):
                raise
        return await self._read_long(draft)

    async def _read_aside(self, draft: Draft) -> Facts:
        """A long text, read while others go on."""
        facts = await self._read_long(draft)
        if facts.unresolved and self.keeper.should_refresh(True):
            return await self._read_anew(draft)
        return facts

    async def _read_long(self, draft: Draft) -> Facts:
        """By the catalogue as it stands when this returns, wherever it is read."""
        text, state = draft.text or "", draft.state
        while len(text) > MAX_AT_ONCE:
            catalog = self.keeper.current
            facts = await self._aside(partial(read, text, state, catalog))
            names = (*facts.executes, *facts.fetches)
            if names:
                named = await self._aside(partial(_named, _texts(names, draft.texts_of), state, catalog))
                facts = await self._aside(partial(read, text, state, catalog, named))
            if catalog is self.keeper.current:
                if not names:
                    self._remember(text, state, facts)
                return facts
        return self._read(text, state, draft.texts_of)

    def _for(self, state: State) -> Known:
        catalog = self.keeper.current
        if catalog.version != self._version:
            self._known.clear()
            self._last = None
            self._version = catalog.version
        last = self._last
        if last is not None and last[0] is state:
            return last[1]
        known = self._known.get(state)
        if known is None:
            if len(self._known) >= MAX_STATES:
                self._known.clear()
            known = self._known[state] = Known()
        self._last = (state, known)
        return known

    def _look_up(self, text: str, state: State) -> Facts | None:
        known = self._for(state)
        facts = known.texts.get(text)
        if facts is None and len(text) <= MAX_KEPT_TEXT:
            key = shape(text)
            if key is not None:
                return known.shapes.get(key)
        return facts

    def _read(self, text: str, state: State, texts_of: Callable[[str], tuple[str, ...]]) -> Facts:
        catalog = self.keeper.current
        facts = read(text, state, catalog)
        names = (*facts.executes, *facts.fetches)
        if names:
            # What a name stands for is the session's own: not to be remembered for others.
            return read(text, state, catalog, _named(_texts(names, texts_of), state, catalog))
        self._remember(text, state, facts)
        return facts

    def _remember(self, text: str, state: State, facts: Facts) -> None:
        if len(text) <= MAX_KEPT_TEXT:
            known = self._for(state)
            key = shape(text) if facts.constant_free else None
            if key is not None:
                _keep(known.shapes, key, facts)
            else:
                _keep(known.texts, text, facts)


def _texts(names: tuple[str, ...], texts_of: Callable[[str], tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """What each of *names* may run."""
    return {name: texts for name in dict.fromkeys(names) if (texts := texts_of(name))}


def _named(texts: dict[str, tuple[str, ...]], state: State, catalog: Catalog) -> dict[str, Facts]:
    return {name: union(read(text, state, catalog) for text in each) for name, each in texts.items()}


def _keep(kept: dict[str, Facts], key: str, facts: Facts) -> None:
    if len(kept) >= MAX_KEPT:
        kept.clear()
    kept[key] = facts
