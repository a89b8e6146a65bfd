"""A session as a file for others: JSON, JSON lines, asciicast, a page. Pure; nothing in them acts."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from vedette.approvals.render import block, visible
from vedette.recording.reader import Moment
from vedette.recording.replay import replay

WIDTH = 120
HEIGHT = 36


def export(moments: Sequence[Moment], form: str, *, session: str) -> str:
    """*moments* (see ``timeline``) in one of FORMATS.

    Raises:
        ValueError: there is no such format.
    """
    write = FORMATS.get(form)
    if write is None:
        raise ValueError(f"no format {form}: there are {', '.join(FORMATS)}")
    return write(moments, session)


def _record(moment: Moment) -> dict[str, object]:
    return {"seq": moment.seq, "time": moment.time, "kind": moment.kind, "body": moment.body}


def _json(moments: Sequence[Moment], session: str) -> str:
    document = {"session": session, "records": [_record(moment) for moment in moments]}
    # ASCII only: control characters and whatever a terminal would act on leave as escapes.
    return json.dumps(document, ensure_ascii=True, indent=2).replace("\x7f", "\\u007f") + "\n"


def _jsonl(moments: Sequence[Moment], session: str) -> str:
    lines = [json.dumps(_record(moment), ensure_ascii=True).replace("\x7f", "\\u007f") for moment in moments]
    return "".join(f"{line}\n" for line in lines)


def _asciicast(moments: Sequence[Moment], session: str) -> str:
    """Version 2 of asciinema's format: a header line, then [seconds, "o", text] per frame."""
    begun = int(moments[0].time) if moments else 0
    header = {
        "version": 2, "width": WIDTH, "height": HEIGHT, "timestamp": begun,
        "title": f"vedette session {visible(session)}",
    }  # fmt: skip
    lines = [json.dumps(header)]
    at = 0.0
    for delay, text in replay(moments):
        at += delay
        lines.append(json.dumps([round(at, 6), "o", text.replace("\n", "\r\n")]))
    return "\n".join(lines) + "\n"


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>Session {title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }}
li {{ margin: 0 0 .8rem; }}
ol {{ list-style: none; padding: 0; }}
time {{ color: #666; font-variant-numeric: tabular-nums; margin-right: .6rem; }}
pre {{ background: #f4f4f2; border-left: 3px solid #bbb; margin: .3rem 0 0; padding: .4rem .6rem;
  white-space: pre-wrap; word-break: break-word; }}
.deny > span {{ color: #a11; font-weight: 600; }}
</style>
</head>
<body>
<h1>Session {title}</h1>
<ol>
{items}</ol>
</body>
</html>
"""


def _html(moments: Sequence[Moment], session: str) -> str:
    """One page without a script, a link or an image; a policy in it forbids them too."""
    items = "".join(map(_item, moments))
    return _PAGE.format(title=_text(visible(session)), items=items)


def _item(moment: Moment) -> str:
    at = datetime.fromtimestamp(moment.time, UTC).isoformat(timespec="milliseconds")
    quoted = "".join(f"<pre>{_text(block(text))}</pre>" for text in moment.quoted)
    mark = ' class="deny"' if moment.body.get("verdict") == "deny" else ""
    return f"<li{mark}><time>{_text(at)}</time><span>{_text(visible(moment.said))}</span>{quoted}</li>\n"


def _text(text: str) -> str:
    return html.escape(text, quote=True)


FORMATS: dict[str, Callable[[Sequence[Moment], str], str]] = {
    "json": _json,
    "jsonl": _jsonl,
    "asciicast": _asciicast,
    "html": _html,
}
