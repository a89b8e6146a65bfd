"""One caller's connection, from its login to its end: what it asks for is judged, then connected through."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import asyncssh

from vedette import gate
from vedette.gate import Gate, Ruled
from vedette.model import Action, Allow, Ask, Deny, Hold, MaskRule, Recorded, Shell
from vedette.protocols.lifetime import Ending
from vedette.protocols.ssh import actions, obligations, words
from vedette.protocols.ssh.files import Files
from vedette.protocols.ssh.forwards import OVER, Forwards
from vedette.protocols.ssh.meter import Meter
from vedette.protocols.ssh.output import Output
from vedette.protocols.ssh.shells import Guarded, Passing
from vedette.protocols.ssh.wire import PACKET, WINDOW, Down, Terminal, Up, channel
from vedette.recording.tape import Reel, Subject, Tapes
from vedette.shell.lines import Lines
from vedette.terminal.guard import Line
from vedette.trail.judgements import Keep

log = logging.getLogger(__name__)

#: Channels open at once on one connection.
MAX_CHANNELS = 64
#: Requests that are put on record although the session has not begun yet.
MAX_EARLY = 64
#: How often a caller that waits for people is looked at: is it still there?
WATCH_SECONDS = 0.2
#: How long a command that is ended has to go by itself (TERM), and then to go at all (KILL).
TERM_SECONDS = 1.0
KILL_SECONDS = 0.5
#: How long a peer may take to read our last words.
LAST_WORDS_SECONDS = 2.0
MAX_TEXT_CHARACTERS = 1000

Environment = Mapping[str, str]
SFTP = "sftp"
T = TypeVar("T")

#: What is not let through, whatever policy says, and what to tell.
UNSUPPORTED = {
    "subsystem": "subsystems other than SFTP are not let through",
    "forward": "forwards to this kind of place are not let through",
    "listen": "remote forwards from this kind of place are not let through",
    "agent": "agent forwarding is not let through",
    "x11": "X11 forwarding is not let through",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What came of an action that passed: how it ended, in words, and what went to the caller, in bytes.

    *masks* counts the values hidden in it, by entity.
    """

    action: str
    status: str
    tag: str
    bytes: int
    seconds: float
    masks: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Passage:
    """What passes through a channel, as it was judged: the id of its action, and what to ask the host for."""

    action: str
    allow: Allow
    kind: str
    text: str
    environment: Environment
    terminal: Terminal | None
    guarded: bool


@dataclass(frozen=True, slots=True)
class End:
    """*reason* as the record has it; counts of actions and bytes."""

    reason: str
    actions: int
    denied: int
    bytes_up: int
    bytes_down: int


class Policy(gate.Policy, Protocol):
    """What applies to the session, as far as it matters here."""

    @property
    def shell(self) -> Shell | None: ...
    @property
    def recorded(self) -> Recorded: ...


