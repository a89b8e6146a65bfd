"""Values that are not finished and tell much already, where a text pauses.

What has been shown cannot be taken back, so a value that is printed slowly, a piece at a time, must not be
shown to its last piece but one. Each pattern here is the beginning of one kind of value, up to the end of
what there is, from the point on where it tells about half. What goes on from there is starred out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from vedette.masking.detectors.payment import IBAN_LENGTHS
from vedette.masking.fold import DISGUISES, Folded, fold
from vedette.masking.patterns import compile_bytes

_GAP = rb"[ ._/\-]{0,2}"
_START = rb"(?:^|[^0-9A-Za-z])"
_COUNTRY = "|".join(sorted(IBAN_LENGTHS)).encode()

#: By entity: beginnings of a value, each in group 1. ``$`` is the end of what there is so far.
_BEGINNINGS: Mapping[str, tuple[bytes, ...]] = {
    "email": (
        rb"(?:^|[^0-9A-Za-z+_'~.\x80-\xff-])"
        rb"([0-9A-Za-z+_'~.\x80-\xff-]+@[0-9A-Za-z\x80-\xff\[][^\s,;:\"'<>()]*)$",
    ),
    # The issuers' first digits; of sixteen digits, eight are what a receipt may show.
    "credit_card": (_START + rb"((?:[34568]|2[2-7]|9792)(?:" + _GAP + rb"[0-9]){7,18}" + _GAP + rb")$",),
    "iban": (_START + rb"((?i:" + _COUNTRY + rb")[0-9]{2}(?:[ -]{0,2}[0-9A-Za-z]){7,30}[ -]{0,2})$",),
    "us_ssn": (
        _START + rb"([0-9]{3}[ ._/\-]{1,2}[0-9]{2}(?:[ ._/\-]{1,2}[0-9]{0,4})?)$",
        rb"(?i)(?:ssn|ss#|social|soc[ ._-]?sec|itin|tin|tax[ ._-]?id)[^A-Za-z]"
        rb"(?:[^\n]{0,32}[^0-9A-Za-z\n])?([0-9]{5,9})$",
    ),
    "phone": (
        rb"(\+ ?[(]?[0-9](?:[ ()./\-]{0,2}[0-9]){5,14}[ ()./\-]{0,2})$",
        _START + rb"(\(?[2-9][0-9]{2}[) .-]{1,2}[2-9][0-9]{2}(?:[ .-][0-9]{0,4})?)$",
        _START + rb"(0[0-9]{1,4}(?:[ ()./\-]{1,2}[0-9]+){1,4})$",
        rb"(?i)(?:phone|tel|telephone|mobile|cell|fax|handy|whatsapp|sms)[^A-Za-z]"
        rb"(?:[^\n]{0,32}[^0-9A-Za-z\n])?([0-9](?:[ ()./\-]{0,2}[0-9]){4,14}[ ()./\-]{0,2})$",
    ),
    "ip_address": (
        _START + rb"([0-9]{1,3}(?:\.[0-9]{1,3}){2}\.?[0-9]{0,3})$",
        _START + rb"([0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{0,4}){3,7})$",
    ),
    "aws_key": (
        _START + rb"((?:AKIA|ASIA|AGPA|AIDA|AROA|AIPA|ANPA|ANVA|ABIA|ACCA)[0-9A-Z]{4,16})$",
        rb"(?i)(?:aws|amazon|secret|access.?key)(?:[\x00-\xff]{0,48}[^0-9A-Za-z/+])?([0-9A-Za-z/+]{16,40})$",
    ),
    "github_token": (_START + rb"(gh[oprsu]_[0-9A-Za-z]+|github_pat_[0-9A-Za-z_]+)$",),
    "slack_token": (
        _START + rb"(xox[abceoprs][.-][0-9A-Za-z.-]+|xapp-[0-9A-Za-z-]+)$",
        rb"(hooks\.slack\.com/(?:services|workflows|triggers)/[0-9A-Za-z/_-]+)$",
    ),
    "stripe_key": (_START + rb"((?:[rs]k_(?:live|test)|whsec)_[0-9A-Za-z]+)$",),
    "google_key": (_START + rb"(AIza[0-9A-Za-z_-]+)$",),
    "jwt": (_START + rb"(eyJ[0-9A-Za-z_-]{6,}(?:\.[0-9A-Za-z_-]*)*)$",),
    # A key is hidden from its head on, and the head tells nothing.
    "private_key": (),
    "url_password": (rb"://[^\s\x00/?#@:\"'<>]*:([^\s\x00/?#\"'<>]+)$",),
}
ENTITIES = frozenset(_BEGINNINGS)
_STARRED = re.compile(rb"[^\x00-\x20()./:@+\-]")


class Telling:
    """Sees, for these *entities*, whether a text breaks off in a value that tells much already."""

    def __init__(self, entities: Collection[str]) -> None:
        self._patterns = tuple(
            compile_bytes(source) for name in sorted(entities) for source in _BEGINNINGS[name]
        )

    def start(self, text: bytes) -> int | None:
        """Where the value begins with which *text* breaks off; None where it does not, or tells little."""
        starts = [*self._starts(text)]
        folded = fold(text) if compile_bytes(DISGUISES).search(text) is not None else None
        if folded is not None:
            starts += (_before(folded, start) for start in self._starts(folded.text))
        return min(starts, default=None)

    def _starts(self, text: bytes) -> list[int]:
        found = []
        for pattern in self._patterns:
            match = pattern.search(text)
            if match is not None:
                found.append(match.span(1)[0])
        return found


def _before(folded: Folded, start: int) -> int:
    return folded.original(start, start + 1)[0]


def starred(value: bytes) -> bytes:
    """*value* with all that tells something replaced, byte by byte."""
    return _STARRED.sub(b"*", value)
