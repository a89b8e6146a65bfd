"""Hiding values in a stretch of text, with what a terminal does not show left as it is.

A stretch begins and ends where no value goes on (`breaks`); what stands before it, its *lead*, is read along.
"""

from __future__ import annotations

from collections.abc import Iterator

from vedette.masking.breaks import Breaks
from vedette.masking.controls import Shown, acts, kept, shown, unfinished
from vedette.masking.detectors.detector import CONTEXT_BYTES
from vedette.masking.detectors.secrets import AWS_WORDS
from vedette.masking.fold import DISGUISES, fold
from vedette.masking.patterns import any_of, compile_bytes
from vedette.masking.scan import Find, Scanner, anchors, merged
from vedette.masking.strategies import REDACTED, pseudonym, replacement
from vedette.masking.tally import Tally

#: What detectors look at before a part: words that say what is in it.
CONTEXT = 2 * CONTEXT_BYTES + 4
#: What is remembered of a part that is not whole yet.
LEAD_BYTES = 256
#: A part without a gap is masked in pieces of so many bytes, with so many more looked at behind each.
PIECE_BYTES, BEYOND_BYTES = 16 << 10, 1 << 10
_BELL = 7
# As in `scan`: hiding one value can bring out another.
_ROUNDS = 8
_BARE = compile_bytes(rb"[0-9](?:[ ()./\-]{0,2}[0-9]){4}|[0-9A-Za-z/+]{40}")
_KEY_HEAD = compile_bytes(rb"-----BEGIN [0-9A-Z ]*PRIVATE KEY(?: BLOCK)?-----")


def _edge(part: Shown, at: int) -> int:
    """Where in the raw bytes that begins which is shown from *at* on, with the sequences just before it."""
    if at <= 0:
        return 0
    return len(part.raw) if at >= len(part.text) else part.raw_at(at - 1) + 1


def _anchors(scan: Scanner) -> list[bytes]:
    """As `scan.anchors`; but any forty letters may be a secret access key, and the words near it are rare."""
    found = anchors(scan.sought)
    return [
        AWS_WORDS if one.detector.name == "aws_key" else anchor
        for one, anchor in zip(scan.sought, found, strict=True)
    ]


