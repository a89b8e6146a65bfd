"""Walks the tree of a command in the order in which it would run, and notes what each part does."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Several

from vedette.model import Effect
from vedette.shell.call import Call
from vedette.shell.environment import meddles
from vedette.shell.expand import Expander
from vedette.shell.notes import Notes, shown
from vedette.shell.parse import parse
from vedette.shell.programs import PROGRAMS, STANDARD
from vedette.shell.scope import ANY, HOLES, PLAIN, Arg, Scope, either, loose
from vedette.shell.substituted import value_of
from vedette.shell.tree import (
    Assignment,
    Case,
    Chain,
    Choice,
    Command,
    Count,
    Each,
    Function,
    Let,
    Lit,
    Loop,
    Pipeline,
    Redirect,
    Redirected,
    Sequence,
    Simple,
    Subshell,
    Test,
    Unreadable,
)

MAX_DEPTH = 60
MAX_EACH = 16
_ROUNDS = 3
_SPECIAL = frozenset(
    {":", ".", "eval", "exec", "export", "readonly", "set", "shift", "times", "trap", "unset"}
)
_LEAVING = frozenset({"exit", "return"})


class Walker:
    """*unused* are the functions that nothing has called yet, with the scope they were made in."""

    __slots__ = ("depth", "notes", "unused")

    def __init__(self) -> None:
        self.notes = Notes()
        self.depth = 0
        self.unused: dict[int, tuple[Function, Scope]] = {}

    def finish(self) -> None:
        """Reads the functions that were made and never called: who knows what calls them."""
        while self.unused:
            _, (function, scope) = self.unused.popitem()
            apart = scope.copy()
            apart.positional = (Arg(ANY, True),)
            apart.inside |= {function.name}
            self.walk(function.body, apart)

    # -- Commands -------------------------------------------------------------------------------------------

    def walk(self, command: Command, scope: Scope, stdin: str | None = None) -> None:
        self.notes.step()
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unreadable("nested too deeply to be read")
        match command:
            case Simple():
                self._simple(command, scope, stdin)
            case Redirected(body, redirects):
                self._redirected(body, redirects, scope)
            case Pipeline(commands):
                for each in commands:
                    self.walk(each, scope.copy(), stdin if each is commands[0] else None)
            case Chain():
                self._chain(command, scope, stdin)
            case Sequence(commands):
                for each in commands:
                    self._settled(each, scope, stdin)
            case Subshell(body):
                self.walk(body, scope.copy(), stdin)
            case Choice(branches):
                self._choice(branches, scope)
            case Loop(condition, body):
                self._rounds(Sequence((*condition.commands, *body.commands)), scope)
            case Each():
                self._each(command, scope)
            case Count(expression, body):
                self._expander(scope).arithmetic(expression)
                self._rounds(body, scope)
            case Case():
                self._case(command, scope)
            case Function():
                scope.functions[command.name] = command.body
                self.unused[id(command.body)] = (command, scope.copy())
            case Test():
                self._test(command, scope)
            case Let(expression):
                self._expander(scope).arithmetic(expression)
        self.depth -= 1

    def _settled(self, command: Command, scope: Scope, stdin: str | None) -> None:
        """One command of a list: the next one runs whether or not this one could change the folder."""
        before = scope.folders
        self.walk(command, scope, stdin)
        sure = isinstance(command, Chain) and _leaves(command.links[-1][1], scope)
        if not sure:
            scope.folders = either(before, scope.folders)

    def _chain(self, chain: Chain, scope: Scope, stdin: str | None) -> None:
        if chain.background:
            self.notes.background = True
            self._links(chain, scope.copy(), stdin)
        else:
            self._links(chain, scope, stdin)

    def _links(self, chain: Chain, scope: Scope, stdin: str | None) -> None:
        """``&&`` goes on from what its left side did; ``||`` from wherever that failed."""
        failed = scope.copy()
        for operator, command in chain.links:
            if operator == "||":
                apart = failed.copy()
                apart.join(scope)
                self.walk(command, apart, stdin)
                if not _leaves(command, scope):
                    scope.join(apart)
                    failed.join(scope)
                continue
            self.walk(command, scope, stdin)
            if command is not chain.links[-1][1]:
                failed.join(scope)
        left = any(_leaves(command, scope) for operator, command in chain.links if operator == "||")
        if not left and len(chain.links) > 1:
            folders = scope.folders
            scope.join(failed)
            scope.folders = folders  # what follows it in a list adds the one before

    def _choice(self, branches: tuple[tuple[Sequence | None, Sequence], ...], scope: Scope) -> None:
        done: list[Scope] = []
        for condition, body in branches:
            if condition is not None:
                self.walk(condition, scope)
            apart = scope.copy()
            self.walk(body, apart)
            done.append(apart)
        for each in done:
            scope.join(each)

    def _rounds(self, body: Command, scope: Scope) -> None:
        """A body that runs any number of times: until another round changes nothing."""
        for turn in range(_ROUNDS + 1):
            after = scope.copy()
            self.walk(body, after)
            after.join(scope)
            same = (after.values, after.arrays, after.folders, after.positional) == (
                scope.values,
                scope.arrays,
                scope.folders,
                scope.positional,
            )
            scope.become(after)
            if same:
                return
            if turn == _ROUNDS - 1:
                for name in scope.values:
                    scope.values[name] = ANY
        raise Unreadable("a loop whose variables never settle")

    def _each(self, loop: Each, scope: Scope) -> None:
        expander = self._expander(scope)
        words = scope.positional
        if loop.words is not None:
            words = tuple(arg for word in loop.words for arg in expander.words(word))
        several = any(arg.several for arg in words)
        if len(words) <= MAX_EACH and not several:
            for arg in words:
                scope.put(loop.name, arg.text)
                self._rounds(loop.body, scope)
            return
        scope.put(loop.name, ANY if several else _either({arg.text for arg in words}))
        self._rounds(loop.body, scope)

    def _case(self, case: Case, scope: Scope) -> None:
        expander = self._expander(scope)
        expander.one(case.subject)
        after = scope.copy()
        for patterns, body in case.items:
            for pattern in patterns:
                expander.one(pattern)
            apart = after.copy()  # ;& goes on from the items before
            self.walk(body, apart)
            after.join(apart)
        scope.become(after)

    def _test(self, test: Test, scope: Scope) -> None:
        expander = self._expander(scope)
        for word in test.words:
            text = expander.one(word)
            if test.arithmetic and (text.isidentifier() or "[" in text or loose(text)):
                raise Unreadable("numbers compared that are not known to be numbers")

    # -- Redirections ---------------------------------------------------------------------------------------

    def _redirected(self, body: Command, redirects: Several[Redirect], scope: Scope) -> None:
        stdin = None
        alone = _does_nothing(body)
        for redirect in redirects:
            stdin = self._redirect(redirect, scope, stdin, alone=alone)
        self.walk(body, scope, stdin)

    def _redirect(self, redirect: Redirect, scope: Scope, stdin: str | None, *, alone: bool) -> str | None:
        """Notes it, and says what is read from then on where that is known."""
        expander, op = self._expander(scope), redirect.op
        if op in ("<<", "<<<"):
            return expander.one(redirect.target) + ("\n" if op == "<<<" else "")
        args = expander.words(redirect.target)
        if len(args) != 1:
            raise Unreadable("a redirection to several files")
        text = args[0].text
        if op in ("<&", ">&") and (text == "-" or text.rstrip("-").isdigit()):
            return None if redirect.fd == 0 or op == "<&" else stdin
        if text.startswith(("/dev/tcp/", "/dev/udp/")):
            self._network(text, scope)
        elif op == "<":
            self.notes.file(Effect.READ, text, scope.folders)
        elif op == "<&":
            raise Unreadable("a descriptor that is worked out at run time")
        elif alone and op in (">", ">|", "&>", ">&"):
            self.notes.file(Effect.DESTROY, text, scope.folders)
        else:
            self.notes.file(Effect.WRITE, text, scope.folders)
            if op == "<>":
                self.notes.file(Effect.READ, text, scope.folders)
        return None if redirect.fd in (None, 0) and op in ("<", "<>") else stdin

    def _network(self, text: str, scope: Scope) -> None:
        _, _, _, host, *port = text.split("/", 4)
        call = Call("redirection", (), scope, self)
        call.host(Effect.EXPORT, host, port[0] if port else "*")

    # -- Simple commands ------------------------------------------------------------------------------------

    def _expander(self, scope: Scope) -> Expander:
        return Expander(scope, self._substitution(scope))

    def _substitution(self, scope: Scope) -> Callable[[Sequence], str]:
        def run(body: Sequence) -> str:
            self.walk(body, scope.copy())
            return value_of(body, scope)

        return run

    def _simple(self, simple: Simple, scope: Scope, stdin: str | None) -> None:
        expander = self._expander(scope)
        args: list[Arg] = []
        for word in simple.words:
            if isinstance(word, Assignment):
                self._assign(word, expander, scope)
                args.append(Arg(f"{word.name}={scope.values.get(word.name, '')}"))
            else:
                args += expander.words(word)
            self.notes.step()
        if not args:
            for assignment in simple.assignments:
                self._assign(assignment, expander, scope)
            return
        inner = scope
        for assignment in simple.assignments:
            inner = scope.copy() if inner is scope else inner
            before = inner.strange
            self._assign(assignment, Expander(inner, self._substitution(inner)), inner, exported=True)
            if assignment.name == "IFS" and args[0].text == "read" and "read" not in scope.functions:
                inner.strange = before  # it parts what is read, and nothing else
        self.program(args, inner, stdin)
        if inner is not scope:
            scope.folders = either(inner.folders, scope.folders)
            scope.functions.update(inner.functions)
            for name in inner.values:
                if inner.values[name] != scope.values.get(name):
                    scope.values[name] = ANY
            if args[0].text in _SPECIAL:  # behind these, sh keeps the assignments
                scope.strange = scope.strange or inner.strange

    def _assign(self, made: Assignment, expander: Expander, scope: Scope, *, exported: bool = False) -> None:
        self.notes.step()
        if meddles(made.name, exported=exported):
            scope.strange = scope.strange or f"{made.name} was changed"
        if made.several is not None:
            found = tuple(arg for word in made.several for arg in expander.words(word))
            if made.append:
                found = (*scope.arrays.get(made.name, (Arg(ANY, True),)), *found)
            scope.put(made.name, ANY if not found or found[0].several else found[0].text)
            scope.arrays[made.name] = found
            return
        value = expander.one(made.value, assigned=True)
        if made.index is not None:
            if not all(char.isalnum() or char in "_-@*" for char in expander.one(made.index)):
                raise Unreadable("an array's element that is worked out at run time")
            if not expander.one(made.index).isdigit():
                expander.arithmetic(made.index)
            scope.put(made.name, ANY)
            scope.arrays[made.name] = (Arg(ANY, True),)
        elif made.append:
            scope.put(made.name, scope.get(made.name) + value)
        else:
            scope.put(made.name, value)

    def program(self, args: Several[Arg], scope: Scope, stdin: str | None = None) -> None:
        """What running *args* does."""
        self.notes.step()
        self.notes.commands += 1
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unreadable("nested too deeply to be read")
        name, rest = args[0], tuple(args[1:])
        if name.open or not HOLES.isdisjoint(name.text) or not name.text:
            self.notes.unknown("which program runs is decided at run time")
            self._mentions(rest, scope)
        elif name.text in scope.functions:
            self._call(name.text, rest, scope, stdin)
        else:
            self._start(name.text, rest, scope, stdin)
        self.depth -= 1

    def _start(self, text: str, args: tuple[Arg, ...], scope: Scope, stdin: str | None) -> None:
        name = _standard(text)
        known = PROGRAMS.get(name)
        self.notes.programs[shown(name)] = None
        if scope.strange and name not in ("echo", ":", "true", "false", "cd", "pwd", "exit"):
            self.notes.unknown(scope.strange)
        if known is None:
            self.notes.start(name, scope.folders)
            self._mentions(args, scope)
            return
        self.notes.touch(Effect.READ, f"program:{name}", implied=True)
        known(Call(name, args, scope, self, stdin))

    def _mentions(self, args: tuple[Arg, ...], scope: Scope) -> None:
        for arg in args:
            text = arg.text
            if text.startswith("-") and "=" in text:
                text = text.partition("=")[2]
            if text and not text.startswith("-"):
                self.notes.mention(text, scope.folders)

    def _call(self, name: str, args: tuple[Arg, ...], scope: Scope, stdin: str | None) -> None:
        """A function of the text itself, with its arguments."""
        if name in scope.inside:
            self.notes.unknown(f"the function {name} calls itself")
            return
        body = scope.functions[name]
        self.unused.pop(id(body), None)
        positional, inside = scope.positional, scope.inside
        scope.positional, scope.inside = args, inside | {name}
        self.walk(body, scope, stdin)
        scope.positional, scope.inside = positional, inside

    def script(self, text: str, scope: Scope, args: Several[Arg] = ()) -> None:
        """The commands in *text*, in *scope*."""
        if args:
            scope.positional = tuple(args)
        self.walk(parse(text, inner=True), scope)


def _leaves(command: Command, scope: Scope) -> bool:
    """Whether *command* surely ends the shell or the function."""
    match command:
        case Simple(words=((Lit(text, False),), *_)):
            return text in _LEAVING and text not in scope.functions
        case Sequence(commands) if commands:
            return _leaves(commands[-1], scope)
        case Redirected(body, _):
            return _leaves(body, scope)
    return False


def _does_nothing(command: Command) -> bool:
    """Whether *command* surely writes nothing, so that its output only empties files."""
    match command:
        case Simple(words=()):
            return True
        case Simple(words=((Lit(text, False),), *_)):
            return text in ("true", ":")
    return False


def _either(texts: set[str]) -> str:
    return PLAIN if texts and all(text.isdigit() for text in texts) else ANY


def _standard(text: str) -> str:
    """``rm`` of ``/bin/rm``: what stands in a folder of the system is known by its name."""
    folder, slash, name = text.rpartition("/")
    return name if slash and f"{folder}/" in STANDARD else text
