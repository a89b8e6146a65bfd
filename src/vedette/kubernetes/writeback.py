"""Objects that were read masked must not be written back masked: the real values would be lost."""

from __future__ import annotations

from vedette.kubernetes.facts import BodyFacts
from vedette.kubernetes.masks import Mask
from vedette.kubernetes.request import KubernetesRequest
from vedette.model import Deny

CODE = "masking.written_back"
RULE = "masking"
_HINT = "leave the hidden fields out (patch only what changes), or give them values of your own"


def written_back(request: KubernetesRequest, facts: BodyFacts | None, mask: Mask | None) -> Deny | None:
    """
    Why the body of *request* must not pass where *mask* hides what is read; None where it may.

    A field that is no text is hidden as null, which nobody can tell from a null that is meant. So where rules
    hide chosen fields, no object of that kind is replaced as a whole.
    """
    if facts is None or mask is None or not request.writes or request.verb in ("delete", "deletecollection"):
        return None
    if facts.reason:
        return Deny(RULE, "the body could not be searched for masked values", _HINT, CODE)
    if facts.masked:
        return Deny(
            RULE,
            "the body holds a value that the gateway had hidden; writing it would lose the real one",
            _HINT,
            CODE,
        )
    if request.verb == "update" and mask.fields is not None and mask.fields.chosen:
        return Deny(
            RULE,
            "fields of this object are hidden here, so that it cannot be replaced as a whole",
            _HINT,
            CODE,
        )
    return None
