"""The pages as others than browsers ask for them: by a message with JSON options.

Names and Go types of the options are those of nats-server 2.15's structs, which
``$SYS.REQ.SERVER.PING.CONNZ`` and the like take (``server/monitor.go``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pubsub.errors import BadMonitorQuery
from pubsub.monitor.accountz import accountz
from pubsub.monitor.connz import DEFAULT_LIMIT, ConnzOptions, connz
from pubsub.monitor.gatewayz import GatewayzOptions, gatewayz
from pubsub.monitor.goformat import rfc3339
from pubsub.monitor.healthz import HealthzOptions, healthz
from pubsub.monitor.leafz import LeafzOptions, leafz
from pubsub.monitor.routez import RoutezOptions, routez
from pubsub.monitor.state import IServerState
from pubsub.monitor.subsz import DEFAULT_LIMIT as SUBS_LIMIT
from pubsub.monitor.subsz import SubszOptions, subsz
from pubsub.monitor.varz import varz
from pubsub.router import subjects

__all__ = ["PageRequest", "page_requests"]

#: nats-server's ConnState
_STATES = {0: "open", 1: "closed", 2: "all"}


@dataclass(frozen=True)
class PageRequest:
    """How to ask for one page."""

    #: what nats-server calls the options
    struct: str
    #: makes the page of them
    answer: Callable[[Mapping[str, Any]], Any]
    #: name of each option to its Go type
    fields: Mapping[str, str] = field(default_factory=dict)


def page_requests(state: IServerState) -> dict[str, PageRequest]:
    """The pages of a server, by the last token of the subject of their requests."""
    strings = dict.fromkeys
    return {
        "VARZ": PageRequest("VarzEventOptions", lambda asked: varz(state)),
        "SUBSZ": PageRequest(
            "SubszEventOptions.SubszOptions",
            lambda asked: subsz(state, _subsz_options(asked)),
            {"offset": "int", "limit": "int", "subscriptions": "bool"}
            | strings(("account", "test"), "string"),
        ),
        "CONNZ": PageRequest(
            "ConnzEventOptions.ConnzOptions",
            lambda asked: connz(state, _connz_options(asked)),
            {"offset": "int", "limit": "int", "cid": "uint64", "state": "int"}
            | strings(("auth", "subscriptions", "subscriptions_detail"), "bool")
            | strings(("sort", "mqtt_client", "user", "acc", "filter_subject"), "string"),
        ),
        "ROUTEZ": PageRequest(
            "RoutezEventOptions.RoutezOptions",
            lambda asked: routez(state, _routez_options(asked)),
            strings(("subscriptions", "subscriptions_detail"), "bool"),
        ),
        "GATEWAYZ": PageRequest(
            "GatewayzEventOptions.GatewayzOptions",
            lambda asked: gatewayz(state, _gatewayz_options(asked)),
            strings(("accounts", "subscriptions", "subscriptions_detail"), "bool")
            | strings(("name", "account_name"), "string"),
        ),
        "HEALTHZ": PageRequest(
            "HealthzEventOptions.HealthzOptions",
            lambda asked: _healthz(state, asked),
            strings(("js-enabled", "js-enabled-only", "js-server-only", "js-meta-only"), "bool")
            | strings(("account", "stream", "consumer"), "string")
            | {"details": "bool"},
        ),
        "ACCOUNTZ": PageRequest(
            "AccountzEventOptions.AccountzOptions",
            lambda asked: accountz(state, asked.get("account", "")),
            {"account": "string"},
        ),
        "LEAFZ": PageRequest(
            "LeafzEventOptions.LeafzOptions",
            lambda asked: leafz(
                state,
                LeafzOptions(asked.get("subscriptions", False), asked.get("account", "")),
            ),
            {"subscriptions": "bool", "account": "string"},
        ),
        "JSZ": PageRequest("JszEventOptions.JSzOptions", lambda asked: _jsz(state, asked)),
    }


def _subsz_options(asked: Mapping[str, Any]) -> SubszOptions:
    test = asked.get("test", "")
    if test and not subjects.is_valid_literal(test.encode("utf-8", "surrogatepass")):
        raise BadMonitorQuery(f"invalid test subject, must be valid publish subject: {test}")
    limit = asked.get("limit", 0)
    return SubszOptions(
        offset=max(asked.get("offset", 0), 0),
        limit=limit if limit > 0 else SUBS_LIMIT,
        subscriptions=asked.get("subscriptions", False),
        account=asked.get("account", ""),
        test=test,
    )


def _connz_options(asked: Mapping[str, Any]) -> ConnzOptions:
    limit, cid = asked.get("limit", 0), asked.get("cid", 0)
    state, detail = asked.get("state", 0), asked.get("subscriptions_detail", False)
    options = ConnzOptions(
        sort=asked.get("sort", "") or "cid",
        auth=asked.get("auth", False),
        subscriptions=asked.get("subscriptions", False) and not detail,
        detail=detail,
        offset=max(asked.get("offset", 0), 0),
        limit=1 if cid else limit if limit > 0 else DEFAULT_LIMIT,
        cid=cid,
        state=_STATES.get(state, "open"),
        user=asked.get("user", ""),
        account=asked.get("acc", ""),
        filter_subject=asked.get("filter_subject", ""),
    )
    options.check()
    return options


def _routez_options(asked: Mapping[str, Any]) -> RoutezOptions:
    detail = asked.get("subscriptions_detail", False)
    return RoutezOptions(asked.get("subscriptions", False) and not detail, detail)


def _gatewayz_options(asked: Mapping[str, Any]) -> GatewayzOptions:
    return GatewayzOptions(
        name=asked.get("name", ""),
        accounts=asked.get("accounts", False),
        account=asked.get("account_name", ""),
        subscriptions=asked.get("subscriptions", False),
        detail=asked.get("subscriptions_detail", False),
    )


def _healthz(state: IServerState, asked: Mapping[str, Any]) -> dict[str, Any]:
    names = ("account", "stream", "consumer", "details")
    health = healthz(
        state, HealthzOptions(**{name: asked[name] for name in names if name in asked})
    )
    page = dict(health.page)
    return {"status": page.pop("status"), "status_code": health.code, **page}


def _jsz(state: IServerState, asked: Mapping[str, Any]) -> dict[str, Any]:
    """There are no streams yet."""
    if asked.get("of_account"):
        raise BadMonitorQuery("jetstream not enabled")
    nothing = ("memory", "storage", "reserved_memory", "reserved_storage", "accounts", "ha_assets")
    return {
        **dict.fromkeys(nothing, 0),
        "api": {"level": 0, "total": 0, "errors": 0},
        "server_id": state.info.server_id,
        "now": rfc3339(state.now()),
        "disabled": True,
        "config": {"max_memory": 0, "max_storage": 0},
        **dict.fromkeys(("streams", "consumers", "messages", "bytes", "total"), 0),
    }
