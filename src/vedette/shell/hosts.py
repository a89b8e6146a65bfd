"""One spelling for every host, so that a rule that names an address meets it however it is written."""

from __future__ import annotations

import ipaddress
import re

_NUMBER = re.compile(r"0x[0-9a-f]+|[0-9]+", re.ASCII)
_LOOKS_NUMERIC = re.compile(r"0x[0-9a-f]*|[0-9]+", re.ASCII)


def canonical(host: str) -> str | None:
    """
    *host* in small letters, without dots at its end; an address in its usual form.

    IPv4 addresses in any form of inet_aton(3) (one to four numbers: decimal, octal, hexadecimal) become four
    decimal parts, and so do those inside IPv6 (``::ffff:a9fe:a9fe``, RFC 4291 section 2.5.5.2: a socket goes
    to the IPv4 address). IPv6 is compressed as in RFC 5952. A name stays a name: nothing is resolved here.

    None for what is neither: with a colon yet no address, or with a number for its last part yet no
    address. No name on the internet ends so, and resolvers differ about what it means.
    """
    name = host.lower().rstrip(".")
    if ":" in name:
        return _six(name)
    parts = name.split(".")
    if not _LOOKS_NUMERIC.fullmatch(parts[-1]):
        return name
    return _four(parts)


def _six(text: str) -> str | None:
    try:
        found = ipaddress.IPv6Address(text)
    except ValueError:
        return None
    return str(found.ipv4_mapped) if found.ipv4_mapped is not None else str(found)


def _four(parts: list[str]) -> str | None:
    if len(parts) > 4 or not all(len(part) <= 64 and _NUMBER.fullmatch(part) for part in parts):
        return None
    try:
        *first, last = (int(part, 16 if part[:2] == "0x" else 8 if part[0] == "0" else 10) for part in parts)
    except ValueError:  # an 8 or 9 in an octal number
        return None
    if any(part > 255 for part in first) or last >= 1 << 8 * (4 - len(first)):
        return None
    for place, part in enumerate(first):
        last |= part << 8 * (3 - place)
    return str(ipaddress.IPv4Address(last))
