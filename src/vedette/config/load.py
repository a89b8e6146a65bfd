"""From a file to settings, and from old settings to new ones."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from vedette.config import gateway, identity, places, resources
from vedette.config.reading import MAX_BYTES, Document, read_bytes
from vedette.config.settings import HostPort, Settings
from vedette.policy import Policies, compile_policies
from vedette.policy.problems import ConfigError, Problem
from vedette.policy.strict import Book, Node
from vedette.policy.testing import Case, read_cases

SECTIONS = ("gateway", "identity", "resources", "policies")
VARIABLES = (
    "VEDETTE_DATA", "VEDETTE_LISTEN_POSTGRES", "VEDETTE_LISTEN_WEB", "VEDETTE_LISTEN_SSH",
    "VEDETTE_LISTEN_KUBERNETES",
)  # fmt: skip


def load(path: Path, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings in *path*. *environ* (the process's own where None) may override data and listeners.

    Raises:
        ConfigError: with every problem of the file that could be found.
    """
    return decode(read_bytes(_read(path), str(path)), path, os.environ if environ is None else environ)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        fix = "name another with --config, or write one with: vedette init"
        raise ConfigError([Problem(str(path), 0, 0, "there is no such file", fix)]) from None
    except OSError as error:
        reason = f"the file cannot be read: {error.strerror}"
        raise ConfigError([Problem(str(path), 0, 0, reason)]) from None


def load_cases(path: Path) -> tuple[Case, ...]:
    """The policy test cases in *path* (docs/policy.md, "Testing").

    Raises:
        ConfigError: with every problem of the file.
    """
    document = read_bytes(_read(path), str(path))
    if document.problems:
        raise ConfigError(document.problems)
    return read_cases(document.value, document.marks)


def decode(document: Document, path: Path, environ: Mapping[str, str]) -> Settings:
    """The settings in an already read *document* of the file *path*.

    Raises:
        ConfigError: with every problem of the document that could be found.
    """
    book = Book(document.marks, list(document.problems))
    root = Node(document.value, (), book)
    if document.value is None:
        root.problem("the file is empty", "write a first one with: vedette init")
    fields = root.fields(SECTIONS, required=("resources", "policies")) if document.value is not None else {}
    base = path.absolute().parent
    door = gateway.decode(fields.get("gateway"), base)
    settings = Settings(
        file=path,
        gateway=door,
        identity=identity.decode(fields.get("identity"), base, door.url),
        resources=resources.decode(fields.get("resources"), base),
        policies=Policies(),
    )
    policies = _policies(fields.get("policies"), settings, book)
    settings = _override(replace(settings, policies=policies), environ, book)
    book.close()
    return replace(settings, hash=_hash(document.value, environ))


def _policies(node: Node | None, settings: Settings, book: Book) -> Policies:
    if node is None:
        return Policies()
    if not isinstance(node.value, list):
        node.wrong("a list", "begin each policy with - name:")
        return Policies()
    # What a policy reaches can be told only where the resources themselves could be read.
    known = None if book.problems else [each.resource for each in settings.resources.values()]
    try:
        return compile_policies(node.value, book.marks.within("policies"), resources=known)
    except ConfigError as error:
        book.problems.extend(error.problems)
        return Policies()


def _override(settings: Settings, environ: Mapping[str, str], book: Book) -> Settings:
    found = settings.gateway
    data = environ.get("VEDETTE_DATA")
    if data:
        found = replace(found, data=Path(data))
    listen: dict[str, HostPort] = {}
    for name in gateway.LISTENERS:
        variable = f"VEDETTE_LISTEN_{name.upper()}"
        text = environ.get(variable)
        where = places.parse_listener(text) if text else None
        if text and where is None:
            problem = Problem(f"environment variable {variable}", 0, 0, "it is neither a port nor host:port")
            book.problems.append(problem)
        elif where is not None:
            listen[name] = where
    return replace(settings, gateway=replace(found, listen=replace(found.listen, **listen)))


