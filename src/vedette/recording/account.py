"""The gateway's account of an event, in a line of its own words; what others wrote is kept apart. Pure.

Names that others chose (objects, rules, subjects) stand in the line made visible; free text never does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vedette.approvals.render import visible

Body = Mapping[str, Any]
Account = tuple[str, tuple[str, ...]]


def account(kind: str, body: Body) -> Account:
    """One printable line about an event, and the texts it quotes."""
    tell = _ACCOUNTS.get(kind)
    return (visible(kind), ()) if tell is None else tell(body)


def _name(body: Body, key: str) -> str:
    return visible(str(body.get(key, "")))


def _opened(body: Body) -> Account:
    who = body["who"]
    behalf = f" on behalf of {_name(who, 'actor')}" if who.get("actor") else ""
    at = f" from {_name(body, 'address')}" if body.get("address") else ""
    observing = "; policy is observed, not enforced" if body.get("observing") else ""
    return (
        f"session opened: {_name(who, 'principal')}{behalf} on {_name(body, 'resource')}{at}{observing}",
        (),
    )


def _refused(body: Body) -> Account:
    return f"session refused ({_name(body, 'code')}): {_name(body, 'reason')}", ()


def _closed(body: Body) -> Account:
    return f"session closed: {_name(body, 'reason')}", ()


def _judged(body: Body) -> Account:
    touches = ", ".join(
        " ".join(visible(word) for word in (touch["effect"], touch["object"]) if word)
        for touch in body["touches"]
    )
    approval = f", approved as {_name(body, 'approval')}" if body.get("approval") else ""
    masks = ", masked" if body.get("masks") else ""
    observed = body.get("observed")
    would = f", would be {_name(observed, 'verdict')} by {_name(observed, 'rule')}" if observed else ""
    why = f": {_name(body, 'reason')}" if body.get("reason") else ""
    verdict = "allowed" if body["verdict"] == "allow" else "DENIED"
    quoted = [body.get("text") or body.get("shape") or ""]
    for number, value in enumerate(body.get("parameters") or (), 1):
        quoted.append(f"${number} = {'NULL' if value is None else value}")
    line = f"{verdict} by {_name(body, 'rule')} [{touches}]{approval}{masks}{would}{why}"
    return line, tuple(text for text in quoted if text)


def _outcome(body: Body) -> Account:
    parts = [_name(body, "status") or "ok"]
    if body.get("tag"):
        parts.append(_name(body, "tag"))
    if body.get("sqlstate"):
        parts.append(f"SQLSTATE {_name(body, 'sqlstate')}")
    if body.get("rows"):
        parts.append(f"{int(body['rows'])} rows")
    hidden = sum(body.get("masks", {}).values())
    if hidden:
        parts.append(f"{hidden} values masked")
    parts.append(f"{float(body.get('duration', 0.0)) * 1000:.1f} ms")
    return ", ".join(parts), (*_sample(body), *([body["message"]] if body.get("message") else []))


def _sample(body: Body) -> tuple[str, ...]:
    rows = [body["columns"]] if body.get("sample") and body.get("columns") else []
    rows += body.get("sample", ())
    return tuple(" | ".join("NULL" if cell is None else str(cell) for cell in row) for row in rows)


def _held(body: Body) -> Account:
    groups = ", ".join(map(visible, body.get("approvers", ()))) or "nobody"
    hold, rule = _name(body, "hold"), _name(body, "rule")
    return f"held as {hold} by {rule}: {int(body['count'])} of {groups} must approve", (body["text"],)


def _decided(body: Body) -> Account:
    word = "approved" if body["approve"] else "refused"
    line = f"{_name(body, 'hold')} {word} by {_name(body['by'], 'principal')}: now {_name(body, 'status')}"
    return line, ((body["reason"],) if body.get("reason") else ())


def _expired(body: Body) -> Account:
    return f"{_name(body, 'hold')} expired", ()


def _withdrawn(body: Body) -> Account:
    return f"{_name(body, 'hold')} withdrawn: {_name(body, 'reason')}", ()


def _used(body: Body) -> Account:
    return f"approval {_name(body, 'hold')} used, {int(body.get('left', 0))} left", ()


def _recorded(body: Body) -> Account:
    size = f" of {int(body.get('width', 0))} by {int(body.get('height', 0))}"
    what = f"terminal{size}" if body.get("form") == "terminal" else "output"
    return f"recording {_name(body, 'recording')} begins: {what}", ()


def _sealed(body: Body) -> Account:
    end = ", its end" if body.get("final") else ""
    left = sum(body.get("left_out", {}).values())
    cut = f", {left} bytes left out" if left else ""
    again = ", after a kill" if body.get("recovered") else ""
    return f"recording {_name(body, 'recording')} sealed at {int(body['bytes'])} bytes{end}{cut}{again}", ()


_ACCOUNTS: dict[str, Callable[[Body], Account]] = {
    "session.opened": _opened,
    "session.refused": _refused,
    "session.closed": _closed,
    "action.judged": _judged,
    "action.outcome": _outcome,
    "recording.opened": _recorded,
    "recording.sealed": _sealed,
    "hold.opened": _held,
    "hold.decided": _decided,
    "hold.expired": _expired,
    "hold.withdrawn": _withdrawn,
    "hold.used": _used,
}
