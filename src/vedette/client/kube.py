"""A kubeconfig whose clusters are behind the gateway, and the credential plug-in that it names.

Source: Kubernetes documentation, "Authenticating", client-go credential plugins
(``client.authentication.k8s.io/v1``).
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vedette.client.errors import ClientError

API = "client.authentication.k8s.io/v1"


def config(
    clusters: Mapping[str, str], command: Sequence[str], environ: Mapping[str, str], ca: str | None
) -> str:
    """The file, as JSON, which is YAML. *clusters* maps names to addresses; *command* is the plug-in and its
    arguments, *environ* what it needs besides. The first cluster is the current one.

    Raises ClientError: *ca* cannot be read.
    """
    authority = {} if ca is None else {"certificate-authority-data": _pem(ca)}
    plugin = {
        "apiVersion": API, "command": command[0], "args": list(command[1:]), "interactiveMode": "Never",
        "provideClusterInfo": False,
        "env": [{"name": name, "value": value} for name, value in sorted(environ.items())],
    }  # fmt: skip
    document: dict[str, Any] = {
        "apiVersion": "v1", "kind": "Config", "preferences": {},
        "clusters": [
            {"name": name, "cluster": {"server": server, **authority}} for name, server in clusters.items()
        ],
        "users": [{"name": "vedette", "user": {"exec": plugin}}],
        "contexts": [
            {"name": name, "context": {"cluster": name, "user": "vedette"}} for name in clusters
        ],
        "current-context": next(iter(clusters), ""),
    }  # fmt: skip
    return json.dumps(document, indent=1) + "\n"


def credential(token: str, expires: float | None) -> str:
    """What the plug-in prints: an ExecCredential. *expires* in Unix seconds."""
    status = {"token": token}
    if expires is not None:
        status["expirationTimestamp"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(expires))
    return json.dumps({"apiVersion": API, "kind": "ExecCredential", "status": status})


def _pem(ca: str) -> str:
    try:
        return base64.b64encode(Path(ca).read_bytes()).decode()
    except OSError as error:
        raise ClientError("client.ca", f"{ca} cannot be read: {error.strerror}") from None
