"""Programs as they come, through the gateway: each under the very policy that docs/ssh.md gives for it."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.testbed import processes, sshd, tools
from tests.testbed.ssh import Host, Stand, standing
from tests.testbed.tools import Bench

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(sshd.program() is None, reason="no sshd: Debian's openssh-server is not installed"),
]
PAGE = Path(__file__).parents[2] / "docs" / "ssh.md"
CONTENT = "".join(f"line {number}\n" for number in range(50_000))


def documented(tool: str, place: Path) -> list[dict[str, Any]]:
    """The rules that the page gives for *tool*, where ``/srv/app`` is *place*."""
    found = re.search(rf"\n\*\*{tool}\*\*.*?```yaml\n(rules:\n.*?)```", PAGE.read_text(), re.DOTALL)
    assert found, tool
    rules = yaml.safe_load(found[1].replace("/srv/app", str(place)))["rules"]
    return [{"name": "documented", "who": {}, "where": {}, "rules": rules}]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Sshd]:
    with sshd.serving(tmp_path_factory.mktemp("sshd") / "s") as found:
        yield found


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The folder on the host that a policy is about."""
    found = tmp_path / "app"
    found.mkdir()
    (found / "file.txt").write_text(CONTENT)
    (found / "odd name's.txt").write_text("odd")
    return found


@pytest.fixture
async def bench(
    request: pytest.FixtureRequest, server: sshd.Sshd, tmp_path: Path, place: Path
) -> AsyncIterator[Bench]:
    """Whoever works with the tool that the test names, under its policy."""
    async with standing(tmp_path, [Host(server)], documented(request.param, place)) as stand:
        yield tools.bench(stand, tmp_path / "home", stand.certified())


def texts(stand: Stand, verdict: str) -> list[str]:
    return [each["text"] for each in stand.journal("action.judged") if each["verdict"] == verdict]


@pytest.mark.parametrize("bench", ["scp and sftp"], indirect=True)
@pytest.mark.parametrize("flag", ["-s", "-O"], ids=["sftp", "legacy"])
async def test_scp(bench: Bench, place: Path, flag: str) -> None:
    home = bench.folder
    await bench.works("scp", flag, f"{bench.to}:{place}/file.txt", "got.txt")
    assert (home / "got.txt").read_text() == CONTENT
    (home / "up").mkdir()
    (home / "up" / "a").write_text("a" * 100_000)
    os.utime(home / "up" / "a", (1000, 1000))
    await bench.works("scp", flag, "-r", "-p", "up", f"{bench.to}:{place}/new")
    assert (place / "new" / "a").read_text() == "a" * 100_000
    assert (place / "new" / "a").stat().st_mtime == 1000
    await bench.works("scp", flag, "-r", f"{bench.to}:{place}/new", "down")
    assert (home / "down" / "a").read_text() == "a" * 100_000
    refused = await bench.run("scp", flag, f"{bench.to}:/etc/hostname", "x")
    assert refused.status != 0
    assert "vedette" in refused.err
    assert not (home / "x").exists()
    refused = await bench.run("scp", flag, "got.txt", f"{bench.to}:/etc/vedette-test")
    assert refused.status != 0
    assert "vedette-test" not in os.listdir("/etc")


@pytest.mark.parametrize("bench", ["scp and sftp"], indirect=True)
async def test_scp_from_host_to_host(bench: Bench, place: Path) -> None:
    await bench.works("scp", "-3", f"{bench.to}:{place}/file.txt", f"{bench.to}:{place}/copy.txt")
    assert (place / "copy.txt").read_text() == CONTENT


@pytest.mark.parametrize("bench", ["scp and sftp"], indirect=True)
async def test_sftp(bench: Bench, place: Path) -> None:
    batch = (
        f"cd {place}\nls -l\nget file.txt\nput file.txt up.txt\nmkdir sub\nrename up.txt sub/up.txt\nls sub\n"
    )
    batch += "chmod 600 sub/up.txt\nrm sub/up.txt\nrmdir sub\nput -p file.txt\nreget file.txt\ndf\n"
    done = await bench.run("sftp", "-b", "-", bench.to, stdin=batch.encode())
    assert done.status == 0, done
    assert "vedette" not in done.err
    assert "sub/up.txt" in done.out
    assert (bench.folder / "file.txt").read_text() == CONTENT
    assert not (place / "sub").exists()


