"""Random texts that are shown once, and what is kept of them."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

#: A name on record, in addresses and as a PostgreSQL user: no dash in front, nothing that needs escaping.
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,62}", re.ASCII)
#: RFC 8628 section 6.1: letters that are not taken for others and make no words.
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
USER_CODE_LETTERS = 8


def is_name(text: str) -> bool:
    """Whether *text* can be the name of a person, an account or a lent agent."""
    return _NAME.fullmatch(text) is not None and not text.startswith("vdt_")


def fresh(prefix: str) -> str:
    """A secret of 256 random bits behind *prefix*, which says what it is to whoever finds it."""
    return prefix + secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """What is kept of a secret from `fresh`. Plain SHA-256: 256 random bits are not guessed."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()


def fits(secret: str, kept: bytes) -> bool:
    """Whether *kept* is the digest of *secret*, in constant time."""
    return hmac.compare_digest(digest(secret), kept)


def user_code() -> str:
    """Eight letters for a person to read off and type: some 34 bits."""
    return "".join(secrets.choice(_LETTERS) for _ in range(USER_CODE_LETTERS))


def typed(code: str) -> str:
    """A user code as it is kept, from how people type it; empty where it cannot be one."""
    letters = "".join(each for each in code[:64].upper() if each.isalnum())
    return letters if len(letters) == USER_CODE_LETTERS and set(letters) <= set(_LETTERS) else ""
