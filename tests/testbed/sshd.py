"""A real sshd on loopback, and OpenSSH's own client to reach it with."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.testbed import processes
from tests.testbed.processes import LOOPBACK

SFTP_SERVER = "/usr/lib/openssh/sftp-server"


def program() -> str | None:
    """Debian's sshd: absolute, as it starts itself anew for each connection."""
    found = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))
    return found if found and shutil.which("ssh") and shutil.which("ssh-keygen") else None


def keygen(path: Path, kind: str = "ed25519") -> Path:
    """A new private key without a passphrase at *path*; the public one is beside it."""
    words = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "test", "-f", str(path)]
    subprocess.run(words, check=True, timeout=30, stdin=subprocess.DEVNULL)
    return path


@dataclass(frozen=True, slots=True)
class Sshd:
    """*user* is who may log in (the tests' own user), *key* the private key that opens it."""

    port: int
    user: str
    key: Path
    host_key: Path
    log: Path
    folder: Path

    @property
    def host_line(self) -> str:
        """The public host key, as a configuration pins it."""
        return " ".join(self.host_key.with_suffix(".pub").read_text().split()[:2])

    def said(self) -> str:
        return self.log.read_text(errors="replace")


@contextlib.contextmanager
def serving(folder: Path, *, trusted_ca: str | None = None, more: Sequence[str] = ()) -> Iterator[Sshd]:
    """
    An sshd with its keys below *folder*, ended on the way out.

    *trusted_ca* is a line for TrustedUserCAKeys; *more* are further lines of its configuration.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    port, user = processes.free_port(), getpass.getuser()
    host_key, key = keygen(folder / "host"), keygen(folder / "login")
    keys = folder / "authorized"
    keys.write_text(key.with_suffix(".pub").read_text())
    lines = [
        f"Port {port}", f"ListenAddress {LOOPBACK}", f"HostKey {host_key}", f"AuthorizedKeysFile {keys}",
        f"PidFile {folder / 'pid'}", "UsePAM no", "StrictModes no", "PermitRootLogin prohibit-password",
        "PasswordAuthentication no", "KbdInteractiveAuthentication no", "LogLevel VERBOSE", "AcceptEnv VEDETTE_* LANG",
        f"Subsystem sftp {SFTP_SERVER}", "MaxSessions 50", "MaxStartups 100",
    ]  # fmt: skip
    if trusted_ca is not None:
        (folder / "ca.pub").write_text(trusted_ca + "\n")
        lines.append(f"TrustedUserCAKeys {folder / 'ca.pub'}")
    config, log = folder / "sshd_config", folder / "sshd.log"
    config.write_text("\n".join([*more, *lines]) + "\n")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    words = processes.command([str(program()), "-D", "-e", "-f", str(config)])
    with processes.running(words, log) as child:
        processes.wait_until(lambda: processes.listening(port), child, log, "sshd")
        yield Sshd(port, user, key, host_key, log, folder)


def client(
    port: int,
    user: str,
    *words: str,
    identity: Path | None = None,
    certificate: Path | None = None,
    known: str = "",
    folder: Path,
    options: Sequence[str] = (),
    program: str = "ssh",
) -> list[str]:
    """The words of an `ssh` that asks nobody anything and reads no configuration but these options."""
    known_hosts = folder / f"known_hosts_{port}"
    if known:
        known_hosts.write_text(f"[{LOOPBACK}]:{port} {known}\n")
    found = [
        program, "-F", "none", "-o", "LogLevel=ERROR", "-o", f"UserKnownHostsFile={known_hosts}",
        "-o", "GlobalKnownHostsFile=none", "-o", f"StrictHostKeyChecking={'yes' if known else 'no'}",
        "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "BatchMode=yes", "-o", f"Port={port}",
    ]  # fmt: skip
    if identity is not None:
        found += ["-i", str(identity)]
    if certificate is not None:
        found += ["-o", f"CertificateFile={certificate}"]
    for option in options:
        found += ["-o", option]
    if program == "ssh":
        found += ["-l", user, LOOPBACK]
    return [*found, *words]


def run(
    words: Sequence[str], *, stdin: bytes | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run it to its end, PATIENCE_SECONDS at most."""
    return subprocess.run(
        words, capture_output=True, check=False, timeout=processes.PATIENCE_SECONDS,
        env=processes.environment(env), **({"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}),
    )  # fmt: skip
