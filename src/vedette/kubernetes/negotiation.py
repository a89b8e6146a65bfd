"""What is asked of the server where its answer will be masked: JSON, plain and uncompressed.

Source: RFC 9110, section 12.5.1; Kubernetes documentation, "Kubernetes API Concepts" (alternate
representations, receiving resources as Tables).
"""

from __future__ import annotations

from vedette.kubernetes.errors import BadRequest

_JSON = "application/json"
_READ = frozenset({_JSON, "*/*", "application/*", "application/yaml", "text/*", "text/plain"})
_PARAMETERS = frozenset({"as", "v", "g", "stream", "profile"})
_TABLES = frozenset({"table"})


def accept_for_masked(accept: str, *, tables: bool = True) -> str:
    """
    The Accept to send on in the place of *accept*, which is empty where there was none. *tables*: they may
    be asked for.

    Raises:
        BadRequest: the caller takes nothing that can be masked (406).
    """
    if not accept.strip():
        return _JSON
    found: list[str] = []
    readable = False
    for part in accept.split(","):
        media, *rest = (each.strip() for each in part.split(";"))
        media = media.lower()
        readable = readable or media in _READ
        if media != _JSON:
            continue
        parameters = [each for each in rest if each.partition("=")[0].strip().lower() in _PARAMETERS]
        shape = {
            each.partition("=")[2].strip().lower() for each in parameters if each.lower().startswith("as")
        }
        if tables or not shape & _TABLES:
            found.append(";".join((_JSON, *parameters)))
    if not readable and not found:
        raise BadRequest(
            "kubernetes.accept",
            "answers here are masked, and only JSON can be: ask for application/json",
            406,
        )
    return ",".join(dict.fromkeys((*found, _JSON)))
