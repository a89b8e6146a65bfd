"""The decision: what the policies that apply to a session say of an action.

Every touch needs a rule that permits it, and the strictest opinion on any touch
is the verdict: deny over hold over allow. The order of policies and rules
settles only which of two equally strict opinions is reported.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from vedette.model import (
    SHELL_OBJECT,
    Action,
    Allow,
    Ask,
    Decision,
    Deny,
    Hold,
    Lifetime,
    Limit,
    MaskRule,
    Principal,
    Recorded,
    Resource,
    Shell,
    Verdict,
)
from vedette.policy import wording
from vedette.policy.bench import Bench
from vedette.policy.facts import of_principal, of_resource
from vedette.policy.matching import Memory, View
from vedette.policy.rules import Judging, Rule
from vedette.policy.rules.allow import AllowRule
from vedette.policy.rules.deny import DenyRule
from vedette.policy.rules.hold import HoldRule
from vedette.policy.rules.limit import Limiting
from vedette.policy.rules.mask import Masking
from vedette.policy.rules.record import Recording, fullest
from vedette.policy.rules.session import Lasting, strictest
from vedette.policy.rules.shell import Shelling
from vedette.policy.rules.shell import strictest as strictest_shell
from vedette.policy.scope import Where, Who, lenders_of
from vedette.policy.spoken import PROTOCOLS


@dataclass(frozen=True, slots=True)
class Policy:
    """Some rules, and to whom and where they apply. *observing* ones are recorded, not enforced."""

    name: str
    who: Who = field(default_factory=Who)
    where: Where = field(default_factory=Where)
    observing: bool = False
    rules: tuple[Rule, ...] = ()
    about: str = ""

    def applies(self, principal: Principal, resource: Resource) -> bool:
        return self.who.match(principal) and self.where.match(resource)

    @property
    def judging(self) -> tuple[Judging, ...]:
        return tuple(
            rule.allow if isinstance(rule, Shelling) else rule
            for rule in self.rules
            if isinstance(rule, AllowRule | HoldRule | DenyRule)
            or (isinstance(rule, Shelling) and not rule.lent)
        )

    @property
    def restricting(self) -> Policy:
        """The same without what it permits."""
        kept = (rule for rule in self.rules if not isinstance(rule, AllowRule))
        rules = (replace(rule, lent=True) if isinstance(rule, Shelling) else rule for rule in kept)
        return replace(self, rules=tuple(rules))

    @property
    def lent(self) -> Policy:
        """What it denies and holds by conditions on the principal, asked of whom the caller acts for."""
        judging = (rule for rule in self.rules if isinstance(rule, DenyRule | HoldRule))
        rules = (replace(rule, matcher=matcher) for rule in judging if (matcher := rule.matcher.lent))
        return replace(self, rules=tuple(rules))

    @property
    def shells(self) -> tuple[Shelling, ...]:
        return tuple(rule for rule in self.rules if isinstance(rule, Shelling))

    @property
    def recordings(self) -> tuple[Recording, ...]:
        return tuple(rule for rule in self.rules if isinstance(rule, Recording))

    @property
    def masks(self) -> tuple[MaskRule, ...]:
        return tuple(rule.mask for rule in self.rules if isinstance(rule, Masking))

    @property
    def limits(self) -> tuple[Limit, ...]:
        return tuple(rule.limit for rule in self.rules if isinstance(rule, Limiting))

    @property
    def lifetime(self) -> Lifetime:
        return strictest(rule.lifetime for rule in self.rules if isinstance(rule, Lasting))


@dataclass(frozen=True, slots=True)
class Policies:
    """A compiled set. *hash* names this version of it, in every verdict."""

    policies: tuple[Policy, ...] = ()
    hash: str = ""
    _applied: dict[tuple[str, ...], Applied] = field(default_factory=dict, compare=False, repr=False)

    def for_session(self, principal: Principal, resource: Resource) -> SessionPolicy:
        """
        What applies to this principal on this resource; made once per session.

        Where it acts for a person, what forbids, holds, masks or bounds that person's sessions counts as
        well, by conditions on the person too: lending does not shed it. What permits the person something
        permits the agent nothing.
        """
        applying = tuple(policy for policy in self.policies if policy.applies(principal, resource))
        lenders = lenders_of(principal) if applying else ()
        bound = tuple(
            policy for policy in self.policies if any(policy.applies(lender, resource) for lender in lenders)
        )
        # No policy has an empty name.
        names = (*(policy.name for policy in applying), "", *(policy.name for policy in bound))
        applied = self._applied.get(names)
        if applied is None:
            more = [each.restricting for each in bound if each not in applying]
            more += [each.lent for each in bound]
            restricting = tuple(policy for policy in more if policy.rules)
            applied = self._applied[names] = Applied((*applying, *restricting))
        return SessionPolicy(self.hash, principal, resource, applied, lenders)

    def on(self, resource: Resource) -> tuple[Policy, ...]:
        """The policies that apply to somebody on *resource*."""
        return tuple(policy for policy in self.policies if policy.where.match(resource))


class Applied:
    """The policies that apply together, compiled once for all sessions that they apply to."""

    __slots__ = (
        "enforced",
        "every",
        "lifetime",
        "limits",
        "masks",
        "observing",
        "policies",
        "reads_text",
        "recorded",
        "shell",
    )

    def __init__(self, policies: tuple[Policy, ...]) -> None:
        self.policies = policies
        enforcing = [policy for policy in policies if not policy.observing]
        self.observing = len(enforcing) < len(policies)
        self.masks = tuple(mask for policy in enforcing for mask in policy.masks)
        self.limits = tuple(limit for policy in enforcing for limit in policy.limits)
        self.lifetime = strictest(policy.lifetime for policy in enforcing)
        self.shell = strictest_shell(rule for policy in enforcing for rule in policy.shells)
        self.recorded = fullest(rule for policy in enforcing for rule in policy.recordings)
        self.every = Bench([rule for policy in policies for rule in policy.judging])
        # None where no policy enforces anything; then nothing is enforced, silence included.
        self.enforced: Bench | None = None
        if enforcing:
            self.enforced = self.every
            if self.observing:
                self.enforced = Bench([rule for policy in enforcing for rule in policy.judging])
        self.reads_text = any(rule.matcher.reads_text for rule in self.every.rules)


class SessionPolicy:
    """The policies that apply to one session. Not to be shared between threads."""

    __slots__ = (
        "_applied",
        "_decisions",
        "_lenders",
        "_memory",
        "_terminals",
        "_values",
        "hash",
        "principal",
        "resource",
    )

    def __init__(
        self, version: str, principal: Principal, resource: Resource, applied: Applied,
        lenders: tuple[Principal, ...] = (),
    ) -> None:  # fmt: skip
        self.hash = version
        self.principal = principal
        self.resource = resource
        self._applied = applied
        self._values = {"principal": of_principal(principal), "resource": of_resource(resource)}
        self._lenders = tuple({"principal": of_principal(each)} for each in lenders)
        self._memory: Memory = {}
        self._terminals = resource.protocol in PROTOCOLS and PROTOCOLS[resource.protocol].terminals
        self._decisions: dict[str, Decision] = {}

    @property
    def policies(self) -> tuple[Policy, ...]:
        return self._applied.policies

    @property
    def observing(self) -> bool:
        """Whether any policy that applies only observes: to be said loudly wherever verdicts are shown."""
        return self._applied.observing

    @property
    def reads_text(self) -> bool:
        """Whether some rule looks at more than touches and facts; else equal facts mean equal verdicts."""
        return self._applied.reads_text

    @property
    def masks(self) -> tuple[MaskRule, ...]:
        """All that may have to be hidden in this session."""
        return self._applied.masks

    @property
    def limits(self) -> tuple[Limit, ...]:
        return self._applied.limits

    @property
    def lifetime(self) -> Lifetime:
        """How long the session may last: of each bound the strictest of all policies that are enforced."""
        return self._applied.lifetime

    @property
    def shell(self) -> Shell | None:
        """Whether and how interactive shells are opened; where nothing is enforced, they are recorded."""
        applied = self._applied
        if applied.enforced is None and applied.policies:
            return Shell(wording.OBSERVING)
        return applied.shell

    @property
    def recorded(self) -> Recorded:
        """What is kept of terminals and commands: the most that any policy asks for that is enforced."""
        return self._applied.recorded

    def decide(self, ask: Ask) -> Decision:
        """The verdict on *ask*, which must be of this session.

        Raises:
            ValueError: it is another principal's or for another resource.
        """
        verdict = self._verdict(self._look(ask))
        if type(verdict) is not Allow or verdict.observed is not None:
            return Decision(verdict, self.hash)
        known = self._decisions.get(verdict.rule)
        if known is None:
            known = self._decisions[verdict.rule] = Decision(verdict, self.hash)
        return known

    def explain(self, ask: Ask) -> Decision:
        """As :meth:`decide`, with the opinion of every rule on every touch, and what was only observed."""
        view = self._look(ask)
        return Decision(self._verdict(view), self.hash, tuple(self._opinions(view)))

    def _look(self, ask: Ask) -> View:
        if ask.principal is not self.principal and ask.principal != self.principal:
            raise ValueError("the ask is of another principal than the session")
        if ask.resource is not self.resource and ask.resource != self.resource:
            raise ValueError("the ask is for another resource than the session")
        return View(ask, self._values, self._memory, self._lenders)

    def _verdict(self, view: View) -> Verdict:
        applied = self._applied
        if not applied.policies:
            return wording.no_policy(self.resource)
        if applied.enforced is None:
            would = applied.every.judge(view)
            if isinstance(would, Allow):
                return Allow(would.rule)
            return Allow(wording.OBSERVING, observed=would)
        if applied.shell is None and self._terminals and _opens_shell(view.action):
            return wording.no_shell(self.resource)
        verdict = applied.enforced.judge(view)
        if isinstance(verdict, Deny):
            return verdict
        if isinstance(verdict, Hold):
            return replace(verdict, masks=applied.masks, limits=applied.limits)
        if not applied.observing:
            return self._allow(verdict.rule)
        would = applied.every.judge(view)
        observed = None if isinstance(would, Allow) else would
        return Allow(verdict.rule, applied.masks, applied.limits, observed)

    def _allow(self, rule: str) -> Allow:
        known = self._decisions.get(rule)
        if known is not None and isinstance(known.verdict, Allow):
            return known.verdict
        return Allow(rule, self._applied.masks, self._applied.limits)

    def _opinions(self, view: View) -> Iterable[tuple[str, str, str]]:
        for policy in self.policies:
            mark = " (observing)" if policy.observing else ""
            for rule in policy.judging:
                for touch in view.action.touches:
                    opinion = rule.judge(touch, view)
                    if opinion is not None:
                        yield rule.name, opinion.word + mark, wording.touch_text(touch)
            for mask in policy.masks:
                yield mask.rule, "mask" + mark, ", ".join((*sorted(mask.entities), *mask.columns))
            for limit in policy.limits:
                yield limit.rule, "limit" + mark, wording.limit_text(limit)
            for shell in policy.shells:
                yield shell.name, "shell" + mark, wording.shell_text(shell.shell)
            for recording in policy.recordings:
                yield recording.name, "record" + mark, wording.record_text(recording.output, recording.input)
            for name, text in wording.lifetime_texts(policy.lifetime):
                yield name, "session" + mark, text


def _opens_shell(action: Action) -> bool:
    return any(touch.object == SHELL_OBJECT for touch in action.touches)
