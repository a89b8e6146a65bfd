"""From a request to what policy judges, and what is said about the ones that cannot be judged."""

from __future__ import annotations

from vedette.kubernetes import actions
from vedette.kubernetes.bodies import body_facts
from vedette.kubernetes.request import KubernetesRequest
from vedette.model import Action, Allow, Deny, Effect, Touch
from vedette.protocols.http.heads import Malformed, Request

PROTOCOL = actions.PROTOCOL


def action(key: bytes, request: Request, asked: KubernetesRequest, sent: bytes) -> Action:
    """What *asked* with the body *sent* would do. *key* is for the digest that stands for the body."""
    kind = request.field("content-type")
    facts = body_facts(asked, kind, sent) if sent or asked.writes else None
    parameters = actions.body_parameters(asked, kind, sent, key)
    return actions.action(asked, facts, content_type=kind, parameters=parameters)


def check(asked: KubernetesRequest, allow: Allow) -> Deny | None:
    """Whether what *allow* asks for can be done."""
    if not allow.masks:
        return None
    hint = "ask for a policy without a mask here"
    return Deny("masking", f"what {asked.verb} brings back cannot be masked yet", hint, "masking.refused")


def malformed(bad: Malformed) -> Action:
    """For the record: bytes that are no request."""
    return Action(PROTOCOL, "request", "", (Touch(Effect.UNKNOWN),), reason=bad.reason)


def message(asked: KubernetesRequest, content_type: str, body: bytes) -> bytes:
    """
    What the record's digest is over: the request line and the body, as they go to the cluster.

    Header fields are written by the gateway, its own login among them.
    """
    line = f"{asked.method} {asked.target()} HTTP/1.1\r\n"
    kind = f"content-type: {content_type}\r\n" if body else ""
    return f"{line}{kind}\r\n".encode() + body
