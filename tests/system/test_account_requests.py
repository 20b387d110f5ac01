"""Requests about accounts and users."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from pubsub.interfaces import Identity, Permissions
from pubsub.system.account_requests import AccountRequests
from pubsub.system.events import SystemEvents
from pubsub.system.requests import ZRequests
from pubsub.values.accounts import AccountOptions
from pubsub.wire.headers import build_headers
from tests.system.fakes import NOW, FakeClient, FakeServer, Listener
from tests.system.test_requests import FakePage


class Asked:
    """A server with accounts A, $G and SYS, and who asks in SYS."""

    def __init__(self) -> None:
        self.server = FakeServer()
        self.server.accounts.clients = {"A": 2}
        context: Any = SimpleNamespace(
            options=self.server.options, registry=self.server.registry,
            info=SimpleNamespace(info=self.server.info),
        )  # fmt: skip
        bus, figures = self.server.bus(), self.server.figures()
        names = ("SUBSZ", "CONNZ", "LEAFZ", "JSZ")
        pages = {name: FakePage() for name in names}
        pages["ACCOUNTZ"] = FakePage(lambda asked: {"account_detail": dict(asked)})
        AccountRequests(ZRequests(bus, context), SystemEvents(bus, figures), figures, pages).start()
        self.asker = Listener(self.server.internal_client("SYS"))

    def data(self, subject: str, payload: bytes = b"", headers: bytes = b"") -> Any:
        (answer,) = self.asker.ask(subject, payload, headers)
        assert list(answer) == ["server", "data"]
        return answer["data"]

    def user_info(self, info: Mapping[str, Any]) -> Any:
        headers = build_headers([(b"Nats-Request-Info", json.dumps(info).encode())])
        return self.data("$SYS.REQ.USER.A.INFO", b"", headers)

    def join(self, client: FakeClient) -> None:
        self.server.registry.open[client.cid] = client  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("SUBSZ", {"limit": 2, "subscriptions": True, "account": "A"}),
        ("CONNZ", {"limit": 2, "acc": "A"}),
        ("LEAFZ", {"limit": 2, "account": "A"}),
        ("JSZ", {"limit": 2, "of_account": True, "account": "A"}),
    ],
)
def test_pages_are_about_the_account_of_the_subject(name: str, asked: dict[str, Any]) -> None:
    """Whatever the request itself says."""
    payload = b'{"limit": 2, "acc": "other"}'
    assert Asked().data(f"$SYS.REQ.ACCOUNT.A.{name}", payload) == asked


def test_what_an_account_is() -> None:
    assert Asked().data("$SYS.REQ.ACCOUNT.A.INFO") == {"account": "A"}


def test_figures_of_an_account() -> None:
    case = Asked()
    data = case.data("$SYS.REQ.ACCOUNT.A.STATZ")
    assert list(data) == ["server_id", "now", "account_statz"]
    assert [row["acc"] for row in data["account_statz"]] == ["A"]


def test_an_account_without_clients_is_left_to_other_servers() -> None:
    case = Asked()
    assert case.asker.ask("$SYS.REQ.ACCOUNT.SYS.STATZ") == []
    assert case.asker.ask("$SYS.REQ.ACCOUNT.nobody.STATZ") == []
    assert case.asker.ask("$SYS.REQ.ACCOUNT.SYS.CONNS") == []
    unused = case.data("$SYS.REQ.ACCOUNT.SYS.STATZ", b'{"include_unused": true}')
    assert [row["acc"] for row in unused["account_statz"]] == ["SYS"]


def test_figures_of_all_accounts() -> None:
    case = Asked()
    data = case.data("$SYS.REQ.ACCOUNT.PING.STATZ", b'{"include_unused": true}')
    assert [row["acc"] for row in data["account_statz"]] == ["$G", "A", "SYS"]
    data = case.data("$SYS.REQ.ACCOUNT.PING.STATZ", b'{"accounts": ["A", "SYS"]}')
    assert [row["acc"] for row in data["account_statz"]] == ["A"]
    case.server.accounts.clients.clear()
    assert case.asker.ask("$SYS.REQ.ACCOUNT.PING.STATZ") == []


def test_the_number_of_connections_comes_without_an_envelope() -> None:
    case = Asked()
    (event,) = case.asker.ask("$SYS.REQ.ACCOUNT.A.CONNS", b'{"acc": "A"}')
    assert event["type"] == "io.nats.server.advisory.v1.account_connections"
    assert event["conns"] == 2
    assert len(case.asker.ask("$SYS.REQ.ACCOUNT.A.CONNS")) == 1
    for payload in (b'{"acc": "B"}', b"[", b"[]"):
        assert case.asker.ask("$SYS.REQ.ACCOUNT.A.CONNS", payload) == []
    case.asker.client.publish(b"$SYS.REQ.ACCOUNT.A.CONNS", b"")


def subscribed() -> Asked:
    """Two clients of A, 1 and 2, and the server itself are subscribed to foo.bar."""
    case = Asked()
    for cid, queue in ((1, b"g"), (2, b""), (3, b"")):
        client = FakeClient(cid, "A")
        if cid != 3:
            case.join(client)
        link = case.server.internal_client("A").link
        link.subscribe(b"foo.bar", queue, b"1")
        link.cid = cid
    return case


def test_subscribers_are_counted_for_other_servers() -> None:
    """Those of the server itself are not."""
    case = subscribed()
    subject = "$SYS.REQ.ACCOUNT.NSUBS"
    assert case.asker.ask(subject, b'{"acc": "A", "subject": "foo.bar"}') == [2]
    assert case.asker.ask(subject, b'{"acc": "A", "subject": "foo.*"}') == [2]
    assert case.asker.ask(subject, b'{"acc": "A", "subject": "foo"}') == [0]
    assert case.asker.ask(subject, b'{"acc": "A", "subject": "foo.bar", "queue": "Zw=="}') == [1]


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"[]", b'{"acc": 1}', b'{"acc": "B", "subject": "foo"}',
        b'{"acc": "A", "subject": "x", "queue": "?"}', b'{"acc": "A", "subject": "x", "queue": []}',
    ],
)  # fmt: skip
def test_questions_for_subscribers_that_make_no_sense_get_no_answer(payload: bytes) -> None:
    assert subscribed().asker.ask("$SYS.REQ.ACCOUNT.NSUBS", payload) == []


def test_subscribers_are_counted_for_who_is_curious() -> None:
    """In the account of who asks; of the system account without saying which."""
    case = subscribed()
    info = build_headers([(b"Nats-Request-Info", b'{"acc": "A"}')])
    subject = "$SYS.DEBUG.SUBSCRIBERS"
    assert case.asker.ask(subject, b"foo.bar", info) == [2]
    assert case.asker.ask(subject, b" foo.> g ", info) == [1]
    assert case.asker.ask(subject, b"", info) == [0]
    assert case.asker.ask(subject, b"foo.bar") == [0]
    broken = build_headers([(b"Nats-Request-Info", b"[")])
    assert case.asker.ask(subject, b"foo.bar", broken) == []


def test_who_am_i() -> None:
    case = Asked()
    identity = Identity(
        user="ann", account="A", expires=NOW + 10.5, permissions=Permissions(publish_allow=("x",))
    )
    case.join(FakeClient(7, "A", identity))
    assert list(
        case.user_info({"acc": "A", "user": "ann", "id": 7, "name_tag": "Ann"}).items()
    ) == [
        ("user", "ann"),
        ("account", "A"),
        ("account_name", "A"),
        ("user_name", "Ann"),
        ("permissions", {"publish": {"allow": ["x"]}, "subscribe": {}}),
        ("expires", 10_000_000_000),
    ]


def test_a_user_without_permissions_and_without_end() -> None:
    case = Asked()
    case.join(FakeClient(7, "A"))
    assert case.user_info({"acc": "A", "user": "ann", "id": 7}) == {
        "user": "ann", "account": "A", "account_name": "A"
    }  # fmt: skip


def test_a_user_with_the_permissions_of_its_account() -> None:
    case = Asked()
    client = FakeClient(7, "A")
    default = Permissions(subscribe_deny=("x",))
    client.context.accounts.update(AccountOptions("A", default_permissions=default))
    case.join(client)
    info = case.user_info({"acc": "A", "id": 7})
    assert info["permissions"] == {"publish": {}, "subscribe": {"deny": ["x"]}}


@pytest.mark.parametrize(
    "info",
    [
        {"acc": "SYS", "id": 7, "user": "eve"},
        {"acc": "A", "id": 99, "user": "eve"},
        {"acc": "A", "id": [7], "user": {"name": "eve"}},
        {"acc": ["A"], "id": 7},
        {},
    ],
)
def test_nobody_learns_the_permissions_of_others(info: dict[str, Any]) -> None:
    """Users of the system account can write the header themselves."""
    case = Asked()
    case.join(FakeClient(7, "A", Identity(account="A", permissions=Permissions())))
    assert "permissions" not in case.user_info(info)


def test_who_am_i_without_knowing_who_asks() -> None:
    case = Asked()
    broken = build_headers([(b"Nats-Request-Info", b"{")])
    (answer,) = case.asker.ask("$SYS.REQ.USER.A.INFO", b"", broken)
    assert answer["error"] == {"code": 400}
    assert case.data("$SYS.REQ.USER.A.INFO") == {"user": "", "account": ""}
    case.asker.client.publish(b"$SYS.REQ.USER.A.INFO", b"")