@pytest.mark.skipif(bool(tools.missing("rsync")), reason="no rsync: Debian's rsync is not installed")
@pytest.mark.parametrize("bench", ["rsync"], indirect=True)
async def test_rsync(bench: Bench, place: Path) -> None:
    home = bench.folder
    await bench.works("rsync", "-az", f"{bench.to}:{place}/", "down/")
    assert (home / "down" / "file.txt").read_text() == CONTENT
    assert (home / "down" / "odd name's.txt").read_text() == "odd"
    (home / "down" / "file.txt").write_text(CONTENT + "more\n")
    await bench.works("rsync", "-avP", "--partial", "--exclude=*.pyc", "down/", f"{bench.to}:{place}/")
    assert (place / "file.txt").read_text() == CONTENT + "more\n"
    await bench.works("rsync", "-a", "down/file.txt", f"{bench.to}:{place}/odd place")
    refused = await bench.run("rsync", "-a", "--delete", "down/", f"{bench.to}:{place}/")
    assert refused.status != 0
    assert "policy." in refused.err
    refused = await bench.run("rsync", "-a", f"{bench.to}:/etc/hostname", "x")
    assert refused.status != 0
    refused = await bench.run("rsync", "-as", f"{bench.to}:{place}/", "y/")
    assert refused.status != 0, "paths that come later are read by nobody"
    assert all(text.startswith("rsync --server") for text in texts(bench.stand, "allow"))


@pytest.mark.skipif(bool(tools.missing("git")), reason="no git: Debian's git is not installed")
@pytest.mark.parametrize("bench", ["git"], indirect=True)
async def test_git(bench: Bench, place: Path) -> None:
    bare, work = place / "code.git", bench.folder / "work"
    await bench.works("git", "init", "-q", "--bare", "-b", "main", str(bare))
    await bench.works("git", "clone", "-q", f"ssh://{bench.to}{bare}", "work")
    (work / "big").write_bytes(os.urandom(3_000_000))
    await bench.works("git", "checkout", "-q", "-b", "main", folder=work)
    await bench.works("git", "add", "big", folder=work)
    await bench.works("git", "commit", "-q", "-m", "one", folder=work)
    await bench.works("git", "push", "-q", "origin", "main", folder=work)
    await bench.works("git", "clone", "-q", f"{bench.to}:{bare}", "again")
    assert (bench.folder / "again" / "big").read_bytes() == (work / "big").read_bytes()
    await bench.works("git", "fetch", "-q", folder=work)
    await bench.works("git", "archive", f"--remote={bench.to}:{bare}", "-o", "x.tar", "main")
    refused = await bench.run("git", "clone", "-q", f"{bench.to}:/etc", "etc")
    assert refused.status != 0
    assert "policy." in refused.err
    assert {text.split()[0] for text in texts(bench.stand, "allow")} == {
        "git-upload-pack", "git-receive-pack", "git-upload-archive",
    }  # fmt: skip
    # Which version of the protocol is spoken goes by GIT_PROTOCOL, which passes.
    assert any("GIT_PROTOCOL" in str(each) for each in bench.stand.journal("action.judged"))


PLAYBOOK = """
- hosts: all
  gather_facts: true
  tasks:
    - command: cat {place}/odd.txt
      register: said
    - copy: {{content: "copied\\n", dest: "{place}/copied"}}
    - file: {{path: "{place}/folder", state: directory}}
    - fetch: {{src: "{place}/copied", dest: "{home}/fetched", flat: true}}
    - assert: {{that: ["said.stdout == 'odd'", "ansible_facts.system == 'Linux'"]}}
"""


@pytest.mark.skipif(not (tools.TOOLS / "ansible-playbook").exists(), reason="make agents prepares Ansible")
@pytest.mark.parametrize("bench", ["Ansible"], indirect=True)
async def test_ansible(bench: Bench, place: Path) -> None:
    home = bench.folder
    (place / "odd.txt").write_text("odd")
    (home / "play.yml").write_text(PLAYBOOK.format(place=place, home=home))
    (home / "hosts").write_text(
        f"{tools.ALIAS} ansible_user=bastion ansible_python_interpreter=/usr/bin/python3"
        f" ansible_remote_tmp={place}/.ansible\n"
    )
    words = [str(tools.TOOLS / "ansible-playbook"), "-i", "hosts", "play.yml"]
    # A socket's path has a hundred bytes, and pytest's folders are deep.
    control = str(processes.folder() / "ansible")
    quiet = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_SSH_USETTY": "false", "ANSIBLE_SSH_CONTROL_PATH_DIR": control}
    said = await bench.works(*words, patience=240.0, **quiet)
    assert "failed=0" in said
    assert "unreachable=0" in said
    assert (place / "copied").read_text() == (home / "fetched").read_text() == "copied\n"
    assert list((place / ".ansible").iterdir()) == []
    # Ansible keeps one connection for all of it.
    assert len(bench.stand.journal("session.opened")) == 1
    assert texts(bench.stand, "deny") == []


PARAMIKO = """
import sys, paramiko
host, port, user, key, known = sys.argv[1:]
client = paramiko.SSHClient()
client.load_host_keys(known)
client.connect(host, int(port), user, key_filename=key, allow_agent=False, look_for_keys=False)
_, out, err = client.exec_command("echo out; echo err >&2; exit 3")
print(out.read().decode(), err.read().decode(), out.channel.recv_exit_status())
with client.open_sftp() as files:
    with files.open({place!r} + "/p.txt", "w") as made:
        made.write("x" * 100_000)
    print(files.stat({place!r} + "/p.txt").st_size)
    try:
        files.open("/etc/hostname").read()
    except OSError as no:
        print("refused", no)
client.close()
"""


