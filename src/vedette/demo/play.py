"""The demo from beginning to end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from vedette.cli import screen
from vedette.demo import postgres, settings
from vedette.demo.agent_run import Said, run_agent
from vedette.demo.children import (
    LOOPBACK,
    DemoFailed,
    end,
    environment,
    free_port,
    keep_secret,
    start,
    until_listening,
)
from vedette.demo.stage import Stage
from vedette.demo.vedette_command import Vedette

PERSON = "dana@corp.example"
YOU = "you"
PREFIX = "vedette-demo-"


@dataclass(frozen=True, slots=True)
class Options:
    """*ask*: whoever runs the demo approves. *keep*: everything stays up until Ctrl-C."""

    agent_python: Path
    ask: bool = False
    keep: bool = False


@dataclass(slots=True)
class Scene:
    """What is up."""

    folder: Path
    stage: Stage
    config: Path = Path()
    port: int = 0
    web: int = 0
    password: str = ""
    vedette: Vedette = field(default_factory=lambda: Vedette(Path()))

    @property
    def console(self) -> str:
        """Where people look, and decide."""
        return f"http://{LOOPBACK}:{self.web}/console/"

    @property
    def dsn(self) -> str:
        """All that an agent is given, beside its token."""
        return f"postgresql://agent@{LOOPBACK}:{self.port}/appdb?sslmode=require"


def run(options: Options) -> int:
    """Play it; the exit code. Whatever happens, nothing is left running and no folder remains."""
    python = shutil.which(str(options.agent_python)) or ""
    if not python:
        screen.complain(
            f"there is no Python at {options.agent_python} for the agent",
            "run make demo, or name one that has autogen-agentchat and asyncpg: --agent-python",
        )
        return 1
    # Not resolved: a virtual environment is known by the path of its link.
    options = Options(Path(os.path.abspath(python)), options.ask, options.keep)
    try:
        return asyncio.run(_until_told(options))
    except KeyboardInterrupt:
        screen.note("ended; nothing is left running")
        return 130


async def _until_told(options: Options) -> int:
    """The play, ended in order by SIGTERM too."""
    playing = asyncio.create_task(_play(options))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, playing.cancel)
    try:
        await playing
    except DemoFailed as failure:
        screen.complain(str(failure))
        for line in failure.tail:
            screen.note(f"  | {line}")
        return 1
    except asyncio.CancelledError:
        current = asyncio.current_task()
        if current is not None and current.cancelling():
            raise  # Ctrl-C
        screen.note("ended; nothing is left running")
        return 143
    return 0


async def _play(options: Options) -> None:
    stage = Stage()
    with _folder() as folder:
        async with contextlib.AsyncExitStack() as stack:
            scene = Scene(folder, stage)
            agent_token, person_token = await _set_up(scene, options, stack)
            await _agent_works(scene, options, agent_token, person_token)
            await _look_back(scene)
            if options.keep:
                await _stay(scene)
    screen.say("")
    screen.say("That was it. Nothing is left running, and nothing was installed.", style="bold")


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    _sweep(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    folder.chmod(0o711)  # PostgreSQL's own folder is below, and may be another user's
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(top: Path) -> None:
    """Remove what a demo that was killed left behind, if it was ours and its process is gone."""
    for stale in top.glob(f"{PREFIX}*-*"):
        number = stale.name.removeprefix(PREFIX).partition("-")[0]
        gone = number.isdecimal() and Path("/proc/self").exists() and not Path("/proc", number).exists()
        with contextlib.suppress(OSError):
            if gone and stale.lstat().st_uid == os.geteuid() and not stale.is_symlink():
                shutil.rmtree(stale, ignore_errors=True)


# --- 1: what is there ------------------------------------------------------------------------------


async def _let_in(scene: Scene) -> None:
    """Whoever runs the demo can sign in at the console, with a password that is made up now."""
    scene.password = secrets.token_urlsafe(12)
    await scene.vedette.text("people", "add", YOU, "--groups", "dba", typed=f"{scene.password}\n")
    scene.stage.step(f"sign in there as {YOU}, with the password {scene.password}")


async def _set_up(scene: Scene, options: Options, stack: contextlib.AsyncExitStack) -> tuple[str, str]:
    stage = scene.stage
    stage.section("A database with people in it, and a gateway before it")
    server = await postgres.serve(scene.folder)
    stack.push_async_callback(server.stop)
    stage.step(f"PostgreSQL 16 on {LOOPBACK}:{server.port}, from a Python package")
    secret = scene.folder / "appdb.password"
    keep_secret(secret, server.password)
    scene.port, scene.web = free_port(), free_port()
    web = scene.web
    scene.config = settings.write(
        scene.folder, port=scene.port, web=web, upstream=server.port, password=secret
    )
    scene.vedette = Vedette(scene.config, _width())
    rows = await _together(server, scene, web, stack)
    stage.step(f"{rows:,} rows of invented customers, cards, orders and support notes")
    stage.step(f"the gateway on {LOOPBACK}:{scene.port}; it alone knows the database's password")
    issuing = [
        _token(scene, "report-agent", "agent", "ai-agents", "10m"),
        _token(scene, PERSON, "person", "dba", "10m"),
    ]  # fmt: skip
    agent, person = await asyncio.gather(*issuing)
    stage.step(f"the console, where people look and decide: {scene.console}")
    if options.ask or options.keep:
        await _let_in(scene)
    stage.step("the agent gets an address and a token that lives ten minutes:")
    stage.step(f"  {scene.dsn}")
    return agent, person


async def _together(
    server: postgres.Postgres, scene: Scene, web: int, stack: contextlib.AsyncExitStack
) -> int:
    """Fill the database while the gateway starts; how many rows. Raises DemoFailed."""
    try:
        async with asyncio.TaskGroup() as group:
            filling = group.create_task(postgres.fill(server))
            group.create_task(_start_gateway(scene, web, stack))
    except* DemoFailed as failed:
        raise _first(failed) from None
    return filling.result()


def _first(failed: BaseExceptionGroup[DemoFailed]) -> DemoFailed:
    inner = failed.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


async def _token(scene: Scene, subject: str, kind: str, group: str, ttl: str) -> str:
    words = ["--subject", subject, "--kind", kind, "--groups", group, "--ttl", ttl]
    return str((await scene.vedette.json("token", "issue", *words))["token"])


async def _start_gateway(scene: Scene, web: int, stack: contextlib.AsyncExitStack) -> None:
    log = scene.folder / "gateway.log"
    log.touch(0o600)
    words = [sys.executable, "-m", "vedette", "serve", "--config", str(scene.config)]
    child = await start(words, log, env=environment(scene.folder, PYTHONUNBUFFERED="1"), cwd=scene.folder)
    stack.push_async_callback(end, child)
    await until_listening(child, scene.port, "the gateway", log)
    await until_listening(child, web, "the gateway's API", log)


def _width() -> int:
    return max(60, shutil.get_terminal_size((120, 30)).columns - 4)


# --- 2: the agent ----------------------------------------------------------------------------------


async def _agent_works(scene: Scene, options: Options, agent_token: str, person_token: str) -> None:
    stage = scene.stage
    stage.section("An AutoGen agent at work (AssistantAgent 0.7.5, one tool, a scripted model)")
    told = run_agent(options.agent_python, scene.dsn, agent_token, scene.folder)
    asked: asyncio.Task[None] | None = None
    try:
        async for said in told:
            if asked is not None and said.event == "saw":
                await asked  # what people did comes before what came of it
            _show(stage, said)
            if said.event == "call" and said.text.startswith("UPDATE"):
                asked = asyncio.create_task(_person_decides(scene, options, person_token))
    finally:
        if asked is not None:
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
        await told.aclose()  # type: ignore[attr-defined]


def _show(stage: Stage, said: Said) -> None:
    match said.event:
        case "thought" | "done":
            stage.agent(said.text)
        case "call":
            stage.call(said.text)
        case "notice":
            stage.gateway(said.text)
        case _:
            stage.saw(said.text, error=said.error)


async def _person_decides(scene: Scene, options: Options, token: str) -> None:
    """Look at what waits and approve it, or say how that is done."""
    stage, vedette = scene.stage, scene.vedette
    waiting = None
    while not waiting:
        waiting = await vedette.json("approvals", "list", token=token)
    hold = str(waiting[0]["id"])
    stage.command(f"vedette approvals show {hold}")
    stage.output(await vedette.text("approvals", "show", hold, token=token))
    if options.ask:
        command = shlex.join([*_program(), "approvals", "approve", hold, "--config", str(scene.config)])
        stage.command("your turn: the agent waits. In another terminal, within ten minutes:")
        screen.say(f"     {command}", style="bold yellow")
        screen.say("     (or deny instead of approve, with --reason)", style="dim")
        screen.say(f"     or in a browser: {scene.console}approvals", style="bold yellow")
        return
    stage.command(f'vedette approvals approve {hold} --reason "order was returned"')
    stage.output(
        await vedette.text("approvals", "approve", hold, "--reason", "order was returned", token=token)
    )
    stage.person(f"{PERSON} (group dba) has approved; nobody approves their own")


def _program() -> list[str]:
    """How ``vedette`` is called from any folder."""
    found = Path(sys.argv[0]).absolute()
    return [str(found)] if found.name == "vedette" else [sys.executable, "-m", "vedette"]


# --- 3, 4, 5: looking back -------------------------------------------------------------------------


async def _look_back(scene: Scene) -> None:
    stage, vedette = scene.stage, scene.vedette
    session = str((await _session(vedette))["id"])
    stage.section("What is on record")
    stage.command(f"vedette sessions show {session}")
    shown, replayed, verified = await asyncio.gather(
        vedette.text("sessions", "show", session),
        vedette.text("sessions", "replay", session, "--no-wait"),
        vedette.text("verify"),
    )
    stage.output(shown)
    stage.section("The same, replayed")
    stage.command(f"vedette sessions replay {session} --no-wait")
    stage.output(replayed)
    stage.section("And proven: nothing was changed, left out or added since")
    stage.command("vedette verify")
    stage.output(verified)


async def _session(vedette: Vedette) -> dict[str, object]:
    """The agent's session, once the index has seen it end."""
    for _ in range(20):
        found = await vedette.json("sessions", "list")
        if found and found[0]["closed"]:
            return dict(found[0])
    raise DemoFailed("the agent's session does not show up")


# --- keep ------------------------------------------------------------------------------------------


async def _stay(scene: Scene) -> None:
    stage = scene.stage
    stage.section("It stays up, to play with")
    token = await _token(scene, "you", "agent", "ai-agents", "8h")
    psql = shutil.which("psql") or "psql"
    stage.step(f"in a browser: {scene.console} (as {YOU}, with the password {scene.password})")
    stage.step("as an agent (token of eight hours):")
    screen.say(f"     PGPASSWORD={token} \\")
    screen.say(f'     {psql} "host={LOOPBACK} port={scene.port} dbname=appdb user=agent sslmode=require"')
    stage.step("as the operator:")
    command = f"{shlex.join(_program())} {{}} --config {shlex.quote(str(scene.config))}"
    for words in ("sessions list", "approvals watch", "audit tail --follow", "policy show"):
        screen.say(f"     {command.format(words)}")
    stage.step("Ctrl-C here ends everything, and removes it.")
    await asyncio.Event().wait()
