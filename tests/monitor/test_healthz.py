"""/healthz."""

from __future__ import annotations

from typing import Any

import pytest

from pubsub.errors import BadMonitorQuery
from pubsub.monitor.healthz import Health, HealthzOptions, healthz
from pubsub.monitor.query import Query
from tests.monitor.fakes import FakeServer


def ask(server: FakeServer, query: bytes = b"") -> Health:
    return healthz(server, HealthzOptions.from_query(Query(query)))


@pytest.mark.parametrize(
    "query", [b"", b"js-enabled-only=true", b"js-server-only=1", b"js-meta-only=1&js-enabled=t",
              b"details=1", b"account=a&stream=s&consumer=c"],
)  # fmt: skip
def test_a_server_clients_can_reach_is_well(server: FakeServer, query: bytes) -> None:
    assert ask(server, query) == Health(200, {"status": "ok"})


@pytest.mark.parametrize(
    ("query", "page"),
    [
        (
            b"stream=s",
            {"status": "error",
             "error": '"account" must not be empty when checking stream health'},
        ),
        (
            b"account=a&consumer=c",
            {"status": "error",
             "error": '"stream" must not be empty when checking consumer health'},
        ),
        (
            b"stream=s&details=1",
            {"status": "error",
             "errors": [{"type": "BAD_REQUEST",
                         "error": '"account" must not be empty when checking stream health'}]},
        ),
    ],
)  # fmt: skip
def test_questions_about_streams_must_be_whole(
    server: FakeServer, query: bytes, page: dict[str, Any]
) -> None:
    assert ask(server, query) == Health(400, page)


def test_a_server_nobody_can_reach_is_not_well(server: FakeServer) -> None:
    server.unreachable = "server"
    text = "failed to be ready for connections after 1ms: server"
    assert ask(server) == Health(500, {"status": "error", "error": text})
    assert ask(server, b"details=1") == Health(
        500, {"status": "error", "errors": [{"type": "CONNECTION", "error": text}]}
    )


@pytest.mark.parametrize(
    "name", ["js-enabled", "js-enabled-only", "js-server-only", "js-meta-only", "details"]
)
def test_bad_parameters_are_refused(name: str) -> None:
    with pytest.raises(BadMonitorQuery, match=f"Error decoding boolean for '{name}'"):
        HealthzOptions.from_query(Query(f"{name}=x".encode()))
