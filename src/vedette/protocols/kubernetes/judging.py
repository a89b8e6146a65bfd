"""From a request to what policy judges, and whether what a verdict asks for can be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import msgspec

from vedette.kubernetes import actions
from vedette.kubernetes.bodies import body_facts
from vedette.kubernetes.errors import BadRequest
from vedette.kubernetes.facts import BodyFacts
from vedette.kubernetes.masks import Mask, mask_for
from vedette.kubernetes.negotiation import accept_for_masked
from vedette.kubernetes.request import KubernetesRequest
from vedette.kubernetes.writeback import written_back
from vedette.masking.plan import CannotMask
from vedette.model import Action, Allow, Deny, Effect, MaskRule, Touch
from vedette.protocols.http.heads import Malformed, Request
from vedette.protocols.kubernetes.upgrade import Upgrade, wanted

PROTOCOL = actions.PROTOCOL


@dataclass(frozen=True, slots=True)
class Asking:
    """
    A request, whole: as it came, as it was read, its body *sent*, and what it *wants* to switch to.

    *facts* are what its body says, None where it has none to be read.
    """

    request: Request
    asked: KubernetesRequest
    sent: bytes
    wants: Upgrade | None
    action: Action
    facts: BodyFacts | None = None

    @property
    def accept(self) -> str:
        """What the caller takes, all that it says of it."""
        return ",".join(value for name, value in self.request.fields if name == "accept")

    @property
    def message(self) -> bytes:
        """
        What the record's digest is over: the request line and the body, as they go to the cluster.

        Header fields are written by the gateway, its own login among them.
        """
        line = f"{self.asked.method} {self.asked.target()} HTTP/1.1\r\n"
        kind = f"content-type: {self.request.field('content-type')}\r\n" if self.sent else ""
        return f"{line}{kind}\r\n".encode() + self.sent


class Known(Protocol):
    """What counts for every request to one cluster (`Backend`)."""

    @property
    def mask_key(self) -> bytes: ...
    @property
    def groups(self) -> tuple[str, ...]: ...


def asking(known: Known, request: Request, asked: KubernetesRequest, sent: bytes) -> Asking:
    """
    What *asked* with the body *sent* would do.

    Raises:
        BadRequest: it asks to switch protocols in a way that is not spoken, or its body is out of place.
    """
    wants = wanted(request, asked)
    if sent and (wants is not None or asked.method in ("GET", "HEAD")):
        raise BadRequest("kubernetes.body", "a body where none belongs")
    kind = request.field("content-type")
    facts = body_facts(asked, kind, sent) if sent or asked.writes else None
    parameters = actions.body_parameters(asked, kind, sent, known.mask_key)
    found = actions.action(asked, facts, content_type=kind, parameters=parameters, groups=known.groups)
    return Asking(request, asked, sent, wants, found, facts)


def unwritable(asking: Asking, masks: Sequence[MaskRule], key: bytes) -> Deny | None:
    """Why its body must not be written, whatever policy says: values would become their placeholders."""
    if not masks or asking.facts is None:
        return None
    try:
        found = mask_for(asking.asked, masks, key)
    except CannotMask:
        return None  # then nothing can be read masked either, and `check` refuses what is asked
    return written_back(asking.asked, asking.facts, found)


def mask(asking: Asking, allow: Allow, key: bytes) -> tuple[Mask | None, str]:
    """
    What is hidden in the answer (None: nothing), and the Accept with which it is asked for.

    Raises:
        CannotMask: it could not be hidden.
        BadRequest: the caller takes nothing that can be masked.
    """
    if not allow.masks:
        return None, ""
    found = mask_for(asking.asked, allow.masks, key)
    if found is None:
        return None, ""
    if asking.asked.verb in ("portforward", "proxy"):
        raise CannotMask("what comes from behind the API server")
    if asking.asked.verb in ("exec", "attach", "log"):
        if found.fields is not None:
            raise CannotMask("a text in which nobody can tell which field is which")
        return found, ""
    return found, accept_for_masked(asking.accept, tables=found.tables)


def counted(asking: Asking, allow: Allow) -> bool:
    """Whether the objects in the answer have to be counted: a limit speaks of rows, and lines are none."""
    lines = asking.wants is not None or asking.asked.follows or asking.asked.verb == "log"
    return not lines and any(limit.rows is not None for limit in allow.limits)


def rows(body: bytes) -> int:
    """
    How many objects an answer holds: those of a list, the rows of a table, else one.

    Raises:
        CannotMask: it is no JSON, so that nobody can tell.
    """
    try:
        found = msgspec.json.decode(body, type=_Listed)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise CannotMask("an answer whose objects cannot be counted") from None
    return 1 if found.items is None and found.rows is None else len(found.items or ()) + len(found.rows or ())


class _Listed(msgspec.Struct):
    items: list[msgspec.Raw] | None = None
    rows: list[msgspec.Raw] | None = None


def check(asking: Asking, allow: Allow, key: bytes) -> Deny | None:
    """Whether what *allow* asks for can be done."""
    try:
        mask(asking, allow, key)
        if counted(asking, allow):
            accept_for_masked(asking.accept)
    except CannotMask as problem:
        hint = "ask for a policy without a mask here"
        return Deny("masking", f"{problem} cannot be masked", hint, "masking.refused")
    except BadRequest as bad:
        return Deny("masking", bad.message, "", bad.code)
    return None


def connection(asking: Asking, port: int) -> Action:
    """One connection of a port-forward: its objects are those of the Pod's, with the *port* behind."""
    found = asking.action
    touches = tuple(replace(touch, object=f"{touch.object}/{port}") for touch in found.touches)
    return replace(found, kind="connect", text=f"{found.text} port {port}", touches=touches)


def malformed(bad: Malformed) -> Action:
    """For the record: bytes that are no request."""
    return Action(PROTOCOL, "request", "", (Touch(Effect.UNKNOWN),), reason=bad.reason)
