"""One caller's connection: requests one after the other, each judged before the next is looked at."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from vedette.identity.errors import IdentityError
from vedette.kubernetes import actions
from vedette.kubernetes.errors import BadRequest
from vedette.kubernetes.request import read_request
from vedette.model import Action, Allow, Deny, Hold, Principal
from vedette.protocols.aside import aside
from vedette.protocols.http import heads, writing
from vedette.protocols.http.bodies import body
from vedette.protocols.http.heads import NO_BODY, Malformed, Request
from vedette.protocols.http.wire import Gone, Wire
from vedette.protocols.kubernetes import accept, answers, judging
from vedette.protocols.kubernetes.contents import Opening
from vedette.protocols.kubernetes.dial import UpstreamRefused
from vedette.protocols.kubernetes.exchange import Broken, Exchange
from vedette.protocols.kubernetes.judging import Asking
from vedette.protocols.kubernetes.rehearsal import rehearse
from vedette.protocols.kubernetes.session import Outcome, Session
from vedette.protocols.kubernetes.streams import Switching
from vedette.protocols.lifetime import Ending
from vedette.protocols.reception import TurnedAway

log = logging.getLogger(__name__)

#: A connection on which nothing is asked is kept for so long; clients come back by themselves.
IDLE_SECONDS = 600.0
#: A body may pause for so long, and take so long in all.
BODY_PAUSE_SECONDS = 30.0
BODY_SECONDS = 300.0
#: What of a body that nobody wants is thrown away, so that its sender gets to read why.
LINGER_BYTES = 4 << 20
LINGER_SECONDS = 1.0
LAST_WORDS_SECONDS = 2.0
#: Longer bodies are read beside the event loop: the longest take a second.
READ_AT_ONCE_BYTES = 64 << 10
#: How long a slow reader may take to read the end of what it has asked for.
DRAIN_SECONDS = 30.0
MAX_AGENT_CHARACTERS = 200


# The HTTP status for somebody who is who they say, and gets no session all the same; else 403.
_STATUSES = {"journal.unavailable": 503, "login.crowded": 429, "login.resource": 404}


@dataclass(frozen=True, slots=True)
class Refused:
    """A login that failed, for the record."""

    code: str
    reason: str
    resource: str = ""


class Host(Protocol):
    """Whoever has sessions to give (the engine)."""

    def open(self, principal: Principal, cluster: str, connection: Connection, moment: int) -> Session:
        """Raises TurnedAway."""

    def over(self, session: Session, reason: str) -> None: ...
    def refused(self, address: str, refused: Refused, principal: Principal | None) -> None: ...
    def came(self, session: str, outcome: Outcome) -> None: ...


class Connection:
    """
    *certified* is who the caller has shown to be by TLS. `run` returns when the connection is over.

    A session lasts while the same principal asks the same cluster over this connection.
    """

    def __init__(
        self,
        host: Host,
        door: accept.Door,
        wire: Wire,
        address: str,
        cipher: str,
        certified: Principal | None,
    ) -> None:
        self.address = address
        self.cipher = cipher
        self.application = ""
        self._host = host
        self._door = door
        self._wire = wire
        self._certified = certified
        self._session: Session | None = None
        self._ending: Ending | None = None
        self._task: asyncio.Task[None] | None = None
        self._exchange: Exchange | None = None
        self._busy = False
        self._cutting = False
        wire.lost = self._lost

    # --- from outside -----------------------------------------------------------------------------

    @property
    def activity(self) -> int | None:
        """For `Live`: another number whenever something was said, None while an answer is due."""
        exchange = self._exchange
        follows = exchange is not None and exchange.asking.asked.follows and exchange.begun
        return None if self._busy and not follows else self._wire.received + self._wire.sent

    @property
    def patience(self) -> float:
        """How long the caller may take, in seconds, to read what was said last."""
        return DRAIN_SECONDS if self._ending is None else LAST_WORDS_SECONDS

    def end(self, ending: Ending) -> None:
        """Somebody ends the session: told to the caller where an answer is due."""
        self._ending = ending
        if self._session is not None:
            self._session.stop()

    def cut(self) -> None:
        """What is under way stops."""
        if self._task is not None and not self._cutting:
            self._cutting = True
            self._task.cancel()

    def _lost(self) -> None:
        if self._busy and self._session is not None:
            self._session.stop()

    # --- requests ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until either side has had enough."""
        self._task = asyncio.current_task()
        reason = "caller"
        try:
            while self._ending is None and await self._one():
                pass
        except (Gone, TimeoutError):
            reason = "caller: hung up" if self._busy else "caller"
        except Malformed as bad:
            reason = f"protocol: {bad.reason}"
            await self._malformed(bad)
        except asyncio.CancelledError:
            if not self._cutting or self._task is None:
                raise
            self._task.uncancel()
            reason = "caller: hung up"
            self._last_words()
        finally:
            self._close_session(self._ending.word if self._ending is not None else reason)

    async def _one(self) -> bool:
        """One request and its answer; whether another may follow."""
        request = heads.read_request(await self._head())
        # Left as it is where this raises: it tells what was due.
        self._busy = True
        self.application = request.field("user-agent")[:MAX_AGENT_CHARACTERS]
        another = await self._serve(request)
        self._busy, self._exchange = False, None
        return another

    async def _head(self) -> bytes:
        wire = self._wire
        head = wire.take_head()
        if head is None and not wire.buffer:
            async with asyncio.timeout(IDLE_SECONDS if self._session is not None else self._door.deadline()):
                await wire.more()
            head = wire.take_head()
        if head is not None:
            return head
        async with asyncio.timeout(self._door.deadline()):
            return await wire.head()

    async def _serve(self, request: Request) -> bool:
        cluster, target = accept.place(request.target)
        moment = self._door.moment()
        try:
            principal = await accept.who(self._door, request, self._certified)
        except IdentityError as no:
            self._host.refused(self.address, Refused(no.code, no.reason, cluster), None)
            said = answers.failed(401, no.code, no.reason)
            return await self._hang_up(request, said, ("WWW-Authenticate", 'Bearer realm="vedette"'))
        try:
            session = self._session_for(principal, cluster, moment)
        except TurnedAway as no:
            self._host.refused(self.address, Refused(no.code, no.reason, cluster), principal)
            failed = answers.failed(_STATUSES.get(no.code, 403), no.code, no.reason)
            return await self._hang_up(request, failed)
        try:
            asked = read_request(request.method, target, request.fields)
        except BadRequest as bad:
            self._unjudged(session, actions.unreadable(request.method, target, bad), bad.code, bad.message)
            return await self._hang_up(request, answers.refused(bad))
        sent = await self._body(session, request)
        try:
            ask = partial(judging.asking, session.backend, request, asked, sent)
            asking = ask() if len(sent) <= READ_AT_ONCE_BYTES else await aside(ask)
        except BadRequest as bad:
            self._unjudged(session, actions.unreadable(request.method, target, bad), bad.code, bad.message)
            return await self._hang_up(request, answers.refused(bad))
        return await self._judge(session, asking)

    def _session_for(self, principal: Principal, cluster: str, moment: int) -> Session:
        """The session that is there, where it is the same caller at the same cluster; else a new one."""
        session = self._session
        if session is not None:
            if session.principal == principal and session.gate.resource.name == cluster:
                return session
            self._close_session("caller")
        self._session = self._host.open(principal, cluster, self, moment)
        return self._session

    def _close_session(self, reason: str) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()
            self._host.over(session, reason)

    async def _body(self, session: Session, request: Request) -> bytes:
        """All of it, before anything of it is judged."""
        if request.framing == NO_BODY:
            return b""
        most = session.backend.request
        if (request.framing.length or 0) > most:
            raise Malformed(f"a body is at most {most} bytes long", 413)
        if request.expects:
            self._wire.write(writing.CONTINUE)
        async with asyncio.timeout(BODY_SECONDS):
            return await self._wire.whole(body(request.framing), most, BODY_PAUSE_SECONDS)

    # --- one request ------------------------------------------------------------------------------

    async def _judge(self, session: Session, asking: Asking) -> bool:
        """Judge it, and do as the verdict says; whether another request may follow."""
        told: list[tuple[str, str]] = []
        key = session.backend.mask_key
        deny = judging.unwritable(asking, session.gate.rules.masks, key) or session.shells(asking)
        if deny is not None:
            session.gate.refuse(asking.action, asking.message, deny)
            return await self._deny(asking, deny)

        def told_of(number: str, hold: Hold) -> None:
            told.append(answers.waited(number, hold))
            if asking.wants is None:
                # Clients that switch protocols take the first head that they read for the answer.
                self._wire.write(answers.waiting(number, hold))

        action = asking.action
        if asking.asked.writes and session.asks(action):
            action = replace(action, preview=await rehearse(session, self._wire, asking))
        ruled = await session.judge(
            action,
            asking.message,
            check=lambda allow: judging.check(asking, allow, key),
            told=told_of,
        )
        if self._ending is not None or self._wire.gone:
            self._last_words()
            return False
        if isinstance(ruled.verdict, Deny):
            return await self._deny(asking, ruled.verdict)
        if ruled.verdict.observed is not None:
            rule = ruled.verdict.observed.rule
            told.append(answers.warning(f"a policy that only observes would have refused this (rule {rule})"))
        exchange = Exchange(session, self._wire, asking, ruled.verdict, told)
        return await self._pass(session, exchange, ruled.action)

    async def _deny(self, asking: Asking, deny: Deny) -> bool:
        said = answers.denied(asking.asked, deny)
        if asking.wants is not None:
            return await self._hang_up(asking.request, said)
        return await self._say(asking.request, said)

    async def _pass(self, session: Session, exchange: Exchange, action: str) -> bool:
        """Send it, and bring back what comes of it."""
        self._exchange = exchange
        asking, began = exchange.asking, self._door.clock()
        status, tag = "lost", ""
        try:
            if asking.wants is not None:
                status, tag = await Switching(exchange, action, self._opening).run(asking.wants)
                return False
            await exchange.run()
            status, tag = ("ok" if exchange.status < 400 else "error"), str(exchange.status)
            return asking.request.keep_alive
        except (Broken, UpstreamRefused) as no:
            status, tag = "error", no.code
            if isinstance(no, UpstreamRefused) and no.detail:
                log.warning("resource %s: %s: %s", session.gate.resource.name, no.reason, no.detail)
            session.drop()
            if exchange.begun:
                self._cut_off(exchange, f"vedette: {no.reason} [{no.code}]")
                return False
            code = no.status if isinstance(no, Broken) else 503
            said = answers.failed(code, no.code, no.reason)
            if asking.wants is not None:
                return await self._hang_up(asking.request, said)
            return await self._say(asking.request, said)
        except asyncio.CancelledError:
            status, tag = exchange.ended or ("cancelled", "")
            raise
        finally:
            seconds = self._door.clock() - began
            came = Outcome(action, status, tag, exchange.carried, seconds, exchange.tally.counts)
            self._host.came(session.name, came)

    async def _opening(self, exchange: Exchange, opening: Opening) -> bool:
        """Whether a connection to a port of the Pod may be opened."""
        session, asking = exchange.session, exchange.asking
        action = judging.connection(asking, opening.port)
        ruled = await session.judge(
            action, action.text.encode(), check=lambda allow: None, told=lambda number, hold: None
        )
        return isinstance(ruled.verdict, Allow)

    def _unjudged(self, session: Session, action: Action, code: str, reason: str) -> None:
        """On record: what could not even be judged."""
        deny = Deny("kubernetes", reason, "send it as kubectl would", code)
        session.gate.refuse(action, action.text.encode(), deny)

    # --- our own words ----------------------------------------------------------------------------

    async def _say(self, request: Request, said: tuple[int, bytes]) -> bool:
        code, text = said
        close = not request.keep_alive
        self._wire.write(answers.answer(code, text, close=close, head_only=request.method == "HEAD"))
        await self._wire.drained()
        return not close

    async def _hang_up(self, request: Request, said: tuple[int, bytes], *more: tuple[str, str]) -> bool:
        """Answer, and take nothing more: what follows may be a body that nobody has read."""
        code, text = said
        only = request.method == "HEAD"
        self._wire.write(answers.answer(code, text, close=True, head_only=only, more=more))
        await self._linger()
        return False

    async def _malformed(self, bad: Malformed) -> None:
        code, text = answers.failed(bad.status, "protocol.http", bad.reason)
        if self._session is not None:
            self._unjudged(self._session, judging.malformed(bad), "protocol.http", bad.reason)
        else:
            self._host.refused(self.address, Refused("protocol.http", bad.reason), None)
        self._wire.write(answers.answer(code, text, close=True))
        await self._linger()

    def _cut_off(self, exchange: Exchange, said: str) -> None:
        """End an answer that has begun: it must not look whole. In streams there is room for words."""
        if exchange.tunnel is not None:
            exchange.tunnel.say(said)
            self._wire.write(exchange.tunnel.taken()[1])
        else:
            self._wire.abort()

    async def _linger(self) -> None:
        """Read on for a moment, or the answer would be lost with the reset that unread bytes cause."""
        most = self._wire.received + LINGER_BYTES
        with contextlib.suppress(Gone, TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                await self._wire.drained()
                while self._wire.received < most:
                    self._wire.buffer.clear()
                    await self._wire.more()

    def _last_words(self) -> None:
        """The session was ended: say so where an answer is due, and cut off one that has begun."""
        if self._ending is None or self._wire.gone:
            self._wire.abort()
            return
        if self._exchange is not None and self._exchange.begun:
            ending = self._ending
            said = f"vedette: session ended: {ending.reason}; {ending.hint} [{ending.code}]"
            self._cut_off(self._exchange, said)
            return
        code, text = answers.ended(self._ending)
        if self._busy or self._exchange is not None:
            self._wire.write(answers.answer(code, text, close=True))
