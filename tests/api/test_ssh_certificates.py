"""SSH certificates over the API: what is given out, what is on record, what is refused."""

from __future__ import annotations

import base64
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.api.conftest import Client, Office
from vedette.journal import read

KEY = (
    Ed25519PrivateKey.generate()
    .public_key()
    .public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    .decode("ascii")
)


async def test_a_key_is_certified_on_record(client: Client, office: Office) -> None:
    answer = await client.ask("agent", "POST", "/ssh/certificate", json={"public_key": KEY, "ttl": 300})
    assert answer.status_code == 201
    made = answer.json()
    blob = base64.b64decode(made["certificate"].split()[1])
    principal = office.ssh_authority.principal(blob, time.time())
    assert (principal.subject, principal.groups) == ("bot", {"ai-agents"})
    assert made["expires"] - made["begins"] == 360
    assert made["host_keys"] == ["ssh-ed25519 AAAA"]
    (record,) = [each.body for each in read(office.journal.folder) if each.kind == "certificate.issued"]
    assert record["certificate"] == made["serial"]
    assert record["key"] == made["fingerprint"]
    assert record["who"]["credential"] == principal.credential
    assert "private" not in str(record)
    office.revocations.add(principal.credential)
    with pytest.raises(Exception, match="withdrawn"):
        office.ssh_authority.principal(blob, time.time())


async def test_it_ends_with_the_token(client: Client, office: Office) -> None:
    token = office.token("agent", 120)
    answer = await client.post(
        "/api/v1/ssh/certificate", json={"public_key": KEY, "ttl": 3600},
        headers={"Authorization": f"Bearer {token}"},
    )  # fmt: skip
    assert answer.json()["expires"] <= time.time() + 120


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"public_key": ""},
        {"public_key": "ssh-ed25519 none"},
        {"public_key": KEY, "ttl": 59},
        {"public_key": KEY, "ttl": 3601},
        {"public_key": KEY, "principal": "root"},
        {"public_key": KEY + "\n" + KEY},
        {"public_key": "x" * 5000},
    ],
)
async def test_what_is_not_certified(client: Client, office: Office, wish: dict[str, object]) -> None:
    answer = await client.ask("agent", "POST", "/ssh/certificate", json=wish)
    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")
    assert [each for each in read(office.journal.folder) if each.kind == "certificate.issued"] == []


async def test_without_a_record_there_is_no_certificate(client: Client, office: Office) -> None:
    office.journal.close()
    answer = await client.ask("agent", "POST", "/ssh/certificate", json={"public_key": KEY})
    assert answer.status_code in (500, 503)
    assert "certificate" not in answer.json()


async def test_the_authority_is_public_and_plain(client: Client, office: Office) -> None:
    answer = await client.ask("nobody", "GET", "/ssh/ca")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.startswith("ssh-ed25519 AAAA")
    assert answer.text.splitlines() == list(office.ssh_authority.lines)


async def test_the_authority_for_hosts_is_another_one(client: Client, office: Office) -> None:
    answer = await client.get("/api/v1/ssh/hosts-ca")
    assert answer.text == office.ssh_hosts_authority.line + "\n"
    assert answer.text.split()[1] not in (await client.get("/api/v1/ssh/ca")).text
