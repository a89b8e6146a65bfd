"""Every bad token we know of, and the one stable code each ends in."""

from __future__ import annotations

import base64
import json
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.identity import forge
from tests.identity.forge import CORP, NOW, OTHER, b64, claims, ec_key, ed_key, rsa_key, token
from vedette.credentials import Secret
from vedette.identity import Identity, IdentityError, Issuers, IssuerSettings, KeyRecord, Match, Tokens
from vedette.identity.claims import path_of
from vedette.identity.keys import create
from vedette.identity.signing import SigningKey, SigningKeys
from vedette.model import Kind, Principal

RS = {"alg": "RS256", "typ": "JWT", "kid": "r1"}
ES = {"alg": "ES256", "typ": "JWT", "kid": "e1"}
ED = {"alg": "EdDSA", "typ": "vedette+jwt"}
SKEW = 30
REVOKED = "t-revoked"
CI = "https://ci.example.com"


def gateway_keys() -> SigningKeys:
    from joserfc.jwk import OKPKey

    jwk = forge.jwk(ed_key("gateway"), "")
    private = b64(ed_key("gateway").private_bytes_raw())
    return SigningKeys(
        [
            SigningKey.of(
                OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": str(jwk["x"]), "d": private}), 0
            )
        ]
    )


def own(header: dict[str, object] | None = None, **changes: object) -> str:
    """A token as the gateway would issue it, but for the changes."""
    key = ed_key("gateway")
    body = {"iss": "vedette", "kind": "agent", "gty": None} | changes
    return token({**ED, "kid": forge.thumbprint(key), **(header or {})}, claims(**body), key)


def corp(header: dict[str, object] | None = None, **changes: object) -> str:
    """A token as CORP would issue it, but for the changes."""
    return token({**RS, **(header or {})}, claims(**changes), rsa_key("r1"))


def job(**changes: object) -> str:
    """A token as CI would issue it, which has requirements and an actor claim, but for the changes."""
    good = {"iss": CI, "sub": "repo:acme/agents", "owner_id": "65", "started": {"by": "alice"}}
    return token(RS, claims(**(good | changes)), rsa_key("ci"))


@dataclass
class NoKeys:
    record: KeyRecord | None = None

    async def by_prefix(self, prefix: str) -> KeyRecord | None:
        return self.record if self.record and self.record.prefix == prefix else None

    async def by_name(self, name: str) -> KeyRecord | None:
        return None


API_SECRET, API_RECORD = create("ci", "svc", Kind.SERVICE, [], None, now=NOW)


def identity() -> Identity:
    world = forge.FakeIssuers()
    world.publish(
        CORP,
        forge.jwk(rsa_key("r1"), "r1"),
        forge.jwk(ec_key("e1"), "e1"),
        forge.jwk(ec_key("e384", "P-384"), "e384"),
        forge.jwk(ed_key("o1"), "o1"),
        forge.jwk(rsa_key("weak", 1024), "weak"),
        forge.jwk(rsa_key("enc"), "enc", use="enc"),
        forge.jwk(rsa_key("other-alg"), "other-alg", alg="RS512"),
        forge.jwk(rsa_key("twin-a"), "twin"),
        forge.jwk(rsa_key("r1"), "twin"),
        forge.jwk(b"a shared secret", "hmac"),
        forge.jwk(rsa_key("leaked"), "leaked", d="AQAB"),
    )
    world.publish(OTHER, forge.jwk(rsa_key("other"), "r1"))
    world.publish(CI, forge.jwk(rsa_key("ci"), "r1"))
    both = {"audience": "vedette", "algorithms": frozenset({"RS256", "ES256", "EdDSA"})}
    issuers = Issuers(
        [
            IssuerSettings(
                CORP,
                **both,
                others=frozenset({"account"}),
                agents=Match(path_of("gty"), "client-credentials"),
            ),
            IssuerSettings(OTHER, **both, parties=frozenset({"bot"})),
            IssuerSettings(
                CI,
                **both,
                requires=(Match(path_of("owner_id"), "65"), Match(path_of("sub"), like="repo:acme/*")),
                actor=path_of("started.by"),
            ),
        ],
        world.fetch,
        clock=lambda: 0.0,
    )
    tokens = Tokens(gateway_keys(), is_revoked=REVOKED.__eq__)
    return Identity(tokens, issuers, NoKeys(API_RECORD), is_revoked=REVOKED.__eq__, clock=lambda: NOW)


