"""Puts everything together: the only module that knows all the others."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
import ssl
import sys
import time
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vedette import __version__
from vedette.api.server import serve_api
from vedette.api.setup import offer
from vedette.approvals.desk import Desk
from vedette.backends import as_shown, postgres_backend
from vedette.config import HostPort, ResourceSettings, Settings, changes, reload, restart_needed
from vedette.config.differences import differences
from vedette.credentials import Secrets
from vedette.credentials.changes import SealedChanges
from vedette.credentials.keyfile import create_private, read_private
from vedette.folder import WORKER, Folder, is_operator
from vedette.identity import Identity, Issuers, SigningKeys, Tokens, client, fetcher
from vedette.identity.certificates import CertificateError, CertificateFiles, generated_certificate
from vedette.identity.client_certificates import ClientCertificates
from vedette.identity.recent import RecentKeys
from vedette.identity.ssh_ca import SshAuthority
from vedette.identity.tls import server_context, trust_callers
from vedette.journal import keys as journal_keys
from vedette.journal.append import Journal
from vedette.journal.errors import JournalError
from vedette.journal.group import GroupCommit
from vedette.model import Ask, Lifetime, Principal, Resource
from vedette.policy.decide import SessionPolicy
from vedette.protocols.lifetime import STOPPING, bounded
from vedette.protocols.live import Live
from vedette.protocols.postgres.accept import Crowd, Door
from vedette.protocols.postgres.dial import end_point
from vedette.protocols.postgres.engine import Backend, Engine, Shared
from vedette.protocols.refusals import Refusals
from vedette.store.blocks import Blocklist
from vedette.store.database import Store
from vedette.store.errors import StoreError
from vedette.store.follow import Follower
from vedette.store.tidy import keep_tidy
from vedette.store.tokens import Revocations
from vedette.store.uses import KeyUses
from vedette.trail import events

if TYPE_CHECKING:
    from vedette.hosts import SshPart

log = logging.getLogger(__name__)

# Outcomes wait this long for an append to take them along.
FLUSH_SECONDS = 0.05
CHECKPOINT_SECONDS = 10.0
SUM_SECONDS = 60.0
RELOAD_SECONDS = 1.0


class App:
    """
    One gateway on one data folder.

    *ports* says where it listens, by name (``postgres``, ``web``), once started.
    *beside* keeps the index of the journal in a process of its own, so that its
    work never stands between a caller and its answer.
    """

    def __init__(self, settings: Settings, *, beside: bool = False) -> None:
        self.settings = settings
        self._beside = beside
        self._index: asyncio.subprocess.Process | None = None
        self.folder = Folder(settings.gateway.data)
        self.ports: dict[str, int] = {}
        self.setup_link: str | None = None
        self.store: Store
        self.journal: Journal
        self.desk: Desk
        self.tokens: Tokens
        self.ssh_authority: SshAuthority
        self.identity: Identity
        self.live: Live
        self.engine: Engine
        self.ssh: SshPart | None = None
        self.refusals = Refusals(time.monotonic)
        self.revocations: Revocations
        self.blocks: Blocklist
        self.certificate: CertificateFiles
        self._tasks: list[asyncio.Task[None]] = []
        self._closers: list[Coroutine[None, None, None]] = []
        self._listeners: dict[str, socket.socket] = {}
        self._started = settings
        self._due = asyncio.Event()
        self._reloading = asyncio.Lock()

    # --- start and stop -----------------------------------------------------------------------

    async def start(self) -> None:
        """
        Take the data folder, and listen.

        Raises:
            JournalError: the folder is another gateway's, or cannot be written.
            StoreError, CertificateError, CredentialError, OSError: what they say.
        """
        settings = self.settings
        gateway = settings.gateway
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
        try:
            await self._open()
        except BaseException:
            await self.stop("it could not start")
            raise

    async def _open(self) -> None:
        settings = self.settings
        self.store = await Store.open(self.folder.store)
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
        self.tokens = Tokens(signing, issuer=settings.identity.name, is_revoked=self.revocations.is_revoked)
        self.ssh_authority = SshAuthority.open(
            self.folder.keys, is_revoked=self.revocations.is_revoked, refuse=self.blocks.refuse
        )
        self._http = client()
        self._keys = RecentKeys(self.store.keys)
        self._uses = KeyUses(self.store.keys)
        self._issuers = Issuers(settings.identity.issuers, fetcher(self._http))
        self._certificates = ClientCertificates(settings.identity.certificates)
        self.identity = Identity(
            self.tokens,
            self._issuers,
            self._keys,
            is_revoked=self.revocations.is_revoked,
            refuse=self.blocks.refuse,
            certificates=self._certificates,
            used=self._uses.note,
        )
        self.live = Live(
            self._terms, self.identity.recheck, self.identity.trusts, time.monotonic, self.blocks.bars
        )
        mask_key = self._mask_key = _kept_secret(self.folder.keys / "mask.key")
        seal = self.folder.seal(os.environ)
        self._logins = Secrets.here(settings.file.parent, seal, self.store.sealed)

        def shown(ask: Ask) -> tuple[str, tuple[str | None, ...]]:
            masks = self.policy_for(ask.principal, ask.resource).masks
            return as_shown(ask.action, masks, mask_key)

        self.desk = Desk(self.store.holds, self.journal.record, worker=WORKER, shown=shown)
        await self.desk.start()
        self.engine = Engine(self._shared(mask_key), self._backends(settings, {}))
        self.ssh = self._ssh(mask_key) if settings.gateway.listen.ssh is not None else None
        self._door = self._first_door(self._tls())
        listeners = self._listeners = self._listen()
        self.journal.record(
            events.GatewayStarted(
                at=time.time(), version=__version__, worker=WORKER, policy=settings.policies.hash,
                config=settings.hash, pid=os.getpid(),
                listen=tuple(f"{name}:{port}" for name, port in self.ports.items()),
            )
        )  # fmt: skip
        self._spawn(self.revocations.run(), self.live.run(), self._keep_journal(), self._watch_file())
        self._spawn(self._watch_sealed(), self.blocks.run())
        self._spawn(
            self._follow() if self._beside else Follower(self.store, self.folder.journal, worker=WORKER).run()
        )
        self._spawn(self._uses.run(), keep_tidy(self.store.tokens, self.store.grants))
        if "postgres" in listeners:
            self._spawn(self.engine.serve(listeners["postgres"], lambda: self._door))
        if "ssh" in listeners and self.ssh is not None:
            self._spawn(self.ssh.serve(listeners["ssh"]))
        if "web" in listeners:
            await self._serve_web(listeners["web"])
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
            self.refusals.sum(time.time(), self.journal.record)
            self.journal.record(events.GatewayStopped(at=time.time(), worker=WORKER, reason=reason))
        except JournalError as problem:
            log.error("the end could not be recorded: %s", problem)
        self.journal.close()
        if hasattr(self, "store"):
            await self.store.close()
        if self._index is not None and self._index.stdin is not None:
            # Its input ends, it reads what is left, and goes.
            self._index.stdin.close()
            await self._index.wait()

    def _spawn(self, *works: Coroutine[None, None, None]) -> None:
        for work in works:
            task = asyncio.create_task(work)
            task.add_done_callback(_fatal)
            self._tasks.append(task)

    # --- parts --------------------------------------------------------------------------------

    def _shared(self, mask_key: bytes) -> Shared:
        return Shared(
            identity=self.identity,
            journal=self.journal,
            desk=self.desk,
            policy=self.policy_for,
            mask_key=mask_key,
            clock=time.time,
            limits=lambda: self.settings.gateway.limits,
            live=self.live,
            refusals=self.refusals,
        )

    def _ssh(self, mask_key: bytes) -> SshPart:
        """Hosts behind SSH. Raises OSError where what speaks SSH is not installed."""
        try:
            from vedette import hosts
            from vedette.protocols.ssh import engine as ssh
        except ImportError as missing:
            raise OSError("gateway.listen.ssh needs asyncssh; install vedette[ssh]") from missing
        shared = ssh.Shared(
            journal=self.journal, desk=self.desk, policy=self.policy_for, clock=time.time,
            limits=lambda: self.settings.gateway.limits, live=self.live, refusals=self.refusals,
        )  # fmt: skip
        found = hosts.Hosts(self._logins, mask_key)
        return hosts.SshPart(
            shared, found, self.settings, self.identity, self.ssh_authority, self.folder.keys
        )

    @property
    def ssh_host_keys(self) -> tuple[str, ...]:
        """The gateway's own host keys as OpenSSH writes them; none where nothing speaks SSH here."""
        return (self.ssh.host_line,) if self.ssh is not None else ()

    def policy_for(self, principal: Principal, resource: Resource) -> SessionPolicy:
        """What the policies in force now say for this principal there."""
        return self.settings.policies.for_session(principal, resource)

    def _terms(self, principal: Principal, resource: Resource) -> Lifetime | None:
        """How long this principal may stay there, None where no policy applies to it."""
        policy = self.policy_for(principal, resource)
        return bounded(policy.lifetime, self.settings.gateway.limits.idle) if policy.policies else None

    def _backends(self, settings: Settings, there: Mapping[str, Backend]) -> dict[str, Backend]:
        """What *settings* name; *there* keeps what it knows where nothing about it has changed."""

        def backend(resource: ResourceSettings) -> Backend:
            old = there.get(resource.name)
            same = (resource, settings.gateway.limits) == (
                self.settings.resources.get(resource.name), self.settings.gateway.limits
            )  # fmt: skip
            if old is not None and same:
                return old
            return postgres_backend(resource, self._logins, settings.gateway.limits, self._mask_key)

        found = settings.resources.values()
        return {each.name: backend(each) for each in found if each.protocol == "postgres"}

    def _listen(self) -> dict[str, socket.socket]:
        listen = self.settings.gateway.listen
        found = {}
        for name, where in (("postgres", listen.postgres), ("web", listen.web), ("ssh", listen.ssh)):
            if where is not None:
                found[name] = _bound(where)
                self.ports[name] = found[name].getsockname()[1]
        return found

    def _tls(self) -> ssl.SSLContext:
        tls = self.settings.gateway.tls
        if tls.certificate is not None and tls.key is not None:
            self.certificate = CertificateFiles(tls.certificate, tls.key)
        else:
            listen = self.settings.gateway.listen
            names = [w.host for w in (listen.postgres, listen.web) if w is not None and w.host not in _ANY]
            self.certificate = generated_certificate(self.folder.tls, names, now=time.time())
        context = server_context(self.certificate, client_ca=tls.ca)
        trust_callers(context, self._certificates.files)
        if self._certificates.files:
            self._spawn(self._watch_bundles(context))
        return context

    async def _watch_bundles(self, context: ssl.SSLContext) -> None:
        """Trust the authorities of callers as their files change: SPIFFE's do while the gateway runs."""
        said = ""
        while True:
            await asyncio.sleep(RELOAD_SECONDS)
            try:
                if self._certificates.refresh():
                    trust_callers(context, self._certificates.files)
                    self.live.revoked(self._certificates.withdrawn)
                    log.info("the authorities of client certificates were read anew")
                    said = ""
            except CertificateError as problem:
                if str(problem) != said:
                    said = str(problem)
                    log.error("whose certificates count stays as it was: %s", said)

    def _first_door(self, context: ssl.SSLContext) -> Door:
        settings = self.settings
        der = ssl.PEM_cert_to_DER_cert(_first_certificate(self.certificate.certificate))
        door = Door(
            knows=lambda name: name in self.engine.backends,
            mock_key=_kept_secret(self.folder.keys / "mock.key"),
            tls=context,
            binding=end_point(der),
            require_tls=settings.gateway.downstream_tls == "required",
            key_issuer=settings.identity.name,
            revoked=self.revocations.is_revoked,
            refuse=self.blocks.refuse,
            used=self._uses.note,
            crowd=Crowd(),
        )
        return _as_set(door, settings)

    async def _serve_web(self, listener: socket.socket) -> None:
        self._closers.append(await serve_api(self, listener))

    # --- what goes on meanwhile -----------------------------------------------------------------

    async def _follow(self) -> None:
        """Keep a process that indexes the journal; start it anew where it ends."""
        # Nothing of our environment but what Python needs: credentials may stand there.
        environment = {
            name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ
        }
        words = ["-m", "vedette.store.follow", str(self.folder.journal), str(self.folder.store), WORKER]
        while True:
            self._index = await asyncio.create_subprocess_exec(
                sys.executable, *words, stdin=asyncio.subprocess.PIPE, env=environment
            )
            status = await self._index.wait()
            log.error(
                "the process that indexes the journal ended with status %d; it is started again", status
            )
            await asyncio.sleep(1.0)

    async def _keep_journal(self) -> None:
        """Write outcomes that nothing took along, and sign where the journal stands."""
        last = summed = time.monotonic()
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                self.journal.flush()
                if time.monotonic() - summed >= SUM_SECONDS:
                    self.refusals.sum(time.time(), self.journal.record)
                    summed = time.monotonic()
                if time.monotonic() - last >= CHECKPOINT_SECONDS:
                    self.journal.checkpoint()
                    last = time.monotonic()
            except JournalError as problem:
                # Appends meet the same trouble, and refuse; this only keeps trying.
                log.error("%s", problem)
                await asyncio.sleep(1.0)

    def _revoked(self, credentials: frozenset[str]) -> None:
        if hasattr(self, "live"):  # else it is the first look, before anybody is here
            self.live.revoked(credentials)

    def _shut_out(self) -> None:
        if hasattr(self, "live"):
            self.live.shut_out()

    def review(self) -> None:
        """People, accounts or keys have changed: who is here is asked about anew, at once."""
        self._keys.forget()
        self.live.review()

    async def _watch_sealed(self) -> None:
        """Put on record what is sealed in the folder by others than this process."""
        changes = SealedChanges(self.store.sealed)
        pending: list[events.ConfigChanged] = []
        while True:
            try:
                pending += [
                    events.ConfigChanged(
                        at=time.time(), by="folder", what="credential", name=each.name, before=each.before,
                        after=each.after,
                    )
                    for each in await changes.look()
                ]  # fmt: skip
                while pending:
                    self.journal.record(pending[0])
                    del pending[0]
            except (StoreError, JournalError) as problem:
                log.error("changes of sealed credentials cannot be recorded now: %s", problem)
            await asyncio.sleep(RELOAD_SECONDS)

    def reload_soon(self) -> None:
        """Load the configuration anew, as after a change of its file. For signal handlers."""
        self._due.set()

    async def _watch_file(self) -> None:
        """Load the configuration anew when its file changes or somebody asks for it."""
        file = self.settings.file
        loaded = _stamp(file)
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RELOAD_SECONDS):
                    await self._due.wait()
            stamp = _stamp(file)
            if stamp == loaded and not self._due.is_set():
                continue
            self._due.clear()
            try:
                await self.reload()
            except JournalError as problem:
                # What is not on record is not in force: the running one stays until it can be.
                log.error("the configuration was not loaded, the running one stays: %s", problem)
                await asyncio.sleep(RELOAD_SECONDS)
                self._due.set()
            else:
                loaded = stamp

    async def reload(self, by: str = "file") -> tuple[str, ...]:
        """
        Load the configuration anew; what is running stays in force where it does not load. *by* is
        the principal who asks for it.

        Returns what only takes effect after a restart, in words.

        Raises:
            JournalError: the change cannot be recorded, so nothing has changed.
        """
        async with self._reloading:
            before = self.settings
            # Thousands of rules take a second to compile; sessions go on meanwhile.
            loaded = await asyncio.to_thread(reload, self._started, before.file)
            if isinstance(loaded, Settings):
                return self._use(before, loaded, by)
        found = tuple(str(each) for each in loaded.problems)
        log.error("the configuration was not loaded, the running one stays:\n%s", "\n".join(found))
        self.journal.record(events.PolicyRejected(at=time.time(), kept=before.policies.hash, problems=found))
        return ()

    def _use(self, before: Settings, loaded: Settings, by: str) -> tuple[str, ...]:
        """From here on *loaded* is in force, all of it at once."""
        issuers = Issuers(loaded.identity.issuers, fetcher(self._http), before=self._issuers)
        backends = self._backends(loaded, self.engine.backends)
        new = changes(before, loaded)
        self.journal.record(
            events.PolicyLoaded(
                at=time.time(), policy=loaded.policies.hash, before=before.policies.hash,
                files=(str(loaded.file),), config=loaded.hash, changes=new,
                rules=sum(len(policy.rules) for policy in loaded.policies.policies),
            )
        )  # fmt: skip
        for each in differences(before, loaded):
            self.journal.record(
                events.ConfigChanged(
                    at=time.time(), by=by, what=each.what, name=each.name, before=each.before,
                    after=each.after,
                )
            )  # fmt: skip
        self.settings = loaded
        self._issuers = issuers
        self.identity.use(issuers)
        self._door = _as_set(self._door, loaded)
        self.engine.reload(backends)
        if self.ssh is not None:
            self.ssh.reload(loaded)
        self.live.reload()
        later = restart_needed(self._started, loaded)
        log.info("policy %s is in force", loaded.policies.hash)
        for words in new:
            log.info("%s", words)
        for words in later:
            log.warning("takes effect after a restart: %s", words)
        return later


