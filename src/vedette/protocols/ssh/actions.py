"""What callers ask for over SSH, as actions that policy can judge."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

from vedette.model import SHELL_OBJECT, Action, Effect, Touch
from vedette.protocols.aside import aside
from vedette.shell.hosts import canonical
from vedette.shell.lines import Lines
from vedette.shell.reading import read
from vedette.terminal.guard import Line

PROTOCOL = "ssh"
#: A command line may be this long, in bytes; Linux itself takes no single argument beyond 128 KiB.
MAX_COMMAND_BYTES = 128 << 10
#: Longer ones, in characters, are read beside the event loop: the longest may take seconds.
READ_AT_ONCE = 8 << 10
#: What of a caller's environment goes on to the host. Everything else is dropped, on record.
_NAMES = re.compile(r"(?:LANG|LC_[A-Z]{1,32}|TZ|GIT_PROTOCOL)", re.ASCII)
_VALUES = re.compile(r"[A-Za-z0-9_.@:=+,-]{0,64}", re.ASCII)
MAX_ENVIRONMENT = 64
#: sun_path, unix(7).
MAX_SOCKET_CHARACTERS = 107
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9._-]{0,252})|[0-9a-f:.]{2,45}", re.ASCII)

State = tuple[tuple[str, str], ...]


class Unreadable(Exception):
    """It cannot even be judged. The text says why."""


def command(text: str, state: State) -> Action:
    """
    A command line, as the host's login shell would be handed it.

    Raises:
        Unreadable: too long, or with a null character, which would end it early for the host.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_COMMAND_BYTES:
        raise Unreadable(f"a command is at most {MAX_COMMAND_BYTES} bytes long")
    if "\0" in text:
        raise Unreadable("a command cannot hold a null character")
    facts = read(text)
    return Action(
        PROTOCOL, "exec", text, facts.touches, facts=facts.for_policy(), state=state, reason=facts.reason
    )


async def asked(text: str, state: State) -> Action:
    """As `command`, and raises what that does; while a long one is read, other sessions go on."""
    if len(text) <= READ_AT_ONCE:
        return command(text, state)
    return await aside(partial(command, text, state))


def supposed(text: str, user: str) -> Action:
    """What *text* would be as a command of somebody who sends no environment. Raises nothing."""
    try:
        return command(text, state(user, {}))
    except Unreadable as no:
        return Action(PROTOCOL, "exec", text, (Touch(Effect.UNKNOWN),), state=state(user, {}), reason=str(no))


def other(kind: str, text: str, touches: tuple[Touch, ...] = (), state: State = ()) -> Action:
    """Anything that is not a command: what it is cannot be read further."""
    reason = "" if touches else f"what a {kind} does cannot be read"
    return Action(PROTOCOL, kind, text, touches or (Touch(Effect.UNKNOWN),), state=state, reason=reason)


def files(user: str) -> Action:
    """Opening a channel for SFTP: it touches no file by itself; what follows is judged one by one."""
    touches = (Touch(Effect.READ, "program:sftp-server"),)
    return Action(PROTOCOL, "subsystem", "sftp", touches, state=state(user, {}))


def destination(host: str) -> str:
    """What is judged as *host*, and then dialled, to the letter. Raises Unreadable."""
    name = canonical(host) if _HOST.fullmatch(host.lower()) else None
    if not name:
        raise Unreadable("this is no host name or address")
    return name


def forward(host: str, port: int, user: str, resource: str = "") -> Action:
    """
    A connection from the host to *host* in its `canonical` form, whose bytes nobody reads.

    *resource* is that of the gateway's own to which it leads instead: there they are read.

    Raises:
        Unreadable: no name or address that a rule could speak of.
    """
    name = destination(host)
    if not 0 < port <= 65535:
        raise Unreadable("this is no port")
    touches = (Touch(Effect.EXPORT, f"host:{name}:{port}"),)
    where = (("resource", resource),) if resource else ()
    return Action(PROTOCOL, "forward", f"{name}:{port}", touches, state=state(user, {}) + where)


def socket(path: str, user: str) -> Action:
    """
    A connection to a Unix socket on the host.

    Raises:
        Unreadable: no whole path, or one that leads who knows where.
    """
    whole = path.startswith("/") and "\0" not in path and len(path) <= MAX_SOCKET_CHARACTERS
    if not whole or ".." in path.split("/"):
        raise Unreadable("this is no whole path of a socket")
    plain = "/" + "/".join(part for part in path.split("/") if part not in ("", "."))
    if plain != path:
        raise Unreadable("a socket's path is written without doubled or idle parts")
    touches = _opened(f"unix:{path}")
    return Action(PROTOCOL, "forward", f"unix:{path}", touches, state=state(user, {}))


def listen(host: str, port: int, user: str) -> Action:
    """
    Listening on the host for connections that lead to the caller. An empty *host* is all of its addresses
    (RFC 4254 section 7.1); port 0 is any.

    Raises:
        Unreadable: no name or address that a rule could speak of.
    """
    name = destination(host) if host not in ("", "*") else "*"
    if not 0 <= port <= 65535:
        raise Unreadable("this is no port")
    touches = _opened(f"listen:{name}:{port}")
    return Action(PROTOCOL, "listen", f"{name}:{port}", touches, state=state(user, {}))


def _opened(name: str) -> tuple[Touch, ...]:
    """A door of the host's needs more than leave to send something out: behind a socket may be anything."""
    return Touch(Effect.EXPORT, name), Touch(Effect.CONFIGURE, name)


def admitted(environment: Mapping[bytes, bytes]) -> dict[str, str]:
    """The variables that go on to the host: how text is written and what time it is, no more."""
    found = {}
    for name, value in environment.items():
        key, text = name.decode("latin-1"), value.decode("latin-1")
        if _NAMES.fullmatch(key) and _VALUES.fullmatch(text):
            found[key] = text
    return found


def shell(user: str, environment: Mapping[str, str], terminal: str) -> Action:
    """Opening the login shell. *terminal* is its type, empty for none."""
    touches = (Touch(Effect.EXECUTE, SHELL_OBJECT),)
    return Action(PROTOCOL, "shell", "", touches, state=state(user, environment, terminal))


def line(typed: Line, lines: Lines, known: State) -> Action:
    """A line that somebody is about to enter at a guarded shell. *known* is the shell's own state."""
    before = lines.state
    held = tuple(sorted([*known, ("shell", before)])) if before else known
    if not typed.read:
        touches = (Touch(Effect.UNKNOWN),)
        return Action(PROTOCOL, "line", typed.text, touches, state=held, reason=typed.reason)
    if len(typed.text) > READ_AT_ONCE:
        touches = (Touch(Effect.UNKNOWN),)
        return Action(PROTOCOL, "line", typed.text, touches, state=held, reason="a line of this length")
    facts = lines.read(typed.text)
    return Action(
        PROTOCOL, "line", typed.text, facts.touches, facts=facts.for_policy(), state=held, reason=facts.reason
    )


def state(user: str, environment: Mapping[str, str], terminal: str = "") -> State:
    """What changes the meaning of a command, sorted by name."""
    known = [("login", user), *((f"env.{name}", value) for name, value in environment.items())]
    return tuple(sorted([*known, ("terminal", terminal)] if terminal else known))
