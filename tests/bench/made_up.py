"""Made-up results, small enough to check by hand."""

from __future__ import annotations

from bench.results import Results, ServerInfo

NATIVE = ServerInfo("native", "pubsub native", "0.1", "pubsub-server", ours=True, backend="native")
PYTHON = ServerInfo("python", "pubsub python", "0.1", "pubsub-server", ours=True, backend="python")
MIXED = ServerInfo(
    "native+nats-server-2.9.10",
    "native → nats-server 2.9.10",
    "",
    "pubsub-server and nats-server",
    ours=False,
    members=("native", "nats-server-2.9.10"),
)
PEER = ServerInfo("nats-server-2.9.10", "nats-server 2.9.10", "2.9.10", "nats-server", ours=False)


def made_up(**rates: list[float]) -> Results:
    """Results of the row flow-1-1-128 with these rates by server."""
    machine = {
        "cpu": "Z80",
        "cores": 2,
        "memory": 2**34,
        "kernel": "Linux 6.1",
        "python": "CPython 3.11.7",
        "date": "2026-01-02T03:04:05+00:00",
    }
    settings = {"rounds": 3, "seconds": 2.0, "quick": False}
    results = Results(machine, settings, [NATIVE, PYTHON, PEER])
    results.runs["flow-1-1-128"] = {
        server.key: [{"rate": rate, "cpu": 1e6 / rate} for rate in rates[name]]
        for name, server in (("native", NATIVE), ("python", PYTHON), ("peer", PEER))
        if name in rates
    }
    return results


def with_mixed() -> Results:
    """The same with the row routed-1-1, also of a mixed system; half as fast again as the peer."""
    results = made_up(native=[3e6], peer=[1e6])
    results.mixed.append(MIXED)
    results.runs["routed-1-1"] = {
        server.key: [{"rate": rate, "cpu": 0.5}]
        for server, rate in ((NATIVE, 4e6), (PEER, 2e6), (MIXED, 3e6))
    }
    return results
