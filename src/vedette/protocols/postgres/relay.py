"""The PostgreSQL relay: a pure state machine between two logged-in sides."""

from __future__ import annotations

from vedette.protocols.postgres.exchange import Exchange
from vedette.protocols.postgres.express import Express, Verdicts
from vedette.protocols.postgres.requests import Requests
from vedette.protocols.postgres.responses import Responses
from vedette.protocols.steps import Steps


class Relay:
    """
    Two halves that share an `Exchange`.

    Each call gives a generator of steps; one of each direction may be under way
    at a time, and a step of one may wait (for a person) while the other goes on.

    Raises (from the generators):
        ProtocolError: bytes that cannot be read; the session must end on both sides.
    """

    def __init__(
        self, exchange: Exchange, requests: Requests, responses: Responses, verdicts: Verdicts
    ) -> None:
        # What the drive asks first, for every read.
        self.quick_downstream = Express(exchange, requests, verdicts).request
        self.quick_upstream = responses.quick
        self.exchange = exchange
        self.requests = requests
        self.responses = responses

    def from_downstream(self, data: bytes) -> Steps:
        return self.requests.feed(data)

    def from_upstream(self, data: bytes) -> Steps:
        return self.responses.feed(data)

    @property
    def between_messages(self) -> bool:
        """A notice of ours may be sent to the caller now."""
        return self.responses.between_messages

    @property
    def ended(self) -> bool:
        """The caller said goodbye."""
        return self.requests.terminated

    @property
    def busy(self) -> bool:
        """The server is at work for the caller."""
        return any(entry.kind != "S" for entry in self.exchange.pending)
