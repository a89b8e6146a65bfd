"""The way to the gateway: over HTTP where one runs, else its API on the data folder, in this process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vedette.cli.options import DEFAULT_CONFIG
from vedette.cli.outcome import NO, NOT_PERMITTED, UNREACHABLE, USAGE, Failure

if TYPE_CHECKING:
    import httpx2

    from vedette.client import Client
    from vedette.config import Settings

TOKEN = "VEDETTE_TOKEN"  # noqa: S105  (a variable's name)
CA = "VEDETTE_CA"
TIMEOUT_SECONDS = 40.0
PREFIX = "/api/v1"
PAGE = 200
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}

Json = Any


@dataclass(frozen=True, slots=True)
class Address:
    """Where the API is, and whether that is this machine's own gateway (of the settings at hand)."""

    url: str
    own: bool
    ca: Path | None = None

    @property
    def loopback(self) -> bool:
        import httpx2

        from vedette.config import HostPort

        return HostPort(httpx2.URL(self.url).host, 0).loopback


def settings_at(config: Path | None) -> Settings:
    """The settings in *config* or ./vedette.yaml. Raises ConfigError."""
    from vedette.config import load

    return load(config or DEFAULT_CONFIG)


def settings_if_any(config: Path | None) -> Settings | None:
    return settings_at(config) if config is not None or DEFAULT_CONFIG.exists() else None


@contextlib.contextmanager
def reach(config: Path | None, url: str | None) -> Iterator[Api]:
    """The API of the gateway meant by the options, or of its folder where it does not run.

    Raises Failure, ConfigError.
    """
    from vedette.folder import Folder

    settings = settings_if_any(config)
    if settings is None and url is None:
        url = _last_login()
    with asyncio.Runner() as runner:
        if url is None and settings is not None and not Folder(settings.gateway.data).in_use:
            yield from _in_folder(runner, settings)
        else:
            yield from _over_http(runner, address(settings, url), settings)


def _last_login() -> str:
    """The gateway of the login made last. Raises Failure where there is none."""
    from vedette.client.keep import Keep

    login = Keep().find()
    if login is None:
        raise Failure(
            "no gateway is named here",
            "log in: vedette login URL; or give --url and VEDETTE_TOKEN; or run this where vedette.yaml is",
            code=USAGE,
        )
    return login.gateway


def address(settings: Settings | None, url: str | None) -> Address:
    """Where the API is. Raises Failure for one that a token must not be sent to."""
    if url is not None:
        found = Address(url.rstrip("/"), own=False)
        if not found.url.startswith("https://") and not found.loopback:
            raise Failure(f"{url} is not https: a token sent there could be read", "use https", code=USAGE)
        return found
    from vedette.config import HostPort
    from vedette.folder import Folder

    where = settings.gateway.listen.web if settings else None
    if settings is None or where is None:
        raise Failure(
            "this gateway's API is closed", "set gateway.listen.web in vedette.yaml", code=UNREACHABLE
        )
    here = HostPort(_ANY.get(where.host, where.host), where.port)
    tls = settings.gateway.tls
    authority = None if tls.certificate else Folder(settings.gateway.data).tls / "ca.pem"
    return Address(f"{'http' if where.loopback else 'https'}://{here}", own=True, ca=authority)


def _in_folder(runner: asyncio.Runner, settings: Settings) -> Iterator[Api]:
    import httpx2

    from vedette.api.application import build
    from vedette.cli.offline import OfflineGateway

    gateway = runner.run(OfflineGateway.open(settings))
    try:
        transport = httpx2.ASGITransport(app=build(gateway))
        yield from _client(
            runner, "http://folder", lambda: own_token(settings), transport=transport, live=False
        )
    finally:
        runner.run(gateway.close())


def _over_http(runner: asyncio.Runner, there: Address, settings: Settings | None) -> Iterator[Api]:
    import httpx2

    # Within a run it is the run's agent who asks, wherever that happens.
    lent = os.environ.get("VEDETTE_TOKEN_FILE")
    own = settings if (there.own or there.loopback) and not lent else None
    caller = None if own is not None else _caller(there.url)
    verify = ssl.create_default_context(cafile=os.environ.get(CA) or (caller and caller.ca) or None)
    if there.ca is not None and there.ca.exists():
        verify.load_verify_locations(cafile=there.ca)
    transport = httpx2.AsyncHTTPTransport(verify=verify)
    token = caller.token if caller is not None else partial(own_token, settings)
    yield from _client(runner, there.url, token, transport=transport, live=True)


def _caller(url: str) -> Client:
    """By a token in the environment, or by the login at *url*. Raises Failure."""
    from vedette.client import Client, NotLoggedIn

    try:
        return Client.from_environment(os.environ | {"VEDETTE_URL": url})
    except NotLoggedIn as no:
        raise Failure(
            f"a token is needed: {TOKEN} is not set, and {no.message}",
            f"set {TOKEN}, or: vedette login {url}",
            code=NOT_PERMITTED,
        ) from None


def own_token(settings: Settings | None) -> str:
    """From the environment; else the operator's own, where the data folder can be read. Raises Failure."""
    given = os.environ.get(TOKEN, "").strip()
    if given:
        return given
    if settings is None:
        raise Failure(f"a token is needed: {TOKEN} is not set", f"set {TOKEN}", code=NOT_PERMITTED)
    from vedette.cli.operator import operator_token
    from vedette.identity.signing import SigningKeyError

    try:
        return operator_token(settings)
    except (SigningKeyError, OSError) as error:
        raise Failure(
            f"no {TOKEN} is set, and the data folder is not yours to read: {error}", f"set {TOKEN}",
            code=NOT_PERMITTED,
        ) from None  # fmt: skip


