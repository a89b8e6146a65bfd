"""Single claims, checked for type before meaning."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from vedette.identity.errors import IdentityError, malformed

#: Seconds by which clocks may differ, where nothing else is configured.
SKEW_SECONDS = 30.0
#: The end of the year 9999: a number beyond is no time in seconds (milliseconds, mostly).
MAX_TIME = 253_402_300_799
MAX_NAME_CHARACTERS = 255
MAX_GROUPS = 1000

Claims = Mapping[str, object]
Path = tuple[str, ...]
_ABSENT = object()


def path_of(setting: str | Sequence[str]) -> Path:
    """A claim's path from its setting.

    ``realm_access.roles`` is two steps; a name that holds ``://`` is one, whole;
    anything else with dots in its names is written as a list of steps.

    Raises:
        ValueError: empty, or with an empty step.
    """
    if isinstance(setting, str):
        steps = (setting,) if "://" in setting else tuple(setting.split("."))
    else:
        steps = tuple(setting)
    if not steps or not all(steps):
        raise ValueError("the path of a claim is a dotted name or a list of names, none of them empty")
    return steps


def find(claims: Claims, path: Path) -> object:
    """What stands at *path*; None where it, or a step on the way, is absent.

    Raises:
        IdentityError: a step on the way is not an object.
    """
    here: object = claims
    for step in path:
        if not isinstance(here, Mapping):
            raise malformed("a claim that should hold others is not an object")
        here = here.get(step, _ABSENT)
        if here is _ABSENT:
            return None
    return here


def name(value: object, what: str) -> str:
    """A text that can stand in records and on pages: 1 to 255 printable characters, no space around."""
    if (
        not isinstance(value, str)
        or not 0 < len(value) <= MAX_NAME_CHARACTERS
        or not value.isprintable()
        or value != value.strip()
    ):
        raise malformed(f"{what} is not a printable text of 1 to {MAX_NAME_CHARACTERS} characters")
    return value


def optional_name(value: object, what: str) -> str | None:
    """The same, or None where it is absent."""
    return None if value is None else name(value, what)


def names(value: object, what: str) -> frozenset[str]:
    """A list of texts, strictly; None is the empty list."""
    if value is None:
        return frozenset()
    if not isinstance(value, list) or len(value) > MAX_GROUPS:
        raise malformed(f"{what} is not a list of at most {MAX_GROUPS} texts")
    return frozenset(name(member, f"a member of {what}") for member in value)


def moment(claims: Claims, claim: str) -> float | None:
    """A time in Unix seconds, None where absent. A number in quotes is no number."""
    if claim not in claims:
        return None
    value = claims[claim]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise malformed(f"the token's {claim} is not a number")
    if not 0 <= value <= MAX_TIME:  # also refuses infinity
        raise malformed(f"the token's {claim} is not a time in seconds")
    return float(value)


def check_times(claims: Claims, now: float, skew: float) -> float:
    """Whether the token's time is now, give or take *skew* seconds; returns ``exp``.

    Raises:
        IdentityError: ``identity.expired``, ``identity.not_yet``, or malformed (``exp`` is required).
    """
    expires = moment(claims, "exp")
    begins = moment(claims, "nbf")
    issued = moment(claims, "iat")
    if expires is None:
        raise malformed("the token has no exp")
    if now >= expires + skew:
        raise IdentityError("identity.expired", "the token's time is over; get a new one")
    if begins is not None and now < begins - skew:
        raise IdentityError("identity.not_yet", "the token's time has not begun; compare the clocks")
    if issued is not None and now < issued - skew:
        raise IdentityError("identity.not_yet", "the token was issued in the future; compare the clocks")
    return expires


def check_audience(value: object, audience: str, others: Collection[str] = ()) -> None:
    """Whether ``aud`` names *audience*, and besides it nobody but *others*.

    A token that somebody else accepts too can be replayed by them, so each
    further name has to be one that the operator wrote down.
    """
    if isinstance(value, str):
        members = [value]
    elif isinstance(value, list) and value and all(isinstance(member, str) for member in value):
        members = value
    else:
        raise malformed("the token's aud is neither a text nor a list of texts")
    if audience not in members or any(member != audience and member not in others for member in members):
        raise IdentityError("identity.audience", "the token was made for somebody else")


def actor(claims: Claims) -> str | None:
    """``act.sub`` (RFC 8693 section 4.1): who else stands behind the request; None where absent.

    The innermost ``act`` of a chain is history and says nothing about now, so
    only the outermost counts.
    """
    if "act" not in claims:
        return None
    act = claims["act"]
    if not isinstance(act, Mapping):
        raise malformed("the token's act is not an object")
    return name(act.get("sub"), "the token's act.sub")
