"""``vedette serve``: the gateway itself."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import resource
import signal
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from vedette.cli import screen
from vedette.cli.options import Config
from vedette.cli.reach import settings_at

if TYPE_CHECKING:
    from vedette.config import Settings

OPEN_FILES = 65_536


class Level(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def add(app: typer.Typer) -> None:
    app.command()(serve)


def serve(
    config: Config = None,
    log_level: Annotated[
        Level, typer.Option("--log-level", help="What goes to standard error.")
    ] = Level.INFO,
) -> None:
    """Run the gateway. SIGHUP loads the settings anew; SIGTERM and Ctrl-C end it in order."""
    import uvloop

    settings = settings_at(config)
    _log(log_level)
    _bound_process()
    uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    from vedette.app import App

    app = App(settings, beside=True)
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    await app.start()
    # What is there by now stays: looking at all of it again would hold up everybody for 0.1 s, now and then.
    gc.collect()
    gc.freeze()
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ending.set)
        loop.add_signal_handler(signal.SIGHUP, app.reload_soon)
        for name, port in app.ports.items():
            screen.say(f"{name} on port {port}")
        screen.say(f"policy {app.settings.policies.hash}; ready")
        if app.setup_link is not None:
            screen.say("nobody can sign in yet; within 24 hours, the first admin is made at")
            screen.say(app.setup_link)
        await ending.wait()
    finally:
        await app.stop()


def _bound_process() -> None:
    """No core dump (it would hold credentials), and as many open files as may be."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):  # what is permitted stays as it was
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Inert(logging.Formatter):
    """One line per record, whatever stands in it: callers choose names that end up here."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(screen.inert(line) for line in super().format(record).split("\n"))


def _log(level: Level) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(Inert("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level.value.upper(), handlers=[handler], force=True)
    for noisy in ("uvicorn.error", "httpx2", "aiosqlite", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
