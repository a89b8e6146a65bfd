"""The gateway as its data folder: what the API needs, while no gateway runs.

Commands then work through the very same API, in this process, with the same
permissions and the same records; only what needs live sessions answers that there are none.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from vedette.api.context import Backend
from vedette.approvals.desk import Desk
from vedette.config import Settings
from vedette.folder import WORKER, Folder, is_operator
from vedette.identity import Identity, Issuers, SigningKeys, Tokens
from vedette.identity.certificates import CertificateFiles
from vedette.identity.fetch import unavailable
from vedette.identity.ssh_ca import SshAuthority
from vedette.identity.ssh_hosts import HostsAuthority
from vedette.journal import Journal
from vedette.journal import keys as journal_keys
from vedette.journal.read import last
from vedette.store import Store
from vedette.store.blocks import Blocklist
from vedette.store.follow import Follower
from vedette.trail.events import Event


class LazyJournal:
    """Opened at the first record, so that looking leaves no trace in it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.gateway.journal
        self._home = Folder(settings.gateway.data)
        self._open: Journal | None = None

    trouble = ""

    @property
    def folder(self) -> Path:
        return self._home.journal

    @property
    def head(self) -> tuple[int, str]:
        return self._open.head if self._open else (last(self.folder), "")

    def record(self, event: Event) -> int:
        """Raises JournalLocked where a gateway has started meanwhile."""
        if self._open is None:
            self._open = Journal.open(
                self.folder,
                journal_keys.load_or_create(self._home.keys),
                durability=self._settings.durability,
                checkpoint_every=self._settings.checkpoint_every,
                anchor=self._settings.anchor,
                worker=WORKER,
            )
        return self._open.record(event)

    def flush(self) -> None:
        if self._open is not None:
            self._open.flush()

    def close(self) -> None:
        if self._open is not None:
            self._open.close()


class NoEngine:
    """Nothing can be reached."""

    backends: Mapping[str, Backend] = MappingProxyType({})


class NoLive:
    """Nothing is live."""

    sessions: Mapping[str, object] = MappingProxyType({})

    def kill(self, session: str, reason: str) -> bool:
        return False

    def kill_all(self, reason: str, principal: str | None = None) -> tuple[str, ...]:
        return ()


class NoRevocations:
    """A later start reads from the store what is void."""

    def add(self, token: str) -> None:
        return None


class OfflineGateway:
    """Implements ``vedette.api.Gateway`` over a data folder that no gateway works on."""

    ssh_host_keys: tuple[str, ...] = ()

    def __init__(self, settings: Settings, store: Store, revoked: frozenset[str], blocks: Blocklist) -> None:
        self.settings = settings
        self.store = store
        self.journal = LazyJournal(settings)
        self.ports: Mapping[str, int] = {}
        self.engine = NoEngine()
        self.live = NoLive()
        self.revocations = NoRevocations()
        self.blocks = blocks
        self.desk = Desk(store.holds, self.journal.record, worker=WORKER)
        signing = SigningKeys.open(Folder(settings.gateway.data).keys)
        is_revoked = revoked.__contains__
        self.ssh_authority = SshAuthority.open(
            Folder(settings.gateway.data).keys, is_revoked=is_revoked, refuse=blocks.refuse
        )
        self.ssh_hosts_authority = HostsAuthority.open(Folder(settings.gateway.data).keys)
        self.tokens = Tokens(signing, issuer=settings.identity.name, is_revoked=is_revoked)
        self.identity = Identity(
            self.tokens, Issuers((), _nothing), store.keys, is_revoked=is_revoked, refuse=blocks.refuse
        )

    @classmethod
    async def open(cls, settings: Settings) -> OfflineGateway:
        """The folder of *settings*, made where missing, its index brought up to date.

        Raises StoreError, JournalError, SigningKeyError.
        """
        home = Folder(settings.gateway.data)
        home.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        store = await Store.open(home.store)
        try:
            await Follower(store, home.journal, worker=WORKER).catch_up()
            blocks = Blocklist(
                store.blocks, now=time.time, clock=time.monotonic, patience=math.inf,
                spared=lambda principal: is_operator(principal, settings.identity.name),
            )  # fmt: skip
            await blocks.refresh()
            return cls(settings, store, await store.tokens.revoked(time.time()), blocks)
        except BaseException:
            await store.close()
            raise

    @property
    def certificate(self) -> CertificateFiles:
        raise OSError("nothing is served from a folder")

    async def reload(self, by: str = "file") -> tuple[str, ...]:
        """Settings are read at each start; there is nothing to load anew."""
        return ()

    def review(self) -> None:
        """Nobody is here to be asked about."""

    async def close(self) -> None:
        self.journal.close()
        await self.store.close()


async def _nothing(address: str) -> bytes:
    raise unavailable()
