"""Options and operands, as getopt(3) and getopt_long(3) read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vedette.model import Effect
from vedette.shell.call import Call
from vedette.shell.scope import HOLES, LOOSE, Arg

_EFFECTS = {
    "read": Effect.READ,
    "write": Effect.WRITE,
    "create": Effect.CREATE,
    "delete": Effect.DELETE,
    "destroy": Effect.DESTROY,
    "grant": Effect.GRANT,
    "configure": Effect.CONFIGURE,
}
_HARMLESS = frozenset({"flag", "text", "read", "tree", "attached"})
ROLES = frozenset({*_EFFECTS, *_HARMLESS, "script", "unknown", "mark"})
"""What a value is: a file with an effect, ``tree`` (read with all below it), ``script`` (shell commands),
``text`` (nothing to us), ``attached`` (the same, but only in the same word: an optional argument of getopt),
``unknown`` (who knows). ``flag`` takes no value, ``mark`` neither, and matters."""


@dataclass(frozen=True, slots=True)
class Spec:
    """*operands* is the role of what is no option; *options* those of options, by ``-o`` or ``--output``.

    *closed*: an option that is not listed makes the command unknown. *first*: options stand before
    operands only, as in programs that take a command.
    """

    operands: str = "text"
    options: Mapping[str, str] = field(default_factory=dict)
    closed: bool = False
    first: bool = False

    @property
    def risky(self) -> bool:
        return self.closed or any(role not in _HARMLESS for role in self.options.values())


def spec(operands: str = "text", *, closed: bool = False, first: bool = False, **options: str) -> Spec:
    """``spec("read", text="-n --lines", write="-o")``: options by what their values are."""
    table = {option: role for role, names in options.items() for option in names.split()}
    wrong = {operands, *options} - ROLES
    if wrong:
        raise ValueError(f"no such role: {wrong}")
    return Spec(operands, table, closed, first)


@dataclass(slots=True)
class Given:
    """*operands* in order; *options* as they were given, with their values where they take one."""

    operands: list[Arg] = field(default_factory=list)
    options: list[tuple[str, Arg | None]] = field(default_factory=list)

    def has(self, *names: str) -> bool:
        return any(name in names for name, _ in self.options)

    def values(self, *names: str) -> list[Arg]:
        return [value for name, value in self.options if name in names and value is not None]


def split(call: Call, wanted: Spec, *, lenient: bool = False) -> Given:
    """What *call* was given. What cannot be told apart, and options that say so, make it unknown.

    *lenient*: the caller knows what to make of an operand that may be an option.
    """
    given, args = Given(), list(call.args)
    at = 0
    while at < len(args):
        arg, text = args[at], args[at].text
        at += 1
        if text == "--" and not arg.several:
            given.operands += args[at:]
            break
        made = text.startswith("-") and not HOLES.isdisjoint(text.partition("=")[0])
        if arg.several or text.startswith(LOOSE) or made:
            if wanted.risky and not lenient:
                call.unknown("an argument that may be an option is made at run time")
            given.operands.append(arg)
        elif text.startswith("--"):
            at += _long(call, wanted, text, args[at : at + 1], given)
        elif text.startswith("-") and text != "-":
            at += _short(call, wanted, text, args[at : at + 1], given)
        else:
            given.operands.append(arg)
            if wanted.first:
                given.operands += args[at:]
                break
    return given


def _long(call: Call, wanted: Spec, text: str, following: list[Arg], given: Given) -> int:
    """Notes one long option; how many of the following words it took."""
    name, equals, value = text.partition("=")
    names = [name] if name in wanted.options else _begun(name, wanted)
    roles = {wanted.options[found] for found in names}
    if len(roles) > 1:
        call.unknown(f"the option {name} may be one of several")
        return 0
    role = roles.pop() if roles else ""
    name = names[0] if names else name
    if not role:
        if wanted.closed:
            call.unknown(f"the option {name}")
        given.options.append((name, Arg(value) if equals else None))
        return 0
    if role in ("flag", "mark"):
        given.options.append((name, Arg(value) if equals else None))
        return 0
    if role == "attached":
        following = []
    taken = Arg(value) if equals else following[0] if following else Arg("")
    _single(call, wanted, taken)
    given.options.append((name, taken))
    apply(call, role, taken, name)
    return 0 if equals or role == "attached" else 1


def _single(call: Call, wanted: Spec, taken: Arg) -> None:
    """A value that becomes several words pushes the rest of them to where options stand."""
    if taken.open and wanted.risky:
        call.unknown("an argument that may be an option is made at run time")


def _begun(name: str, wanted: Spec) -> list[str]:
    """The long options that *name* abbreviates."""
    return [option for option in wanted.options if option.startswith(name) and option.startswith("--")]


def _short(call: Call, wanted: Spec, text: str, following: list[Arg], given: Given) -> int:
    for place, letter in enumerate(text[1:], 1):
        name = f"-{letter}"
        role = wanted.options.get(name, "")
        if not role and wanted.closed and not letter.isdigit():
            call.unknown(f"the option {name}")
        if not role or role in ("flag", "mark"):
            given.options.append((name, None))
            continue
        rest = text[place + 1 :]
        if role == "attached":
            following = []
        taken = Arg(rest) if rest else following[0] if following else Arg("")
        _single(call, wanted, taken)
        given.options.append((name, taken))
        apply(call, role, taken, name)
        return 0 if rest or role == "attached" else 1
    return 0


def apply(call: Call, role: str, arg: Arg, what: str = "") -> None:
    """Notes that *arg* plays *role*."""
    if role in _EFFECTS:
        call.file(_EFFECTS[role], arg.text, tree=role == "destroy")
    elif role == "tree":
        call.read(arg.text, tree=True)
    elif role == "script":
        call.script(arg.text)
    elif role == "unknown":
        call.unknown(f"the option {what}" if what else "its arguments")


def plain(call: Call, wanted: Spec) -> None:
    """A program whose operands all play the same role.

    Raises ValueError where an option matters (``mark``): that needs a function of its own.
    """
    if "mark" in wanted.options.values():
        raise ValueError(f"nobody looks at the marks of {call.name}")
    if wanted.operands == "unknown":
        call.unknown("what it does is not read here")
    for arg in split(call, wanted).operands:
        if arg.text != "-":
            apply(call, wanted.operands, arg)
