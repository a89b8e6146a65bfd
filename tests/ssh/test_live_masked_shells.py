"""Terminals under masks: OpenSSH's client on a real pseudo-terminal, the gateway, OpenSSH's sshd and a real shell."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.ssh.test_live_shells import PROMPT, at, casts, shown
from tests.testbed import sshd
from tests.testbed.ssh import EVERYTHING, Host, Stand, standing
from tests.testbed.terminal import Typist

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(sshd.program() is None, reason="no sshd: Debian's openssh-server is not installed"),
]
MASK = {"mask": {"entities": ["personal", "secrets"]}}
CARD, MAIL = "4539 1488 0343 6467", "ada@example.com"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Sshd]:
    with sshd.serving(tmp_path_factory.mktemp("sshd") / "s") as found:
        yield found


@pytest.fixture(params=["record", "guarded"])
async def stand(server: sshd.Sshd, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Stand]:
    (tmp_path / "there").write_text(f"{CARD} and {MAIL}\n")
    rules = [*EVERYTHING["rules"], MASK, {"shell": request.param}]
    async with standing(tmp_path, [Host(server)], [{**EVERYTHING, "rules": rules}]) as found:
        yield found


async def test_what_a_shell_shows_is_masked_on_the_screen_and_in_the_recording(stand: Stand) -> None:
    def script(typist: Typist) -> bytes:
        typist.until(PROMPT)
        typist.type(f"cat {stand.folder}/there; echo en''d\r")
        seen = typist.until(rb"end\r\n.*[$#] \Z")
        typist.type("exit\r")
        typist.status()
        return seen

    seen = await at(stand, script)
    assert b"[credit_card] and [email]" in seen
    await stand.recorded("session.closed")
    (cast,) = casts(stand)
    assert "[credit_card] and [email]" in shown(cast)
    journal = b"".join(path.read_bytes() for path in stand.app.journal.folder.glob("*") if path.is_file())
    for place in (seen.decode(), shown(cast), journal.decode("latin-1")):
        assert CARD not in place
        assert MAIL not in place
    outcomes = await stand.recorded("action.outcome")
    (counted,) = [each["masks"] for each in outcomes if each.get("masks")]
    assert (counted["credit_card"], counted["email"]) == (1, 1)


async def test_prompts_and_echoes_come_without_more_typing(stand: Stand) -> None:
    def script(typist: Typist) -> int:
        typist.until(PROMPT)
        typist.type("read -p 'Name: ' x; echo \"<$x>\"\r")
        typist.until(rb"\rName: \Z")
        for letter in "Grace":
            typist.type(letter)
            typist.until(letter.encode() + rb"\Z")
        typist.type("\r")
        typist.until(rb"<Grace>\r\n.*[$#] \Z")
        typist.type("exit\r")
        return typist.status()

    assert await at(stand, script) == 0


async def test_a_value_shown_slowly_is_not_shown_whole(stand: Stand) -> None:
    def script(typist: Typist) -> bytes:
        typist.until(PROMPT)
        typist.type(
            "for d in 4 5 3 9 1 4 8 8 0 3 4 3 6 4 6 7; do printf $d; sleep 0.1; done; echo; echo en''d\r"
        )
        seen = typist.until(rb"end\r\n.*[$#] \Z")
        typist.type("exit\r")
        typist.status()
        return seen

    seen = await at(stand, script)
    assert b"4539148" in seen
    assert b"45391488034" not in seen
    assert b"6467" not in seen
