"""Being an agent for a while: ``vedette run`` and ``vedette delegate`` share this."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from vedette.cli import screen
from vedette.cli.held import Operator
from vedette.cli.outcome import NOT_PERMITTED, USAGE, Failure

if TYPE_CHECKING:
    from vedette.client import Client, ClientError
    from vedette.client.credential import Credential
    from vedette.client.lend import Lender, Wish


def lender(there: Client, wish: Wish, note: str) -> Lender:
    """Who gives the agent its token: the gateway whose operator we are, or a gateway's issuer by exchange.

    Raises Failure where the gateway lends nothing.
    """
    from vedette.client.gateway import front
    from vedette.client.lend import by_admin, by_exchange

    if isinstance(there.credential, Operator):
        if wish.resources:
            raise Failure(
                "the operator's tokens cannot be narrowed to resources", "leave them out", code=USAGE
            )
        return by_admin(there.gateway, wish, there.gateway.whoami()["subject"], note)
    for provider in front(there.web, there.url).providers:
        if provider.builtin:
            return by_exchange(there.gateway, provider, there.credential, wish)
    raise Failure(
        "this gateway has no issuer of its own, so nothing can be lent here",
        f"log in as {screen.inert(wish.agent)} itself: vedette login --client-credentials --as NAME",
        code=NOT_PERMITTED,
    )


@contextlib.contextmanager
def acting(there: Client, wish: Wish | None, note: str) -> Iterator[Credential]:
    """Our own credential, or, with *wish*, one that is lent for as long as the context lasts."""
    from vedette.client.lend import borrowed

    if wish is None:
        yield there.credential
        return
    said = there.gateway.whoami()
    if said["kind"] != "person" and said["subject"] == wish.agent:
        yield there.credential
        return
    with borrowed(lender(there, wish, note), _kept) as lent:
        yield lent


def _kept(error: ClientError) -> None:
    screen.note(f"the agent's token could not be made void: {error.message}", style="yellow")
