"""A workshop for tokens, good and bad: it signs whatever it is told to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from functools import cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | bytes | None

NOW = 1_800_000_000.0
CORP = "https://login.example.com/realms/corp"
OTHER = "https://other.example.com"


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(name: str, curve: str = "P-256") -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(
        {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}[curve]()
    )


@cache
def ed_key(name: str) -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def jwk(key: Private, kid: str, **more: object) -> dict[str, object]:
    """The public JWK of *key*."""
    if isinstance(key, rsa.RSAPrivateKey):
        public = key.public_key().public_numbers()
        values: dict[str, object] = {"kty": "RSA", "n": number(public.n), "e": number(public.e)}
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        point, size = key.public_key().public_numbers(), (key.key_size + 7) // 8
        name = {256: "P-256", 384: "P-384", 521: "P-521"}[key.key_size]
        values = {
            "kty": "EC",
            "crv": name,
            "x": b64(point.x.to_bytes(size)),
            "y": b64(point.y.to_bytes(size)),
        }
    elif isinstance(key, ed25519.Ed25519PrivateKey):
        values = {"kty": "OKP", "crv": "Ed25519", "x": b64(key.public_key().public_bytes_raw())}
    else:
        values = {"kty": "oct", "k": b64(key or b"")}
    return values | {"kid": kid, "use": "sig"} | more


def pem(key: rsa.RSAPrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def signature(algorithm: str, key: Private, data: bytes) -> bytes:
    """Made with *key* as it is, whether that suits *algorithm* or not."""
    if key is None:
        return b""
    bits = algorithm[2:] if algorithm[2:] in ("256", "384", "512") else "256"
    digest = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[bits]
    if isinstance(key, bytes):
        return hmac.digest(key, data, f"sha{bits}")
    if isinstance(key, rsa.RSAPrivateKey):
        if algorithm.startswith("PS"):
            return key.sign(data, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        return key.sign(data, padding.PKCS1v15(), digest)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(digest)))
        size = (key.key_size + 7) // 8
        return r.to_bytes(size) + s.to_bytes(size)
    return key.sign(data)


def token(header: dict[str, object] | bytes, claims: dict[str, object] | bytes, key: Private) -> str:
    """A compact JWS. Bytes stand for themselves; the algorithm is the header's word, whatever it is."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)]
    signed = f"{b64(parts[0])}.{b64(parts[1])}"
    algorithm = str(header.get("alg")) if isinstance(header, dict) else "RS256"
    return f"{signed}.{b64(signature(algorithm, key, signed.encode()))}"


def thumbprint(key: ed25519.Ed25519PrivateKey) -> str:
    x = jwk(key, "")["x"]
    return b64(hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest())


def claims(**changes: object) -> dict[str, object]:
    """The claims of a good token of CORP; None as a value takes a claim out."""
    good: dict[str, object] = {
        "iss": CORP,
        "aud": "vedette",
        "sub": "agent-7",
        "jti": "t-1",
        "iat": NOW - 10,
        "nbf": NOW - 10,
        "exp": NOW + 300,
        "groups": ["ai-agents"],
        "gty": "client-credentials",
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


class FakeIssuers:
    """What stands at each address, and how often it was asked for."""

    def __init__(self) -> None:
        self.pages: dict[str, object] = {}
        self.asked: list[str] = []

    def publish(self, issuer: str, *keys: dict[str, object]) -> None:
        address = f"{issuer}/jwks"
        self.pages[f"{issuer}/.well-known/openid-configuration"] = {"issuer": issuer, "jwks_uri": address}
        self.pages[address] = {"keys": list(keys)}

    async def fetch(self, url: str) -> bytes:
        from vedette.identity.fetch import unavailable

        self.asked.append(url)
        if url not in self.pages:
            raise unavailable()
        page = self.pages[url]
        return page if isinstance(page, bytes) else json.dumps(page).encode()
