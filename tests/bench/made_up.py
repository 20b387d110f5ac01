"""Made-up results, small enough to check by hand."""

from __future__ import annotations

from bench.results import Results, ServerInfo

NATIVE = ServerInfo("native", "pubsub native", "0.1", "pubsub-server", ours=True, backend="native")
PYTHON = ServerInfo("python", "pubsub python", "0.1", "pubsub-server", ours=True, backend="python")
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
