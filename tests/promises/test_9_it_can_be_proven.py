"""Promise 9: an offline command proves the record of real traffic, and finds whatever was done to it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.live.gateways import living

pytestmark = pytest.mark.live
FOUND, PROVEN = 1, 0


def vedette_verify(journal: Path, key: Path, *more: str) -> tuple[int, dict[str, Any]]:
    """``vedette verify``, in a process that knows nothing but the files: its exit code, and what it says."""
    path = {"PYTHONPATH": os.pathsep.join(each for each in sys.path if each), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-m", "vedette", "verify", "--journal", str(journal), "--key", str(key), "--json", *more],
        capture_output=True, text=True, timeout=120, check=False, env=path, cwd=journal.parent,
    )  # fmt: skip
    assert done.returncode in (FOUND, PROVEN), done.stderr
    return done.returncode, json.loads(done.stdout)


class Evidence:
    """What the gateway left: its journal, an anchor kept elsewhere, and its public key."""

    def __init__(self, folder: Path, before: Path) -> None:
        self.folder = folder
        self.journal = folder / "vedette-data" / "journal"
        self.key = folder / "vedette-data" / "keys" / "journal.pub.pem"
        self.secret = folder / "vedette-data" / "keys" / "journal.key"
        self.anchor = folder / "elsewhere" / "anchor"
        self.before = before

    def check(self, journal: Path, *more: str) -> tuple[int, dict[str, Any]]:
        return vedette_verify(journal, self.key, "--anchor", str(self.anchor), "--closed", *more)


async def _evidence(pg16: Any, database: str, folder: Path) -> Evidence:
    """Sessions of two callers, allowed, refused and held statements; then an orderly end."""
    (folder / "elsewhere").mkdir()
    settings = {"journal": {"checkpoint_every": 5, "anchor": str(folder / "elsewhere" / "anchor")}}
    before = folder / "before"
    rules = (
        {"allow": {"effects": ["read", "write"]}},
        {"hold": {"effects": ["write"], "objects": ["*.notes"]}, "approvers": {"groups": ["dba"]}, "mode": "ticket"},
    )  # fmt: skip
    async with living(pg16, database, folder, *rules, gateway=settings) as live:
        for name in ("first", "second"):
            connection = await asyncpg.connect(**live.keywords(live.token(name)))
            for number in range(8):
                await connection.fetchval(f"SELECT {number} /* {name} */")
            for text in ("DROP TABLE orders", "UPDATE notes SET body = body WHERE id = 1"):
                with pytest.raises(asyncpg.PostgresError):
                    await connection.execute(text)
            await connection.close()
            live.app.journal.checkpoint()
            if name == "first":
                shutil.copytree(live.app.journal.folder, before)
    return Evidence(folder, before)


def _lines(journal: Path) -> list[bytes]:
    (segment,) = journal.glob("*.journal")
    return segment.read_bytes().splitlines(keepends=True)


def _write(journal: Path, lines: list[bytes]) -> None:
    (segment,) = journal.glob("*.journal")
    segment.write_bytes(b"".join(lines))


def _number(lines: list[bytes], holding: bytes) -> int:
    return next(number for number, line in enumerate(lines) if holding in line)


def reword(lines: list[bytes]) -> list[bytes]:
    """A refused statement becomes a harmless one of the same length."""
    at = _number(lines, b"DROP TABLE orders")
    changed = lines[at].replace(b"DROP TABLE orders", b"READ TABLE orders")
    return [*lines[:at], changed, *lines[at + 1 :]]


def acquit(lines: list[bytes]) -> list[bytes]:
    """A denial becomes a permission, with its length put right."""
    at = _number(lines, b'"verdict":"deny"')
    rest = lines[at][9:].replace(b'"verdict":"deny"', b'"verdict":"allow"')
    return [*lines[:at], b"%08x %b" % (len(rest) - 1, rest), *lines[at + 1 :]]


def forget(lines: list[bytes]) -> list[bytes]:
    """One record is taken out."""
    at = _number(lines, b"DROP TABLE orders")
    return lines[:at] + lines[at + 1 :]


def blame(lines: list[bytes]) -> list[bytes]:
    """What one caller did is put upon another, as long as its name."""
    at = _number(lines, b"/* second */")
    return [*lines[:at], lines[at].replace(b"vedette#second", b"vedette#fourth"), *lines[at + 1 :]]


def exchange(lines: list[bytes]) -> list[bytes]:
    """Two records change places."""
    at = _number(lines, b"DROP TABLE orders")
    return [*lines[: at - 1], lines[at], lines[at - 1], *lines[at + 1 :]]


def repeat(lines: list[bytes]) -> list[bytes]:
    at = _number(lines, b"SELECT 3 /* first */")
    return [*lines[: at + 1], lines[at], *lines[at + 1 :]]


def cut(lines: list[bytes]) -> list[bytes]:
    """The second caller was never here."""
    return lines[: _number(lines, b"vedette#second")]


def cut_one(lines: list[bytes]) -> list[bytes]:
    """Only the very last record is missing."""
    return lines[:-1]


TAMPERING: tuple[Callable[[list[bytes]], list[bytes]], ...] = (
    reword, acquit, forget, blame, exchange, repeat, cut, cut_one,
)  # fmt: skip


async def test_what_was_left_is_proven_and_whatever_was_done_to_it_is_found(pg16, database, tmp_path):
    evidence = await _evidence(pg16, database, tmp_path)
    code, said = evidence.check(evidence.journal)
    assert (code, said["ok"], said["problems"]) == (PROVEN, True, [])
    assert said["records"] == len(_lines(evidence.journal)), "every line was looked at"
    code, said = evidence.check(evidence.journal, "--secret", str(evidence.secret))
    assert code == PROVEN

    missed = []
    for tamper in TAMPERING:
        copy = tmp_path / tamper.__name__
        shutil.copytree(evidence.journal, copy)
        lines = _lines(copy)
        changed = tamper(lines)
        assert changed != lines
        _write(copy, changed)
        code, said = evidence.check(copy)
        if code != FOUND or said["ok"] or not said["problems"]:
            missed.append(tamper.__name__)
    assert missed == [], "with the public key and the anchor alone"


async def test_a_folder_put_back_to_an_earlier_state_is_found(pg16, database, tmp_path):
    """Each record of it is genuine, and signed; only what came after is missing."""
    evidence = await _evidence(pg16, database, tmp_path)
    code, _ = vedette_verify(evidence.before, evidence.key)
    assert code == PROVEN, "by itself it is a good journal"
    code, said = evidence.check(evidence.before)
    assert (code, said["ok"]) == (FOUND, False)


async def test_another_gateways_key_proves_nothing(pg16, database, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    mine, other = await _evidence(pg16, database, one), await _evidence(pg16, database, two)
    code, said = vedette_verify(mine.journal, other.key)
    assert (code, said["ok"]) == (FOUND, False)
