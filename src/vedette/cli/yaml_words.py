"""Names as YAML's flow sequences, quoted wherever they could be taken for anything else."""

from __future__ import annotations

import json
import re

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*", re.ASCII)
# What YAML 1.1 takes for a truth or for nothing.
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def flow(names: tuple[str, ...]) -> str:
    """``[a, b]``. A JSON string is a YAML one (YAML 1.2, section 1.3)."""
    return "[" + ", ".join(map(_word, names)) + "]"


def _word(name: str) -> str:
    plain = _PLAIN.fullmatch(name) and name.lower() not in _WORDS
    return name if plain else json.dumps(name)
