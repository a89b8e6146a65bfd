"""``GET /resources``: what this caller may reach, and what it may do there."""

from __future__ import annotations

import time
from dataclasses import replace

from tests.api.conftest import CONFIG, Client, Office
from vedette.config import load
from vedette.model import Kind

MORE = """\
  other:
    protocol: postgres
    upstream: {host: 127.0.0.1, port: 5432, database: other, tls: disable}
    login: {user: app_rw, password: {env: APPDB_PASSWORD}}
    about: for people only
policies:
  - name: all
    who: {kinds: [agent]}
    where: {resources: [appdb]}
    rules:
      - mask: {entities: [email], as: partial}
      - limit: {rows: 10, per: action}
      - session: {max: 8h}
  - name: later
    mode: observe
    who: {kinds: [agent]}
    where: {resources: [appdb]}
    rules:
      - deny: {effects: [execute]}
  - name: people
    who: {kinds: [person]}
    where: {resources: [other]}
    mode: observe
    rules:
      - deny: {effects: [destroy]}
"""


def _more(office: Office) -> None:
    head, policies = CONFIG.split("policies:\n")
    there = policies.replace(
        "    who: {kinds: [agent]}", "    who: {kinds: [agent]}\n    where: {resources: [appdb]}"
    )
    office.settings.file.write_text(head + MORE + there)
    office.settings = load(office.settings.file, {})


async def test_what_an_agent_may_do_there(client: Client, office: Office) -> None:
    _more(office)
    (found,) = (await client.ask("agent", "GET", "/resources")).json()["items"]
    assert (found["name"], found["protocol"], found["labels"]) == ("appdb", "postgres", {"env": "prod"})
    assert (found["address"], found["login"], found["observing"]) == ("127.0.0.1:6432", "bot", True)
    assert found["may"] == {
        "allowed": ["read"],
        "held": ["write on public.payments: 1 of dba within 15m (wait)"],
        "denied": ["pack destructive-sql"],
        "masked": ["email as partial keeping 4"],
        "limited": ["10 rows per action"],
        "lasts": ["max 8h"],
    }


async def test_what_is_not_for_somebody_is_not_there(client: Client, office: Office) -> None:
    _more(office)
    (found,) = (await client.ask("person", "GET", "/resources")).json()["items"]
    assert found["name"] == "other"
    assert found["may"]["allowed"] == ["anything"], "only observed: nothing is refused"
    assert (await client.ask("service", "GET", "/resources")).json()["items"] == []
    assert (await client.ask("nobody", "GET", "/resources")).status_code == 401


async def test_what_was_lent_for_less_reaches_less(client: Client, office: Office) -> None:
    for resources, names in ((None, ["appdb"]), (["appdb"], ["appdb"]), (["other"], []), ([], [])):
        text = office.tokens.issue("bot", Kind.AGENT, [], 60, now=time.time(), resources=resources).text
        answer = await client.get("/api/v1/resources", headers={"Authorization": f"Bearer {text}"})
        assert [each["name"] for each in answer.json()["items"]] == names


async def test_a_key_is_told_the_name_to_log_in_with(client: Client, office: Office) -> None:
    made = (await client.ask("admin", "POST", "/keys", json={"name": "etl", "subject": "etl-bot"})).json()
    answer = await client.get("/api/v1/resources", headers={"Authorization": f"Bearer {made['key']}"})
    assert answer.json()["items"][0]["login"] == made["id"]


async def test_an_address_is_where_callers_find_it(client: Client, office: Office) -> None:
    settings = office.settings
    gateway = replace(settings.gateway, url="https://gate.example.com")
    office.settings = replace(settings, gateway=gateway)
    (found,) = (await client.ask("agent", "GET", "/resources")).json()["items"]
    assert found["address"] == "gate.example.com:6432"
    office.settings = replace(
        settings, gateway=replace(gateway, listen=replace(gateway.listen, postgres=None))
    )
    (found,) = (await client.ask("agent", "GET", "/resources")).json()["items"]
    assert found["address"] is None
