"""Rules that load but can never matter: they are mistakes, and stop the load."""

from __future__ import annotations

from collections.abc import Sequence

from vedette.model import Resource
from vedette.policy.decide import Policy
from vedette.policy.globs import Glob, Globs, fits
from vedette.policy.matching import Matcher
from vedette.policy.rules import Rule
from vedette.policy.rules.allow import AllowRule
from vedette.policy.rules.deny import DenyRule
from vedette.policy.rules.hold import HoldRule
from vedette.policy.rules.limit import Limiting
from vedette.policy.rules.mask import Masking
from vedette.policy.rules.record import Recording
from vedette.policy.rules.session import Lasting
from vedette.policy.rules.shell import Shelling
from vedette.policy.spoken import PROTOCOLS
from vedette.policy.strict import Node, near

_BY_CONTENT = "say what to look for instead, for example entities: [email]"


def check(policies: Sequence[Policy], nodes: Sequence[Node], resources: Sequence[Resource] | None) -> None:
    """Notes what is wrong at *nodes*, which are those of *policies*."""
    seen: set[str] = set()
    for policy, node in zip(policies, nodes, strict=True):
        if policy.name and policy.name in seen:
            node.problem(f'two policies are called "{policy.name}"', "give each a name of its own")
        seen.add(policy.name)
        if node.book.problems:
            continue  # first what was written wrongly: half a policy makes no sense anyhow
        rules = Node(policy.rules, (*node.path, "rules"), node.book).entries()
        _names(policy, rules)
        _twins(policy, rules)
        _shadowed(policy, rules)
        _conditions(policy, rules)
        _masks(policy, rules)
        _terminals(policy, rules)
        if resources is not None:
            _reaches(policy, node, resources)


def _names(policy: Policy, nodes: Sequence[Node]) -> None:
    names = [rule.name for rule in policy.rules]
    for place, (name, node) in enumerate(zip(names, nodes, strict=True)):
        if name in names[:place]:
            own = name.partition("/")[2]
            node.problem(f'two rules of "{policy.name}" are called "{own}"', "give each a name of its own")


def _meaning(rule: Rule) -> tuple[object, ...]:
    """What a rule says, apart from its name and its words."""
    if isinstance(rule, Masking):
        mask = rule.mask
        return (Masking, mask.strategy, mask.entities, mask.columns, mask.keep, mask.binary, mask.files)
    if isinstance(rule, Limiting):
        return (Limiting, rule.limit.rows, rule.limit.bytes, rule.limit.per)
    if isinstance(rule, Lasting):
        bounds = (rule.lifetime.max, rule.lifetime.idle, rule.lifetime.recheck)
        return (Lasting, *(None if bound is None else bound.seconds for bound in bounds))
    if isinstance(rule, Shelling):
        return (Shelling, rule.shell.guarded)
    if isinstance(rule, Recording):
        return (Recording, rule.output, rule.input)
    if isinstance(rule, HoldRule):
        hold = rule.hold
        return (
            HoldRule,
            rule.matcher,
            hold.approvers,
            hold.count,
            hold.patience,
            hold.mode,
            hold.uses,
            hold.locks,
        )
    return (type(rule), rule.matcher)


def _twins(policy: Policy, nodes: Sequence[Node]) -> None:
    meanings = [_meaning(rule) for rule in policy.rules]
    for place, (meaning, node) in enumerate(zip(meanings, nodes, strict=True)):
        if meaning in meanings[:place]:
            first = policy.rules[meanings.index(meaning)].name
            node.problem(f"this rule says the same as {first}", "remove one of them")


def _shadowed(policy: Policy, nodes: Sequence[Node]) -> None:
    plain = [
        rule
        for rule in policy.rules
        if isinstance(rule, DenyRule) and rule.matcher == Matcher(rule.matcher.effects, rule.matcher.objects)
    ]
    for rule, node in zip(policy.rules, nodes, strict=True):
        if not isinstance(rule, AllowRule | HoldRule):
            continue
        for deny in plain:
            if _covers(deny.matcher, rule.matcher):
                kind = "allow" if isinstance(rule, AllowRule) else "hold"
                fix = "narrow the denial, or remove this rule"
                node.problem(f"this {kind} can never matter: {deny.name} denies all of it", fix)
                break


