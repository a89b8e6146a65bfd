"""kubectl commands as the request that matters in them, for people who ask what would be said of one.

Only for ``vedette policy explain`` and ``test``: what is judged in earnest are requests. Of a command that
makes several, it is the one that changes most; what this does not know is not guessed.

Source: kubectl's reference, ``kubectl api-resources``.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from vedette.kubernetes import query
from vedette.kubernetes.errors import BadRequest
from vedette.kubernetes.escapes import segment
from vedette.kubernetes.resources import KNOWN

CODE = "kubernetes.kubectl"

_SHORT: Mapping[str, str] = {
    "cj": "cronjobs", "clusterrole": "clusterroles", "cm": "configmaps", "configmap": "configmaps",
    "crd": "customresourcedefinitions", "crds": "customresourcedefinitions",
    "csr": "certificatesigningrequests",
    "deploy": "deployments", "ds": "daemonsets", "ep": "endpoints", "ev": "events",
    "hpa": "horizontalpodautoscalers", "ing": "ingresses", "netpol": "networkpolicies", "no": "nodes",
    "ns": "namespaces", "pc": "priorityclasses", "pdb": "poddisruptionbudgets", "po": "pods",
    "pv": "persistentvolumes", "pvc": "persistentvolumeclaims", "quota": "resourcequotas",
    "rc": "replicationcontrollers", "rs": "replicasets", "sa": "serviceaccounts", "sc": "storageclasses",
    "sts": "statefulsets", "svc": "services",
}  # fmt: skip
_FLAGS = frozenset(
    {
        "-A", "--all-namespaces", "--all", "-w", "--watch", "--follow", "-i", "-t", "--stdin", "--tty",
        "--force", "--server-side", "--ignore-daemonsets", "--wait", "-p", "--previous",
        "--delete-emptydir-data", "--dry-run",
    }
)  # fmt: skip
_VALUED = frozenset(
    {
        "-n", "--namespace", "-c", "--container", "-o", "--output", "-l", "--selector", "--replicas",
        "--field-selector", "--tail", "--grace-period", "--timeout", "--context", "--since", "--cascade",
        "--type", "--patch",
    }
)  # fmt: skip
_LONG: Mapping[str, str] = {
    "-A": "--all-namespaces", "-n": "--namespace", "-c": "--container", "-l": "--selector",
    "-w": "--watch", "-i": "--stdin", "-t": "--tty", "-o": "--output",
}  # fmt: skip


@dataclass(slots=True)
class _Words:
    """A command line: its plain words, its options, and what stands behind ``--``."""

    plain: list[str] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)
    command: list[str] = field(default_factory=list)

    @property
    def namespace(self) -> str:
        return "" if "--all-namespaces" in self.options else self.options.get("--namespace", "default")


def request_line(command: str) -> tuple[str, str, str]:
    """
    Method, target and body of the request that *command* (``kubectl delete ns prod``) makes.

    Raises:
        BadRequest: a command or an option that is not known here.
    """
    try:
        words = _split(shlex.split(command)[1:])
    except ValueError:
        raise BadRequest(CODE, "a command line with an open quote") from None
    verb = words.plain.pop(0) if words.plain else ""
    make = _COMMANDS.get(verb)
    if make is None:
        raise BadRequest(CODE, "of this kubectl command it is not known here what it asks: give its request")
    return make(words)


def _split(args: list[str]) -> _Words:
    words = _Words()
    while args:
        word = args.pop(0)
        if word == "--":
            words.command = args
            break
        name, equals, value = word.partition("=")
        if not word.startswith("-"):
            words.plain.append(word)
        elif word in ("-it", "-ti"):
            words.options |= {"--stdin": "true", "--tty": "true"}
        elif name == "-p" and words.plain[:1] == ["patch"]:
            words.options["--patch"] = args.pop(0) if args else ""
        elif name == "-f" and words.plain[:1] == ["logs"]:
            words.options["--follow"] = "true"
        elif name in _VALUED:
            words.options[_LONG.get(name, name)] = value if equals else (args.pop(0) if args else "")
        elif name in _FLAGS:
            words.options[_LONG.get(name, name)] = value if equals else "true"
        else:
            raise BadRequest(CODE, "an option of kubectl that is not known here: give the request itself")
    return words


def _objects(words: _Words) -> tuple[str, str]:
    """The collection's path, and the name; ``pods/web``, ``pods web`` and ``deploy/web`` alike."""
    if not words.plain:
        raise BadRequest(CODE, "the command names no object")
    kind, slash, name = words.plain[0].partition("/")
    name = name if slash else next(iter(words.plain[1:]), "")
    return collection(kind, words.namespace), name


