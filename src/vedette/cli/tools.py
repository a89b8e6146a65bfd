"""``vedette kubeconfig`` and ``vedette ssh-config``: settings of native tools, and what these call back."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vedette.cli import held, screen
from vedette.cli.held import As
from vedette.cli.options import Config, Json, Url
from vedette.cli.outcome import Failure

if TYPE_CHECKING:
    from vedette.client import Client
    from vedette.client.ssh import Identity

Out = Annotated[
    Path | None, typer.Option("--output", "-o", help="A file to write, mode 0600. [default: standard output]")
]


def add(app: typer.Typer) -> None:
    app.command()(kubeconfig)
    app.command("ssh-config")(ssh_config)
    app.command("kube-credential", hidden=True)(kube_credential)
    app.command("ssh-certificate", hidden=True)(ssh_certificate)


def kubeconfig(output: Out = None, name: As = None, config: Config = None, url: Url = None) -> None:
    """Print a kubeconfig for the clusters you may reach. It holds no token: kubectl asks Vedette for one.

    The file is JSON, which every reader of YAML takes.
    """
    from vedette.client import kube, tools

    there = held.client(config, url, name)
    clusters = tools.clusters(there.resources())
    if not clusters:
        raise Failure("there is no cluster that you may reach", "see: vedette resources")
    command, environ = _back(there, config, name, "kube-credential")
    _give(kube.config(clusters, command, environ, there.ca), output)


def ssh_config(
    output: Out = None, name: As = None, config: Config = None, url: Url = None, as_json: Json = False
) -> None:
    """Print an ssh configuration for the hosts you may reach: then `ssh NAME.vedette` works.

    A key of your own and a certificate of minutes are used; ssh asks this command for a new one in time.
    """
    from vedette.client import ssh, tools

    there = held.client(config, url, name)
    hosts = tools.hosts(there.resources())
    if not hosts:
        raise Failure("there is no host that you may reach by ssh", "see: vedette resources")
    command, environ = _back(there, config, name, "ssh-certificate")
    renew = ["env", *(f"{key}={value}" for key, value in environ.items()), *command]
    text = ssh.config(hosts, _identity(there), renew)
    if as_json:
        listed = {name: {"host": each.host, "port": each.port} for name, each in hosts.items()}
        return screen.emit({"hosts": listed, "config": text})
    _give(text, output)


def kube_credential(name: As = None, config: Config = None, url: Url = None) -> None:
    """Print an ExecCredential for kubectl."""
    from vedette.client import kube

    there = held.client(config, url, name)
    token = there.credential.token()
    typer.echo(kube.credential(token, there.credential.expires))


def ssh_certificate(name: As = None, config: Config = None, url: Url = None) -> None:
    """Have a good certificate ready for ssh."""
    there = held.client(config, url, name)
    _identity(there).ready(there.gateway)


def _identity(there: Client) -> Identity:
    """The key for this gateway; a run has one of its own."""
    from vedette.client import tools
    from vedette.client.keep import Keep

    return tools.identity(Keep().folder, there.url, os.environ)


def _back(
    there: Client, config: Path | None, name: str | None, what: str
) -> tuple[list[str], dict[str, str]]:
    """How a tool calls us back from wherever it is: the command, and variables without secrets."""
    words = [sys.executable, "-m", "vedette", what]
    environ = {"VEDETTE_CA": there.ca} if there.ca else {}
    if isinstance(there.credential, held.Operator):
        file = (config or Path("vedette.yaml")).absolute()
        return [*words, "--config", str(file)], environ
    for given in ("PYTHONPATH", "XDG_STATE_HOME", "VEDETTE_TOKEN_FILE"):
        if os.environ.get(given):
            environ[given] = os.environ[given]
    return [*words, "--url", there.url, *(["--as", name] if name else [])], environ


def _give(text: str, output: Path | None) -> None:
    from vedette.client import places

    if output is None:
        typer.echo(text, nl=False)
        return
    places.write(output, text)
    screen.note(f"written to {output}")
