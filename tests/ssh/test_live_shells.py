"""Shells and commands on terminals: OpenSSH's client on a real pseudo-terminal, the gateway, OpenSSH's sshd."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.testbed import sshd
from tests.testbed.ssh import EVERYTHING, Host, Stand, standing
from tests.testbed.terminal import Typist, typing
from vedette.cli import app as cli
from vedette.recording.tape import Tape

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(sshd.program() is None, reason="no sshd: Debian's openssh-server is not installed"),
]
RECORD = {**EVERYTHING, "rules": [*EVERYTHING["rules"], {"shell": "record"}]}
PROMPT = rb"[$#] \Z"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Sshd]:
    with sshd.serving(tmp_path_factory.mktemp("sshd") / "s") as found:
        yield found


@pytest.fixture
async def stand(server: sshd.Sshd, tmp_path: Path) -> AsyncIterator[Stand]:
    async with standing(tmp_path, [Host(server)], [RECORD]) as found:
        yield found


async def at(
    stand: Stand, script: Callable[[Typist], Any], *words: str, options: Sequence[str] = (), key: Path | None = None,
    rows: int = 24, columns: int = 80,
) -> Any:  # fmt: skip
    """Run *script* as whoever sits at a terminal with ``ssh -tt HOST words``."""
    client = stand.words(*words, key=key or stand.certified(), options=[*options, "RequestTTY=force"])

    def sit() -> Any:
        with typing(client, rows=rows, columns=columns) as typist:
            return script(typist)

    return await asyncio.to_thread(sit)


def casts(stand: Stand) -> list[list[Any]]:
    """The recordings that are closed, in order: header and events of each."""
    files = sorted(stand.app.folder.recordings.glob("*.cast"))
    return [[json.loads(line) for line in file.read_text().splitlines()] for file in files]


def shown(cast: Sequence[Any], code: str = "o") -> str:
    return "".join(event[2] for event in cast[1:] if event[1] == code)


async def test_a_shell_goes_as_it_would_without_us(stand: Stand) -> None:
    def script(typist: Typist) -> int:
        typist.until(PROMPT)
        typist.type("tty && stty size; echo $TERM\r")
        typist.until(r"/dev/pts/\d+\r\n24 80\r\nxterm-256color\r\n")
        typist.resize(40, 120)
        typist.until(PROMPT)
        # The new size comes by a message of its own, whenever it comes.
        typist.type("until [ \"$(stty size)\" = '40 120' ]; do sleep 0.1; done; echo re''sized\r")
        typist.until(r"\rresized\r\n")
        typist.type("sleep 600\r")
        typist.until("sleep 600\r\n")
        typist.type("\x03")
        typist.until(r"\^C.*[$#] \Z")
        typist.type("exit 7\r")
        return typist.status()

    assert await at(stand, script) == 7
    (judged,) = stand.journal("action.judged")
    assert (judged["form"], judged["verdict"]) == ("shell", "allow")
    assert [touch["object"] for touch in judged["touches"]] == ["terminal:shell"]
    assert ["terminal", "xterm-256color"] in judged["state"]
    (outcome,) = await stand.recorded("action.outcome")
    assert outcome["tag"] == "exit 7"
    (opened,) = stand.journal("recording.opened")
    assert (opened["form"], opened["width"], opened["height"]) == ("terminal", 80, 24)


async def test_a_command_on_a_terminal(stand: Stand) -> None:
    def script(typist: Typist) -> int:
        typist.until("height 24 tty yes\r\n")
        return typist.status()

    command = "printf 'height %s tty ' $(stty size | cut -d' ' -f1); test -t 0 && echo yes; exit 3"
    assert await at(stand, script, command) == 3
    judged = stand.journal("action.judged")[0]
    assert (judged["form"], judged["text"]) == ("exec", command)


async def test_a_signal_from_the_terminal_ends_a_command(stand: Stand) -> None:
    def script(typist: Typist) -> int:
        typist.until("ready")
        typist.type("\x03")
        return typist.status()

    assert await at(stand, script, "echo ready; exec sleep 600") in (130, 255)
    (outcome,) = await stand.recorded("action.outcome")
    assert outcome["tag"] in ("signal INT", "exit 130")


async def test_programs_that_fill_the_screen(stand: Stand) -> None:
    def script(typist: Typist) -> int:
        typist.until(PROMPT)
        typist.type("seq 1000 | less\r")
        typist.until(rb"\x1b\[\?1049h.*\n24?.*:")
        typist.type("G")
        typist.until("1000")
        typist.type("q")
        typist.until(rb"\x1b\[\?1049l.*[$#] \Z")
        typist.type("exit\r")
        return typist.status()

    assert await at(stand, script) == 0


async def test_several_shells_on_one_connection(stand: Stand, tmp_path: Path) -> None:
    key, path = stand.certified(), tmp_path / "m"
    options = [f"ControlPath={path}", "ControlMaster=auto", "ControlPersist=yes"]
    assert (await stand.ssh("true", key=key, options=options)).returncode == 0

    def script(number: int) -> Callable[[Typist], int]:
        def one(typist: Typist) -> int:
            typist.until(PROMPT)
            typist.type(f"echo $((100 + {number}))\r")
            typist.until(rf"\r{100 + number}\r\n")
            typist.type(f"exit {number}\r")
            return typist.status()

        return one

    done = await asyncio.gather(*(at(stand, script(n), options=options, key=key) for n in range(1, 5)))
    assert list(done) == [1, 2, 3, 4]
    assert len(stand.journal("session.opened")) == 1
    await stand.ssh("-O", "exit", key=key, options=options)
    await stand.recorded("session.closed")
    assert ["exit" in shown(cast) for cast in casts(stand)] == [True] * 4


async def test_commands_fed_to_a_shell_without_a_terminal(stand: Stand) -> None:
    done = await stand.ssh("-T", key=stand.certified(), stdin=b"echo from $0\nexit 5\n")
    assert done.returncode == 5
    assert done.stdout.startswith(b"from ")


async def test_much_output_on_a_terminal_comes_whole_and_is_recorded(stand: Stand) -> None:
    def run(typist: Typist) -> tuple[int, bytes]:
        status = typist.status()
        return status, typist.seen

    status, seen = await at(stand, run, "seq 200000")
    assert status == 0
    assert seen == b"".join(b"%d\r\n" % n for n in range(1, 200001))
    await stand.recorded("recording.sealed")
    assert shown(casts(stand)[0]).encode() == seen


async def test_a_shell_that_no_rule_opens(server: sshd.Sshd, tmp_path: Path) -> None:
    async with standing(tmp_path, [Host(server)]) as stand:
        for words in (["-T"], ["-tt"]):
            client = stand.words(key=stand.certified())
            done = await asyncio.to_thread(sshd.run, [client[0], *words, *client[1:]])
            assert done.returncode == 126
            assert b"policy.shell" in done.stdout + done.stderr
        assert {each["code"] for each in stand.journal("action.judged")} == {"policy.shell"}
        assert stand.journal("recording.opened") == []


async def test_a_terminal_is_played_exported_and_proven(server: sshd.Sshd, tmp_path: Path) -> None:
    def script(typist: Typist) -> int:
        typist.until(PROMPT)
        typist.type("printf 'co\\033[31mlour\\033]0;title\\007\\n'\r")
        typist.until(PROMPT)
        typist.type("exit\r")
        return typist.status()

    async with standing(tmp_path, [Host(server)], [RECORD]) as stand:
        await at(stand, script)
        await stand.recorded("session.closed")
        file, folder = str(stand.app.settings.file), stand.app.folder.recordings

    def command(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli, [*words, "--config", file])
        return done.exit_code, done.output

    status, played = await asyncio.to_thread(command, "sessions", "replay", "last", "--no-wait")
    assert status == 0, played
    assert "co\x1b[31mlour" in played
    assert "\x1b]0;" not in played.replace("\\033", "")
    status, text = await asyncio.to_thread(command, "sessions", "export", "last", "--format", "asciicast")
    assert status == 0, text
    header, *lines = [json.loads(line) for line in text.splitlines()]
    assert (header["version"], header["width"], header["height"]) == (2, 80, 24)
    assert {line[1] for line in lines} <= {"o", "i", "r", "m"}
    assert any(line[1:] == ["m", "exit"] for line in lines)
    assert "colour" in "".join(line[2] for line in lines if line[1] == "o").replace("\x1b[31m", "")
    assert (await asyncio.to_thread(command, "verify"))[0] == 0
    (cast,) = folder.glob("*.cast")
    cast.write_text(cast.read_text().replace("lour", "lors"))
    status, said = await asyncio.to_thread(command, "verify")
    assert status != 0
    assert cast.stem in said.replace("\n", "")


async def test_a_password_is_no_command(stand: Stand) -> None:
    def script(typist: Typist) -> int:
        typist.until(PROMPT)
        typist.type("read -s -p 'Password: ' x; echo\r")
        typist.until(r"\rPassword: \Z")
        typist.type("hunter2\r")
        typist.until(PROMPT)
        typist.type("exit\r")
        return typist.status()

    await at(stand, script)
    await stand.recorded("session.closed")
    (cast,) = casts(stand)
    assert [event[2] for event in cast[1:] if event[1] == "m"] == ["read -s -p 'Password: ' x; echo", "exit"]
    assert "hunter2" not in json.dumps(cast)


async def test_what_cannot_be_recorded_ends(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: object, line: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Tape, "_write", full)
    done = await stand.ssh("echo secret", key=stand.certified())
    assert done.returncode == 255
    assert b"secret" not in done.stdout
    assert b"recording.unavailable" in done.stderr


async def test_commands_are_recorded_with_streams_apart_up_to_a_cap(
    server: sshd.Sshd, tmp_path: Path
) -> None:
    rules = [*EVERYTHING["rules"], {"record": {"output": "10B"}}]
    async with standing(tmp_path, [Host(server)], [{**EVERYTHING, "rules": rules}]) as stand:
        done = await stand.ssh("printf 0123456789abc; printf err >&2", key=stand.certified())
        assert done.stdout == b"0123456789abc"
        await stand.recorded("session.closed")
        (seal,) = await stand.recorded("recording.sealed")
        assert seal["left_out"] == {"o": 3}
        (cast,) = casts(stand)
        assert (shown(cast, "o"), shown(cast, "e")) == ("0123456789", "err")
        (opened,) = stand.journal("recording.opened")
        assert (opened["form"], opened["cap"]) == ("output", 10)
