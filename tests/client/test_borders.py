"""The client library stands alone: Python's standard library, and nothing else of Vedette."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "src" / "vedette" / "client"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_it_imports_the_standard_library_and_itself(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names = [node.module or ""]
        for name in names:
            assert name.split(".")[0] in sys.stdlib_module_names or name.startswith("vedette.client"), name


def test_it_loads_in_an_environment_without_anything() -> None:
    code = "import sys; import vedette.client; print(sorted(n for n in sys.modules if 'site-packages' in str(getattr(sys.modules[n], '__file__', ''))))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(FOLDER.parents[1])!r}); {code}"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"


def test_commands_start_without_the_store_and_the_web() -> None:
    code = (
        "import sys; from vedette.cli import app, login, run, connect, tools; import vedette.approvals.render;"
        "print([n for n in ('sqlalchemy', 'fastapi', 'httpx2', 'vedette.store', 'asyncpg') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
