"""The same bad tokens as a caller brings them: refused in PostgreSQL's words, on record, and told nothing."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.conformance.kits import ENGINES, Stage, staged
from tests.conformance.talk_postgres import Said, Talk
from tests.identity.test_bad_tokens import BAD, GOOD, flip, identity
from vedette.identity.errors import CODES, IdentityError
from vedette.protocols import refusals
from vedette.protocols.postgres import messages as m

#: Pieces this long of what was shown must not come back. Shorter ones (``JWT``) stand in any sentence.
TELLING = 12


@asynccontextmanager
async def door(folder) -> AsyncIterator[Stage]:
    """A whole gateway that knows the issuers, keys and clock which the table was forged for."""
    async with staged(ENGINES["postgres"], folder) as stage:
        vars(stage.app.identity).update(vars(identity()))
        yield stage


def expected(code: str, text: str) -> str:
    """What a password field makes of it: it ends at a NUL, and holds a token only where it is ASCII."""
    if "\0" in text:
        return "login.protocol"
    return "login.token" if not text or not text.isascii() else f"identity.{code}"


async def shown(port: int, text: str) -> dict[str, str]:
    """The error's fields for a caller whose password is *text*, byte by byte."""
    talk = await Talk.dial(port)
    talk.writer.write(m.startup({"user": "agent", "database": "appdb"}))
    assert await talk.message() == (b"R", b"\0\0\0\3")
    talk.writer.write(m.message(b"p", text.encode("utf-8", "surrogatepass") + b"\0"))
    said = await talk.rest()
    await talk.close()
    assert [tag for tag, _ in said.messages] == [b"E"]
    return said.errors[0]


def pieces(text: str) -> list[str]:
    """What must not come back: the whole, each part, and its end."""
    return [piece for piece in (text, *text.split("."), text[-20:]) if len(piece) >= TELLING]


async def test_each_ends_in_its_code_on_record_and_gives_nothing_away(tmp_path, caplog, monkeypatch):
    caplog.set_level(logging.DEBUG)
    # One network asks for all of them within a minute: each is to have a record of its own all the same.
    monkeypatch.setattr(refusals, "PER_NETWORK", 10_000)
    tokens = [(name, code, make()) for name, code, make in BAD]
    heard: dict[str, dict[str, str]] = {}
    async with door(tmp_path) as stage:
        for name, _, text in tokens:
            heard[name] = await shown(stage.app.ports["postgres"], text)
        records = await stage.recorded("session.refused", len(tokens))
        # Nobody who went wrong shuts out somebody who is right.
        caller = await Talk.login(stage.app.ports["postgres"], GOOD["rs256"]())
        await caller.close()

    assert len(records) == len(tokens)
    for (name, code, text), record in zip(tokens, records, strict=True):
        fields, wanted = heard[name], expected(code, text)
        assert (fields["S"], fields["D"], record["code"]) == ("FATAL", f"code {wanted}", wanted), name
        assert fields["C"] == ("08P01" if wanted == "login.protocol" else "28P01"), name
        assert (record["claimed"], record["protocol"], "who" in record) == ("agent", "postgres", False), name
        told = repr(fields) + repr(record)
        assert not [piece for piece in pieces(text) if piece in told or piece in caplog.text], name


def test_every_code_is_met_but_those_that_no_token_by_itself_can_cause():
    met = {f"identity.{code}" for _, code, _ in BAD}

    assert CODES.keys() - met == {
        "identity.unavailable",
        "identity.certificate",
        "identity.blocked",
        "identity.missing",
        "identity.device",
    }


async def test_a_sentence_is_one_of_a_few_and_never_made_from_what_was_shown(tmp_path):
    """Whoever probes learns which check failed, and nothing of what the gateway knows."""
    said: dict[str, set[str]] = {}
    gate = identity()
    for _, code, make in BAD:
        try:
            await gate.by_token(make())
        except IdentityError as error:
            said.setdefault(code, set()).add(str(error))

    assert {
        code: len(texts) for code, texts in said.items() if code in ("signature", "issuer", "algorithm")
    } == {
        "signature": 1,
        "issuer": 1,
        "algorithm": 1,
    }
    assert not [text for texts in said.values() for text in texts if "://" in text or "corp" in text]


async def bearing(port: int, text: str) -> tuple[bytes, Said]:
    """What OAUTHBEARER answers to *text*: the challenge (RFC 7628 section 3.2.2) and all behind it."""
    talk = await Talk.dial(port)
    talk.writer.write(m.startup({"user": "oauth", "database": "appdb"}))
    await talk.message()
    opening = f"n,,\x01auth=Bearer {text}\x01\x01".encode()
    talk.writer.write(m.message(b"p", b"OAUTHBEARER\0" + len(opening).to_bytes(4, "big") + opening))
    _, challenge = await talk.message()
    talk.writer.write(m.message(b"p", b"\x01"))
    said = await talk.rest()
    await talk.close()
    return challenge, said


async def test_oauthbearer_tells_no_more_than_a_password(tmp_path):
    rows = [
        row for row in BAD if row[1] in ("algorithm", "audience", "expired", "issuer", "bound", "revoked")
    ]
    async with door(tmp_path) as stage:
        for name, code, make in rows:
            text = make()
            challenge, said = await bearing(stage.app.ports["postgres"], text)
            assert said.errors[0]["D"] == f"code identity.{code}", name
            assert b'"status": "invalid_token"' in challenge
            assert not [piece for piece in pieces(text) if piece in repr(said) + repr(challenge)], name
        records = await stage.recorded("session.refused", len(rows))
    assert [record["code"] for record in records] == [f"identity.{code}" for _, code, _ in rows]


async def test_a_login_that_is_good_is_what_the_door_is_for(tmp_path):
    async with door(tmp_path) as stage:
        for name, make in GOOD.items():
            caller = await Talk.login(stage.app.ports["postgres"], make())
            assert not (await caller.query("SELECT 1")).errors, name
            await caller.close()
        assert len(await stage.recorded("session.opened", len(GOOD))) == len(GOOD)
        assert stage.journal("session.refused") == []


async def test_who_hangs_up_before_hearing_it_is_on_record_for_what_it_showed(tmp_path):
    rows = [row for row in BAD if row[1] in ("signature", "revoked", "issuer")]
    async with door(tmp_path) as stage:
        port = stage.app.ports["postgres"]
        for _, _, make in rows:
            talk = await Talk.dial(port)
            talk.writer.write(m.startup({"user": "agent", "database": "appdb"}))
            await talk.message()
            talk.writer.write(m.message(b"p", make().encode() + b"\0"))
            await talk.close()
        talk = await Talk.dial(port)
        talk.writer.write(m.startup({"user": "oauth", "database": "appdb"}))
        await talk.message()
        opening = f"n,,\x01auth=Bearer {flip(GOOD['rs256'](), 2)}\x01\x01".encode()
        talk.writer.write(m.message(b"p", b"OAUTHBEARER\0" + len(opening).to_bytes(4, "big") + opening))
        await talk.message()
        await talk.close()
        records = await stage.recorded("session.refused", len(rows) + 1)

    wanted = [*(f"identity.{code}" for _, code, _ in rows), "identity.signature"]
    assert sorted(record["code"] for record in records) == sorted(wanted)
