"""The gateway's API, as far as a caller needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from vedette.client.errors import ClientError, words
from vedette.client.held import Address
from vedette.client.web import Answer, Web, loopback, secure

PREFIX = "/api/v1"


@dataclass(frozen=True, slots=True)
class Provider:
    """An issuer that the gateway trusts, and the public client that its people log in with."""

    issuer: str
    client: str
    builtin: bool = False
    scopes: tuple[str, ...] = ()
    audience: str | None = None


@dataclass(frozen=True, slots=True)
class Front:
    """
    What the gateway tells everybody: its name, who vouches for callers, where its listeners are.

    *host_keys* are those that its SSH listener shows.
    """

    name: str
    providers: tuple[Provider, ...]
    postgres: Address | None
    ssh: Address | None = None
    host_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resource:
    """Something this principal may reach. *may* says in words what it may do there; *address* is where
    the gateway's listener for it is, empty where the gateway does not say."""

    name: str
    protocol: str
    about: str = ""
    address: str = ""
    may: Mapping[str, Any] | None = None
    said: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """A hold. *status*: pending, approved, used, denied, expired, withdrawn."""

    id: str
    status: str
    expires: float
    reasons: tuple[str, ...] = ()

    @property
    def approved(self) -> bool:
        return self.status == "approved"

    @property
    def pending(self) -> bool:
        return self.status == "pending"


class Gateway:
    """Calls to the API at *url*. All raise ClientError with the gateway's own code."""

    def __init__(self, url: str, web: Web, token: Callable[[], str]) -> None:
        secure(url, "the gateway's address")
        self.url = url.rstrip("/")
        self.web = web
        self._token = token

    def get(self, path: str) -> Any:
        return _good(self.web.get(self.url + PREFIX + path, self._token()))

    def post(self, path: str, body: Mapping[str, object]) -> Any:
        return _good(self.web.post(self.url + PREFIX + path, body, self._token()))

    def whoami(self) -> dict[str, Any]:
        """Who the token says we are: the API's ``Self``."""
        return _object(self.get("/self"))

    def resources(self) -> list[Resource]:
        """What may be reached, by name."""
        found = _object(self.get("/resources")).get("items")
        if not isinstance(found, list):
            raise _strange()
        return [_resource(each) for each in found]

    def ticket(self, name: str) -> Ticket:
        """One hold, which whoever asked for it may look at."""
        said = _object(self.get(f"/approvals/{quote(name, safe='')}"))
        try:
            reasons = tuple(str(each["reason"]) for each in said["decisions"] if each["reason"])
            return Ticket(str(said["id"]), str(said["status"]), float(said["expires"]), reasons)
        except (KeyError, TypeError, ValueError):
            raise _strange() from None


def front(web: Web, url: str) -> Front:
    """What the gateway at *url* tells everybody. Raises ClientError."""
    secure(url, "the gateway's address")
    said = _object(_good(web.get(url.rstrip("/") + PREFIX + "/login")))
    try:
        providers = tuple(
            Provider(
                issuer=str(each["issuer"]), client=str(each["client_id"]), builtin=bool(each["builtin"]),
                scopes=tuple(map(str, each.get("scopes") or ())),
                audience=None if each.get("audience") is None else str(each["audience"]),
            )
            for each in said["issuers"]
        )  # fmt: skip
        _refuse_near(providers, url)
        where = said.get("postgres")
        postgres = _listener(where, url) if where else None
        hosts = said.get("ssh") or {}
        return Front(
            str(said["gateway"]), providers, postgres, _listener(hosts, url) if hosts else None,
            tuple(map(str, hosts.get("host_keys") or ())),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _strange() from None


def _refuse_near(providers: tuple[Provider, ...], url: str) -> None:
    """A gateway elsewhere cannot send us to a port of this machine."""
    far = not loopback(urlsplit(url).hostname or "")
    if far and any(loopback(urlsplit(each.issuer).hostname or "") for each in providers):
        raise ClientError(
            "client.issuer", "the gateway names an issuer on this very machine", "ask its operator"
        )


def _listener(where: Mapping[str, Any], url: str) -> Address:
    """A listener on every address of the gateway's machine is where its API is."""
    host = str(where.get("host") or "")
    if host in ("", "0.0.0.0", "::", "*"):
        host = urlsplit(url).hostname or ""
    return Address(host, int(where["port"]))


def _resource(said: object) -> Resource:
    if not isinstance(said, dict) or not isinstance(said.get("name"), str):
        raise _strange()
    may = said.get("may")
    return Resource(
        name=said["name"], protocol=str(said.get("protocol", "")), about=str(said.get("about", "")),
        address=str(said.get("address") or ""),
        may=may if isinstance(may, dict) else None, said=said,
    )  # fmt: skip


def _object(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise _strange()
    return found


def _strange() -> ClientError:
    return ClientError("client.answer", "what answers there is no Vedette gateway", "check the address")


def _good(answer: Answer) -> Any:
    if answer.status < 300:
        return answer.json()
    try:
        said = answer.object()
        code, detail = str(said["code"]), words(said["detail"], 500)
    except (ClientError, KeyError):
        raise ClientError(
            "client.answer",
            f"the gateway answered {answer.status}, and not as one of ours",
            "check the address",
        ) from None
    raise ClientError(words(code, 60), f"{detail} ({words(code, 60)})", words(said.get("fix", ""), 500))
