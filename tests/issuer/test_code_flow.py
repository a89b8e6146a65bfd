"""Signing in with a browser: authorization code with PKCE, refresh, and what attackers make of it."""

from __future__ import annotations

import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.issuer.conftest import PASSWORD, House, field
from tests.issuer.signing_in import REDIRECT, Client, back, browser, sign_in
from vedette.model import Kind


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
async def test_a_person_signs_in_and_the_client_gets_tokens(home: House) -> None:
    await home.person()
    client = Client(home)
    answer = await client.redeem(await client.code())
    said = answer.json()
    assert answer.status_code == 200, said
    assert answer.headers["cache-control"] == "no-store"
    found = await home.app.identity.by_token(said["access_token"])
    assert (found.subject, found.kind, found.email) == ("anna", Kind.PERSON, "anna@example.com")
    assert found.groups == {"analysts", "staff"}
    keys = KeySet.import_key_set((await home.http.get("/oauth/jwks")).json())
    claims = jwt.decode(said["id_token"], keys, algorithms=["EdDSA"]).claims
    assert (claims["iss"], claims["aud"], claims["sub"]) == (home.url, "vedette-cli", "anna")
    assert (claims["nonce"], claims["email"]) == ("n-1", "anna@example.com")
    assert abs(claims["auth_time"] - time.time()) < 60
    mine = {"Authorization": f"Bearer {said['access_token']}"}
    assert (await home.http.get("/oauth/userinfo", headers=mine)).json()["sub"] == "anna"
    person = await home.app.store.people.get("anna")
    assert person is not None
    assert person.used is not None


async def test_an_id_token_is_no_way_in(home: House) -> None:
    await home.person()
    client = Client(home)
    said = (await client.redeem(await client.code())).json()
    answer = await home.http.get("/api/v1/self", headers={"Authorization": f"Bearer {said['id_token']}"})
    assert answer.status_code == 401


async def test_refresh_tokens_work_once_and_bring_the_groups_of_now(home: House) -> None:
    await home.person()
    client = Client(home)
    first = (await client.redeem(await client.code())).json()
    await home.app.store.people.change("anna", groups=["staff"])
    form = {"grant_type": "refresh_token", "client_id": "vedette-cli"}
    second = (await home.token(**form, refresh_token=first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert (await home.app.identity.by_token(second["access_token"])).groups == {"staff"}
    third = (await home.token(**form, refresh_token=second["refresh_token"])).json()
    assert "access_token" in third


async def test_a_refresh_token_used_twice_ends_the_whole_sign_in(home: House) -> None:
    await home.person()
    client = Client(home)
    first = (await client.redeem(await client.code())).json()
    form = {"grant_type": "refresh_token", "client_id": "vedette-cli"}
    thief = (await home.token(**form, refresh_token=first["refresh_token"])).json()
    answer = await home.token(**form, refresh_token=first["refresh_token"])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    # The thief's are void, and so are the victim's.
    assert (await home.token(**form, refresh_token=thief["refresh_token"])).json()["error"] == "invalid_grant"
    for text in (first["access_token"], thief["access_token"]):
        mine = {"Authorization": f"Bearer {text}"}
        assert (await home.http.get("/api/v1/self", headers=mine)).json()["code"] == "identity.revoked"
    assert home.refusals() == ["oauth.refresh_reused", "oauth.refresh"]


async def test_a_code_used_twice_voids_what_came_of_it(home: House) -> None:
    await home.person()
    client = Client(home)
    code = await client.code()
    said = (await client.redeem(code)).json()
    answer = await client.redeem(code)
    assert answer.json()["error"] == "invalid_grant"
    mine = {"Authorization": f"Bearer {said['access_token']}"}
    assert (await home.http.get("/api/v1/self", headers=mine)).json()["code"] == "identity.revoked"
    form = {"grant_type": "refresh_token", "client_id": "vedette-cli"}
    assert (await home.token(**form, refresh_token=said["refresh_token"])).json()["error"] == "invalid_grant"
    assert home.refusals()[0] == "oauth.code_replayed"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"code_verifier": "a" * 43}, "oauth.pkce"),
        ({"code_verifier": None}, "oauth.pkce"),
        ({"code_verifier": "short"}, "oauth.pkce"),
        ({"redirect_uri": "http://127.0.0.1:49153/callback"}, "oauth.code"),
        ({"redirect_uri": None}, "oauth.code"),
        ({"client_id": "other"}, "oauth.client"),
        ({"client_secret": "x"}, "oauth.client"),
    ],
)
async def test_a_stolen_code_is_worth_nothing(home: House, change: dict[str, Any], code: str) -> None:
    await home.person()
    client = Client(home)
    given = await client.code()
    answer = await client.redeem(given, **change)
    assert answer.json()["error"] in ("invalid_grant", "invalid_client")
    assert home.refusals() == [code]
    if code != "oauth.client":
        # Whoever guesses at the verifier has one guess.
        assert (await client.redeem(given)).json()["error"] == "invalid_grant"


