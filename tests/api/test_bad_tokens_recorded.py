"""Bad tokens at the API: refused with a stable code, on record, giving nothing away."""

from __future__ import annotations

from tests.api.conftest import Client, Office
from tests.identity.test_bad_tokens import BAD, identity
from vedette.journal.read import read

WANTED = ("algorithm", "signature", "issuer", "audience", "expired", "revoked", "bound", "key")


def refusals(office: Office) -> list[dict[str, object]]:
    return [entry.body for entry in read(office.journal.folder) if entry.kind == "login.refused"]


async def test_a_token_that_is_not_good_is_on_record(office: Office, client: Client) -> None:
    office.identity = identity()
    rows = [(code, make()) for _, code, make in BAD if code in WANTED]
    rows = [(code, text) for code, text in rows if text.isascii() and text.isprintable() and text][:60]
    for code, text in rows:
        answer = await client.get("/api/v1/sessions", headers={"Authorization": f"Bearer {text}"})
        assert (answer.status_code, answer.json()["code"]) == (401, f"identity.{code}")
        assert text not in answer.text

    found = refusals(office)
    assert [(each["how"], each["code"]) for each in found] == [
        ("api", f"identity.{code}") for code, _ in rows
    ]
    assert not [text for _, text in rows if text in repr(found)]


async def test_a_flood_of_them_does_not_fill_the_disk(office: Office, client: Client) -> None:
    for _ in range(300):
        answer = await client.get("/api/v1/sessions", headers={"Authorization": "Bearer nonsense"})
        assert answer.status_code == 401

    assert 0 < len(refusals(office)) < 200
