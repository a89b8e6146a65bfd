"""What the dialling code gets: all of it, or an error that names the fix."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from vedette.credentials import CredentialError, Login, Reference, Secret, Secrets, Surroundings


@dataclass(frozen=True)
class Settings:
    user: str = "app_rw"
    password: Reference | None = None
    certificate: Path | None = None
    key: Reference | None = None


PASSWORD = Reference("env", "PW")


@pytest.fixture
def secrets(tmp_path) -> Secrets:
    return Secrets(Surroundings({"PW": "canary-7f3a"}, tmp_path))


async def test_a_password(secrets):
    assert await secrets.login(Settings(password=PASSWORD)) == Login("app_rw", Secret("canary-7f3a"))


async def test_nothing_where_the_upstream_trusts(secrets):
    assert await secrets.login(Settings()) == Login("app_rw")


async def test_a_certificate_and_its_key(secrets, tmp_path):
    (tmp_path / "app.pem").write_bytes(b"CERTIFICATE")
    (tmp_path / "app.key").write_bytes(b"KEY\n")
    (tmp_path / "app.key").chmod(0o600)

    login = await secrets.login(Settings(certificate=Path("app.pem"), key=Reference("file", "app.key")))

    assert login == Login("app_rw", None, b"CERTIFICATE", Secret("KEY"))
    assert "KEY" not in repr(login)


@pytest.mark.parametrize(
    ("settings", "code", "says"),
    [
        (Settings(password=Reference("env", "NONE")), "missing", "NONE"),
        (Settings(password=Reference("vault", "x")), "source", "vault"),
        (Settings(certificate=Path("app.pem")), "missing", "both"),
        (Settings(key=PASSWORD), "missing", "both"),
        (Settings(certificate=Path("none.pem"), key=PASSWORD), "unreadable", r"none\.pem"),
    ],
)
async def test_a_missing_part_is_named(secrets, settings, code, says):
    with pytest.raises(CredentialError, match=says) as caught:
        await secrets.login(settings)
    assert caught.value.code == f"credential.{code}"
    assert "canary" not in str(caught.value)
