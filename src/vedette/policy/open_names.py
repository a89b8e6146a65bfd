"""Names of files and hosts that are known in part: ``/var/log/*``, ``*/notes``, ``~/notes``.

Both sides may hold ``*``. The work is bounded by the product of their lengths, and names too long to be
compared could be anything.
"""

from __future__ import annotations

MAX_COMPARED = 1024

# Where nobody's home is. A home elsewhere may be anywhere (hier(7)).
_SYSTEM = ("/bin", "/boot", "/dev", "/etc", "/lib", "/proc", "/run", "/sbin", "/sys", "/usr")


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
    fixed = other.partition("*")[0]
    if any(fixed == folder or fixed.startswith(f"{folder}/") for folder in _SYSTEM):
        return False
    return _both("*" + _below(ours), other)


def _below(name: str) -> str:
    """``/notes`` of ``~ada/notes``."""
    slash = name.find("/")
    return name[slash:] if slash >= 0 else "*" if "*" in name else ""


def _both(one: str, two: str) -> bool:
    """Whether some text is spelt by both."""
    if "*" not in one and "*" not in two:
        return one == two
    head = min(_fixed(one), _fixed(two))
    tail = min(_fixed(one[::-1]), _fixed(two[::-1]))
    if one[:head] != two[:head] or (tail and one[-tail:] != two[-tail:]):
        return False
    if max(len(one), len(two)) > MAX_COMPARED:
        return True
    # reached[j]: some text is spelt by the first i characters of one and the first j of two.
    reached = [True, *[False] * len(two)]
    for j, char in enumerate(two):
        reached[j + 1] = reached[j] and char == "*"
    for char in one:
        below = [reached[0] and char == "*"]
        for j, other in enumerate(two):
            below.append(
                (char == "*" and (reached[j + 1] or below[j]))
                or (other == "*" and (below[j] or reached[j + 1]))
                or (char == other and reached[j])
            )
        reached = below
    return reached[-1]


def _fixed(text: str) -> int:
    """How many characters stand before the first star."""
    at = text.find("*")
    return len(text) if at < 0 else at
