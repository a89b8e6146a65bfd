"""A session as a timeline for people: what was asked, what was said, what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from vedette.cli import screen

Record = Mapping[str, Any]
Line = tuple[str, Text, Text]
MAX_TEXT = 160


def show(records: Sequence[Record], *, everything: bool = False) -> None:
    """Print *records* (of one session, in order); *everything* also shows what only prepared a statement."""
    outcomes = {r["body"]["action"]: r["body"] for r in records if r["kind"] == "action.outcome"}
    for record in records:
        body = record["body"]
        skipped = record["kind"] == "action.outcome" or (
            record["kind"] == "action.judged" and not everything and only_prepares(body)
        )
        if skipped:
            continue
        line = _line(record)
        if line is None:
            continue
        word, what, why = line
        head = Text.assemble((screen.clock(record["time"]), "dim"), "  ", _word(word), "  ")
        screen.console().print(head.append_text(what))
        outcome = outcomes.get(body.get("action"))
        for text in (why, _came(outcome) if outcome else Text()):
            if text:
                screen.console().print(Text.assemble(" " * 24, text))


def only_prepares(body: Record) -> bool:
    """Drivers prepare, then bind: the second line says all that the first does."""
    return body.get("form") == "prepare" and body.get("verdict") == "allow" and not body.get("observed")


def _word(word: str) -> Text:
    return Text(word.upper().ljust(8), screen.VERDICTS.get(word, "cyan"))


def _line(record: Record) -> Line | None:
    tell = _LINES.get(record["kind"])
    return tell(record["body"]) if tell else None


def _opened(body: Record) -> Line:
    who = body["who"]
    what = Text.assemble(screen.plain(who["principal"]), f" ({who['kind']})")
    if who.get("actor"):
        what.append_text(Text.assemble(" for ", screen.plain(who["actor"])))
    what.append_text(Text.assemble(" on ", screen.plain(body["resource"], "bold")))
    if body.get("address"):
        what.append_text(Text.assemble(" from ", screen.plain(body["address"])))
    loud = Text("observing only: nothing is enforced", "bold yellow") if body.get("observing") else Text()
    return "open", what, loud


def _refused(body: Record) -> Line:
    return "refused", screen.plain(body.get("resource") or body.get("protocol", "")), _reason(body)


def _closed(body: Record) -> Line:
    counts = f"{body.get('actions', 0)} actions, {body.get('denied', 0)} denied, {body.get('rows', 0)} rows"
    return "close", Text.assemble(screen.plain(body["reason"]), "; ", counts), Text()


def _judged(body: Record) -> Line:
    parts = [Text.assemble("by ", screen.plain(body["rule"]))]
    if body.get("approval"):
        parts.append(Text.assemble("approved as ", screen.plain(body["approval"])))
    observed = body.get("observed")
    if observed:
        parts.append(Text.assemble(("would be ", "yellow"), screen.plain(observed["verdict"]), " by ",
                                   screen.plain(observed["rule"])))  # fmt: skip
    if body.get("reason"):
        parts.append(_reason(body))
    return body["verdict"], _what(body), Text("; ").join(parts)


def _held(body: Record) -> Line:
    groups = ", ".join(body.get("approvers", ())) or "nobody"
    why = Text.assemble(
        screen.plain(body["hold"], "bold"), " by ", screen.plain(body["rule"]), f": {body['count']} of ",
        screen.plain(groups), " must approve",
    )  # fmt: skip
    return "hold", _what(body), why


def _decided(body: Record) -> Line:
    said = Text.assemble(screen.plain(body["hold"], "bold"), " by ", screen.plain(body["by"]["principal"]))
    if body.get("reason"):
        said.append_text(Text.assemble(": ", screen.plain(body["reason"])))
    return "approved" if body["approve"] else "refused", said, Text()


def _ended(word: str) -> Any:
    def tell(body: Record) -> Line:
        return word, Text.assemble(screen.plain(body["hold"], "bold"), " ", _reason(body)), Text()

    return tell


def _reason(body: Record) -> Text:
    return screen.plain(body.get("reason", ""))


def _what(body: Record) -> Text:
    """Effects and objects first; the caller's own words last."""
    seen = dict.fromkeys(
        f"{touch['effect']} {touch.get('object', '')}".strip()
        for touch in body["touches"]
        if not touch.get("implied")
    )
    text = body.get("text") or body.get("shape") or ""
    words = screen.plain(screen.one_line(text, MAX_TEXT), "italic")
    return Text.assemble(screen.plain(", ".join(seen), "bold"), "  ", words)


def _came(body: Record) -> Text:
    """What came of it."""
    status = body.get("status", "ok")
    parts = [screen.verdict(status)] if status != "ok" else []
    if body.get("sqlstate"):
        parts.append(screen.plain(f"SQLSTATE {body['sqlstate']}"))
    if body.get("message"):
        parts.append(screen.plain(screen.one_line(body["message"])))
    if body.get("rows"):
        parts.append(Text(f"{body['rows']} rows"))
    elif body.get("tag"):
        parts.append(screen.plain(body["tag"]))
    masks = body.get("masks", {})
    if masks:
        named = ", ".join(f"{name} {count}" for name, count in sorted(masks.items()))
        parts.append(
            Text.assemble((f"{sum(masks.values())} values masked", "magenta"), screen.plain(f" ({named})"))
        )
    parts.append(Text(f"{float(body.get('duration', 0)) * 1000:.1f} ms", "dim"))
    return Text(", ").join(parts)


_LINES: dict[str, Any] = {
    "session.opened": _opened,
    "session.refused": _refused,
    "session.closed": _closed,
    "action.judged": _judged,
    "hold.opened": _held,
    "hold.decided": _decided,
    "hold.expired": _ended("expired"),
    "hold.withdrawn": _ended("withdrawn"),
}
