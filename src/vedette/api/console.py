"""The console's files: built from ``console/`` into the package, served as they are, and nothing else.

It is a client of the API like any other, with a token of its own: no cookie, so no request that
another site could have made for it.
"""

from __future__ import annotations

import gzip
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from vedette.api.access import Here
from vedette.api.context import Gateway
from vedette.api.problems import ProblemError, answer
from vedette.config.addresses import origin
from vedette.issuer import pages

router = APIRouter(include_in_schema=False)
BUILT = Path(__file__).parents[1] / "console"
HOME, INDEX, ASSETS = "/console/", "index.html", "assets/"
MAX_FILE_BYTES = 4 << 20
_TEXT = frozenset({".js", ".css", ".html", ".svg", ".json"})


@dataclass(frozen=True, slots=True)
class File:
    """One file, read when the API began. *packed* is its gzip form, None where that is no gain."""

    data: bytes
    packed: bytes | None
    media: str


def read(folder: Path) -> Mapping[str, File]:
    """All files below *folder* by their path; empty where the console is not built."""
    if not (folder / INDEX).is_file():
        return {}
    found: dict[str, File] = {}
    for path in sorted(folder.rglob("[!.]*")):
        if path.is_file() and not path.is_symlink() and path.stat().st_size <= MAX_FILE_BYTES:
            data = path.read_bytes()
            media = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            text = path.suffix in _TEXT
            packed = gzip.compress(data, mtime=0) if text and len(data) > 1024 else None
            found[path.relative_to(folder).as_posix()] = File(
                data, packed, "text/javascript" if path.suffix == ".js" else media
            )
    return found


def install(app: FastAPI, folder: Path = BUILT) -> None:
    """Put the console onto *app*."""
    app.state.console = read(folder)
    app.include_router(router)


@router.get("/")
@router.get("/console")
async def home() -> Response:
    return RedirectResponse(HOME, 303)


@router.get("/console/{path:path}")
async def show(request: Request, here: Here, path: str) -> Response:
    """A file of the console, or its page, which knows what to show at which address."""
    files: Mapping[str, File] = request.app.state.console
    if not files:
        return _missing()
    if path.startswith(ASSETS) and path not in files:
        return answer(ProblemError(404, "not_found", "there is nothing here"))
    name = path if path in files else INDEX
    file = files[name]
    headers = _headers(here) if name == INDEX else {}
    # What changes has another name: the build puts a digest into the names of assets.
    headers["Cache-Control"] = (
        "public, max-age=31536000, immutable" if name.startswith(ASSETS) else "no-cache"
    )
    headers["Vary"] = "Accept-Encoding"
    data = file.data
    if file.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        data, headers["Content-Encoding"] = file.packed, "gzip"
    return Response(data, media_type=file.media, headers=headers)


def _headers(here: Gateway) -> dict[str, str]:
    return {
        "Content-Security-Policy": policy(here),
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
    }


def policy(here: Gateway) -> str:
    """Scripts and styles are files of ours, none stands in a page; elsewhere, only issuers are asked."""
    issuers = sorted({found for each in here.settings.identity.issuers if (found := origin(each.issuer))})
    asked = " ".join(["'self'", *issuers])
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src {asked}; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _missing() -> Response:
    html = pages.said(
        "The console is not built",
        "This is a checkout without it. With Node.js 20 or newer: make console. "
        "The API is there all the same, at /api/v1, and so is the command line.",
    )
    return HTMLResponse(html, 503, {"Content-Security-Policy": pages.policy()})
