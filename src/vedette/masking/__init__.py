"""Hiding values inline: plans for results, rows, COPY streams and prose."""

from vedette.masking.copy import CopyMask
from vedette.masking.detectors import DETECTORS, GROUPS
from vedette.masking.plan import CannotMask, Output, Plan, plan
from vedette.masking.prose import hide, hide_message
from vedette.masking.rewrite import rewrite
from vedette.masking.tally import Tally

__all__ = [
    "DETECTORS",
    "GROUPS",
    "CannotMask",
    "CopyMask",
    "Output",
    "Plan",
    "Tally",
    "hide",
    "hide_message",
    "plan",
    "rewrite",
]
