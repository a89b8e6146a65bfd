"""What an approval is bound to. Pure.

Two digests: one over the action (anything in it changed, and the approval is void), one over
the terms of the hold (an approval given under a mild rule is no approval under a strict one).
"""

from __future__ import annotations

import hashlib
import json

from vedette.model import Ask, Hold

VERSION = "vedette.approval.3"


def digest(ask: Ask, policy: str) -> str:
    """SHA-256 (hex) over who, where, exactly what, in what state of the session, under what policy.

    The JSON array is written in one way only: this order, ASCII, no spaces. A lone surrogate is
    written as its escape, so that every text has a digest. The session's id is left out: a
    ticket is used by a later session of the same principal.
    """
    action = ask.action
    touches = sorted(
        [touch.effect.value, touch.object, touch.resolved, touch.implied] for touch in action.touches
    )
    return _hash(
        [
            VERSION,
            ask.principal.issuer,
            ask.principal.subject,
            ask.principal.actor,
            ask.principal.owner,
            ask.resource.name,
            ask.resource.at,
            action.protocol,
            action.kind,
            action.text,
            list(action.parameters),
            [list(pair) for pair in action.state],
            touches,
            policy,
        ]
    )


def terms(hold: Hold) -> str:
    """SHA-256 (hex) over what a hold asks for: rule, approvers, how many, how often it may be used."""
    return _hash(["vedette.terms.1", hold.rule, sorted(hold.approvers), hold.count, hold.uses])


def _hash(structure: list[object]) -> str:
    text = json.dumps(structure, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
