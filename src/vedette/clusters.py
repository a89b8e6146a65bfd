"""From settings to the Kubernetes engine: clusters, what the gateway shows them, the door."""

from __future__ import annotations

import hashlib
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from vedette.backends import keep
from vedette.config import Limits, Record, ResourceSettings, Settings
from vedette.credentials import CredentialError, Secrets, plugin
from vedette.credentials.secret import Secret
from vedette.identity import Identity
from vedette.identity.certificates import CertificateError
from vedette.identity.tls import upstream_context
from vedette.listening import HTTP_ALPN
from vedette.protocols.http.wire import Wire
from vedette.protocols.kubernetes.accept import Door
from vedette.protocols.kubernetes.dial import Shown, Target, UpstreamRefused, dial
from vedette.protocols.kubernetes.engine import PROTOCOL, Backend, Engine, Shared
from vedette.trail.judgements import Keep

#: What a cluster is shown is read anew after so long: tokens of service accounts are replaced in their files.
FRESH_SECONDS = 10.0
#: A plug-in's credential is asked for anew so long before its time is over.
AHEAD_SECONDS = 60.0


class ClusterPart:
    """The Kubernetes side of a gateway: its engine, its door, and what they know of the settings in force."""

    def __init__(
        self, shared: Shared, logins: Secrets, key: bytes, settings: Settings, identity: Identity,
        tls: ssl.SSLContext,
    ) -> None:  # fmt: skip
        """*key* is for keyed masks, *tls* the listener's context."""
        self._settings = settings
        self._logins = logins
        self._key = key
        self.engine = Engine(shared, self._backends(settings, {}, {}))
        self._door = Door(
            identity=identity,
            tls=tls,
            deadline=lambda: self._settings.gateway.limits.login_timeout,
            clock=shared.clock,
            moment=lambda: shared.live.moment,
        )

    async def serve(self, listener: socket.socket) -> None:
        """Serve everyone who comes to *listener*, until cancelled."""
        await self.engine.serve(listener, self._door)

    def reload(self, settings: Settings) -> None:
        """From here on *settings* are in force."""
        before, self._settings = self._settings, settings
        same_limits = before.gateway.limits == settings.gateway.limits
        there = self.engine.backends if same_limits else {}
        self.engine.reload(self._backends(settings, before.resources, there))

    def _backends(
        self, settings: Settings, before: Mapping[str, ResourceSettings], there: Mapping[str, Backend]
    ) -> dict[str, Backend]:
        """Of what has not changed since *before*, the backend that is *there* stays, with what it holds."""
        found = {}
        for each in settings.resources.values():
            if each.protocol == PROTOCOL:
                old = there.get(each.name) if before.get(each.name) == each else None
                found[each.name] = old or backend(each, self._logins, settings.gateway.limits, self._key)
        return found


def backend(settings: ResourceSettings, logins: Secrets, limits: Limits, key: bytes) -> Backend:
    """A cluster, ready to be dialled."""
    showing = Showing(settings, logins, time.monotonic, time.time)

    async def connect(target: Target, shown: Shown) -> Wire:
        return await dial(target, shown.context)

    return Backend(
        resource=settings.resource,
        target=Target(settings.upstream.host, settings.upstream.port),
        shown=showing.now,
        forget=showing.forget,
        dial=connect,
        keep=_keep(settings.record, key),
        mask_key=key,
        impersonate=settings.login.impersonate,
        groups=settings.upstream.groups,
        max_sessions=settings.max_sessions,
        request=limits.statement,
        value=limits.value,
    )


@dataclass(slots=True)
class Held:
    """What was read last, *until* when (monotonic seconds) it counts as fresh."""

    shown: Shown
    until: float


class Showing:
    """What the gateway shows one cluster: read where it is kept, and held for a moment."""

    def __init__(
        self,
        settings: ResourceSettings,
        logins: Secrets,
        clock: Callable[[], float],
        now: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._logins = logins
        self._clock = clock
        self._now = now
        self._held: Held | None = None
        self._context: tuple[bytes, ssl.SSLContext | None] | None = None

    def forget(self) -> None:
        """It was not taken: read it anew next time."""
        self._held = None

    async def now(self) -> Shown:
        """What to show. Raises UpstreamRefused."""
        held = self._held
        if held is not None and self._clock() < held.until:
            return held.shown
        try:
            shown, seconds = await self._read()
        except (CredentialError, CertificateError) as problem:
            raise UpstreamRefused(
                "upstream.credential", "the gateway's own login is not available", detail=str(problem)
            ) from None
        self._held = Held(shown, self._clock() + seconds)
        return shown

    async def _read(self) -> tuple[Shown, float]:
        """What to show, and for how many seconds."""
        login = self._settings.login
        if login.command:
            printed = await plugin.ask(login.command)
            left = FRESH_SECONDS if printed.expires is None else printed.expires - self._now() - AHEAD_SECONDS
            context = self._tls(printed.certificate, printed.key)
            return Shown(context, printed.token), max(left, 0.0)
        if login.token is not None:
            return Shown(self._tls(None, None), await self._logins.fetch(login.token)), FRESH_SECONDS
        found = await self._logins.login(login)
        return Shown(self._tls(found.certificate, found.key)), FRESH_SECONDS

    def _tls(self, certificate: bytes | None, key: Secret | None) -> ssl.SSLContext | None:
        """A context of what is shown by TLS; making one takes milliseconds, so it is kept."""
        up = self._settings.upstream
        secret = key.reveal_bytes() if key is not None else b""
        mark = hashlib.sha256((certificate or b"") + secret).digest()
        if self._context is None or self._context[0] != mark:
            self._context = mark, upstream_context(up.tls, up.ca, certificate, key, alpn=HTTP_ALPN)
        return self._context[1]


def _keep(record: Record, key: bytes) -> Keep:
    """As for databases, but that a request has no shape: without its text, its effects say what it was."""
    made = keep(record, key)
    return made if record.statements == "full" else replace(made, text=lambda said, masks: "")
