"""Reading an object, or a part of one, wherever in it something stands that matters.

What makes a pod dangerous is spelt the same in every kind that holds pods (Deployments, Jobs, templates,
kinds of others), in whole objects and in patches: so it is looked for by its key, at any depth. A key that
holds something else than it should is not passed over: the whole body then counts as unread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vedette.kubernetes import rbac
from vedette.kubernetes.documents import Unreadable, listing, mapping, text
from vedette.kubernetes.facts import BodyFacts
from vedette.kubernetes.patches import Fragment
from vedette.kubernetes.placeholders import placeholder
from vedette.kubernetes.request import KubernetesRequest

MAX_ITEMS = 1000
MAX_TEXT_CHARACTERS = 1024
# What of these holds no pods: data of people, and descriptions of kinds.
_DATA: Mapping[str, frozenset[str]] = {
    "configmaps": frozenset({"data", "binaryData"}),
    "secrets": frozenset({"data", "stringData"}),
    "customresourcedefinitions": frozenset({"openAPIV3Schema"}),
}
# Kinds that always have finalizers: replacing such an object with one without takes them off.
_GUARDED = frozenset({"persistentvolumeclaims", "persistentvolumes"})
_POD_SECURITY = "pod-security.kubernetes.io/"
_CONFINING = ("container.apparmor.security.beta.kubernetes.io/", "seccomp.security.alpha.kubernetes.io/")


class Notes:
    """What is collected while a body is read. Its methods raise Unreadable."""

    def __init__(self, request: KubernetesRequest) -> None:
        self._request = request
        self._data = _DATA.get(request.resource, frozenset())
        # What an Ingress names for TLS is shown to nobody.
        self._keys = {} if request.resource == "ingresses" else _KEYS
        self._lists: dict[str, dict[str, None]] = {}
        self._flags: set[str] = set()
        self._replicas = -1
        self._signer = ""
        self._name = ""
        self._generated = ""
        self._dry_run: bool | None = None

    def facts(self) -> BodyFacts:
        lists: Any = {name: tuple(values) for name, values in self._lists.items()}
        flags: Any = dict.fromkeys(self._flags, True)
        return BodyFacts(
            **lists, **flags, name=self._name, generated=self._generated, replicas=self._replicas,
            signer=self._signer, dry_run=self._dry_run,
        )  # fmt: skip

    # --- what sort of body it is ---------------------------------------------------------

    def whole(self, body: dict[str, Any]) -> None:
        """An object as it is to be, or one of the API's own requests (Eviction, Scale, TokenRequest)."""
        metadata = mapping(body.get("metadata"))
        self._name, self._generated = text(metadata.get("name")), text(metadata.get("generateName"))
        request = self._request
        bare = request.resource in _GUARDED and not metadata.get("finalizers")
        if request.verb == "update" and (bare or request.subresource == "finalize"):
            self._flags.add("removes_finalizers")
        if request.verb == "evict":
            self.options(mapping(body.get("deleteOptions")))
        self.fragment(Fragment(body))
        for item in listing(body.get("items")):
            self.fragment(Fragment(item))

    def options(self, body: dict[str, Any]) -> None:
        """DeleteOptions: where a deletion has a body, the query counts no longer."""
        said = listing(body.get("dryRun"))
        self._dry_run = said == ["All"]
        if said and not self._dry_run:
            raise Unreadable("a dry run of a kind that is not known")

    def merged(self, body: dict[str, Any], *, lists: bool) -> None:
        """A patch that is laid over an object; *lists*: in whole lists (a merge patch)."""
        for parent in ("metadata", "spec") if self._request.resource == "namespaces" else ("metadata",):
            part = body.get(parent)
            if part is None and parent in body:
                self._flags.add("removes_finalizers")
            if not isinstance(part, dict):
                continue
            given = "finalizers" in part and (lists or not part["finalizers"])
            if given or "$deleteFromPrimitiveList/finalizers" in part or part.get("$patch") in _REPLACING:
                self._flags.add("removes_finalizers")
        if body.get("$patch") in _REPLACING:
            self._flags.add("removes_finalizers")

    def fragment(self, fragment: Fragment) -> None:
        for path in fragment.removed:
            parents = ("metadata", "spec") if self._request.resource == "namespaces" else ("metadata",)
            if any(path[:2] == (parent, "finalizers")[: len(path)] for parent in parents):
                self._flags.add("removes_finalizers")
            self._field(path[:2])
        value = fragment.value
        if isinstance(value, dict):
            if self._request.method == "PATCH":
                for key, inner in value.items():
                    for below in inner if isinstance(inner, dict) else ("",):
                        self._field((key, below))
            self._kind(value)
        self._walk(value, "")

    def _field(self, path: tuple[str, ...]) -> None:
        self._note("fields", ".".join(filter(None, path)))

    # --- by kind -------------------------------------------------------------------------

    def _kind(self, body: dict[str, Any]) -> None:
        resource = _KINDS.get(text(body.get("kind"))) or self._request.resource
        spec = mapping(body.get("spec"))
        if resource in rbac.RESOURCES:
            found = rbac.read(body)
            for name, values in (
                ("grants", found.grants),
                ("binds", found.binds),
                ("subjects", found.subjects),
            ):
                for value in values:
                    self._note(name, value)
            if found.escalates:
                self._flags.add("escalates")
        elif resource == "nodes" and (spec.get("unschedulable") not in (None, False) or _evicting(spec)):
            self._flags.add("drains")
        elif resource == "certificatesigningrequests":
            self._signer = text(spec.get("signerName")) or self._signer
        elif resource == "serviceaccounts":
            for each in (*listing(body.get("secrets")), *listing(body.get("imagePullSecrets"))):
                self._note("secrets", text(mapping(each).get("name")))
        elif resource == "secrets" and text(body.get("type")) in _TOKENS:
            self._flags.add("escalates")
        if resource == "namespaces" and any(
            key.startswith(_POD_SECURITY) for key in mapping(mapping(body.get("metadata")).get("labels"))
        ):
            self._flags.add("loosens")
        self._scale(spec)

    def _scale(self, spec: dict[str, Any]) -> None:
        replicas = spec.get("replicas")
        if replicas is not None:
            if not isinstance(replicas, int) or isinstance(replicas, bool):
                raise Unreadable("a number of replicas that is no whole number")
            self._replicas = replicas
        still = (spec.get("replicas"), spec.get("parallelism"))
        if any(each is not None and not isinstance(each, bool) and each == 0 for each in still):
            self._flags.add("stops")
        if spec.get("suspend") not in (None, False):
            self._flags.add("stops")

    # --- by key --------------------------------------------------------------------------

    def _walk(self, value: Any, key: str) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                if placeholder(name):
                    self._flags.add("masked")
                if name in self._data:
                    self._opaque(inner)
                elif name == "metadata":
                    self._metadata(inner)
                else:
                    read = self._keys.get(name)
                    if read is not None and inner is not None:
                        read(self, inner, key)
                    self._walk(inner, name)
        elif isinstance(value, list):
            for inner in value:
                self._walk(inner, key)
        elif isinstance(value, str) and placeholder(value):
            self._flags.add("masked")

    def _metadata(self, value: Any) -> None:
        self._opaque(value)
        for name, said in mapping(mapping(value).get("annotations")).items():
            if name.startswith(_CONFINING) and said == "unconfined":
                self._flags.add("privileged")

    def _opaque(self, value: Any) -> None:
        """Only whether something in it was masked."""
        if isinstance(value, dict):
            for name, inner in value.items():
                if placeholder(name):
                    self._flags.add("masked")
                self._opaque(inner)
        elif isinstance(value, list):
            for inner in value:
                self._opaque(inner)
        elif isinstance(value, str) and placeholder(value):
            self._flags.add("masked")

    def _note(self, name: str, value: str) -> None:
        if not value:
            return
        values = self._lists.setdefault(name, {})
        values[value[:MAX_TEXT_CHARACTERS]] = None
        if len(values) > MAX_ITEMS:
            raise Unreadable("a body that names too many things")

    def _image(self, value: Any, _: str) -> None:
        # In kinds of others an image may be an object; what is in it is walked anyhow.
        if isinstance(value, str):
            self._note("images", value)
        elif not isinstance(value, dict):
            raise Unreadable("an image that is no text")

    def _flag(self, value: Any, _: str) -> None:
        if value is not False:
            self._flags.add("privileged")

    def _proc_mount(self, value: Any, _: str) -> None:
        if value != "Default":
            self._flags.add("privileged")

    def _confined(self, value: Any, key: str) -> None:
        if key in ("seccompProfile", "appArmorProfile") and value not in ("RuntimeDefault", "Localhost"):
            self._flags.add("privileged")

    def _capabilities(self, value: Any, _: str) -> None:
        for each in listing(mapping(value).get("add")):
            self._note("capabilities", text(each).upper().removeprefix("CAP_"))

    def _host_path(self, value: Any, _: str) -> None:
        if isinstance(value, dict):
            # A path that a patch leaves as it is stands in the object and not here.
            self._note("host_paths", text(value.get("path")) or "*")
        else:
            self._note("host_paths", text(value) or "*")

    def _local(self, value: Any, key: str) -> None:
        """A volume that is a folder of a node."""
        if key == "spec" and isinstance(value, dict):
            self._host_path(value, key)

    def _account(self, value: Any, _: str) -> None:
        self._note("service_accounts", text(value))

    def _secret_name(self, value: Any, _: str) -> None:
        self._note("secrets", text(value))

    def _secret_reference(self, value: Any, _: str) -> None:
        self._note("secrets", text(mapping(value).get("name")) or "*")

    def _secret_references(self, value: Any, _: str) -> None:
        for each in listing(value):
            self._note("secrets", text(mapping(each).get("name")) or "*")

    def _projected(self, value: Any, key: str) -> None:
        """A Secret volume names its Secret as secretName, a source of a projected volume as name."""
        if isinstance(value, dict) and key in ("sources", "projected"):
            self._note("secrets", text(value.get("name")) or "*")
        elif isinstance(value, dict) and key == "volumes" and "secretName" not in value:
            self._note("secrets", "*")


