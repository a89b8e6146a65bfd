"""Who can read the data folder is the operator: it gives itself a token that lives for minutes."""

from __future__ import annotations

import getpass
import os
import time

from vedette.config import Settings
from vedette.folder import OPERATOR, Folder
from vedette.identity import SigningKeys, Tokens
from vedette.model import Kind

TTL_SECONDS = 600


def operator_token(settings: Settings) -> str:
    """A token of ``local:<user>``, a person in the groups of ``gateway.admins``.

    Raises SigningKeyError where the folder's keys cannot be read.
    """
    tokens = Tokens(SigningKeys.open(Folder(settings.gateway.data).keys), issuer=settings.identity.name)
    issued = tokens.issue(
        OPERATOR + _user(), Kind.PERSON, settings.gateway.admins, TTL_SECONDS, now=time.time()
    )
    return issued.text


def operator(settings: Settings) -> str:
    """Who that is, as a principal's id."""
    return f"{settings.identity.name}#{OPERATOR}{_user()}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid-{os.getuid()}"
