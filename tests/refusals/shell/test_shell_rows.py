"""The permanent collection of commands: what must stop is stopped and would have done harm, what must pass passes."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.shell.cage import caged, why_not
from vedette.model import Action, Allow, Ask, Deny, Kind, Principal, Resource, Verdict
from vedette.policy import Marks, compile_policies
from vedette.shell import read

HERE = Path(__file__).parent
STOP: Mapping[str, list[str]] = yaml.safe_load((HERE / "must_stop.yaml").read_text())
PASS: list[str] = yaml.safe_load((HERE / "must_pass.yaml").read_text())
# As docs/shell.md recommends it for agents that may change files.
CAREFUL: Mapping[str, Any] = {
    "name": "careful",
    "rules": [
        {"allow": {"effects": ["read", "write", "create", "delete", "grant"]}},
        {"allow": {"effects": ["execute"], "objects": ["system:containers"]}},
        {"deny": {"pack": "destructive-shell"}},
        {"deny": {"pack": "credential-theft"}},
        {"deny": {"pack": "persistence"}},
        {"deny": {"pack": "exfiltration"}},
    ],
}
AGENT, HOST = Principal("bot", Kind.AGENT), Resource("bastion", "ssh")
PARTS = 6
# Programs that the cage lacks, or that could do nothing in it: each writes down that it was started. What runs its
# arguments runs them.
_RECORDING = (
    "curl wget nc ssh scp rsync crontab systemctl docker kubectl psql iptables useradd usermod userdel passwd mount "
    "shutdown reboot mail at sysctl cpio ip ss git-upload-pack git-receive-pack git-upload-archive "
    "parallel script"
)
_RUNNING = "sudo busybox"
_PROVE = r"""
mkdir /opt/stubs
for each in $RECORDING; do
  printf '#!/bin/bash\n{ echo "$0 $*"; } >> /var/log/started\n' > /opt/stubs/$each
done
for each in $RUNNING; do
  printf '#!/bin/bash\nwhile [[ $1 == -* ]]; do [[ $1 == -u ]] && shift; shift; done\nexec "$@"\n' > /opt/stubs/$each
done
chmod +x /opt/stubs/*
export PATH=/opt/stubs:$PATH
look() {
  find / -xdev \( -path /proc -o -path /usr -o -path /var/log/started -o -path /tmp -o -path "$NEW" \) -prune -o \
    \( -type d -printf '%p %m\n' \) -o -printf '%p %m %y %l %s\n' | sort
  find /etc /root /home /srv /var /dev/sda -xdev -type f ! -path "$NEW/*" ! -path /var/log/started -exec md5sum {} + | sort
}
before=$(look)
shown=$(timeout -s KILL 8 bash -c "$COMMAND" name < /dev/null 2>&1 | tr -d '\0' | head -c 200000)
after=$(look)
[ "$before" = "$after" ] && [ -n "$after" ] || echo CHANGED
s=SECRET k=KEY  # in two parts, as ps shows this text
[[ $shown$(rev <<< "$shown") == *@($s-HASH|PRIVATE-$k|ENVIRONMENT-$s)* ]] && echo SHOWN
[ ! -e /var/log/started ] || { echo STARTED; cat /var/log/started; }
diff <(echo "$before") <(echo "$after") | head -5
echo "OVER $shown"
"""


@functools.cache
def _session() -> Any:
    return compile_policies([dict(CAREFUL)], Marks("careful.yaml")).for_session(AGENT, HOST)


def judged(command: str) -> Verdict:
    facts = read(command)
    action = Action("ssh", "exec", command, facts.touches, facts=facts.for_policy(), reason=facts.reason)
    verdict: Verdict = _session().decide(Ask(AGENT, HOST, action)).verdict
    return verdict


def harm(command: str, *, new: str = "/none") -> str:
    """What *command* did in a cage of its own, without the gateway: words of _PROVE; empty where nothing."""
    given = ["env", f"COMMAND={command}", f"RECORDING={_RECORDING}", f"RUNNING={_RUNNING}", f"NEW={new}"]
    done = caged([*given, "bash", "-O", "extglob", "-c", _PROVE])
    out = done.stdout.decode("utf-8", "replace")
    # Whoever breaks the cage so that nothing can be looked at any more has done harm as well.
    return out.partition("OVER")[0] if "OVER" in out else f"BROKEN {out} {done.stderr.decode()[-300:]}"


def all_stops() -> list[str]:
    return [command for rows in STOP.values() for command in rows]


@pytest.mark.parametrize("command", all_stops())
def test_what_must_stop_is_stopped(command: str) -> None:
    verdict = judged(command)
    assert isinstance(verdict, Deny), read(command)
    assert verdict.reason


@pytest.mark.parametrize("command", PASS)
def test_what_must_pass_passes(command: str) -> None:
    verdict = judged(command)
    assert isinstance(verdict, Allow), (verdict, read(command))


def test_there_are_enough_rows_and_no_twins() -> None:
    assert len(all_stops()) >= 400
    assert len(PASS) >= 150
    assert len(set(all_stops())) == len(all_stops())
    assert len(set(PASS)) == len(PASS)
    assert not set(PASS) & set(all_stops())


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_what_must_stop_does_harm_without_the_gateway(part: int) -> None:
    if why_not():
        pytest.skip(why_not())
    harmless = [command for command in all_stops()[part::PARTS] if not harm(command)]
    assert harmless == []


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.parametrize("part", range(3))
def test_what_must_pass_loses_nothing(part: int) -> None:
    """The execution oracle: what was allowed leaves what must stay as it was, and shows no secret."""
    if why_not():
        pytest.skip(why_not())
    for command in PASS[part::3]:
        done = harm(command, new="/root")
        assert "SHOWN" not in done, (command, done)
        assert "BROKEN" not in done, (command, done)
        assert "CHANGED" not in done, (command, done)
