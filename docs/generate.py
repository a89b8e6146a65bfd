"""Writes docs/cli.md and docs/api.md from the code. `make docs` runs it; a test says when it is due.

python docs/generate.py [--check]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import typer

from vedette.api import build
from vedette.cli import app
from vedette.cli.outcome import CODES

HERE = Path(__file__).parent
NOTE = "<!-- Written by docs/generate.py from the code: change the code, then run make docs. -->"
# The first parameter of a route says who may ask; api/access.py says what each means.
WHO = {
    "Reader": "auditors, admins",
    "Own": "anybody with a good token, for what is their own; auditors, admins",
    "Owner": "people, for what is their own or their agents'; auditors, admins",
    "Admin": "admins",
    "Anybody": "anybody with a good token",
    "": "nobody in particular",
}


ABOUT_CLI = """\
`vedette COMMAND --help` says the same.

## Which gateway, and as whom

Commands find the gateway by `./vedette.yaml` (or `--config`, or `VEDETTE_CONFIG`): the address is what
`gateway.listen.web` says. `--url` (or `VEDETTE_URL`) names another one; that has to be https, except on
this machine. Where neither is there, it is the gateway of the login made last ([being a caller](client.md)).

| variable | what it is |
| --- | --- |
| `VEDETTE_TOKEN` | a token or API key; never an option, where others on the machine could read it |
| `VEDETTE_TOKEN_FILE` | a file with a token, read at each use; `vedette run` sets it |
| `VEDETTE_URL` | the API of a gateway elsewhere |
| `VEDETTE_AS` | which login: the name that it was made under |
| `VEDETTE_POSTGRES` | `host:port` of its PostgreSQL listener, where it is not what the gateway says |
| `VEDETTE_KEEP` | `file` keeps logins out of the system's keyring |
| `VEDETTE_CONFIG` | the settings, in place of `./vedette.yaml` |
| `VEDETTE_CA` | a PEM file with the authority of its certificate, where the system has it not |
| `VEDETTE_SEAL_KEY` | the key of the sealed store, in base64 |
| `VEDETTE_SEAL_KEY_FILE` | a private file that holds it |

**Whoever can read the data folder is the operator.** Without `VEDETTE_TOKEN`, a command that can read
`vedette-data/keys` gives itself a token of ten minutes for `local:<user>`, a person in the groups of
`gateway.admins`. It may do all that an admin may, and what it does is on record under that name. It
approves only what names one of those groups: being the operator makes nobody an approver. Nobody can be
issued a token or key whose subject begins with `local:`.

While no gateway runs, the same commands work on the data folder: the same API answers within the command,
with the same permissions, and what it changes goes into the same journal. Only live things (`sessions
kill`, `approvals watch`, `audit tail --follow`, `policy reload`) need a running gateway. `seal` always
works on the folder; a running gateway sees a new secret at its next login upstream.

## What it prints

Results go to standard output, remarks and errors to standard error: `TOKEN=$(vedette token issue ...)`
holds the token alone. Commands that list or show have `--json`; their keys do not change within a major
version, and times are Unix seconds. What was recorded is shown with every control character written out
(`\\x1b`), so a recording cannot act on the terminal of whoever looks at it; JSON is printed in ASCII for
the same reason. `vedette --install-completion` sets up completion for the shell at hand.

"""
ABOUT_API = """\
Served on the `web` listener: plain http on loopback, https anywhere else. The command line uses nothing but
this. The OpenAPI document is at `/api/v1/openapi.json`.

## Who may what

Send `Authorization: Bearer` with a gateway token, a token of a configured issuer, or an API key. It is
taken from nowhere else, and proven anew for each request.

| who | what |
| --- | --- |
| nobody in particular | `/health`, how to log in, and the OpenAPI document |
| agents and services | themselves, what they may reach and do there, their own sessions and holds |
| people (agent owners) | besides: sessions, tokens and holds of agents that act on their behalf or were lent their rights, and keys that they own, to look at, end and revoke; holds that their groups may decide |
| approvers: a group of `gateway.approvers` | besides: look at every hold |
| auditors: a group of `gateway.auditors` | read everything |
| admins: a group of `gateway.admins` | read everything; kill, issue, revoke, reload |
| the operator: who can read the data folder | as an admin ([the command line](cli.md) says how) |

Agents are neither approvers, auditors nor admins, whatever their groups; nor is who acts on somebody's behalf,
or shows what was lent for less. Holds are decided by people of the hold's approver groups only, never by whoever
asked for it, under whichever name. What is not for you to see answers 404. Whose an agent is, its `actor` says: a
bare name means a person of the agent's own issuer, `issuer#subject` anybody.

What changes who may come in or what holds is on record as `config.changed`, with before and after.

## How it answers

Errors are `application/problem+json` (RFC 9457): `code` is stable, `detail` and `fix` are for people, and
nothing of what was sent is repeated. 401: no good token. 403: not for you. 404: not there. 409: it is over,
or taken. 413: over 64 KiB. 422: the request does not fit. 503: the store or the journal does not answer,
and nothing was done (a revocation is carried out all the same, and says so).

