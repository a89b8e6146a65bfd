"""Credential plug-ins of Kubernetes: a program that prints what to log in with.

Source: Kubernetes documentation, "Authenticating", client-go credential plugins
(``client.authentication.k8s.io/v1`` and ``v1beta1``).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from vedette.credentials.errors import CredentialError
from vedette.credentials.secret import Secret

#: A plug-in may take so long, and print so much.
SECONDS = 30.0
MAX_OUTPUT_BYTES = 256 << 10
APIS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
#: Nothing else of the gateway's environment is the plug-in's business.
ENVIRONMENT = ("PATH", "HOME", "LANG", "AWS_PROFILE", "AWS_REGION", "KUBERNETES_SERVICE_HOST")


@dataclass(frozen=True, slots=True)
class Printed:
    """What a plug-in said: a token, or a certificate (PEM) and its key; *expires* in Unix seconds."""

    token: Secret | None
    certificate: bytes | None = field(default=None, repr=False)
    key: Secret | None = None
    expires: float | None = None


async def ask(command: Sequence[str]) -> Printed:
    """
    Run *command* and read what it prints.

    Raises:
        CredentialError: it fails, takes too long, or prints something else. Nothing it printed is quoted.
    """
    name = command[0]
    environment = {key: os.environ[key] for key in ENVIRONMENT if key in os.environ}
    info = {"apiVersion": APIS[0], "kind": "ExecCredential", "spec": {"interactive": False}}
    environment["KUBERNETES_EXEC_INFO"] = json.dumps(info)
    try:
        child = await asyncio.create_subprocess_exec(
            *command, env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    except OSError as problem:
        raise CredentialError("credential.plugin", f"{name} cannot be run: {problem.strerror}") from None
    try:
        async with asyncio.timeout(SECONDS):
            printed = await _output(child)
            status = await child.wait()
    except TimeoutError:
        raise CredentialError("credential.plugin", f"{name} took over {SECONDS:.0f} seconds") from None
    finally:
        # Also what it has started itself, and what holds on to its output.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        await child.wait()
    if status != 0:
        raise CredentialError("credential.plugin", f"{name} ended with status {status}")
    return read(printed, name)


async def _output(child: asyncio.subprocess.Process) -> bytes:
    if child.stdout is None:
        return b""
    printed = bytearray()
    while piece := await child.stdout.read(64 << 10):
        printed += piece
        if len(printed) > MAX_OUTPUT_BYTES:
            raise CredentialError("credential.plugin", "a plug-in prints more than a credential")
    return bytes(printed)


def read(printed: bytes, name: str) -> Printed:
    """What stands in an ExecCredential. Raises CredentialError."""
    wrong = CredentialError("credential.plugin", f"{name} does not print an ExecCredential with a status")
    try:
        said = json.loads(printed)
        status = said["status"]
        if said["apiVersion"] not in APIS or said["kind"] != "ExecCredential":
            raise wrong
        expires = status.get("expirationTimestamp")
        found = Printed(
            token=_secret(status.get("token")),
            certificate=_pem(status.get("clientCertificateData")),
            key=_secret(status.get("clientKeyData")),
            expires=datetime.fromisoformat(expires).timestamp() if expires else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise wrong from None
    if found.token is None and (found.certificate is None or found.key is None):
        raise wrong
    return found


def _secret(value: object) -> Secret | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not value.isascii():
        raise ValueError
    return Secret(value.strip())


def _pem(value: object) -> bytes | None:
    if value is not None and not isinstance(value, str):
        raise ValueError
    return value.encode() if value else None
