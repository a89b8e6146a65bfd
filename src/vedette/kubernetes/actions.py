"""Requests as actions that policy can judge."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Collection, Mapping
from functools import lru_cache

from vedette.kubernetes import effects, rbac
from vedette.kubernetes.bodies import body_facts, media_type
from vedette.kubernetes.errors import BadRequest
from vedette.kubernetes.facts import NOTHING, BodyFacts
from vedette.kubernetes.kubectl import request_line
from vedette.kubernetes.patches import STRATEGIC
from vedette.kubernetes.request import KubernetesRequest, read_request
from vedette.kubernetes.resources import KNOWN
from vedette.model import SHELL_OBJECT, Action, Effect, Touch
from vedette.shell.facts import Facts as ShellFacts
from vedette.shell.facts import unknown as unread
from vedette.shell.reading import read as read_shell

PROTOCOL = "kubernetes"
State = tuple[tuple[str, str], ...]
_SHELLS = frozenset({"ash", "bash", "dash", "fish", "ksh", "sh", "zsh"})
_INTERACTIVE = frozenset({"-i", "-l", "-il", "-li", "--login", "--norc", "--noprofile"})


def action(
    request: KubernetesRequest,
    facts: BodyFacts | None = None,
    *,
    content_type: str = "",
    parameters: tuple[str | None, ...] = (),
    groups: Collection[str] = (),
    state: State = (),
) -> Action:
    """
    What policy is asked about *request*, whose body said *facts* (None: it has none to be read).

    *parameters* stand for the body in records and approvals (see `body_parameters`); *groups* are API groups
    of others whose kinds keep to the usual verbs; *state* is what else changes the meaning, sorted by name.
    """
    if facts is None and not parameters and not state and request.verb in _OFTEN:
        return _asked_often(request, tuple(groups))
    return _made(request, facts, content_type, parameters, groups, state)


def _made(
    request: KubernetesRequest,
    facts: BodyFacts | None,
    content_type: str,
    parameters: tuple[str | None, ...],
    groups: Collection[str],
    state: State,
) -> Action:
    found, reason = effects.touches(request, facts, media_type(content_type), groups)
    shell = _command(request)
    if shell is not None:
        found += shell.touches
        reason = reason or shell.reason
    if opens_shell(request):
        found += (Touch(Effect.EXECUTE, SHELL_OBJECT),)
    inner: Mapping[str, Mapping[str, object]] = {PROTOCOL: _for_policy(request, facts or NOTHING)}
    outer = shell.for_policy() if shell is not None else {}
    return Action(
        PROTOCOL,
        request.verb,
        f"{request.method} {request.target()}",
        tuple(dict.fromkeys(found)),
        parameters,
        {**outer, **inner},
        state,
        reason,
    )


#: The same each time they are asked for, and a verdict on them is remembered by what they are.
_OFTEN = frozenset({"get", "list", "watch", "log"})


@lru_cache(maxsize=2048)
def _asked_often(request: KubernetesRequest, groups: tuple[str, ...]) -> Action:
    return _made(request, None, "", (), groups, ())


def unreadable(method: str, target: str, error: BadRequest) -> Action:
    """What could not even be taken apart, for the record of its refusal."""
    text = f"{method[:16]} {target.partition('?')[0][:1024]}"
    return Action(PROTOCOL, "request", text, (Touch(Effect.UNKNOWN),), reason=error.message)


def body_parameters(
    request: KubernetesRequest, content_type: str, body: bytes, key: bytes
) -> tuple[str, ...]:
    """
    What stands for *body* in a record and in the digest of an approval: its media type, and a digest under
    *key* (at least one byte), so that nobody can try out what a Secret in it may have held.
    """
    if not body:
        return ()
    tag = hashlib.blake2b(body, key=hashlib.blake2b(key).digest(), digest_size=32, person=b"vedette.kube")
    return (media_type(content_type), f"blake2b:{tag.hexdigest()}")


def opens_shell(request: KubernetesRequest) -> bool:
    """
    Whether somebody is to type at a shell: what they type is judged, if at all, as it is typed.

    Whatever runs in a container may be one where its input is attached to.
    """
    if request.verb == "attach":
        return request.flag("stdin")
    if request.verb != "exec" or not (request.flag("stdin") and request.flag("tty")) or not request.command:
        return False
    program, *options = request.command
    return program.rpartition("/")[2] in _SHELLS and _INTERACTIVE.issuperset(options)


def _command(request: KubernetesRequest) -> ShellFacts | None:
    """What exec would start, read as a command line; in the container, paths mean its own files."""
    if request.verb != "exec" or opens_shell(request):
        return None
    if not request.command:
        return unread("an exec without a command")
    return read_shell(shlex.join(request.command))


def _for_policy(request: KubernetesRequest, facts: BodyFacts) -> Mapping[str, object]:
    dry_run = request.dry_run if facts.dry_run is None else facts.dry_run
    # Servers of others may not know what a dry run is.
    dry_run = dry_run and request.kind in KNOWN
    return {
        "verb": request.verb,
        "verbs": list(_verbs(request, facts)),
        "group": request.group,
        "version": request.version,
        "resource": request.resource,
        "subresource": request.subresource,
        "namespace": request.namespace,
        "name": request.name or facts.name,
        "dry_run": dry_run,
        "field_manager": request.field_manager,
        "label_selector": request.label_selector,
        "field_selector": request.field_selector,
        "container": request.container,
        "stdin": request.flag("stdin"),
        "tty": request.flag("tty"),
        **facts.for_policy(),
    }


def _verbs(request: KubernetesRequest, facts: BodyFacts) -> tuple[str, ...]:
    """The verb, and those that RBAC knows besides for what a body does."""
    found = [request.verb]
    if request.verb in ("create", "update", "patch"):
        if request.resource in rbac.BINDINGS:
            found.append("bind")
        elif request.resource in rbac.ROLES and facts.escalates:
            found.append("escalate")
        elif request.subresource == "ephemeralcontainers":
            found.append("exec")
    return tuple(found)


def supposed(text: str, groups: Collection[str] = ()) -> Action:
    """
    What *text* would be: a request line (``DELETE /api/v1/namespaces/prod``) with its body behind an empty
    line, a patch with its Content-Type between, or a kubectl command. Raises nothing.
    """
    head, _, body = text.strip().replace("\r\n", "\n").partition("\n\n")
    first, *lines = head.split("\n")
    method, _, target = first.strip().partition(" ")
    media = "".join(
        line.partition(":")[2].strip() for line in lines if line.lower().startswith("content-type:")
    )
    try:
        if method in ("kubectl", "oc"):
            method, target, body = request_line(first)
        request = read_request(method, target.strip())
    except BadRequest as error:
        return unreadable(method, target, error)
    raw = body.encode("utf-8", "surrogatepass")
    media = media or (STRATEGIC if method == "PATCH" else "")
    facts = body_facts(request, media, raw) if raw or request.writes else None
    return action(request, facts, content_type=media, groups=groups)
