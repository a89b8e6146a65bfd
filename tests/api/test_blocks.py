"""Blocks at the API: who is shut out of it, what is withdrawn, what is on record."""

from __future__ import annotations

import base64
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.api.conftest import Client, Office
from vedette.identity import IdentityError
from vedette.journal.read import read


def recorded(office: Office) -> list[dict[str, object]]:
    office.journal.flush()
    return [entry.body for entry in read(office.journal.folder) if entry.kind == "config.changed"]


async def test_a_block_shuts_out_of_the_api_until_it_is_taken_back(client: Client, office: Office) -> None:
    assert (await client.ask("person", "GET", "/self")).status_code == 200
    before = time.time()
    wish = {"id": "vedette#sam", "seconds": 3600, "reason": "stolen laptop"}
    made = await client.ask("admin", "POST", "/blocks", json=wish)
    assert made.status_code == 201
    assert (made.json()["by"], made.json()["until"] >= before + 3600) == ("vedette#ada", True)
    for who in ("auditor", "admin"):
        assert (await client.ask(who, "GET", "/blocks")).json()["items"] == [made.json()]
    shut = await client.ask("person", "GET", "/self")
    assert (shut.status_code, shut.json()["code"]) == (401, "identity.blocked")
    assert "stolen" not in shut.text
    assert (await client.ask("owner", "GET", "/self")).status_code == 200
    gone = await client.request(
        "DELETE", "/api/v1/blocks", params={"id": "vedette#sam", "reason": "found it"},
        headers=client.as_("admin"),
    )  # fmt: skip
    assert gone.json() == {"id": "vedette#sam", "unblocked": True}
    assert (await client.ask("person", "GET", "/self")).status_code == 200
    assert await office.store.blocks.all(time.time()) == []
    on, off = recorded(office)
    assert (on["by"], on["what"], on["name"]) == ("vedette#ada", "block", "vedette#sam")
    assert on["after"] == {"until": made.json()["until"], "reason": "stolen laptop"}
    assert (off["before"], off["after"]["reason"]) == (on["after"], "found it")  # type: ignore[index]
    office.journal.flush()
    refused = [entry.body for entry in read(office.journal.folder) if entry.kind == "login.refused"]
    assert [each["code"] for each in refused] == ["identity.blocked"]


async def test_who_acts_for_it_is_out_and_what_waits_is_withdrawn(client: Client, office: Office) -> None:
    mine, waiting = await office.ask(actor="olaf")
    other, still = await office.ask(actor="sam", text="UPDATE payments SET a = 2")
    helper = {"Authorization": f"Bearer {office.token('admins-helper')}"}
    assert (await client.get("/api/v1/self", headers=helper)).status_code == 200
    for name in ("vedette#olaf", "vedette#hal-is-nobody"):
        assert (await client.ask("operator", "POST", "/blocks", json={"id": name})).status_code == 201
    await waiting
    assert [(await office.store.holds.get(each)).status for each in (mine, other)] == [  # type: ignore[union-attr]
        "withdrawn", "pending",
    ]  # fmt: skip
    assert (await client.ask("operator", "POST", "/blocks", json={"id": "vedette#ada"})).status_code == 201
    # "hal" acts for "ada".
    assert (await client.get("/api/v1/self", headers=helper)).json()["code"] == "identity.blocked"
    await office.desk.withdraw(other, "the test is over")
    await still


async def test_one_credential_of_several(client: Client, office: Office) -> None:
    issued = office.token("admin")
    principal = await office.identity.by_token(issued)
    # An admin may block a credential of its own, not itself.
    assert (
        await client.ask("admin", "POST", "/blocks", json={"id": principal.credential})
    ).status_code == 201
    answer = await client.get("/api/v1/self", headers={"Authorization": f"Bearer {issued}"})
    assert answer.json()["code"] == "identity.blocked"
    assert (await client.ask("admin", "GET", "/self")).status_code == 200
    itself = await client.ask("admin", "POST", "/blocks", json={"id": "vedette#ada"})
    assert (itself.status_code, itself.json()["code"]) == (409, "block.self")


async def test_the_operator_stays(client: Client, office: Office) -> None:
    refused = await client.ask("admin", "POST", "/blocks", json={"id": "vedette#local:root"})
    assert (refused.status_code, refused.json()["code"]) == (422, "block.operator")
    assert (await client.ask("operator", "POST", "/blocks", json={"id": "vedette#ada"})).status_code == 201
    assert (await client.ask("admin", "GET", "/self")).status_code == 401
    done = await client.ask("operator", "DELETE", "/blocks?id=vedette%23ada")
    assert done.status_code == 200
    again = await client.ask("operator", "DELETE", "/blocks?id=vedette%23ada")
    assert again.status_code == 404


async def test_bad_wishes(client: Client) -> None:
    for wish in ({}, {"id": ""}, {"id": "x" * 601}, {"id": "a#b", "seconds": 0}, {"id": "a#b", "x": 1}):
        assert (await client.ask("admin", "POST", "/blocks", json=wish)).status_code == 422
    for wish in ({}, {"principal": "a#b", "all": True}, {"all": False}, {"principal": ""}):
        assert (await client.ask("admin", "POST", "/sessions/kill", json=wish)).status_code == 422


async def test_without_a_journal_it_blocks_and_says_so_and_does_not_unblock(
    client: Client, office: Office
) -> None:
    await client.ask("admin", "POST", "/blocks", json={"id": "vedette#otto"})
    office.journal.close()
    made = await client.ask("admin", "POST", "/blocks", json={"id": "vedette#sam"})
    assert (made.status_code, made.json()["code"]) == (503, "journal.unavailable")
    assert (await client.ask("person", "GET", "/self")).json()["code"] == "identity.blocked"
    assert (await client.ask("admin", "DELETE", "/blocks?id=vedette%23otto")).status_code == 503
    assert (await client.ask("auditor", "GET", "/self")).json()["code"] == "identity.blocked"


async def test_an_ssh_certificate_does_not_outlive_a_block(client: Client, office: Office) -> None:
    key = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    made = await client.ask("agent", "POST", "/ssh/certificate", json={"public_key": key.decode()})
    blob = base64.b64decode(made.json()["certificate"].split()[1])
    assert office.ssh_authority.principal(blob, time.time()).id == "vedette#bot"
    await client.ask("admin", "POST", "/blocks", json={"id": "vedette#bot"})
    with pytest.raises(IdentityError) as refused:
        office.ssh_authority.principal(blob, time.time())
    assert refused.value.code == "identity.blocked"