GOOD: dict[str, Callable[[], str]] = {
    "gateway": own,
    "gateway with actor": lambda: own(act={"sub": "alice"}),
    "rs256": corp,
    "es256": lambda: token(ES, claims(), ec_key("e1")),
    "eddsa": lambda: token({"alg": "EdDSA", "kid": "o1"}, claims(), ed_key("o1")),
    "access token type": lambda: corp({"typ": "at+JWT"}),
    "x5t is looked past": lambda: corp({"x5t": "abc"}),
    "audience list": lambda: corp(aud=["account", "vedette"]),
    "groups as one text": lambda: corp(groups="ai-agents"),
    "expired within the skew": lambda: corp(exp=NOW - SKEW + 1),
    "nbf within the skew": lambda: corp(nbf=NOW + SKEW),
    "sub of 255 characters": lambda: corp(sub="s" * 255),
    "1000 groups": lambda: corp(groups=[f"g{n}" for n in range(1000)]),
    "exp in the year 9999": lambda: corp(exp=253_402_300_799),
    "no jti": lambda: corp(jti=None),
    "azp": lambda: token(RS, claims(iss=OTHER, azp="bot"), rsa_key("other")),
    "client id": lambda: token(RS, claims(iss=OTHER, client_id="bot"), rsa_key("other")),
    "a job": job,
    "a job nobody started": lambda: job(started=None),
    "a job with an actor of its own": lambda: job(started=None, act={"sub": "bob"}),
    "api key": lambda: API_SECRET.reveal(),
}


def swap_header(text: str) -> str:
    return own().split(".")[0] + text[text.index(".") :]


def flip(text: str, part: int) -> str:
    parts = text.split(".")
    first = parts[part][0]
    parts[part] = ("B" if first != "B" else "C") + parts[part][1:]
    return ".".join(parts)


def cut(text: str) -> str:
    """Without the last byte of its signature, in good base64url."""
    body, _, signature = text.rpartition(".")
    return f"{body}.{b64(base64.urlsafe_b64decode(signature + '==')[:-1])}"


def raw(body: str) -> str:
    """Claims given as JSON text, because no dictionary can hold them."""
    return token(RS, body.encode(), rsa_key("r1"))


def good_json() -> str:
    return json.dumps(claims())


HOMOGLYPH = CORP.replace("o", "\N{CYRILLIC SMALL LETTER O}", 1)
PUBLIC_PEM = forge.pem(rsa_key("r1"))
P1363_ZERO = b64(bytes(64))

