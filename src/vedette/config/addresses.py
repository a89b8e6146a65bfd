"""Web addresses in settings, compared as text later: each has one way to be written."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

PORTS = {"https": 443, "http": 80}


def origin(address: str) -> str | None:
    """The origin of *address* as browsers write it; None where it is none that may be used.

    That is https, or http to this very machine; no name or password in it, no query, no fragment.
    """
    if not address.isascii() or not address.isprintable() or set(address) & set(' \\"<>'):
        return None
    try:
        found = urlsplit(address)
        port = found.port
    except ValueError:
        return None
    host = found.hostname
    if found.scheme not in PORTS or not host or "@" in found.netloc or "?" in address or "#" in address:
        return None
    if found.scheme == "http" and not is_loopback(host):
        return None
    name = f"[{host}]" if ":" in host else host
    return f"{found.scheme}://{name}" + (f":{port}" if port and port != PORTS[found.scheme] else "")


def is_loopback(host: str) -> bool:
    """Whether *host* means this machine, to the letter."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
