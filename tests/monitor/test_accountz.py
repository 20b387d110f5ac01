"""/accountz: which accounts there are, and what one of them shares."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from pubsub.errors import BadMonitorQuery
from pubsub.interfaces import ResponseType
from pubsub.monitor.accountz import accountz
from pubsub.values.accounts import (
    AccountOptions,
    LatencyOptions,
    MappingEntry,
    ServiceExport,
    ServiceImport,
    StreamExport,
    StreamImport,
    WeightedDestination,
)
from tests.monitor.fakes import START, FakeServer, sub


def detail(server: FakeServer, options: AccountOptions) -> dict[str, Any]:
    server.accounts.update(options)
    page = accountz(server, options.name)
    assert list(page) == ["server_id", "now", "system_account", "account_detail"]
    return dict(page["account_detail"])


def test_the_names_of_all(server: FakeServer) -> None:
    assert list(accountz(server).items()) == [
        ("server_id", "NAB"),
        ("now", "2026-08-21T15:52:16.25Z"),
        ("system_account", "$SYS"),
        ("accounts", ["$G", "$SYS"]),
    ]


def test_without_a_system_account(server: FakeServer) -> None:
    server.system_account = ""
    assert "system_account" not in accountz(server)
    assert "imports" not in accountz(server, "$G")["account_detail"]


def test_an_unknown_account(server: FakeServer) -> None:
    with pytest.raises(BadMonitorQuery, match="Account zz does not exist"):
        accountz(server, "zz")


def test_an_account_that_shares_nothing(server: FakeServer) -> None:
    server.router.names.append("A")
    server.router.rows = [sub(5, b"1", b"foo", account="A")]
    server.accounts.clients["A"] = 3
    shown = detail(server, AccountOptions("A"))
    stats = shown.pop("sublist_stats")
    assert [each["local_subject"] for each in shown.pop("imports")] == [
        "$SYS.REQ.ACCOUNT.PING.CONNZ", "$SYS.REQ.SERVER.PING.CONNZ",
        "$SYS.REQ.ACCOUNT.PING.STATZ", "$SYS.REQ.USER.INFO",
    ]  # fmt: skip
    assert list(shown.items()) == [
        ("account_name", "A"), ("update_time", "2026-08-21T14:50:11.5Z"), ("expired", False),
        ("complete", True), ("jetstream_enabled", False), ("leafnode_connections", 0),
        ("client_connections", 3), ("subscriptions", 1), ("name_tag", "A"),
    ]  # fmt: skip
    assert list(stats) == [
        "num_subscriptions", "num_cache", "num_inserts", "num_removes", "num_matches",
        "cache_hit_rate", "max_fanout", "avg_fanout",
    ]  # fmt: skip


def test_the_system_account_says_what_it_is(server: FakeServer) -> None:
    shown = detail(server, AccountOptions("$SYS", name_tag="SYSTEM"))
    assert shown["is_system"] is True
    assert [each["subject"] for each in shown["exports"]] == [
        "$SYS.REQ.ACCOUNT.*.CONNZ", "$SYS.REQ.ACCOUNT.*.STATZ", "$SYS.DEBUG.SUBSCRIBERS",
        "$SYS.REQ.USER.*.INFO",
    ]  # fmt: skip
    assert [each["subject"] for each in shown["imports"]] == ["$SYS.REQ.USER.$SYS.INFO"]


def test_an_account_whose_time_is_over(server: FakeServer) -> None:
    assert detail(server, AccountOptions("A", expires=START))["expired"] is True
    assert detail(server, AccountOptions("A", expires=START + 1e6))["expired"] is False


def test_mappings_show_what_stays(server: FakeServer) -> None:
    destinations = (WeightedDestination("m.b", 40), WeightedDestination("m.c", 10, "east"))
    full = MappingEntry("f", (WeightedDestination("g"),))
    itself = MappingEntry("i", (WeightedDestination("i", 50), WeightedDestination("j", 20)))
    shown = detail(
        server, AccountOptions("A", mappings=(MappingEntry("m.a", destinations), full, itself))
    )
    assert shown["mappings"] == {
        "m.a": [
            {"subject": "m.b", "weight": 40},
            {"subject": "m.c", "weight": 10, "cluster": "east"},
            {"subject": "m.a", "weight": 60},
        ],
        "f": [{"subject": "g", "weight": 100}],
        "i": [{"subject": "i", "weight": 50}, {"subject": "j", "weight": 20}],
    }


def test_exports(server: FakeServer) -> None:
    measured = ServiceExport(
        "m", response_type=ResponseType.STREAM, response_threshold=1.5,
        latency=LatencyOptions("lat", 30), token_required=True, account_token_position=2,
    )  # fmt: skip
    by_header = ServiceExport(
        "h", latency=LatencyOptions("lat", 0), response_type=ResponseType.CHUNKED
    )
    private = StreamExport("st.*", accounts=("B",), revocations={"AKEY": 0})
    shown = detail(server, AccountOptions("A", exports=(measured, by_header, private)))
    assert shown["exports"] == [
        {
            "subject": "m", "type": "service", "token_req": True, "response_type": "Streamed",
            "response_threshold": 1_500_000_000,
            "service_latency": {"sampling": 30, "results": "lat"}, "account_token_position": 2,
        },
        {
            "subject": "h", "type": "service", "response_type": "Chunked",
            "service_latency": {"sampling": "headers", "results": "lat"},
        },
        {
            "subject": "st.*", "type": "stream", "approved_accounts": ["B"],
            "revoked_activations": {"AKEY": "1970-01-01T00:00:00Z"},
        },
    ]  # fmt: skip


def test_imports_hide_their_tokens(server: FakeServer) -> None:
    stream = StreamImport("A", "st.*", "pp.st.*", token="secret")
    service = ServiceImport("A", "svc.x", "mysvc", share=True, token="secret")
    plain = ServiceImport("A", "svc.y")
    shown = detail(server, AccountOptions("B", imports=(stream, service, plain)))
    assert "secret" not in str(shown)
    assert [list(each.items()) for each in shown["imports"][:3]] == [
        [
            ("subject", "st.*"), ("account", "A"), ("local_subject", "pp.st.*"),
            ("type", "stream"), ("invalid", False), ("share", False), ("tracking", False),
        ],
        [
            ("subject", "svc.x"), ("account", "A"), ("to", "mysvc"), ("local_subject", "mysvc"),
            ("type", "service"), ("invalid", False), ("share", True), ("tracking", False),
        ],
        [
            ("subject", "svc.y"), ("account", "A"), ("to", "svc.y"), ("local_subject", "svc.y"),
            ("type", "service"), ("invalid", False), ("share", False), ("tracking", False),
        ],
    ]  # fmt: skip


def test_accounts_that_came_as_a_jwt(server: FakeServer) -> None:
    claims = SimpleNamespace(issuer="OKEY", tags=("gold",), revocations={"UKEY": 1.0})
    shown = detail(server, replace(AccountOptions("AKEY"), claims=claims))
    assert shown["issuer_key"] == "OKEY"
    assert shown["tags"] == ["gold"]
    assert shown["revoked_user"] == {"UKEY": "1970-01-01T00:00:01Z"}
