"""Playing a session back: text and the pauses between. Pure; whoever shows it does the waiting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vedette.approvals.render import block, visible
from vedette.recording.reader import Moment

#: A session of hours is watched in minutes: no pause is longer than this, in seconds.
LONGEST = 2.0


def replay(
    moments: Iterable[Moment], *, speed: float = 1.0, longest: float = LONGEST
) -> Iterator[tuple[float, str]]:
    """Frames of (seconds to wait before it, text ending in a line end).

    The gateway's words stand behind a time; what others wrote stands behind a bar. Every
    character is printable, so that nothing recorded acts on the terminal that shows it.
    """
    if speed <= 0:
        raise ValueError("speed is more than 0")
    begun: float | None = None
    before = 0.0
    for moment in moments:
        if begun is None:
            begun = before = moment.time
        # A clock that was set back gives no negative pause.
        delay = min(max(0.0, moment.time - before) / speed, longest)
        before = moment.time
        yield delay, frame(moment, moment.time - begun)


def frame(moment: Moment, elapsed: float) -> str:
    """One moment as lines of text; *elapsed* in seconds since the first."""
    lines = [f"[{elapsed:9.3f}] {visible(moment.said)}"]
    lines += [block(text) for text in moment.quoted]
    return "\n".join(lines) + "\n"
