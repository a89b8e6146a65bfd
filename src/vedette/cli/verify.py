"""``vedette verify``: prove the journal, offline, from its files and a public key."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from vedette.cli import screen
from vedette.cli.options import Config, Json
from vedette.cli.outcome import NO, Failure
from vedette.cli.reach import settings_if_any

if TYPE_CHECKING:
    from vedette.journal import Report

MAX_SHOWN = 20


def add(app: typer.Typer) -> None:
    app.command()(verify)


def verify(
    journal: Annotated[
        Path | None, typer.Option("--journal", help="Its folder. [default: from settings]")
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", help="The public key (PEM), best from elsewhere.")
    ] = None,
    secret: Annotated[
        Path | None, typer.Option("--secret", help="The journal's key file: checks every record's tag, too.")
    ] = None,
    anchor: Annotated[Path | None, typer.Option("--anchor", help="The anchor file.")] = None,
    closed: Annotated[
        bool, typer.Option("--closed", help="The gateway ended in order: an open end is a cut end.")
    ] = False,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Verify the journal: any change, gap, reordering or cut-off tail. Works while the gateway runs."""
    from vedette.folder import Folder
    from vedette.journal import verify as verify_journal
    from vedette.journal.keys import KEY_FILE, PUBLIC_FILE, load

    settings = settings_if_any(config)
    home = Folder(settings.gateway.data) if settings else None
    folder = journal or (home.journal if home else None)
    public = key or (home.keys / PUBLIC_FILE if home else None)
    if folder is None or public is None:
        raise Failure("nothing to verify is named", "give --journal and --key, or run where vedette.yaml is")
    if secret is None and home is not None and journal is None and (home.keys / KEY_FILE).exists():
        secret = home.keys / KEY_FILE
    if anchor is None and settings is not None and journal is None:
        anchor = settings.gateway.journal.anchor
    pem = _read(public)
    report = verify_journal(
        folder, pem, key=load(secret).mac if secret else None,
        anchors=anchor if anchor is not None and anchor.exists() else None, closed=closed,
    )  # fmt: skip
    wrong = _recordings(folder) if report.ok else []
    if as_json:
        screen.emit(_row(report, secret is not None, pem) | {"recordings": wrong})
    else:
        _say(report, folder, secret is not None, pem)
        for problem in wrong[:MAX_SHOWN]:
            screen.say(problem, style="red")
    if wrong or not report.ok:
        raise typer.Exit(NO)


def _recordings(journal: Path) -> list[str]:
    """What is wrong with the recordings that stand beside the journal."""
    from vedette.journal.read import read
    from vedette.recording.cast import check

    needle = (b'"kind":"recording.',)
    return check(journal.parent / "recordings", ((e.kind, e.body) for e in read(journal, holding=needle)))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Failure(
            f"the public key {path} cannot be read: {error.strerror}", "name it with --key"
        ) from None


def _fingerprint(pem: bytes) -> str:
    return hashlib.sha256(pem).hexdigest()[:32]


def _row(report: Report, tags: bool, pem: bytes) -> dict[str, object]:
    return {
        "ok": report.ok, "records": report.records, "checkpoints": report.checkpoints,
        "anchors": report.anchors, "tail": report.tail, "closed": report.closed,
        "head": list(report.head), "tags_checked": tags, "key": _fingerprint(pem),
        "problems": [asdict(each) for each in report.problems], "notes": list(report.notes),
        "by_session": dict(report.by_session),
    }  # fmt: skip


def _say(report: Report, folder: Path, tags: bool, pem: bytes) -> None:
    word = Text("intact", "bold green") if report.ok else Text("NOT INTACT", "bold red")
    screen.say(f"{folder}: ", word)
    how = "chain, signatures and every record's tag" if tags else "chain and signatures"
    screen.fields(
        [
            ("records", report.records),
            ("checkpoints", f"{report.checkpoints} signed, {report.tail} records since the last"),
            ("anchors", report.anchors or ""),
            ("checked", how),
            ("key", f"{_fingerprint(pem)} (compare it with the one you noted)"),
            ("head", f"{report.head[0]} {report.head[1]}"),
        ]
    )
    for problem in report.problems[:MAX_SHOWN]:
        screen.say(str(problem), style="red")
    if len(report.problems) > MAX_SHOWN:
        screen.say(f"and {len(report.problems) - MAX_SHOWN} more problems", style="red")
    for words in report.notes:
        screen.note(words)
