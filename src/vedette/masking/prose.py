"""Hiding values in text that is not a cell: errors, notices, notifications, records."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from vedette.masking.patterns import Pattern, compile_bytes
from vedette.masking.plan import CannotMask
from vedette.masking.scan import Scanner, Sought, scanner, sought
from vedette.masking.tally import Tally
from vedette.model import MaskRule


def hide(text: str, masks: Sequence[MaskRule], key: bytes, tally: Tally) -> str:
    """
    *text* without what the content rules among *masks* look for.

    Text has no NULL, so a rule that makes cells NULL redacts here.

    Raises:
        CannotMask: a rule names an unknown entity, or hashes without a key.
    """
    try:
        scan = text_scanner(tuple(rule for rule in masks if rule.entities), key)
    except (ValueError, KeyError) as error:
        raise CannotMask(f"these mask rules cannot be applied: {error}") from error
    if not scan.sought or not text:
        return text
    raw = text.encode("utf-8", "surrogatepass")
    hidden = scan.hide(raw, tally)
    return text if hidden is None or hidden == raw else hidden.decode("utf-8", "replace")


@lru_cache(maxsize=256)
def text_scanner(rules: tuple[MaskRule, ...], key: bytes) -> Scanner:
    """
    What content *rules* look for in text, which has no NULL to become.

    Raises:
        ValueError: something is to be hashed and there is no key.
        KeyError: a rule names an entity that no detector finds.
    """
    wanted = tuple(
        Sought(one.detector, "redact" if one.strategy == "null" else one.strategy, one.keep, one.hinted)
        for one in sought(rules)
    )
    return scanner(wanted, key)


# Where the server's own messages quote data: the values of a key, a whole failing row,
# and what could not be converted. Identifiers are quoted too, but not behind a colon.
# The quotation marks are those of the server's translations.
_QUOTED_DATA: tuple[tuple[Pattern, bytes], ...] = (
    (compile_bytes(rb"\([\x00-\xff]+(?:\)|$)"), b"([redacted])"),
    (compile_bytes(rb": ?(?:\"|\xc2\xab|\xc2\xbb|\xe2\x80\x9e|\xe2\x80\x9c)[\x00-\xff]*"), b": [redacted]"),
    (compile_bytes(rb"(?i)\bvalue \"[\x00-\xff]*\""), b"value [redacted]"),
)


def hide_message(text: str, masks: Sequence[MaskRule], key: bytes, tally: Tally) -> str:
    """
    A field of a server's error or notice, for callers under *masks*.

    Content is hidden as by ``hide``. Where there are column rules as well, the
    places in which the server quotes data are redacted whole, because nothing
    says of which column the quoted value is.

    Raises:
        CannotMask: as ``hide``.
    """
    hidden = hide(text, masks, key, tally)
    columns = sorted({rule.rule for rule in masks if rule.columns})
    if not columns:
        return hidden
    raw = hidden.encode("utf-8", "surrogatepass")
    for pattern, instead in _QUOTED_DATA:
        match = pattern.search(raw)
        if match is not None and match.group() != instead:
            start, end = match.span()
            raw = raw[:start] + instead + raw[end:]
            tally.add(columns[0])
    return raw.decode("utf-8", "replace")
