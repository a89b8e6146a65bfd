"""Names of files on a host, as callers over SFTP send them, turned into what policy speaks of."""

from __future__ import annotations

from vedette.model import Effect, Touch

MAX_PATH_BYTES = 4096


class BadPath(Exception):
    """No name that can be judged. The text says why."""


def text(raw: bytes) -> str:
    """
    A path as text.

    Raises:
        BadPath: too long (PATH_MAX of Linux), with a null character, or not UTF-8: what is judged
            and what the host does would be two things.
    """
    if len(raw) > MAX_PATH_BYTES:
        raise BadPath(f"a path is at most {MAX_PATH_BYTES} bytes long")
    if b"\0" in raw:
        raise BadPath("a path cannot hold a null character")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise BadPath("a path has to be UTF-8") from None


def touch(effect: Effect, path: str) -> Touch:
    """
    *effect* on *path*: ``file:/etc/hosts``, or ``file:~/notes`` below the caller's home.

    Where ``..`` follows a name, it depends on links where that leads: the name then stands bare,
    not resolved. (Links on the host may lead elsewhere all the same; only the host knows.)
    """
    parts = [part for part in path.split("/") if part not in ("", ".")]
    absolute = path.startswith("/")
    if ".." in parts:
        below_root = absolute and parts[0] == ".." and ".." not in _after_dots(parts)
        if not below_root:
            last = next((part for part in reversed(parts) if part != ".."), "")
            return Touch(effect, f"file:*/{last}" if last else "file:*", resolved=False)
        parts = _after_dots(parts)
    start = "/" if absolute else "~/"
    name = start + "/".join(parts)
    return Touch(effect, "file:" + (name if parts or absolute else "~"))


def _after_dots(parts: list[str]) -> list[str]:
    """What is left when the leading ``..`` are gone: above the root there is nothing."""
    place = 0
    while place < len(parts) and parts[place] == "..":
        place += 1
    return parts[place:]
