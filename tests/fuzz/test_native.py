"""The compiled lane under damaged conversations: it does what Python does, down to the journal's bytes."""

from __future__ import annotations

import pytest

from tests.fuzz.mutations import inputs
from tests.native.both import SSN, Rules, Turn, same
from tests.postgres.dialogue import BOUND, NO_DATA, PARSED, bind, complete, describe, described, execute, row
from vedette import native
from vedette.protocols.postgres import messages as m

pytestmark = [
    pytest.mark.fuzz,
    pytest.mark.skipif(native.compiled is None, reason="the compiled twin is not here: make native"),
]

TEXT = "SELECT name FROM customers WHERE id = "
NAMES = described(("name", 16400, 2, 25))
REQUESTS = (
    m.query(TEXT + "7"),
    m.query(TEXT + "'a''b'"),
    m.parse("", TEXT + "$1") + bind("", "", b"7") + describe("P") + execute() + m.sync(),
    bind("", "", b"\xff", None) + execute() + m.sync(),
)
ANSWERS = (
    NAMES + row(b"Cy") * 3 + complete("SELECT 3") + m.ready(),
    PARSED + BOUND + NAMES + row(None) + complete("SELECT 1") + m.ready(b"T"),
    PARSED + BOUND + NO_DATA + complete("SELECT 0") + m.ready(),
)
# After these the lane knows each of the statements above.
WARM: list[Turn] = [
    (
        [said],
        [NAMES + row(b"Cy") + complete("SELECT 1") + m.ready()]
        if said[:1] == b"Q"
        else [PARSED + BOUND + NAMES + complete("SELECT 0") + m.ready()],
    )
    for said in REQUESTS[:3]
    for _ in range(2)
]
RULES = Rules((SSN,))


def test_damaged_requests_come_to_the_same() -> None:
    for data in inputs("native-requests", REQUESTS):
        answer = ANSWERS[0] if data[:1] == b"Q" else ANSWERS[1]
        same([*WARM, ([data], [answer]), ([REQUESTS[0]], [ANSWERS[0]])], rules=RULES)


def test_damaged_answers_come_to_the_same_however_they_are_cut() -> None:
    for data in inputs("native-answers", ANSWERS):
        said = REQUESTS[0] if data[:1] == b"T" else REQUESTS[2]
        place = len(data) // 2
        same([*WARM, ([said], [data[:place], data[place:]]), ([REQUESTS[0]], [ANSWERS[0]])], rules=RULES)
