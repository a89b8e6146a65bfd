"""python -m tests.bench [CASE...] [--quick | --full] [--json FILE]"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import psycopg

from tests.bench import cases, figures, sides
from tests.testbed.processes import ChildFailed
from vedette import native


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench", description="Ratios beside direct and pgbouncer, in one run."
    )
    parser.add_argument(
        "cases", nargs="*", metavar="CASE", help=f"of {', '.join(cases.CASES)}; all by default"
    )
    parser.add_argument(
        "--quick", action="store_true", help="a minute, to see that it runs; the figures are rough"
    )
    parser.add_argument("--full", action="store_true", help="longer runs, and 5 GB to the slow reader")
    parser.add_argument(
        "--json", metavar="FILE", help="write the figures there as well (- for standard output only)"
    )
    chosen = parser.parse_args()
    if unknown := set(chosen.cases) - set(cases.CASES):
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    return chosen


def main() -> int:
    """Prints the table; 0 whether or not targets were met, 1 where a case could not run."""
    chosen = _arguments()
    size = cases.FULL if chosen.full else cases.QUICK if chosen.quick else cases.Size()
    say = sys.stderr if chosen.json == "-" else sys.stdout
    found: list[figures.Figure] = []
    failed = False
    print(f"  vedette: {native.described}", file=say)
    with sides.opened() as bench:
        for name in chosen.cases or cases.CASES:
            print(f"  measuring {name}", file=say, flush=True)
            try:
                found += cases.CASES[name](bench, size)
            except (ChildFailed, OSError, subprocess.SubprocessError, psycopg.Error) as failure:
                failed = True
                print(f"  {name} failed: {failure}", file=say)
    document = json.dumps([figure.as_dict() for figure in found], indent=2)
    if chosen.json == "-":
        print(document)
    else:
        print("\n" + figures.table(found))
        if chosen.json:
            Path(chosen.json).write_text(document + "\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
