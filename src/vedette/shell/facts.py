"""What reading a shell command found out: the facts that policy and the engine go by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from vedette.model import Effect, Touch
from vedette.sql import facts as sql

NOTHING = Touch(Effect.READ)
_NO_SQL = sql.Facts()


@dataclass(frozen=True, slots=True)
class Facts:
    """All that was read off one command line.

    *touches* is never empty. Its objects are ``file:/etc/passwd``, ``program:rm`` and
    ``host:example.com:443``, and whatever `vedette.sql` names where SQL is handed to ``psql``. A
    file below the caller's home is ``file:~/notes``. A name that is not wholly known holds ``*``
    for any run of characters (``file:/var/log/*``, ``file:*/notes`` where the folder is not known)
    and is not *resolved*; ``?`` is such a run without slashes.

    *programs* are the programs that would start, by name, in the order of the text; *mentions* the
    paths handed to programs of which it is not known what they do with them; *hosts* those that it
    would talk to, as ``name:port``. *elevated*: as another user (sudo). *background*: something may
    outlive the command. *commands* counts the simple commands, those inside wrappers included.
    *sql* is what was read of SQL on the way. *reason* says why UNKNOWN is among the effects.
    """

    touches: tuple[Touch, ...] = (NOTHING,)
    programs: tuple[str, ...] = ()
    reason: str = ""
    mentions: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    commands: int = 0
    elevated: bool = False
    background: bool = False
    sql: sql.Facts = _NO_SQL
    _policy: list[Mapping[str, Mapping[str, object]]] = field(
        default_factory=list, init=False, repr=False, compare=False
    )

    @property
    def effects(self) -> frozenset[Effect]:
        return frozenset(touch.effect for touch in self.touches)

    def for_policy(self) -> Mapping[str, Mapping[str, object]]:
        """What conditions may ask about, under ``shell`` and ``sql``; built once."""
        if not self._policy:
            inner: Mapping[str, object] = MappingProxyType(
                {
                    "programs": list(self.programs),
                    "mentions": list(self.mentions),
                    "hosts": list(self.hosts),
                    "commands": self.commands,
                    "elevated": self.elevated,
                    "background": self.background,
                }
            )
            self._policy.append(MappingProxyType({"shell": inner, **self.sql.for_policy()}))
        return self._policy[0]


def unknown(reason: str) -> Facts:
    """The facts of what could not be read at all. Assumes the worst of everything."""
    return Facts(touches=(Touch(Effect.UNKNOWN),), reason=reason, elevated=True, background=True)
