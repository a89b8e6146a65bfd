"""What stands in the place of hidden values, and telling it again when somebody writes it back."""

from __future__ import annotations

import base64
import re

from vedette.masking.detectors import DETECTORS
from vedette.masking.strategies import pseudonym, stars

REDACTED = "[redacted]"
REDACTED_BASE64 = base64.b64encode(REDACTED.encode()).decode()
"""Where the API wants base64 (``data`` of a Secret), or clients could not read the object at all."""

# As `vedette.masking.strategies.replacement` and `hidden` write them; what `partial` leaves has stars in it.
_FOUND = re.compile(
    r"\[(?:redacted|hidden|"
    + "|".join(map(re.escape, sorted(DETECTORS)))
    + r")(?: [bcdfghjkmnpqrstv]{16})?\]"
    r"|[0-9A-Za-z]\*\*\*@[0-9A-Za-z]\*\*\*\.[A-Za-z]+|\*{3}[-. ()/]{0,3}\*|[0-9]\.\*\.\*"
)
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_MAX_BASE64 = 4096


def hidden(value: str, strategy: str, keep: int, key: bytes) -> str:
    """What stands for a whole *value*. A text cannot be null, so that ``null`` redacts."""
    if strategy == "hash":
        return f"[hidden {pseudonym(value.encode('utf-8', 'surrogatepass'), key).decode()}]"
    if strategy == "partial":
        shown = stars(value.encode("utf-8", "surrogatepass"), keep).decode("utf-8", "replace")
        # A short value would have too few stars to be told again.
        return shown if shown.startswith("****") else REDACTED
    return REDACTED


def hidden_base64(value: str, strategy: str, keep: int, key: bytes) -> str:
    """The same for a value in base64: in base64 again; of bytes, nothing is shown in part."""
    shown = hidden(value, "redact" if strategy == "partial" else strategy, keep, key)
    return base64.b64encode(shown.encode()).decode()


def placeholder(text: str) -> bool:
    """Whether *text* holds what the gateway puts in the place of hidden values, plainly or in base64."""
    if ("[" in text or "*" in text) and _FOUND.search(text):
        return True
    if 12 <= len(text) <= _MAX_BASE64 and text.isascii() and _BASE64.fullmatch(text):
        raw = base64.b64decode(text)
        return raw.startswith(b"[") and _FOUND.fullmatch(raw.decode("utf-8", "replace")) is not None
    return False
