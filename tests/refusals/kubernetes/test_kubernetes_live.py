"""The same rows through a running gateway: what must stop never reaches the cluster, what must pass does, as judged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.kits import until
from tests.kubernetes.client import Raw, raw
from tests.kubernetes.stage import NAME, Stage, staged
from tests.refusals.kubernetes.test_kubernetes_rows import CAREFUL, PASS, all_stops, row
from vedette.kubernetes.request import read_request

pytestmark = pytest.mark.live
STREAMS = ("/exec", "/attach")


@asynccontextmanager
async def careful(folder: Path) -> AsyncIterator[Stage]:
    async with staged(folder, [dict(CAREFUL)]) as stage:
        stage.cluster.hook = _said
        yield stage


async def _said(asked: Any, connection: Any) -> bool:
    """The cluster answers everything alike: what it is asked for is all that counts here."""
    await connection.json({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})
    return True


def send(caller: Raw, given: Any) -> None:
    method, target, headers, media, body = row(given)
    fields = [f"{name}: {value}" for name, value in headers]
    fields += [f"Content-Type: {media or 'application/json'}"] if body else []
    if target.startswith("/"):
        return caller.ask(method, target, *fields, body=body or None)
    # In another form than a path: to the gateway as it stands.
    lines = [
        f"{method} {target} HTTP/1.1",
        "Host: gateway",
        f"Authorization: Bearer {caller.token}",
        *fields,
        "",
        "",
    ]
    return caller.send("\r\n".join(lines).encode())


async def test_what_must_stop_never_reaches_the_cluster(tmp_path: Path) -> None:
    async with careful(tmp_path) as stage:
        token = stage.token()
        for given in all_stops():
            async with raw(stage, token) as caller:
                send(caller, given)
                answer = await caller.answer(row(given)[0])
            assert 400 <= answer.status < 500, (given, answer)
            assert not answer.body or answer.json["kind"] == "Status", given
            assert not stage.cluster.heard, (given, stage.cluster.heard)
        refused = stage.journal("action.judged")
        assert {each["verdict"] for each in refused} == {"deny"}
        # All that speak of the cluster are on record; what names no cluster has no session to be on record in.
        assert len(refused) >= len(all_stops()) - 5


async def test_what_must_pass_reaches_it_as_it_was_judged(tmp_path: Path) -> None:
    async with careful(tmp_path) as stage:
        token = stage.token()
        for given in PASS:
            method, target, headers, media, body = row(given)
            asked = read_request(method, target, headers)
            if asked.subresource and f"/{asked.subresource}" in STREAMS:
                continue  # these need an upgrade: tests/kubernetes/test_live_streams.py
            stage.cluster.heard.clear()
            async with raw(stage, token) as caller:
                send(caller, given)
                async with asyncio.timeout(60):
                    await until(lambda: bool(stage.cluster.heard))
            (heard,) = stage.cluster.heard
            assert (heard.method, heard.target, heard.body) == (method, asked.target(), body), given
            assert not body or heard.fields["content-type"] == (media or "application/json")


@pytest.mark.parametrize(
    "name", ["", "/", "/nothing", f"/clusters/{NAME}x/api/v1/pods", "/clusters//api", "/api/v1/pods"]
)
async def test_what_names_no_cluster_reaches_none(tmp_path: Path, name: str) -> None:
    async with careful(tmp_path) as stage, raw(stage) as caller:
        caller.send(
            f"GET {name or '*'} HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {caller.token}\r\n\r\n".encode()
        )
        assert (await caller.answer()).status in (400, 403, 404)
        assert not stage.cluster.heard
