"""Which of the resources kubectl and ssh can reach, and what a run holds for them."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from vedette.client import kube, ssh
from vedette.client.gateway import Resource
from vedette.client.held import Address
from vedette.client.ssh import Identity
from vedette.client.web import secure

#: Set in a run: where its ssh key and certificate are.
SSH_FOLDER = "VEDETTE_SSH"


def clusters(found: Iterable[Resource]) -> dict[str, str]:
    """Names and addresses of what speaks Kubernetes. Raises ClientError for an address without TLS."""
    there = {each.name: each.address for each in found if each.protocol == "kubernetes" and each.address}
    for url in there.values():
        secure(url, "a cluster's address")
    return there


def hosts(found: Iterable[Resource]) -> dict[str, Address]:
    """Names of what speaks SSH, and where the gateway's listener for it is."""
    there = {}
    for each in found:
        if each.protocol == "ssh" and each.address:
            parts = urlsplit(each.address if "://" in each.address else f"//{each.address}")
            there[each.name] = Address(parts.hostname or "", parts.port or 22)
    return there


def identity(state: Path, url: str, environ: Mapping[str, str]) -> Identity:
    """The ssh key for the gateway at *url*: a run's own, or this user's."""
    if environ.get(SSH_FOLDER):
        return Identity(Path(environ[SSH_FOLDER]))
    return Identity(state / f"ssh-{hashlib.sha256(url.encode()).hexdigest()[:16]}")


def prepared(
    found: Sequence[Resource], command: Sequence[str], path: str, ca: str | None
) -> tuple[dict[str, str], dict[str, str]]:
    """What a run needs for kubectl and ssh: variables and files, as `Run` takes them.

    *command* calls Vedette's command line, *path* is the child's ``PATH``.
    """
    more: dict[str, str] = {}
    files: dict[str, str] = {}
    if there := clusters(found):
        files["kubeconfig"] = kube.config(there, [*command, "kube-credential"], {}, ca)
        more["KUBECONFIG"] = "{folder}/kubeconfig"
    if listed := hosts(found):
        config = "{folder}/ssh_config"
        mine = Identity(Path("{folder}/ssh"))
        text = ssh.config(listed, mine, [*command, "ssh-certificate"], bare=True)
        # What this leaves open is as it is anywhere else.
        files["ssh_config"] = f"{text}Match all\n    Include ~/.ssh/config\n"
        for name in ("ssh", "scp", "sftp"):
            if program := shutil.which(name, path=path):
                files[f"bin/{name}"] = ssh.wrapper(program, config)
        more |= {"PATH": "{folder}/bin:" + path, SSH_FOLDER: "{folder}/ssh"}
    return more, files
