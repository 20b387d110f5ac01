"""/varz."""

from __future__ import annotations

from dataclasses import replace

from pubsub.config.options import AuthorizationOptions, Options, TlsOptions
from pubsub.monitor.varz import varz
from tests.monitor.fakes import FakeServer, fields

#: What nats-server 2.15.2 shows when started with ``-m`` and nothing else, in its order.
KEYS = fields("""
server_id server_name version proto go host port max_connections ping_interval ping_max http_host
http_port http_base_path https_port auth_timeout max_control_line max_payload max_pending cluster
gateway leaf mqtt websocket jetstream tls_timeout write_deadline start now uptime mem cores
gomaxprocs cpu connections total_connections routes remotes leafnodes in_msgs in_bytes
in_client_msgs in_client_bytes out_msgs out_bytes out_client_msgs out_client_bytes slow_consumers
stale_connections stalled_clients subscriptions http_req_stats config_load_time config_digest
feature_flags system_account slow_consumer_stats stale_connection_stats disk_io_wait_stats
""")


def test_the_fields_are_nats_servers_in_its_order(server: FakeServer) -> None:
    page = varz(server)
    assert list(page) == KEYS
    assert list(page["feature_flags"]) == [
        "js_ack_fc_v2", "js_api_reply_v2", "js_raft_delete_range", "js_snapshot_sources",
    ]  # fmt: skip
    for kind in ("slow_consumer_stats", "stale_connection_stats"):
        assert list(page[kind]) == ["clients", "routes", "gateways", "leafs"]
    assert list(page["disk_io_wait_stats"]) == ["waiters", "waits", "wait_time", "max_wait_time"]


def test_the_defaults_are_shown_in_gos_units(server: FakeServer) -> None:
    page = varz(server)
    shown = {name: page[name] for name in KEYS if name in page}
    assert shown["max_connections"] == 65536
    assert shown["ping_interval"] == 120_000_000_000
    assert shown["http_host"] == "0.0.0.0"
    assert repr(shown["auth_timeout"]) == repr(shown["tls_timeout"]) == "2"
    assert shown["write_deadline"] == 10_000_000_000
    assert shown["start"] == "2026-08-21T14:50:11Z"
    assert shown["now"] == "2026-08-21T15:52:16.25Z"
    assert shown["uptime"] == "1h2m5s"
    assert (shown["mem"], shown["cores"], shown["cpu"]) == (40960, 2, 12.5)
    assert shown["config_load_time"] == "2026-08-21T14:50:11.5Z"


def test_counts_come_from_router_and_registry(busy: FakeServer) -> None:
    totals = busy.registry.totals
    totals.connections, totals.slow_consumers = 9, 2
    totals.stale_connections, totals.stalls = 1, 4
    busy.cluster.members.slow_consumers = 3
    busy.http_requests.update({"/varz": 2, "/connz": 1})
    page = varz(busy)
    assert (page["connections"], page["total_connections"]) == (2, 9)
    assert (page["in_msgs"], page["in_bytes"]) == (3, 30)
    assert (page["out_client_msgs"], page["out_client_bytes"]) == (5, 50)
    assert page["subscriptions"] == 2
    assert page["slow_consumers"] == 5
    assert page["slow_consumer_stats"] == {"clients": 2, "routes": 3, "gateways": 0, "leafs": 0}
    assert (page["stale_connections"], page["stale_connection_stats"]["clients"]) == (1, 1)
    assert page["stalled_clients"] == 4
    assert list(page["http_req_stats"].items()) == [("/connz", 1), ("/varz", 2)]


def test_what_is_configured_appears_in_its_place(server: FakeServer) -> None:
    server.options = Options(
        max_subscriptions=10, http_host="127.0.0.1", http_port=8222, http_base_path="/nats",
        authorization=AuthorizationOptions(timeout=3.5), tls=TlsOptions(timeout=1.0),
        write_timeout="retry", server_tags=("a", "b"), server_metadata={"z": "1", "a": "2"},
        config_digest="sha256:00",
    )  # fmt: skip
    server.info = replace(
        server.info, git_commit="abc", auth_required=True, tls_required=True, tls_verify=True,
        ip="192.0.2.7", connect_urls=("192.0.2.7:4222",),
    )  # fmt: skip
    server.tls_not_after = 1787323811.0
    page = varz(server)
    order = list(page)
    assert order[:14] == [
        "server_id", "server_name", "version", "proto", "git_commit", "go", "host", "port",
        "auth_required", "tls_required", "tls_verify", "ip", "connect_urls", "max_connections",
    ]  # fmt: skip
    assert order[order.index("max_connections") + 1] == "max_subscriptions"
    assert order[order.index("write_deadline") + 1] == "write_timeout"
    assert order[order.index("config_digest") + 1 :][:2] == ["tags", "metadata"]
    assert order[-1] == "tls_cert_not_after"
    assert page["http_host"] == "127.0.0.1"
    assert page["auth_timeout"] == 3.5
    assert page["tls_timeout"] == 1
    assert list(page["metadata"]) == ["a", "z"]
    assert page["tls_cert_not_after"] == "2026-08-21T14:50:11Z"


def test_without_a_system_account_none_is_named(server: FakeServer) -> None:
    server.system_account = ""
    assert "system_account" not in varz(server)
