"""A tiny client: tokens, DSNs, runs and approvals, with nothing but Python's standard library.

It imports nothing else of Vedette, so that an agent's environment can hold it without the gateway's
dependencies (``pip install --no-deps vedette``). docs/client.md shows how it is used.
"""

from __future__ import annotations

from vedette.client.client import Client
from vedette.client.errors import ClientError, NotLoggedIn
from vedette.client.gateway import Resource, Ticket
from vedette.client.run import Run

__all__ = ["Client", "ClientError", "NotLoggedIn", "Resource", "Run", "Ticket"]
