"""Which sealed credentials were put, replaced or removed since the last look; nothing of what they hold."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from vedette.credentials.sealed import Sealed, SealedStore

Facts = dict[str, str]


@dataclass(frozen=True, slots=True)
class SealedChange:
    """*before* None: there was none of this name; *after* None: it is gone."""

    name: str
    before: Facts | None
    after: Facts | None


class SealedChanges:
    """
    Compares the store with how it was at the last look.

    Whoever can write to the data folder can seal there, with a gateway running or not; this is
    how it comes to be on record all the same.
    """

    def __init__(self, store: SealedStore) -> None:
        self._store = store
        self._known: dict[str, Facts] | None = None

    async def look(self) -> list[SealedChange]:
        """What is different; nothing at the first look. Raises what the store raises."""
        now = {each.name: _facts(each) for each in await self._store.all()}
        then, self._known = self._known, now
        if then is None:
            return []
        names = sorted(then.keys() | now.keys())
        return [
            SealedChange(name, then.get(name), now.get(name))
            for name in names
            if then.get(name) != now.get(name)
        ]


def _facts(sealed: Sealed) -> Facts:
    """The key's id, and a digest of the ciphertext: that it is another one, not what it is."""
    # By repr: what a damaged row holds need not be bytes.
    whole = repr((sealed.nonce, sealed.box)).encode()
    return {"key": str(sealed.key_id), "box": hashlib.sha256(whole).hexdigest()[:16]}
