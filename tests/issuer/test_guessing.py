"""Brute force over real HTTP: what the guesser sees, and what everybody else does not."""

from __future__ import annotations

import asyncio

import pytest

from tests.issuer.conftest import House
from tests.issuer.signing_in import Client, back, browser, sign_in
from tests.issuer.test_device_flow import Clock


async def test_guessing_ends_in_waiting(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(home, monkeypatch)
    await home.person()
    query = Client(home).query()
    seen = [(await sign_in(home, query, password=f"wrong guess {n}")) for n in range(7)]
    assert [each.status_code for each in seen] == [400] * 5 + [429] * 2
    assert all("No such person, or not their password" in each.text for each in seen[:5])
    assert int(seen[5].headers["retry-after"]) >= 1
    # Not even the right password helps before its time, so nothing is learned meanwhile.
    assert (await sign_in(home, query)).status_code == 429
    assert home.refusals() == ["login.password"] * 5 + ["login.wait"]
    clock.now += 1.5
    assert "code" in back(await sign_in(home, query))


async def test_nobody_and_somebody_look_alike(home: House) -> None:
    await home.person()
    query = Client(home).query()
    known = await sign_in(home, query, password="wrong wrong wrong")
    unknown = await sign_in(home, query, name="nobody", password="wrong wrong wrong")
    hidden = lambda text: text.split('name="form" value="')[0] + text.split('"', 1)[0]  # noqa: E731
    assert known.status_code == unknown.status_code
    assert hidden(known.text) == hidden(unknown.text)


async def test_unknown_names_cost_the_same_hash(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by the clock, which is noisy here: the hash is computed either way."""
    await home.person()
    counted: list[str | None] = []
    passwords = home.desk.passwords
    real = passwords._hasher.verify
    monkeypatch.setattr(
        passwords._hasher.__class__, "verify", lambda self, h, p: counted.append(h) or real(h, p)
    )
    query = Client(home).query()
    await sign_in(home, query, password="wrong wrong wrong")
    await sign_in(home, query, name="nobody", password="wrong wrong wrong")
    assert len(counted) == 2
    assert all(each.split("$")[1:4] == counted[0].split("$")[1:4] for each in counted)


async def test_a_crowd_is_turned_away_not_queued_without_end(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await home.person()
    monkeypatch.setattr(home.desk.passwords, "_waiting", 0)
    answer = await sign_in(home, Client(home).query())
    assert answer.status_code == 503


async def test_guesses_all_at_once_are_counted(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(home, monkeypatch)
    await home.person()
    query = Client(home).query()
    seen = await asyncio.gather(*(sign_in(home, query, password=f"wrong guess {n}") for n in range(20)))
    assert sum(each.status_code == 400 for each in seen) == 5


async def test_the_password_is_in_no_record_and_no_answer(home: House) -> None:
    await home.person()
    secret = "correct horse battery staple?"
    answer = await sign_in(home, Client(home).query(), password=secret)
    assert secret not in answer.text
    home.app.journal.flush()
    for path in home.app.folder.path.rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes(), path


async def test_what_cannot_be_recorded_is_not_given(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await home.person()
    client = Client(home)
    code = await client.code()

    def broken(event: object) -> int:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(home.app.journal, "record", broken)
        answer = await client.redeem(code)
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert "access_token" not in answer.text
    # The code is used up all the same.
    assert (await client.redeem(code)).json()["error"] == "invalid_grant"


async def test_pages_do_not_fall_over_odd_requests(home: House) -> None:
    async with browser(home) as http:
        for path in ("/oauth/authorize", "/device", "/setup"):
            for query in ("a=%ff", "a=1&a=2", "user_code=%00", "link=" + "x" * 9000, "&" * 200):
                answer = await http.get(f"{path}?{query}")
                assert answer.status_code in (200, 400), (path, query)
            for body in (b"\xff", b"a=1&a=2", b"form=" + b"x" * 9000, b""):
                answer = await http.post(
                    path, content=body, headers={"Content-Type": "application/x-www-form-urlencoded"}
                )
                assert answer.status_code == 400, (path, body)