async def test_codes_end_by_a_clock_that_nobody_sets(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await home.person()
    client = Client(home)
    code = await client.code()
    desk = home.desk
    began = desk.clock()
    monkeypatch.setattr(desk, "clock", lambda: began + 61)
    assert (await client.redeem(code)).json()["error"] == "invalid_grant"


async def test_a_clock_set_back_renews_nothing(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await home.person()
    client = Client(home)
    said = (await client.redeem(await client.code())).json()
    real = time.time
    form = {"grant_type": "refresh_token", "client_id": "vedette-cli", "refresh_token": said["refresh_token"]}
    with monkeypatch.context() as patch:
        patch.setattr("vedette.api.oauth_signin.time.time", lambda: real() - 86400)
        assert (await home.token(**form)).json()["error"] == "invalid_grant"
    with monkeypatch.context() as patch:
        patch.setattr("vedette.api.oauth_signin.time.time", lambda: real() + 8 * 86400)
        assert (await home.token(**form)).json()["error"] == "invalid_grant"
    assert (await home.token(**form)).status_code == 200


REDIRECTS = [
    "https://evil.example/callback",
    "http://127.0.0.1/callback",
    "http://127.0.0.1:49152/other",
    "http://127.0.0.1:49152/callback?x=1",
    "http://127.0.0.1:49152/callback#x",
    "http://127.0.0.1:49152/callback/../x",
    "http://127.0.0.1:99999/callback",
    "http://127.0.0.1:049152/callback",
    "http://127.0.0.1:49152@evil.example/callback",
    "http://127.0.0.1.evil.example:49152/callback",
    "http://localhost:49152/callback",
    "http://127.1:49152/callback",
    "https://127.0.0.1:49152/callback",
    "javascript:alert(1)",
    "",
]


@pytest.mark.parametrize("redirect", REDIRECTS)
async def test_nobody_is_sent_to_an_address_that_is_not_the_clients(home: House, redirect: str) -> None:
    answer = await home.http.get("/oauth/authorize", params=Client(home).query(redirect_uri=redirect))
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert home.refusals() == ["oauth.redirect"]
    assert "evil" not in answer.text


@pytest.mark.parametrize(
    ("change", "error", "code"),
    [
        ({"code_challenge": None}, "invalid_request", "oauth.pkce"),
        ({"code_challenge_method": None}, "invalid_request", "oauth.pkce"),
        ({"code_challenge_method": "plain"}, "invalid_request", "oauth.pkce"),
        ({"code_challenge": "short"}, "invalid_request", "oauth.pkce"),
        ({"state": None}, "invalid_request", "oauth.state"),
        ({"state": "x" * 2000}, "invalid_request", "oauth.state"),
        ({"response_type": "token"}, "unsupported_response_type", "oauth.request"),
        ({"response_type": "code id_token"}, "unsupported_response_type", "oauth.request"),
        ({"response_mode": "fragment"}, "invalid_request", "oauth.request"),
        ({"request": "x.y.z"}, "invalid_request", "oauth.request"),
        ({"request_uri": "https://evil.example"}, "invalid_request", "oauth.request"),
        ({"scope": "openid admin"}, "invalid_scope", "oauth.scope"),
        ({"prompt": "none"}, "login_required", "oauth.request"),
    ],
)
async def test_the_client_hears_what_it_did_wrong(
    home: House, change: dict[str, Any], error: str, code: str
) -> None:
    query = Client(home).query(**change)
    answer = await home.http.get("/oauth/authorize", params=query)
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith(REDIRECT + "?")
    told = back(answer)
    assert (told["error"], told["iss"]) == (error, home.url)
    assert ("state" in told) == (code != "oauth.state")
    assert home.refusals() == [code]


async def test_the_downgrade_is_refused_at_the_form_too(home: House) -> None:
    """Somebody who changes the form, not the page that led to it."""
    await home.person()
    query = Client(home).query()
    async with browser(home) as http:
        page = (await http.get("/oauth/authorize", params=query)).text
        form = query | {"form": field(page, "form"), "name": "anna", "password": PASSWORD}
        for change in ({"code_challenge_method": "plain"}, {"code_challenge": ""}, {"state": ""}):
            answer = await http.post("/oauth/authorize", data=form | change, headers={"Origin": home.url})
            assert back(answer)["error"] == "invalid_request"
        for redirect in REDIRECTS:
            answer = await http.post(
                "/oauth/authorize", data=form | {"redirect_uri": redirect}, headers={"Origin": home.url}
            )
            assert answer.status_code == 400
            assert "location" not in answer.headers


async def test_unknown_clients_are_sent_nowhere(home: House) -> None:
    answer = await home.http.get("/oauth/authorize", params=Client(home).query(client_id="<b>x</b>"))
    assert answer.status_code == 400
    assert "<b>" not in answer.text


async def test_parameters_that_are_there_twice_are_refused(home: House) -> None:
    query = Client(home).query()
    answer = await home.http.get("/oauth/authorize", params=[*query.items(), ("redirect_uri", REDIRECT)])
    assert answer.status_code == 400


async def test_forms_of_other_sites_do_not_count(home: House) -> None:
    await home.person()
    query = Client(home).query()
    async with browser(home) as http, browser(home) as other:
        page = (await http.get("/oauth/authorize", params=query)).text
        foreign = (await other.get("/oauth/authorize", params=query)).text
        form = query | {"form": field(page, "form"), "name": "anna", "password": PASSWORD}
        attempts: list[tuple[dict[str, Any], dict[str, str]]] = [
            (form, {}),
            (form, {"Origin": "https://evil.example"}),
            (form, {"Origin": "null"}),
            (form, {"Origin": home.url, "Sec-Fetch-Site": "cross-site"}),
            (form, {"Origin": home.url.replace("127.0.0.1", "evil.example")}),
            (form | {"form": field(foreign, "form")}, {"Origin": home.url}),
            (form | {"form": ""}, {"Origin": home.url}),
            ({name: value for name, value in form.items() if name != "form"}, {"Origin": home.url}),
        ]
        for data, headers in attempts:
            answer = await http.post("/oauth/authorize", data=data, headers=headers)
            assert answer.status_code == 400, (data, headers)
            assert "location" not in answer.headers
        http.cookies.clear()
        answer = await http.post("/oauth/authorize", data=form, headers={"Origin": home.url})
        assert answer.status_code == 400
    assert set(home.refusals()) == {"oauth.form"}


async def test_the_page_keeps_to_itself(home: House) -> None:
    answer = await home.http.get("/oauth/authorize", params=Client(home).query())
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' http://127.0.0.1:49152;" in policy
    assert "unsafe" not in policy
    assert "<script" not in answer.text
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-frame-options"] == "DENY"


async def test_what_is_typed_comes_back_escaped_or_not_at_all(home: House) -> None:
    hostile = '"><script>alert(1)</script>'
    query = Client(home).query(state=hostile, nonce=hostile)
    answer = await home.http.get("/oauth/authorize", params=query)
    assert answer.status_code == 200
    assert "<script" not in answer.text
    answer = await sign_in(home, query, name=hostile, password=hostile)
    assert answer.status_code == 400
    assert "<script" not in answer.text
    (record,) = home.journal("login.refused")
    assert record["claimed"].startswith('"><script>')


async def test_a_no_goes_back_to_the_client(home: House) -> None:
    answer = await sign_in(home, Client(home).query(), answer="no")
    assert back(answer)["error"] == "access_denied"


async def test_signing_out_ends_the_sign_in(home: House) -> None:
    await home.person()
    client = Client(home)
    said = (await client.redeem(await client.code())).json()
    data = {"token": said["refresh_token"], "client_id": "vedette-cli"}
    assert (await home.http.post("/oauth/revoke", data=data)).status_code == 200
    mine = {"Authorization": f"Bearer {said['access_token']}"}
    assert (await home.http.get("/api/v1/self", headers=mine)).json()["code"] == "identity.revoked"
    form = {"grant_type": "refresh_token", "client_id": "vedette-cli", "refresh_token": said["refresh_token"]}
    assert (await home.token(**form)).json()["error"] == "invalid_grant"
    for nonsense in ("x", "vdr_x", said["access_token"]):
        answer = await home.http.post("/oauth/revoke", data=data | {"token": nonsense})
        assert answer.status_code == 200


async def test_an_access_token_is_given_back(home: House) -> None:
    await home.person()
    client = Client(home)
    said = (await client.redeem(await client.code())).json()
    await home.http.post("/oauth/revoke", data={"token": said["access_token"], "client_id": "vedette-cli"})
    mine = {"Authorization": f"Bearer {said['access_token']}"}
    assert (await home.http.get("/api/v1/self", headers=mine)).json()["code"] == "identity.revoked"


async def test_who_is_disabled_gets_nothing(home: House) -> None:
    await home.person()
    client = Client(home)
    said = (await client.redeem(await client.code())).json()
    code = await client.code()
    await home.app.store.people.change("anna", disabled=time.time())
    form = {"grant_type": "refresh_token", "client_id": "vedette-cli", "refresh_token": said["refresh_token"]}
    assert (await home.token(**form)).json()["error"] == "invalid_grant"
    assert (await client.redeem(code)).json()["error"] == "invalid_grant"
    answer = await sign_in(home, client.query())
    assert "No such person, or not their password" in answer.text