_ANY = frozenset({"0.0.0.0", "::", ""})  # compared with, not bound to


def _bound(where: HostPort) -> socket.socket:
    """A listening socket. Raises OSError that names the address."""
    try:
        found = socket.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(found[4][:2], family=found[0], backlog=1024)
    except OSError as error:
        raise OSError(error.errno, f"cannot listen on {where}: {error.strerror or error}") from error


def _as_set(door: Door, settings: Settings) -> Door:
    """*door* with what of *settings* can change while it is open."""
    issuers = settings.identity.issuers
    return replace(
        door,
        issuer=issuers[0].issuer if issuers else "",
        scope=settings.identity.scope,
        deadline=settings.gateway.limits.login_timeout,
    )


def _kept_secret(path: Path) -> bytes:
    """32 secret bytes that stay the same over restarts, made at first use."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists():
        return read_private(path)
    return create_private(path, secrets.token_bytes(32))


def _first_certificate(path: Path) -> str:
    text = path.read_text(encoding="ascii", errors="replace")
    end = "-----END CERTIFICATE-----"
    return text[: text.index(end) + len(end)]


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino


def _fatal(task: asyncio.Task[None]) -> None:
    """A background task must not end by itself: say so loudly where one does."""
    if not task.cancelled() and task.exception() is not None:
        log.critical("a part of the gateway has failed", exc_info=task.exception())
