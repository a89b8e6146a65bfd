"""The PostgreSQL side of a gateway: its engine, its door, and what they know of the settings in force."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from vedette.backends import postgres_backend
from vedette.config import Settings
from vedette.credentials import Secrets
from vedette.identity import Identity
from vedette.listening import ServerTls
from vedette.model import Principal
from vedette.protocols.postgres.accept import Crowd, Door
from vedette.protocols.postgres.dial import end_point
from vedette.protocols.postgres.engine import PROTOCOL, Backend, Engine
from vedette.protocols.reception import Shared


@dataclass(frozen=True, slots=True)
class Databases:
    """All databases. *logins* fetches what the gateway logs in with there, *key* is for keyed masks."""

    logins: Secrets
    key: bytes = field(repr=False)

    def backends(
        self, settings: Settings, before: Settings | None = None, there: Mapping[str, Backend] | None = None
    ) -> dict[str, Backend]:
        """By name of the resource. Of those *there* since *before*, the unchanged keep what they know."""
        found = {}
        for each in settings.resources.values():
            if each.protocol != PROTOCOL:
                continue
            old = (there or {}).get(each.name)
            limits = settings.gateway.limits
            same = before is not None and (each, limits) == (
                before.resources.get(each.name), before.gateway.limits,
            )  # fmt: skip
            new = old if same else None
            found[each.name] = new or postgres_backend(each, self.logins, limits, self.key)
        return found


class DatabasePart:
    """
    *mock_key* is secret, and the same over restarts. *revoked*, *refuse* and *used* are asked, and
    told, of the keys that callers log in with.
    """

    def __init__(
        self, shared: Shared, identity: Identity, databases: Databases, settings: Settings, tls: ServerTls, *,
        mock_key: bytes, revoked: Callable[[str], bool], refuse: Callable[[Principal], None],
        used: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._settings = settings
        self._databases = databases
        self.engine = Engine(shared, identity, databases.key, databases.backends(settings))
        door = Door(
            knows=lambda name: name in self.engine.backends,
            mock_key=mock_key,
            tls=tls.context,
            binding=end_point(ssl.PEM_cert_to_DER_cert(tls.first_certificate())),
            require_tls=settings.gateway.downstream_tls == "required",
            key_issuer=settings.identity.name,
            revoked=revoked,
            refuse=refuse,
            used=used,
            crowd=Crowd(),
        )
        self._door = _as_set(door, settings)

    async def serve(self, listener: socket.socket) -> None:
        """Serve everyone who comes to *listener*, until cancelled."""
        await self.engine.serve(listener, lambda: self._door)

    def prepare(self, settings: Settings) -> Callable[[], None]:
        """Everything that can fail about *settings*, done; calling the answer puts them in force."""
        backends = self._databases.backends(settings, self._settings, self.engine.backends)

        def use() -> None:
            self._settings = settings
            self._door = _as_set(self._door, settings)
            self.engine.reload(backends)

        return use


def _as_set(door: Door, settings: Settings) -> Door:
    """*door* with what of *settings* can change while it is open."""
    issuers = settings.identity.issuers
    return replace(
        door,
        issuer=issuers[0].issuer if issuers else "",
        scope=settings.identity.scope,
        deadline=settings.gateway.limits.login_timeout,
    )
