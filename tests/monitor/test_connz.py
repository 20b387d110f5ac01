"""/connz."""

from __future__ import annotations

from typing import Any

import pytest

from pubsub.client.preamble_types import PeerCertificate, TlsDetails
from pubsub.errors import BadMonitorQuery, ClosedState
from pubsub.interfaces import LinkCounters
from pubsub.monitor.connz import SORT_KEYS, ConnzOptions, connz
from pubsub.monitor.query import Query
from tests.monitor.fakes import START, FakeServer, fields, sub

#: What nats-server 2.15.2 shows of the page and of a connection, in its order.
KEYS = fields("server_id now num_connections total offset limit connections")
CONNECTION = fields("""
cid kind type ip port start last_activity rtt uptime idle pending_bytes in_msgs out_msgs in_bytes
out_bytes subscriptions name lang version
""")


def page(server: FakeServer, query: bytes = b"") -> dict[str, Any]:
    return connz(server, ConnzOptions.from_query(Query(query)))


def cids(server: FakeServer, query: bytes = b"") -> list[int]:
    return [row["cid"] for row in page(server, query)["connections"]]


def test_the_fields_are_nats_servers_in_its_order(busy: FakeServer) -> None:
    shown = page(busy)
    assert list(shown) == KEYS
    assert (shown["server_id"], shown["now"]) == ("NAB", "2026-08-21T15:52:16.25Z")
    assert [shown[name] for name in KEYS[2:6]] == [2, 2, 0, 1024]
    assert list(shown["connections"][0]) == CONNECTION
    assert [*shown["connections"][0].values()] == [
        5, "Client", "nats", "127.0.0.1", 50005, "2026-08-21T14:50:16Z", "2026-08-21T14:50:17Z",
        "387µs", "1h2m0s", "1h1m59s", 0, 5, 10, 50, 100, 2, "alpha", "go", "1.2",
    ]  # fmt: skip


def test_what_is_empty_is_left_out(server: FakeServer) -> None:
    server.connect(5)
    assert list(page(server)["connections"][0]) == CONNECTION[:-3]


def test_nobody_is_an_empty_list(server: FakeServer) -> None:
    assert page(server)["connections"] == []


def test_an_account_nobody_has_heard_of_is_answered_with_null(busy: FakeServer) -> None:
    shown = page(busy, b"acc=nope")
    assert (shown["server_id"], shown["total"], shown["connections"]) == ("", 0, None)


def test_the_subjects_of_subscriptions_can_be_listed(busy: FakeServer) -> None:
    first, second = page(busy, b"subs=1")["connections"]
    assert list(first) == [*CONNECTION, "subscriptions_list"]
    assert first["subscriptions_list"] == ["foo.*", "bar"]
    assert "subscriptions_list" not in second


def test_subscriptions_can_be_listed_in_detail(busy: FakeServer) -> None:
    first = page(busy, b"subs=DETAIL")["connections"][0]
    assert list(first) == [*CONNECTION, "subscriptions_list_detail"]
    assert [list(row.items()) for row in first["subscriptions_list_detail"]] == [
        [("subject", "foo.*"), ("qgroup", "q"), ("sid", "1"), ("msgs", 0), ("cid", 5)],
        [("subject", "bar"), ("sid", "2"), ("msgs", 1), ("max", 3), ("cid", 5)],
    ]


def test_who_they_are_is_shown_when_asked_for(busy: FakeServer) -> None:
    busy.connect(7, account="APP", user="bob")
    busy.router.names.append("APP")
    first, second, third = page(busy, b"auth=true&subs=1")["connections"]
    assert list(first) == [*CONNECTION, "authorized_user", "subscriptions_list", "name_tag"]
    assert (first["authorized_user"], first["name_tag"]) == ("ann", "$G")
    assert "authorized_user" not in second
    assert (third["authorized_user"], third["account"], third["name_tag"]) == ("bob", "APP", "APP")


def test_who_has_signed_for_them_is_shown_when_asked_for(server: FakeServer) -> None:
    server.connect(5, account="A", jwt="ey.J.x", issuer_key="AKEY", tags=("one", "two"))
    assert {"jwt", "issuer_key", "tags"}.isdisjoint(page(server)["connections"][0])
    row = page(server, b"auth=1")["connections"][0]
    assert list(row.items())[-5:] == [
        ("account", "A"), ("jwt", "ey.J.x"), ("issuer_key", "AKEY"), ("name_tag", "A"),
        ("tags", ["one", "two"]),
    ]  # fmt: skip


