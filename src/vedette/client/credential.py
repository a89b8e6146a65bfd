"""A token that is good now: from the environment, from a file, or from a login that is renewed in time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from vedette.client import issuer, places
from vedette.client.errors import ClientError, NotLoggedIn
from vedette.client.held import Login
from vedette.client.issuer import Party
from vedette.client.keep import Keep
from vedette.client.web import Web

#: A token is renewed when less than this is left of it, in seconds.
MARGIN_SECONDS = 60.0


class Credential(Protocol):
    """Gives a token that is good at the moment. Raises ClientError."""

    def token(self) -> str: ...
    @property
    def expires(self) -> float | None:
        """When the token last given out ends, in Unix seconds; None where that is not known."""
        ...


class Fixed:
    """A token that somebody gave us, and that nobody renews."""

    def __init__(self, token: str) -> None:
        self._token = token
        ends = issuer.claims(token).get("exp")
        self.expires = float(ends) if isinstance(ends, int | float) else None

    def token(self) -> str:
        return self._token


class FromFile:
    """A token in a file that somebody else renews (a run, Kubernetes); read at each use."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.expires: float | None = None

    def token(self) -> str:
        text = places.given(Path(self._path))
        if not text:
            raise NotLoggedIn(f"{self._path} holds no token", "write one there")
        found = Fixed(text)
        self.expires = found.expires
        return found.token()


class Renewed:
    """A held login. Renewing it writes it back, and no two processes do so at once."""

    def __init__(
        self,
        keep: Keep,
        login: Login,
        environ: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keep, self._login, self._clock = keep, login, clock
        self._environ = os.environ if environ is None else environ

    @property
    def login(self) -> Login:
        return self._login

    @property
    def expires(self) -> float | None:
        return self._login.expires

    def token(self) -> str:
        if not self._due(self._login):
            return self._login.token
        with self._keep.alone():
            # Somebody else may have renewed it, or logged out, since it was read.
            present = self._keep.find(self._login.gateway, self._login.name)
            if present is None:
                raise NotLoggedIn("you were logged out meanwhile", self._again())
            self._login = present
            if self._due(present):
                self._login = self._renew(present)
                if self._login is not present:
                    self._keep.replace(self._login)
        return self._login.token

    def _due(self, login: Login) -> bool:
        return login.expires is not None and login.expires - self._clock() < MARGIN_SECONDS

    def _renew(self, login: Login) -> Login:
        """A login with a new token; the same where that cannot be had now and the old one still lives."""
        left = (login.expires or 0.0) - self._clock()
        try:
            return renewed(login, self._environ)
        except ClientError as error:
            if left > 0:
                return login
            if error.code in ("oauth.invalid_grant", "oauth.invalid_client", "client.login"):
                raise NotLoggedIn(f"the login is over: {error.message}", self._again()) from None
            raise

    def _again(self) -> str:
        return f"vedette login {self._login.gateway}"


def renewed(login: Login, environ: Mapping[str, str]) -> Login:
    """*login* with a new token from its issuer. Raises ClientError."""
    web = Web(login.ca)
    if login.how == "client-credentials":
        party = Party(login.client, secret(login, environ), login.scope, login.audience)
        grant = issuer.ask(
            web, issuer.discover(web, login.issuer), party, {"grant_type": "client_credentials"}
        )
    elif login.refresh is not None:
        # Without a scope the answer has the scope that was granted (RFC 6749 section 6).
        party = Party(login.client, audience=login.audience)
        form = {"grant_type": "refresh_token", "refresh_token": login.refresh}
        grant = issuer.ask(web, issuer.discover(web, login.issuer), party, form)
    else:
        raise NotLoggedIn("the token is over, and its issuer gave nothing to renew it with")
    return replace(login, token=grant.token, expires=grant.expires, refresh=grant.refresh or login.refresh)


def secret(login: Login, environ: Mapping[str, str]) -> str:
    """The client's secret, from where the login says it is. Raises NotLoggedIn."""
    found = login.secret
    if login.secret_env is not None:
        found = environ.get(login.secret_env)
    elif login.secret_file is not None:
        found = places.given(Path(login.secret_file))
    if not found:
        where = login.secret_env or login.secret_file or "the held login"
        raise NotLoggedIn(f"the client's secret is not in {where}")
    return found
