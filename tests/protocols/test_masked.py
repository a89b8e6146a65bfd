"""Masked streams: in order, in time, beside the loop where it takes long, and over for good where it cannot go on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from vedette.masking import CannotMask, Tally
from vedette.model import MaskRule
from vedette.protocols import masked
from vedette.protocols.masked import Masked

MASKS = [MaskRule("m", entities=frozenset({"personal", "secrets"}))]


class Shown:
    def __init__(self, masks: Any = MASKS, **more: Any) -> None:
        self.out = b""
        self.well = True
        self.failed: list[str] = []
        self.full: list[bool] = []
        self.moved = asyncio.Event()
        self.tally = Tally()
        self.stream = Masked(masks, b"k", self.tally, self.show, self.failed.append, self.full.append, **more)

    def show(self, data: bytes) -> bool:
        if self.well:
            self.out += data
            self.moved.set()
        return self.well

    async def until(self, text: bytes) -> None:
        async with asyncio.timeout(30):
            while text not in self.out:
                self.moved.clear()
                await self.moved.wait()


async def test_what_is_held_is_let_go_in_time() -> None:
    shown = Shown()
    shown.stream.put(b"from 41")
    await shown.until(b"from ")
    assert shown.out == b"from "
    await shown.until(b"from 41")
    shown.stream.put(b" x\n")
    await shown.stream.finish()
    assert shown.out == b"from 41 x\n"


async def test_an_echo_comes_without_a_wait() -> None:
    shown = Shown(terminal=True)
    shown.stream.put(b"x")
    for _ in range(3):
        await asyncio.sleep(0)
    assert shown.out == b"x"


async def test_what_follows_gives_a_candidate_no_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Shown()
    loop = asyncio.get_running_loop()
    asked: list[float] = []
    later = loop.call_later
    monkeypatch.setattr(loop, "call_later", lambda delay, *what: asked.append(delay) or later(delay, *what))
    for digit in b"4111":
        shown.stream.put(bytes([digit]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert len(asked) == 1
    shown.stream.close()


async def test_slow_work_goes_aside_and_stays_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masked, "SLOW_SECONDS", -1.0)
    shown = Shown()
    for number in range(60):
        shown.stream.put(b"%d. ada@example.com 4539 1488 0343 6467\n" % number * 20)
    await shown.stream.finish()
    lines = [b"%d. [email] [credit_card]\n" % number * 20 for number in range(60)]
    assert shown.out == b"".join(lines)
    assert shown.tally.counts == {"email": 1200, "credit_card": 1200}


async def test_a_source_that_is_too_fast_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masked, "SLOW_SECONDS", -1.0)
    shown = Shown()
    for _ in range(20):
        shown.stream.put(b"words and words\n" * 2000)
    assert shown.full == [True]
    await shown.stream.finish()
    assert shown.full == [True, False]
    assert len(shown.out) == 20 * 32_000


async def test_what_is_no_text_ends_it_for_good() -> None:
    shown = Shown()
    shown.stream.put(b"text\n")
    await shown.until(b"text\n")
    shown.stream.put(b"\x01\x02\x03\x04" * 100)
    shown.stream.put(b"more\n")
    await shown.stream.finish()
    assert shown.out == b"text\n"
    (reason,) = shown.failed
    assert "binary" in reason


async def test_by_rule_what_is_no_text_passes() -> None:
    shown = Shown([MaskRule("m", entities=frozenset({"email"}), binary="text")])
    shown.stream.put(b"\x01\x02\x03\x04" * 100 + b" ada@example.com ")
    await shown.stream.finish()
    assert shown.out == b"\x01\x02\x03\x04" * 100 + b" [email] "


async def test_the_strictest_rule_about_binary_holds() -> None:
    loose = MaskRule("l", entities=frozenset({"email"}), binary="text")
    shown = Shown([loose, *MASKS])
    shown.stream.put(b"\x01\x02\x03\x04" * 100)
    await shown.stream.finish()
    assert shown.failed


async def test_nothing_is_shown_once_showing_failed_or_it_was_closed() -> None:
    shown = Shown()
    shown.well = False
    shown.stream.put(b"a\n")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    shown.well = True
    shown.stream.put(b"b\n")
    await shown.stream.finish()
    assert shown.out == b""
    shown = Shown()
    shown.stream.put(b"held 41")
    await shown.until(b"held ")
    shown.stream.close()
    await shown.stream.finish()
    assert shown.out == b"held "


async def test_rules_that_cannot_be_applied_are_refused() -> None:
    with pytest.raises(CannotMask):
        Shown([MaskRule("m", entities=frozenset({"no such thing"}))])


async def test_a_source_that_has_more_as_soon_as_it_may_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = [b"%06d words and words\n" % number * 900 for number in range(200)]
    wanted = b"".join(lines)
    shown = Shown()
    # Now and then a piece is slow, and a thread has it while the source goes on.
    turns = iter(range(10**6))
    monkeypatch.setattr(masked.time, "thread_time", lambda: (next(turns) // 7 % 2) * 1000.0)

    def more(full: bool) -> None:
        while not full and lines and shown.stream._size < masked.HIGH_BYTES:
            shown.stream.put(lines.pop(0))

    shown.stream._throttle = more
    while lines:
        more(False)
        await asyncio.sleep(0)
    await shown.stream.finish()
    assert shown.out == wanted
