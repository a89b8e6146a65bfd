"""Names of files and hosts that are known in part: ``/var/log/*``, ``*/notes``, ``~/notes``.

``*`` is any run of characters, ``?`` one without slashes; in globs, too, once nothing is certain. The
work is bounded: of long names that are open, both ends are compared.
"""

from __future__ import annotations

import re

END = 48
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
    return _intersect(_short(one), _short(two))


def _short(text: str) -> str:
    """*text*, or its two ends around a star: what that spells is more, and never less."""
    return text if len(text) <= 2 * END else f"{text[:END]}*{text[-END:]}"


def _intersect(one: str, two: str) -> bool:
    """Walks *one* with the set of all places reached in *two* at once: bit j is "before character j"."""
    masks: dict[str, int] = {}
    for place, char in enumerate(two):
        masks[char] = masks.get(char, 0) | 1 << place
    stars, marks = masks.get("*", 0), masks.get("?", 0)
    everything = (1 << len(two)) - 1
    reached = _fill(1, stars | marks)
    for char in one:
        if char == "*":
            reached = _fill(reached, everything)
        elif char == "?":
            reached = _fill(reached, everything & ~masks.get("/", 0))
        else:
            stays = reached & (stars if char == "/" else stars | marks)
            reached = _fill((reached & masks.get(char, 0)) << 1 | stays, stars | marks)
        if not reached:
            return False
    return bool(reached >> len(two) & 1)


def _fill(reached: int, passable: int) -> int:
    """*reached*, and what can be reached from there over characters that are *passable*."""
    step = 1
    while passable:
        reached |= (reached & passable) << step
        passable &= passable >> step
        step *= 2
    return reached


def _fixed(text: str) -> int:
    """How many characters stand before the first that is open."""
    return next((place for place, char in enumerate(text) if char in _OPEN), len(text))
