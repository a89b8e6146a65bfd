"""The entry for bodies: what a write says it will do."""

from __future__ import annotations

from typing import Any

from vedette.kubernetes import documents, patches
from vedette.kubernetes.documents import Unreadable
from vedette.kubernetes.facts import NOTHING, BodyFacts, unknown
from vedette.kubernetes.patches import Fragment
from vedette.kubernetes.request import KubernetesRequest
from vedette.kubernetes.walk import Notes

JSON = "application/json"
YAML = frozenset({"application/yaml", "application/x-yaml", "text/yaml"})
_OPTIONS = frozenset({"delete", "deletecollection"})


def body_facts(request: KubernetesRequest, content_type: str, body: bytes) -> BodyFacts:
    """
    What *body* says that *request* will do. Never raises: what cannot be read is `unknown`.

    *content_type* is the header's value, empty where there is none (the server then takes JSON).
    """
    if not request.writes:
        return unknown("a body where none belongs") if body else NOTHING
    if not body:
        return NOTHING if request.verb in _OPTIONS else unknown("a write without a body")
    media = media_type(content_type)
    try:
        return _facts(request, media, body)
    except Unreadable as error:
        return unknown(str(error))
    except RecursionError:
        return unknown("a body nested too deeply")


def media_type(header: str) -> str:
    """``application/json`` of ``application/json; charset=utf-8``; JSON where nothing is said."""
    return header.partition(";")[0].strip().lower() or JSON


def _facts(request: KubernetesRequest, media: str, body: bytes) -> BodyFacts:
    notes = Notes(request)
    if request.method == "PATCH":
        for fragment in _patch(media, body, notes):
            notes.fragment(fragment)
        return notes.facts()
    if media != JSON and media not in YAML:
        raise Unreadable("a body that is neither JSON nor YAML")
    found = documents.read(body, yaml_too=media in YAML)
    if not isinstance(found, dict):
        raise Unreadable("a body that is no object")
    if request.verb in _OPTIONS:
        notes.options(found)
    else:
        notes.whole(found)
    return notes.facts()


def _patch(media: str, body: bytes, notes: Notes) -> list[Fragment]:
    if media not in patches.KINDS:
        raise Unreadable("a patch of a kind that is not known")
    found: Any = documents.read(body, yaml_too=media == patches.APPLY)
    if media == patches.JSON_PATCH:
        return patches.fragments(found)
    if not isinstance(found, dict):
        raise Unreadable("a patch that is no object")
    notes.merged(found, lists=media == patches.MERGE)
    return [Fragment(found)]
