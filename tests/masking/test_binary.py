"""Telling text from what is none."""

from __future__ import annotations

import gzip
import os
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vedette.masking import CannotMask
from vedette.masking.binary import Binary


def text(data: bytes, cut: int = 0) -> bool:
    binary = Binary()
    try:
        for at in range(0, len(data), cut or max(1, len(data))):
            binary.see(data[at : at + (cut or len(data))])
    except CannotMask:
        return False
    return True


WORDS = b"some words, and numbers 12 34; a\ttab \x1b[31mand a colour\x1b[0m\r\n" * 200
NO_TEXT = {
    "gzip": gzip.compress(WORDS),
    "zlib": zlib.compress(bytes(os.urandom(20_000))),
    "random": bytes(range(1, 256)) * 40,
    "elf": b"\x7fELF\x02\x01\x01" + bytes(9000),
    "numbers": b"".join(struct.pack(">I", n) for n in range(3000)),
    "text, then packed": WORDS + gzip.compress(WORDS)[10:] + bytes(range(256)) * 30,
}
TEXT = {
    "words": WORDS,
    "utf-8": "Grüße, 漢字, עברית ✓\n".encode() * 300,
    "latin-1": "Gr\xfc\xdfe \xe4\xf6\n".encode("latin-1") * 300,
    "koi8-r": "Привет, мир\n".encode("koi8-r") * 300,
    "utf-16": "words and words\n".encode("utf-16-le") * 300,
    "names with nul": b"one\0two\0three\0" * 500,
    "colours": b"\x1b[38;5;1mx\x1b[0m\x07\x08" * 500,
    "a few controls": b"\x01\x02" + WORDS,
    "nothing": b"",
}


@pytest.mark.parametrize("name", NO_TEXT)
@pytest.mark.parametrize("cut", [0, 1, 100, 5000])
def test_what_is_no_text_is_seen(name: str, cut: int) -> None:
    assert not text(NO_TEXT[name], cut)


@pytest.mark.parametrize("name", TEXT)
@pytest.mark.parametrize("cut", [0, 1, 100, 5000])
def test_text_is_text(name: str, cut: int) -> None:
    assert text(TEXT[name], cut)


@settings(deadline=None)
@given(st.text(st.characters(min_codepoint=0x20, exclude_characters="\x7f"), min_size=16), st.integers(1, 50))
def test_what_people_write_is_text(words: str, cut: int) -> None:
    assert text(words.encode("utf-8", "surrogatepass"), cut)
