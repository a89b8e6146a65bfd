"""Who changed what: every change of the configuration is on record with before and after."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
import yaml

from tests.conformance.kits import until
from tests.live.gateways import living
from vedette.model import Kind

pytestmark = pytest.mark.live
OPS = {"admins": {"groups": ["ops"]}}


def _write(live: Any, rules: list[Any]) -> None:
    file = live.app.settings.file
    document = yaml.safe_load(file.read_text())
    document["policies"][0]["rules"] = rules
    file.write_text(yaml.safe_dump(document))


async def test_a_file_that_changed_and_an_admin_who_loads_it(pg16, database, tmp_path):
    read, write = {"allow": {"effects": ["read"]}}, {"allow": {"effects": ["read", "write"]}}
    async with living(pg16, database, tmp_path, read, gateway=OPS) as live:
        _write(live, [write])
        await until(lambda: bool(live.journal("config.changed")), "the file is loaded")
        (first,) = live.journal("config.changed")
        assert (first["by"], first["what"], first["name"]) == ("file", "policy", "test")
        assert first["before"] == {"rules": ["allow-1: allow read"]}
        assert first["after"] == {"rules": ["allow-1: allow read, write"]}

        token = live.token("olga", kind=Kind.PERSON, groups=("ops",))
        web = f"http://127.0.0.1:{live.app.ports['web']}/api/v1"
        _write(live, [read])
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as client:
            answer = await client.post(f"{web}/policy/reload", json={})
        assert answer.status_code == 200
        second = live.journal("config.changed")[1]
        # The gateway may have seen the file first: then it is the one to blame.
        assert second["by"] in ("vedette#olga", "file")
        assert second["after"] == first["before"]


async def test_a_file_that_does_not_load_changes_nothing(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path) as live:
        _write(live, [{"alow": {}}])
        await live.app.reload("vedette#olga")
        assert live.journal("config.changed") == []
        assert live.journal("policy.rejected")


async def test_who_loads_it_is_named(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path) as live:
        _write(live, [{"allow": {"effects": ["read"]}}])
        await live.app.reload("vedette#olga")
        (one,) = live.journal("config.changed")
        assert one["by"] == "vedette#olga"
