"""Every detector by its entity name, and the names of groups that policies may use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from vedette.masking.detectors import contact, national, network, payment, phone, secrets
from vedette.masking.detectors.detector import Detector

DETECTORS: Mapping[str, Detector] = MappingProxyType(
    {
        detector.name: detector
        for family in (contact, phone, payment, national, network, secrets)
        for detector in family.DETECTORS
    }
)

GROUPS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "personal": frozenset({"email", "phone", "credit_card", "iban", "us_ssn", "ip_address"}),
        "payment": frozenset({"credit_card", "iban"}),
        "secrets": frozenset(name for name, detector in DETECTORS.items() if detector.group == "secrets"),
    }
)


def expand(entities: Iterable[str]) -> frozenset[str]:
    """Entity names, with each group replaced by what it holds.

    Raises:
        KeyError: a name is neither a detector nor a group.
    """
    names: set[str] = set()
    for entity in entities:
        if entity in GROUPS:
            names |= GROUPS[entity]
        else:
            names.add(DETECTORS[entity].name)
    return frozenset(names)


__all__ = ["DETECTORS", "GROUPS", "Detector", "expand"]