def test_stalls_come_before_subscriptions(server: FakeServer) -> None:
    server.connect(5, counters=LinkCounters(0, 0, 0, 0, 7, 1, 3))
    row = page(server)["connections"][0]
    assert (row["pending_bytes"], row["stalls"], row["subscriptions"]) == (7, 3, 1)
    assert list(row)[-2:] == ["stalls", "subscriptions"]


def test_tls_is_described_and_certificates_only_to_those_who_ask_who_it_is(
    server: FakeServer,
) -> None:
    certificate = PeerCertificate(b"der", "CN=client,O=Edge", "aa", "bb")
    tls = TlsDetails("1.3", "TLS_AES_128_GCM_SHA256", (certificate,))
    server.connect(5, tls=tls, tls_first=True, name="n")
    row = page(server)["connections"][0]
    assert list(row)[-4:] == ["name", "tls_version", "tls_cipher_suite", "tls_first"]
    row = page(server, b"auth=1")["connections"][0]
    assert row["tls_peer_certs"] == [
        {"subject": "CN=client,O=Edge", "spki_sha256": "aa", "cert_sha256": "bb"}
    ]
    server.disconnect(5, ClosedState.CLIENT_CLOSED, START + 9)
    assert "tls_peer_certs" not in page(server, b"auth=1&state=closed")["connections"][0]


def test_closed_connections_show_when_and_why(busy: FakeServer) -> None:
    busy.disconnect(5, ClosedState.STALE_CONNECTION, START + 70.5)
    assert cids(busy) == [6]
    shown = page(busy, b"state=closed&auth=1&subs=detail")
    assert (shown["total"], shown["num_connections"]) == (1, 1)
    row = shown["connections"][0]
    assert list(row)[6:9] == ["last_activity", "stop", "reason"]
    assert (row["stop"], row["reason"]) == ("2026-08-21T14:51:21.5Z", "Stale Connection")
    assert (row["uptime"], row["idle"]) == ("1m5s", "1m4s")
    assert "name_tag" not in row
    assert list(row["subscriptions_list_detail"][1].items()) == [
        ("account", "$G"), ("account_tag", "$G"), ("subject", "bar"), ("sid", "2"), ("msgs", 1),
        ("max", 3), ("cid", 5),
    ]  # fmt: skip


@pytest.mark.parametrize("state", [b"all", b"any", b"ALL"])
def test_open_and_closed_can_be_shown_together(busy: FakeServer, state: bytes) -> None:
    busy.disconnect(5, ClosedState.CLIENT_CLOSED, START + 70)
    shown = page(busy, b"state=" + state)
    assert shown["total"] == 2
    assert [row["cid"] for row in shown["connections"]] == [5, 6]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"cid=6", [6]),
        (b"cid=5", []),
        (b"cid=5&state=closed", [5]),
        (b"cid=6&state=closed", []),
        (b"cid=5&state=all", [5]),
        (b"cid=6&state=all", [6]),
        (b"cid=99&state=all", []),
    ],
)
def test_one_connection_can_be_looked_up(
    busy: FakeServer, query: bytes, expected: list[int]
) -> None:
    busy.disconnect(5, ClosedState.CLIENT_CLOSED, START + 70)
    assert cids(busy, query) == expected
    assert page(busy, query)["limit"] == 1


@pytest.mark.parametrize(
    ("query", "total", "expected"),
    [
        (b"user=ann", 4, [5]),
        (b"user=nobody", 4, []),
        (b"acc=APP", 2, [7, 8]),
        (b"acc=APP&user=bob", 2, [8]),
        (b"acc=%24G", 2, [5, 6]),
        (b"acc=APP&filter_subject=a.*", 2, [7]),
        (b"acc=APP&filter_subject=%3E", 2, [7, 8]),
        (b"filter_subject=%3E", 4, [5, 6, 7, 8]),
        (b"acc=%24SYS", 0, []),
        (b"mqtt_client=x", 4, [5, 6, 7, 8]),
    ],
)
def test_connections_can_be_filtered(
    busy: FakeServer, query: bytes, total: int, expected: list[int]
) -> None:
    busy.router.names.append("APP")
    busy.connect(7, sub(7, b"1", b"a.b", account="APP"), account="APP")
    busy.connect(8, sub(8, b"1", b"b.b", account="APP"), account="APP", user="bob")
    assert cids(busy, query) == expected
    assert page(busy, query)["total"] == total


