"""What a caller is told about a hold, in the gateway's own words. Pure."""

from __future__ import annotations

from vedette.approvals.render import visible
from vedette.model import Deny, Hold
from vedette.store.holds import HoldRow

MAX_REASON = 300


def required(hold: Hold, ticket: str) -> Deny:
    """Refused for now: people are asked, the caller comes back."""
    who = " or ".join(sorted(hold.approvers)) or "nobody"
    many = "" if hold.count == 1 else f"{hold.count} approvals from "
    return Deny(
        hold.rule,
        f"{hold.reason or 'this needs approval'}; it waits as {ticket} for {many}{who}",
        f"once {ticket} is approved, send exactly the same again",
        "approval.required",
    )


def refused(hold: Hold, row: HoldRow) -> Deny:
    """A person said no."""
    said = next((one.reason for one in row.decisions if not one.approve and one.reason), "")
    words = f": {visible(said)[:MAX_REASON]}" if said else ""
    return Deny(hold.rule, f"{row.id} was refused by an approver{words}", "", "approval.denied")


def expired(hold: Hold, name: str) -> Deny:
    """Nobody answered in time."""
    return Deny(hold.rule, f"nobody approved {name} in time", "ask again", "approval.expired")


def withdrawn(hold: Hold, name: str) -> Deny:
    """It was taken back before anybody answered."""
    return Deny(hold.rule, f"{name} was withdrawn", "ask again", "approval.withdrawn")


def spent(hold: Hold, name: str) -> Deny:
    """It was approved, but cannot be used (any more)."""
    return Deny(hold.rule, f"the approval {name} cannot be used any more", "ask again", "approval.void")


def unavailable(hold: Hold) -> Deny:
    """The gateway cannot ask anybody at the moment."""
    return Deny(hold.rule, "nobody can be asked at the moment", "try again later", "approval.unavailable")
