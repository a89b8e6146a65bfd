"""Strangers who try and try over SSH and PostgreSQL cannot fill the journal; who is known is always on record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from tests.conformance.talk_postgres import Talk
from tests.testbed import sshd
from tests.testbed.processes import LOOPBACK
from tests.testbed.ssh import Host, Stand, standing
from vedette import upkeep
from vedette.protocols import refusals
from vedette.protocols.postgres import messages as m

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(sshd.program() is None, reason="no sshd: Debian's openssh-server is not installed"),
]
LISTEN = {name: f"{LOOPBACK}:0" for name in ("ssh", "postgres")}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Sshd]:
    with sshd.serving(tmp_path_factory.mktemp("sshd") / "s") as found:
        yield found


async def over_ssh(stand: Stand, user: str, password: str) -> None:
    connection = await asyncssh.connect(
        LOOPBACK, stand.port, config=None, username=user, password=password, known_hosts=None,
        client_keys=None, agent_path=None, preferred_auth="password",
    )  # fmt: skip
    async with connection:
        await connection.wait_closed()


async def over_postgres(stand: Stand) -> None:
    talk = await Talk.dial(stand.app.ports["postgres"])
    talk.writer.write(m.startup({"user": "agent", "database": "bastion"}))
    assert await talk.message() == (b"R", b"\0\0\0\3")
    talk.writer.write(m.message(b"p", b"wrong\0"))
    assert (await talk.rest()).errors
    await talk.close()


async def test_a_flood_is_summed(server: sshd.Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "PER_NETWORK", 3)
    monkeypatch.setattr(upkeep, "SUM_SECONDS", 0.0)
    async with standing(tmp_path, [Host(server)], gateway={"listen": LISTEN}) as stand:
        for _ in range(2):
            await over_postgres(stand)
        for _ in range(4):
            with pytest.raises(asyncssh.PermissionDenied):
                await over_ssh(stand, "bastion", "wrong")
        await over_postgres(stand)
        # Who has proven who it is has a record of its own, flood or no flood.
        await over_ssh(stand, "nowhere", stand.token("agent-7"))
        records = await stand.recorded("session.refused", 4)
        sums = await stand.recorded("login.refusals")
        while sum(each["count"] for each in sums) < 4:
            sums = await stand.recorded("login.refusals", len(sums) + 1)
    assert [each["protocol"] for each in records] == ["postgres", "postgres", "ssh", "ssh"]
    assert (records[3]["code"], records[3]["who"]["principal"]) == ("login.resource", "vedette#agent-7")
    assert sum(each["count"] for each in sums) == 4
    assert {network for each in sums for network in each["networks"]} == {"127.0.0.0/24"}
