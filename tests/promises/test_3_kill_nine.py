"""Promise 3: kill -9 at any instant never leaves an executed statement without a record."""

from __future__ import annotations

import concurrent.futures
import itertools
import random
import re
import threading

import psycopg
import pytest

from tests.testbed.gateway import Gateway, Upstream, serving, write
from tests.testbed.processes import PATIENCE_SECONDS
from vedette.journal import keys as journal_keys
from vedette.journal.append import Journal
from vedette.journal.read import read
from vedette.journal.verify import verify

pytestmark = pytest.mark.live
CALLERS = 4
_MARK = re.compile(r"kill_mark_\d+_\d+_\d+")


class _Load:
    """Callers that run marked statements until the gateway is gone."""

    def __init__(self, gateway: Gateway, token: str, round_: int) -> None:
        self._dsn = gateway.dsn(token, sslmode="disable")
        self._round = round_
        self._turn = threading.Condition()
        self.done = 0
        self.acknowledged: set[str] = set()

    def caller(self, number: int) -> None:
        try:
            with psycopg.connect(self._dsn, autocommit=True, prepare_threshold=2) as connection:
                for turn in itertools.count():
                    mark = f"kill_mark_{self._round}_{number}_{turn}"
                    if turn % 3:
                        connection.execute(f"INSERT INTO audit.log (what) VALUES ('{mark}')")
                    else:
                        connection.execute(f"SELECT %s::int, '{mark}'", (turn,))
                    with self._turn:
                        self.acknowledged.add(mark)
                        self.done += 1
                        self._turn.notify_all()
        except psycopg.OperationalError:
            pass

    def reach(self, count: int) -> None:
        with self._turn:
            assert self._turn.wait_for(lambda: self.done >= count, PATIENCE_SECONDS)


def _one_round(file, token: str | None, round_: int, chance: random.Random) -> tuple[str, set[str]]:
    with serving(file) as gateway:
        token = token or gateway.token(ttl="1h")
        load = _Load(gateway, token, round_)
        with concurrent.futures.ThreadPoolExecutor(CALLERS) as pool:
            running = [pool.submit(load.caller, number) for number in range(CALLERS)]
            load.reach(chance.randint(1, 120))
            gateway.kill()
            for each in running:
                each.result(PATIENCE_SECONDS)
    return token, load.acknowledged


def _rounds(server, database, folder, rounds: int, seed: int = 20261122) -> None:
    file = write(folder, [Upstream(server, database, "chief")])
    chance = random.Random(seed)
    began = server.log.stat().st_size
    acknowledged: set[str] = set()
    token = None
    for round_ in range(rounds):
        token, done = _one_round(file, token, round_, chance)
        acknowledged |= done
    server.drop(database)  # ends whoever is left there, so the server's log is complete
    with server.log.open("rb") as log:
        log.seek(began)
        executed = set(_MARK.findall(log.read().decode(errors="replace")))
    data = folder / "vedette-data"
    keys = journal_keys.load_or_create(data / "keys")
    Journal.open(data / "journal", keys).close()  # takes an unfinished end back, on record
    recorded = {
        mark
        for entry in read(data / "journal")
        if entry.kind == "action.judged" and entry.body["verdict"] == "allow"
        for mark in _MARK.findall(entry.body["text"])
    }
    assert executed, "something ran"
    assert executed - recorded == set(), "ran without a record"
    assert acknowledged <= recorded
    report = verify(data / "journal", keys.public_bytes, key=keys.mac)
    assert report.ok, report.problems


def test_a_few_instants(pg16, tmp_path):
    _rounds(pg16, pg16.fresh(), tmp_path, 4)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(25))
def test_many_instants(pg16, tmp_path, seed):
    _rounds(pg16, pg16.fresh(), tmp_path, 8, seed)
