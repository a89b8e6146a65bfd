"""Strict decoding of the ``policies:`` section into compiled policies."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

from vedette.model import Kind, Resource
from vedette.policy import matchers, packs, sense
from vedette.policy.decide import Policies, Policy
from vedette.policy.matching import Matcher
from vedette.policy.problems import Marks
from vedette.policy.rules import JUDGING, KINDS, OBLIGING, Rule
from vedette.policy.scope import Where, Who
from vedette.policy.spoken import PROTOCOLS
from vedette.policy.strict import Book, Node, near

POLICY_KEYS = ("name", "about", "who", "where", "mode", "rules")
WHO_KEYS = ("kinds", "groups", "subjects", "issuers")
WHERE_KEYS = ("resources", "labels", "protocols")
MODES = ("enforce", "observe")
MATCHER_KEYS = (*matchers.KEYS, "pack")
SIBLINGS = {"name": KINDS} | {
    key: tuple(kind for kind, each in JUDGING.items() if key in each.keys)
    for judges in JUDGING.values()
    for key in judges.keys
}
# Enters the hash, so that a change of meaning in a release is a change of version.
FORMAT = 1


def compile_policies(
    section: Sequence[object], marks: Marks, *, resources: Sequence[Resource] | None = None
) -> Policies:
    """The policies in *section*, the plain value of ``policies:``, where *marks* count from.

    With *resources* given, a ``where`` that none of them matches is a problem.

    Raises:
        ConfigError: with every problem of the section.
    """
    book = Book(marks)
    root = Node(section, (), book)
    nodes = root.entries()
    policies = tuple(_policy(node) for node in nodes)
    sense.check(policies, nodes, resources)
    book.close()
    return Policies(policies, _hash(section))


def _hash(section: Sequence[object]) -> str:
    packed = {name: [pack.source, sorted(pack.entities)] for name, pack in packs.every().items()}
    whole = json.dumps([FORMAT, section, packed], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(whole.encode()).hexdigest()[:32]


def _policy(node: Node) -> Policy:
    fields = node.fields(POLICY_KEYS, required=("name", "rules"))
    name = _name(fields["name"]) if "name" in fields else ""
    rules = fields["rules"].entries() if "rules" in fields else []
    if "rules" in fields and fields["rules"].value == []:
        fields["rules"].problem("a policy without rules says nothing", "add a rule, or remove the policy")
    return Policy(
        name,
        who=_who(fields["who"]) if "who" in fields else Who(),
        where=_where(fields["where"]) if "where" in fields else Where(),
        observing="mode" in fields and fields["mode"].choice(MODES) == "observe",
        rules=tuple(rule for place, each in enumerate(rules, 1) if (rule := _rule(each, name, place))),
        about=fields["about"].text() if "about" in fields else "",
    )


def _name(node: Node) -> str:
    name = node.text()
    if any(letter in "/,\"'" or not letter.isprintable() or letter.isspace() for letter in name):
        node.problem(f"{name!r} is no name: spaces, slashes, commas and quotes cannot be in it")
    if len(name) > 100:
        node.problem("the name is longer than 100 characters")
    return name


def _who(node: Node) -> Who:
    fields = node.fields(WHO_KEYS)
    texts = {key: fields[key].texts() for key in ("groups", "subjects", "issuers") if key in fields}
    kinds = fields["kinds"].choices(tuple(map(str, Kind)), what="kind") if "kinds" in fields else ()
    return Who(
        frozenset(kinds),
        frozenset(texts.get("groups", ())),
        texts.get("subjects", ()),
        frozenset(texts.get("issuers", ())),
    )


def _where(node: Node) -> Where:
    fields = node.fields(WHERE_KEYS)
    protocols = fields["protocols"].choices(PROTOCOLS, what="protocol") if "protocols" in fields else ()
    labels = fields["labels"].named() if "labels" in fields else {}
    if "labels" in fields and fields["labels"].value == {}:
        fields["labels"].problem("labels: an empty mapping matches nothing", "leave labels out")
    return Where(
        fields["resources"].texts() if "resources" in fields else (),
        tuple((key, _label(value)) for key, value in sorted(labels.items())),
        frozenset(protocols),
    )


def _label(node: Node) -> tuple[str, ...]:
    return node.texts() if isinstance(node.value, list) else (node.text(),)


def _rule(node: Node, policy: str, place: int) -> Rule | None:
    given = node.named()
    kinds = [kind for kind in KINDS if kind in given]
    if len(kinds) != 1:
        if isinstance(node.value, dict):
            found = f"this has {' and '.join(kinds)}" if kinds else "this has none"
            unknown = next((near(key, KINDS) for key in given if key not in SIBLINGS), "")
            node.problem(f"a rule has exactly one of {', '.join(KINDS)}; {found}", unknown)
        return None
    (kind,) = kinds
    siblings = _siblings(node, given, kind)
    own = _name(siblings["name"]) if "name" in siblings else f"{kind}-{place}"
    name = f"{policy}/{own}"
    if kind in OBLIGING:
        return OBLIGING[kind].decode(name, given[kind])
    if kind == "hold" and "approvers" not in given:
        node.problem("a hold needs approvers", "add approvers: {groups: [...]} beside hold")
    matcher = _matcher(given[kind], kind)
    return JUDGING[kind].decode(name, matcher, siblings)


def _siblings(node: Node, given: dict[str, Node], kind: str) -> dict[str, Node]:
    allowed = ("name", *(JUDGING[kind].keys if kind in JUDGING else ()))
    inside = OBLIGING[kind].keys if kind in OBLIGING else MATCHER_KEYS
    for key in given:
        if key == kind or key in allowed:
            continue
        if key in inside:
            fix = f"put it inside: {kind}: {{{key}: ...}}"
            given[key].problem(f'"{key}" stands beside {kind}', fix, key=True)
        elif key in SIBLINGS:
            fix = f"it belongs to {' and '.join(SIBLINGS[key])}"
            given[key].problem(f'"{key}" means nothing to {kind}', fix, key=True)
        else:
            given[key].problem(f'unknown key "{key}" beside {kind}', near(key, allowed), key=True)
    return {key: given[key] for key in allowed if key in given}


def _matcher(node: Node, kind: str) -> Matcher:
    given = node.named()
    for key in JUDGING[kind].keys:
        if key in given and key not in MATCHER_KEYS:
            given[key].problem(f'"{key}" stands inside {kind}', f"put it beside {kind}:", key=True)
    misplaced = set(JUDGING[kind].keys) - set(MATCHER_KEYS)
    rest = {key: each.value for key, each in given.items() if key not in misplaced}
    fields = Node(rest, node.path, node.book).fields(MATCHER_KEYS) if isinstance(node.value, dict) else {}
    if node.value == {}:
        node.problem(f"{kind}: nothing says what this is about", 'for everything write effects: ["*"]')
    matcher = matchers.decode(fields)
    return _packed(matcher, fields["pack"]) if "pack" in fields else matcher


def _packed(matcher: Matcher, node: Node) -> Matcher:
    name, known = node.text(), packs.names(entities=False)
    if name in known:
        return replace(matcher, pack=name, packed=packs.load(name).matchers)
    if name in packs.names(entities=True):
        node.problem(f'pack "{name}" is for masks', f"write mask: {{pack: {name}}}")
    elif name:
        node.problem(f'unknown pack "{name}"', near(name, known))
    return matcher
