"""docker and kubectl. Inside a container paths mean other files, yet commands are read as those here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vedette.model import Effect
from vedette.shell.call import Call
from vedette.shell.options import spec, split
from vedette.shell.scope import Arg

_LOOKING = frozenset(
    [
        "ps",
        "images",
        "version",
        "info",
        "logs",
        "inspect",
        "top",
        "stats",
        "port",
        "events",
        "history",
        "search",
        "ls",
        "list",
        "get",
        "describe",
        "api-resources",
        "api-versions",
        "cluster-info",
        "explain",
        "diff",
    ]
)
_GROUPS = frozenset(
    ["container", "image", "volume", "network", "system", "context", "config", "auth", "rollout", "compose"]
)
_LOSING = frozenset(["rm", "rmi", "prune", "kill", "down", "delete", "drain", "remove"])
_EXEC = spec(
    closed=True,
    first=True,
    flag="-i -t -d --interactive --tty --detach --privileged --stdin -q",
    text="-u --user -w --workdir -e --env -n --namespace -c --container --context",
    unknown="--env-file --kubeconfig -f --filename",
)
_GLOBAL = spec(
    closed=True,
    first=True,
    flag="-D",
    text="-n --namespace --context -l",
    unknown="-H --host --kubeconfig --config --server -s --token --as --tls",
)


def _containers(call: Call) -> None:
    given = split(call, _GLOBAL)
    words = given.operands
    verb = words[0].text if words else "version"
    if verb in _GROUPS and len(words) > 1:
        words = words[1:]
        verb = words[0].text
    if not words or any(arg.open for arg in words[:2]):
        if words:
            call.unknown("what it does is decided at run time")
    elif verb == "exec":
        _exec(call, words[1:])
    elif verb in _LOOKING:
        call.touch(Effect.READ, "system:containers")
        if any(not arg.known or arg.text.startswith(("--kubeconfig", "-H", "--raw")) for arg in words):
            call.unknown("options that are not known here")
        if "secret" in " ".join(arg.text for arg in words):
            call.touch(Effect.READ, "system:secrets")
    elif verb in _LOSING:
        call.touch(Effect.DESTROY, "system:containers")
    else:
        call.touch(Effect.CONFIGURE, "system:containers")
        call.unknown(f"{verb}, of which it is not known what it runs")


def _exec(call: Call, args: list[Arg]) -> None:
    """exec: a command inside a container that runs already."""
    # kubectl permits the options behind the name as well, up to "--".
    texts = [arg.text for arg in args]
    if "--" in texts:
        place = texts.index("--")
        split(Call(call.name, tuple(args[:place]), call.scope, call.runs), _SPREAD)
        command = args[place + 1 :]
    else:
        given = split(Call(call.name, tuple(args), call.scope, call.runs), _EXEC)
        command = given.operands[1:]
    call.touch(Effect.EXECUTE, "system:containers")
    if not command or any(arg.open for arg in args):
        call.unknown("a command that is not known")
    else:
        scope = call.scope.copy()
        scope.functions = {}
        scope.folders = None
        call.run(command, scope=scope)


_SPREAD = spec(
    closed=True,
    flag="-i -t -d --interactive --tty --detach --stdin -q",
    text="-u --user -w --workdir -e --env -n --namespace -c --container --context",
    unknown="--privileged --env-file --kubeconfig -f --filename",
)

PROGRAMS: Mapping[str, Callable[[Call], None]] = dict.fromkeys(
    ("docker", "podman", "nerdctl", "kubectl", "oc", "k3s"), _containers
)