BAD: list[tuple[str, str, Callable[[], str]]] = [
    # --- algorithm confusion
    ("alg none", "algorithm", lambda: token({"alg": "none", "kid": "r1"}, claims(), None) + "AA"),
    ("alg none, unsigned", "malformed", lambda: token({"alg": "none"}, claims(), None)),
    ("alg None", "algorithm", lambda: corp({"alg": "None"})),
    ("alg nOnE on a gateway token", "algorithm", lambda: own({"alg": "nOnE"})),
    ("hs256 with the public key in PEM", "algorithm", lambda: token({**RS, "alg": "HS256"}, claims(), PUBLIC_PEM)),
    ("hs256 with the modulus", "algorithm",
     lambda: token({**RS, "alg": "HS256"}, claims(), str(forge.jwk(rsa_key("r1"), "")["n"]).encode())),
    ("hs256 with the published secret", "algorithm",
     lambda: token({"alg": "HS256", "kid": "hmac"}, claims(), b"a shared secret")),
    ("hs256 with an empty secret", "algorithm", lambda: token({**RS, "alg": "HS256"}, claims(), b"")),
    ("hs256 gateway token with its public key", "algorithm",
     lambda: token({**ED, "alg": "HS256"}, claims(iss="vedette"), ed_key("gateway").public_key().public_bytes_raw())),
    ("rs512 where rs256 is permitted", "algorithm", lambda: corp({"alg": "RS512"})),
    ("ps256 where rs256 is permitted", "algorithm", lambda: corp({"alg": "PS256"})),
    ("alg in lower case", "algorithm", lambda: corp({"alg": "rs256"})),
    ("alg with a space", "algorithm", lambda: corp({"alg": "RS256 "})),
    ("alg as a list", "malformed", lambda: corp({"alg": ["RS256"]})),
    ("alg missing", "malformed", lambda: token({"kid": "r1"}, claims(), rsa_key("r1"))),
    ("alg null", "malformed", lambda: corp({"alg": None})),
    ("rs256 gateway token", "algorithm", lambda: token({**ED, "alg": "RS256"}, claims(iss="vedette"), rsa_key("r1"))),
    ("ed25519 by its newer name on a gateway token", "algorithm", lambda: own({"alg": "Ed25519"})),
    # --- keys
    ("unknown kid", "signature", lambda: corp({"kid": "r9"})),
    ("kid of another key", "signature", lambda: corp({"kid": "enc"})),
    ("kid with a path", "signature", lambda: corp({"kid": "../../../../dev/null"})),
    ("kid with SQL", "signature", lambda: corp({"kid": "x' UNION SELECT 'key' --"})),
    ("kid with a command", "signature", lambda: corp({"kid": "r1|/bin/id"})),
    ("kid as an address", "signature", lambda: corp({"kid": "https://evil.example/k"})),
    ("kid as a number", "malformed", lambda: corp({"kid": 1})),
    ("kid null", "malformed", lambda: corp({"kid": None})),
    ("kid empty", "malformed", lambda: corp({"kid": ""})),
    ("kid of 5000 characters", "malformed", lambda: corp({"kid": "k" * 5000})),
    ("no kid among several keys", "signature", lambda: token({"alg": "RS256"}, claims(), rsa_key("r1"))),
    ("kid that two keys share", "signature", lambda: corp({"kid": "twin"})),
    ("rsa of 1024 bits", "signature", lambda: token({**RS, "kid": "weak"}, claims(), rsa_key("weak", 1024))),
    ("key for encryption", "signature", lambda: token({**RS, "kid": "enc"}, claims(), rsa_key("enc"))),
    ("key for another algorithm", "signature",
     lambda: token({**RS, "kid": "other-alg"}, claims(), rsa_key("other-alg"))),
    ("key published with its private half", "signature",
     lambda: token({**RS, "kid": "leaked"}, claims(), rsa_key("leaked"))),
    ("es256 by a key on P-384", "signature",
     lambda: token({"alg": "ES256", "kid": "e384"}, claims(), ec_key("e384", "P-384"))),
    ("es256 with the kid of an rsa key", "signature", lambda: token({**ES, "kid": "r1"}, claims(), ec_key("e1"))),
    ("rs256 with the kid of an ec key", "signature", lambda: corp({"kid": "e1"})),
    ("eddsa with the kid of an ec key", "signature",
     lambda: token({"alg": "EdDSA", "kid": "e1"}, claims(), ed_key("o1"))),
    ("key of another issuer", "signature", lambda: token(RS, claims(), rsa_key("other"))),
    ("issuer's key on a gateway token", "signature",
     lambda: token({**ED, "kid": "o1"}, claims(iss="vedette", kind="agent"), ed_key("o1"))),
    ("gateway's key on an issuer's token", "signature",
     lambda: token({"alg": "EdDSA", "kid": forge.thumbprint(ed_key("gateway"))}, claims(), ed_key("gateway"))),
    ("somebody's key under the gateway's kid", "signature",
     lambda: token({**ED, "kid": forge.thumbprint(ed_key("gateway"))}, claims(iss="vedette"), ed_key("evil"))),
    ("gateway token without kid", "signature",
     lambda: token(dict(ED), claims(iss="vedette", kind="agent"), ed_key("gateway"))),
    # --- header parameters that bring a key or change the rules
    ("jwk in the header", "malformed", lambda: corp({"jwk": forge.jwk(rsa_key("evil"), "r1")})),
    ("jku in the header", "malformed", lambda: corp({"jku": "https://evil.example/jwks"})),
    ("jku with the issuer's own address", "malformed", lambda: corp({"jku": f"{CORP}/jwks"})),
    ("x5u in the header", "malformed", lambda: corp({"x5u": "https://evil.example/cert"})),
    ("crit unknown", "malformed", lambda: corp({"crit": ["x"], "x": 1})),
    ("crit empty", "malformed", lambda: corp({"crit": []})),
    ("crit exp", "malformed", lambda: corp({"crit": ["exp"], "exp": NOW + 9})),
    ("b64 false", "malformed", lambda: corp({"b64": False, "crit": ["b64"]})),
    ("b64 false without crit", "malformed", lambda: corp({"b64": False})),
    ("b64 true", "malformed", lambda: corp({"b64": True})),
    ("zip", "malformed", lambda: corp({"zip": "DEF"})),
    ("an extra header on a gateway token", "malformed", lambda: own({"cty": "JWT"})),
    ("alg twice in the header", "malformed",
     lambda: token(b'{"alg":"none","alg":"RS256","kid":"r1"}', claims(), rsa_key("r1"))),
    ("header is a list", "malformed", lambda: token(b'["alg","RS256"]', claims(), rsa_key("r1"))),
    ("header is not JSON", "malformed", lambda: token(b"alg=RS256", claims(), rsa_key("r1"))),
    ("header of 5 KiB", "malformed", lambda: corp({"x5c": ["A" * 5000]})),
    ("header swapped for a gateway header", "malformed", lambda: swap_header(corp())),
    # --- types
    ("gateway token with type JWT", "malformed", lambda: own({"typ": "JWT"})),
    ("gateway token without type", "malformed", lambda: own({"typ": None})),
    ("gateway type in capitals", "malformed", lambda: own({"typ": "VEDETTE+JWT"})),
    ("gateway type on an issuer's token", "malformed", lambda: corp({"typ": "vedette+jwt"})),
    ("logout token", "malformed", lambda: corp({"typ": "logout+jwt"})),
    ("DPoP proof", "malformed", lambda: corp({"typ": "dpop+jwt"})),
    ("type null", "malformed", lambda: corp({"typ": None})),
    ("type as a list", "malformed", lambda: corp({"typ": ["JWT"]})),
    # --- issuer
    ("issuer unknown", "issuer", lambda: corp(iss="https://evil.example")),
    ("issuer with a slash at the end", "issuer", lambda: corp(iss=CORP + "/")),
    ("issuer as a prefix", "issuer", lambda: corp(iss=CORP[:-1])),
    ("issuer with a suffix", "issuer", lambda: corp(iss=CORP + ".evil.example")),
    ("issuer's host alone", "issuer", lambda: corp(iss="https://login.example.com")),
    ("issuer in capitals", "issuer", lambda: corp(iss=CORP.upper())),
    ("issuer with a homoglyph", "issuer", lambda: corp(iss=HOMOGLYPH)),
    ("issuer with a space", "issuer", lambda: corp(iss=CORP + " ")),
    ("issuer with a NUL", "issuer", lambda: corp(iss=CORP + "\0")),
    ("issuer with user information", "issuer", lambda: corp(iss=CORP.replace("https://", "https://vedette@"))),
    ("issuer over http", "issuer", lambda: corp(iss=CORP.replace("https", "http"))),
    ("issuer as a list", "malformed", lambda: corp(iss=[CORP])),
    ("issuer empty", "malformed", lambda: corp(iss="")),
    ("issuer missing", "malformed", lambda: corp(iss=None)),
    ("gateway's name in capitals", "issuer", lambda: own(iss="Vedette")),
    # --- audience and party
    ("audience of another", "audience", lambda: corp(aud="somebody")),
    ("audience as a prefix", "audience", lambda: corp(aud="vedett")),
    ("audience with a suffix", "audience", lambda: corp(aud="vedette2")),
    ("audience in capitals", "audience", lambda: corp(aud="Vedette")),
    ("audience list with a stranger", "audience", lambda: corp(aud=["vedette", "somebody"])),
    ("audience list of only tolerated ones", "audience", lambda: corp(aud=["account"])),
    ("audience list on a gateway token", "audience", lambda: own(aud=["vedette"])),
    ("audience list with another on a gateway token", "audience", lambda: own(aud=["vedette", "account"])),
    ("audience nested", "malformed", lambda: corp(aud=[["vedette"]])),
    ("audience as an object", "malformed", lambda: corp(aud={"vedette": True})),
    ("audience list empty", "malformed", lambda: corp(aud=[])),
    ("audience missing", "malformed", lambda: corp(aud=None)),
    ("audience missing on a gateway token", "audience", lambda: own(aud=None)),
    ("azp of another", "audience", lambda: token(RS, claims(iss=OTHER, azp="x"), rsa_key("other"))),
    ("azp of another beside a good client id", "audience",
     lambda: token(RS, claims(iss=OTHER, azp="x", client_id="bot"), rsa_key("other"))),
    ("azp missing", "audience", lambda: token(RS, claims(iss=OTHER), rsa_key("other"))),
    ("azp as a list", "malformed", lambda: token(RS, claims(iss=OTHER, azp=["bot"]), rsa_key("other"))),
    ("required claim missing", "audience", lambda: job(owner_id=None)),
    ("required claim of another", "audience", lambda: job(owner_id="66")),
    ("required claim as a number", "audience", lambda: job(owner_id=65)),
    ("required claim as an object", "audience", lambda: job(owner_id={"65": "65"})),
    ("required claim nested in a list", "audience", lambda: job(owner_id=[["65"]])),
    ("required pattern inside", "audience", lambda: job(sub="x repo:acme/agents")),
    ("required pattern in capitals", "audience", lambda: job(sub="REPO:ACME/agents")),
    ("required pattern of a longer name", "audience", lambda: job(sub="repo:acme-evil/agents")),
    ("bound to a key", "bound", lambda: corp(cnf={"jkt": "x"})),
    # --- times
    ("exp past by skew and one", "expired", lambda: corp(exp=NOW - SKEW - 1)),
    ("exp past by the skew", "expired", lambda: corp(exp=NOW - SKEW)),
    ("gateway exp past by skew and one", "expired", lambda: own(exp=NOW - SKEW - 1)),
    ("exp zero", "expired", lambda: corp(exp=0)),
    ("exp as text", "malformed", lambda: corp(exp=str(int(NOW + 300)))),
    ("exp true", "malformed", lambda: corp(exp=True)),
    ("exp as a list", "malformed", lambda: corp(exp=[NOW + 300])),
    ("exp null", "malformed", lambda: raw(good_json().replace(f'"exp": {NOW + 300}', '"exp": null'))),
    ("exp missing", "malformed", lambda: corp(exp=None)),
    ("exp negative", "malformed", lambda: corp(exp=-1)),
    ("exp in milliseconds", "malformed", lambda: corp(exp=NOW * 1000)),
    ("exp beyond every float", "malformed", lambda: raw(good_json().replace(f"{NOW + 300}", "9" * 400))),
    ("exp overflowing to infinity", "malformed", lambda: raw(good_json().replace(f"{NOW + 300}", "1e999"))),
    ("exp NaN", "malformed", lambda: raw(good_json().replace(f"{NOW + 300}", "NaN"))),
    ("exp Infinity", "malformed", lambda: raw(good_json().replace(f"{NOW + 300}", "Infinity"))),
    ("exp of 5000 digits", "malformed", lambda: raw(good_json().replace(f"{NOW + 300}", "9" * 5000))),
    ("nbf in the future", "not_yet", lambda: corp(nbf=NOW + SKEW + 1)),
    ("nbf as text", "malformed", lambda: corp(nbf="0")),
    ("iat in the future", "not_yet", lambda: corp(iat=NOW + SKEW + 1)),
    ("iat as text", "malformed", lambda: corp(iat="now")),
    ("gateway token without iat", "malformed", lambda: own(iat=None)),
    ("gateway token without nbf", "malformed", lambda: own(nbf=None)),
    # --- who
    ("sub missing", "malformed", lambda: corp(sub=None)),
    ("sub empty", "malformed", lambda: corp(sub="")),
    ("sub as a number", "malformed", lambda: corp(sub=7)),
    ("sub with a line end", "malformed", lambda: corp(sub="agent-7\nadmin")),
    ("sub with a NUL", "malformed", lambda: corp(sub="agent-7\0")),
    ("sub with an escape sequence", "malformed", lambda: corp(sub="\x1b[31magent")),
    ("sub written right to left", "malformed", lambda: corp(sub="\u202eadmin")),
    ("sub with a zero-width space", "malformed", lambda: corp(sub="ad\u200bmin")),
    ("sub of 256 characters", "malformed", lambda: corp(sub="s" * 256)),
    ("sub with spaces around", "malformed", lambda: corp(sub=" admin")),
    ("sub with a lone surrogate", "malformed", lambda: raw(good_json().replace("agent-7", "\\ud800"))),
    ("sub twice", "malformed", lambda: raw(good_json()[:-1] + ', "sub": "admin"}')),
    ("groups twice", "malformed", lambda: raw(good_json()[:-1] + ', "groups": ["dba"]}')),
    ("a nested name twice", "malformed", lambda: raw(good_json()[:-1] + ', "act": {"sub": "a", "sub": "b"}}')),
    ("groups nested", "malformed", lambda: corp(groups=[["dba"]])),
    ("groups with a number", "malformed", lambda: corp(groups=["ai-agents", 1])),
    ("groups with null", "malformed", lambda: corp(groups=["ai-agents", None])),
    ("groups as an object", "malformed", lambda: corp(groups={"dba": True})),
    ("groups true", "malformed", lambda: corp(groups=True)),
    ("groups, 1001 of them", "malformed", lambda: corp(groups=[f"g{n}" for n in range(1001)])),
    ("groups with an empty one", "malformed", lambda: corp(groups=[""])),
    ("groups as one text on a gateway token", "malformed", lambda: own(groups="dba")),
    ("groups missing on a gateway token", "malformed", lambda: own(groups=None)),
    ("groups null on a gateway token", "malformed",
     lambda: token({**ED, "kid": forge.thumbprint(ed_key("gateway"))},
                   json.dumps(claims(iss="vedette", kind="agent") | {"groups": None}).encode(), ed_key("gateway"))),
    ("exp in the year 10000", "malformed", lambda: corp(exp=253_402_300_800)),
    ("kind missing", "malformed", lambda: own(kind=None)),
    ("kind unknown", "malformed", lambda: own(kind="admin")),
    ("kind as a list", "malformed", lambda: own(kind=["person"])),
    ("actor claim as a list", "malformed", lambda: job(started={"by": ["alice"]})),
    ("actor claim empty", "malformed", lambda: job(started={"by": ""})),
    ("actor claim with a line end", "malformed", lambda: job(started={"by": "alice\nadmin"})),
    ("actor claim below a text", "malformed", lambda: job(started="alice")),
    ("act as a text beside a good actor claim", "malformed", lambda: job(act="bob")),
    ("act null", "malformed", lambda: raw(good_json()[:-1] + ', "act": null}')),
    ("act as a text", "malformed", lambda: own(act="alice")),
    ("act without sub", "malformed", lambda: own(act={"iss": "x"})),
    ("act with a list as sub", "malformed", lambda: corp(act={"sub": ["alice"]})),
    ("email as a list", "malformed", lambda: corp(email=["a@example.com"])),
    ("jti missing on a gateway token", "malformed", lambda: own(jti=None)),
    ("jti as a number", "malformed", lambda: own(jti=1)),
    ("revoked", "revoked", lambda: own(jti=REVOKED)),
    ("revoked token of an issuer", "revoked", lambda: corp(jti=REVOKED)),
    # --- form
    ("empty", "malformed", lambda: ""),
    ("a password", "malformed", lambda: "hunter2"),
    ("one dot", "malformed", lambda: "a.b"),
    ("two dots only", "malformed", lambda: ".."),
    ("three dots", "malformed", lambda: corp() + ".AAAA"),
    ("encrypted (five parts)", "malformed", lambda: ".".join(["eyJhbGciOiJkaXIifQ", "", "AAAA", "AAAA", "AAAA"])),
    ("JSON serialisation", "malformed", lambda: json.dumps({"payload": "e30", "signature": "AA"})),
    ("nested token as the body", "malformed", lambda: token(RS, corp().encode(), rsa_key("r1"))),
    ("body is a list", "malformed", lambda: token(RS, b"[]", rsa_key("r1"))),
    ("body is null", "malformed", lambda: token(RS, b"null", rsa_key("r1"))),
    ("body in UTF-16", "malformed", lambda: token(RS, good_json().encode("utf-16"), rsa_key("r1"))),
    ("body with a byte order mark", "malformed", lambda: token(RS, b"\xef\xbb\xbf" + good_json().encode(), rsa_key("r1"))),
    ("body not UTF-8", "malformed", lambda: token(RS, b'{"iss":"\xff"}', rsa_key("r1"))),
    ("body with something behind", "malformed", lambda: raw(good_json() + "{}")),
    ("body nested 5000 deep", "malformed", lambda: raw('{"a":' + "[" * 5000 + "]" * 5000 + "}")),
    ("over 16 KiB", "malformed", lambda: corp(pad="x" * 17000)),
    ("space in front", "malformed", lambda: " " + corp()),
    ("line end behind", "malformed", lambda: corp() + "\n"),
    ("line end inside", "malformed", lambda: corp()[:40] + "\n" + corp()[40:]),
    ("with Bearer in front", "malformed", lambda: "Bearer " + corp()),
    ("in quotes", "malformed", lambda: f'"{corp()}"'),
    ("padded base64", "malformed", lambda: corp() + "=="),
    ("plain base64 alphabet", "malformed", lambda: corp()[:-4] + "ab+/"),
    ("base64 with spare bits", "malformed", lambda: token(ES, claims(), ec_key("e1"))[:-1] + "_"),
    ("full-width dots", "malformed", lambda: corp().replace(".", "\uff0e")),
    ("a lone surrogate", "malformed", lambda: "\ud800" + corp()),
    ("a NUL behind", "malformed", lambda: corp() + "\0"),
    # --- signature
    ("signature missing", "malformed", lambda: corp().rpartition(".")[0] + "."),
    ("signature one character short", "malformed", lambda: corp()[:-1]),
    ("signature cut", "signature", lambda: cut(corp())),
    ("signature changed", "signature", lambda: flip(corp(), 2)),
    ("body changed", "malformed", lambda: flip(corp(), 1)),
    ("body of another token", "signature",
     lambda: ".".join([corp().split(".")[0], corp(sub="admin").split(".")[1], corp().split(".")[2]])),
    ("signature of zeros on es256", "signature",
     lambda: token(ES, claims(), None) + P1363_ZERO),
    ("signature in DER on es256", "signature",
     lambda: token(ES, claims(), None) + b64(ec_key("e1").sign(b"x", forge.ec.ECDSA(forge.hashes.SHA256())))),
    ("gateway signature cut", "signature", lambda: cut(own())),
    ("signature of another gateway token", "signature",
     lambda: own(sub="admin").rpartition(".")[0] + "." + own().rpartition(".")[2]),
    # --- API keys
    ("api key unknown", "key", lambda: "vdt_aaaaaaaa_" + "a" * 32),
    ("api key with a wrong secret", "key", lambda: f"{API_RECORD.prefix}_" + "a" * 32),
    ("api key cut", "key", lambda: API_SECRET.reveal()[:-1]),
    ("api key longer", "key", lambda: API_SECRET.reveal() + "a"),
    ("api key in capitals", "key", lambda: "vdt_" + API_SECRET.reveal()[4:].upper()),
    ("api key's prefix alone", "key", lambda: API_RECORD.prefix),
    ("api key with a line end", "key", lambda: API_SECRET.reveal() + "\n"),
]  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
async def test_what_the_bad_ones_are_made_from_is_good(name: str) -> None:
    assert isinstance(await identity().by_token(GOOD[name]()), Principal)