def _hash(value: object, environ: Mapping[str, str]) -> str:
    overrides = {name: environ[name] for name in VARIABLES if environ.get(name)}
    whole = json.dumps([value, overrides], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()[:32]


def unready(settings: Settings, environ: Mapping[str, str]) -> tuple[Problem, ...]:
    """What the file names and this machine does not have: variables, files, certificates.

    Apart from :func:`load`, because a file may be checked on another machine
    than it runs on. The sealed store is the store's own to check.
    """
    found: list[Problem] = []
    file = str(settings.file)
    for name, resource in settings.resources.items():
        for reference in resource.login.references:
            if reference.source == "env" and not environ.get(reference.name):
                message = f"resources.{name}: the environment variable {reference.name} is not set"
                found.append(Problem(file, 0, 0, message, "set it where the gateway is started"))
            if reference.source == "file":
                found += _missing(file, f"resources.{name}", [settings.file.parent / reference.name])
        found += _missing(file, f"resources.{name}", [resource.upstream.ca, resource.login.certificate])
    for issuer in settings.identity.issuers:
        found += _missing(file, f"identity.issuers ({issuer.issuer})", [issuer.ca])
    for each in settings.identity.certificates:
        found += _missing(file, f"identity.certificates ({each.name})", [each.ca, each.crl])
    tls = settings.gateway.tls
    found += _missing(file, "gateway.tls", [tls.certificate, tls.key, tls.ca])
    return tuple(found)


def _missing(file: str, setting: str, paths: Sequence[Path | None]) -> list[Problem]:
    return [
        Problem(file, 0, 0, f"{setting}: there is no file {path}", "make it, or correct the path")
        for path in paths
        if path is not None and not path.is_file()
    ]


def reload(started: Settings, path: Path, environ: Mapping[str, str] | None = None) -> Settings | ConfigError:
    """
    The new settings of a gateway that began with *started*, or why what is in force stays.

    A value either way, because the caller must say so either way.
    """
    try:
        loaded = load(path, environ)
    except ConfigError as error:
        return error
    own = started.identity.name
    if any(issuer.issuer == own for issuer in loaded.identity.issuers):
        message = f'identity.issuers: "{own}" stays the name of the gateway\'s own tokens until a restart'
        return ConfigError([Problem(str(path), 0, 0, message, "restart the gateway")])
    return loaded


def restart_needed(started: Settings, new: Settings) -> tuple[str, ...]:
    """What of *new* takes effect only when the gateway, which began with *started*, begins anew; in words."""
    return tuple(_waiting(started, new))


def _waiting(started: Settings, new: Settings) -> Iterator[str]:
    before, after = started.gateway, new.gateway
    for name in gateway.LISTENERS:
        was, will = getattr(before.listen, name), getattr(after.listen, name)
        if was != will:
            yield f"listen.{name} stays {was or 'closed'} until a restart (new: {will or 'closed'})"
    if before.data != after.data:
        yield f"data stays {before.data} until a restart (new: {after.data})"
    if before.journal != after.journal:
        yield "the journal's settings stay as they are until a restart"
    if (before.tls, before.downstream_tls) != (after.tls, after.downstream_tls):
        yield "the listeners' TLS stays as it is until a restart"
    if started.identity.name != new.identity.name:
        yield f"identity.name stays {started.identity.name} until a restart (new: {new.identity.name})"
    if started.identity.certificates != new.identity.certificates:
        yield "identity.certificates stays as it is until a restart"


def changes(old: Settings, new: Settings) -> tuple[str, ...]:
    """What of a reload takes effect at once besides the policies, in words, for the log and the record."""
    return (
        *_differences("resource", old.resources, new.resources),
        *_differences("issuer", _by_name(old), _by_name(new)),
        *(["limits: changed"] if old.gateway.limits != new.gateway.limits else []),
        *(["admins: changed"] if old.gateway.admins != new.gateway.admins else []),
        *(["auditors: changed"] if old.gateway.auditors != new.gateway.auditors else []),
        *(["approvers: changed"] if old.gateway.approvers != new.gateway.approvers else []),
    )


def _by_name(settings: Settings) -> Mapping[str, object]:
    return {issuer.issuer: issuer for issuer in settings.identity.issuers}


def _differences(noun: str, old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[str]:
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            yield f"{noun} {name}: added"
        elif name not in new:
            yield f"{noun} {name}: removed"
        elif old[name] != new[name]:
            yield f"{noun} {name}: changed"
