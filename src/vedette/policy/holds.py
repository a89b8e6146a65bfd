"""Several holds on one action become one that is as strict as each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

from vedette.model import Deny, Hold


def combine(holds: Sequence[Hold]) -> Hold | Deny:
    """One hold that fulfils all *holds*: only groups that every one of them accepts, the most people, the
    least time, a ticket if any wants one, the fewest uses, and locks only where all permit them.

    Where no group is accepted by all, nobody could approve: the answer is a Deny that says so.
    """
    found = reduce(_both, holds)
    if not found.approvers:
        names = ", ".join(f"{hold.rule} ({', '.join(sorted(hold.approvers))})" for hold in holds)
        return Deny(
            found.rule,
            f"it needs approval under several rules that no one group can give: {names}",
            "ask for a group of approvers that is common to these rules, or split the action",
        )
    return found


def _both(one: Hold, other: Hold) -> Hold:
    return replace(
        one,
        rule=f"{one.rule}, {other.rule}",
        reason="; ".join(dict.fromkeys((one.reason, other.reason))),
        approvers=one.approvers & other.approvers,
        count=max(one.count, other.count),
        patience=min(one.patience, other.patience),
        mode="ticket" if "ticket" in (one.mode, other.mode) else "wait",
        uses=min(one.uses, other.uses),
        locks=one.locks and other.locks,
    )
