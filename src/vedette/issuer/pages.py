"""The issuer's pages: plain HTML, no script, nothing from elsewhere, every text escaped. Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:26rem;margin:4rem auto;padding:0 1rem;"
    "color:#1b1f24;background:#fff}h1{font-size:1.3rem}label{display:block;margin:1rem 0 .2rem}"
    "input{font:inherit;width:100%;box-sizing:border-box;padding:.5rem;border:1px solid #6b7280;"
    "border-radius:.3rem}button{font:inherit;margin:1.2rem .6rem 0 0;padding:.5rem 1.2rem;border:0;"
    "border-radius:.3rem;background:#1b4d89;color:#fff}button.no{background:#6b7280}"
    ".bad{border-left:.25rem solid #b42318;padding:.3rem .8rem}.about{color:#4b5563}"
    "code{font-size:1.15rem;letter-spacing:.1em}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode("ascii")


@dataclass(frozen=True, slots=True)
class Field:
    """One line to fill in. *auto* is HTML's ``autocomplete``."""

    name: str
    label: str
    kind: str = "text"
    auto: str = "off"
    value: str = ""


def policy(returns_to: str = "") -> str:
    """
    The Content-Security-Policy of a page whose form may end at the origin *returns_to* besides here.

    Browsers hold ``form-action`` against the redirect that answers a form, too.
    """
    action = f"'self' {returns_to}".strip()
    return (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action {action}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


def form_page(
    title: str,
    about: str,
    *,
    action: str,
    hidden: Mapping[str, str],
    fields: Sequence[Field] = (),
    buttons: Sequence[tuple[str, str]] = (("", "Sign in"),),
    wrong: str = "",
) -> str:
    """A page with one form. *buttons* are (value of ``answer``, words); *wrong* is what to do better."""
    parts = [f'<form method="post" action="{escape(action)}">']
    parts += [f'<input type="hidden" name="{escape(n)}" value="{escape(v)}">' for n, v in hidden.items()]
    for number, each in enumerate(fields):
        focus = " autofocus" if number == 0 else ""
        parts.append(
            f'<label for="{escape(each.name)}">{escape(each.label)}</label>'
            f'<input id="{escape(each.name)}" name="{escape(each.name)}" type="{escape(each.kind)}" '
            f'autocomplete="{escape(each.auto)}" value="{escape(each.value)}" required{focus}>'
        )
    for value, words in buttons:
        name = f' name="answer" value="{escape(value)}"' if value else ""
        style = ' class="no"' if value == "no" else ""
        parts.append(f"<button{name}{style}>{escape(words)}</button>")
    parts.append("</form>")
    bad = f'<p class="bad" role="alert">{escape(wrong)}</p>' if wrong else ""
    return page(title, f'<p class="about">{escape(about)}</p>{bad}' + "".join(parts))


def said(title: str, words: str) -> str:
    """A page that only tells."""
    return page(title, f"<p>{escape(words)}</p>")


def page(title: str, inner: str) -> str:
    """*inner* is HTML, made by this module; *title* is text."""
    name = escape(title)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{name} - Vedette</title><style>{STYLE}</style></head>"
        f"<body><main><h1>{name}</h1>{inner}</main></body></html>"
    )