def _client(
    runner: asyncio.Runner,
    url: str,
    token: Callable[[], str],
    *,
    transport: httpx2.AsyncBaseTransport,
    live: bool,
) -> Iterator[Api]:
    import httpx2

    client = httpx2.AsyncClient(
        base_url=url, transport=transport, timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False
    )
    try:
        yield Api(runner, client, token, live=live)
    finally:
        runner.run(client.aclose())


class Api:
    """Calls that return decoded JSON. All raise Failure, whose exit code says how it failed.

    *live* is False where no gateway runs and its folder answers.
    """

    def __init__(
        self, runner: asyncio.Runner, client: httpx2.AsyncClient, token: Callable[[], str], *, live: bool
    ) -> None:
        self._runner = runner
        self._client = client
        self._token = token
        self.live = live

    def get(self, path: str, **params: object) -> Json:
        return self._runner.run(self._call("GET", path, params, None))

    def post(self, path: str, body: Mapping[str, object] | None = None) -> Json:
        return self._runner.run(self._call("POST", path, {}, dict(body or {})))

    def delete(self, path: str, **params: object) -> Json:
        return self._runner.run(self._call("DELETE", path, params, None))

    def all(self, path: str, limit: int, **params: object) -> list[Json]:
        """The items of as many pages as *limit* needs."""
        found: list[Json] = []
        cursor = None
        while len(found) < limit:
            page = self.get(path, limit=min(PAGE, limit - len(found)), cursor=cursor, **params)
            found += page["items"]
            cursor = page["next"]
            if cursor is None:
                break
        return found

    def events(self, **params: object) -> Iterator[tuple[str, Json]]:
        """(kind, data) of each server-sent event, as they come; ends when the gateway says so."""
        if not self.live:
            raise Failure("no gateway runs here, so nothing happens that could be watched",
                          "start it: vedette serve", code=UNREACHABLE)  # fmt: skip
        stream = self._stream(params)
        try:
            while True:
                try:
                    yield self._runner.run(_next(stream))
                except StopAsyncIteration:
                    return
        finally:
            self._runner.run(_close(stream))

    async def _stream(self, params: Mapping[str, object]) -> AsyncIterator[tuple[str, Json]]:
        import httpx2

        wait = httpx2.Timeout(TIMEOUT_SECONDS, read=None)
        request = self._request("GET", "/events", params, None, timeout=wait)
        with _reaching():
            response = await self._client.send(request, stream=True)
            try:
                if response.status_code != 200:
                    await response.aread()
                    raise _refused(response)
                kind = ""
                async for line in response.aiter_lines():
                    if line.startswith("event: "):
                        kind = line.removeprefix("event: ")
                    elif line.startswith("data: "):
                        yield kind, json.loads(line.removeprefix("data: "))
            finally:
                await response.aclose()

    async def _call(
        self, method: str, path: str, params: Mapping[str, object], body: Mapping[str, object] | None
    ) -> Json:
        with _reaching():
            response = await self._client.send(self._request(method, path, params, body))
        if response.status_code >= 300:
            raise _refused(response)
        try:
            return response.json()
        except ValueError:
            raise Failure(
                "what answers there is no Vedette gateway", "check --url", code=UNREACHABLE
            ) from None

    def _request(
        self,
        method: str,
        path: str,
        params: Mapping[str, object],
        body: Mapping[str, object] | None,
        **more: Any,
    ) -> httpx2.Request:
        import httpx2

        given = {name: value for name, value in params.items() if value is not None}
        try:
            return self._client.build_request(
                method, PREFIX + path, params=given or None, json=body,  # type: ignore[arg-type]
                headers={"Authorization": f"Bearer {self._token()}"}, **more,
            )  # fmt: skip
        except (httpx2.InvalidURL, UnicodeEncodeError):
            raise Failure("the address or the token has characters it cannot have", code=USAGE) from None


async def _next(stream: AsyncIterator[tuple[str, Json]]) -> tuple[str, Json]:
    return await anext(stream)


async def _close(stream: Any) -> None:
    await stream.aclose()


@contextlib.contextmanager
def _reaching() -> Iterator[None]:
    import httpx2

    try:
        yield
    except httpx2.HTTPError as error:
        words = str(error) or type(error).__name__
        raise Failure(
            f"the gateway cannot be reached: {words}", "is it running? vedette serve", code=UNREACHABLE
        ) from None


def _refused(response: httpx2.Response) -> Failure:
    """A problem (RFC 9457) as the failure of a command."""
    try:
        problem = response.json()
        detail, fix = str(problem["detail"]), str(problem.get("fix", ""))
        code = str(problem.get("code", ""))
        lines = [detail, *(str(each) for each in problem.get("problems", ()))]
    except (ValueError, KeyError, TypeError, AttributeError):
        return Failure(
            f"the gateway answered {response.status_code}, and not as one of ours",
            "check --url",
            code=UNREACHABLE,
        )
    if response.status_code in (401, 403):
        return Failure(f"not permitted ({code}): {detail}", fix, code=NOT_PERMITTED)
    if response.status_code == 503:
        return Failure(f"the gateway cannot answer ({code}): {detail}", fix, code=UNREACHABLE)
    return Failure("\n".join(lines), fix, code=USAGE if response.status_code in (400, 422) else NO)
