"""``/healthz``: can clients connect.

nats-server 2.15 without JetStream: the parameters about streams are looked at, and then
there is nothing more to check (``server/monitor.go``, ``healthz``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pubsub.monitor.query import Query
from pubsub.monitor.state import IServerState

__all__ = ["Health", "HealthzOptions", "healthz"]

OK = 200
BAD_REQUEST = 400
INTERNAL_SERVER_ERROR = 500


@dataclass(frozen=True)
class HealthzOptions:
    """What is asked for, as far as it matters here."""

    account: str = ""
    stream: str = ""
    consumer: str = ""
    #: a list of errors with types, rather than one text
    details: bool = False

    @classmethod
    def from_query(cls, query: Query) -> HealthzOptions:
        """From the parameters of a request; those that restrict JetStream's checks are read.

        :raises BadMonitorQuery: one of them cannot be used.
        """
        for name in ("js-enabled", "js-enabled-only", "js-server-only", "js-meta-only"):
            query.boolean(name)
        details = query.boolean("details")
        return cls(query.text("account"), query.text("stream"), query.text("consumer"), details)


@dataclass(frozen=True)
class Health:
    """The answer: an HTTP status code and the page."""

    code: int
    page: dict[str, Any]


def healthz(state: IServerState, options: HealthzOptions) -> Health:
    """How the server is."""
    if options.stream and not options.account:
        return _unwell(options, BAD_REQUEST, "BAD_REQUEST", _missing("account", "stream"))
    if options.consumer and not options.stream:
        return _unwell(options, BAD_REQUEST, "BAD_REQUEST", _missing("stream", "consumer"))
    unreachable = state.not_ready()
    if unreachable:
        text = f"failed to be ready for connections after 1ms: {unreachable}"
        return _unwell(options, INTERNAL_SERVER_ERROR, "CONNECTION", text)
    return Health(OK, {"status": "ok"})


def _missing(name: str, kind: str) -> str:
    return f'"{name}" must not be empty when checking {kind} health'


def _unwell(options: HealthzOptions, code: int, kind: str, text: str) -> Health:
    page: dict[str, Any] = {"status": "error"}
    if options.details:
        page["errors"] = [{"type": kind, "error": text}]
    else:
        page["error"] = text
    return Health(code, page)
