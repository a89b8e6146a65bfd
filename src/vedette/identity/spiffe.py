"""SPIFFE IDs, read strictly. Source: the SPIFFE-ID standard, sections 2.1 to 2.3."""

from __future__ import annotations

import re

SCHEME = "spiffe://"

_TRUST_DOMAIN = re.compile(r"[a-z0-9._-]{1,255}", re.ASCII)
_SEGMENT = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)


def is_trust_domain(text: str) -> bool:
    return _TRUST_DOMAIN.fullmatch(text) is not None


def is_workload_of(text: str, trust_domain: str) -> bool:
    """Whether *text* is the ID of a workload in *trust_domain*.

    An ID without a path is the trust domain's own, which signs and never calls.
    """
    prefix = f"{SCHEME}{trust_domain}/"
    if not text.startswith(prefix):
        return False
    segments = text[len(prefix) :].split("/")
    return all(_SEGMENT.fullmatch(each) and each not in (".", "..") for each in segments)
