"""Tables, as ``kubectl get`` asks for them."""

from __future__ import annotations

from typing import Any

AS_TABLE = "as=Table;v=v1;g=meta.k8s.io"


def table(objects: list[dict[str, Any]], version: str, include: str = "Metadata") -> dict[str, Any]:
    """*objects* as rows; *include* is Metadata, Object or None."""
    return {
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": version},
        "columnDefinitions": [
            _column("Name", "name"), _column("Status"), _column("Age"), _column("Data", priority=1),
        ],
        "rows": [
            {"cells": [each["metadata"]["name"], _state(each), "1d", _data(each)], "object": _within(each, include)}
            for each in objects
        ],
    }  # fmt: skip


def _column(name: str, form: str = "", priority: int = 0) -> dict[str, Any]:
    return {"name": name, "type": "string", "format": form, "description": name, "priority": priority}


def _state(value: dict[str, Any]) -> str:
    return str(value.get("status", {}).get("phase", "Active"))


def _data(value: dict[str, Any]) -> str:
    return ",".join(sorted(value.get("data") or {}))


def _within(value: dict[str, Any], include: str) -> Any:
    if include == "None":
        return None
    if include == "Object":
        return value
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": value["metadata"]}
