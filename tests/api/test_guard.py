"""What goes around every request."""

from __future__ import annotations

import asyncio
import logging

import httpx2
import pytest

from tests.api.conftest import Client, Office
from vedette.api.guard import Guard
from vedette.api.problems import MAX_BODY_BYTES


async def test_every_answer_carries_the_headers(client: Client) -> None:
    for path in ("/health", "/api/v1/gateway", "/nowhere", "/api/v1/openapi.json"):
        headers = (await client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "access-control-allow-origin" not in headers


async def test_no_page_of_another_origin_may_ask(client: Client) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = await client.options("/api/v1/policy/reload", headers=asked)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_a_large_body_is_refused_by_its_length_and_by_its_bytes(client: Client) -> None:
    large = b"x" * (MAX_BODY_BYTES + 1)
    declared = await client.ask("admin", "POST", "/tokens", content=large)

    async def pieces() -> object:
        for _ in range(3):
            yield large[: MAX_BODY_BYTES // 2]

    streamed = await client.ask("admin", "POST", "/tokens", content=pieces())
    for answer in (declared, streamed):
        assert (answer.status_code, answer.json()["code"]) == (413, "request.too_large")


async def test_what_does_not_fit_is_named_without_its_value(client: Client) -> None:
    answer = await client.ask("admin", "POST", "/tokens", json={"subject": "a", "password": "hunter2-secret"})
    assert answer.status_code == 422
    assert "password" in answer.text
    assert "hunter2" not in answer.text


async def test_nothing_but_json_is_read(client: Client) -> None:
    headers = client.as_("admin") | {"Content-Type": "text/plain"}
    answer = await client.post("/api/v1/tokens", content=b'{"subject": "a"}', headers=headers)
    assert answer.status_code == 422


async def test_problems_for_what_is_not_there_and_not_so_asked(client: Client) -> None:
    missing = await client.get("/api/v1/nothing")
    method = await client.delete("/api/v1/gateway")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert (method.status_code, method.json()["code"]) == (405, "request.method")
    for answer in (missing, method):
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"].startswith("urn:vedette:problem:")


async def test_a_fault_is_a_problem_and_its_text_stays_inside(
    client: Client, office: Office, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(**_: object) -> None:
        raise RuntimeError("the secret is swordfish")

    monkeypatch.setattr(office.store.sessions, "find", broken)
    with caplog.at_level(logging.DEBUG):
        answer = await client.ask("admin", "GET", "/sessions")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "swordfish" not in answer.text
    assert "RuntimeError" in caplog.text
    assert "swordfish" not in caplog.text


async def test_no_store_no_answer(client: Client, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(**_: object) -> None:
        raise OSError("disk")

    monkeypatch.setattr(office.store.sessions, "find", broken)
    answer = await client.ask("admin", "GET", "/sessions")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


async def test_a_request_that_takes_too_long_ends() -> None:
    async def slow(scope: object, receive: object, send: object) -> None:
        await asyncio.Event().wait()

    transport = httpx2.ASGITransport(app=Guard(slow, seconds=0.01))
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.json()["code"]) == (503, "request.timeout")


async def test_no_token_in_any_log(client: Client, office: Office, caplog: pytest.LogCaptureFixture) -> None:
    token = office.token("admin")
    with caplog.at_level(logging.DEBUG, logger="vedette"):
        for path in ("/api/v1/gateway", "/api/v1/sessions?cursor=bad", "/api/v1/none"):
            await client.get(path, headers={"Authorization": f"Bearer {token}"})
            await client.get(path, headers={"Authorization": f"Bearer {token}x"})
    assert token not in caplog.text