@pytest.mark.skipif(not (tools.TOOLS / "python").exists(), reason="make agents prepares paramiko")
@pytest.mark.parametrize("bench", ["scp and sftp"], indirect=True)
async def test_paramiko(bench: Bench, place: Path, tmp_path: Path) -> None:
    key = next(name for name in os.listdir(tmp_path) if re.fullmatch(r"key-\d+", name))
    words = [str(tools.TOOLS / "python"), "-c", PARAMIKO.replace("{place!r}", repr(str(place)))]
    said = await bench.works(
        *words,
        "127.0.0.1",
        str(bench.stand.port),
        "bastion",
        str(tmp_path / key),
        str(bench.folder / "known_hosts"),
    )
    assert said.split("\n")[0:2] == ["out", " err"]
    assert " 3\n100000\nrefused" in said


async def test_many_channels_over_one_connection_that_stays(
    server: sshd.Sshd, tmp_path: Path, place: Path
) -> None:
    """ControlMaster with ControlPersist: commands, copies and listings share what the first one opened."""
    # The name of a Unix socket has 107 characters at most.
    with tempfile.TemporaryDirectory() as short:
        shared = {"ControlMaster": "auto", "ControlPath": f"{short}/c", "ControlPersist": "60"}
        async with standing(tmp_path, [Host(server)]) as stand:
            bench = tools.bench(stand, tmp_path / "home", stand.certified(), shared)
            await bench.works("ssh", bench.to, "true")
            many = [bench.works("ssh", bench.to, f"sleep 0.1; echo {turn}") for turn in range(8)]
            assert [said.strip() for said in await asyncio.gather(*many)] == [str(turn) for turn in range(8)]
            await bench.works("scp", f"{bench.to}:{place}/file.txt", "got")
            await bench.works("sftp", "-b", "-", bench.to, stdin=b"ls\n")
            assert len(stand.journal("session.opened")) == 1
            await bench.works("ssh", "-O", "exit", bench.to)
            await stand.recorded("session.closed")


@pytest.fixture
async def jumps(server: sshd.Sshd, tmp_path: Path, place: Path) -> AsyncIterator[Bench]:
    """Two more hosts in the user's ssh_config: ``inner`` behind the host, ``front`` before the gateway.

    Both are an sshd that is no resource here: a way to one that is would lead to its own engine.
    """
    with sshd.serving(tmp_path / "other") as other:
        inner = [{"allow": {"effects": ["export"], "objects": [f"host:127.0.0.1:{other.port}"]}}]
        rules = [{"allow": {"effects": ["read"], "objects": ["file:*"]}}, *inner]
        async with standing(
            tmp_path, [Host(server)], [{"name": "jumps", "who": {}, "where": {}, "rules": rules}]
        ) as stand:
            bench = tools.bench(stand, tmp_path / "home", stand.certified())
            known = bench.folder / "known_hosts"
            known.write_text(known.read_text() + f"[127.0.0.1]:{other.port} {other.host_line}\n")
            with (bench.folder / "config").open("a") as config:
                for name in ("inner", "front"):
                    config.write(
                        f"Host {name}\n    HostName 127.0.0.1\n    Port {other.port}\n    User {other.user}\n"
                        f"    IdentityFile {other.key}\n    IdentitiesOnly yes\n"
                        f"    UserKnownHostsFile {known}\n    GlobalKnownHostsFile none\n"
                        f"    BatchMode yes\n    LogLevel ERROR\n"
                    )
            yield bench


async def test_a_jump_through_the_gateway(jumps: Bench) -> None:
    """What is said inside is between the caller and the inner host: the gateway sees where to, and how much."""
    assert await jumps.works("ssh", "-J", jumps.to, "inner", "echo inside; rm -f /nowhere/x") == "inside\n"
    (judged,) = jumps.stand.journal("action.judged")
    assert judged["form"] == "forward"
    refused = await jumps.run("ssh", "-J", jumps.to, "-p", "1", "inner", "echo inside")
    assert refused.status == 255
    assert [each["verdict"] for each in jumps.stand.journal("action.judged")] == ["allow", "deny"]


async def test_a_jump_to_the_gateway(jumps: Bench, place: Path) -> None:
    assert (await jumps.works("ssh", "-J", "front", jumps.to, f"cat '{place}/odd name'*")) == "odd"
    refused = await jumps.run("ssh", "-J", "front", jumps.to, f"cat {place}/odd*; rm -rf {place}; true")
    assert (refused.status, refused.out) == (126, "")
    assert [each["verdict"] for each in jumps.stand.journal("action.judged")] == ["allow", "deny"]
