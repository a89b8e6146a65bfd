"""The library's front: a token, a DSN, a run, and waiting for an approval."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from vedette.client import places
from vedette.client.credential import Credential, Fixed, FromFile, Renewed
from vedette.client.errors import ClientError, NotLoggedIn
from vedette.client.gateway import Front, Gateway, Resource, Ticket, front
from vedette.client.held import Address
from vedette.client.keep import Keep
from vedette.client.postgres import Door, door
from vedette.client.run import Run
from vedette.client.web import Web

#: Seconds between two looks at a ticket: at first, and at most.
FIRST_LOOK, LAST_LOOK = 0.5, 5.0


class Client:
    """One caller at one gateway. Blocking; safe to use from several threads.

    *url* is the address of the gateway's API, *ca* a PEM file with its authority where the system has it
    not, *postgres* its PostgreSQL listener where it is not what the gateway says. All methods raise
    ClientError.
    """

    def __init__(
        self,
        url: str,
        credential: Credential,
        *,
        ca: str | None = None,
        postgres: Address | None = None,
        name: str = "",
        run: str = "",
        base: Path | None = None,
    ) -> None:
        self.web = Web(ca)
        self.credential = credential
        self.gateway = Gateway(url, self.web, credential.token)
        self._ca, self._postgres, self._name, self._run = ca, postgres, name, run
        self._base = base
        self._front: Front | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Client:
        """By VEDETTE_URL and VEDETTE_TOKEN_FILE or VEDETTE_TOKEN, as `vedette run` sets them; else by the
        login that `vedette login` made (of VEDETTE_AS at VEDETTE_URL, or the last one).

        Raises NotLoggedIn.
        """
        env = os.environ if environ is None else environ
        url, ca = env.get("VEDETTE_URL") or None, env.get("VEDETTE_CA") or None
        there = listener(env.get("VEDETTE_POSTGRES", ""))
        base = places.state(env) / "runs"
        own = _given(env)
        if own is not None:
            if url is None:
                raise NotLoggedIn("a token is given, and no gateway", "set VEDETTE_URL")
            agent, run = env.get("VEDETTE_AGENT", ""), env.get("VEDETTE_RUN", "")
            return cls(url, own, ca=ca, postgres=there, name=agent, run=run, base=base)
        keep = Keep(env)
        login = keep.find(url.rstrip("/") if url else None, env.get("VEDETTE_AS") or None)
        if login is None:
            raise NotLoggedIn(f"nobody is logged in at {url}" if url else "nobody is logged in here")
        return cls(
            login.gateway, Renewed(keep, login, env), ca=ca or login.ca, postgres=there or login.postgres,
            base=base,
        )  # fmt: skip

    @property
    def url(self) -> str:
        return self.gateway.url

    @property
    def ca(self) -> str | None:
        return self._ca

    def acting(self, credential: Credential, name: str = "") -> Client:
        """The same gateway, as somebody else."""
        return Client(self.url, credential, ca=self._ca, postgres=self._postgres, name=name, base=self._base)

    def token(self, resource: str | None = None) -> str:
        """A token that is good now, renewed if need be. One token serves every resource; a *resource*
        that may not be reached is refused here already."""
        if resource is not None and all(each.name != resource for each in self.resources()):
            raise ClientError(
                "client.resource", f"no resource {resource!r} that you may reach", "see vedette resources"
            )
        return self.credential.token()

    def resources(self) -> list[Resource]:
        """What this caller may reach."""
        return self.gateway.resources()

    def postgres(self) -> Address:
        """Where the PostgreSQL listener is."""
        if self._postgres is None:
            self._front = self._front or front(self.web, self.url)
            self._postgres = self._front.postgres
        if self._postgres is None:
            raise ClientError("client.protocol", "this gateway has no PostgreSQL listener")
        return self._postgres

    def door(self, user: str = "", application: str = "") -> Door:
        """How to go to the PostgreSQL listener."""
        named = application or (f"{self._name or 'agent'}/{self._run}" if self._run else "")
        return door(self.postgres(), user or self._name or "agent", self._ca, named)

    def dsn(self, resource: str, *, password: bool = True, application: str = "") -> str:
        """A PostgreSQL connection URI for *resource*. With *password*, it holds a token: keep it out of
        logs and arguments, and ask again for each new connection."""
        there = self.door(application=application)
        return there.dsn(resource, self.credential.token() if password else None)

    def run(
        self,
        name: str = "",
        resource: str | None = None,
        *,
        more: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
    ) -> Run:
        """A context for a child process: ``with client.run("job", "appdb") as run:`` then
        ``subprocess.run(words, env=run.environment())``."""
        base = self._base or places.state(os.environ) / "runs"
        agent = name or self._name
        id = os.urandom(16).hex()
        # Cut before the id, which is what a record is found by.
        application = f"{(agent or 'agent')[:30]}/{id}"
        there = self._door_if_any(agent or "agent", application)
        return Run(
            self.url, self.credential, base, name=agent, door=there, database=resource, ca=self._ca,
            more=more, files=files, id=id,
        )  # fmt: skip

    def _door_if_any(self, user: str, application: str) -> Door | None:
        try:
            return door(self.postgres(), user, self._ca, application)
        except ClientError as none:
            if none.code != "client.protocol":
                raise
            return None

    def wait(
        self,
        ticket: str,
        timeout: float | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> Ticket:
        """Wait until people have decided on *ticket*; then the identical action passes, if they approved.

        Ends when the hold does; *timeout* in seconds ends it sooner. The ticket's status says how it stands.
        """
        pause, end = FIRST_LOOK, None if timeout is None else clock() + timeout
        while True:
            found = self.gateway.ticket(ticket)
            if not found.pending or (end is not None and clock() + pause > end):
                return found
            sleep(pause)
            pause = min(pause * 1.5, LAST_LOOK)


def _given(env: Mapping[str, str]) -> Credential | None:
    if env.get("VEDETTE_TOKEN", "").strip():
        return Fixed(env["VEDETTE_TOKEN"].strip())
    if env.get("VEDETTE_TOKEN_FILE"):
        return FromFile(env["VEDETTE_TOKEN_FILE"])
    return None


def listener(text: str) -> Address | None:
    """``host:port`` or ``[host]:port``; None for nothing. Raises ClientError ``client.address``."""
    if not text:
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ClientError("client.address", f"{text!r} is not HOST:PORT")
    return Address(host.removeprefix("[").removesuffix("]"), int(port))
