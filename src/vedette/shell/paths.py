"""The name of a file as an object: whole, without ``.`` and ``..``.

What is not known of it is ``*``, or ``?`` where that holds no slash.
"""

from __future__ import annotations

import re

from vedette.shell.scope import ANY, GLOB, HOME, PLAIN

# What everybody has open, or what is nobody's: reading or writing it does nothing to anything.
NOWHERE = frozenset(
    {
        f"/dev/{name}"
        for name in ("null", "zero", "full", "stdin", "stdout", "stderr", "tty", "random", "urandom")
    }
)
_DESCRIPTOR = re.compile(r"/(?:dev/fd|proc/self/fd)/[0-9*]+\Z")
_ROOT = re.compile(r"/proc/[^/]+(?:/task/[^/]+)?/root(?=/|\Z)")
_FOLDER = re.compile(r"/proc/[^/]+(?:/task/[^/]+)?/cwd(?=/|\Z)")


Folders = tuple[str, ...] | None


def paths(text: str, folders: Folders) -> list[str]:
    """The files that *text* may name, one for each of *folders*."""
    return list(dict.fromkeys(path(text, folder) for folder in folders or (None,)))


def path(text: str, folder: str | None) -> str:
    """The file that *text* names in *folder*: ``/etc/passwd``, ``~/notes``, ``*/notes`` where unknown.

    ``..`` is taken by its letters: where links lead cannot be seen in a text.
    """
    if text.startswith(HOME):
        whole = "~" + text[1:]
    elif text.startswith(("/", ANY)):
        whole = text if text.startswith("/") or folder is None else f"{ANY}{text}"
    else:
        whole = f"{ANY if folder is None else folder}/{text}"
    whole = whole.replace(HOME, ANY).replace(PLAIN, GLOB)
    found = _normal(whole)
    found = _FOLDER.sub("*", _ROOT.sub("", found)) or "/"
    return re.sub(r"\*+", "*", found)


def _normal(whole: str) -> str:
    parts: list[str] = []
    absolute = whole.startswith("/")
    lost = False
    for part in whole.split("/"):
        if part in ("", "."):
            continue
        if part.startswith(".") and GLOB in part:
            part = ANY  # the pattern .* spells .. as well
        if part != "..":
            parts.append(part)
        elif parts and ANY not in parts[-1] and not parts[-1].startswith("~"):
            parts.pop()
        elif parts or not absolute:
            # Up from what is not known (or from a home): anywhere.
            parts, absolute, lost = [], False, True
    if lost:
        return "/".join(["*", *parts]).replace(ANY, "*").replace(GLOB, "?")
    return (("/" if absolute else "") + "/".join(parts)).replace(ANY, "*").replace(GLOB, "?") or "/"


def nowhere(name: str) -> bool:
    """Whether touching the file *name* touches nothing."""
    return name in NOWHERE or bool(_DESCRIPTOR.match(name))
