"""The PostgreSQL relay: a pure state machine between two logged-in sides."""

from __future__ import annotations

from vedette.protocols.postgres.exchange import Exchange
from vedette.protocols.postgres.express import Express, Verdicts
from vedette.protocols.postgres.lane import Lane
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
        self,
        exchange: Exchange,
        requests: Requests,
        responses: Responses,
        verdicts: Verdicts,
        lane: Lane | None = None,
    ) -> None:
        self._exchange = exchange
        self._express = Express(exchange, requests, verdicts)
        self.requests = requests
        self.responses = responses
        self.lane = lane

    # What the drive asks first, for every read: the compiled lane, then its twin.

    def quick_downstream(self, data: bytes) -> int:
        lane = self.lane
        if lane is not None:
            taken: int = lane.swift.request(data)
            if taken:
                return taken
            lane.settle()
        return self._express.request(data)

    def quick_upstream(self, data: bytes) -> int:
        lane = self.lane
        if lane is None:
            return self.responses.quick(data)
        passed: int = lane.swift.answers(data)
        if passed == len(data):
            return passed
        lane.settle()
        return passed + self.responses.quick(data[passed:])

    def from_downstream(self, data: bytes) -> Steps:
        self.settle()
        return self.requests.feed(data)

    def from_upstream(self, data: bytes) -> Steps:
        self.settle()
        return self.responses.feed(data)

    def settle(self) -> None:
        """Have everything stand in the exchange."""
        if self.lane is not None:
            self.lane.settle()

    @property
    def exchange(self) -> Exchange:
        self.settle()
        return self._exchange

    @property
    def between_messages(self) -> bool:
        """A notice of ours may be sent to the caller now."""
        self.settle()
        return self.responses.between_messages

    @property
    def ended(self) -> bool:
        """The caller said goodbye."""
        return self.requests.terminated

    @property
    def busy(self) -> bool:
        """The server is at work for the caller."""
        return any(entry.kind != "S" for entry in self.exchange.pending)
