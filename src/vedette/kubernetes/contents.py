"""Hiding by content what stands in the strings of a large JSON document, without decoding it.

Nearly all of what a cluster answers is said again and again (keys, images, states), and nearly none of it is
to be hidden. So the text is cut at its quotes, each different string is looked at once, all of them together
first, and only where something is found are the pieces changed. Everything else stays as it was, to the byte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache

from vedette.masking.fold import DISGUISES, fold
from vedette.masking.patterns import Pattern, any_of, compile_bytes
from vedette.masking.plan import CannotMask
from vedette.masking.scan import Scanner, Sought, scanner, sought
from vedette.masking.tally import Tally
from vedette.model import MaskRule

# In the place of an escaped backslash and quote while the text is cut. Neither can stand in JSON (RFC 8259,
# section 7: control characters are escaped).
_BACKSLASH, _QUOTE = b"\x01", b"\x02"
_BETWEEN = re.compile(rb"(?:[\s{}\[\],:]|true|false|null|-?[0-9][0-9.eE+-]*)*")
_NUMBER = re.compile(rb"-?[0-9][0-9.eE+-]{8,}")
_USUAL = frozenset(
    {b":", b",", b"},", b"],", b":{", b":[", b":[{", b"}", b"]", b"},{", b":{},", b"}},", b"}],"}
)
_CHUNK = 64
_REMEMBERED = 50_000
_SHORT = 128
_NOT_JSON = "an answer that is not JSON"
# Made by the server for itself; short digits that happen to look like somebody's number are none.
_SERIAL = re.compile(rb"[0-9]{1,12}")
_SERIALS = frozenset({b"resourceVersion"})
# An object that describes one variable: what it is called says what its value may be.
_NAMED = (b"name", b"value")


class Contents:
    """What content rules look for, ready to be looked for in whole documents, by several threads at once."""

    __slots__ = ("_clean", "_scanner", "_sieve")

    def __init__(self, rules: Sequence[MaskRule], key: bytes) -> None:
        """Raises CannotMask: a rule names an unknown entity, or hashes without a key."""
        try:
            # A text has no null, and one that is gone could be written back without anybody noticing.
            wanted = tuple(
                Sought(one.detector, "redact" if one.strategy == "null" else one.strategy, one.keep)
                for one in sought(rules)
            )
            self._scanner: Scanner = scanner(wanted, key)
        except (ValueError, KeyError) as error:
            raise CannotMask(f"these mask rules cannot be applied: {error}") from error
        self._sieve = _sieve(wanted)
        self._clean: set[bytes] = set()

    def hide(self, text: bytes, tally: Tally) -> bytes:
        """
        *text*, which is one JSON document or several behind each other, without what is looked for.

        Raises:
            CannotMask: it is not JSON, so that nobody can tell what in it is a string.
        """
        if _BACKSLASH in text or _QUOTE in text:
            raise CannotMask(_NOT_JSON)
        pieces = _cut(text)
        suspects = self._suspects({*pieces[1::2]})
        numbers = _numbers({*pieces[::2]})
        if not suspects and not numbers:
            return text
        changed = self._change(pieces, suspects, tally) if suspects else False
        if numbers:
            changed = self._numbers(pieces, numbers, tally) or changed
        if not changed:
            return text
        return b'"'.join(pieces).replace(_QUOTE, b'\\"').replace(_BACKSLASH, b"\\\\")

    def _suspects(self, strings: set[bytes]) -> set[bytes]:
        """Those in which something may be found, whatever stands around them."""
        search = self._sieve.search
        known = list(strings - self._clean)
        found: set[bytes] = set()
        for start in range(0, len(known), _CHUNK):
            chunk = known[start : start + _CHUNK]
            if search(b"\n".join(chunk)) is not None:
                found.update(each for each in chunk if search(each) is not None and self._holds(each))
        # What is asked for again and again is mostly the same: keys, kinds, images, states.
        if len(self._clean) + len(known) > _REMEMBERED:
            self._clean.clear()
        if len(known) <= _REMEMBERED:
            # Never for a moment what may have something in it: others may be looking at the same time.
            self._clean.update(each for each in known if len(each) <= _SHORT and each not in found)
        return found

    def _holds(self, raw: bytes) -> bool:
        """Whether anything is found in a string, supposing that its key says that it is there."""
        plain = _plain(raw)
        hits = self._scanner.which.of(plain)
        wanted = self._scanner.sought
        texts = [plain]
        if hits[-1:] == [len(wanted)]:
            folded = fold(plain)
            if folded is not None:
                texts.append(folded.text)
                hits = list(range(len(wanted)))
        return any(
            by.detector.finds(text, True)
            for text in texts
            for at, by in enumerate(wanted)
            if by.detector.hinted or at in hits
        )

    def _change(self, pieces: list[bytes], suspects: set[bytes], tally: Tally) -> bool:
        changed: dict[int, bytes] = {}
        remembered: dict[tuple[bytes, bytes], tuple[bytes, Tally]] = {}
        for at in [at for at in range(1, len(pieces), 2) if pieces[at] in suspects]:
            raw, key = pieces[at], b""
            if pieces[at - 1].strip() == b":":
                key = pieces[at - 2]
                if key in _SERIALS and _SERIAL.fullmatch(raw):
                    continue
                if key == _NAMED[1] and at >= 6 and pieces[at - 6] == _NAMED[0]:
                    key = pieces[at - 4]
            known = remembered.get((raw, key))
            if known is None:
                found = Tally()
                known = remembered[raw, key] = self._hidden(raw, key, found), found
            new = known[0]
            for name, count in known[1].counts.items():
                tally.add(name, count)
            if new != raw:
                changed[at] = new
        # Not before: what a value is about is said by its key as it was.
        for at, new in changed.items():
            pieces[at] = new
        return bool(changed)

    def _hidden(self, raw: bytes, key: bytes, tally: Tally) -> bytes:
        plain = _plain(raw)
        lead = _plain(key) + b": " if key else b""
        hidden = self._scanner.hide(plain, tally, lead)
        return raw if hidden == plain else _escaped(hidden or b"")

    def _numbers(self, pieces: list[bytes], suspects: set[bytes], tally: Tally) -> bool:
        """A number that is a find becomes 0, which is still a number to whoever decodes it."""
        changed = False
        for at in [at for at in range(0, len(pieces), 2) if pieces[at] in suspects]:
            key = _plain(pieces[at - 1]) + b": " if at and pieces[at].lstrip()[:1] == b":" else b""

            def instead(found: re.Match[bytes], key: bytes = key) -> bytes:
                return found[0] if self._scanner.hide(found[0], tally, key) == found[0] else b"0"

            new = _NUMBER.sub(instead, pieces[at])
            changed = changed or new != pieces[at]
            pieces[at] = new
        return changed


def _numbers(between: set[bytes]) -> set[bytes]:
    """Of what stands between strings, what holds a long number. Raises CannotMask: it is not JSON."""
    found = set()
    for piece in between - _USUAL:
        if _BETWEEN.fullmatch(piece) is None:
            raise CannotMask(_NOT_JSON)
        if _NUMBER.search(piece):
            found.add(piece)
    return found


def _cut(text: bytes) -> list[bytes]:
    """*text* cut at the quotes that begin and end strings: every second piece is one."""
    if b"\\" in text:
        text = text.replace(b"\\\\", _BACKSLASH).replace(b'\\"', _QUOTE)
    pieces = text.split(b'"')
    if len(pieces) % 2 == 0:
        raise CannotMask(_NOT_JSON)
    return pieces


def _plain(raw: bytes) -> bytes:
    """What a string means, of what stands between its quotes."""
    if b"\\" not in raw and _QUOTE not in raw and _BACKSLASH not in raw:
        return raw
    whole = b'"' + raw.replace(_QUOTE, b'\\"').replace(_BACKSLASH, b"\\\\") + b'"'
    try:
        return str(json.loads(whole, strict=False)).encode("utf-8", "surrogatepass")
    except ValueError:
        raise CannotMask(_NOT_JSON) from None


def _escaped(plain: bytes) -> bytes:
    written = json.dumps(plain.decode("utf-8", "replace"), ensure_ascii=False).encode()[1:-1]
    return written.replace(b"\\\\", _BACKSLASH).replace(b'\\"', _QUOTE)


@lru_cache(maxsize=64)
def _sieve(wanted: tuple[Sought, ...]) -> Pattern:
    """
    Matches in every string in which something may be found, in whichever key's value it stands.

    An escape may hide anything, so that a string with one is always looked at. But for that of a quote:
    nothing that is looked for holds one.
    """
    sources = {b"(?:" + one.detector.anchor + b")" for one in wanted}
    sources |= {one.detector.hinted for one in wanted if one.detector.hinted}
    return compile_bytes(any_of([*sorted(sources), DISGUISES, rb"[\\\x01]"]))
