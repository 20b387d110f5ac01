"""Requests about the server: who answers, in which envelope."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from pubsub.errors import BadMonitorQuery, ClosedState, PubSubError
from pubsub.system.requests import ServerRequests, SkipRequest, ZRequests
from pubsub.system.statsz import Statsz
from pubsub.wire.headers import build_headers
from tests.conftest import LoggedFailures
from tests.system.fakes import FakeClient, FakeServer, Listener

BROKEN = "internal server error"


class FakePage:
    """A page that shows what it was asked."""

    struct = "ConnzEventOptions.ConnzOptions"
    fields: Mapping[str, str] = {"limit": "int"}

    def __init__(self, answer: Callable[[Mapping[str, Any]], Any] = dict) -> None:
        self.answer = answer


class Asked:
    """A server with requests, and who asks."""

    def __init__(self, answer: Callable[[Mapping[str, Any]], Any] = dict) -> None:
        self.server = FakeServer()
        self.reloads: list[None] = []
        self.refuse_reload = ""
        context: Any = SimpleNamespace(
            options=self.server.options, registry=self.server.registry,
            info=SimpleNamespace(info=self.server.info),
        )  # fmt: skip
        self.context = context
        bus = self.server.bus()
        self.everybody = Listener.on(self.server, "$SYS.SERVER.*.STATSZ")
        requests = ServerRequests(
            ZRequests(bus, self.context),
            Statsz(bus, self.server, self.server.figures()),
            {"CONNZ": FakePage(answer)},
            self.reload,
        )
        requests.start()
        self.asker = Listener(self.server.internal_client("SYS"))
        self.own = f"$SYS.REQ.SERVER.{self.server.server_id}"

    def reload(self) -> None:
        if self.refuse_reload:
            raise PubSubError(self.refuse_reload)
        self.reloads.append(None)

    def error(self, subject: str, payload: bytes = b"") -> Any:
        (answer,) = self.asker.ask(subject, payload)
        shows = subject.endswith("CONNZ") and answer["error"]["code"] == 500
        nothing = ["data"] if shows and answer["error"]["description"] != BROKEN else []
        assert list(answer) == ["server", *nothing, "error"]
        return answer["error"]


def test_a_page_is_answered_to_everybody_and_to_this_server() -> None:
    case = Asked()
    for subject in ("$SYS.REQ.SERVER.PING.CONNZ", f"{case.own}.CONNZ"):
        (answer,) = case.asker.ask(subject, b'{"limit": 3}')
        assert list(answer) == ["server", "data"]
        assert answer["server"]["id"] == case.server.server_id
        assert answer["data"] == {"limit": 3}
    assert case.asker.ask("$SYS.REQ.SERVER.NOTHER.CONNZ") == []


def test_requests_for_other_servers_are_left_to_them() -> None:
    case = Asked()
    subject = "$SYS.REQ.SERVER.PING.CONNZ"
    assert case.asker.ask(subject, b'{"server_name": "other"}') == []
    assert (
        len(case.asker.ask(subject, b'{"server_name": "dg", "host": "127", "tags": ["RACK:1"]}'))
        == 1
    )


def test_options_that_cannot_be_read_are_a_bad_request() -> None:
    case = Asked()
    error = case.error("$SYS.REQ.SERVER.PING.CONNZ", b'{"limit": "x"}')
    assert error == {
        "code": 400,
        "description": "json: cannot unmarshal string into Go struct field"
        " ConnzEventOptions.ConnzOptions.limit of type int",
    }


def test_a_page_that_cannot_be_shown_says_why() -> None:
    def refuse(asked: Mapping[str, Any]) -> Any:
        raise BadMonitorQuery("invalid sorting option: x")

    case = Asked(refuse)
    assert case.error("$SYS.REQ.SERVER.PING.CONNZ") == {
        "code": 500, "description": "invalid sorting option: x"
    }  # fmt: skip


def test_a_page_that_breaks_tells_nothing_but_that(logged_failures: LoggedFailures) -> None:
    def broken(asked: Mapping[str, Any]) -> Any:
        raise KeyError("secret")

    case = Asked(broken)
    assert case.error("$SYS.REQ.SERVER.PING.CONNZ")["description"] == BROKEN
    assert len(logged_failures.flush(KeyError)) == 1


def test_a_page_may_have_nothing_to_say() -> None:
    def skip(asked: Mapping[str, Any]) -> Any:
        raise SkipRequest

    assert Asked(skip).asker.ask("$SYS.REQ.SERVER.PING.CONNZ") == []


def test_without_a_reply_nothing_is_done() -> None:
    asked: list[Any] = []
    case = Asked(asked.append)
    for name in ("CONNZ", "IDZ"):
        case.asker.client.publish(f"$SYS.REQ.SERVER.PING.{name}".encode(), b"")
    case.asker.client.publish(f"{case.own}.RELOAD".encode(), b"")
    assert asked == case.reloads == []


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        (b"gzip", b"gzip"),
        (b"Deflate, GZIP", b"gzip"),
        (b"snappy, gzip", b"gzip"),
        (b"snappy", b"identity"),
        (b"br", b"identity"),
    ],
)
def test_answers_are_compressed_for_who_wants_it(accepted: bytes, encoding: bytes) -> None:
    case = Asked()
    headers = build_headers([(b"Accept-Encoding", accepted)])
    (answer,) = case.asker.ask_raw("$SYS.REQ.SERVER.PING.CONNZ", b'{"limit":1}', headers)
    assert answer.headers == build_headers([(b"Content-Encoding", encoding)])
    payload = gzip.decompress(answer.payload) if encoding == b"gzip" else answer.payload
    assert json.loads(payload)["data"] == {"limit": 1}


def test_headers_that_accept_nothing_change_nothing() -> None:
    case = Asked()
    (answer,) = case.asker.ask_raw(
        "$SYS.REQ.SERVER.PING.CONNZ", b"", build_headers([(b"X", b"gzip")])
    )
    assert answer.headers == b""


def test_who_are_you() -> None:
    case = Asked()
    assert case.asker.ask("$SYS.REQ.SERVER.PING.IDZ", b'{"server_name": "other"}') == [
        {"name": "edge", "host": "127.0.0.1", "id": case.server.server_id}
    ]


def test_figures_have_an_envelope_of_their_own() -> None:
    case = Asked()
    for subject in ("$SYS.REQ.SERVER.PING", "$SYS.REQ.SERVER.PING.STATSZ", f"{case.own}.STATSZ"):
        (answer,) = case.asker.ask(subject)
        assert list(answer) == ["server", "statsz"]
        assert case.asker.ask(subject, b'{"server_name": "other"}') == []
    assert case.everybody.take() == []


def test_figures_without_a_reply_go_to_everybody() -> None:
    case = Asked()
    case.asker.client.publish(b"$SYS.REQ.SERVER.PING.STATSZ", b"")
    assert len(case.everybody.take()) == 1
    case.asker.client.publish(b"$SYS.REQ.SERVER.PING.STATSZ", b"[")
    assert case.everybody.take() == []


def test_figures_asked_for_in_a_wrong_way() -> None:
    assert Asked().error("$SYS.REQ.SERVER.PING.STATSZ", b"[]")["code"] == 400


def test_reloading() -> None:
    case = Asked()
    (answer,) = case.asker.ask(f"{case.own}.RELOAD")
    assert list(answer) == ["server"]
    assert case.reloads == [None]
    case.refuse_reload = "port: cannot change"
    assert case.error(f"{case.own}.RELOAD") == {"code": 500, "description": "port: cannot change"}


def test_kicking() -> None:
    case = Asked()
    client: Any = FakeClient(7, "A")
    case.server.registry.open[7] = client
    (answer,) = case.asker.ask(f"{case.own}.KICK", b'{"cid": 7}')
    assert list(answer) == ["server"]
    assert client.closed_state is ClosedState.KICKED
    for payload in (b"", b'{"cid": 99}'):
        error = case.error(f"{case.own}.KICK", payload)
        assert error == {"code": 500, "description": "no such client or leafnode id"}
    assert case.error(f"{case.own}.KICK", b"xx")["code"] == 400


def test_sending_one_client_away() -> None:
    case = Asked()
    client: Any = FakeClient(7, "A")
    case.server.registry.open[7] = client
    case.asker.ask(f"{case.own}.LDM", b'{"cid": 7}')
    assert client.told == [True]
    client.understands = False
    assert (
        "does not support Lame Duck Mode"
        in case.error(f"{case.own}.LDM", b'{"cid": 7}')["description"]
    )
    assert case.error(f"{case.own}.LDM", b'{"cid": 99}')["description"] == "no such client id"
