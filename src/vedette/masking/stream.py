"""Hiding values, by content, in a text that comes bit by bit: what commands and logs print.

The text is parted where no value goes on (`breaks`), and each part is masked once it is whole. Only the part
that is not is held back: one unfinished candidate. So it does not matter where reads are cut. A candidate is
not held for longer than `TextMask.patience` says: then `pause` gives what may be shown of it, and what has
been shown is remembered, so that the rest of a value is hidden all the same.

Nothing here knows a clock or a protocol. Memory is bounded, however long a line is.
"""

from __future__ import annotations

from collections.abc import Sequence

from vedette.masking.breaks import Breaks
from vedette.masking.controls import Shown, between, loose, shown, unfinished
from vedette.masking.keys import KeyBlock
from vedette.masking.parts import BEYOND_BYTES, LEAD_BYTES, PIECE_BYTES, Parts
from vedette.masking.plan import CannotMask
from vedette.masking.prose import text_scanner
from vedette.masking.tally import Tally
from vedette.masking.telling import Telling, starred
from vedette.model import MaskRule

#: How long an unfinished candidate is held, in seconds.
HELD_SECONDS = 0.05
#: An echo is this short: on a terminal it is not held while it tells little.
ECHO_BYTES = 64


class TextMask:
    """
    The masking of one stream by the content rules among *masks* (column rules say nothing about text).

    *key* is the secret of keyed hashes. *terminal*: somebody looks on, and types. *same_size*: what stands
    for a value is as long as the value. *tally* counts the values hidden, by entity.

    Raises:
        CannotMask: a rule names an unknown entity, or hashes without a key.
    """

    def __init__(
        self, masks: Sequence[MaskRule], key: bytes, tally: Tally, *,
        terminal: bool = False, same_size: bool = False,
    ) -> None:  # fmt: skip
        try:
            scan = text_scanner(tuple(rule for rule in masks if rule.entities), key)
        except (ValueError, KeyError) as error:
            raise CannotMask(f"these mask rules cannot be applied: {error}") from error
        entities = {one.detector.name for one in scan.sought}
        self._tally = tally
        self._breaks = Breaks(entities)
        self._telling = Telling(entities)
        self._parts = Parts(scan, self._breaks, tally, same_size=same_size)
        self._terminal, self._same_size = terminal, same_size
        self._before = b""  # what was shown last, as it came, without what a terminal does not show
        self._open = 0  # how much of that belongs to a part that is not whole yet
        self._held = b""
        self._key: KeyBlock | None = None
        #: Where in the stream what is held begins: another number means that another candidate waits.
        self.mark = 0

    @property
    def patience(self) -> float | None:
        """For how many seconds what is held may be held; None where nothing is that time would release."""
        if not self._held or self._key is not None or unfinished(self._held) == 0:
            return None
        if self._terminal and len(self._held) <= ECHO_BYTES and self._tells(shown(self._held)) is None:
            return 0.0
        return HELD_SECONDS

    def feed(self, data: bytes) -> bytes:
        """What may be shown by now: what was held and *data*, masked, less what is held from now on."""
        out: list[bytes] = []
        rest, self._held = self._held + data, b""
        while rest:
            rest = self._advance(rest, out) if self._key is None else self._through_key(rest, out)
        return out[0] if len(out) == 1 else b"".join(out)

    def pause(self) -> bytes:
        """
        What may be shown of what is held, although more may follow.

        Whole values are hidden. Of one that is not whole and tells much already, nothing more is shown.
        """
        size = unfinished(self._held)
        if self._key is not None or not size:
            return b""
        raw, self._held = self._held[:size], self._held[size:]
        lead, part = self._lead, Shown(raw)
        finds = self._parts.finds(lead, raw)
        cut, tells = size, self._tells(part.text)
        if tells is not None:
            cut = part.raw_at(tells)
            for find in finds:
                if find.start <= cut < find.end:
                    cut = find.end
        # What is found is found in all of it: cut off, the end of an address would hide its password no more.
        out = self._parts.unit(lead, raw[:cut], [find for find in finds if find.end <= cut])
        if cut < size:
            self._tally.add("unfinished")
            out += between(raw[cut:], starred)
        self._remember(raw, part.text, whole=False)
        return out

    def finish(self) -> bytes:
        """What is still held, masked: the stream is over."""
        out: list[bytes] = []
        rest, self._held = self._held, b""
        while rest:
            if self._key is None:
                rest = self._masked(rest, shown(rest), out)
                continue
            new, rest = self._key.feed(rest)
            out.append(new)
            if self._key.over:
                self._key, self._before, self._open = None, b"", 0
        return b"".join(out)

    # --- where it is parted ---------------------------------------------------------------------------

    @property
    def _lead(self) -> bytes:
        return self._before[-max(LEAD_BYTES, self._open) :]

    def _tells(self, text: bytes) -> int | None:
        """Where in *text*, which is held, a value begins that tells much and is not whole."""
        opened = self._before[len(self._before) - self._open :]
        start = self._telling.start((self._lead + text)[-4 * LEAD_BYTES - len(opened) - len(text) :])
        if start is None:
            return None
        return max(0, start - len(self._lead))

    def _advance(self, raw: bytes, out: list[bytes]) -> bytes:
        """Mask the whole parts of *raw*, hold the rest; gives what follows the head of a private key."""
        size = unfinished(raw)
        body = raw if size == len(raw) else raw[:size]
        text = shown(body)
        ready, more = self._ready(body, text)
        self._held = raw[ready:]
        rest = b""
        if ready:
            whole = raw[:ready]
            rest = self._masked(whole, whole if text is body else text[: len(text) - more], out)
        if rest:
            rest, self._held = rest + self._held, b""
            return rest
        while len(self._held) >= PIECE_BYTES + BEYOND_BYTES:
            new, size = self._parts.piece(self._lead, self._held)
            out.append(new)
            self._remember(self._held[:size], shown(self._held[:size]), whole=False)
            self._open = min(self._open, LEAD_BYTES)
            self._held = self._held[size:]
        return b""

    def _ready(self, body: bytes, text: bytes) -> tuple[int, int]:
        """How much of *body*, which is shown as *text*, is whole parts; how much of *text* is not."""
        if not text:
            return len(body) - loose(body), 0
        lead = self._lead
        held = len(lead) + len(text) - self._breaks.last(lead + text, len(lead), len(lead) + len(text))
        if held == 0:
            return len(body) - loose(body), 0
        if text is body or held == len(text):
            return (len(body) - held if text is body else 0), held
        start = body.rfind(b"\n") + 1
        line = Shown(body[start:]) if start else Shown(body)
        if held >= len(line.text):
            start, line = 0, Shown(body)
        # The sequences just before what is held are held with it.
        return start + line.raw_at(len(line.text) - held - 1) + 1, held

    def _masked(self, raw: bytes, text: bytes, out: list[bytes]) -> bytes:
        """Append *raw*, whole parts shown as *text*, masked; gives what follows a private key's head."""
        lead = self._lead
        if not self._parts.suspect(lead, text, raw):
            out.append(raw)
            self._remember(raw, text, whole=True)
            return b""
        part = Shown(raw)
        head = self._parts.key_head(lead, part)
        if head is not None:
            part, rest = Shown(raw[:head]), raw[head:]
            self._key = KeyBlock(terminal=self._terminal, same_size=self._same_size)
            self._tally.add("private_key")
        else:
            rest = b""
        out.append(self._parts.hide(lead, part))
        self._remember(part.raw, part.text, whole=True)
        return rest

    def _through_key(self, raw: bytes, out: list[bytes]) -> bytes:
        assert self._key is not None  # noqa: S101
        size = unfinished(raw)
        new, rest = self._key.feed(raw[:size])
        out.append(new)
        self.mark += size - len(rest)
        if self._key.over:
            self._key, self._before, self._open = None, b"", 0
            return rest + raw[size:]
        self._held = raw[size:]
        return b""

    def _remember(self, raw: bytes, text: bytes, *, whole: bool) -> None:
        """*raw*, shown as *text*, has gone."""
        self.mark += len(raw)
        self._open = 0 if whole else min(self._open + len(text), PIECE_BYTES)
        keep = max(LEAD_BYTES, self._open)
        self._before = text[-keep:] if len(text) >= keep else (self._before + text)[-keep:]
