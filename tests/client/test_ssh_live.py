"""ssh, scp and sftp as they stand, in a run, through the gateway to a real sshd."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.test_commands_live import Shell
from tests.testbed import processes, sshd
from tests.testbed.processes import LOOPBACK
from tests.testbed.ssh import HOST, Host, Stand, standing

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(sshd.program() is None, reason="no sshd: Debian's openssh-server is not installed"),
]


@pytest.fixture
def bastion(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Sshd]:
    with sshd.serving(tmp_path_factory.mktemp("sshd") / "s") as found:
        yield found


class There:
    """What `Shell` wants of a gateway."""

    def __init__(self, stand: Stand) -> None:
        self.app, self.folder = stand.app, stand.folder


async def another_key_is_refused(here: Shell, config: Path) -> None:
    """Whoever listens there with another key gets no login."""
    (mine,) = here.held.parent.glob("ssh-*")
    other = sshd.keygen(here.home / "other").with_suffix(".pub").read_text()
    (mine / "known_hosts").write_text(f"vedette {' '.join(other.split()[:2])}\n")
    with pytest.raises(AssertionError, match="Host key verification failed"):
        await here.program("ssh", "-F", str(config), "-o", "BatchMode=yes", f"{HOST}.vedette", "echo in")
    (mine / "known_hosts").unlink()
    said = await here.program("ssh", "-F", str(config), "-o", "BatchMode=yes", f"{HOST}.vedette", "echo in")
    assert said == "in\n"


async def test_ssh_finds_its_way_in_a_run(bastion, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    listen = {"ssh": f"{LOOPBACK}:0", "web": f"{LOOPBACK}:{processes.free_port()}"}
    async with standing(tmp_path, [Host(bastion)], gateway={"listen": listen}) as stand:
        here = Shell(There(stand), home)  # type: ignore[arg-type]
        # Nobody is asked about the host's key: it came with the certificate.
        options = ["-o", "BatchMode=yes"]
        await here.run("login", here.url, "--with-token", text=stand.token())

        said = await here.run("run", "--", "ssh", *options, HOST, "echo through $((40 + 2))")
        assert said == "through 42\n"
        await here.run("run", "--", "ssh", *options, HOST, "exit 5", code=5)
        (home / "file").write_text("carried")
        target = tmp_path / "carried"
        await here.run("run", "--", "scp", *options, str(home / "file"), f"{HOST}:{target}")
        assert target.read_text() == "carried"
        assert not list((here.held.parent / "runs").iterdir())

        config = home / "ssh_config"
        found = await here.json("ssh-config")
        config.write_text(found["config"])
        assert list(found["hosts"]) == [HOST]
        said = await here.program("ssh", "-F", str(config), *options, f"{HOST}.vedette", "echo again")
        assert said == "again\n"
        opened = stand.journal("session.opened")
        assert {event["protocol"] for event in opened} == {"ssh"}
        await another_key_is_refused(here, config)
        issued = stand.journal("ssh.certificate.issued") or stand.journal("certificate.issued")
        assert len(issued) >= 2
        assert json.dumps(issued).count("ssh-ed25519") == 0
        (mine,) = here.held.parent.glob("ssh-*")
        assert {path.name: path.stat().st_mode & 0o077 for path in (mine, mine / "id_ed25519")} == {
            mine.name: 0,
            "id_ed25519": 0,
        }
