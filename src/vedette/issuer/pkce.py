"""Proof that whoever brings a code is who asked for it. Source: RFC 7636, method S256 only."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}", re.ASCII)
_CHALLENGE = re.compile(r"[A-Za-z0-9\-_]{43}", re.ASCII)


def is_challenge(challenge: str, method: str) -> bool:
    """Whether *challenge* can be a SHA-256 by *method* S256; ``plain`` would show the verifier itself."""
    return method == "S256" and _CHALLENGE.fullmatch(challenge) is not None


def challenge_of(verifier: str) -> str:
    """BASE64URL(SHA256(ASCII(code_verifier))), section 4.2."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode("ascii")


def proves(verifier: str, challenge: str) -> bool:
    """Whether *verifier* is what *challenge* was made from."""
    if _VERIFIER.fullmatch(verifier) is None:
        return False
    return hmac.compare_digest(challenge_of(verifier), challenge)
