"""The lists in `vedette.sql.system` and the names to classify in `vedette.sql.builtins`, asked of a server.

    python tests/sql/list_builtins.py "host=/tmp/socket port=5432 user=postgres dbname=postgres"

Prints what the tables lack, one name a line: ``volatile``, ``function`` or ``relation`` in front. Nothing
printed means nothing lacks. The demo's server wheel brings PostgreSQL 16 and 18, the ends we list.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from vedette.sql.builtins import classified, known
from vedette.sql.system import RELATIONS

FUNCTIONS = """
SELECT p.proname, pg_catalog.bool_or(p.provolatile = 'v')
FROM pg_catalog.pg_proc p WHERE p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace GROUP BY 1 ORDER BY 1
"""
TABLES = """
SELECT c.relname FROM pg_catalog.pg_class c
WHERE c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace AND c.relkind IN ('r', 'v') ORDER BY 1
"""


def missing(functions: Iterable[tuple[str, bool]], relations: Iterable[str]) -> Iterator[str]:
    """What a server has and the tables do not."""
    for name, volatile in functions:
        if volatile and not classified(name):
            yield f"volatile {name}"
        elif not known(name):
            yield f"function {name}"
    for name in relations:
        if name not in RELATIONS:
            yield f"relation {name}"


def main(dsn: str) -> None:
    import psycopg

    with psycopg.connect(dsn) as connection:
        functions = [(str(name), bool(volatile)) for name, volatile in connection.execute(FUNCTIONS)]
        relations = [str(name) for (name,) in connection.execute(TABLES)]
    sys.stdout.writelines(f"{line}\n" for line in missing(functions, relations))


if __name__ == "__main__":
    main(sys.argv[1])
