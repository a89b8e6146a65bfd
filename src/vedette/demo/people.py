"""Invented people: 100,000 rows of what nobody should see, the same at every run.

Addresses end in ``.example``, telephone numbers are of the range kept for
fiction, cards are test prefixes with a good check digit, social security
numbers belong to nobody.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

CUSTOMERS = 20_000
CARDS = 20_000
ORDERS = 50_000
NOTES = 10_000

SCHEMA = """
CREATE TABLE customers (
    id integer PRIMARY KEY, name text NOT NULL, email text NOT NULL, phone text NOT NULL,
    ssn text NOT NULL, city text NOT NULL, balance numeric(10, 2) NOT NULL
);
CREATE TABLE cards (
    id integer PRIMARY KEY, customer_id integer NOT NULL, number text NOT NULL, expires text NOT NULL
);
CREATE TABLE orders (
    id integer PRIMARY KEY, customer_id integer NOT NULL, total numeric(10, 2) NOT NULL,
    status text NOT NULL, placed date NOT NULL
);
CREATE TABLE support_notes (
    id integer PRIMARY KEY, customer_id integer NOT NULL, note text NOT NULL
);
"""

Row = tuple[object, ...]

_FIRST = (
    *("Ada", "Amir", "Bea", "Chen", "Dora", "Emil", "Femi", "Grete", "Hana", "Ivo", "Jun", "Kofi", "Lena"),
    *("Milo", "Nora", "Omar", "Pia", "Quinn", "Rosa", "Sven", "Tara", "Uma", "Vera", "Wim", "Yara", "Zoe"),
)
_LAST = (
    *("Abel", "Berg", "Costa", "Diaz", "Eklund", "Fabre", "Greco", "Haas", "Ito", "Jansen", "Kaya", "Lund"),
    *("Meyer", "Novak", "Okoye", "Patel", "Rossi", "Silva", "Tanaka", "Ueda", "Vogel", "Weber", "Young"),
)
_CITIES = ("Lisbon", "Oslo", "Accra", "Lyon", "Porto", "Graz", "Turku", "Osaka", "Quito", "Cork")
_STATUS = ("open", "paid", "paid", "paid", "shipped", "shipped", "returned")
_NOTES = (
    "Please call {phone} or write to {email}; card {card} was charged twice.",
    "Caller gave SSN {ssn} to prove who they are. Refund to {card}.",
    "{name} moved; new address goes to {email}.",
    "Wants the invoice for card {card} again, and a call at {phone}.",
)


def customers() -> Iterator[Row]:
    for number in range(1, CUSTOMERS + 1):
        chance = _chance("customer", number)
        person = _person(number)
        yield (number, *person[:4], chance.choice(_CITIES), round(chance.uniform(-50, 5000), 2))


def cards() -> Iterator[Row]:
    for number in range(1, CARDS + 1):
        chance = _chance("card", number)
        yield (number, number, _card(number), f"{chance.randint(1, 12):02}/{chance.randint(27, 32)}")


def orders() -> Iterator[Row]:
    import datetime as dt

    first = dt.date(2026, 1, 1)
    for number in range(1, ORDERS + 1):
        chance = _chance("order", number)
        placed = first + dt.timedelta(days=chance.randrange(300))
        status = "paid" if number == 4711 else chance.choice(_STATUS)
        yield (number, chance.randint(1, CUSTOMERS), round(chance.uniform(5, 900), 2), status, placed)


def notes() -> Iterator[Row]:
    for number in range(1, NOTES + 1):
        customer = number * 2
        name, email, phone, ssn = _person(customer)[:4]
        text = _NOTES[number % len(_NOTES)]
        yield (
            number,
            customer,
            text.format(name=name, email=email, phone=phone, ssn=ssn, card=_card(customer)),
        )


def tables() -> Iterator[tuple[str, Iterator[Row]]]:
    """Each table's name and rows."""
    yield from (
        ("customers", customers()), ("cards", cards()), ("orders", orders()), ("support_notes", notes()),
    )  # fmt: skip


def _chance(what: str, number: int) -> random.Random:
    """Chance that is the same at every run."""
    return random.Random(f"{what} {number}")


def _person(number: int) -> tuple[str, str, str, str]:
    first = _FIRST[number % len(_FIRST)]
    last = _LAST[(number // len(_FIRST)) % len(_LAST)]
    email = f"{first}.{last}{number}@mail.example".lower()
    phone = f"+1 212 555 01{number % 100:02}"
    ssn = f"{100 + number % 565:03}-{10 + number % 89:02}-{1000 + number % 8999:04}"
    return f"{first} {last}", email, phone, ssn


def _card(number: int) -> str:
    """Sixteen digits with a good check digit (ISO/IEC 7812-1, the Luhn sum)."""
    body = f"411111{number:09}"
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    whole = body + str(-total % 10)
    return " ".join(whole[start : start + 4] for start in range(0, 16, 4))
