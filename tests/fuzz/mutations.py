"""Inputs that are nearly right: seeds, damaged in the ways that decoders get wrong."""

from __future__ import annotations

import os
import random
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

# Inputs that once broke something, one folder per target; they are tried first, for good.
FOUND = Path(__file__).parent / "found"
_BRIEF_TURNS = 400
_BIGGEST = 1 << 16
_NUMBERS = (
    0,
    1,
    4,
    8,
    127,
    128,
    255,
    256,
    32767,
    32768,
    65535,
    1 << 24,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
)

Mutation = Callable[[bytearray, random.Random, Sequence[bytes]], None]


def _flip(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _set(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    data[chance.randrange(len(data))] = chance.choice(b"\x00\x01\x7f\x80\xff'\"\\;-/*$ \n,QPBESXd")


def _number(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    """A length that lies."""
    form = chance.choice(["!H", "!I"])
    raw = struct.pack(form, chance.choice(_NUMBERS) & ((1 << 8 * struct.calcsize(form)) - 1))
    at = chance.randrange(len(data))
    data[at : at + len(raw)] = raw


def _delete(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    at = chance.randrange(len(data))
    del data[at : at + chance.randint(1, 16)]


def _truncate(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    del data[chance.randrange(len(data)) :]


def _repeat(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    at = chance.randrange(len(data))
    data[at:at] = data[at : at + chance.randint(1, 64)] * chance.randint(1, 8)


def _splice(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    other = chance.choice(seeds)
    at, start = chance.randrange(len(data)), chance.randrange(len(other) + 1)
    data[at:at] = other[start : start + chance.randint(1, 64)]


MUTATIONS: tuple[Mutation, ...] = (_flip, _set, _number, _delete, _truncate, _repeat, _splice)


def mutate(seeds: Sequence[bytes], chance: random.Random) -> bytes:
    """One to six damages to one of *seeds*."""
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.randint(1, 6)):
        if data:
            chance.choice(MUTATIONS)(data, chance, seeds)
    return bytes(data[:_BIGGEST])


def inputs(target: str, seeds: Sequence[bytes]) -> Iterator[bytes]:
    """
    What was found before, the seeds, then damaged ones: a fixed few hundred, the same every time.

    With VEDETTE_FUZZ_SECONDS in the environment: new ones for that long. An input that makes the loop's body
    fail is written below FOUND, to be committed with the fix.
    """
    tried = [path.read_bytes() for path in sorted((FOUND / target).glob("*.bin"))] + list(seeds)
    seconds = float(os.environ.get("VEDETTE_FUZZ_SECONDS", "0"))
    seed = int.from_bytes(os.urandom(6)) if seconds else 2026
    chance = random.Random(seed)
    deadline = time.monotonic() + seconds
    turn = 0
    while True:
        data = tried[turn] if turn < len(tried) else mutate(seeds, chance)
        passed = False
        try:
            yield data
            passed = True
        finally:
            if not passed and turn >= len(tried) and seconds:
                _keep(target, data)
        turn += 1
        if turn >= len(tried) and (time.monotonic() > deadline if seconds else turn > _BRIEF_TURNS):
            return


def _keep(target: str, data: bytes) -> None:
    import hashlib

    folder = FOUND / target
    folder.mkdir(parents=True, exist_ok=True)
    folder.joinpath(hashlib.sha256(data).hexdigest()[:16] + ".bin").write_bytes(data)