def collection(kind: str, namespace: str) -> str:
    """The path of a collection: ``deploy`` and ``deployments.apps`` in *namespace*. Raises BadRequest."""
    word, _, group = kind.lower().partition(".")
    word = _SHORT.get(word, word)
    for each in (word, f"{word}s", f"{word}es", f"{word[:-1]}ies"):
        for known_group, resource in KNOWN:
            if resource == each and known_group == (group or known_group) and known_group not in _OTHERS:
                root = "/api/v1" if not known_group else f"/apis/{known_group}/v1"
                inside = KNOWN[known_group, resource].namespaced and namespace
                return f"{root}/namespaces/{segment(namespace)}/{each}" if inside else f"{root}/{each}"
    raise BadRequest(CODE, "a kind that is not Kubernetes' own: give the request itself")


_OTHERS = frozenset({"extensions", "metrics.k8s.io", "events.k8s.io"})


def _pairs(words: _Words, names: Mapping[str, str]) -> str:
    found = [(key, words.options[option]) for option, key in names.items() if option in words.options]
    found += [("command", each) for each in words.command]
    return f"?{query.write(tuple(found))}" if found else ""


_CHOOSING = {"--selector": "labelSelector", "--field-selector": "fieldSelector"}
Line = tuple[str, str, str]


def _get(words: _Words) -> Line:
    path, name = _objects(words)
    if name:
        return "GET", f"{path}/{segment(name)}", ""
    return "GET", path + _pairs(words, {**_CHOOSING, "--watch": "watch"}), ""


def _delete(words: _Words) -> Line:
    path, name = _objects(words)
    return "DELETE", f"{path}/{segment(name)}" if name else path + _pairs(words, _CHOOSING), ""


def _scale(words: _Words) -> Line:
    path, name = _objects(words)
    replicas = words.options.get("--replicas", "")
    if not replicas.isdigit():
        raise BadRequest(CODE, "scale needs --replicas")
    return "PATCH", f"{path}/{segment(name)}/scale", f'{{"spec":{{"replicas":{replicas}}}}}'


def _pod(part: str, names: Mapping[str, str], method: str = "POST") -> Callable[[_Words], Line]:
    def line(words: _Words) -> Line:
        if words.plain and "/" not in words.plain[0]:
            words.plain.insert(0, "pods")
        path, name = _objects(words)
        return method, f"{path}/{segment(name)}/{part}{_pairs(words, names)}", ""

    return line


def _cordon(words: _Words) -> Line:
    words.plain.insert(0, "nodes")
    path, name = _objects(words)
    return "PATCH", f"{path}/{segment(name)}", '{"spec":{"unschedulable":true}}'


def _create(words: _Words) -> Line:
    path, name = _objects(words)
    return "POST", path, f'{{"metadata":{{"name":"{segment(name)}"}}}}'


def _patch(words: _Words) -> Line:
    path, name = _objects(words)
    return "PATCH", f"{path}/{segment(name)}", words.options.get("--patch", "")


_STREAM = {"--container": "container", "--stdin": "stdin", "--tty": "tty"}
_COMMANDS: Mapping[str, Callable[[_Words], Line]] = {
    "attach": _pod("attach", _STREAM),
    "cordon": _cordon,
    "create": _create,
    "delete": _delete,
    "describe": _get,
    "drain": _cordon,
    "exec": _pod("exec", _STREAM),
    "get": _get,
    "logs": _pod("log", {"--container": "container", "--follow": "follow", "--tail": "tailLines"}, "GET"),
    "patch": _patch,
    "port-forward": _pod("portforward", {}),
    "scale": _scale,
}
