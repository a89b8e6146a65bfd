"""From an empty machine to a working session with the built-in issuer: people, accounts, loans."""

from __future__ import annotations

import asyncio
import html
import json
import re
import sys
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2
import pytest

from tests.client.conftest import fields
from tests.client.test_commands_live import SCRIPT, Shell, shell
from tests.live.gateways import ALL, policy
from tests.testbed.gateway import RESOURCE

pytestmark = pytest.mark.live

PASSWORD = "correct horse battery staple"
RULES = [policy({"allow": {"effects": ALL}}, who={"groups": ["ai-agents"]})]
_FORM = re.compile(r'<form[^>]*action="([^"]*)"[^>]*>(.*?)</form>', re.DOTALL)
_BUTTON = re.compile(r'<button[^>]*name="([^"]*)"[^>]*value="([^"]*)"')


async def sign_in(url: str) -> None:
    """A browser: fills in what it is asked, and follows where it is sent, to the end."""
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as http:
        page = await http.get(url)
        for _ in range(6):
            if page.is_redirect:
                page = await http.get(urljoin(str(page.url), page.headers["location"]))
                continue
            form = _FORM.search(page.text)
            if form is None:
                break
            filled = fields(form[2])
            if "name" in filled:
                filled |= {"name": "dana", "password": PASSWORD}
            if button := _BUTTON.search(form[2]):
                filled[button[1]] = html.unescape(button[2])
            target = urljoin(str(page.url), html.unescape(form[1]))
            parts = urlsplit(target)
            page = await http.post(
                target, data=filled, headers={"Origin": f"{parts.scheme}://{parts.netloc}"}
            )
        assert page.status_code == 200, page.text


async def address(child: asyncio.subprocess.Process) -> str:
    """The address that the command shows to the person."""
    assert child.stderr is not None
    while line := (await child.stderr.readline()).decode():
        if (word := line.strip()).startswith("http"):
            return word
    raise AssertionError("no address was shown")


async def add_dana(here: Shell) -> None:
    await here.operator("people", "add", "dana", "--groups", "ai-agents,dba", text=PASSWORD + "\n")


async def logged_in(here: Shell, *words: str) -> Any:
    child = await here.start("login", here.url, "--json", *words)
    async with asyncio.timeout(60):
        await sign_in(await address(child))
        out, err = await child.communicate()
    assert child.returncode == 0, err.decode()
    return json.loads(out)


@pytest.mark.parametrize("words", [(), ("--device",)])
async def test_a_person_logs_in_lends_and_logs_out(pg16, database, tmp_path, words):
    async with shell(pg16, database, tmp_path, policies=RULES) as here:
        here.more["BROWSER"] = "true"
        await add_dana(here)
        said = await logged_in(here, *words)
        assert (said["subject"], said["kind"]) == ("dana", "person")
        assert {each["name"] for each in await here.json("resources")} == {RESOURCE}

        lend = ["run", "--as", "reporter", "--groups", "ai-agents", "--resources", RESOURCE, "--ttl", "10m"]
        out = await here.run(*lend, "--", sys.executable, "-c", SCRIPT)
        assert out.startswith("in ")
        (opened,) = here.live.journal("session.opened")
        assert opened["who"]["principal"].endswith("#reporter")
        assert (opened["who"]["kind"], opened["who"]["actor"]) == ("agent", "dana")
        revoked = {event["token"] for event in here.live.journal("token.revoked")}
        assert opened["who"]["credential"] in revoked

        lent = await here.json("delegate", "--agent", "reporter", "--resources", RESOURCE, "--groups", "dba")
        issued = here.live.journal("token.issued")
        assert lent["id"] == issued[-1]["token"]
        there = ["login", here.url, "--with-token", "--as", "borrowed"]
        await here.run(*there, text=lent["token"])
        assert (await here.json("whoami", "--as", "borrowed"))["actor"] == "dana"
        # What was lent cannot be lent on, and nobody lends what it has not.
        refused = await here.run("delegate", "--as", "borrowed", "--agent", "x", code=4)
        assert "lent on" in refused
        await here.run("delegate", "--as", "default", "--agent", "x", "--groups", "admins", code=4)

        held = json.loads(here.held.read_text())["logins"][f"default@{here.url}"]
        await here.run("logout", "--as", "default")
        async with httpx2.AsyncClient(trust_env=False) as http:
            form = {
                "grant_type": "refresh_token",
                "refresh_token": held["refresh"],
                "client_id": "vedette-cli",
            }
            answer = await http.post(f"{here.url}/oauth/token", data=form)
        assert answer.json()["error"] == "invalid_grant"


async def test_an_agent_logs_in_with_its_secret_in_three_commands(pg16, pg15_tls, database, tmp_path):
    async with shell(pg16, database, tmp_path, policies=RULES) as here:
        made = json.loads(
            await here.operator("accounts", "create", "autogen", "--groups", "ai-agents", "--json")
        )
        secret = made["secret"]
        here.more["VEDETTE_CLIENT_SECRET"] = secret
        await here.run("login", here.url, "--client-credentials", "--as", "autogen")
        psql = [str(pg15_tls.bin / "psql"), "-XAtqwc", "SELECT 'in'"]
        assert await here.run("connect", RESOURCE, "--exec", "--", *psql) == "in\n"
        assert secret not in here.held.read_text()
        out = await here.run("run", "--as", "autogen", "--", sys.executable, "-c", SCRIPT)
        assert out.startswith("in ")
        opened = here.live.journal("session.opened")
        assert {event["who"]["principal"].partition("#")[2] for event in opened} == {"autogen"}

        here.more["VEDETTE_CLIENT_SECRET"] = "guessed"
        refused = await here.run("login", here.url, "--client-credentials", "--as", "autogen", code=4)
        assert "guessed" not in refused
        del here.more["VEDETTE_CLIENT_SECRET"]
        words = ["login", here.url, "--client-credentials", "--client-id", "autogen"]
        await here.run(*words, text=secret + "\n")
        assert secret in here.held.read_text()
        await here.run("logout", "--all")
        assert secret not in here.held.read_text()
