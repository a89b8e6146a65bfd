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
    "Admin": "admins",
    "Anybody": "anybody with a good token",
    "": "nobody in particular",
}


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
    lines = [
        "# The command line",
        "",
        NOTE,
        "",
        "`vedette COMMAND --help` says the same. Commands that look at a running gateway speak to its API;",
        "where none runs, those that can work on its data folder instead. `--json` gives JSON for programs.",
        "",
        "Exit codes:",
        "",
    ]
    lines += _table(("code", "means"), [(f"`{code}`", meaning) for code, meaning in CODES.items()])
    for path, command in _commands(typer.main.get_command(app), ("vedette",)):
        context = command.make_context(" ".join(path), [], resilient_parsing=True)
        usage = " ".join([*path, *command.collect_usage_pieces(context)])
        lines += [f"## {' '.join(path)}", "", f"`{usage}`", "", (command.help or "").strip(), ""]
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
    lines = ["# The HTTP API", "", NOTE, ""]
    lines += [
        "Served on the `web` listener; the command line uses nothing else. Send `Authorization: Bearer` with a",
        "token or an API key. The OpenAPI document is at `/api/v1/openapi.json`. Errors are",
        "`application/problem+json` (RFC 9457).",
        "",
    ]
    for method, path, operation in _routes(web):
        words = operation.get("description", "").strip().split("\n\n")[0]
        lines += [f"## {method} {path}", "", _cell(words), ""]
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
