"""An issuer's public keys: read strictly, cached, refetched at a bounded rate."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey

from vedette.identity.compact import read_object
from vedette.identity.errors import IdentityError, malformed
from vedette.identity.fetch import unavailable
from vedette.identity.signature import VerifyKey, suits

MAX_KEYS = 100
MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192
MAX_MEMBER_CHARACTERS = 2048  # 8192 bits are 1366 characters

#: After this many seconds keys are fetched anew in the background.
FRESH_SECONDS = 3600.0
#: Keys that could not be fetched anew for this long are no longer believed.
MAX_AGE_SECONDS = 24 * 3600.0
#: An unknown key id causes at most one fetch in this many seconds.
REFETCH_SECONDS = 30.0
#: While there are no keys at all, an attempt may follow another after this many.
RETRY_SECONDS = 5.0

#: The public members of each key type. Nothing else of a JWK reaches the library.
_MEMBERS: Final[Mapping[str, tuple[str, ...]]] = {
    "RSA": ("kty", "n", "e"),
    "EC": ("kty", "crv", "x", "y"),
    "OKP": ("kty", "crv", "x"),
}
_CURVES = frozenset({"P-256", "P-384", "P-521", "Ed25519"})


class KeySet:
    """The usable keys of one JWK set."""

    def __init__(self, keys: list[tuple[str | None, str | None, VerifyKey]]) -> None:
        self._keys = keys
        #: What was found; never what was not, which callers could make up without end.
        self._found: dict[tuple[str | None, str], VerifyKey] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, key_id: str | None, algorithm: str) -> VerifyKey | None:
        """The one key that *key_id* and *algorithm* mean; None where there is none, or several.

        A token without a key id is good only where exactly one key suits
        (OpenID Connect Core, section 10.1).
        """
        known = self._found.get((key_id, algorithm))
        if known is not None:
            return known
        found = [
            key
            for kid, alg, key in self._keys
            if (key_id is None or kid == key_id) and alg in (None, algorithm) and suits(key, algorithm)
        ]
        if len(found) != 1:
            return None
        self._found[key_id, algorithm] = found[0]
        return found[0]


def parse_keys(document: bytes) -> KeySet:
    """The usable keys of a JWK set (RFC 7517).

    Keys of a kind we do not verify with are left out, as section 5 asks: secret
    ones, other curves, RSA outside 2048 to 8192 bits, those for encryption.

    Raises:
        IdentityError: not a JWK set, or over MAX_KEYS keys.
    """
    rows = read_object(document, "the key set").get("keys")
    if not isinstance(rows, list) or len(rows) > MAX_KEYS:
        raise malformed("the key set has no list of keys, or too long a one")
    keys: list[tuple[str | None, str | None, VerifyKey]] = []
    for row in rows:
        key = _usable(row)
        if key is not None:
            keys.append((row.get("kid"), row.get("alg"), key))
    return KeySet(keys)


def _usable(row: object) -> VerifyKey | None:
    if not isinstance(row, dict):
        return None
    kind = row.get("kty")
    if not isinstance(kind, str) or kind not in _MEMBERS:
        return None
    texts = [row.get(name) for name in ("kid", "alg")]
    operations = row.get("key_ops", ["verify"])
    if not all(text is None or isinstance(text, str) for text in texts) or row.get("use", "sig") != "sig":
        return None
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    # A private key in a public document is in everybody's hands.
    if any(name in row for name in ("d", "p", "q", "k")):
        return None
    return _imported(kind, {name: row.get(name) for name in _MEMBERS[kind]})


def _imported(kind: str, jwk: dict[str, object]) -> VerifyKey | None:
    values: dict[str, str | list[str]] = {
        name: value
        for name, value in jwk.items()
        if isinstance(value, str) and len(value) <= MAX_MEMBER_CHARACTERS
    }
    if len(values) < len(jwk) or values.get("crv", "P-256") not in _CURVES:
        return None
    try:
        if kind == "EC":
            return ECKey.import_key(values)
        if kind == "OKP":
            return OKPKey.import_key(values)
        with warnings.catch_warnings():
            # It warns of short keys, which the next line refuses.
            warnings.simplefilter("ignore", SecurityWarning)
            key = RSAKey.import_key(values)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key if MIN_RSA_BITS <= key.public_key.key_size <= MAX_RSA_BITS else None


class IssuerKeys:
    """One issuer's keys over time.

    *load* fetches the set; *clock* is monotonic, in seconds. Callers who need
    the same fetch wait for the same one; a caller who gives up does not end it.
    """

    def __init__(self, load: Callable[[], Awaitable[KeySet]], clock: Callable[[], float]) -> None:
        self._load = load
        self._clock = clock
        self._keys: KeySet | None = None
        self._fetched = 0.0
        self._attempted: float | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None, algorithm: str) -> VerifyKey | None:
        """The key, fetched anew where the cached set does not have it.

        Raises:
            IdentityError: ``identity.unavailable`` where no set can be had that is young enough.
        """
        now = self._clock()
        if self._keys is not None and now - self._fetched >= MAX_AGE_SECONDS:
            self._keys = None
        if self._keys is None:
            await self._fetch(RETRY_SECONDS)
        elif now - self._fetched >= FRESH_SECONDS:
            self._start(REFETCH_SECONDS)  # in the background: the cached keys are good meanwhile
        key = self._known(key_id, algorithm)
        if key is None and await self._fetch(REFETCH_SECONDS):
            key = self._known(key_id, algorithm)
        return key

    def _known(self, key_id: str | None, algorithm: str) -> VerifyKey | None:
        if self._keys is None:
            raise unavailable()
        return self._keys.find(key_id, algorithm)

    async def _fetch(self, interval: float) -> bool:
        """Wait for a fetch that is under way or may begin; False where none may."""
        task = self._start(interval)
        if task is None:
            return False
        await asyncio.shield(task)
        return True

    def _start(self, interval: float) -> asyncio.Task[None] | None:
        if self._fetching is not None and not self._fetching.done():
            return self._fetching
        now = self._clock()
        if self._attempted is not None and now - self._attempted < interval:
            return None
        self._attempted = now
        self._fetching = asyncio.create_task(self._refresh(), name="jwks")
        return self._fetching

    async def _refresh(self) -> None:
        try:
            self._keys, self._fetched = await self._load(), self._clock()
        except IdentityError:
            # An outage keeps the cached set, whose age `find` bounds.
            return

    async def close(self) -> None:
        """End a fetch that is under way."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)
