"""What the issuer keeps in memory while people sign in. One per gateway; a restart begins anew."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from vedette.issuer.backoff import Backoff, Flood
from vedette.issuer.passwords import Passwords
from vedette.issuer.shelf import Shelf

CODE_SECONDS = 60.0
DEVICE_SECONDS = 600.0
POLL_SECONDS = 5.0
#: How long a code that was used is remembered, so that a second use is noticed.
SPENT_SECONDS = 3600.0
#: For the "yes, that is my device" after the password.
CONFIRM_SECONDS = 120.0
MAX_CODES = 10_000
MAX_DEVICES = 2_000
#: Devices that wait, by network: one flood does not take everybody's place.
MAX_DEVICES_PER_NETWORK = 50


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code's meaning. *at* is when the person signed in, Unix seconds."""

    person: str
    client: str
    redirect: str
    challenge: str
    scope: str
    nonce: str
    at: float


@dataclass(slots=True)
class Device:
    """A program that waits for a person elsewhere. *next* is the monotonic time of its next poll."""

    client: str
    scope: str
    user_code: str
    address: str
    network: str
    interval: float = POLL_SECONDS
    next: float = 0.0
    person: str = ""
    denied: bool = False
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A person who proved who it is (at *at*, Unix seconds), and is asked whether the device is theirs."""

    person: str
    at: float
    device: bytes
    browser: str


@dataclass(slots=True)
class IssuerDesk:
    """*clock* is monotonic, in seconds. Keys of shelves are digests, so the secrets are not kept."""

    passwords: Passwords = field(default_factory=Passwords)
    backoff: Backoff = field(default_factory=Backoff)
    flood: Flood = field(default_factory=Flood)
    clock: Callable[[], float] = time.monotonic
    form_key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    codes: Shelf[Code] = field(default_factory=lambda: Shelf(MAX_CODES, CODE_SECONDS))
    devices: Shelf[Device] = field(default_factory=lambda: Shelf(MAX_DEVICES, DEVICE_SECONDS))
    user_codes: Shelf[bytes] = field(default_factory=lambda: Shelf(MAX_DEVICES, DEVICE_SECONDS))
    confirmations: Shelf[Confirmation] = field(default_factory=lambda: Shelf(MAX_CODES, CONFIRM_SECONDS))
    #: Digest of a used code -> the grant that came of it.
    spent: Shelf[str] = field(default_factory=lambda: Shelf(10 * MAX_CODES, SPENT_SECONDS))
    #: Digests of grants whose code came back, perhaps before the grant itself was written.
    replayed: Shelf[bool] = field(default_factory=lambda: Shelf(10 * MAX_CODES, SPENT_SECONDS))