def test_a_connection_that_is_only_beginning_has_no_subscriptions(server: FakeServer) -> None:
    server.connect(5).link = None
    assert "subscriptions_list" not in page(server, b"subs=1")["connections"][0]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"offset=1", [6, 7, 8]),
        (b"limit=2", [5, 6]),
        (b"offset=1&limit=2&sort=start", [6, 7]),
        (b"offset=1&limit=2&sort=msgs_to", [7, 6]),
        (b"offset=9", []),
        (b"offset=-1&limit=-1", [5, 6, 7, 8]),
    ],
)
def test_long_lists_come_in_pages(server: FakeServer, query: bytes, expected: list[int]) -> None:
    for cid in (8, 7, 6, 5):
        server.connect(cid)
    shown = page(server, query)
    assert [row["cid"] for row in shown["connections"]] == expected
    assert (shown["total"], shown["num_connections"]) == (4, len(expected))


def test_of_a_page_in_the_usual_order_only_what_is_on_it_is_described(server: FakeServer) -> None:
    connections = [server.connect(cid) for cid in range(1, 6)]
    assert cids(server, b"offset=1&limit=2&auth=1&subs=1") == [2, 3]
    assert [connection.described for connection in connections] == [0, 1, 1, 0, 0]


def differing(server: FakeServer) -> None:
    """Three clients whose every figure puts them in another order than their ids."""
    for cid, high, low in ((1, 20, 2), (2, 30, 1), (3, 10, 3)):
        server.connect(
            cid, rtt=high / 1000, start=START + low, last_activity=START + high,
            counters=LinkCounters(high, high, high, high, high, high, 0),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("", [1, 2, 3]),
        ("cid", [1, 2, 3]),
        ("start", [1, 2, 3]),
        ("subs", [2, 1, 3]),
        ("pending", [2, 1, 3]),
        ("msgs_to", [2, 1, 3]),
        ("msgs_from", [2, 1, 3]),
        ("bytes_to", [2, 1, 3]),
        ("bytes_from", [2, 1, 3]),
        ("last", [2, 1, 3]),
        ("idle", [3, 1, 2]),
        ("uptime", [3, 1, 2]),
        ("rtt", [2, 1, 3]),
    ],
)
def test_open_connections_can_be_sorted(server: FakeServer, key: str, expected: list[int]) -> None:
    differing(server)
    assert cids(server, f"sort={key}".encode()) == expected


@pytest.mark.parametrize(("key", "expected"), [("stop", [3, 1, 2]), ("reason", [1, 3, 2])])
def test_closed_connections_can_be_sorted_by_their_end(
    server: FakeServer, key: str, expected: list[int]
) -> None:
    differing(server)
    server.disconnect(1, ClosedState.CLIENT_CLOSED, START + 50)
    server.disconnect(2, ClosedState.WRITE_ERROR, START + 40)
    server.disconnect(3, ClosedState.READ_ERROR, START + 60)
    assert cids(server, f"state=closed&sort={key}".encode()) == expected


def test_every_key_of_nats_server_is_known() -> None:
    assert [*SORT_KEYS] == [
        "cid", "start", "subs", "pending", "msgs_to", "msgs_from", "bytes_to", "bytes_from",
        "last", "idle", "uptime", "stop", "reason", "rtt",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (b"sort=foo", "invalid sorting option: foo"),
        (b"sort=stop", "sort by stop only valid on closed connections"),
        (b"sort=reason&state=all", "sort by reason only valid on closed connections"),
        (b"state=foo", "Error decoding state for foo"),
        (b"filter_subject=a", "filter by subject only valid with account filtering"),
        (
            b"auth=x&sort=foo",
            "Error decoding boolean for 'auth': strconv.ParseBool: parsing \"x\": invalid syntax",
        ),
        (
            b"subs=2",
            "Error decoding boolean for 'subs': strconv.ParseBool: parsing \"2\": invalid syntax",
        ),
        (
            b"cid=-1",
            "Error decoding uint64 for 'cid': strconv.ParseUint: parsing \"-1\": invalid syntax",
        ),
    ],
)
def test_bad_parameters_are_refused_in_nats_servers_words(query: bytes, text: str) -> None:
    with pytest.raises(BadMonitorQuery) as caught:
        ConnzOptions.from_query(Query(query))
    assert str(caught.value) == text
