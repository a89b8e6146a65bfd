"""From settings to the SSH engine: hosts, the gateway's own host key, the door."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import asyncssh
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from vedette.backends import keep
from vedette.config import Record, ResourceSettings, Settings
from vedette.config.settings import AuthoritySettings
from vedette.credentials import CredentialError, Secrets
from vedette.credentials.keyfile import create_private, private_folder, read_private
from vedette.identity import Identity
from vedette.identity.ssh_ca import SshAuthority
from vedette.identity.ssh_hosts import BadAuthority, HostsAuthority, Minted
from vedette.model import Principal
from vedette.protocols.reception import Shared
from vedette.protocols.ssh.devices import Devices
from vedette.protocols.ssh.dial import Account, Target, UpstreamRefused, dial
from vedette.protocols.ssh.door import Door
from vedette.protocols.ssh.engine import PROTOCOL, Backend, Engine, Lost
from vedette.trail.judgements import Keep

HOST_KEY = "ssh_host_ed25519"


class SshPart:
    """The SSH side of a gateway: its engine, its door, and what they know of the settings in force."""

    def __init__(
        self, shared: Shared, hosts: Hosts, settings: Settings, identity: Identity, authority: SshAuthority,
        keys: Path, devices: Devices,
    ) -> None:  # fmt: skip
        """*keys* is the folder of the gateway's keys. Raises KeyFileError."""
        self._settings = settings
        self._hosts = hosts
        key = host_key(keys)
        self.host_line = host_line(key)
        self.engine = Engine(shared, hosts.backends(settings))
        self._door = Door(
            identity=identity,
            authority=authority,
            host_key=key,
            deadline=lambda: self._settings.gateway.limits.login_timeout,
            clock=shared.clock,
            moment=lambda: shared.live.moment,
            devices=devices,
        )

    async def serve(self, listener: socket.socket) -> None:
        """Serve everyone who comes to *listener*, until cancelled."""
        await self.engine.serve(listener, self._door)

    def welcome(self, sock: socket.socket, address: str, found: tuple[ResourceSettings, ...]) -> None:
        """Serve somebody whose forward leads to *found*, all at one address: by names, or logins."""
        logins = {each.name: each.login.user for each in found if each.protocol == PROTOCOL}
        self.engine.welcome(sock, replace(self._door, behind=logins), address)

    def reload(self, settings: Settings) -> None:
        """From here on *settings* are in force."""
        self._settings = settings
        self.engine.reload(self._hosts.backends(settings))


@dataclass(frozen=True, slots=True)
class Hosts:
    """
    All hosts. *logins* fetches what the gateway logs in with there, *key* is for keyed masks.

    *authority* is the gateway's own for hosts.
    """

    logins: Secrets
    key: bytes
    authority: HostsAuthority

    def backends(self, settings: Settings) -> dict[str, Backend]:
        """By name of the resource."""
        return {
            each.name: self._backend(each)
            for each in settings.resources.values()
            if each.protocol == PROTOCOL
        }

    def _backend(self, settings: ResourceSettings) -> Backend:
        up = settings.upstream
        target = Target(up.host, up.port, up.host_keys)

        async def connect(lost: Lost, session: str, principal: Principal) -> asyncssh.SSHClientConnection:
            return await dial(target, await self._account(settings, session, principal), lost)

        return Backend(
            settings.resource, settings.login.user, connect, _keep(settings.record, self.key),
            settings.max_sessions, self.key,
        )  # fmt: skip

    async def _account(self, settings: ResourceSettings, session: str, principal: Principal) -> Account:
        login = settings.login
        try:
            password = await self.logins.fetch(login.password) if login.password is not None else None
            key = await self.logins.fetch(login.key) if login.key is not None else None
            if login.authority is None:
                return Account(login.user, password, key)
            made = await self._minted(login.authority, session, principal)
        except (CredentialError, BadAuthority) as problem:
            raise UpstreamRefused(
                "upstream.credential", "the gateway's own login is not available", detail=str(problem)
            ) from None
        return Account(login.user, password, made.key, made.certificate)

    async def _minted(self, by: AuthoritySettings, session: str, principal: Principal) -> Minted:
        authority = self.authority
        if by.key is not None:
            authority = HostsAuthority.read((await self.logins.fetch(by.key)).reveal_bytes())
        return authority.mint(session, principal.id, by.principals, now=time.time(), seconds=by.seconds)


def _keep(record: Record, key: bytes) -> Keep:
    """As for databases, but that a command has no shape: without its text, its effects say what it was."""
    made = keep(record, key)
    nothing: Callable[[str, object], str] = lambda said, masks: ""  # noqa: E731
    return made if record.statements == "full" else replace(made, text=nothing)


def host_key(folder: Path) -> asyncssh.SSHKey:
    """The gateway's own, in *folder* (mode 0600 inside 0700), made on the first call. Raises KeyFileError."""
    private_folder(folder)
    path = folder / HOST_KEY
    if path.exists():
        return asyncssh.import_private_key(read_private(path))
    made = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    return asyncssh.import_private_key(create_private(path, made))


def host_line(key: asyncssh.SSHKey) -> str:
    """Its public half as OpenSSH writes it: what callers' ``known_hosts`` pin."""
    return key.export_public_key().decode("ascii").strip()
