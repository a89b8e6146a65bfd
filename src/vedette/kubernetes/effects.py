"""What a request does, in the words that every rule uses: effects on objects.

An object is named ``kubernetes:namespaces/prod/deployments.apps/web``, ``kubernetes:nodes/n1``,
``kubernetes:/version``; a subresource follows behind the name. ``?`` stands for a name that is not known,
or for all of them: a list of Secrets reads ``kubernetes:namespaces/prod/secrets/?``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from vedette.kubernetes.facts import BodyFacts
from vedette.kubernetes.patches import APPLY
from vedette.kubernetes.request import KubernetesRequest
from vedette.kubernetes.resources import GROUPS, KNOWN
from vedette.model import Effect, Touch

KIND = "kubernetes:"
ANY = "?"
"""Any run of characters but slashes: see `vedette.policy.open_names`."""
_READING = frozenset({"get", "list", "watch", "log"})
_DELETING = frozenset({"delete", "deletecollection", "evict"})

# The answer to these is the object as it is now, or what it was.
_ANSWERED = frozenset({"update", "patch", "delete", "deletecollection", "approve"})

# What gives rights, or takes them: all writing to it is that.
_GRANTING = frozenset(
    {
        "certificatesigningrequests", "clusterrolebindings", "clusterroles", "clustertrustbundles",
        "podcertificaterequests", "podsecuritypolicies", "rolebindings", "roles", "serviceaccounts/token",
    }
)  # fmt: skip
# What changes how the cluster itself works.
_CONFIGURING = frozenset(
    {
        "apiservices", "bindings", "csidrivers", "csinodes", "deviceclasses", "devicetaintrules",
        "flowschemas", "ingressclasses", "ipaddresses", "limitranges", "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings", "mutatingwebhookconfigurations", "nodes", "nodes/status",
        "pods/binding", "priorityclasses", "prioritylevelconfigurations", "resourcequotas", "resourceslices",
        "runtimeclasses", "servicecidrs", "storageclasses", "storageversionmigrations", "storageversions",
        "validatingadmissionpolicies", "validatingadmissionpolicybindings", "validatingwebhookconfigurations",
        "volumeattachments", "volumeattributesclasses",
    }
)  # fmt: skip
# What is gone with it does not come back.
_LASTING = frozenset(
    {"customresourcedefinitions", "namespaces", "nodes", "persistentvolumeclaims", "persistentvolumes"}
)
# Creating these asks a question and keeps nothing.
_REVIEWS = frozenset(
    {
        "localsubjectaccessreviews", "selfsubjectaccessreviews", "selfsubjectreviews",
        "selfsubjectrulesreviews", "subjectaccessreviews", "tokenreviews",
    }
)  # fmt: skip
# Where an update of what is not there makes it. Source: AllowCreateOnUpdate of k8s.io/kubernetes.
_MADE_BY_UPDATE = frozenset(
    {"endpoints", "events", "leases", "limitranges", "podtemplates", "resourcequotas", "services"}
)
# What any container may have. Source: Kubernetes documentation, "Pod Security Standards", Baseline.
_USUAL = frozenset(
    {
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
        "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
    }
)  # fmt: skip
# Paths that are no resources, and are read by whoever works with a cluster at all.
_PLAIN = frozenset(
    {"/", "/api", "/apis", "/healthz", "/livez", "/metrics", "/openapi", "/openid", "/readyz", "/version"}
)
_WELL_KNOWN = "/.well-known/openid-configuration"


def object_name(request: KubernetesRequest, facts: BodyFacts | None = None) -> str:
    """What *request* is about, named as rules name it."""
    if not request.resource:
        return KIND + (request.path.rstrip("/") or "/")
    kind = f"{request.resource}.{request.group}" if request.group else request.resource
    name = request.name or (facts.name if facts else "")
    if not name:
        name = f"{facts.generated}?" if facts and facts.generated and not facts.reason else ANY
    own = f"{kind}/{name}" + (f"/{request.subresource}" if request.subresource else "")
    known = KNOWN.get(request.kind)
    if request.resource == "namespaces" or (not request.namespace and known and not known.namespaced):
        return KIND + own
    # Of a kind that is not known it is not known either whether it stands in namespaces.
    return f"{KIND}namespaces/{request.namespace or ANY}/{own}" if known or request.namespace else KIND + own


def touches(
    request: KubernetesRequest, facts: BodyFacts | None, media: str = "", groups: Collection[str] = ()
) -> tuple[tuple[Touch, ...], str]:
    """
    What *request* touches, and why UNKNOWN is among the effects, where it is.

    *facts* are None where the request has no body to be read. *media* is the media type of a patch.
    *groups* are API groups of others (``a.example``, ``*.b.example``) whose kinds keep to the usual verbs.
    """
    name = object_name(request, facts)
    reason = _unknown(request, facts, groups)
    found: dict[Touch, None] = {_touch(effect, name): None for effect in _effects(request, facts, media)}
    if request.resource and not request.namespace and not request.name and request.kind not in KNOWN:
        # It may stand in namespaces, and then all of them are meant: no permission, yet denials count.
        inside = f"{KIND}namespaces/{ANY}/{name.removeprefix(KIND)}"
        found |= {_touch(touch.effect, inside, implied=True): None for touch in list(found)}
    if reason:
        found[_touch(Effect.UNKNOWN, name)] = None
    elif facts is not None:
        found |= dict.fromkeys(_of_body(request, facts, name))
    if request.verb in _ANSWERED and Effect.READ not in {touch.effect for touch in found}:
        found[_touch(Effect.READ, name, implied=True)] = None
    return tuple(found), reason


def _touch(effect: Effect, name: str, *, implied: bool = False) -> Touch:
    return Touch(effect, name, resolved=not {"*", "?"} & set(name), implied=implied)


def _unknown(request: KubernetesRequest, facts: BodyFacts | None, groups: Collection[str]) -> str:
    if not request.resource:
        plain = request.path == _WELL_KNOWN or "/" + request.path.split("/")[1] in _PLAIN
        if request.verb == "get" and plain:
            return ""
        return "a path of the API server that is no resource and is not known"
    known = KNOWN.get(request.kind)
    if known is None and not (request.group not in GROUPS and _named(request.group, groups)):
        return "a kind that is not Kubernetes' own: what its server does with it is not known"
    if request.subresource and request.subresource not in (known.subresources if known else _USUAL_PARTS):
        return "a subresource that is not known"
    if request.verb == "proxy" and (request.resource == "nodes" or request.method not in ("GET", "HEAD")):
        return "what somebody behind a proxy is asked to do is not read"
    if facts is None:
        return "the body of the request was not read" if request.writes else ""
    return facts.reason


_USUAL_PARTS = frozenset({"scale", "status"})


def _named(group: str, groups: Collection[str]) -> bool:
    return any(
        group == each or (each.startswith("*.") and group.endswith(each[1:]) and group != each[2:])
        for each in groups
    )


def _effects(request: KubernetesRequest, facts: BodyFacts | None, media: str) -> Iterator[Effect]:
    verb, resource = request.verb, request.resource
    whole = f"{resource}/{request.subresource}" if request.subresource else resource
    if verb in _READING or (verb == "create" and resource in _REVIEWS and request.kind in KNOWN):
        yield Effect.READ
    elif verb in ("exec", "attach", "proxy") or request.subresource == "ephemeralcontainers":
        yield Effect.EXECUTE
    elif verb == "portforward":
        yield Effect.EXPORT
    elif whole in _GRANTING or (resource in _GRANTING and request.subresource):
        yield Effect.GRANT
    elif verb in _DELETING and resource in _LASTING:
        yield Effect.DESTROY
    elif whole in _CONFIGURING:
        yield Effect.CONFIGURE
    elif verb in _DELETING:
        yield Effect.DELETE
    elif verb == "create":
        yield Effect.CREATE
    else:
        yield Effect.ALTER if resource == "customresourcedefinitions" else Effect.WRITE
        if media == APPLY or (verb == "update" and resource in _MADE_BY_UPDATE):
            yield Effect.CREATE
    if verb == "deletecollection" or (
        resource == "namespaces" and request.subresource == "finalize" and request.writes
    ):
        yield Effect.DESTROY


def _of_body(request: KubernetesRequest, facts: BodyFacts, name: str) -> Iterator[Touch]:
    if powers(facts) or facts.loosens or facts.escalates:
        yield _touch(Effect.GRANT, name)
    if facts.removes_finalizers:
        yield _touch(Effect.DESTROY, name)
    space = f"{KIND}namespaces/{request.namespace or ANY}"
    for each in facts.secrets:
        yield _touch(Effect.READ, f"{space}/secrets/{ANY if each == '*' else each}", implied=True)
    for account in facts.service_accounts:
        yield _touch(Effect.EXECUTE, f"{space}/serviceaccounts/{account}", implied=True)
    for path in facts.host_paths:
        yield _touch(Effect.WRITE, f"file:{path}", implied=True)
        yield _touch(Effect.WRITE, f"file:{path.rstrip('/')}/*", implied=True)


def powers(facts: BodyFacts) -> bool:
    """Whether pods of this body have more rights on their node than containers have."""
    return bool(
        facts.privileged or facts.host_paths or facts.host_namespaces or set(facts.capabilities) - _USUAL
    )
