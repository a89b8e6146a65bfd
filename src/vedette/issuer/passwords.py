"""Passwords of people: Argon2id, off the loop, never more of it at once than the machine can bear."""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

#: RFC 9106 section 4, second recommended option, but one lane: threads are ours to count.
PASSES = 3
MEMORY_KIB = 64 * 1024
AT_ONCE = 2
WAITING = 64

MIN_CHARACTERS = 12
MAX_BYTES = 1024

T = TypeVar("T")


class Crowded(Exception):
    """More passwords wait to be checked than are let wait."""


class Passwords:
    """Makes and checks verifiers; at most AT_ONCE at a time, at most WAITING callers in all."""

    def __init__(self, *, passes: int = PASSES, memory_kib: int = MEMORY_KIB, waiting: int = WAITING) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._threads = ThreadPoolExecutor(AT_ONCE, "vedette-password")
        self._waiting = waiting
        self._here = 0
        self._decoy = ""

    async def hash(self, password: str) -> str:
        """The verifier of *password*, with a salt of its own. Raises Crowded."""
        return await self._run(lambda: self._hasher.hash(normal(password)))

    async def verify(self, verifier: str | None, password: str) -> bool:
        """Whether *password* fits; with None it takes as long and says no. Raises Crowded."""
        return await self._run(lambda: self._fits(verifier, password))

    def _fits(self, verifier: str | None, password: str) -> bool:
        if not self._decoy:
            self._decoy = self._hasher.hash(secrets.token_urlsafe(32))
        try:
            fits = self._hasher.verify(verifier or self._decoy, normal(password))
        except (Argon2Error, InvalidHashError):
            return False
        return bool(fits) and verifier is not None

    async def _run(self, work: Callable[[], T]) -> T:
        if self._here >= self._waiting:
            raise Crowded
        self._here += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._here -= 1


def normal(password: str) -> bytes:
    """One form for what people type alike on different keyboards (NIST SP 800-63B section 3.1.1.2: NFKC)."""
    return unicodedata.normalize("NFKC", password).encode(errors="surrogatepass")


def fault(password: str, name: str) -> str:
    """What is wrong with *password* for the person *name*; empty where nothing is."""
    if len(password) < MIN_CHARACTERS:
        return f"a password has at least {MIN_CHARACTERS} characters"
    if len(normal(password)) > MAX_BYTES:
        return f"a password has at most {MAX_BYTES} bytes"
    if not password.isprintable():
        return "a password has printable characters only"
    if len(set(password)) < 5:
        return "a password has at least five different characters"
    if len(name) > 2 and name in password.casefold():
        return "a password does not hold its person's name"
    return ""
