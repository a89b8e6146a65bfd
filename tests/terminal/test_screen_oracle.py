"""The screen against tmux's: made-up output has to leave the same text, and the cursor in the same place."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator

import pytest

from tests.terminal import oracle
from vedette.terminal.screen import Screen

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(oracle.program() is None, reason="no tmux"),
]
COLUMNS, ROWS = 20, 6
WORDS = ["a", "ls -la", "0123456789", "x" * 19, "y" * 20, "z" * 21, "~", "ж", "→", "e\u0301"]
WIDE = ["中文", "한", "a", "bc", "中" * 9, "x中" * 7]


def made(chance: random.Random) -> bytes:
    """Some output, such as programs write and such as nobody does.

    Where terminals differ it is left out, and ours does as xterm: what is erased or inserted when the last
    column has just been written, insert mode at the margin, lines inserted outside of the region, what
    another screen has saved.
    """
    number = lambda: chance.choice(["", "0", "1", "2", "3", "5", "7"])  # noqa: E731
    far = lambda: chance.choice([number(), "19", "20", "21", "40"])  # noqa: E731
    kinds: list[Callable[[], str]] = [
        lambda: chance.choice(WORDS),
        lambda: chance.choice(WORDS),
        lambda: chance.choice(["\r\n", "\r", "\n", "\rab\b", "\t", "\x07", "\r\n\n"]),
        lambda: f"\x1b[{far()}{chance.choice('CEFGST`')}",
        lambda: f"\r\x1b[{number()}C\x1b[{far()}{chance.choice('ABDdZ')}",
        lambda: f"\r\x1b[{number()}C\x1b[{number()}{chance.choice('JKPX@')}",
        lambda: f"\x1b[{far()};{far()}{chance.choice('Hf')}",
        lambda: f"\x1b[{chance.choice(['', '2;4', '3;6', '1;2', '5;3'])}r",
        lambda: chance.choice(["\rc\x1b7", "\x1b8", "\x1bD", "\x1bE", "\x1bM", "\r\x1b[s", "\x1b[u"]),
        lambda: chance.choice(["\x1b[?25l", "\x1b[0;31m", "\x1b[38:5:1m", "\x1b[?2004h", "\x1b[>c"]),
        lambda: chance.choice(
            ["\x1b]0;title\x07", "\x1b]2;t\x1b\\", "\x1bPq\x1b\\", "\x1bH", "\x1b[g", "\x1b[3g"]
        ),
    ]
    return "".join(chance.choice(kinds)() for _ in range(chance.randrange(1, 25))).encode()


def wide(chance: random.Random) -> bytes:
    """Text of characters that take two columns, wrapped, and erased from between them."""
    parts = [
        chance.choice([*WIDE, *WIDE, "\r\n", "\x1b[2;3H", "\x1b[3;1H\x1b[K", "\r\x1b[J", "\r\x1b[2K"])
        for _ in range(chance.randrange(1, 15))
    ]
    return "".join(parts).encode()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[oracle.Tmux]:
    with oracle.tmux(tmp_path_factory.mktemp("tmux"), COLUMNS, ROWS) as found:
        yield found


@pytest.mark.parametrize("kind", [made, wide])
def test_made_up_output_looks_the_same(real: oracle.Tmux, kind: Callable[[random.Random], bytes]) -> None:
    seed = int(os.environ.get("VEDETTE_SCREEN_SEED", random.randrange(1 << 30)))
    for number in range(int(os.environ.get("VEDETTE_SCREEN_CASES", "60"))):
        data = kind(random.Random(seed + number))
        screen = Screen(COLUMNS, ROWS)
        screen.feed(data)
        assert (screen.text(), screen.position) == real.show(data), (seed + number, data)


def test_it_does_not_matter_where_reads_are_cut() -> None:
    for number in range(300):
        data = made(random.Random(number))
        whole, cut = Screen(COLUMNS, ROWS), Screen(COLUMNS, ROWS)
        whole.feed(data)
        for at in range(len(data)):
            cut.feed(data[at : at + 1])
        assert (whole.text(), whole.position, whole.wrapped) == (cut.text(), cut.position, cut.wrapped), data