@pytest.mark.parametrize(("name", "code", "make"), BAD, ids=[row[0] for row in BAD])
async def test_a_bad_token_proves_nobody(name: str, code: str, make: Callable[[], str]) -> None:
    text = make()
    with pytest.raises(IdentityError) as caught:
        await identity().by_token(text)

    assert caught.value.code == f"identity.{code}", caught.value.reason
    said = "".join(traceback.format_exception(caught.value)) + everything_behind(caught.value)
    for piece in [text, *text.split("."), text[-20:]]:
        assert len(piece) < 8 or piece not in said


def everything_behind(error: BaseException | None) -> str:
    """What a curious logger could find: the whole chain, also where it is suppressed."""
    if error is None:
        return ""
    return repr(error) + repr(vars(error)) + everything_behind(error.__context__)


def test_there_are_enough_and_each_has_its_own_name() -> None:
    assert len(BAD) >= 120
    assert len({row[0] for row in BAD}) == len(BAD)


async def test_no_bad_token_makes_a_later_good_one_fail_or_the_reverse() -> None:
    gate = identity()
    for _, _, make in BAD[:40]:
        with pytest.raises(IdentityError):
            await gate.by_token(make())
        assert (await gate.by_token(corp())).subject == "agent-7"


def test_secret_is_not_shown_by_the_key_of_the_table() -> None:
    assert isinstance(API_SECRET, Secret)
    assert API_SECRET.reveal() not in repr(API_RECORD)
