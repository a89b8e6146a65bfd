"""The entry: a command line gives `Facts`."""

from __future__ import annotations

from vedette.shell.facts import Facts, unknown


def read(command: str) -> Facts:
    """What running *command* by the caller's login shell would do, and to what.

    Never raises: what cannot be read, or depends on the run, is UNKNOWN, with the reason.
    """
    return unknown(f"a command of {len(command)} characters that cannot be read yet")