class Session:
    """
    Answers what a caller asks for once it is in (`accept.Rooms`).

    Until `begin`, what it asks for waits; a connection on which it never comes is over.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.busy = 0
        self.traffic = 0
        self._clock = clock
        self._begun = asyncio.Event()
        self._ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._downs: set[Down] = set()
        self._early: list[tuple[str, str]] = []
        self._gate: Gate | None = None
        self._policy: Policy | None = None
        self._tapes: Tapes | None = None
        self._keep: Keep | None = None
        self._shells: dict[Up, bool] = {}
        self._up: asyncssh.SSHClientConnection | None = None
        self._login = ""
        self._mask_key = b""
        self._came: Callable[[Outcome], None] = lambda outcome: None
        self._sent = 0
        self._received = 0
        self._passed: dict[str, list[int]] = {}
        self.forwards = Forwards(self, clock)
        #: From where the caller comes, an address.
        self.peer = ""
        self._ups: set[Up] = set()
        self._none_left = asyncio.Event()
        self._stopping = False

    # --- from login to end -----------------------------------------------------------------------

    def begin(
        self, gate: Gate, policy: Policy, upstream: asyncssh.SSHClientConnection, login: str, tapes: Tapes,
        mask_key: bytes, keep: Keep, came: Callable[[Outcome], None],
    ) -> None:  # fmt: skip
        """
        Both sides are logged in: what waits is judged from here on. *came* is told what came of it.

        *mask_key* is the secret of keyed masks.
        """
        self._gate, self._up, self._login, self._came = gate, upstream, login, came
        self._policy, self._tapes, self._mask_key, self._keep = policy, tapes, mask_key, keep
        for kind, text in self._early:
            self._record_refusal(kind, text)
        self._early.clear()
        self._begun.set()

    def use(self, policy: Policy) -> None:
        """Judge by *policy* from the next action on."""
        self._policy = policy
        if self._gate is not None:
            self._gate.use(policy)
        for up, guarded in list(self._shells.items()):
            if policy.shell is None or (policy.shell.guarded and not guarded):
                up.fail("a policy no longer opens this shell", "session.policy")

    async def over(self) -> End:
        """Returns once either side is gone, or somebody has ended it."""
        reason = await asyncio.shield(self._ended)
        for down in list(self._downs):
            if down.task is not None:
                down.task.cancel()
        self.forwards.abandon()
        gate = self._gate
        return End(
            reason, gate.actions if gate else 0, gate.denied if gate else 0, self._sent, self._received
        )

    def end(self, reason: str) -> None:
        """It is over, for *reason* as the record has it. The first reason stays."""
        if not self._ended.done():
            self._ended.set_result(reason)

    def close(self, ending: Ending) -> None:
        """Somebody ends it: callers are told why on each open channel, commands on the host to stop."""
        said = words.line(f"session ended: {ending.reason}; {ending.hint} [{ending.code}]")
        self._stopping = True
        for down in list(self._downs):
            down.say(said)
            down.cut()
        for up in list(self._ups):
            up.cut()
            up.signal("TERM")
        self.end(ending.word)

    async def stopped(self) -> None:
        """
        Where somebody has ended it: returns once its commands are gone, or cannot be made to go.

        What ignores TERM gets KILL (RFC 4254 section 6.9), whether or not its caller is still there.
        """
        if not self._stopping:
            return
        await self._gone(TERM_SECONDS)
        for up in list(self._ups):
            up.signal("KILL")
        await self._gone(KILL_SECONDS)
        for up in list(self._ups):
            up.close()

    async def _gone(self, seconds: float) -> None:
        """Waits until no command runs, *seconds* at most."""
        self._none_left.clear()
        if self._ups:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._none_left.wait()

    def _over(self, up: Up) -> None:
        self._ups.discard(up)
        if not self._ups:
            self._none_left.set()

    def turn_away(self, code: str, reason: str) -> None:
        """It never begins: whoever waits on a channel is told why there, where every client shows it."""
        for down in list(self._downs):
            down.say(words.line(f"{reason} [{code}]"))
            down.end(words.BROKEN_STATUS)

    def lost(self, exc: Exception | None) -> None:
        """The caller's connection is gone."""
        self.end(_why("caller", "caller: hung up", exc))

    def lost_upstream(self, exc: Exception | None) -> None:
        """The host's connection is gone."""
        self.end(_why("upstream: closed", "upstream: closed", exc))

    @property
    def ended(self) -> bool:
        return self._ended.done()

    # --- what a caller asks for ---------------------------------------------------------------------

    def session(
        self, conn: asyncssh.SSHServerConnection
    ) -> tuple[asyncssh.SSHServerChannel[bytes], asyncssh.SSHServerSession[bytes]]:
        if self.ended:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, OVER)
        if len(self._downs) >= MAX_CHANNELS:
            raise asyncssh.ChannelOpenError(
                asyncssh.OPEN_RESOURCE_SHORTAGE, f"vedette: {MAX_CHANNELS} channels are open; close one first"
            )
        down = Down(self._asked, self._downs.discard)
        self._downs.add(down)
        return channel(conn, self._note), down

    # --- what forwards ask of the session they belong to (`forwards.Around`) --------------------------

    @property
    def host(self) -> asyncssh.SSHClientConnection:
        assert self._up is not None  # noqa: S101  (asked for after `begin` only)
        return self._up

    @property
    def login(self) -> str:
        return self._login

    async def begun(self) -> None:
        await self.unless_over(self._begun.wait())

    async def ruled(self, action: Action) -> Ruled:
        assert self._gate is not None  # noqa: S101
        judged = self._gate.judge(
            action, _message(action.text), check=obligations.met(action), told=lambda number, hold: None
        )
        return judged if isinstance(judged, Ruled) else await judged

    def meter(self, allow: Allow) -> Meter:
        return Meter(allow.limits, self._passed)

    def carried(self, up: int, down: int) -> None:
        self._carried(up, down)

    def came(self, action: str, status: str, tag: str, size: int, seconds: float) -> None:
        self._came(Outcome(action, status, tag, size, seconds))

    async def unless_over(self, waited: Awaitable[T]) -> T:
        """What is waited for, unless the session ends first: then there is no channel to open."""
        task = asyncio.ensure_future(waited)  # noqa: TID251  (it is awaited right here)
        try:
            await asyncio.wait((task, self._ended), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, OVER)
        finally:
            if not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    def refused(self, kind: str, text: str) -> asyncssh.ChannelOpenError:
        """Put it on record, and give what to answer a channel with."""
        self._note(kind, text)
        return asyncssh.ChannelOpenError(
            asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, f"vedette: {UNSUPPORTED[kind]} [ssh.unsupported]"
        )

    def _note(self, kind: str, text: str) -> None:
        if self._gate is not None:
            self._record_refusal(kind, text)
        elif len(self._early) < MAX_EARLY:
            self._early.append((kind, text))

    def _record_refusal(self, kind: str, text: str) -> Ruled:
        assert self._gate is not None  # noqa: S101  (asked for after `begin` only)
        shown = text[:MAX_TEXT_CHARACTERS]
        deny = Deny("ssh", UNSUPPORTED[kind], "", "ssh.unsupported")
        return self._gate.refuse(actions.other(kind, shown), _message(text), deny)

    def _asked(self, down: Down, kind: str, text: str) -> None:
        if not self.ended:
            down.task = asyncio.create_task(self._serve(down, kind, text))

    # --- one channel -----------------------------------------------------------------------------------

    async def _serve(self, down: Down, kind: str, text: str) -> None:
        try:
            await self._begun.wait()
            # Once: what is sent after the command must not change what was judged.
            environment, terminal = down.environment, down.terminal
            if kind == "subsystem":
                terminal = None
            ruled = await self._asked_for(down, kind, text, environment, terminal)
            if isinstance(ruled.verdict, Deny):
                down.say(words.refusal(ruled.verdict))
                down.end(words.REFUSED_STATUS)
                return
            guarded = kind == "shell" and self._guards
            passage = Passage(ruled.action, ruled.verdict, kind, text, environment, terminal, guarded)
            await self._run(down, passage)
        except asyncio.CancelledError:
            raise
        except Exception as fault:  # noqa: BLE001  (whatever it is, this channel ends, and nothing has passed)
            log.error("a channel ended by a fault in the gateway: %s", type(fault).__name__)
            down.say(words.line("a fault in the gateway [internal]"))
            down.end(words.BROKEN_STATUS)

    async def _asked_for(
        self, down: Down, kind: str, text: str, environment: Environment, terminal: Terminal | None
    ) -> Ruled:
        """The final word on what a channel is for."""
        term = terminal.term if terminal is not None else ""
        if kind == "shell":
            return await self._asked_for_shell(down, actions.shell(self._login, environment, term))
        if kind == "subsystem" and text == SFTP:
            return await self._judge(down, actions.files(self._login), _message(text))
        if kind != "exec":
            return self._record_refusal(kind, text)
        try:
            action = await actions.asked(text, actions.state(self._login, environment, term))
        except actions.Unreadable as no:
            assert self._gate is not None  # noqa: S101
            deny = Deny("ssh", str(no), "send it as one readable command", "protocol.unreadable")
            return self._gate.refuse(actions.other("exec", text[:MAX_TEXT_CHARACTERS]), _message(text), deny)
        return await self._judge(down, action, _message(text))

    @property
    def _guards(self) -> bool:
        return self._policy is None or self._policy.shell is None or self._policy.shell.guarded

    async def _asked_for_shell(self, down: Down, action: Action) -> Ruled:
        assert self._gate is not None  # noqa: S101
        assert self._policy is not None  # noqa: S101
        shell = self._policy.shell
        if shell is not None and shell.guarded and down.terminal is None:
            reason = "a guarded shell needs a terminal to be read from"
            deny = Deny(shell.rule, reason, "ask for one (ssh -t), or give the command", "shell.terminal")
            return self._gate.refuse(action, b"", deny)
        return await self._judge(down, action, b"")

    async def _judge(
        self, down: Down, action: Action, message: bytes, say: Callable[[bytes], None] | None = None
    ) -> Ruled:
        """The final word on *action*. Raises CancelledError where the caller goes away meanwhile."""
        assert self._gate is not None  # noqa: S101
        tell = say or down.say
        ruled = self._gate.judge(
            action,
            message,
            check=obligations.met(action),
            told=lambda number, hold: tell(words.waiting(number, hold)),
        )
        if isinstance(ruled, Ruled):
            return ruled
        self.busy += 1
        try:
            return await _while_there(down, ruled)
        finally:
            self.busy -= 1

    async def _run(self, down: Down, passage: Passage) -> None:
        """Connect the channel with one at the host, until that is over."""
        host, allow = self._up, passage.allow
        assert host is not None  # noqa: S101
        if allow.observed is not None:
            rule = allow.observed.rule
            down.say(words.line(f"a policy that only observes would have refused this [{rule}]"))
        files = passage.kind == "subsystem"
        variables: list[tuple[str | bytes, str | bytes]] = list(passage.environment.items())
        began = self._clock()
        ended: asyncio.Future[Up] = asyncio.get_running_loop().create_future()
        meter = Meter(() if files else allow.limits, self._passed)
        reel = None if files else self._reel(passage)
        output = Output(down.write, meter, reel)
        if allow.masks and not files:
            output.mask(allow.masks, self._mask_key, terminal=passage.terminal is not None)

        def over(which: Up) -> None:
            self._over(which)
            if not ended.done():
                ended.set_result(which)

        up = Up(down, over, self._carried, output)
        above = self._above(down, up, output, reel, passage)
        self._ups.add(up)
        busy = 0 if files or passage.kind == "shell" else 1
        self.busy += busy
        status, tag = "lost", ""
        try:
            await host.create_session(
                lambda: up,
                passage.text if passage.kind == "exec" else (),
                subsystem=passage.text if files else (),
                env=variables,
                encoding=None,
                **_asked_terminal(passage),
                window=WINDOW,
                max_pktsize=PACKET,
            )
            if files:
                await self._carry_files(down, up, ended, allow.masks)
            elif isinstance(above, Guarded):
                down.join(above)
                await self._guard(above, ended)
                await output.finish()
            else:
                down.join(above)
                await ended
                await output.finish()
            status, tag = _say_end(down, up, meter)
        except asyncssh.ChannelOpenError:
            self._over(up)
            down.say(words.line("the host did not take it [upstream.refused]"))
            down.end(words.BROKEN_STATUS)
        except asyncio.CancelledError:
            status = "cancelled"
            if not self._stopping:
                up.close()  # else `stopped` has the last word
            if up.channel is None:
                self._over(up)
            raise
        finally:
            self.busy -= busy
            output.close()
            self._shells.pop(up, None)
            if reel is not None:
                reel.close()
            hidden = dict(output.hidden.counts)
            self._came(Outcome(passage.action, status, tag, output.shown, self._clock() - began, hidden))

    def _reel(self, passage: Passage) -> Reel:
        """Where what the channel shows is recorded."""
        assert self._gate is not None  # noqa: S101
        assert self._policy is not None  # noqa: S101
        assert self._tapes is not None  # noqa: S101
        keep, terminal = self._policy.recorded, passage.terminal
        if terminal is None:
            subject = Subject(self._gate.session, passage.action, "output", cap=keep.output)
        else:
            width, height, *_ = terminal.size
            subject = Subject(
                self._gate.session, passage.action, "terminal", width or 80, height or 24, terminal.term,
                typed=self._types(passage),
            )  # fmt: skip
        return Reel(self._tapes, subject)

    def _types(self, passage: Passage) -> bool:
        """Whether what is typed is recorded: not under a mask, as keys come one by one and hide nothing."""
        return self._policy is not None and self._policy.recorded.input and not passage.allow.masks

    def _above(
        self, down: Down, up: Up, output: Output, reel: Reel | None, passage: Passage
    ) -> Up | Passing | Guarded:
        """Where what the caller sends goes: to the host, past whoever looks at it."""
        terminal, shell = passage.terminal, passage.kind == "shell"
        if shell:
            self._shells[up] = passage.guarded
        if terminal is None or reel is None:
            return up
        assert self._policy is not None  # noqa: S101
        typed = self._types(passage)
        if not passage.guarded:
            return Passing(down, up, output, reel, terminal.size, self._label, typed=typed, shell=shell)
        lines, known = Lines(), actions.state(self._login, passage.environment, terminal.term)

        async def judge(line: Line) -> bytes | None:
            return await self._judge_line(guarded, line, lines, known)

        guarded = Guarded(down, up, output, reel, terminal.size, self._label, typed=typed, judge=judge)
        return guarded

    def _label(self, text: str) -> str:
        """A command as the record has it."""
        assert self._keep is not None  # noqa: S101
        assert self._gate is not None  # noqa: S101
        return self._keep.text(text, self._gate.rules.masks)

    async def _judge_line(
        self, guarded: Guarded, line: Line, lines: Lines, known: actions.State
    ) -> bytes | None:
        """None where *line* may be entered, else what to tell the caller."""
        action = actions.line(line, lines, known)
        ruled = await self._judge(guarded.down, action, _message(line.text), say=guarded.keeper.say)
        if isinstance(ruled.verdict, Deny):
            return words.refusal(ruled.verdict)
        if ruled.verdict.observed is not None:
            rule = ruled.verdict.observed.rule
            guarded.keeper.say(words.line(f"a policy that only observes would have refused this [{rule}]"))
        if line.read:
            lines.ran(line.text)
        else:
            lines.lost()
        if line.text:
            guarded.mark(line.text)
        self._came(Outcome(ruled.action, "ok", "entered", 0, 0.0))
        return None

    async def _guard(self, guarded: Guarded, ended: asyncio.Future[Up]) -> None:
        keeping = asyncio.create_task(guarded.keeper.run())
        try:
            await asyncio.wait((keeping, ended), return_when=asyncio.FIRST_COMPLETED)
            if keeping.done():
                keeping.result()  # a fault in it is a fault of the channel
            await ended
        finally:
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping

    async def _carry_files(
        self, down: Down, up: Up, ended: asyncio.Future[Up], masks: Sequence[MaskRule]
    ) -> None:
        files = Files(
            down, up, lambda action, message: self._judge(down, action, message),
            lambda *came: self._came(Outcome(*came)), lambda allow: Meter(allow.limits, self._passed),
            self._clock, masks, self._mask_key, self._would_wait,
        )  # fmt: skip
        up.filter = files.from_host
        down.join(files)
        pumping = asyncio.create_task(files.run())
        try:
            await asyncio.wait((pumping, ended), return_when=asyncio.FIRST_COMPLETED)
            if pumping.done():
                pumping.result()  # a fault in it is a fault of the channel
            await ended
        finally:
            pumping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await pumping
            files.finish()
            up.problem = up.problem or files.problem

    def _would_wait(self, action: Action) -> bool:
        """Whether people would be asked about *action*."""
        assert self._gate is not None  # noqa: S101
        gate = self._gate
        ask = Ask(gate.principal, gate.resource, action, gate.session)
        return isinstance(gate.rules.decide(ask).verdict, Hold)

    def _carried(self, up: int, down: int) -> None:
        self._sent += up
        self._received += down
        self.traffic += 1

    @property
    def activity(self) -> int | None:
        """For `Live`: another number whenever something was said, None while a command runs or waits."""
        return None if self.busy else self.traffic


