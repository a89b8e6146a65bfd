"""Tokens that are not good: expired, of an unknown issuer, for another audience, forged."""

from __future__ import annotations

import time

import pytest

from tests.conformance.kits import ENGINES, staged
from tests.conformance.talk_postgres import LoginFailed, Talk
from vedette.identity import SigningKeys, Tokens
from vedette.model import Kind


def _bad(app, folder, which: str) -> str:
    now = time.time()
    if which == "expired":
        return app.tokens.issue("agent-1", Kind.AGENT, (), 60, now=now - 3600).text
    if which == "not yet valid":
        return app.tokens.issue("agent-1", Kind.AGENT, (), 60, now=now + 3600).text
    strangers = SigningKeys.open(folder / "strangers")
    issuer = "https://login.example.com" if which == "of an unknown issuer" else app.settings.identity.name
    made = Tokens(strangers, issuer=issuer, is_revoked=lambda _: False).issue(
        "agent-1", Kind.AGENT, (), 60, now=now
    )
    if which == "cut short":
        return made.text.rpartition(".")[0]
    return made.text


@pytest.mark.parametrize(
    ("which", "code"),
    [
        ("expired", "identity.expired"),
        ("not yet valid", "identity."),
        ("of an unknown issuer", "identity."),
        ("signed by somebody else", "identity."),
        ("cut short", "identity."),
    ],
)
async def test_a_bad_token_is_refused_on_record(tmp_path, which, code):
    async with staged(ENGINES["postgres"], tmp_path) as stage:
        canary = await stage.caller("canary")
        with pytest.raises(LoginFailed) as refused:
            await Talk.login(stage.app.ports["postgres"], _bad(stage.app, tmp_path, which))
        assert refused.value.fields["C"].startswith("28")
        (record,) = await stage.recorded("session.refused")
        assert record["code"].startswith(code)
        assert code in refused.value.fields["D"]
        assert await canary.act("read") == ""
        await canary.close()
