"""Names of files and hosts that are known in part: ``/var/log/*``, ``*/notes``, ``~/notes``.

``*`` is any run of characters, ``?`` one without slashes; in globs, too, once nothing is certain. The
work is bounded by the product of their lengths, and names too long to be compared could be anything.
"""

from __future__ import annotations

import re

MAX_COMPARED = 256
_OPEN = frozenset("*?")

# Where homes are: of root, of people, and of what has none of the usual (hier(7)).
_HOMES = ("/root", "/home/?", "/var/lib/nobody")
_IN_HOME = re.compile(r"/(?:home|Users|export/home|var/lib)/[^/*?]+(?=/|\Z)")


def meet(glob: str, name: str) -> bool:
    """Whether some file is spelt by *glob* and may be the one that *name* means."""
    if glob.startswith("~") or name.startswith("~"):
        return _home(glob, name)
    return _both(glob, name)


def _home(glob: str, name: str) -> bool:
    """One of them begins in a home folder, and nobody knows which folder that is."""
    if _both(glob, name):
        return True
    if glob.startswith("~") and name.startswith("~"):
        # ~ and ~ada may be the same.
        return _both(_below(glob), _below(name))
    ours, other = (glob, name) if glob.startswith("~") else (name, glob)
    return any(_both(home + _below(ours), other) for home in (*_HOMES, *_named(other)))


def _named(other: str) -> list[str]:
    """The home that *other* spells itself: ``/home/ada`` of ``/home/ada/notes``."""
    found = _IN_HOME.match(other)
    return [found[0]] if found else []


def _below(name: str) -> str:
    """``/notes`` of ``~ada/notes``."""
    slash = name.find("/")
    return name[slash:] if slash >= 0 else "*" if "*" in name else ""


def _both(one: str, two: str) -> bool:
    """Whether some text is spelt by both."""
    if _OPEN.isdisjoint(one) and _OPEN.isdisjoint(two):
        return one == two
    head = min(_fixed(one), _fixed(two))
    tail = min(_fixed(one[::-1]), _fixed(two[::-1]))
    if one[:head] != two[:head] or (tail and one[-tail:] != two[-tail:]):
        return False
    if max(len(one), len(two)) > MAX_COMPARED:
        return True
    # reached[j]: some text is spelt by the first i characters of one and the first j of two.
    reached: list[bool] = []
    for i in range(len(one) + 1):
        row: list[bool] = []
        here = one[i : i + 1]
        for j in range(len(two) + 1):
            there = two[j : j + 1]
            row.append(
                (i == j == 0)
                or (i > 0 and reached[j] and (one[i - 1] in _OPEN or _spells(there, one[i - 1])))
                or (j > 0 and row[j - 1] and (two[j - 1] in _OPEN or _spells(here, two[j - 1])))
                or (i > 0 and j > 0 and reached[j - 1] and one[i - 1] == two[j - 1])
            )
        reached = row
    return reached[-1]


def _spells(run: str, char: str) -> bool:
    """Whether *run* is a star or a question mark whose text may hold *char*."""
    return run == "*" or (run == "?" and char != "/")


def _fixed(text: str) -> int:
    """How many characters stand before the first that is open."""
    return next((place for place, char in enumerate(text) if char in _OPEN), len(text))
