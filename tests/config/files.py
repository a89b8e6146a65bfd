"""Settings files for tests: the least that loads, with parts replaced."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from vedette.config import ConfigError, Problem, Settings
from vedette.config.load import decode
from vedette.config.reading import read_text

SECTIONS: Mapping[str, str] = {
    "gateway": "{listen: {postgres: 6432}}",
    "identity": "{}",
    "resources": "{appdb: {protocol: postgres, upstream: {host: db.internal, database: app}, "
    "login: {user: app}}}",
    "policies": "[{name: p, rules: [{allow: {effects: [read]}}]}]",
}
FILE = Path("/etc/vedette/vedette.yaml")


def text(**sections: str) -> str:
    return "".join(f"{name}: {section}\n" for name, section in (SECTIONS | sections).items())


def settings(environ: Mapping[str, str] | None = None, **sections: str) -> Settings:
    return decode(read_text(text(**sections), str(FILE)), FILE, environ or {})


def resource(inner: str) -> str:
    return f"{{appdb: {{protocol: postgres, {inner}}}}}"


def problems(environ: Mapping[str, str] | None = None, **sections: str) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        settings(environ, **sections)
    return caught.value.problems