def _covers(wide: Matcher, narrow: Matcher) -> bool:
    """Whether *wide* is about all that *narrow* is about; False where that is not plain to see."""
    if narrow.packed:
        return all(_covers(wide, each) for each in narrow.packed)
    effects = wide.effects is None or (narrow.effects is not None and narrow.effects <= wide.effects)
    if wide.objects is None:
        return effects
    return effects and narrow.objects is not None and _spells(wide.objects, narrow.objects)


def _spells(wide: Globs, narrow: Globs) -> bool:
    # A glob that spells another with its stars taken as letters spells all that the other spells.
    return all(any(Glob(one).match(other) for one in wide.texts) for other in narrow.texts)


def _conditions(policy: Policy, nodes: Sequence[Node]) -> None:
    for rule, node in zip(policy.rules, nodes, strict=True):
        if isinstance(rule, Masking | Limiting | Lasting | Shelling | Recording):
            continue
        condition = rule.matcher.condition
        if condition is not None and not condition.paths:
            node.problem("the condition asks nothing of principal, resource or action", "remove it")


def _masks(policy: Policy, nodes: Sequence[Node]) -> None:
    blind = sorted(name for name in policy.where.protocols if not PROTOCOLS[name].masks)
    for rule, node in zip(policy.rules, nodes, strict=True):
        if isinstance(rule, Masking) and blind:
            fix = "name other protocols in where"
            node.problem(f"results of {', '.join(blind)} cannot be masked", fix)
    named = policy.where.protocols
    if not named or any(PROTOCOLS[name].columns for name in named):
        return
    for rule, node in zip(policy.rules, nodes, strict=True):
        if isinstance(rule, Masking) and rule.mask.columns:
            node.problem(f"text has no columns: results of {', '.join(sorted(named))} hide none", _BY_CONTENT)


def _terminals(policy: Policy, nodes: Sequence[Node]) -> None:
    named = policy.where.protocols
    if not named or any(PROTOCOLS[name].terminals for name in named):
        return
    for rule, node in zip(policy.rules, nodes, strict=True):
        if isinstance(rule, Shelling | Recording):
            word = "shell" if isinstance(rule, Shelling) else "record"
            node.problem(
                f"{', '.join(sorted(named))} has no terminals: {word} can never matter", "remove the rule"
            )


def _reaches(policy: Policy, node: Node, resources: Sequence[Resource]) -> None:
    names = [resource.name for resource in resources]
    where = Node(policy.where.resources, (*node.path, "where", "resources"), node.book)
    lost = [each for each in where.entries() if not any(fits(str(each.value), name) for name in names)]
    for each in lost:
        each.problem(f'no resource is called "{each.value}"', near(str(each.value), names))
    reached = [resource for resource in resources if policy.where.match(resource)]
    if not reached and not lost:
        fix = "compare its where with the labels and protocols of the resources"
        node.problem(f'policy "{policy.name}" applies to no resource', fix)
    bare = reached and not any(PROTOCOLS[resource.protocol].terminals for resource in reached)
    if bare and (policy.shells or policy.recordings):
        word = "shell" if policy.shells else "record"
        problem = f"nothing that it applies to has terminals: its {word} rule can never matter"
        node.problem(
            f'policy "{policy.name}": {problem}', "remove the rule, or name such a resource in where"
        )
    for resource in reached:
        if policy.masks and not PROTOCOLS[resource.protocol].masks:
            problem = f'"{resource.name}" speaks {resource.protocol}, whose results cannot be masked'
            node.problem(f'policy "{policy.name}": {problem}', "leave it out of where")
    columns = any(mask.columns for mask in policy.masks)
    plain = (
        [] if policy.where.protocols else [each for each in reached if not PROTOCOLS[each.protocol].columns]
    )
    for resource in plain if columns else ():
        problem = f'"{resource.name}" speaks {resource.protocol}, whose text has no columns to mask'
        node.problem(
            f'policy "{policy.name}": {problem}',
            "give its mask of columns a policy with protocols: [postgres]",
        )