def _host(name: str) -> Callable[[Notes, Any, str], None]:
    def read(notes: Notes, value: Any, _: str) -> None:
        if value is not False:
            notes._note("host_namespaces", name)

    return read


_KEYS: Mapping[str, Callable[[Notes, Any, str], None]] = {
    "image": Notes._image,
    "privileged": Notes._flag,
    "hostProcess": Notes._flag,
    "procMount": Notes._proc_mount,
    "type": Notes._confined,
    "capabilities": Notes._capabilities,
    "hostPath": Notes._host_path,
    "local": Notes._local,
    "hostNetwork": _host("network"),
    "hostPID": _host("pid"),
    "hostIPC": _host("ipc"),
    "serviceAccountName": Notes._account,
    "serviceAccount": Notes._account,
    "secretName": Notes._secret_name,
    "secretKeyRef": Notes._secret_reference,
    "secretRef": Notes._secret_reference,
    "nodePublishSecretRef": Notes._secret_reference,
    "imagePullSecrets": Notes._secret_references,
    "secret": Notes._projected,
}
# Secrets that the cluster itself fills with a token, or takes one from.
_TOKENS = frozenset({"bootstrap.kubernetes.io/token", "kubernetes.io/service-account-token"})
_REPLACING = ("replace", "delete")
# Of the items of a list, the kinds that are read by kind.
_KINDS = {
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "Namespace": "namespaces",
    "Node": "nodes",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "Secret": "secrets",
    "ServiceAccount": "serviceaccounts",
}


def _evicting(spec: dict[str, Any]) -> bool:
    return any(mapping(taint).get("effect") == "NoExecute" for taint in listing(spec.get("taints")))
