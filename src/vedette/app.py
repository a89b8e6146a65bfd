"""Puts everything together: the only module that knows all the others."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING

from vedette import __version__
from vedette.api.application import build
from vedette.api.server import serve_api
from vedette.api.setup import offer
from vedette.approvals.desk import Desk
from vedette.backends import as_shown
from vedette.clusters import ClusterPart
from vedette.config import Settings
from vedette.credentials import Secrets
from vedette.credentials.keyfile import kept_secret
from vedette.databases import DatabasePart, Databases
from vedette.folder import WORKER, Folder, is_operator
from vedette.identity import Identity, Issuers, SigningKeys, Tokens, client, fetcher
from vedette.identity.certificates import CertificateFiles
from vedette.identity.client_certificates import ClientCertificates
from vedette.identity.recent import RecentKeys
from vedette.identity.ssh_ca import SshAuthority
from vedette.identity.ssh_hosts import HostsAuthority
from vedette.journal import keys as journal_keys
from vedette.journal.append import Journal
from vedette.journal.errors import JournalError
from vedette.journal.group import GroupCommit
from vedette.listening import ServerTls, listen
from vedette.model import Ask, Lifetime, Principal, Resource
from vedette.policy.decide import SessionPolicy
from vedette.protocols.lifetime import STOPPING, bounded
from vedette.protocols.live import Live
from vedette.protocols.postgres.engine import Engine
from vedette.protocols.reception import Shared
from vedette.protocols.refusals import Refusals
from vedette.recording.tape import Tapes
from vedette.reloading import Reloading
from vedette.signing_in import DeviceLogins
from vedette.store.blocks import Blocklist
from vedette.store.database import Store
from vedette.store.follow import Follower
from vedette.store.tidy import keep_tidy
from vedette.store.tokens import Revocations
from vedette.store.uses import KeyUses
from vedette.trail import events
from vedette.upkeep import IndexProcess, keep_journal, watch_sealed

if TYPE_CHECKING:
    from fastapi import FastAPI

    from vedette.hosts import SshPart

log = logging.getLogger(__name__)


class App:
    """
    One gateway on one data folder.

    *ports* says where it listens, by name (``postgres``, ``web``), once started.
    *beside* keeps the index of the journal in a process of its own, so that its
    work never stands between a caller and its answer.
    """

    def __init__(self, settings: Settings, *, beside: bool = False) -> None:
        self._first = settings
        self.folder = Folder(settings.gateway.data)
        self._index = IndexProcess(self.folder) if beside else None
        self.ports: dict[str, int] = {}
        self.setup_link: str | None = None
        self.store: Store
        self.journal: Journal
        self.desk: Desk
        self.tokens: Tokens
        self.ssh_authority: SshAuthority
        self.ssh_hosts_authority: HostsAuthority
        self.identity: Identity
        self.live: Live
        self.tapes: Tapes
        self.databases: DatabasePart
        self.ssh: SshPart | None = None
        self._site: FastAPI | None = None
        self.clusters: ClusterPart | None = None
        self.refusals = Refusals(time.monotonic)
        self.revocations: Revocations
        self.blocks: Blocklist
        self.certificate: CertificateFiles
        self._reloading: Reloading | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._closers: list[Coroutine[None, None, None]] = []
        self._listeners: dict[str, socket.socket] = {}

    # --- start and stop -----------------------------------------------------------------------

    async def start(self) -> None:
        """
        Take the data folder, and listen.

        Raises:
            JournalError: the folder is another gateway's, or cannot be written.
            StoreError, CertificateError, CredentialError, OSError: what they say.
        """
        gateway = self._first.gateway
        self.folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.journal = Journal.open(
            self.folder.journal,
            journal_keys.load_or_create(self.folder.keys),
            durability=gateway.journal.durability,
            checkpoint_every=gateway.journal.checkpoint_every,
            anchor=gateway.journal.anchor,
            worker=WORKER,
        )
        if gateway.journal.durability == "fsync":
            GroupCommit(self.journal)
        self._reloading = Reloading(self._first, self.journal, self._prepare)
        try:
            self.store = await Store.open(self.folder.store)
            await self._know_callers()
            await self._open_parts()
            await self._serve()
        except BaseException:
            await self.stop("it could not start")
            raise

    async def _know_callers(self) -> None:
        """Who calls, and who is shut out."""
        settings = self.settings
        self.revocations = Revocations(
            self.store.tokens, now=time.time, clock=time.monotonic, told=self._revoked
        )
        await self.revocations.refresh()
        self.blocks = Blocklist(
            self.store.blocks, now=time.time, clock=time.monotonic, told=self._shut_out,
            spared=lambda principal: is_operator(principal, settings.identity.name),
        )  # fmt: skip
        await self.blocks.refresh()
        signing = SigningKeys.open(self.folder.keys)
        is_revoked, refuse = self.revocations.is_revoked, self.blocks.refuse
        self.tokens = Tokens(signing, issuer=settings.identity.name, is_revoked=is_revoked)
        self.ssh_authority = SshAuthority.open(self.folder.keys, is_revoked=is_revoked, refuse=refuse)
        self.ssh_hosts_authority = HostsAuthority.open(self.folder.keys)
        self._http = client()
        self._keys = RecentKeys(self.store.keys)
        self._uses = KeyUses(self.store.keys)
        self._issuers = Issuers(settings.identity.issuers, fetcher(self._http))
        self._certificates = ClientCertificates(settings.identity.certificates)
        self.identity = Identity(
            self.tokens, self._issuers, self._keys, is_revoked=is_revoked, refuse=refuse,
            certificates=self._certificates, used=self._uses.note,
        )  # fmt: skip
        self.live = Live(
            self._terms, self.identity.recheck, self.identity.trusts, time.monotonic, self.blocks.bars
        )

    async def _open_parts(self) -> None:
        """What is said to callers, and by whom: the desk, and an engine for each protocol."""
        settings = self.settings
        mask_key = kept_secret(self.folder.keys / "mask.key")
        logins = Secrets.here(settings.file.parent, self.folder.seal(os.environ), self.store.sealed)

        def shown(ask: Ask) -> tuple[str, tuple[str | None, ...]]:
            masks = self.policy_for(ask.principal, ask.resource).masks
            return as_shown(ask.action, masks, mask_key)

        self.tapes = Tapes(
            self.folder.recordings, self.journal.record,
            lambda event: self.journal.defer(*events.encode(event)), time.time,
        )  # fmt: skip
        self.tapes.recover()
        self.desk = Desk(self.store.holds, self.journal.record, worker=WORKER, shown=shown)
        await self.desk.start()
        self._tls = ServerTls(settings, self.folder.tls, self._certificates)
        self.certificate = self._tls.files
        self.databases = DatabasePart(
            self._shared(), self.identity, Databases(logins, mask_key), settings, self._tls,
            mock_key=kept_secret(self.folder.keys / "mock.key"),
            revoked=self.revocations.is_revoked, refuse=self.blocks.refuse, used=self._uses.note,
        )  # fmt: skip
        if settings.gateway.listen.ssh is not None:
            self.ssh = self._ssh(logins, mask_key)
        if settings.gateway.listen.kubernetes is not None:
            self.clusters = ClusterPart(
                self._shared(), logins, mask_key, settings, self.identity, self._tls.web
            )

    async def _serve(self) -> None:
        listeners = self._listeners = listen(self.settings)
        self.ports.update({name: listener.getsockname()[1] for name, listener in listeners.items()})
        self.journal.record(
            events.GatewayStarted(
                at=time.time(), version=__version__, worker=WORKER, policy=self.settings.policies.hash,
                config=self.settings.hash, pid=os.getpid(),
                listen=tuple(f"{name}:{port}" for name, port in self.ports.items()),
            )
        )  # fmt: skip
        self._spawn(self.revocations.run(), self.live.run(), self.blocks.run(), self._uses.run())
        self._spawn(
            keep_journal(self.journal, self.refusals, self.tapes), watch_sealed(self.store, self.journal)
        )
        self._spawn(self._loader().watch(), self._tls.watch(self.live.revoked))
        self._spawn(keep_tidy(self.store.tokens, self.store.grants))
        if self._index is not None:
            self._spawn(self._index.run())
        else:
            self._spawn(Follower(self.store, self.folder.journal, worker=WORKER).run())
        if "postgres" in listeners:
            self._spawn(self.databases.serve(listeners["postgres"]))
        if "ssh" in listeners and self.ssh is not None:
            self._spawn(self.ssh.serve(listeners["ssh"]))
        if "kubernetes" in listeners and self.clusters is not None:
            self._spawn(self.clusters.serve(listeners["kubernetes"]))
        if "web" in listeners:
            self._site = build(self)
            self._closers.append(await serve_api(self, listeners["web"], self._site))
        self.setup_link = await offer(self)

    async def stop(self, reason: str = "asked to") -> None:
        """End every session, close what is open, and sign the end of the journal."""
        if hasattr(self, "live"):
            self.live.end_all(STOPPING)
            for _ in range(40):
                if not self.live.sessions:
                    break
                await asyncio.sleep(0.05)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        for closing in self._closers:
            await closing
        self._closers.clear()
        for listener in self._listeners.values():
            listener.close()
        if hasattr(self, "desk"):
            await self.desk.close()
        if hasattr(self, "_http"):
            await self._http.aclose()
        try:
            if hasattr(self, "tapes"):
                self.tapes.close()
            self.refusals.sum(time.time(), self.journal.record)
            self.journal.record(events.GatewayStopped(at=time.time(), worker=WORKER, reason=reason))
        except JournalError as problem:
            log.error("the end could not be recorded: %s", problem)
        try:
            self.journal.close()
        finally:
            if hasattr(self, "store"):
                await self.store.close()
            if self._index is not None:
                await self._index.close()

    def _spawn(self, *works: Coroutine[None, None, None]) -> None:
        for work in works:
            task = asyncio.create_task(work)
            task.add_done_callback(_fatal)
            self._tasks.append(task)

    def _shared(self) -> Shared:
        return Shared(
            journal=self.journal, desk=self.desk, policy=self.policy_for, clock=time.time,
            limits=lambda: self.settings.gateway.limits, live=self.live, refusals=self.refusals,
            tapes=self.tapes,
        )  # fmt: skip

    def _ssh(self, logins: Secrets, mask_key: bytes) -> SshPart:
        """Hosts behind SSH. Raises OSError where what speaks SSH is not installed."""
        try:
            from vedette import hosts
            from vedette.elsewhere import Places
        except ImportError as missing:
            raise OSError("gateway.listen.ssh needs asyncssh; install vedette[ssh]") from missing
        part = hosts.SshPart(
            self._shared(), hosts.Hosts(logins, mask_key, self.ssh_hosts_authority), self.settings,
            self.identity,
            self.ssh_authority, self.folder.keys,
            DeviceLogins(lambda: self.settings, self.ports, lambda: self._site),
        )  # fmt: skip
        part.engine.elsewhere = Places(lambda: self.settings, lambda: self._listeners, part.welcome)
        return part

    # --- what others ask of a gateway -----------------------------------------------------------

    @property
    def settings(self) -> Settings:
        """Those in force."""
        return self._reloading.settings if self._reloading is not None else self._first

    @property
    def engine(self) -> Engine:
        """The PostgreSQL one."""
        return self.databases.engine

    @property
    def ssh_host_keys(self) -> tuple[str, ...]:
        """The gateway's own host keys as OpenSSH writes them; none where nothing speaks SSH here."""
        return (self.ssh.host_line,) if self.ssh is not None else ()

    def policy_for(self, principal: Principal, resource: Resource) -> SessionPolicy:
        """What the policies in force now say for this principal there."""
        return self.settings.policies.for_session(principal, resource)

    def review(self) -> None:
        """People, accounts or keys have changed: who is here is asked about anew, at once."""
        self._keys.forget()
        self.live.review()

    def reload_soon(self) -> None:
        """Load the configuration anew, as after a change of its file. For signal handlers."""
        if self._reloading is not None:
            self._reloading.soon()

    async def reload(self, by: str = "file") -> tuple[str, ...]:
        """Load the configuration anew: see `Reloading.load`."""
        return await self._loader().load(by)

    def _loader(self) -> Reloading:
        if self._reloading is None:
            raise RuntimeError("the gateway was not started")
        return self._reloading

    def _prepare(self, loaded: Settings) -> Callable[[], None]:
        issuers = Issuers(loaded.identity.issuers, fetcher(self._http), before=self._issuers)
        databases = self.databases.prepare(loaded)

        def use() -> None:
            self._issuers = issuers
            self.identity.use(issuers)
            databases()
            if self.ssh is not None:
                self.ssh.reload(loaded)
            if self.clusters is not None:
                self.clusters.reload(loaded)
            self.live.reload()

        return use

    def _terms(self, principal: Principal, resource: Resource) -> Lifetime | None:
        """How long this principal may stay there, None where no policy applies to it."""
        policy = self.policy_for(principal, resource)
        return bounded(policy.lifetime, self.settings.gateway.limits.idle) if policy.policies else None

    def _revoked(self, credentials: frozenset[str]) -> None:
        if hasattr(self, "live"):  # else it is the first look, before anybody is here
            self.live.revoked(credentials)

    def _shut_out(self) -> None:
        if hasattr(self, "live"):
            self.live.shut_out()


def _fatal(task: asyncio.Task[None]) -> None:
    """A background task must not end by itself: say so loudly where one does."""
    if not task.cancelled() and task.exception() is not None:
        log.critical("a part of the gateway has failed", exc_info=task.exception())
