"""Names of files that are known in part, against a plain and slow definition, and in rules."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.asks import ask, ruled, verdict
from vedette.model import Allow, Deny, Touch
from vedette.policy.open_names import meet

NAMES = st.text("ab/*?", max_size=7)


def slowly(one: str, two: str) -> bool:
    """Whether some text is spelt by both, tried out."""

    @functools.cache
    def rest(i: int, j: int) -> bool:
        a, b = one[i : i + 1], two[j : j + 1]
        if not a and not b:
            return True
        if a and a in "*?" and rest(i + 1, j):
            return True
        if b and b in "*?" and rest(i, j + 1):
            return True
        if not a or not b:
            return False
        if a not in "*?" and b not in "*?":
            return a == b and rest(i + 1, j + 1)
        if a in "*?" and b not in "*?":
            return not (a == "?" and b == "/") and rest(i, j + 1)
        return b in "*?" and a not in "*?" and not (b == "?" and a == "/") and rest(i + 1, j)

    return rest(0, 0)


@given(NAMES, NAMES)
def test_two_names_meet_just_where_some_text_is_spelt_by_both(one: str, two: str) -> None:
    assert meet(one, two) == meet(two, one) == slowly(one, two)


@pytest.mark.parametrize(
    ("glob", "name", "met"),
    [
        ("/etc/*", "/etc/shadow", True),
        ("/etc/shadow", "/etc/sha?", True),
        ("/etc/shadow", "/etc/?/shadow", False),
        ("/etc/shadow", "*/shadow", True),
        ("/etc/shadow", "*/hosts", False),
        ("/etc/*", "~/shadow", False),
        ("/usr/*", "~/bin/x", False),
        ("/root/.ssh/*", "~/.ssh/id_rsa", True),
        ("/home/*/.ssh/*", "~/.ssh/id_rsa", True),
        ("/home/ada/.ssh/*", "~/.ssh/id_rsa", True),
        ("/home/ada/*", "~bob/x", True),
        ("~/.ssh/*", "/root/.ssh/id_rsa", True),
        ("~/.ssh/*", "/home/ada/.ssh/id_rsa", True),
        ("~/.ssh/*", "/home/?/.ssh/?", True),
        ("~/.ssh/*", "/home/ada/notes", False),
        ("~/.ssh/*", "/srv/app/*", False),
        ("~/.ssh/*", "/home/*", True),
        ("~/.ssh/*", "/*", True),
        ("~/.ssh/*", "~ada/.ssh/x", True),
        ("~", "/root", True),
        ("*/.env", "/srv/" + "a" * 5000 + "/.env", True),
        ("/etc/shadow", "/srv/" + "a" * 5000 + "*", False),
    ],
)
def test_homes_and_folders(glob: str, name: str, met: bool) -> None:
    assert meet(glob, name) is met


def judged(rules: str, name: str, *, resolved: bool = False) -> object:
    return verdict(ruled(rules), ask(Touch("read", name, resolved)))  # type: ignore[arg-type]


def test_an_allowance_needs_all_that_the_name_may_be() -> None:
    rules = "[{allow: {effects: [read], objects: ['file:/srv/*']}}]"
    assert isinstance(judged(rules, "file:/srv/app/*"), Allow)
    assert isinstance(judged(rules, "file:/srv/?.txt"), Allow)
    assert isinstance(judged(rules, "file:*/notes"), Deny)
    assert isinstance(judged(rules, "file:~/notes"), Deny)
    assert isinstance(judged("[{allow: {effects: [read], objects: ['file:~/*']}}]", "file:~/notes"), Allow)


def test_a_denial_needs_only_a_part() -> None:
    rules = "[{allow: {effects: [read]}}, {deny: {objects: ['file:/etc/shadow', 'file:~/.ssh/*']}}]"
    assert isinstance(judged(rules, "file:/etc/*"), Deny)
    assert isinstance(judged(rules, "file:*/shadow"), Deny)
    assert isinstance(judged(rules, "file:/etc/hosts", resolved=True), Allow)
    assert isinstance(judged(rules, "file:/home/ada/.ssh/x", resolved=True), Deny)
    assert isinstance(judged(rules, "file:~/notes"), Allow)
