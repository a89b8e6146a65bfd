"""The compiled twin of the hot path, where it is installed (`native/`, the extra ``vedette[fast]``).

Python is the reference and works everywhere. The twin does the same, byte for byte, in less
time; ``VEDETTE_PURE=1`` leaves it aside. `vedette version` says which of them is used.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

#: What this version of the gateway goes with. Another one is not used, and `described` says so.
WANTED = "0.1.0"


def _load() -> tuple[Any, str]:
    if os.environ.get("VEDETTE_PURE", "") not in ("", "0"):
        return None, "pure Python, as VEDETTE_PURE says"
    try:
        found: Any = importlib.import_module("vedette_native")
    except ImportError:
        return None, "pure Python"
    if found.__version__ != WANTED:
        return None, f"pure Python: vedette-native {found.__version__} is there, {WANTED} is wanted"
    return found, f"with vedette-native {WANTED}"


#: The module, or None. Read where it is used, so that tests can run both ways.
compiled: Any
compiled, described = _load()
