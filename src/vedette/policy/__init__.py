"""Policy: who may do what, where, and under which obligations. Pure: no sockets, no clock, no SQL."""

from __future__ import annotations

from vedette.policy.decide import Policies, Policy, SessionPolicy
from vedette.policy.document import compile_policies
from vedette.policy.problems import ConfigError, Marks, Problem

__all__ = ["ConfigError", "Marks", "Policies", "Policy", "Problem", "SessionPolicy", "compile_policies"]
