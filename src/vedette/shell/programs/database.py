"""psql: SQL on its command line goes to the reader of SQL. Source: the PostgreSQL manual, psql."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from vedette.model import Effect
from vedette.shell.call import Call
from vedette.shell.options import spec, split
from vedette.shell.scope import Arg, loose
from vedette.sql.catalog import EMPTY
from vedette.sql.reading import State
from vedette.sql.reading import read as read_sql

_PSQL = spec(
    closed=True,
    flag="-a -A -b -e -E -n -q -s -S -t -x -X -1 -w -W -z -0 --tuples-only --no-align --quiet "
    "--no-psqlrc --echo-all "
    "--csv --expanded --single-transaction --no-password --no-readline --echo-errors --html",
    mark="-l --list -V --version",
    text="-d --dbname -h --host -p --port -U --username -c --command -F --field-separator -P --pset -R "
    "--record-separator -T --table-attr -v --set --variable",
    unknown="-f --file",
    write="-o --output -L --log-file",
)
# A connection string of who, where and which database, and no more: parameters may name files.
_PLACE = re.compile(
    r"postgres(?:ql)?://(?:[A-Za-z0-9_.%-]+(?::[A-Za-z0-9_.%~!*-]*)?@)?([A-Za-z0-9._-]+)(?::([0-9]+))?"
    r"(?:/[A-Za-z0-9_.-]*)?\Z",
    re.ASCII,
)


def _psql(call: Call) -> None:
    given = split(call, _PSQL)
    _whereto(call, [arg.text for arg in given.values("-h", "--host")], given.values("-p", "--port"))
    for arg in [*given.values("-d", "--dbname"), *given.operands]:
        found = _PLACE.match(arg.text)
        if found and not arg.open and arg.known:
            _whereto(call, [found[1]], [Arg(found[2])] if found[2] else [])
        elif arg.open or "://" in arg.text or "=" in arg.text:
            call.unknown("a connection string")
    for arg in given.values("-o", "--output", "-v", "--set", "--variable", "-P", "--pset"):
        if arg.text.startswith("|") or not arg.known:
            call.unknown("a program that output goes to, or a value made at run time")
    if given.has("-l", "--list", "-V", "--version"):
        return
    texts = given.values("-c", "--command")
    if not texts:
        if call.stdin is not None:
            _sql(call, call.stdin)
        else:
            call.unknown("SQL that it is fed at run time")
    for arg in texts:
        if arg.open:
            call.unknown("SQL that is put together at run time")
        else:
            _sql(call, arg.text)


def _whereto(call: Call, hosts: list[str], ports: list) -> None:  # type: ignore[type-arg]
    for host in hosts:
        if not host.startswith("/"):
            call.host(Effect.READ, host, ports[-1].text if ports else "5432")


def _sql(call: Call, text: str) -> None:
    """What the reader of SQL says; psql's own commands (\\!) run programs."""
    if "\\" in text or loose(text):
        call.unknown("SQL with commands of psql, or put together at run time")
        return
    if call.stdin is not None and ":" in text.replace("::", ""):
        call.unknown("SQL with variables of psql")
        return
    facts = read_sql(text, State(), EMPTY)
    if facts.reason:
        call.unknown(facts.reason)
    call.notes.sql.append(facts)
    for touch in facts.touches:
        call.notes.touches[touch] = None


def _server(call: Call) -> None:
    """dropdb, createdb, pg_dump: by their names."""
    given = split(call, spec(text="-h -p -U --host --port --username -W -O -T -E -l -D --owner"))
    effect = Effect.DESTROY if call.name in ("dropdb", "dropuser") else Effect.CREATE
    kind = "role" if call.name.endswith("user") else "database"
    for arg in given.operands[:1]:
        call.touch(effect, f"{kind}:{arg.text}" if arg.known else f"{kind}:*")
    if call.name == "createuser":
        call.touch(Effect.GRANT, "role:*")


def _ready(call: Call) -> None:
    given = split(call, spec(text="-h -p -U -d -t --host --port --username --dbname --timeout"))
    _whereto(call, [arg.text for arg in given.values("-h", "--host")], given.values("-p", "--port"))


def _opaque(call: Call) -> None:
    call.unknown("what it does with a database is not read here")


PROGRAMS: Mapping[str, Callable[[Call], None]] = {
    "psql": _psql,
    **{name: _server for name in ("dropdb", "createdb", "dropuser", "createuser")},
    "pg_isready": _ready,
    **{
        name: _opaque
        for name in (
            *("pg_dump", "pg_dumpall", "pg_restore", "mysql", "mysqldump", "mariadb", "sqlite3", "redis-cli"),
            *(
                "mongo",
                "mongosh",
                "mongodump",
                "cqlsh",
                "clickhouse-client",
                "influx",
                "etcdctl",
                "ldapmodify",
            ),
        )
    },
}
