"""Who may import whom: the border between the pure core and what touches the world.

Read from the source, so that an import inside a function counts as well. What stands below
``if TYPE_CHECKING:`` is for the type checker only and may name a clock or a socket, yet no module that
the layers forbid.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
PACKAGE = "vedette"

# The pure core. Every module of a protocol belongs to it, except those in EDGE.
PURE = ("model", "sql", "shell", "kubernetes", "policy", "masking", "terminal", "protocols")
# The asyncio part of protocols: sockets, clocks and tasks live here and nowhere else in them.
EDGE = (
    "protocols.drive",
    "protocols.aside",
    "protocols.masked",
    "protocols.live",
    "protocols.reception",
    "protocols.ssh.copies",
    "protocols.ssh.files",
    "protocols.ssh.own",
    "protocols.ssh.forwards",
    "protocols.ssh.shells",
    "terminal.keeper",
    "protocols.kubernetes.connection",
    "protocols.kubernetes.exchange",
    "protocols.kubernetes.rehearsal",
    "protocols.kubernetes.streams",
    *(f"protocols.*.{name}" for name in ("engine", "accept", "dial", "wire", "session", "catalogue")),
)

WORLD = frozenset(
    {
        *("asyncio", "uvloop", "anyio", "concurrent", "threading", "multiprocessing", "_thread"),
        *("socket", "ssl", "select", "selectors", "socketserver", "http", "urllib", "httpx2"),
        *("time", "sched", "signal", "subprocess", "sqlalchemy", "aiosqlite"),
    }
)
# Calls that read a clock although their module is harmless.
CLOCKS = frozenset({"now", "utcnow", "today"})

# Package -> what it never imports. The longest matching name on the left speaks.
ADAPTERS = (
    "approvals",
    "journal",
    "recording",
    "trail",
    "identity",
    "issuer",
    "credentials",
    "watch",
    "store",
)
SHELL = ("app", "cli", "api", "web", "demo")
NEVER: dict[str, tuple[str, ...]] = {
    "model": ("",),
    # Agents have it without the rest; tests/client/test_borders.py says the same of packages.
    "client": ("",),
    "sql": ("config", "policy", "masking", "protocols", "gate", *ADAPTERS, *SHELL),
    "kubernetes": ("config", "policy", "protocols", "gate", *ADAPTERS, *SHELL),
    "policy": ("sql", "masking.plan", "masking.rewrite", "protocols", "gate", *ADAPTERS, *SHELL),
    "terminal": ("config", "policy", "masking", "protocols", "gate", *ADAPTERS, *SHELL),
    "masking": ("sql", "config", "policy", "protocols", "gate", *ADAPTERS, *SHELL),
    "protocols": ("store", *SHELL),
    "gate": ("protocols", "store", *SHELL),
    "config": ("protocols.postgres.engine", "gate", "store", *SHELL),
    "api": ("protocols", "app", "cli", "demo"),
    "web": ("protocols", "app", "cli", "demo"),
    "app": ("cli", "demo"),
    "cli": ("protocols.postgres.engine",),
    **{name: ("protocols", "gate", *SHELL) for name in ADAPTERS},
}
# Where names go to die.
NO_HOME = frozenset(
    {"utils", "util", "helpers", "helper", "common", "misc", "core", "services", "manager", "managers"}
)


@dataclass(frozen=True, slots=True)
class Import:
    module: str
    line: int
    typing_only: bool


@dataclass(frozen=True, slots=True)
class Module:
    """A source file by its name below the package: ``protocols.postgres.relay``."""

    name: str
    path: Path

    @property
    def tree(self) -> ast.Module:
        return _parse(self.path)


@functools.cache
def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def modules() -> list[Module]:
    found = []
    for path in sorted((SOURCE / PACKAGE).rglob("*.py")):
        parts = path.relative_to(SOURCE / PACKAGE).with_suffix("").parts
        found.append(Module(".".join(part for part in parts if part != "__init__"), path))
    return found


def below(name: str, package: str) -> bool:
    """Whether *name* is *package* or stands inside it; "" holds everything, "*" is any one part."""
    wanted, have = package.split("."), name.split(".")
    return package == "" or (
        len(have) >= len(wanted)
        and all(want in ("*", part) for want, part in zip(wanted, have, strict=False))
    )


def imports(module: Module) -> Iterator[Import]:
    """Every import in the file, relative ones made absolute."""
    guarded = {
        id(inner)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, id(node) in guarded)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                # The package of x/__init__.py is x, that of x/y.py is x as well.
                own = [PACKAGE, *filter(None, module.name.split("."))]
                kept = len(own) - node.level + (module.path.name == "__init__.py")
                base = ".".join([*own[:kept], *filter(None, [base])])
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                known = (SOURCE / whole.replace(".", "/")).with_suffix(".py").exists() or (
                    SOURCE / whole.replace(".", "/")
                ).is_dir()
                yield Import(whole if known else base, node.lineno, id(node) in guarded)


def pure(module: Module) -> bool:
    return any(below(module.name, name) for name in PURE) and not any(
        below(module.name, name) for name in EDGE
    )


def test_there_is_a_core_to_guard() -> None:
    assert sum(pure(module) for module in modules()) > 10


@pytest.mark.parametrize(
    "module", [module for module in modules() if pure(module)], ids=lambda module: module.name
)
def test_pure_modules_touch_no_world(module: Module) -> None:
    reached = [
        f"line {found.line}: imports {found.module}"
        for found in imports(module)
        if not found.typing_only and found.module.split(".")[0] in WORLD
    ]
    reached += [
        f"line {node.lineno}: reads a clock by .{node.func.attr}()"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in CLOCKS
        and any(part in ast.dump(node.func.value) for part in ("'datetime'", "'date'"))
    ]
    reached += [
        f"line {node.lineno}: opens a file"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("open", "input")
    ]
    assert reached == [], f"{module.name} belongs to the pure core"


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name or PACKAGE)
def test_layers_import_downwards_only(module: Module) -> None:
    owner = max((name for name in NEVER if below(module.name, name)), key=len, default=None)
    if owner is None:
        return
    crossed = [
        f"line {found.line}: {found.module}"
        for found in imports(module)
        if below(found.module, PACKAGE)
        for inner in [found.module.removeprefix(PACKAGE).lstrip(".")]
        for banned in NEVER[owner]
        if inner and below(inner, banned) and not below(inner, owner)
    ]
    assert crossed == [], f"{module.name} may not import these"


def test_only_the_command_line_puts_the_gateway_together() -> None:
    users = {
        module.name
        for module in modules()
        for found in imports(module)
        if below(found.module, f"{PACKAGE}.app") and not below(module.name, "app")
    }
    assert all(below(user, "cli") or below(user, "demo") for user in users), users


def test_no_module_is_a_drawer_for_anything() -> None:
    assert [module.name for module in modules() if NO_HOME & set(module.name.split("."))] == []
