"""``/varz``: the server's configuration, figures and counts.

Names, order and what is left out when empty are those of nats-server 2.15's ``Varz``
(``server/monitor.go``).
"""

from __future__ import annotations

from typing import Any

from pubsub.cluster.figures import all_traffic, slow_consumers, stale_connections
from pubsub.config.options import Options
from pubsub.monitor.gatewayz import gateway_block
from pubsub.monitor.goformat import nanoseconds, number, rfc3339, uptime
from pubsub.monitor.leafz import leaf_block
from pubsub.monitor.routez import cluster_block
from pubsub.monitor.state import IServerState

__all__ = ["varz"]

#: What nats-server shows without JetStream: flags of features this server does not have.
_FEATURE_FLAGS = {
    "js_ack_fc_v2": False,
    "js_api_reply_v2": False,
    "js_raft_delete_range": False,
    "js_snapshot_sources": False,
}

#: One thread does the work, whatever the machine has.
_THREADS = 1


def varz(state: IServerState) -> dict[str, Any]:
    """The page, as a dictionary in the order of its fields."""
    now = state.now()
    return {
        **_identity(state),
        **_limits(state),
        "cluster": cluster_block(state),
        "gateway": gateway_block(state),
        "leaf": leaf_block(state),
        # Not configured, all of them: nats-server shows them empty.
        **{area: {} for area in ("mqtt", "websocket", "jetstream")},
        **_deadlines(state.options),
        **_process(state, now),
        **_traffic(state),
        **_configuration(state),
        **_troubles(state),
    }


def _present(**fields: Any) -> dict[str, Any]:
    """The fields that are not empty."""
    return {name: value for name, value in fields.items() if value}


def _identity(state: IServerState) -> dict[str, Any]:
    info = state.info
    return {
        "server_id": info.server_id,
        "server_name": info.server_name,
        "version": info.version,
        "proto": info.proto,
        **_present(git_commit=info.git_commit),
        "go": info.go,
        "host": info.host,
        "port": info.port,
        **_present(
            auth_required=info.auth_required,
            tls_required=info.tls_required,
            tls_verify=info.tls_verify,
            ip=info.ip,
            connect_urls=list(info.connect_urls),
        ),
    }


def _limits(state: IServerState) -> dict[str, Any]:
    options: Options = state.options
    return {
        "max_connections": options.max_connections,
        **_present(max_subscriptions=options.max_subscriptions),
        "ping_interval": nanoseconds(options.ping_interval),
        "ping_max": options.ping_max,
        "http_host": options.http_host or options.host,
        "http_port": options.http_port,
        "http_base_path": options.http_base_path,
        "https_port": options.https_port,
        "auth_timeout": number(options.authorization.timeout),
        "max_control_line": options.max_control_line,
        "max_payload": options.max_payload,
        "max_pending": options.max_pending,
    }


def _deadlines(options: Options) -> dict[str, Any]:
    # Without TLS nats-server shows the default of the timeout it does not need.
    tls_timeout = options.tls.timeout if options.tls is not None else 2.0
    write_timeout = "" if options.write_timeout == "default" else options.write_timeout
    return {
        "tls_timeout": number(tls_timeout),
        "write_deadline": nanoseconds(options.write_deadline),
        **_present(write_timeout=write_timeout),
    }


def _process(state: IServerState, now: float) -> dict[str, Any]:
    usage = state.usage()
    return {
        "start": rfc3339(state.start),
        "now": rfc3339(now),
        "uptime": uptime(now - state.start),
        "mem": usage.rss,
        "cores": usage.cores,
        "gomaxprocs": _THREADS,
        "cpu": number(usage.cpu),
    }


def _traffic(state: IServerState) -> dict[str, Any]:
    members = state.cluster.members
    traffic, of_clients = all_traffic(state), state.router.counters()
    totals = state.registry.totals
    return {
        "connections": len(state.registry.open),
        "total_connections": totals.connections,
        "routes": sum(1 for _ in members.routes()),
        "remotes": len(members.remotes),
        "leafnodes": len(state.leafs.linked()),
        "in_msgs": traffic.in_msgs,
        "in_bytes": traffic.in_bytes,
        "in_client_msgs": of_clients.in_msgs,
        "in_client_bytes": of_clients.in_bytes,
        "out_msgs": traffic.out_msgs,
        "out_bytes": traffic.out_bytes,
        "out_client_msgs": of_clients.out_msgs,
        "out_client_bytes": of_clients.out_bytes,
        "slow_consumers": sum(slow_consumers(state).values()),
        "stale_connections": sum(stale_connections(state).values()),
        "stalled_clients": totals.stalls,
        "subscriptions": int(state.router.stats()["num_subscriptions"]),
    }


def _configuration(state: IServerState) -> dict[str, Any]:
    options: Options = state.options
    return {
        "http_req_stats": dict(sorted(state.http_requests.items())),
        "config_load_time": rfc3339(state.config_time),
        "config_digest": options.config_digest,
        **_present(
            tags=list(options.server_tags),
            metadata=dict(sorted(options.server_metadata.items())),
        ),
        "feature_flags": dict(_FEATURE_FLAGS),
        **_present(system_account=state.system_account),
    }


def _troubles(state: IServerState) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "slow_consumer_stats": slow_consumers(state),
        "stale_connection_stats": stale_connections(state),
        "disk_io_wait_stats": {"waiters": 0, "waits": 0, "wait_time": 0, "max_wait_time": 0},
    }
    if state.tls_not_after:
        shown["tls_cert_not_after"] = rfc3339(state.tls_not_after)
    return shown
