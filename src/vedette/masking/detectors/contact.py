"""How to reach a person: e-mail addresses. (Telephone numbers fill a module of their own.)"""

from __future__ import annotations

from collections.abc import Iterator

from vedette.masking.detectors.detector import Detector, Span

# Source: RFC 5321 section 4.1.2 and RFC 6531 (every byte over 0x7f belongs), less the
# punctuation that nearly always belongs to what is around an address: "?to=a@b.example".
_ATEXT = rb"[0-9A-Za-z+_'~.\x80-\xff-]"
_LABEL = rb"[0-9A-Za-z\x80-\xff](?:[0-9A-Za-z\x80-\xff_-]*[0-9A-Za-z\x80-\xff])?"
_EMAIL = (
    rb"(?:" + _ATEXT + rb'+|"[^"\x00-\x1f]{1,64}")@(?:' + _LABEL + rb"\.)+"
    rb"(?:[Xx][Nn]--[0-9A-Za-z-]+|[A-Za-z\x80-\xff]{2,})"
    rb"|" + _ATEXT + rb"+@\[(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[Ii][Pp][Vv]6:[0-9A-Fa-f:.]+)\]"
)
# "logo@2x.png" is a picture, not a mailbox; none of these is a top-level domain.
_FILE = frozenset({b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"css", b"js", b"mjs", b"json", b"tgz"})


def _email(text: bytes, start: int, end: int, hinted: bool) -> Iterator[Span]:
    if text[start:end].rpartition(b".")[2].lower() not in _FILE:
        yield start, end


DETECTORS = (
    Detector(
        "email",
        "personal",
        anchor=rb"[!-~\x80-\xff]@[0-9A-Za-z\x80-\xff\[]",
        pattern=_EMAIL,
        check=_email,
    ),
)
