"""Finding out what a held request would do, before people are asked: reads, and the server's own dry run.

The request has been judged by then: policy said that people may let it pass. What is sent here changes
nothing, goes under the caller's name where the cluster is told it, and comes back to nobody but approvers.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from vedette.kubernetes import preview
from vedette.kubernetes.preview import Look
from vedette.masking.plan import CannotMask
from vedette.model import Allow
from vedette.protocols.http.bodies import body
from vedette.protocols.http.heads import Malformed
from vedette.protocols.http.wire import Gone, Wire
from vedette.protocols.kubernetes.dial import UpstreamRefused
from vedette.protocols.kubernetes.exchange import Broken, Exchange
from vedette.protocols.kubernetes.judging import Asking
from vedette.protocols.kubernetes.session import Session

#: For all of it. What has not come by then is said not to be known.
SECONDS = 10.0
MAX_BYTES = 4 << 20
_RULE = Allow("preview")


async def rehearse(session: Session, down: Wire, asking: Asking) -> str:
    """What *asking* would change, in lines for approvers; empty where nothing can be found out."""
    if asking.wants is not None:
        return ""
    found: list[tuple[Look, bytes | None]] = []
    looks = preview.looks(asking.asked, asking.facts)
    try:
        async with asyncio.timeout(SECONDS):
            for look in looks:
                found.append((look, await _answer(session, down, asking, look)))
    except TimeoutError:
        session.drop()
    found += [(look, None) for look in looks[len(found) :]]
    try:
        return preview.tell(asking.asked, found, session.gate.rules.masks, session.backend.mask_key)
    except CannotMask as problem:
        return f"not shown, because it cannot be masked: {problem}"


async def _answer(session: Session, down: Wire, asking: Asking, look: Look) -> bytes | None:
    """The cluster's answer to *look*, an error of its own included; None where none came."""
    alone = replace(asking, asked=look.request, sent=asking.sent if look.with_body else b"", wants=None)
    exchange = Exchange(session, down, alone, _RULE, [])
    try:
        wire, head = await exchange.ask(look.accept)
        exchange.check(head)
        whole = await wire.whole(body(head.framing), MAX_BYTES)
    except (Broken, Gone, Malformed, UpstreamRefused):
        session.drop()
        return None
    if not head.keep_alive or wire.buffer:
        session.drop()
    # Of a dry run, the server's refusal is an answer; of anything else, it tells nothing.
    return whole if head.status < 300 or look.with_body else None
