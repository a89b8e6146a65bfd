"""Web addresses in settings: one way to write each, and nothing that readers could disagree about."""

from __future__ import annotations

import pytest

from tests.config.files import problems, settings
from vedette.config.addresses import origin


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("https://vedette.example.com", "https://vedette.example.com"),
        ("https://vedette.example.com:443/a/b", "https://vedette.example.com"),
        ("https://Vedette.Example.com:8443", "https://vedette.example.com:8443"),
        ("http://127.0.0.1:8470", "http://127.0.0.1:8470"),
        ("http://[::1]:8470/x", "http://[::1]:8470"),
        ("http://localhost", "http://localhost"),
        ("http://vedette.example.com", None),
        ("http://127.0.0.1.example.com", None),
        ("http://127.0.0.1@example.com", None),
        ("https://a@b", None),
        ("https://a?b", None),
        ("https://a#b", None),
        ("https://a\\b", None),
        ("https://a b", None),
        ("https://a:99999", None),
        ("https://", None),
        ("javascript:alert(1)", None),
        ("https://ex\u00e4mple.com", None),
    ],
)
def test_origins(address: str, found: str | None) -> None:
    assert origin(address) == found


def test_the_url_names_the_gateways_own_tokens() -> None:
    found = settings(gateway="{listen: {web: 8470}, url: 'https://vedette.example.com'}")
    assert found.gateway.url == found.identity.name == "https://vedette.example.com"
    assert settings().identity.name == "vedette"


@pytest.mark.parametrize(
    "url", ["https://Vedette.example.com", "https://a/", "http://a", "https://a:443", "a"]
)
def test_a_url_that_could_be_written_otherwise_is_refused(url: str) -> None:
    assert any("https address" in str(each) for each in problems(gateway=f"{{url: '{url}'}}"))


def test_two_names_for_one_issuer_are_refused() -> None:
    found = problems(gateway="{url: 'https://a'}", identity="{name: b}")
    assert any("remove identity.name" in str(each) for each in found)


def test_clients_of_the_issuer() -> None:
    found = settings(identity="{clients: [{id: console, redirects: ['https://c.example.com/cb']}]}")
    assert [(each.id, each.redirects) for each in found.identity.clients] == [
        ("console", ("https://c.example.com/cb",))
    ]
    for wrong in (
        "{id: vedette-cli, redirects: ['https://c']}",
        "{id: x, redirects: ['javascript:x']}",
        "{id: x}",
    ):
        assert problems(identity=f"{{clients: [{wrong}]}}")
