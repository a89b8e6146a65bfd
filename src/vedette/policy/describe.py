"""Rules and matchers in words, for ``vedette check`` and for whoever approves."""

from __future__ import annotations

from vedette.policy.matching import Matcher
from vedette.policy.rules import Rule
from vedette.policy.rules.allow import AllowRule
from vedette.policy.rules.deny import DenyRule
from vedette.policy.rules.hold import HoldRule
from vedette.policy.rules.mask import Masking
from vedette.policy.rules.record import Recording
from vedette.policy.rules.session import Lasting
from vedette.policy.rules.shell import Shelling
from vedette.policy.units import spoken
from vedette.policy.wording import lifetime_texts, limit_text, record_text, shell_text


def rule(found: Rule) -> str:
    """One line on what *found* says, without its name."""
    if isinstance(found, AllowRule):
        return f"allow {matcher(found.matcher)}"
    if isinstance(found, DenyRule):
        return f"deny {matcher(found.matcher)}"
    if isinstance(found, HoldRule):
        hold = found.hold
        people = f"{hold.count} of {' or '.join(sorted(hold.approvers))} within {spoken(hold.patience)}"
        uses = f", usable {hold.uses} times" if hold.uses > 1 else ""
        locks = ", also inside a transaction that may hold locks" if hold.locks else ""
        return f"hold {matcher(found.matcher)}: {people} ({hold.mode}{uses}{locks})"
    if isinstance(found, Masking):
        mask = found.mask
        keep = f" keeping {mask.keep}" if mask.strategy == "partial" else ""
        return f"mask {', '.join((*sorted(mask.entities), *mask.columns))} as {mask.strategy}{keep}"
    if isinstance(found, Lasting):
        return f"session {', '.join(text for _, text in lifetime_texts(found.lifetime))}"
    if isinstance(found, Shelling):
        return f"interactive shells, {shell_text(found.shell)}"
    if isinstance(found, Recording):
        return f"record {record_text(found.output, found.input)}"
    return f"limit to {limit_text(found.limit)}"


def matcher(found: Matcher) -> str:
    """``write, delete on public.payments when ...``."""
    parts = [", ".join(sorted(map(str, found.effects))) if found.effects is not None else "anything"]
    if found.pack:
        parts = [f"pack {found.pack}"] + ([f"where {parts[0]}"] if found.effects is not None else [])
    if found.objects is not None:
        parts.append(f"on {', '.join(found.objects.texts)}")
    if found.pattern is not None:
        parts.append(f"with text like {found.pattern.source}")
    if found.condition is not None:
        parts.append(f"when {found.condition.source}")
    return " ".join(parts)
