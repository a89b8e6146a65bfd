"""The API on a socket, inside the gateway's own loop."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Coroutine, Iterator

import uvicorn
from fastapi import FastAPI

from vedette.api.context import Gateway

MAX_CONNECTIONS = 500
MAX_HEAD_BYTES = 32 << 10
STOP_SECONDS = 2


class Server(uvicorn.Server):
    """Signals are the gateway's to handle."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def loopback(listener: socket.socket) -> bool:
    """Whether only this machine can come to *listener*: plain http will do there."""
    return ipaddress.ip_address(listener.getsockname()[0]).is_loopback


async def serve_api(gateway: Gateway, listener: socket.socket, site: FastAPI) -> Coroutine[None, None, None]:
    """
    Serve *site*, *gateway*'s API, on *listener*: plain http on loopback, https elsewhere.

    Returns once it answers; await what is returned to end it.
    """
    server = Server(_config(site, gateway, listener))
    running = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        if running.done():
            running.result()
            raise OSError("the API did not start")
        await asyncio.sleep(0.01)
    return _stop(server, running)


async def _stop(server: Server, running: asyncio.Task[None]) -> None:
    server.should_exit = True
    await running


def _config(app: FastAPI, gateway: Gateway, listener: socket.socket) -> uvicorn.Config:
    files = None if loopback(listener) else gateway.certificate
    return uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,  # what is asked is on record where it matters; a log of addresses is not needed
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=STOP_SECONDS,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        ssl_certfile=files.certificate if files else None,
        ssl_keyfile=files.key if files else None,
    )
