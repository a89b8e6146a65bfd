"""The console's files over HTTP: what is served, under which policy, and what is said where it is not built."""

from __future__ import annotations

import gzip
from pathlib import Path

import httpx2
import pytest

from tests.api.conftest import Office
from vedette.api import build, console
from vedette.api.application import FastAPI


@pytest.fixture
def built(tmp_path: Path) -> Path:
    folder = tmp_path / "console"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Vedette</title>")
    (folder / "assets" / "index-abc.js").write_text("// script\n" + "x" * 5000)
    (folder / ".made-from").write_text("sources")
    (tmp_path / "secret").write_text("secret")
    (folder / "assets" / "link.js").symlink_to(tmp_path / "secret")
    return folder


def client(office: Office, folder: Path) -> httpx2.AsyncClient:
    app: FastAPI = build(office)
    app.state.console = console.read(folder)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://gateway")


async def test_pages_and_files(office: Office, built: Path) -> None:
    async with client(office, built) as asking:
        home = await asking.get("/")
        assert (home.status_code, home.headers["location"]) == (303, "/console/")
        for path in ("", "approvals", "sessions/a%2Fb", "nothing/there", "..%2f..%2fsecret", ".made-from"):
            page = await asking.get(f"/console/{path}")
            assert (page.status_code, page.headers["cache-control"]) == (200, "no-cache")
            assert "<title>Vedette</title>" in page.text
            policy = page.headers["content-security-policy"].split("; ")
            assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} <= set(policy)
            assert page.headers["x-frame-options"] == "DENY"
            assert page.headers["x-content-type-options"] == "nosniff"
        script = await asking.get("/console/assets/index-abc.js", headers={"Accept-Encoding": "gzip"})
        assert script.headers["content-type"].startswith("text/javascript")
        assert "immutable" in script.headers["cache-control"]
        assert script.headers["content-encoding"] == "gzip"
        assert script.text.startswith("// script")
        plain = await asking.get("/console/assets/index-abc.js", headers={"Accept-Encoding": "identity"})
        assert (plain.text, "content-encoding" in plain.headers) == (script.text, False)
        for path in ("assets/none.js", "assets/link.js", "assets/..%2f..%2fsecret"):
            gone = await asking.get(f"/console/{path}")
            assert (gone.status_code, gone.json()["code"]) == (404, "not_found")
        assert (await asking.post("/console/", json={})).status_code == 405


async def test_a_checkout_without_it_says_so(office: Office, tmp_path: Path) -> None:
    async with client(office, tmp_path) as asking:
        for path in ("/console/", "/console/assets/x.js", "/console/approvals"):
            answer = await asking.get(path)
            assert answer.status_code == 503
            assert "make console" in answer.text
            assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert (await asking.get("/health")).status_code == 200
        assert (await asking.get("/api/v1/login")).status_code == 200


def test_what_is_packed_is_what_was_there(built: Path) -> None:
    file = console.read(built)["assets/index-abc.js"]
    assert file.packed is not None
    assert gzip.decompress(file.packed) == file.data
    assert set(console.read(built)) == {"index.html", "assets/index-abc.js"}