async def _while_there(down: Down, ruled: Awaitable[Ruled]) -> Ruled:
    """*ruled*, unless the caller goes away first: then nobody has to answer it any more."""
    asking = asyncio.ensure_future(ruled)  # noqa: TID251  (it is awaited right here)
    try:
        while True:
            done, _ = await asyncio.wait((asking,), timeout=WATCH_SECONDS)
            if done:
                return asking.result()
            if down.gone:
                raise asyncio.CancelledError
    finally:
        if not asking.done():
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asking


def _asked_terminal(passage: Passage) -> dict[str, Any]:
    """
    What asyncssh is to ask the host for. Where lines are guarded, which characters enter, erase and
    interrupt them is not the caller's to choose (RFC 4254 section 8).
    """
    terminal = passage.terminal
    if terminal is None:
        return {"request_pty": False}
    modes = {} if passage.guarded else terminal.modes
    return {
        "request_pty": "force", "term_type": terminal.term, "term_size": terminal.size,
        "term_modes": modes,
    }  # fmt: skip


def _message(text: str) -> bytes:
    """As it went over the wire (RFC 4254 section 6.5; asyncssh takes UTF-8 only)."""
    return text.encode("utf-8", "surrogateescape")


def _say_end(down: Down, up: Up, meter: Meter) -> tuple[str, str]:
    """Tell the caller how it ended; the same for the record."""
    if up.problem:
        down.say(words.line(f"{up.problem} [{up.code}]"))
        down.end(words.BROKEN_STATUS)
        return "error", f"{up.code.partition('.')[0]}: {up.problem}"
    if meter.reached:
        down.say(words.line(f"the limit of this rule is reached [limit.reached, rule {meter.reached}]"))
        down.end(words.REFUSED_STATUS)
        return "error", f"limit {meter.reached}"[:MAX_TEXT_CHARACTERS]
    down.end(up.status, up.signalled)
    if up.signalled is not None:
        return "error", f"signal {up.signalled[0]}"[:64]
    if up.status is None:
        return "lost", ""
    return ("ok" if up.status == 0 else "error"), f"exit {up.status}"


def _why(orderly: str, otherwise: str, exc: Exception | None) -> str:
    if exc is None:
        return orderly
    if isinstance(exc, asyncssh.DisconnectError) and not isinstance(
        exc, asyncssh.ConnectionLost | asyncssh.PermissionDenied
    ):
        side = orderly.partition(":")[0]
        return f"protocol: {side}: {type(exc).__name__}"
    return otherwise
