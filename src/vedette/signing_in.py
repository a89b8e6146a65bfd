"""How people sign in at a prompt: by a code and a browser that is elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import httpx2
from fastapi import FastAPI

from vedette.client.errors import ClientError
from vedette.client.issuer import chosen
from vedette.config import Settings
from vedette.config.identity import CLIENT
from vedette.identity import IdentityError, IssuerSettings, client, device, fetcher
from vedette.identity.device import Provider
from vedette.identity.fetch import TIMEOUT_SECONDS
from vedette.issuer.metadata import address
from vedette.protocols.ssh.devices import Waiting

SCOPE = "openid email groups"


class DeviceLogins:
    """
    Device flows for callers who have nothing to show.

    The first configured issuer that has a public client is asked, else the built-in one; that one in
    this very process (*site*), as if the caller's own address had asked it.
    """

    def __init__(
        self, settings: Callable[[], Settings], ports: Mapping[str, int], site: Callable[[], FastAPI | None]
    ) -> None:
        self._settings = settings
        self._ports = ports
        self._site = site

    async def begin(self, peer: str) -> Waiting:
        """A code for whoever comes from *peer* (an address). Raises IdentityError where there is none."""
        for issuer in self._settings().identity.issuers:
            if issuer.client:
                return await self._outside(issuer)
        site = self._site()
        if site is None:
            raise IdentityError("identity.device", "people cannot sign in here by a browser")
        own = address(self._settings(), self._ports)
        provider = Provider(
            f"{own}/oauth/device_authorization", f"{own}/oauth/token", CLIENT, {"scope": SCOPE}, True
        )
        transport = httpx2.ASGITransport(app=site, client=(peer, 0))
        return await self._wait(
            httpx2.AsyncClient(transport=transport, timeout=TIMEOUT_SECONDS), provider, None
        )

    async def _outside(self, issuer: IssuerSettings) -> Waiting:
        http = client(issuer.ca)
        try:
            places = await device.find(issuer.issuer, fetcher(http), loopback_http=issuer.loopback_http)
        except BaseException:
            await http.aclose()
            raise
        wishes = {"scope": self._settings().identity.scope, "audience": issuer.audience}
        if "://" in issuer.audience or issuer.audience.startswith("urn:"):
            wishes["resource"] = issuer.audience
        provider = Provider(*places, issuer.client, wishes, issuer.loopback_http)
        return await self._wait(http, provider, issuer.audience)

    async def _wait(self, http: httpx2.AsyncClient, provider: Provider, audience: str | None) -> Waiting:
        try:
            prompt = await device.begin(http, provider)
        except BaseException:
            await http.aclose()
            raise

        async def finish() -> str:
            return await device.finish(http, provider, prompt, lambda said: _token(said, audience))

        return Waiting(prompt.url, prompt.code, finish, http.aclose)


def _token(said: Mapping[str, object], audience: str | None) -> str:
    access, identity = said.get("access_token"), said.get("id_token")
    if not isinstance(access, str) or not access:
        raise IdentityError("identity.device", "the issuer gave no token")
    try:
        return chosen(access, identity if isinstance(identity, str) else None, audience)
    except ClientError:
        raise IdentityError("identity.device", "the issuer gave no token for this gateway") from None
