"""The pages, asked for by message."""

from __future__ import annotations

from typing import Any

import pytest

from pubsub.errors import BadMonitorQuery, ClosedState
from pubsub.monitor import requests
from pubsub.monitor.gatewayz import GatewayzOptions
from pubsub.monitor.requests import page_requests
from tests.monitor.fakes import FakeServer


def ask(server: FakeServer, page: str, **options: Any) -> Any:
    return page_requests(server)[page].answer(options)


def test_every_page_names_its_options() -> None:
    pages = page_requests(FakeServer())
    assert set(pages) == {
        "VARZ",
        "SUBSZ",
        "CONNZ",
        "HEALTHZ",
        "ACCOUNTZ",
        "LEAFZ",
        "JSZ",
        "ROUTEZ",
        "GATEWAYZ",
    }
    kinds = {kind for page in pages.values() for kind in page.fields.values()}
    assert kinds == {"int", "uint64", "bool", "string"}
    assert pages["CONNZ"].struct == "ConnzEventOptions.ConnzOptions"


def test_varz(server: FakeServer) -> None:
    assert ask(server, "VARZ")["server_id"] == "NAB"
    assert server.http_requests == {}


def test_connections_by_page(busy: FakeServer) -> None:
    page = ask(busy, "CONNZ", limit=1, offset=1, sort="cid")
    assert [row["cid"] for row in page["connections"]] == [6]
    assert (page["total"], page["limit"], page["offset"]) == (2, 1, 1)
    page = ask(busy, "CONNZ")
    assert (page["limit"], page["offset"]) == (1024, 0)


def test_one_connection_and_its_subscriptions(busy: FakeServer) -> None:
    (row,) = ask(busy, "CONNZ", cid=5, subscriptions=True, auth=True)["connections"]
    assert row["subscriptions_list"] == ["foo.*", "bar"]
    assert row["authorized_user"] == "ann"
    (row,) = ask(busy, "CONNZ", cid=5, subscriptions=True, subscriptions_detail=True)["connections"]
    assert [each["subject"] for each in row["subscriptions_list_detail"]] == ["foo.*", "bar"]


@pytest.mark.parametrize(("state", "cids"), [(0, [6]), (1, [5]), (2, [5, 6]), (7, [6])])
def test_closed_connections(busy: FakeServer, state: int, cids: list[int]) -> None:
    busy.disconnect(5, ClosedState.CLIENT_CLOSED, busy.time)
    page = ask(busy, "CONNZ", state=state, acc="$G")
    assert [row["cid"] for row in page["connections"]] == cids


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"sort": "nope"}, "invalid sorting option: nope"),
        ({"sort": "stop"}, "sort by stop only valid on closed connections"),
        ({"filter_subject": "a"}, "filter by subject only valid with account filtering"),
    ],
)
def test_connections_that_cannot_be_shown(
    busy: FakeServer, options: dict[str, Any], text: str
) -> None:
    with pytest.raises(BadMonitorQuery, match=text):
        ask(busy, "CONNZ", **options)


def test_subscriptions(busy: FakeServer) -> None:
    assert "subscriptions_list" not in ask(busy, "SUBSZ")
    page = ask(busy, "SUBSZ", subscriptions=True, limit=1, offset=-3, account="$G", test="foo.x")
    assert [row["subject"] for row in page["subscriptions_list"]] == ["foo.*"]
    with pytest.raises(BadMonitorQuery, match="invalid test subject"):
        ask(busy, "SUBSZ", test="*")


def test_health(server: FakeServer) -> None:
    assert list(ask(server, "HEALTHZ").items()) == [("status", "ok"), ("status_code", 200)]
    page = ask(server, "HEALTHZ", stream="x", details=True)
    assert (page["status"], page["status_code"]) == ("error", 400)
    assert page["errors"][0]["type"] == "BAD_REQUEST"


def test_accounts(server: FakeServer) -> None:
    assert ask(server, "ACCOUNTZ")["accounts"] == ["$G", "$SYS"]
    assert ask(server, "ACCOUNTZ", account="$G")["account_detail"]["account_name"] == "$G"


def test_gateways_are_asked_for_in_nats_servers_words(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(server, "GATEWAYZ")["outbound_gateways"] == {}
    monkeypatch.setattr(requests, "gatewayz", lambda state, options: options)
    options = dict.fromkeys(("accounts", "subscriptions", "subscriptions_detail"), True)
    asked = ask(server, "GATEWAYZ", **options, name="B", account_name="X")
    assert asked == GatewayzOptions("B", True, "X", True, True)


def test_there_are_no_leafs_and_no_streams(server: FakeServer) -> None:
    assert ask(server, "LEAFZ")["leafs"] == []
    assert ask(server, "JSZ")["disabled"] is True
    with pytest.raises(BadMonitorQuery, match="jetstream not enabled"):
        ask(server, "JSZ", of_account=True, account="A")