Times are Unix seconds. Lists are newest first; where `next` is not null, give it as `cursor` (records: as
`after`) for more. A cursor stays right while rows are added. With `format=jsonl` or `format=csv` a list is a
file of all that fits, page after page, as JSON Lines or CSV (RFC 4180; a cell that a spreadsheet would take
for a formula is led by an apostrophe). No other origin's page may ask (there is no CORS), and nothing that
changes anything is a GET.

`q` looks for words: all of them must occur, in the text, objects, principal, resource or rule of an action;
`"..."` holds some together, `custom*` takes a beginning. Whatever is typed means itself. Over a million
recorded actions a page of a list or a search takes well under 300 ms (`make bench`, case `search`).

## Events

`GET /api/v1/events` is a stream of server-sent events: `approval` (a hold as it now is, beginning with
those that wait), `session` and `action` (records of the journal of sessions that are yours to see, with
their number as id), `audit` (any record, for auditors and admins), and `end` with a code, after which the
stream is over: `events.slow` (you did not read fast enough), `identity.expired`, `identity.revoked` or `identity.blocked` (your token, or you; within a second), `access.denied`, `gateway.stopped`. A comment every ten seconds keeps the
connection known to be alive.

"""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    if not rows:
        return []
    lines = [head, tuple("---" for _ in head), *rows]
    return ["| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines] + [""]


def _commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, by the words that call it."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path, command
        return
    for name, each in inner.items():
        if not each.hidden:
            yield from _commands(each, (*path, name))


def _parameters(command: Any, path: tuple[str, ...]) -> list[tuple[str, ...]]:
    context = command.make_context(" ".join(path), [], resilient_parsing=True)
    rows = []
    for parameter in command.params:
        if getattr(parameter, "hidden", False):
            continue
        record = parameter.get_help_record(context)
        if record is not None:
            rows.append((f"`{record[0]}`", record[1]))
    return rows


def cli() -> str:
    """The page of the command line."""
    lines = ["# The command line", "", NOTE, "", *ABOUT_CLI.splitlines(), "## Exit codes", ""]
    lines += _table(("code", "means"), [(f"`{code}`", meaning) for code, meaning in CODES.items()])
    lines += ["## Commands", ""]
    for path, command in _commands(typer.main.get_command(app), ("vedette",)):
        context = command.make_context(" ".join(path), [], resilient_parsing=True)
        usage = " ".join([*path, *command.collect_usage_pieces(context)])
        lines += [f"### {' '.join(path)}", "", f"`{usage}`", "", (command.help or "").strip(), ""]
        lines += _table(("option", "what it is"), _parameters(command, path))
    return "\n".join(lines).rstrip() + "\n"


def _routes(web: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in sorted(web.openapi()["paths"].items()):
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _who(web: Any) -> dict[tuple[str, str], str]:
    """Who may call each route, read from its function's own annotations."""
    found: dict[tuple[str, str], str] = {}
    pending = list(web.routes)
    while pending:
        route = pending.pop()
        pending.extend(getattr(getattr(route, "original_router", None), "routes", ()))
        endpoint = getattr(route, "endpoint", None)
        for method in getattr(route, "methods", None) or ():
            if endpoint is not None:
                found[endpoint.__name__, method] = endpoint.__annotations__.get("who", "")
    return found


def _body(operation: dict[str, Any], schemas: dict[str, Any]) -> list[tuple[str, ...]]:
    """Query parameters, then the fields of the JSON body."""
    rows = []
    for parameter in operation.get("parameters", ()):
        rows.append((f"`{parameter['name']}`", parameter["in"], _kind(parameter["schema"])))
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    for field, schema in schemas.get(name, {}).get("properties", {}).items():
        rows.append((f"`{field}`", "body", _kind(schema)))
    return rows


def _kind(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    return str(schema.get("type", "any"))


def api() -> str:
    """The page of the HTTP API."""
    web = build(cast(Any, None))
    schemas = web.openapi().get("components", {}).get("schemas", {})
    who = _who(web)
    lines = ["# The HTTP API", "", NOTE, "", *ABOUT_API.splitlines()]
    lines += ["## Routes", ""]
    for method, path, operation in _routes(web):
        words = operation.get("description", "").strip().split("\n\n")[0]
        lines += [f"### {method} {path}", "", _cell(words), ""]
        endpoint = operation["operationId"].removesuffix(f"_{method.lower()}")
        named = [key for key in who if key[1] == method and endpoint.startswith(f"{key[0]}_")]
        if named:
            rule = who[max(named, key=lambda key: len(key[0]))]
            lines += [f"For: {WHO.get(rule, rule)}.", ""]
        lines += _table(("field", "in", "type"), _body(operation, schemas))
    return "\n".join(lines).rstrip() + "\n"


PAGES = {"cli.md": cli, "api.md": api}


def stale() -> list[str]:
    """The pages that are not what the code would write."""
    return [
        name
        for name, page in PAGES.items()
        if not (HERE / name).exists() or (HERE / name).read_text() != page()
    ]


def main() -> int:
    """Writes what is stale; with --check only says so."""
    found = stale()
    for name in found:
        print(f"docs/{name} " + ("is stale: run make docs" if "--check" in sys.argv else "written"))
        if "--check" not in sys.argv:
            (HERE / name).write_text(PAGES[name]())
    return int(bool(found) and "--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
