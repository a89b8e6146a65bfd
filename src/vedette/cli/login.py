"""``vedette login`` and ``vedette logout``."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vedette.cli import screen
from vedette.cli.held import As, Ca
from vedette.cli.options import Json
from vedette.cli.outcome import USAGE, Failure

if TYPE_CHECKING:
    from vedette.client.gateway import Front, Provider
    from vedette.client.held import How, Login
    from vedette.client.issuer import Grant, Metadata, Party
    from vedette.client.web import Web

#: What a login is called that nobody gave a name.
UNNAMED = "default"
SECRET = "VEDETTE_CLIENT_SECRET"  # noqa: S105  (a variable's name)
SCOPES = ("openid", "offline_access")


def add(app: typer.Typer) -> None:
    app.command()(login)
    app.command()(logout)


def login(
    url: Annotated[str, typer.Argument(help="The gateway's API: https://host:port.")],
    device: Annotated[bool, typer.Option("--device", help="The browser is on another machine.")] = False,
    client_credentials: Annotated[
        bool, typer.Option("--client-credentials", help="As a service account: an id and a secret.")
    ] = False,
    with_token: Annotated[
        bool, typer.Option("--with-token", help="Keep a token or API key, read from standard input.")
    ] = False,
    name: As = None,
    client_id: Annotated[
        str | None,
        typer.Option(
            "--client-id", help="The client, or the service account. [default: --as, or the gateway's]"
        ),
    ] = None,
    secret_env: Annotated[
        str | None, typer.Option(help=f"A variable with the secret, read at each use. [default: {SECRET}]")
    ] = None,
    secret_file: Annotated[str | None, typer.Option(help="A file with the secret, read at each use.")] = None,
    issuer: Annotated[str | None, typer.Option(help="Which issuer, where there are several.")] = None,
    scope: Annotated[str | None, typer.Option(help="Scopes to ask for, with spaces.")] = None,
    audience: Annotated[
        str | None, typer.Option(help="For whom the token is to be. [default: what the gateway says]")
    ] = None,
    postgres: Annotated[
        str | None, typer.Option(help="HOST:PORT of its PostgreSQL listener. [default: what it says]")
    ] = None,
    ca: Ca = None,
    as_json: Json = False,
) -> None:
    """Log in at a gateway. The login is kept, and renewed, for the other commands and for programs.

    A secret comes from a variable, a file, or standard input, where it is kept with the login.
    """
    from vedette.client.client import listener
    from vedette.client.gateway import front
    from vedette.client.held import Login
    from vedette.client.web import Web

    if sum((device, client_credentials, with_token)) > 1:
        raise Failure("--device, --client-credentials and --with-token exclude each other", code=USAGE)
    web, gateway = Web(_whole(ca)), url.rstrip("/")
    there = front(web, gateway)
    base: dict[str, Any] = {
        "gateway": gateway, "name": name or UNNAMED, "ca": web.ca,
        "postgres": listener(postgres or "") or there.postgres,
    }  # fmt: skip
    if with_token:
        found = Login(**base, **_token())
    else:
        account = (client_id or name) if client_credentials else None
        provider = _provider(there, issuer, account)
        if audience is not None:
            provider = replace(provider, audience=audience)
        if client_credentials:
            if account is None:
                raise Failure("which service account?", "name it: --client-id, or --as", code=USAGE)
            found = Login(**base, **_credentials(web, provider, account, scope, secret_env, secret_file))
        else:
            client = client_id or provider.client
            found = Login(**base, **_person(web, provider, client, scope, device=device))
    _finish(web, found, as_json=as_json)


def _whole(ca: str | None) -> str | None:
    return None if ca is None else os.path.abspath(ca)


def _token() -> dict[str, Any]:
    """A token from standard input, or typed where nobody sees it."""
    from vedette.client.credential import Fixed

    given = Fixed(_typed("token or API key: "))
    return {"how": "token", "token": given.token(), "expires": given.expires}


def _typed(prompt: str) -> str:
    import getpass

    text = getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline(70_000)
    if not text.strip():
        raise Failure("nothing came on standard input", "write the secret there", code=USAGE)
    return text.strip()


def _provider(there: Front, issuer: str | None, client: str | None) -> Provider:
    """The issuer to log in at. *client* is a service account's own id. Raises Failure."""
    from vedette.client.gateway import Provider

    known = [each for each in there.providers if issuer in (None, each.issuer)]
    # The built-in issuer is for places without another.
    first = [each for each in known if not each.builtin] or known
    if len(first) == 1:
        return first[0]
    if issuer is not None and client is not None:
        # A service account needs no client of the gateway's; whether the issuer counts, the gateway says.
        return Provider(issuer, client)
    names = ", ".join(screen.inert(each.issuer) for each in there.providers)
    if not names:
        raise Failure(
            "this gateway names no issuer to log in at", "log in with a token: --with-token", code=USAGE
        )
    raise Failure(f"which issuer? This gateway trusts {names}", "name one: --issuer", code=USAGE)


