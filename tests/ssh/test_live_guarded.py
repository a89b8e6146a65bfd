"""Guarded shells: OpenSSH's client on a real pseudo-terminal, the gateway, OpenSSH's sshd and a real shell."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ssh.test_live_shells import at, casts, shown
from tests.testbed import processes, sshd
from tests.testbed.ssh import Host, Stand, standing
from tests.testbed.terminal import Typist
from vedette.model import Kind, Principal

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(sshd.program() is None, reason="no sshd: Debian's openssh-server is not installed"),
]
DBA = Principal("dora", Kind.PERSON, frozenset({"dba"}))
RULES: list[dict[str, Any]] = [
    {"allow": {"effects": ["read"]}},
    {"allow": {"effects": ["write", "create"], "objects": ["file:/tmp/*"]}},
    {"deny": {"pack": "destructive-shell"}},
    {"hold": {"effects": ["write"], "objects": ["file:/tmp/held*"]}, "approvers": {"groups": ["dba"]}},
    {"shell": "guarded"},
]
POLICY = {"name": "guards", "who": {}, "where": {}, "rules": RULES}
PROMPT = rb"[$#] \Z"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Sshd]:
    with sshd.serving(tmp_path_factory.mktemp("sshd") / "s") as found:
        yield found


@pytest.fixture
async def stand(server: sshd.Sshd, tmp_path: Path) -> AsyncIterator[Stand]:
    async with standing(tmp_path, [Host(server)], [POLICY]) as found:
        yield found


def lines(stand: Stand) -> list[tuple[str, str]]:
    """Verdict and text of each line that was judged."""
    return [
        (each["verdict"], each.get("text", ""))
        for each in stand.journal("action.judged")
        if each["form"] == "line"
    ]


async def sit(stand: Stand, script: Callable[[Typist], Any], **more: Any) -> Any:
    def begun(typist: Typist) -> Any:
        typist.until(PROMPT)
        return script(typist)

    return await at(stand, begun, **more)


async def test_an_allowed_line_runs_and_the_shell_ends(stand: Stand) -> None:
    def script(typist: Typist) -> int:
        typist.type("echo one-$((1+1))\r")
        typist.until(r"one-2\r\n.*[$#] \Z")
        typist.type("exit\r")
        return typist.status()

    assert await sit(stand, script) == 0
    assert lines(stand) == [("allow", "echo one-$((1+1))"), ("allow", "exit")]
    await stand.recorded("session.closed")
    (cast,) = casts(stand)
    assert "one-2" in shown(cast)
    assert [event[2] for event in cast[1:] if event[1] == "m"] == ["echo one-$((1+1))", "exit"]


async def test_a_refused_line_is_cleared_and_the_shell_goes_on(stand: Stand, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()

    def script(typist: Typist) -> int:
        typist.type(f"rm -rf {victim}\r")
        said = typist.until(r"vedette: [^\r]*\[policy\.denied, rule guards/deny-3\]\r\n.*\^C.*[$#] \Z")
        assert b"destroy" in said
        typist.type("echo still\r")
        typist.until(r"\rstill\r\n.*[$#] \Z")
        typist.type("exit 0\r")
        return typist.status()

    assert await sit(stand, script) == 0
    assert victim.exists()
    assert [verdict for verdict, _ in lines(stand)] == ["deny", "allow", "allow"]


async def test_what_is_typed_ahead_does_not_race_past(stand: Stand, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()

    def script(typist: Typist) -> int:
        typist.type(f"echo a\rrm -rf {victim}\recho b\r")
        typist.until(r"\ra\r\n.*vedette: [^\r]*policy\.denied.*\^C.*[$#] \Z")
        typist.type("echo c\rexit 0\r")
        return typist.status()

    assert await sit(stand, script) == 0
    assert victim.exists()
    # What stood behind the refused line is dropped with it.
    assert [text.split()[0] + text[-1] for _, text in lines(stand)] == ["echoa", "rmm", "echoc", "exit0"]


async def test_a_pasted_block_is_judged_line_by_line(stand: Stand) -> None:
    def script(typist: Typist) -> int:
        typist.type("\x1b[200~echo p1\necho p2\n\x1b[201~")
        typist.until(r"\rp1\r\n.*\rp2\r\n.*[$#] \Z")
        typist.type("exit\r")
        return typist.status()

    assert await sit(stand, script) == 0
    assert [text for _, text in lines(stand)] == ["echo p1", "echo p2", "exit"]


async def test_a_held_line_waits_and_is_entered_once_approved(stand: Stand) -> None:
    held = Path("/tmp") / f"held-{id(stand)}"
    loop = asyncio.get_running_loop()

    async def approve() -> None:
        for hold in await stand.app.desk.pending():
            await stand.app.desk.decide(hold.id, DBA, True)

    def script(typist: Typist) -> int:
        typist.type(f"echo x > {held}\recho after\r")
        typist.until(r"vedette: waiting for approval \S+ by dba")
        assert not held.exists()
        asyncio.run_coroutine_threadsafe(approve(), loop).result(30)
        typist.until(r"\rafter\r\n.*[$#] \Z")
        typist.type("exit\r")
        return typist.status()

    try:
        assert await sit(stand, script) == 0
        assert held.exists()
    finally:
        held.unlink(missing_ok=True)
    assert [verdict for verdict, _ in lines(stand)] == ["allow"] * 3


async def test_an_interrupt_withdraws_a_held_line(stand: Stand) -> None:
    held = Path("/tmp") / f"held-{id(stand)}"

    def script(typist: Typist) -> int:
        typist.type(f"echo x > {held}\r")
        typist.until(r"vedette: waiting for approval")
        typist.type("echo dropped\r\x03")
        typist.until(r"\^C.*[$#] \Z")
        typist.type("echo next\r")
        typist.until(r"\rnext\r\n.*[$#] \Z")
        typist.type("exit\r")
        return typist.status()

    assert await sit(stand, script) == 0
    assert not held.exists()
    assert stand.journal("hold.withdrawn")
    assert [text for _, text in lines(stand)] == ["echo next", "exit"]


@pytest.mark.parametrize(
    ("first", "keys", "ran", "printed"),
    [
        ("echo recalled\r", "\x1b[A\r", "echo recalled", "recalled"),
        ("echo recalled\r", "\x10\r", "echo recalled", "recalled"),
        ("", "cat /etc/hostn\t\r", "cat /etc/hostname", r"\S+"),
        ("", "echo middlw\x7f\x1b[D\x01\x05e\r", "echo middle", "middle"),
        ("", "xecho s\x01\x1b[3~\x05tart\r", "echo start", "start"),
        ("", "echo word\x1bbX\r", "echo Xword", "Xword"),
        ("", "echo twice\x0f", "echo twice", "twice"),
    ],
    ids=["up", "previous", "completion", "known", "delete", "by word", "operate"],
)
async def test_lines_that_keys_do_not_tell(
    stand: Stand, first: str, keys: str, ran: str, printed: str
) -> None:
    def script(typist: Typist) -> int:
        if first:
            typist.type(first)
            typist.until(r"\rrecalled\r\n.*[$#] \Z")
        typist.type(keys)
        typist.until(rf"\r\n\S*\r{printed}\r\n.*[$#] \Z")
        typist.type("exit\r")
        return typist.status()

    assert await sit(stand, script) == 0
    assert lines(stand)[-2:] == [("allow", ran), ("allow", "exit")]


@pytest.mark.parametrize(
    "keys",
    ["cat <<E\r", "echo 'open\r", "ls \\\r", "echo !!\r", "for x in 1 2; do\r", "vi /tmp/x\r", "bash\r", "python3\r",
     "PROMPT_COMMAND='rm x'\r", "\x12echo\r", "echo a\x18\x05", "echo x # y\r"],
    ids=ascii,
)  # fmt: skip
async def test_lines_that_cannot_be_read_are_unknown(stand: Stand, keys: str) -> None:
    def script(typist: Typist) -> int:
        typist.type(keys)
        typist.until(r"vedette: [^\r]*\[policy\.unknown, rule default\]\r\n")
        if keys[0] == "\x12":
            typist.type("\x03")  # no prompt stood there: the search is not given up for the caller
        typist.until(r"[$#] \Z")
        typist.type("exit 0\r")
        return typist.status()

    assert await sit(stand, script) == 0
    judged = stand.journal("action.judged")[1]
    assert (judged["verdict"], judged["code"]) == ("deny", "policy.unknown")


async def test_a_program_in_the_foreground_is_unknown(server: sshd.Sshd, tmp_path: Path) -> None:
    rules = [*RULES, {"allow": {"effects": ["execute"], "objects": ["program:less"]}}]
    async with standing(tmp_path, [Host(server)], [{**POLICY, "rules": rules}]) as stand:

        def script(typist: Typist) -> int:
            typist.type("seq 100 > /tmp/x.$$; less /tmp/x.$$\r")
            typist.until(rb"\x1b\[\?1049h.*\n23")
            typist.type("!rm x\r")
            typist.until(r"policy\.unknown")
            typist.type("\x15\x7fq")
            typist.until(rb"\x1b\[\?1049l.*[$#] \Z")
            typist.type("read x\r")
            typist.until(r"read x\r\n")
            typist.type("rm -rf x\r")
            typist.until(r"policy\.unknown")
            typist.type("\x03")
            typist.until(r"[$#] \Z")
            typist.type("exit\r")
            return typist.status()

        await sit(stand, script)
        unread = [
            each["unread"] for each in stand.journal("action.judged") if each.get("code") == "policy.unknown"
        ]
        assert unread == ["a program fills the screen", "this is not the shell's prompt"]


async def test_what_is_not_echoed_is_not_recorded(server: sshd.Sshd, tmp_path: Path) -> None:
    rules = [*RULES, {"record": {"input": True}}]
    async with standing(tmp_path, [Host(server)], [{**POLICY, "rules": rules}]) as stand:

        def script(typist: Typist) -> int:
            typist.type("read -s -p 'Password: ' x\r")
            typist.until(r"\rPassword: \Z")
            typist.type("hunter2\r")
            typist.until(r"policy\.unknown")
            typist.type("\x03")
            typist.until(r"[$#] \Z")
            typist.type("exit\r")
            return typist.status()

        await sit(stand, script)
        await stand.recorded("session.closed")
        (cast,) = casts(stand)
        typed = shown(cast, "i")
        assert "read -s -p" in typed
        assert "exit" in typed
        files = [*stand.app.folder.recordings.iterdir(), *stand.app.folder.journal.glob("*.journal")]
        assert not any(b"hunter2" in file.read_bytes() for file in files)


async def test_a_guarded_shell_needs_a_terminal(stand: Stand) -> None:
    done = await stand.ssh("-T", key=stand.certified(), stdin=b"echo x\n")
    assert done.returncode == 126
    assert b"shell.terminal" in done.stderr


async def test_a_resize_in_the_middle_of_a_line(stand: Stand) -> None:
    def script(typist: Typist) -> int:
        typist.type("echo " + "wide" * 30)
        typist.until("wide" * 3)
        typist.resize(30, 60)
        typist.type("end")
        typist.until("end")
        typist.type("\r")
        typist.until(r"wideend\r\n.*[$#] \Z|policy\.unknown.*[$#] \Z")
        typist.type("exit 0\r")
        return typist.status()

    await sit(stand, script)
    assert lines(stand)[0][1].startswith("echo wide") or lines(stand)[0][0] == "deny"


async def test_a_caller_that_hangs_up_withdraws_what_is_held(stand: Stand) -> None:
    held = Path("/tmp") / f"held-{id(stand)}"

    def script(typist: Typist) -> None:
        typist.type(f"echo x > {held}\r")
        typist.until(r"vedette: waiting for approval")

    await sit(stand, script)  # and is gone
    await stand.recorded("hold.withdrawn")
    await stand.recorded("session.closed")
    assert not held.exists()


def gone(file: Path) -> None:
    """Returns once the process whose number stands in *file* has ended."""
    place = Path("/proc", file.read_text().strip())
    file.unlink()
    deadline = time.monotonic() + processes.PATIENCE_SECONDS
    while place.exists():
        if time.monotonic() > deadline:
            raise TimeoutError("it goes on")
        time.sleep(0.01)


async def test_a_kill_ends_a_shell_that_ignores_being_told(stand: Stand) -> None:
    loop = asyncio.get_running_loop()

    async def kill() -> None:
        (name,) = stand.app.live.sessions
        stand.app.live.kill(name, "killed by a test")

    def script(typist: Typist) -> int:
        typist.type("echo $$ > /tmp/pid-x\r")
        typist.until(PROMPT)
        asyncio.run_coroutine_threadsafe(kill(), loop).result(30)
        typist.until(r"killed by a test")
        return typist.status()

    assert await sit(stand, script) == 255
    await asyncio.to_thread(gone, Path("/tmp/pid-x"))


async def test_a_policy_that_no_longer_opens_shells_ends_them(stand: Stand) -> None:
    loop = asyncio.get_running_loop()
    file = stand.app.settings.file

    async def change() -> None:
        file.write_text(
            file.read_text().replace("guarded", "record").replace("shell: record", "limit: {rows: 1000000}")
        )
        await stand.app.reload()

    def script(typist: Typist) -> int:
        asyncio.run_coroutine_threadsafe(change(), loop).result(30)
        typist.until(r"session\.policy")
        return typist.status()

    assert await sit(stand, script) == 255


@pytest.mark.parametrize("shell", ["dash -i", "env PS1=p$ bash --norc --noediting -i"])
async def test_shells_without_a_line_editor(tmp_path: Path, shell: str) -> None:
    def script(typist: Typist) -> None:
        typist.type("echo o$((1+1))\r")
        typist.until(r"o2\r\n.*[$#] ?\Z")
        typist.type("rm -rf /tmp/nothing\r")
        typist.until(r"policy\.denied.*\^C\r\n.*[$#] ?\Z")
        typist.type("echo a\recho b\r")
        typist.until(r"\na\r\n.*\nb\r\n.*[$#] ?\Z")
        # Twice the end of input hands over what stands on the line, without an Enter.
        typist.type("rm -rf /tmp/nothing\x04\x04")
        typist.until(r"policy\.denied.*\^C\r\n.*[$#] ?\Z")

    def begun(typist: Typist) -> None:
        typist.until(r"[$#] ?\Z")
        script(typist)

    folder = tmp_path / "gateway"
    folder.mkdir()
    with sshd.serving(tmp_path / "sshd", more=[f"ForceCommand {shell}"]) as server:
        async with standing(folder, [Host(server)], [POLICY]) as stand:
            await at(stand, begun)
            assert [verdict for verdict, _ in lines(stand)] == ["allow", "deny", "allow", "allow", "deny"]
