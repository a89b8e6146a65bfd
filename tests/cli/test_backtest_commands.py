"""``vedette policy backtest`` and ``suggest`` over a folder's journal, as somebody would type them."""

from __future__ import annotations

import yaml

from tests.cli.conftest import HOSTILE, Shell
from vedette.cli import backtest

THEN = "      - allow: {effects: [read], objects: [public.orders]}\n"


def prepared(shell: Shell) -> None:
    shell.session("s-1", "orders")
    shell.session("s-2", "customers")
    before, _, _ = shell.config.read_text().partition("    rules:\n")
    (shell.folder / "then.yaml").write_text(f"{before}    rules:\n{THEN}")


def test_what_would_come_out_otherwise(shell: Shell) -> None:
    prepared(shell)
    found = shell.json("policy", "backtest", "then.yaml", "--since", "1d")
    assert (found["judged"], found["left"]) == (2, {})
    (flip,) = found["flips"]
    assert (flip["principal"], flip["before"], flip["after"], flip["examples"]) == (
        *("vedette#bot", "allow", "deny"), ["customers"],
    )  # fmt: skip
    said = shell.run("policy", "backtest", "then.yaml").stdout
    assert "2 recorded actions judged again" in said
    assert "customers" in said
    same = shell.run("policy", "backtest", "vedette.yaml").output
    assert "none of them would come out otherwise" in same
    assert shell.json("policy", "backtest", "then.yaml", "--principal", "vedette#other")["judged"] == 0
    shell.run("policy", "backtest", "then.yaml", "--since", "often", code=1)
    shell.run("policy", "backtest", "none.yaml", code=1)


def test_records_of_that_time_only(shell: Shell, monkeypatch) -> None:
    """Found by halving, however many there are before."""
    monkeypatch.setattr(backtest, "PAGE", 2)
    for number in range(6):
        shell.session(f"s-{number}", "orders")
    assert shell.json("policy", "backtest", "vedette.yaml", "--since", "1h")["judged"] == 6
    assert shell.json("policy", "backtest", "vedette.yaml", "--since", "1ms")["judged"] == 0


def test_the_least_rules(shell: Shell) -> None:
    prepared(shell)
    said = shell.run("policy", "suggest", "--principal", "vedette#bot").stdout
    document = "\n".join(line[2:] for line in said.splitlines() if line.startswith("+ "))
    (policy,) = yaml.safe_load(document)
    assert policy["who"] == {"subjects": ["bot"]}
    assert policy["where"] == {"resources": ["appdb"]}
    assert policy["rules"] == [
        {"allow": {"effects": ["read"], "objects": ["public.customers", "public.orders"]}}
    ]
    assert "# customers" in said
    assert shell.json("policy", "suggest", "--principal", "vedette#nobody")["lines"] == []


def test_nothing_recorded_acts_on_the_terminal(shell: Shell) -> None:
    shell.session("s-1", HOSTILE)
    for words in (("policy", "suggest", "-p", "vedette#bot"), ("policy", "backtest", "vedette.yaml")):
        said = shell.run(*words).stdout
        assert "\x1b[2J" not in said
        assert "\u202e" not in said
