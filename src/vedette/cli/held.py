"""Which gateway, and as whom, for commands that act as a caller of resources."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vedette.cli.outcome import NO, NOT_PERMITTED, UNREACHABLE, USAGE

if TYPE_CHECKING:
    from vedette.client import Client, ClientError
    from vedette.client.held import Address
    from vedette.config import Settings

As = Annotated[
    str | None,
    typer.Option("--as", envvar="VEDETTE_AS", help="Which login: the name it was made under."),
]
Ca = Annotated[
    str | None,
    typer.Option("--ca", envvar="VEDETTE_CA", help="A PEM file with the authority of its certificate."),
]
_UNREACHABLE = frozenset({"client.unreachable", "client.certificate", "client.answer"})
_USAGE = frozenset({"client.address", "client.ca", "client.program"})


def client(config: Path | None, url: str | None, name: str | None = None) -> Client:
    """A client of the gateway meant by the options.

    *url* says which; else ./vedette.yaml, whose gateway is this machine's own and knows whoever can read
    its folder as the operator; else the login that was made last. Raises Failure, ConfigError, ClientError.
    """
    from vedette.cli.reach import settings_if_any
    from vedette.client import Client

    settings = None if url is not None or name is not None else settings_if_any(config)
    if settings is not None:
        return _own(settings)
    environ = dict(os.environ)
    if url is not None:
        environ["VEDETTE_URL"] = url
    if name is not None:
        environ["VEDETTE_AS"] = name
    return Client.from_environment(environ)


def _own(settings: Settings) -> Client:
    from vedette.cli.reach import address
    from vedette.client import Client
    from vedette.client.places import state

    there = address(settings, None)
    ca = str(there.ca) if there.ca is not None and there.ca.exists() else None
    base = state(os.environ) / "runs"
    return Client(there.url, Operator(settings), ca=ca, postgres=_listener(settings), base=base)


class Operator:
    """The operator's tokens, which live for minutes; VEDETTE_TOKEN where it is set."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.expires: float | None = None

    def token(self) -> str:
        from vedette.cli.reach import own_token
        from vedette.client.issuer import claims

        found = own_token(self._settings)
        ends = claims(found).get("exp")
        self.expires = float(ends) if isinstance(ends, int | float) else None
        return found


def _listener(settings: Settings) -> Address | None:
    from vedette.client.held import Address

    where = settings.gateway.listen.postgres
    if where is None:
        return None
    host = {"0.0.0.0": "localhost", "::": "localhost", "": "localhost"}.get(where.host, where.host)
    return Address(host, where.port)


def exit_code(error: ClientError) -> int:
    """How a command ends that *error* ends."""
    if error.code in _UNREACHABLE:
        return UNREACHABLE
    if error.code in _USAGE:
        return USAGE
    family = error.code.partition(".")[0]
    denied = error.code == "client.login" or family in ("oauth", "identity", "access")
    return NOT_PERMITTED if denied else NO
