"""The client's HTTP before servers that do not behave, and a gateway's answers that are none."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from vedette.client import Client, ClientError
from vedette.client.credential import Fixed, FromFile
from vedette.client.gateway import front
from vedette.client.lend import Lender, Lent, Loan, borrowed
from vedette.client.web import Web


class Server(ThreadingHTTPServer):
    """Answers each path as *says* tells: status, headers, body."""

    says: dict[str, Callable[[BaseHTTPRequestHandler], None]]
    seen: list[tuple[str, str]]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.seen.append((self.path, self.headers.get("Authorization", "")))
        self.server.says[self.path](self)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def answer(status: int, body: bytes, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return send


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as found:
        found.says, found.seen, found.daemon_threads = {}, [], True
        thread = threading.Thread(target=found.serve_forever, args=(0.05,))
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def url(server: Server, path: str = "") -> str:
    return f"http://127.0.0.1:{server.server_address[1]}{path}"


def test_a_redirect_is_not_followed(server):
    server.says["/a"] = answer(302, b"", Location=url(server, "/b"))
    assert Web().get(url(server, "/a"), "secret").status == 302
    assert server.seen == [("/a", "Bearer secret")]


def test_an_endless_answer_ends(server):
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * 65536)
        except OSError:
            pass

    server.says["/a"] = endless
    with pytest.raises(ClientError) as caught:
        Web().get(url(server, "/a"))
    assert caught.value.code == "client.answer"


def test_an_answer_that_drips_ends(server):
    over = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while not over.wait(0.02):
                handler.wfile.write(b" ")
        except OSError:
            pass

    server.says["/a"] = drip
    with pytest.raises(ClientError) as caught:
        Web(deadline=0.3).get(url(server, "/a"))
    over.set()
    assert caught.value.code == "client.unreachable"


@pytest.mark.parametrize("body", [b"", b"{", b"<html>", b"[" * 100_000, b"\xff"])
def test_what_is_no_json_is_told_so(server, body):
    server.says["/a"] = answer(200, body)
    with pytest.raises(ClientError) as caught:
        Web().get(url(server, "/a")).object()
    assert caught.value.code == "client.answer"


@pytest.mark.parametrize("token", ["a b", "a\r\nX: y", "é", "a\x00"])
def test_a_token_cannot_carry_a_header(server, token):
    with pytest.raises(ClientError) as caught:
        Web().get(url(server, "/a"), token)
    assert caught.value.code == "client.token"
    assert not server.seen


@pytest.mark.parametrize(
    "said",
    [[], {}, {"gateway": "g"}, {"gateway": "g", "issuers": [{}]}, {"gateway": "g", "issuers": 5},
     {"gateway": "g", "issuers": [], "postgres": {"host": "h", "port": "x"}}, {"gateway": "g", "issuers": [5]}],
)  # fmt: skip
def test_another_server_is_no_gateway(server, said):
    server.says["/api/v1/login"] = answer(200, json.dumps(said).encode())
    with pytest.raises(ClientError) as caught:
        front(Web(), url(server))
    assert caught.value.code == "client.answer"


def test_a_gateways_refusal_keeps_its_code_and_loses_its_tricks(server):
    problem = {"code": "access.denied", "detail": "no\x1b[2J", "fix": "ask\u202e"}
    server.says["/api/v1/self"] = answer(403, json.dumps(problem).encode())
    with pytest.raises(ClientError) as caught:
        Client(url(server), Fixed("t")).gateway.whoami()
    assert caught.value.code == "access.denied"
    assert caught.value.message.isprintable()
    assert caught.value.fix == "ask?"


def test_a_ticket_is_waited_for(server):
    states = ["pending", "pending", "approved"]

    def hold(handler: BaseHTTPRequestHandler) -> None:
        said = {
            "id": "abcde-fghij",
            "status": states.pop(0),
            "expires": 9e9,
            "decisions": [{"reason": "fine"}],
        }
        answer(200, json.dumps(said).encode())(handler)

    server.says["/api/v1/approvals/abcde-fghij"] = hold
    there = Client(url(server), Fixed("t"))
    waits: list[float] = []
    found = there.wait("abcde-fghij", sleep=waits.append)
    assert (found.approved, found.reasons, waits) == (True, ("fine",), [0.5, 0.75])
    states[:] = ["pending"] * 9
    found = there.wait("abcde-fghij", 2.0, sleep=waits.append, clock=iter([0.0, 0.0, 1.9]).__next__)
    assert found.pending


def test_a_token_file_is_read_each_time(tmp_path):
    file = tmp_path / "token"
    found = FromFile(str(file))
    for text in ("one", "two\n"):
        file.write_text(text)
        assert found.token() == text.strip()
    for bad in ("", "x" * 2_000_000):
        file.write_text(bad)
        with pytest.raises(ClientError):
            found.token()
    file.unlink()
    with pytest.raises(ClientError):
        found.token()


def test_a_loan_is_renewed_in_time_and_the_last_given_back():
    made: list[Loan] = []
    back: list[Loan] = []
    now = [0.0]

    def lend() -> Loan:
        made.append(Loan(f"t{len(made)}", now[0] + 600, f"id{len(made)}"))
        return made[-1]

    lent = Lent(Lender(lend, back.append), lambda: now[0])
    assert [lent.token(), lent.token()] == ["t0", "t0"]
    now[0] = 539.0
    assert lent.token() == "t0"
    now[0] = 541.0
    assert lent.token() == "t1"
    lent.give_back()
    assert back == made[1:]
    assert "t1" not in repr(made)


def test_what_cannot_be_given_back_is_told():
    def refuse(_: Loan) -> None:
        raise ClientError("client.revoke", "no")

    told: list[ClientError] = []
    with borrowed(Lender(lambda: Loan("t", 9e9), refuse), told.append) as lent:
        lent.token()
    assert [error.code for error in told] == ["client.revoke"]
    with borrowed(Lender(lambda: Loan("t", 9e9), refuse), told.append):
        pass  # nothing was lent
    assert len(told) == 1


def test_a_far_gateway_sends_nobody_to_this_machine(monkeypatch):
    said = {"gateway": "g", "issuers": [{"issuer": "http://127.0.0.1:1", "client_id": "c", "builtin": False}]}
    monkeypatch.setattr(Web, "get", lambda *_: type("A", (), {"status": 200, "json": lambda _: said})())
    with pytest.raises(ClientError) as caught:
        front(Web(), "https://gw.example")
    assert caught.value.code == "client.issuer"
    assert front(Web(), "http://localhost:1").providers
