"""People who log in over SSH with nothing but a browser that is elsewhere: by the built-in issuer, and by others."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncssh
import httpx2
import pytest

from tests.issuer.conftest import House
from tests.issuer.test_device_flow import approve
from tests.testbed import processes, sshd
from tests.testbed.processes import LOOPBACK
from tests.testbed.provider import PUBLIC, Provider, providing
from tests.testbed.ssh import HOST, Host, Stand, standing
from vedette.protocols.ssh import accept, devices

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(sshd.program() is None, reason="no sshd: Debian's openssh-server is not installed"),
]
SHOWN = re.compile(r"Open (\S+) in a browser, and compare the code there: (\S+)")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Sshd]:
    with sshd.serving(tmp_path_factory.mktemp("sshd") / "s") as found:
        yield found


@pytest.fixture
async def stand(server: sshd.Sshd, tmp_path: Path) -> AsyncIterator[Stand]:
    async with standing(tmp_path, [Host(server)], gateway={"listen": listeners()}) as found:
        yield found


def listeners() -> dict[str, str]:
    return {"ssh": f"{LOOPBACK}:0", "web": f"{LOOPBACK}:{processes.free_port()}"}


@asynccontextmanager
async def house(stand: Stand) -> AsyncIterator[House]:
    """The same gateway, as its web listener shows it, with a person who may sign in."""
    base = f"http://{LOOPBACK}:{stand.app.ports['web']}"
    async with httpx2.AsyncClient(base_url=base, trust_env=False, timeout=30) as http:
        home = House(stand.app, http, [])
        await home.person()
        yield home


class Person(asyncssh.SSHClient):
    """Presses Enter, and looks at what is shown. *says* is what is typed first."""

    def __init__(self, says: str = "") -> None:
        self.says = says
        self.prompts: list[str] = []
        self.told: asyncio.Future[tuple[str, str]] = asyncio.get_running_loop().create_future()
        self.banners: list[str] = []
        self.tries = 0
        self.connection: asyncssh.SSHClientConnection | None = None

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self.connection = conn

    def kbdint_auth_requested(self) -> str | None:
        self.tries += 1
        return "" if self.tries == 1 else None

    async def leaves(self, connecting: asyncio.Task[asyncssh.SSHClientConnection]) -> None:
        assert self.connection is not None
        self.connection.abort()
        connecting.cancel()
        await asyncio.wait((connecting,))

    def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: list[tuple[str, bool]]
    ) -> list[str]:
        self.prompts += [text for text, _ in prompts]
        if (found := SHOWN.search(instructions)) and not self.told.done():
            self.told.set_result((found[1], found[2]))
        return [self.says for _ in prompts]

    def auth_banner_received(self, msg: str, lang: str) -> None:
        self.banners.append(msg)


async def connect(stand: Stand, person: Person) -> asyncssh.SSHClientConnection:
    return await asyncssh.connect(
        LOOPBACK, stand.port, config=None, username=HOST, known_hosts=None, client_keys=None, agent_path=None,
        client_factory=lambda: person, preferred_auth="keyboard-interactive",
    )  # fmt: skip


async def begun(stand: Stand, person: Person) -> tuple[asyncio.Task[asyncssh.SSHClientConnection], str, str]:
    connecting = asyncio.create_task(connect(stand, person))
    await asyncio.wait((connecting, person.told), return_when=asyncio.FIRST_COMPLETED, timeout=60)
    if not person.told.done():
        raise AssertionError(person.banners) from connecting.exception()
    return connecting, *person.told.result()


async def test_a_person_signs_in_elsewhere(stand: Stand) -> None:
    async with house(stand) as home:
        person = Person()
        connecting, url, code = await begun(stand, person)
        assert url == f"{home.url}/device?user_code={code}"
        assert not connecting.done()
        assert person.prompts == ["Vedette token, or Enter to sign in with a browser: "]
        await approve(home, code)
        async with await connecting as connection:
            assert (await connection.run("echo in")).stdout == "in\n"
    (opened,) = stand.journal("session.opened")
    assert (opened["who"]["principal"], opened["application"]) == ("vedette#anna", "device")


async def test_openssh_shows_the_code_and_waits(stand: Stand) -> None:
    askpass = stand.folder / "askpass"
    askpass.write_text("#!/bin/sh\necho\n")
    askpass.chmod(0o755)
    more = ["PreferredAuthentications=keyboard-interactive", "BatchMode=no", "LogLevel=INFO"]
    words = sshd.client(stand.port, HOST, "echo in", known=stand.host_line, folder=stand.folder)
    at = words.index("-o")
    for option in reversed(more):
        words[at:at] = ["-o", option]
    async with house(stand) as home:
        child = await asyncio.create_subprocess_exec(
            *words, stdin=asyncio.subprocess.DEVNULL, stdout=-1, stderr=-1, start_new_session=True,
            env=processes.environment({"SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force"}),
        )  # fmt: skip
        try:
            assert child.stderr is not None
            async with asyncio.timeout(processes.PATIENCE_SECONDS):
                while not (found := SHOWN.search(line := (await child.stderr.readline()).decode())):
                    assert line, "it ended"
                await approve(home, found[2])
                out, err = await child.communicate()
            assert (child.returncode, out) == (0, b"in\n"), err
        finally:
            if child.returncode is None:
                child.kill()


async def test_a_person_says_no(stand: Stand) -> None:
    async with house(stand) as home:
        person = Person()
        connecting, _, code = await begun(stand, person)
        await approve(home, code, "no")
        with pytest.raises(asyncssh.PermissionDenied):
            await connecting
    assert "identity.device" in person.banners[-1]
    assert [each["code"] for each in stand.journal("session.refused")][-1] == "identity.device"


async def test_nobody_comes(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait is bounded, and longer than a login's otherwise."""
    assert stand.app.settings.gateway.limits.login_timeout < devices.DEVICE_SECONDS
    monkeypatch.setattr(accept, "DEVICE_SECONDS", 0.2)
    with pytest.raises((asyncssh.DisconnectError, asyncssh.ConnectionLost)):
        await connect(stand, Person())
    assert stand.journal("session.opened") == []


