"""The entry: a command line gives `Facts`."""

from __future__ import annotations

from vedette.shell.facts import Facts, unknown
from vedette.shell.parse import parse
from vedette.shell.scope import Scope
from vedette.shell.tree import Unreadable
from vedette.shell.walk import Walker


def read(command: str) -> Facts:
    """What running *command* by the caller's login shell, in its home folder, would do, and to what.

    Never raises: what cannot be read, or depends on the run, is UNKNOWN, with the reason. The work is
    bounded by the length of the command, the nesting and the steps that `vedette.shell.parse`,
    `vedette.shell.words` and `vedette.shell.notes` permit.
    """
    walker = Walker()
    try:
        walker.walk(parse(command), Scope())
        walker.finish()
    except Unreadable as error:
        return unknown(str(error))
    except RecursionError:
        return unknown("nested too deeply to be read")
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        return unknown(f"a command of a form that is not known here ({type(error).__name__})")
    return walker.notes.facts()
