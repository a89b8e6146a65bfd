"""What content masks cover is not seen in what commands print over SSH; what they cannot see is written down."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.refusals.bench import HERE
from tests.testbed import sshd
from tests.testbed.ssh import EVERYTHING, Host, Stand, standing
from vedette.masking.controls import shown

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(sshd.program() is None, reason="no sshd: Debian's openssh-server is not installed"),
]

COLLECTION: Mapping[str, Any] = yaml.safe_load((HERE / "masking_text.yaml").read_text(encoding="utf-8"))
PLANTED: Mapping[str, str] = COLLECTION["plant"]
ROWS, KNOWN = COLLECTION["rows"], COLLECTION["known"]
MASKED = {
    "name": "masked",
    "who": {},
    "where": {},
    "rules": [
        *EVERYTHING["rules"],
        {"mask": {"entities": ["credit_card", "email", "us_ssn"]}},
        {"mask": {"pack": "secrets"}},
    ],
}
KEY_LINE = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0"
KEY = f"-----BEGIN PRIVATE KEY-----\n{KEY_LINE}\n{KEY_LINE[::-1]}\n-----END PRIVATE KEY-----\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Sshd]:
    with sshd.serving(tmp_path_factory.mktemp("sshd") / "s") as found:
        yield found


@pytest.fixture
async def stand(server: sshd.Sshd, tmp_path: Path) -> AsyncIterator[Stand]:
    for name, value in PLANTED.items():
        (tmp_path / name).write_text(value + "\n")
    (tmp_path / "key").write_text(KEY)
    async with standing(tmp_path, [Host(server)], [MASKED]) as found:
        yield found


def value_of(row: Mapping[str, Any]) -> str:
    return KEY_LINE if row["sees"] == "key" else PLANTED[row["sees"]]


def read(output: bytes, row: Mapping[str, Any]) -> bytes:
    """*output* as the row says that a reader makes sense of it."""
    if "reads" not in row:
        return output
    return subprocess.run(["sh", "-c", row["reads"]], input=output, capture_output=True, timeout=30).stdout


def sees(output: bytes, row: Mapping[str, Any]) -> bool:
    """Whether the value shows: as it is, as a terminal shows it, or by its letters and digits."""
    value = value_of(row)
    if row.get("fold"):
        output, value = output.lower(), value.lower()
    letters = re.sub(r"[^A-Za-z0-9]", "", value).encode()
    forms = (output, shown(output), output.replace(b"\x00", b""))
    return any(value.encode() in form or letters in re.sub(rb"[^A-Za-z0-9]", b"", form) for form in forms)


async def outputs(stand: Stand, row: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """What the shell prints, straight and through the gateway."""
    key = next(iter(stand.folder.glob("key-*-cert.pub")), None)
    key = key.with_name(key.name.removesuffix("-cert.pub")) if key is not None else stand.certified()
    command = f"cd {stand.folder} && ( {row['sh']} )"
    straight = await asyncio.to_thread(
        subprocess.run, ["bash", "-c", command], capture_output=True, timeout=60, stdin=subprocess.DEVNULL
    )
    masked = await stand.ssh(command, key=key)
    return straight.stdout + straight.stderr, masked.stdout + masked.stderr


# A gateway for each row would take long, and a test for all of them could not be told from a hang.
PARTS = 8


@pytest.mark.parametrize("part", range(PARTS))
async def test_what_is_masked_is_not_seen(stand: Stand, part: int) -> None:
    wrong = []
    for row in ROWS[part::PARTS]:
        straight, masked = await outputs(stand, row)
        if not sees(read(straight, row), row) and not row.get("known-letters"):
            wrong.append(f"{row['id']}: this is no attempt")
        if sees(masked, row) or sees(read(masked, row), row):
            wrong.append(f"{row['id']}: it shows")
    assert wrong == []


async def test_what_masks_cannot_see_is_known(stand: Stand) -> None:
    wrong = []
    for row in KNOWN:
        straight, masked = await outputs(stand, row)
        if not sees(read(straight, row), row):
            wrong.append(f"{row['id']}: this is no attempt")
        if not sees(read(masked, row), row):
            wrong.append(
                f"{row['id']}: it is hidden by now: move the row up, and take it out of docs/masking.md"
            )
    assert wrong == []


def test_every_row_has_a_name_of_its_own() -> None:
    names = [row["id"] for row in (*ROWS, *KNOWN)]
    assert len(names) == len(set(names))
