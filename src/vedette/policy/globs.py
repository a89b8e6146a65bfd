"""Globs on the names of objects and columns. ``*`` is any run of characters, and the only wildcard.

A glob is matched on the whole name, case and all, as PostgreSQL keeps names. The
work is bounded by name length times glob length: names may be written by an
attacker, so nothing here backtracks.
"""

from __future__ import annotations

from collections.abc import Iterable

from vedette.policy import open_names

# What may stand before the colon of an object that is no relation: globs may name these and no others.
# Most are PostgreSQL's own ObjectType words (src/include/nodes/parsenodes.h), the others what no ObjectType
# is about: settings, the server itself, objects of a cluster, files, programs, terminals, sockets and
# ports of a host, notification channels, advisory locks, prepared transactions, the write-ahead log.
KINDS = frozenset(
    {
        "access_method", "aggregate", "cast", "channel", "collation", "conversion", "database",
        "default", "domain", "event_trigger", "extension", "file", "function", "host", "index",
        "kubernetes", "language", "largeobject", "listen", "lock", "opclass", "operator", "opfamily",
        "parameter", "policy", "procedure", "program", "publication", "role", "rule", "schema", "server",
        "setting", "statistic_ext", "statistics", "subscription", "system", "tablespace", "terminal",
        "transaction", "transform", "trigger", "tsconfiguration", "tsdictionary", "tsparser", "tstemplate",
        "type", "unix", "usermapping", "wal", "wrapper",
    }
)  # fmt: skip

# Kinds whose names may be known in part only: a ``*`` in the name of such an object is any run of characters.
OPEN = frozenset({"file", "host", "kubernetes", "program"})


def kind_of(name: str) -> str:
    """``function`` of ``function:public.f``; empty for a relation, whose name has no kind before it."""
    kind, colon, _ = name.partition(":")
    return kind if colon and kind in KINDS else ""


class Glob:
    """One glob. A plain one matches relations only; ``kind:name`` matches that kind only."""

    __slots__ = ("_first", "_kind", "_last", "_least", "_middle", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._kind = kind_of(text)
        self._first, *parts = text.split("*")
        self._last = parts[-1] if parts else ""
        self._middle = tuple(part for part in parts[:-1] if part)
        self._least = len(self._first) + len(self._last) if parts else -1

    def fits(self, name: str) -> bool:
        """Whether the whole *name* is spelt by this glob, whatever a colon in it means."""
        if self._least < 0:
            return name == self._first
        if not name.startswith(self._first) or not name.endswith(self._last) or len(name) < self._least:
            return False
        at, end = len(self._first), len(name) - len(self._last)
        for part in self._middle:
            at = name.find(part, at, end)
            if at < 0:
                return False
            at += len(part)
        return True

    def match(self, name: str) -> bool:
        """Whether it matches the object called *name*."""
        return self.fits(name) and kind_of(name) == self._kind

    def could_match(self, bare: str) -> bool:
        """Whether the object matches in some schema; *bare* is a name whose schema nobody knows."""
        if kind_of(bare) != self._kind:
            return False
        if self._kind in OPEN:
            return open_names.meet(self.text.partition(":")[2], bare.partition(":")[2])
        skip = len(self._kind) + 1 if self._kind else 0
        glob, name = self.text[skip:], bare[skip:]
        if fits(glob, name):
            return True
        # Some schema s makes s.name match exactly when some tail of the glob matches ".name": whatever
        # comes before that tail can be spelt by s. A tail may begin with the star it shares with s.
        return any(fits(glob[start:], f".{name}") for start in range(len(glob)) if glob[start] in ".*")


def fits(glob: str, name: str) -> bool:
    """Whether the whole *name* is spelt by *glob*."""
    return Glob(glob).fits(name)


class Globs:
    """Several globs, of which one must match. Whole names are looked up, patterns tried in turn."""

    __slots__ = ("_exact", "_patterns", "texts")

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts = tuple(texts)
        self._exact = frozenset(text for text in self.texts if "*" not in text)
        self._patterns = tuple(Glob(text) for text in self.texts if "*" in text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Globs) and set(self.texts) == set(other.texts)

    def __hash__(self) -> int:
        return hash(frozenset(self.texts))

    def __repr__(self) -> str:
        return f"Globs({self.texts!r})"

    def match(self, name: str) -> bool:
        if name in self._exact:
            return True
        for glob in self._patterns:  # noqa: SIM110 - a generator costs more than the matching
            if glob.match(name):
                return True
        return False

    def spells(self, word: str) -> bool:
        """Matching of names that are no objects (subjects, resources): a colon means nothing in them."""
        return word in self._exact or any(glob.fits(word) for glob in self._patterns)

    def could_match(self, bare: str) -> bool:
        return any(Glob(text).could_match(bare) for text in self.texts)


def misspelt(text: str) -> tuple[str, str] | None:
    """Why an object glob can never match anything, and the fix; None where it can."""
    kind, colon, rest = text.partition(":")
    if colon and kind not in KINDS and kind.isidentifier():
        return f'unknown kind of object "{kind}" in "{text}"', "known are " + ", ".join(sorted(KINDS))
    if colon and not rest:
        return f'"{text}" names no object', f'write "{kind}:*" for all of them'
    if not kind_of(text) and "*" not in text and "." not in text:
        return (
            f'"{text}" has no schema, so it matches no relation',
            f'write "public.{text}", or "*.{text}" for any schema',
        )
    return None