class Parts:
    """Hides what *scan* finds; *tally* counts it. *same_size*: what stands for a value is as long."""

    def __init__(self, scan: Scanner, breaks: Breaks, tally: Tally, *, same_size: bool) -> None:
        self._scan, self._breaks, self._tally, self._same_size = scan, breaks, tally, same_size
        self._sieve = compile_bytes(any_of([*_anchors(scan), DISGUISES]))
        # A secret access key may stand in front of the word that says what it is.
        self._back = CONTEXT_BYTES if any(one.detector.name == "aws_key" for one in scan.sought) else 0
        self._keys = any(one.detector.name == "private_key" for one in scan.sought)
        self._running = False

    def key_head(self, lead: bytes, part: Shown) -> int | None:
        """Where in the raw bytes of *part* a private key begins."""
        if not self._keys:
            return None
        text = lead[-LEAD_BYTES:] + part.text
        found = _KEY_HEAD.search(text)
        start = found.span()[0] if found is not None else None
        folded = fold(text) if start is None else None
        if folded is not None:
            found = _KEY_HEAD.search(folded.text)
            start = folded.original(*found.span())[0] if found is not None else None
        if start is None:
            return None
        return part.raw_at(max(0, start - (len(text) - len(part.text))))

    # --- whole parts --------------------------------------------------------------------------------

    def suspect(self, lead: bytes, text: bytes, raw: bytes) -> bool:
        """Whether anything may be found in *raw*, which is shown as *text*, behind *lead*."""
        if self._running or self._sieve.search(lead + text) is not None:
            return True
        return raw is not text and self._sieve.search(raw) is not None

    def hide(self, lead: bytes, part: Shown) -> bytes:
        """The raw bytes of *part*, whole parts behind *lead* (as it is shown), masked."""
        raw, base, whole = part.raw, len(lead), lead + part.text
        if not part.text:
            return self.unit(lead, raw)

        out: list[bytes] = []
        done, kept_to = base, 0
        for first, last, finds in self._units(whole, base, part):
            if first < done:
                continue
            before = whole[max(0, first - CONTEXT) : first] if first > base else whole[:base]
            start, end = _edge(part, first - base), _edge(part, last - base)
            out += [raw[kept_to:start], self._long(before, raw[start:end], finds)]
            done, kept_to = last, end
        if not out:
            return raw
        out.append(raw[kept_to:])
        return b"".join(out)

    def _units(self, whole: bytes, base: int, part: Shown) -> Iterator[tuple[int, int, list[Find] | None]]:
        """Parts of *whole* in which something is found, in order, and what; None: look again."""
        size = len(whole)
        if self._running:
            yield base, self._breaks.next(whole, base, size), None
        for low, high in self._regions(whole, base, part):
            start = _edge(part, low - base)
            before = whole[max(0, low - CONTEXT) : low] if low > base else whole[:base]
            raw = part.raw[start : _edge(part, high - base)]
            finds = self.finds(before, raw)
            # What is found in the bytes as they are hangs on where they begin.
            plain = not acts(raw)
            place = 0
            while place < len(finds):
                first, last = self._shown_span(part, base, start, finds[place])
                at = self._breaks.last(whole, base, first)
                end = self._breaks.next(whole, max(at, first), size)
                inside = []
                while place < len(finds) and self._shown_span(part, base, start, finds[place])[1] <= end:
                    inside.append(finds[place])
                    place += 1
                if inside:
                    offset = _edge(part, at - base)
                    for find in inside:
                        find.start, find.end = find.start + start - offset, find.end + start - offset
                    yield at, end, inside if plain and inside[0].start >= 0 else None
                    continue
                while at < last:
                    end = self._breaks.next(whole, at, size)
                    yield at, end, None
                    at = end
                place += 1

    def _shown_span(self, part: Shown, base: int, start: int, find: Find) -> tuple[int, int]:
        """Where *find*, in the raw bytes from *start* on, stands in the text, behind *base* bytes of lead."""
        # What stands in a control string belongs to the character behind it.
        first = base + min(part.shown_at(start + find.start), len(part.text) - 1)
        return first, max(first + 1, base + part.shown_at(start + find.end))

    def _regions(self, whole: bytes, base: int, part: Shown) -> Iterator[tuple[int, int]]:
        """The lines of *whole* in which, or shortly behind which, the sieve keeps something back."""
        size = len(whole)
        hits = [match.span() for match in self._sieve.finditer(whole)]
        if part.raw is not part.text:
            spans = (match.span() for match in self._sieve.finditer(part.raw))
            hits += [(base + part.shown_at(start), base + part.shown_at(end)) for start, end in spans]
            hits.sort()
        low = high = base
        for start, end in hits:
            reach = min(end + CONTEXT, size)
            if reach <= max(high, base):
                continue
            if start - self._back >= high or low == high:
                if low < high:
                    yield low, high
                low = max(base, high, whole.rfind(b"\n", 0, max(start - self._back, base)) + 1)
            line = whole.find(b"\n", reach)
            high = line + 1 if line >= 0 else size
        if low < high:
            yield low, high

    # --- one part -------------------------------------------------------------------------------------

    def _long(self, lead: bytes, raw: bytes, finds: list[Find] | None) -> bytes:
        if len(raw) < PIECE_BYTES + BEYOND_BYTES:
            return self.unit(lead, raw, finds)
        out = []
        while len(raw) >= PIECE_BYTES + BEYOND_BYTES:
            new, size = self.piece(lead, raw)
            out.append(new)
            lead, raw = shown(raw[:size])[-LEAD_BYTES:], raw[size:]
        out.append(self.unit(lead, raw))
        return b"".join(out)

    def piece(self, lead: bytes, raw: bytes) -> tuple[bytes, int]:
        """The first bytes of a part that is too long to be looked at whole, masked, and how many they are."""
        size = unfinished(raw[:PIECE_BYTES]) or PIECE_BYTES
        head = raw[:size]
        if self._running:
            return self._nothing(head), size
        near = raw[: PIECE_BYTES + BEYOND_BYTES]
        if not self.suspect(lead, shown(near), near):
            return head, size
        finds = [find for find in self.finds(lead, near) if find.start < size]
        if finds and finds[-1].end > size:
            # The next piece looks back on so much; of what is longer, all that follows is hidden.
            self._running = size - finds[-1].start > LEAD_BYTES - 1
            finds[-1].end = size
        return self._replaced(head, finds), size

    def unit(self, lead: bytes, raw: bytes, finds: list[Find] | None = None) -> bytes:
        """One part (or the end of one), masked; *finds* are what is found in it, where that is known."""
        if self._running:
            self._running = False
            return self._nothing(raw)
        for _ in range(_ROUNDS):
            if finds is None:
                finds = self.finds(lead, raw)
            if not finds:
                return raw
            raw = self._replaced(raw, finds)
            if not self._doubtful(lead, raw):
                return raw
            finds = None
        return self._fitting(REDACTED, raw)

    def _doubtful(self, lead: bytes, raw: bytes) -> bool:
        """Whether anything may be found in *raw* once more."""
        if acts(raw) or self._sieve.search(raw) is not None:
            return True
        # Some are found behind a word alone that says what they are.
        return _BARE.search(raw) is not None and self._sieve.search(lead) is not None

    def finds(self, lead: bytes, raw: bytes) -> list[Find]:
        """What is found in *raw*, as it is shown and as it is; what began in *lead* is redacted."""
        if not acts(raw):
            return self._clipped(lead, raw, None)
        part = Shown(raw)
        found = self._clipped(lead, part.text, part)
        for find in self._clipped(b"", raw, None):
            if find.by.detector.name == "private_key":
                if not self._in_string(part, find):
                    continue  # what is shown of it is found there
            else:
                # What a terminal shows, or what stands in one sequence: a sequence is not cut in two.
                find.start, find.end = part.outside(find.start, find.end)
            found.append(find)
        return merged(found) if len(found) > 1 else found

    def _in_string(self, part: Shown, find: Find) -> bool:
        """Whether a key's head stands in a control string; then *find* ends with that, not with the text."""
        string = part.sequence(find.start)
        if string is None:
            return False
        find.end = max(find.start + 1, string[1] - (1 if part.raw[string[1] - 1] == _BELL else 2))
        return True

    def _clipped(self, lead: bytes, text: bytes, part: Shown | None) -> list[Find]:
        skip = len(lead)
        found = []
        for find in self._scan.finds(lead + text):
            if find.end <= skip:
                continue
            if find.start < skip:
                find.start, find.strategy = skip, "redact"
            start, end = find.start - skip, find.end - skip
            find.start, find.end = (start, end) if part is None else part.span(start, end)
            found.append(find)
        return found

    # --- what stands for it ---------------------------------------------------------------------------

    def _replaced(self, raw: bytes, finds: list[Find]) -> bytes:
        pieces, here = [], 0
        for find in finds:
            name = find.by.detector.name
            self._tally.add(name)
            value = raw[find.start : find.end]
            new = replacement(name, find.strategy, find.by.keep, shown(value), self._scan.key)
            if self._same_size and find.strategy == "hash" and len(new) > len(value):
                new = pseudonym(shown(value), self._scan.key)
            pieces += [raw[here : find.start], self._fitting(new, value)]
            here = find.end
        pieces.append(raw[here:])
        return b"".join(pieces)

    def _fitting(self, new: bytes, value: bytes) -> bytes:
        """*new*, of the size of *value* if need be, with what of *value* is not shown behind it."""
        rest = kept(value)
        if not self._same_size:
            return new + rest
        room = len(value) - len(rest)
        return (new.ljust(room, b"*") if len(new) <= room else b"*" * room) + rest

    def _nothing(self, raw: bytes) -> bytes:
        return self._fitting(b"", raw)
