"""``/accstatz``: how busy each account is.

Names and order are those of nats-server 2.15's ``AccountStatz`` (``server/monitor.go``).
"""

from __future__ import annotations

from typing import Any

from pubsub.monitor.goformat import rfc3339
from pubsub.monitor.query import Query
from pubsub.monitor.state import IServerState

__all__ = ["accstatz"]


def accstatz(state: IServerState, query: Query) -> dict[str, Any]:
    """The page, as a dictionary in the order of its fields.

    :raises BadMonitorQuery: ``unused`` is no truth value.
    """
    unused = query.boolean("unused")
    return {
        "server_id": state.info.server_id,
        "now": rfc3339(state.now()),
        "account_statz": state.account_statz(None, unused),
    }
