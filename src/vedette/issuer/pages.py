"""The issuer's pages: plain HTML, no script, nothing from elsewhere, every text escaped. Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

STYLE = (
    ":root{color-scheme:light dark;--ink:#1b1f24;--soft:#4b5563;--paper:#fff;--edge:#6b7280;"
    "--act:#1b4d89;--on:#fff;--no:#4b5563;--bad:#b42318;--tint:#fdf2f1}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e8eb;--soft:#a9b1bc;--paper:#14171b;--edge:#7b8594;"
    "--act:#8ab8f2;--on:#10151c;--no:#aab3bf;--bad:#ff8a7a;--tint:#2b1a19}}"
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:26rem;margin:0 auto;overflow-wrap:anywhere;"
    "padding:clamp(1rem,8vh,4rem) 1rem 2rem;color:var(--ink);background:var(--paper)}"
    "header{color:var(--soft);font-size:.9rem;margin-bottom:1.2rem}header strong{color:var(--ink)}"
    "h1{font-size:1.4rem;line-height:1.25;margin:0 0 .8rem}"
    "label{display:block;margin:1rem 0 .2rem;font-weight:600}"
    "small{display:block;color:var(--soft);margin-bottom:.2rem}"
    "input{font:inherit;color:inherit;background:transparent;width:100%;box-sizing:border-box;"
    "padding:.5rem .6rem;border:1px solid var(--edge);border-radius:.3rem}"
    "input[autocapitalize=characters]{letter-spacing:.12em}"
    "button{font:inherit;font-weight:600;margin:1.4rem .6rem 0 0;padding:.5rem 1.2rem;cursor:pointer;"
    "border:1px solid var(--act);border-radius:.3rem;background:var(--act);color:var(--on)}"
    "button.no{background:transparent;border-color:var(--edge);color:var(--no)}"
    ":focus-visible{outline:3px solid var(--act);outline-offset:2px}.about{color:var(--soft)}"
    ".bad{border-left:.25rem solid var(--bad);background:var(--tint);padding:.5rem .8rem}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode("ascii")


@dataclass(frozen=True, slots=True)
class Field:
    """
    One line to fill in. *auto* is HTML's ``autocomplete``, *hint* stands below the label.

    *upper* is for codes that are typed off a screen. At most *most* characters, at least *least*.
    """

    name: str
    label: str
    kind: str = "text"
    auto: str = "off"
    value: str = ""
    hint: str = ""
    needed: bool = True
    upper: bool = False
    least: int = 0
    most: int = 0


def policy(returns_to: str = "") -> str:
    """
    The Content-Security-Policy of a page whose form may end at the origin *returns_to* besides here.

    Browsers hold ``form-action`` against the redirect that answers a form, too. A policy cannot name an
    IPv6 address (CSP 3 section 2.3.1 knows no brackets): there, its scheme has to do.
    """
    place = f"{returns_to.partition('://')[0]}:" if "[" in returns_to else returns_to
    action = f"'self' {place}".strip()
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
    """
    A page with one form. *buttons* are (value of ``answer``, words); *wrong* is what to do better.

    The first button is what the Enter key presses; one that says ``no`` needs nothing filled in.
    """
    parts = [f'<form method="post" action="{escape(action)}">']
    parts += [f'<input type="hidden" name="{escape(n)}" value="{escape(v)}">' for n, v in hidden.items()]
    first = next((each for each in fields if each.needed and not each.value), None)
    parts += [_line(each, focus=each is first, wrong=bool(wrong)) for each in fields]
    for value, words in buttons:
        name = f' name="answer" value="{escape(value)}"' if value else ""
        style = ' class="no" formnovalidate' if value == "no" else ""
        parts.append(f'<button type="submit"{name}{style}>{escape(words)}</button>')
    parts.append("</form>")
    bad = f'<p class="bad" id="wrong" role="alert">{escape(sentence(wrong))}</p>' if wrong else ""
    return page(title, f'<p class="about">{escape(about)}</p>{bad}' + "".join(parts))


def _line(field: Field, *, focus: bool, wrong: bool) -> str:
    name = escape(field.name)
    about = [*(["wrong"] if wrong else []), *([f"{name}-hint"] if field.hint else [])]
    more = "".join(
        f" {word}"
        for word, there in (
            ("required", field.needed),
            ("autofocus", focus),
            (f'minlength="{field.least}"', field.least),
            (f'maxlength="{field.most}"', field.most),
            (f'aria-describedby="{" ".join(about)}"', about),
            ('autocapitalize="characters"', field.upper),
            ('autocapitalize="none"', not field.upper),
        )
        if there
    )
    hint = f'<small id="{name}-hint">{escape(field.hint)}</small>' if field.hint else ""
    return (
        f'<label for="{name}">{escape(field.label)}</label>{hint}'
        f'<input id="{name}" name="{name}" type="{escape(field.kind)}" autocomplete="{escape(field.auto)}" '
        f'value="{escape(field.value)}" spellcheck="false"{more}>'
    )


def sentence(words: str) -> str:
    """A refusal's reason, as it stands on a page."""
    return words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")


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
        "<body><header><strong>Vedette</strong> gateway</header>"
        f"<main><h1>{name}</h1>{inner}</main></body></html>"
    )
