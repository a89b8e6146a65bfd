"""A certified provider, and somebody who logs in there with a browser."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2
import pytest

from tests.testbed import processes
from tests.testbed.provider import CACHE, installed
from vedette.client.issuer import Metadata, discover
from vedette.client.web import Web

SCRIPT = Path(__file__).with_name("provider.mjs")
_FORM = re.compile(r'<form[^>]*action="([^"]+)"[^>]*>(.*?)</form>', re.DOTALL)
_INPUT = re.compile(r"<input[^>]*>")
_NAME, _VALUE = re.compile(r'name="([^"]+)"'), re.compile(r'value="([^"]*)"')


def fields(form: str) -> dict[str, str]:
    """A form's inputs, as they stand."""
    found = {}
    for tag in _INPUT.findall(form):
        name, value = _NAME.search(tag), _VALUE.search(tag)
        if name is not None:
            found[name[1]] = html.unescape(value[1]) if value else ""
    return found


@dataclass(frozen=True)
class Provider:
    issuer: str
    child: subprocess.Popen[bytes]

    @property
    def there(self) -> Metadata:
        return discover(Web(), self.issuer)


class Person:
    """Fills the provider's forms in, as a browser would send them, and stops where it is sent back."""

    def __init__(self, name: str = "dana") -> None:
        self._name = name
        self.http = httpx2.Client(trust_env=False, follow_redirects=False, timeout=20)

    def walk(self, url: str, stop: str = "") -> str:
        """The address that it ends at: below *stop*, or a page without a form."""
        answer = self.http.get(url)
        for _ in range(20):
            if answer.is_redirect:
                url = urljoin(str(answer.url), answer.headers["location"])
                if stop and url.startswith(stop):
                    return url
                answer = self.http.get(url)
                continue
            form = _FORM.search(answer.text)
            if form is None:
                return str(answer.url)
            filled = fields(form[2])
            if "login" in filled:
                filled |= {"login": self._name, "password": "any"}
            answer = self.http.post(urljoin(str(answer.url), html.unescape(form[1])), data=filled)
        raise AssertionError("the forms never end")

    def come_back(self, url: str) -> httpx2.Response:
        """Log in at *url*, and go to where the browser is sent then."""
        redirect = parse_qs(urlsplit(url).query)["redirect_uri"][0]
        with self.http:
            return self.http.get(self.walk(url, redirect))


async def _installed() -> None:
    await installed()
    shutil.copyfile(SCRIPT, CACHE / "client-provider.mjs")


@pytest.fixture(scope="session")
def provider(request: pytest.FixtureRequest) -> Iterator[Provider]:
    import asyncio

    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("no Node.js here: oidc-provider needs node and npm")
    with asyncio.Runner() as runner:
        runner.run(_installed())
    child = subprocess.Popen(
        ["node", "client-provider.mjs"], cwd=CACHE, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, env=processes.environment({"SECONDS": "65"}),
    )  # fmt: skip
    try:
        assert child.stdout is not None
        line = b""
        while not line.startswith(b"{"):
            line = child.stdout.readline()
            assert line, "the provider ended"
        yield Provider(json.loads(line)["issuer"], child)
    finally:
        child.kill()
        child.communicate()
