"""Promise 8: order changes nothing, one more rule never loosens, silence denies, observing is loud."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import httpx2
import pytest
import yaml

from tests.conformance.talk_postgres import Talk
from tests.live.gateways import Live, living, policy
from vedette.model import Kind

pytestmark = pytest.mark.live

# From freest to strictest, as a caller meets them; of these the gateway makes one of a statement.
STRICTNESS = {"ran": 0, "approval.required": 1, "refused": 2}
STATEMENTS = (
    "SELECT * FROM orders",
    "SELECT count(*) FROM notes",
    "UPDATE orders SET total = total WHERE id = 1",
    "UPDATE orders SET total = total",
    "UPDATE notes SET body = body WHERE id = 1",
    "DELETE FROM notes WHERE id = -1",
    "DELETE FROM notes WHERE id = -1 OR (SELECT false)",
    "CREATE TEMP TABLE scratch (a int)",
    "SET work_mem = '4MB'",
    "SELECT pg_sleep(0)",
    "SELEC 1",
)
TICKET = {"approvers": {"groups": ["dba"]}, "mode": "ticket"}
POLICIES = (
    policy({"allow": {"effects": ["read"]}}, {"deny": {"when": "action.sql.unscoped"}}, name="reads"),
    policy({"allow": {"effects": ["write", "delete", "create"]}}, name="writes"),
    policy({"hold": {"effects": ["write"], "objects": ["*.notes"]}} | TICKET, name="asks"),
    policy({"deny": {"effects": ["delete"], "objects": ["*.orders"]}}, name="keeps"),
)
MORE: Sequence[Mapping[str, Any]] = (
    {"deny": {"effects": ["read"], "objects": ["*.notes"]}},
    {"deny": {"pattern": "(?i)update"}},
    {"deny": {"when": "action.sql.statements == 1"}},
    {"hold": {"effects": ["read"]}} | TICKET,
    {"hold": {"effects": ["*", "unknown"]}} | TICKET,
    {"mask": {"entities": ["email"]}},
    {"limit": {"rows": 1}},
    {"session": {"max": "8h"}},
)


async def use(live: Live, policies: Sequence[Mapping[str, Any]]) -> None:
    file = live.app.settings.file
    document = yaml.safe_load(file.read_text())
    document["policies"] = json.loads(json.dumps(policies))  # written out in full: no aliases
    file.write_text(yaml.safe_dump(document))
    await live.app.reload()
    # A file that does not load would leave the old one in force, and prove nothing.
    assert live.journal("policy.rejected") == []


async def verdicts(live: Live, token: str) -> dict[str, str]:
    """What becomes of each statement, in a session of its own."""
    talk = await Talk.login(live.port, token)
    found = {}
    for text in STATEMENTS:
        said = await talk.query(text)
        code = said.errors[0]["D"].removeprefix("code ").partition(",")[0] if said.errors else ""
        found[text] = "ran" if not code else code if code == "approval.required" else "refused"
    await talk.query("DROP TABLE IF EXISTS scratch")
    talk.hang_up()
    return found


async def test_the_order_of_policies_and_rules_changes_nothing(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path, policies=POLICIES) as live:
        token = live.token()
        expected = await verdicts(live, token)
        assert set(expected.values()) == set(STRICTNESS), "each verdict is among them"
        for order in random.Random(8).sample(list(itertools.permutations(POLICIES)), 6):
            turned = [each | {"rules": each["rules"][::-1]} for each in order]
            await use(live, turned)
            assert await verdicts(live, token) == expected


async def test_one_more_rule_never_loosens(pg16, database, tmp_path):
    async with living(pg16, database, tmp_path, policies=POLICIES) as live:
        token = live.token()
        before = await verdicts(live, token)
        changed = 0
        for rule in MORE:
            await use(live, (*POLICIES, policy(rule, name="more")))
            after = await verdicts(live, token)
            # What nobody had spoken about a hold may open to an approval; it does not run by it.
            looser = {
                text: (before[text], after[text])
                for text in STATEMENTS
                if STRICTNESS[after[text]] < STRICTNESS[before[text]]
                and not (after[text] == "approval.required" and "hold" in rule)
            }
            assert looser == {}, rule
            assert {text for text in STATEMENTS if after[text] == "ran"} <= {
                text for text in STATEMENTS if before[text] == "ran"
            }
            changed += after != before
        assert changed >= 4, "the rules were not idle"


async def test_silence_denies_and_says_so(pg16, database, tmp_path):
    only = policy({"allow": {"effects": ["read"], "objects": ["public.orders"]}})
    async with living(pg16, database, tmp_path, policies=[only]) as live:
        talk = await Talk.login(live.port, live.token())
        for text in (
            "SELECT * FROM notes",
            "UPDATE orders SET total = 1",
            "SET work_mem = '1MB'",
            "CALL x()",
        ):
            (error,) = (await talk.query(text)).errors
            assert error["C"] == "42501"
            assert error["D"] in ("code policy.default, rule default", "code policy.unknown, rule default")
        assert (await talk.query("SELECT * FROM orders")).errors == []
        judged = [(each["verdict"], each.get("rule")) for each in live.journal("action.judged")]
        assert judged == [("deny", "default")] * 4 + [("allow", "test/allow-1")]
        await talk.close()


async def test_where_no_policy_speaks_for_somebody_nobody_comes_in(pg16, database, tmp_path):
    people = policy({"allow": {"effects": ["read"]}}, who={"kinds": ["person"]})
    async with living(pg16, database, tmp_path, policies=[people]) as live:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="no policy applies"):
            await asyncpg.connect(**live.keywords())
        (refused,) = live.journal("session.refused")
        assert (refused["code"], refused["who"]["principal"]) == ("login.policy", "vedette#agent-1")
        other = await asyncpg.connect(**live.keywords(live.token("ann", kind=Kind.PERSON)))
        assert await other.fetchval("SELECT count(*) FROM orders") >= 1
        await other.close()


async def test_enforcing_is_the_default_and_observing_is_loud(pg16, database, tmp_path):
    rules = ({"allow": {"effects": ["read"]}}, {"deny": {"effects": ["write"]}})
    gateway = {"auditors": {"groups": ["audit"]}}
    async with living(pg16, database, tmp_path, policies=[policy(*rules)], gateway=gateway) as live:
        talk = await Talk.login(live.port, live.token())
        assert (await talk.query("UPDATE orders SET total = 1 WHERE id = 1")).errors, "nothing said: enforced"
        await use(live, [policy(*rules, mode="observe")])
        talk.hang_up()

        talk = await Talk.login(live.port, live.token())
        assert b"observing only" in talk.seen, "said as the session begins"
        said = await talk.query("UPDATE orders SET total = 2 WHERE id = 1")
        assert said.errors == []
        assert [each["M"] for each in said.notices] == [
            "vedette: observing only: this would have been refused"
        ]
        assert live.direct("SELECT total FROM orders WHERE id = 1") == "2.00"
        (opened,) = live.journal("session.opened")[1:]
        assert opened["observing"] is True
        last = live.journal("action.judged")[-1]
        assert (last["verdict"], last["observed"]["verdict"]) == ("allow", "deny")
        token = live.token("otto", kind=Kind.PERSON, groups=("audit",))
        web = f"http://127.0.0.1:{live.app.ports['web']}/api/v1"
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as client:
            (shown,) = (await client.get(f"{web}/gateway")).json()["resources"]
            assert shown["observing"] is True
            (policy_shown,) = (await client.get(f"{web}/policy")).json()["policies"]
            assert policy_shown["mode"] == "observe"
        await talk.close()
