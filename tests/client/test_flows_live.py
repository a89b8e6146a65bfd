"""Logging in at a certified provider: browser, device, client credentials, renewal, giving back."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from tests.client.conftest import Person, Provider
from vedette.client import ClientError, NotLoggedIn, browser, device, issuer
from vedette.client.credential import Renewed
from vedette.client.held import Login
from vedette.client.issuer import Grant, Party, claims
from vedette.client.keep import Keep
from vedette.client.web import Web

pytestmark = pytest.mark.live

AUDIENCE = "urn:vedette"
PERSON = Party("vedette-cli", None, "openid offline_access groups", AUDIENCE)
AGENT = Party("autogen", "only-for-tests", "", AUDIENCE)


def by_browser(provider: Provider, person: Person | None = None) -> Grant:
    """A login whose browser is *person*, who comes back while the terminal waits."""
    pages = []

    def show(url: str) -> None:
        walk = threading.Thread(target=lambda: pages.append((person or Person()).come_back(url)))
        walk.start()

    found = browser.log_in(Web(), provider.there, PERSON, show, patience=10)
    return found


def test_a_person_logs_in_with_a_browser(provider):
    grant = by_browser(provider)
    said = claims(grant.token)
    assert (said["sub"], said["aud"], said["iss"]) == ("dana", AUDIENCE, provider.issuer)
    assert grant.refresh
    assert claims(grant.identity or "")["nonce"]
    assert 0 < grant.expires - time.time() <= 66


def test_answers_that_nobody_asked_for_are_passed_over(provider):
    """State attacks: no state, another's, two of them, another issuer's answer, then the right one."""
    seen: list[tuple[int, str]] = []

    def show(url: str) -> None:
        asked = parse_qs(urlsplit(url).query)
        back, state = asked["redirect_uri"][0], asked["state"][0]
        assert asked["code_challenge_method"] == ["S256"]

        def browse() -> None:
            for query in ("", "?code=x", "?code=x&state=" + "a" * 43, f"?code=x&state={state}&state=b",
                          "?" + "&".join(f"a{n}=1" for n in range(50))):  # fmt: skip
                answer = httpx2.get(back + query, trust_env=False)
                seen.append((answer.status_code, answer.headers["content-security-policy"]))
            seen.append((httpx2.get(back.replace("/callback", "/other"), trust_env=False).status_code, ""))
            assert "logged in" in Person().come_back(url).text

        threading.Thread(target=browse).start()

    grant = browser.log_in(Web(), provider.there, PERSON, show, patience=10)
    assert claims(grant.token)["sub"] == "dana"
    assert [status for status, _ in seen] == [400] * 5 + [404]
    assert all(policy.startswith("default-src 'none'") for _, policy in seen[:5])


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("code=x&iss=https://evil.example", "client.mixup"),
        ("code=x", "client.mixup"),
        ("error=access_denied&iss={issuer}", "oauth.access_denied"),
        ("iss={issuer}", "oauth.server_error"),
        ("code=forged&iss={issuer}", "oauth.invalid_grant"),
    ],
)
def test_bad_answers_end_the_login(provider, query, code):
    def show(url: str) -> None:
        asked = parse_qs(urlsplit(url).query)
        target = (
            f"{asked['redirect_uri'][0]}?state={asked['state'][0]}&{query.format(issuer=provider.issuer)}"
        )
        threading.Thread(target=lambda: httpx2.get(target, trust_env=False)).start()

    with pytest.raises(ClientError) as caught:
        browser.log_in(Web(), provider.there, PERSON, show, patience=10)
    assert caught.value.code == code


def test_a_code_of_another_login_is_noticed(provider):
    """Whoever can alter what the browser asks for gives away that it is not this login's answer."""

    def show(url: str) -> None:
        nonce = parse_qs(urlsplit(url).query)["nonce"][0]
        altered = url.replace(nonce, "x" * len(nonce))
        threading.Thread(target=lambda: Person().come_back(altered)).start()

    with pytest.raises(ClientError) as caught:
        browser.log_in(Web(), provider.there, PERSON, show, patience=10)
    assert caught.value.code == "client.nonce"


def test_a_code_is_worthless_without_its_verifier(provider):
    found: list[str] = []
    mine = browser.Secrets()
    with browser.Listener(provider.there, mine) as listener:
        url = browser.address(provider.there, PERSON, mine, listener.redirect)
        threading.Thread(target=lambda: found.append(Person().come_back(url).text)).start()
        code = listener.wait(10)
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": listener.redirect}
        with pytest.raises(ClientError) as caught:
            issuer.ask(Web(), provider.there, PERSON, form | {"code_verifier": browser.Secrets().verifier})
    assert caught.value.code == "oauth.invalid_grant"


def test_nobody_comes(provider):
    with pytest.raises(ClientError) as caught:
        browser.log_in(Web(), provider.there, PERSON, lambda url: None, patience=0.05)
    assert caught.value.code == "client.timeout"


def test_a_device(provider):
    prompt = device.begin(Web(), provider.there, PERSON)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            person = Person("erin")
            with person.http:
                person.walk(prompt.complete)

    grant = device.finish(Web(), provider.there, PERSON, prompt, sleep=sleep)
    assert claims(grant.token)["sub"] == "erin"
    assert waits == [5.0, 5.0]
    # A code is good once.
    with pytest.raises(ClientError) as caught:
        device.finish(Web(), provider.there, PERSON, prompt, sleep=lambda _: None)
    assert caught.value.code == "oauth.invalid_grant"


