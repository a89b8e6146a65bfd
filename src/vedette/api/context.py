"""What the API needs of the gateway, declared here: ``vedette.app.App`` is one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from fastapi import Request

from vedette.approvals.desk import Desk
from vedette.config import Settings
from vedette.identity import Tokens
from vedette.identity.certificates import CertificateFiles
from vedette.identity.ssh_ca import SshAuthority
from vedette.identity.ssh_hosts import HostsAuthority
from vedette.model import Principal
from vedette.sql.catalog import Catalog
from vedette.store import Store
from vedette.store.blocks import Block
from vedette.trail.events import Event


class Identity(Protocol):
    """Raises ``vedette.identity.IdentityError`` where the text proves nobody."""

    async def by_token(self, text: str) -> Principal: ...


class Journal(Protocol):
    """*record* raises OSError where there is no record."""

    @property
    def head(self) -> tuple[int, str]: ...
    @property
    def folder(self) -> Path: ...
    @property
    def trouble(self) -> str: ...
    def record(self, event: Event) -> int: ...
    def flush(self) -> None: ...


class Revocations(Protocol):
    """*add*: this credential is void from now on, and the sessions that it opened end."""

    def add(self, token: str) -> None: ...


class Blocklist(Protocol):
    """Who is shut out: *add* counts at once, and ends sessions; *bars* whether somebody is."""

    def add(self, block: Block) -> None: ...
    def remove(self, name: str) -> None: ...
    def bars(self, principal: Principal) -> bool: ...


class Reader(Protocol):
    @property
    def catalog(self) -> Catalog: ...


class Backend(Protocol):
    """A resource of the engine; of it, only its catalogue is looked at."""

    @property
    def reader(self) -> Reader: ...


class Engine(Protocol):
    @property
    def backends(self) -> Mapping[str, Backend]: ...


class Live(Protocol):
    """
    *sessions* are the live ones of all protocols, by id; *kill* is False where there is none such.
    *kill_all* ends everybody's, or those of one *principal* and of who acts for it, and returns which.
    """

    @property
    def sessions(self) -> Mapping[str, object]: ...
    def kill(self, session: str, reason: str) -> bool: ...
    def kill_all(self, reason: str, principal: str | None = None) -> tuple[str, ...]: ...


class Gateway(Protocol):
    """One running gateway.

    *reload* (*by* the principal who asks for it) raises nothing for a file that does not load:
    *settings* then stay as they were, and the journal says why. It returns, in words, what takes
    effect only after a restart.
    OSError: the change could not be recorded, and was not made.

    *review* is called after every change of people, accounts or keys that may take something from
    somebody: live sessions are asked about anew, and end within a second where they must.
    """

    @property
    def settings(self) -> Settings: ...
    @property
    def ports(self) -> Mapping[str, int]: ...
    @property
    def store(self) -> Store: ...
    @property
    def desk(self) -> Desk: ...
    @property
    def journal(self) -> Journal: ...
    @property
    def identity(self) -> Identity: ...
    @property
    def tokens(self) -> Tokens: ...
    @property
    def ssh_authority(self) -> SshAuthority: ...
    @property
    def ssh_hosts_authority(self) -> HostsAuthority: ...
    @property
    def ssh_host_keys(self) -> tuple[str, ...]: ...
    @property
    def revocations(self) -> Revocations: ...
    @property
    def blocks(self) -> Blocklist: ...
    @property
    def engine(self) -> Engine: ...
    @property
    def live(self) -> Live: ...
    @property
    def certificate(self) -> CertificateFiles: ...
    async def reload(self, by: str = "file") -> tuple[str, ...]: ...
    def review(self) -> None: ...


def gateway(request: Request) -> Gateway:
    """The gateway that this API belongs to; a FastAPI dependency."""
    found: Gateway = request.app.state.gateway
    return found
