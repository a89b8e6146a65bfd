"""OpenSSH by a certificate of the gateway's: a key of this user's, a certificate of minutes, a configuration.

The gateway's host keys come with the certificate and are pinned: ssh asks nobody, and takes no other.

Sources: ssh_config(5) (``Match exec``, ``CertificateFile``, ``HostKeyAlias``), sshd(8) for ``known_hosts``,
ssh-keygen(1).
"""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vedette.client import places
from vedette.client.errors import ClientError
from vedette.client.gateway import Gateway
from vedette.client.held import Address

#: A certificate with less left than this is made anew, in seconds.
MARGIN_SECONDS = 60.0
#: What ``ssh NAME.vedette`` ends in.
SUFFIX = ".vedette"
#: Those that the gateway speaks, the quickest first: by itself, OpenSSH before 10 prefers counter mode.
CIPHERS = "aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,200}", re.ASCII)
#: The gateway's name in a ``known_hosts`` of its own.
ALIAS = "vedette"
_HOST_KEY = re.compile(r"[a-z0-9@.-]{1,60} [A-Za-z0-9+/]{1,4000}={0,2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Identity:
    """A key and its certificate in a private folder."""

    folder: Path

    @property
    def key(self) -> Path:
        return self.folder / "id_ed25519"

    @property
    def certificate(self) -> Path:
        return self.folder / "id_ed25519-cert.pub"

    @property
    def known(self) -> Path:
        """The gateway's host keys."""
        return self.folder / "known_hosts"

    @property
    def _ends(self) -> Path:
        return self.folder / "expires.json"

    def ready(self, gateway: Gateway, now: float | None = None) -> bool:
        """Have a certificate that is good for a while; whether a new one was made. Raises ClientError."""
        places.folder(self.folder)
        with places.alone(self.folder / "lock"):
            if self._left(time.time() if now is None else now) > MARGIN_SECONDS:
                return False
            if not self.key.exists():
                _make_key(self.key)
            public = self.key.with_suffix(".pub").read_text()
            said = gateway.post("/ssh/certificate", {"public_key": public.strip()})
            try:
                text, ends = str(said["certificate"]), float(said["expires"])
                keys = known_hosts(said["host_keys"])
            except (KeyError, TypeError, ValueError):
                raise ClientError("client.answer", "the gateway's answer is no certificate") from None
            places.write(self.known, keys)
            places.write(self.certificate, text.strip() + "\n")
            places.write(self._ends, json.dumps(ends))
            return True

    def _left(self, now: float) -> float:
        if not self.certificate.exists() or not self.known.exists():
            return 0.0
        with contextlib.suppress(ValueError):
            return float(json.loads(places.read(self._ends) or "0")) - now
        return 0.0


def known_hosts(keys: Sequence[object]) -> str:
    """The text of a ``known_hosts`` with the gateway's *keys*. Raises ValueError for what is no key."""
    # A type and what stands behind it; a comment is dropped, and so is whatever could begin another line.
    found = [" ".join(str(key).split(" ")[:2]) for key in keys]
    if not all(_HOST_KEY.fullmatch(key) for key in found):
        raise ValueError("not host keys")
    return "".join(f"{ALIAS} {key}\n" for key in found)


def _make_key(path: Path) -> None:
    program = shutil.which("ssh-keygen")
    if program is None:
        raise ClientError("client.program", "ssh-keygen is not here", "install OpenSSH's client")
    words = [program, "-q", "-t", "ed25519", "-N", "", "-C", "vedette", "-f", str(path)]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=30)
    if done.returncode:
        raise ClientError("client.program", f"ssh-keygen ended with {done.returncode}")


def config(
    resources: Mapping[str, Address], identity: Identity, renew: Sequence[str], *, bare: bool = False
) -> str:
    """The text of an ssh_config. *renew* is the command that has a good certificate ready. With *bare*, a
    resource is a host by its plain name, too. The gateway's host keys are those that came with the
    certificate, and no others.

    Raises ClientError for a name that cannot stand there.
    """
    for name in resources:
        if not _NAME.fullmatch(name):
            raise ClientError("client.resource", f"{name!r} cannot be a host's name in ssh's configuration")
    hosts = {name: [f"{name}{SUFFIX}", *([name] if bare else [])] for name in resources}
    every = ",".join(pattern for patterns in hosts.values() for pattern in patterns)
    lines = [f'Match originalhost "{every}" exec {_quoted(shlex.join(renew))}'] if every else []
    for name, where in resources.items():
        lines += [f"Host {' '.join(hosts[name])}"]
        lines += [f"    HostName {where.host}", f"    Port {where.port}", f"    User {name}"]
        lines += [f"    IdentityFile {_quoted(str(identity.key))}"]
        lines += [f"    CertificateFile {_quoted(str(identity.certificate))}"]
        lines += [f"    HostKeyAlias {ALIAS}", f"    UserKnownHostsFile {_quoted(str(identity.known))}"]
        lines += ["    GlobalKnownHostsFile /dev/null", "    StrictHostKeyChecking yes"]
        lines += ["    VerifyHostKeyDNS no", "    UpdateHostKeys no"]
        lines += [
            "    IdentitiesOnly yes",
            "    ForwardAgent no",
            "    ForwardX11 no",
            f"    Ciphers {CIPHERS}",
        ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """In double quotes, as ssh_config(5) reads them; a percent sign is doubled, as it begins a token."""
    if '"' in text or "\n" in text:
        raise ClientError(
            "client.private", "a path with a quotation mark cannot stand in ssh's configuration"
        )
    return '"' + text.replace("%", "%%") + '"'


def wrapper(program: str, config: str) -> str:
    """A script in the place of ssh, scp or sftp that reads *config*: OpenSSH knows no variable for that."""
    return f'#!/bin/sh\nexec {shlex.quote(program)} -F {shlex.quote(config)} "$@"\n'