def _credentials(
    web: Web, provider: Provider, client: str, scope: str | None, env: str | None, file: str | None
) -> dict[str, Any]:
    from vedette.client import issuer, places
    from vedette.client.issuer import Party

    kept: dict[str, Any] = {"secret_env": None, "secret_file": None, "secret": None}
    if file is not None:
        kept["secret_file"] = os.path.abspath(file)
        secret = places.given(Path(file))
    elif env is not None or os.environ.get(SECRET):
        kept["secret_env"] = env or SECRET
        secret = os.environ.get(env or SECRET, "")
        if not secret:
            raise Failure(f"{env} is not set", code=USAGE)
    else:
        secret = kept["secret"] = _typed("secret: ")
    party = Party(client, secret, scope or "", provider.audience)
    grant = issuer.ask(
        web, issuer.discover(web, provider.issuer), party, {"grant_type": "client_credentials"}
    )
    return _had("client-credentials", provider, party, grant) | kept


def _person(web: Web, provider: Provider, client: str, scope: str | None, *, device: bool) -> dict[str, Any]:
    from vedette.client import browser
    from vedette.client import device as devices
    from vedette.client.issuer import Party, discover

    there = discover(web, provider.issuer)
    party = Party(client, None, scope or " ".join(provider.scopes or SCOPES), provider.audience)
    how: How = "device" if device or not _has_browser(there) else "browser"
    if how == "browser":
        return _had(how, provider, party, browser.log_in(web, there, party, _show))
    prompt = devices.begin(web, there, party)
    screen.note("Open this address on any device:", style="")
    screen.note(f"  {prompt.complete or prompt.url}", style="bold")
    screen.note(f"and compare the code: {prompt.code}", style="")
    return _had(how, provider, party, devices.finish(web, there, party, prompt))


def _had(how: How, provider: Provider, party: Party, grant: Grant) -> dict[str, Any]:
    return {
        "how": how, "issuer": provider.issuer, "client": party.client, "scope": party.scope,
        "audience": party.audience, "token": grant.token, "expires": grant.expires, "refresh": grant.refresh,
    }  # fmt: skip


def _has_browser(there: Metadata) -> bool:
    """Whether a browser can be opened here; where the issuer has no device flow, the address is shown."""
    import webbrowser

    if not there.device:
        return True
    headless = sys.platform.startswith("linux") and not any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
    if headless:
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def _show(address: str) -> None:
    import webbrowser

    screen.note("Log in with your browser. If it does not open, go to:", style="")
    sys.stderr.write(f"\n{address}\n\n")
    sys.stderr.flush()
    try:
        webbrowser.open(address)
    except webbrowser.Error:
        screen.note("no browser could be opened", style="")


def _finish(web: Web, found: Login, *, as_json: bool) -> None:
    """Keep the login, once the gateway has taken its token."""
    from vedette.client.gateway import Gateway
    from vedette.client.keep import Keep

    said = Gateway(found.gateway, web, lambda: found.token).whoami()
    keep = Keep()
    with keep.alone():
        where = keep.put(found)
    if as_json:
        return screen.emit(said | {"gateway": found.gateway, "as": found.name, "kept": where})
    place = "the system's keyring" if where == "keyring" else str(keep.path)
    screen.say(f"logged in at {found.gateway} as {said['subject']} ({said['kind']})")
    screen.note(f"groups: {', '.join(said['groups']) or 'none'}; kept in {place}")


def logout(
    url: Annotated[str | None, typer.Argument(help="The gateway. [default: the last one]")] = None,
    name: As = None,
    everywhere: Annotated[bool, typer.Option("--all", help="Every login at every gateway.")] = False,
    as_json: Json = False,
) -> None:
    """Forget a login, and give its refresh token back to the issuer."""
    from vedette.client.keep import Keep

    keep = Keep()
    if everywhere:
        gone = keep.all()
    else:
        one = keep.find(url.rstrip("/") if url else None, name)
        gone = [one] if one is not None else []
    if not gone and not everywhere:
        raise Failure("there is no such login", "see: vedette whoami")
    for each in gone:
        with keep.alone():
            keep.drop(each)
        _give_back(each)
    if as_json:
        return screen.emit([{"gateway": each.gateway, "as": each.name} for each in gone])
    for each in gone:
        screen.say(f"logged out {each.name} at {each.gateway}")


def _give_back(found: Login) -> None:
    """The login is forgotten here already; what the issuer says to that is only told."""
    from vedette.client import ClientError
    from vedette.client.issuer import Party, discover, revoke
    from vedette.client.web import Web

    if not found.issuer or not found.refresh:
        return
    try:
        web = Web(found.ca)
        if not revoke(web, discover(web, found.issuer), Party(found.client), found.refresh):
            screen.note("the issuer takes no refresh token back; it ends by itself")
    except ClientError as error:
        screen.note(f"the refresh token could not be given back: {error.message}")