async def test_who_leaves_waits_no_longer(stand: Stand) -> None:
    assert stand.app.ssh is not None
    room = stand.app.ssh._door.room
    person = Person()
    connecting, _, _ = await begun(stand, person)
    assert room._peers.total() == 1
    await person.leaves(connecting)
    async with asyncio.timeout(processes.PATIENCE_SECONDS):
        while room._peers:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_only_so_many_wait_at_once(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "MAX_WAITING_PER_PEER", 1)
    first, late = Person(), Person()
    connecting, _, _ = await begun(stand, first)
    with pytest.raises(asyncssh.PermissionDenied):
        await connect(stand, late)
    assert "login.crowded" in "".join(late.banners)
    await first.leaves(connecting)


async def test_one_code_for_one_connection(stand: Stand) -> None:
    """What comes after the first is a try like any other, and those are counted."""
    async with house(stand) as home:

        class Again(Person):
            def kbdint_auth_requested(self) -> str | None:
                self.tries += 1
                return "" if self.tries < 9 else None

        person = Again()
        connecting, _, code = await begun(stand, person)
        await approve(home, code, "no")
        with pytest.raises((asyncssh.DisconnectError, asyncssh.ConnectionLost)):
            await connecting
        assert person.tries <= 7
        assert len([each for each in home.journal("session.refused")]) <= 7


async def test_a_token_at_the_prompt_is_still_taken(stand: Stand) -> None:
    person = Person(stand.token())
    async with await connect(stand, person) as connection:
        assert (await connection.run("echo in")).stdout == "in\n"
    (opened,) = stand.journal("session.opened")
    assert opened["application"] == "keyboard-interactive"


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with providing() as found:
        yield found


async def test_another_issuers_people(provider: Provider, server: sshd.Sshd, tmp_path: Path) -> None:
    identity = {"issuers": [provider.settings() | {"client": PUBLIC}]}
    async with standing(tmp_path, [Host(server)], identity=identity) as stand:
        person = Person()
        connecting, url, _ = await begun(stand, person)
        assert url.startswith(provider.issuer)
        await provider.browse(url, "dana")
        async with await connecting as connection:
            assert (await connection.run("echo in")).stdout == "in\n"
        (opened,) = stand.journal("session.opened")
        assert opened["who"]["principal"] == f"{provider.issuer}#dana"