def test_a_device_that_nobody_looks_at(provider):
    prompt = device.begin(Web(), provider.there, PERSON)
    clock = iter(range(0, 10_000, 400))
    with pytest.raises(ClientError) as caught:
        device.finish(
            Web(), provider.there, PERSON, prompt, sleep=lambda _: None, clock=lambda: float(next(clock))
        )
    assert caught.value.code == "oauth.expired_token"


def test_a_service_account(provider):
    form = {"grant_type": "client_credentials"}
    grant = issuer.ask(Web(), provider.there, AGENT, form)
    assert claims(grant.token)["sub"] == "autogen"
    for party, code in (
        (replace(AGENT, secret="guessed"), "oauth.invalid_client"),
        (replace(AGENT, client="nobody"), "oauth.invalid_client"),
    ):
        with pytest.raises(ClientError) as caught:
            issuer.ask(Web(), provider.there, party, form)
        assert caught.value.code == code
        assert "guessed" not in str(caught.value)


def held(provider: Provider, grant: Grant, **more: object) -> Login:
    base = {"gateway": "https://gw.example", "name": "default", "how": "browser", "token": grant.token}
    base |= {"expires": grant.expires, "issuer": provider.issuer, "client": "vedette-cli"}
    base |= {"scope": PERSON.scope, "audience": AUDIENCE, "refresh": grant.refresh}
    return Login(**(base | more))


def test_a_login_is_renewed_in_time_and_by_one_process_only(provider, tmp_path):
    keep = Keep({"XDG_STATE_HOME": str(tmp_path), "VEDETTE_KEEP": "file"})
    login = replace(held(provider, by_browser(provider)), expires=time.time() + 20)
    with keep.alone():
        keep.put(login)
    found: list[str] = []
    mine = [Renewed(keep, login, {}) for _ in range(8)]
    threads = [threading.Thread(target=lambda each=each: found.append(each.token())) for each in mine]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # The provider rotates refresh tokens, and takes all away from whoever uses one twice.
    assert len(found) == 8
    assert len(set(found)) == 1
    again = keep.find()
    assert again is not None
    assert (again.token, again.refresh != login.refresh) == (found[0], True)
    assert login.token not in found
    assert Renewed(keep, again, {}, lambda: again.expires - 5.0).token() not in found


def test_a_stolen_refresh_token_ends_the_login(provider, tmp_path):
    keep = Keep({"XDG_STATE_HOME": str(tmp_path), "VEDETTE_KEEP": "file"})
    login = held(provider, by_browser(provider))
    with keep.alone():
        keep.put(login)
    form = {"grant_type": "refresh_token", "refresh_token": login.refresh or ""}
    issuer.ask(Web(), provider.there, PERSON, form)  # the thief
    with pytest.raises(NotLoggedIn, match="the login is over") as caught:
        Renewed(keep, login, {}, lambda: (login.expires or 0) + 1).token()
    assert (login.refresh or "") not in str(caught.value)
    # While the token still lives it is used, whatever became of the other.
    assert Renewed(keep, login, {}, lambda: (login.expires or 0) - 30).token() == login.token


def test_a_service_account_is_renewed_by_its_secret_wherever_that_is(provider, tmp_path):
    grant = issuer.ask(Web(), provider.there, AGENT, {"grant_type": "client_credentials"})
    keep = Keep({"XDG_STATE_HOME": str(tmp_path / "state"), "VEDETTE_KEEP": "file"})
    file = tmp_path / "secret"
    file.write_text("only-for-tests\n")
    base = held(provider, grant, how="client-credentials", client="autogen", scope="")
    for kept, environ in (
        ({"secret": "only-for-tests"}, {}),
        ({"secret_env": "AUTOGEN_SECRET"}, {"AUTOGEN_SECRET": "only-for-tests"}),
        ({"secret_file": str(file)}, {}),
    ):
        login = replace(base, **kept)
        with keep.alone():
            keep.put(login)
        found = Renewed(keep, login, environ, lambda: grant.expires - 10).token()
        assert found != login.token
        assert claims(found)["sub"] == "autogen"
    with keep.alone():
        keep.put(replace(base, secret_env="AUTOGEN_SECRET"))
    with pytest.raises(NotLoggedIn, match="AUTOGEN_SECRET"):
        Renewed(keep, keep.find() or base, {}, lambda: (base.expires or 0) + 10).token()


def test_a_refresh_token_is_given_back(provider):
    grant = by_browser(provider)
    assert issuer.revoke(Web(), provider.there, Party("vedette-cli"), grant.refresh or "")
    with pytest.raises(ClientError) as caught:
        issuer.ask(
            Web(), provider.there, PERSON,
            {"grant_type": "refresh_token", "refresh_token": grant.refresh or ""},
        )  # fmt: skip
    assert caught.value.code == "oauth.invalid_grant"


def test_an_issuer_is_who_it_says(provider):
    for wrong, code in (
        (provider.issuer + "/", "client.issuer"),
        (provider.issuer.replace("127.0.0.1", "localhost"), "client.issuer"),
        ("http://login.example.com", "client.address"),
        ("https://user@login.example.com", "client.address"),
    ):
        with pytest.raises(ClientError) as caught:
            issuer.discover(Web(), wrong)
        assert caught.value.code == code, wrong
