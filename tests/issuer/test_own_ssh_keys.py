"""Public SSH keys that admins and people themselves register: who they speak for, and for how long."""

from __future__ import annotations

import time
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.issuer.conftest import PASSWORD, House
from tests.issuer.test_people_api import Admin
from vedette.identity.errors import IdentityError
from vedette.identity.ssh_ca import fingerprint, read_public_key
from vedette.model import Kind


def line() -> str:
    key = Ed25519PrivateKey.generate().public_key()
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode() + " ada@laptop"


class Person(Admin):
    """Asks the API as *name*, who is a person of the issuer's."""

    def __init__(self, home: House, name: str = "anna", kind: Kind = Kind.PERSON, **more: Any) -> None:
        super().__init__(home)
        groups = more.pop("groups", ["analysts", "staff"])
        issued = home.app.tokens.issue(name, kind, groups, 600, now=time.time(), **more)
        self.headers = {"Authorization": f"Bearer {issued.text}"}

    async def register(self, public: str, password: str = PASSWORD, **more: Any) -> httpx2.Response:
        return await self.post("/keys/own", name="laptop", public_key=public, password=password, **more)


async def speaks(home: House, public: str) -> Any:
    return await home.app.identity.by_ssh_key(fingerprint(read_public_key(public)))


async def test_an_admin_registers_a_key_for_somebody(home: House) -> None:
    admin, public = Admin(home), line()
    made = await admin.post(
        "/keys", name="ci", subject="ci", kind="service", groups=["builders"], public_key=public
    )
    assert made.status_code == 201, made.text
    body = made.json()
    assert body["key"] is None
    assert body["ssh"] == fingerprint(read_public_key(public))
    found = await speaks(home, public)
    assert (found.id, found.kind, found.groups) == ("vedette#ci", Kind.SERVICE, {"builders"})
    (changed,) = home.journal("config.changed")
    assert "before" not in changed
    assert changed["after"].items() >= {"ssh": body["ssh"], "subject": "ci", "groups": ["builders"]}.items()
    assert public.split()[1] not in str(home.journal("key.issued"))
    done = await admin.post(f"/keys/{body['id']}/revoke", reason="lost")
    assert done.status_code == 200
    with pytest.raises(IdentityError, match="withdrawn"):
        await speaks(home, public)


async def test_one_ssh_key_speaks_for_one_principal(home: House) -> None:
    admin, public = Admin(home), line()
    first = await admin.post("/keys", name="one", subject="one", public_key=public)
    again = await admin.post("/keys", name="two", subject="two", public_key=public)
    assert (first.status_code, again.status_code, again.json()["code"]) == (201, 409, "key.ssh")
    await admin.post(f"/keys/{first.json()['id']}/revoke", reason="lost")
    assert (await admin.post("/keys", name="two", subject="two", public_key=public)).status_code == 409


@pytest.mark.parametrize(
    "public", ["", "ssh-ed25519", "ssh-rsa AAAA", "-----BEGIN OPENSSH PRIVATE KEY-----", "x" * 5000, "a\nb"]
)
async def test_what_is_no_key(home: House, public: str) -> None:
    refused = await Admin(home).post("/keys", name="one", subject="one", public_key=public)
    assert refused.status_code == 422
    assert home.journal("key.issued") == []


async def test_a_person_registers_a_key_of_their_own(home: House) -> None:
    await home.person()
    public = line()
    made = await Person(home).register(public, ttl=3600)
    assert made.status_code == 201, made.text
    assert "key" not in made.json()
    found = await speaks(home, public)
    assert (found.id, found.kind, found.owner) == ("vedette#anna", Kind.PERSON, "vedette#anna")
    assert found.groups == {"analysts", "staff"}
    assert found.expires == pytest.approx(time.time() + 3600, abs=60)
    (changed,) = home.journal("config.changed")
    assert (changed["by"], changed["after"]["subject"]) == ("vedette#anna", "anna")


async def test_a_stolen_token_does_not_become_a_key_that_stays(home: House) -> None:
    await home.person()
    public = line()
    refused = await Person(home).register(public, password="a guess")
    assert (refused.status_code, refused.json()["code"]) == (403, "password.wrong")
    assert await speaks(home, public) is None
    assert [body["claimed"] for body in home.journal("login.refused")] == ["anna"]


async def test_a_key_is_in_the_groups_of_its_person_whatever_the_token_says(home: House) -> None:
    """A token from before somebody was put into a group that binds them makes no key without it."""
    await home.person()
    public = line()
    assert (await Person(home, groups=["staff", "admins"]).register(public)).status_code == 201
    assert (await speaks(home, public)).groups == {"analysts", "staff"}


@pytest.mark.parametrize(
    ("kind", "more"),
    [(Kind.AGENT, {}), (Kind.PERSON, {"actor": "eve"}), (Kind.SERVICE, {})],
    ids=["agent", "on behalf of somebody", "service"],
)
async def test_nobody_else_registers_one_by_a_persons_name(
    home: House, kind: Kind, more: dict[str, Any]
) -> None:
    await home.person()
    public = line()
    refused = await Person(home, kind=kind, **more).register(public)
    assert refused.status_code == 403
    assert await speaks(home, public) is None


async def test_a_key_follows_its_persons_groups(home: House) -> None:
    await home.person()
    public, admin = line(), Admin(home)
    made = (await Person(home).register(public)).json()
    await admin.post("/people/anna/groups", groups=["staff", "new"])
    listed = {each["id"]: each for each in (await admin.get("/keys"))["items"]}
    assert listed[made["id"]]["groups"] == ["new", "staff"]
    told = [each for each in home.journal("config.changed") if each["name"] == made["id"]][-1]
    assert (told["before"]["groups"], told["after"]["groups"]) == (["analysts", "staff"], ["new", "staff"])


async def test_who_is_disabled_has_no_key_any_more(home: House) -> None:
    await home.person()
    public = line()
    await Person(home).register(public)
    await Admin(home).post("/people/anna/disable", reason="left")
    with pytest.raises(IdentityError):
        await speaks(home, public)
    await Admin(home).post("/people/anna/enable")
    with pytest.raises(IdentityError):
        await speaks(home, public)
