"""Settings: one file, decoded strictly, into one frozen tree."""

from __future__ import annotations

from vedette.config.first import starter
from vedette.config.load import changes, load, load_cases, reload, restart_needed, unready
from vedette.config.overview import Summary, render, summary
from vedette.config.settings import (
    Gateway,
    HostPort,
    IdentitySettings,
    JournalSettings,
    Limits,
    Listen,
    LoginSettings,
    Record,
    ResourceSettings,
    Settings,
    Tls,
    Upstream,
)
from vedette.policy.problems import ConfigError, Marks, Problem

__all__ = [
    "ConfigError", "Gateway", "HostPort", "IdentitySettings", "JournalSettings", "Limits", "Listen",
    "LoginSettings", "Marks", "Problem", "Record", "ResourceSettings", "Settings", "Summary", "Tls",
    "Upstream", "changes", "load", "load_cases", "reload", "render", "restart_needed", "starter", "summary",
    "unready",
]  # fmt: skip
