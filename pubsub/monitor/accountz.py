"""``/accountz``: which accounts there are, and what one of them shares with others.

Names, order and what is left out when empty are those of nats-server 2.15's ``Accountz`` and
``AccountInfo`` (``server/monitor.go``). Its list of responses under way is not shown.
"""

from __future__ import annotations

from typing import Any

from pubsub.accounts.automatic import automatic_exports, automatic_imports
from pubsub.errors import BadMonitorQuery
from pubsub.interfaces import ResponseType
from pubsub.monitor.goformat import nanoseconds, rfc3339
from pubsub.monitor.state import IServerState
from pubsub.monitor.subsz import SubszOptions, subsz
from pubsub.values.accounts import (
    AccountOptions,
    Export,
    LatencyOptions,
    MappingEntry,
    ServiceExport,
    ServiceImport,
    StreamImport,
)

__all__ = ["accountz"]

_RESPONSES = {
    ResponseType.SINGLETON: "Singleton",
    ResponseType.STREAM: "Streamed",
    ResponseType.CHUNKED: "Chunked",
}
#: what nats-server waits for if nothing is configured: not shown
_DEFAULT_THRESHOLD = 120.0
_STATS = (
    "num_subscriptions",
    "num_cache",
    "num_inserts",
    "num_removes",
    "num_matches",
    "cache_hit_rate",
    "max_fanout",
    "avg_fanout",
)


def accountz(state: IServerState, account: str = "") -> dict[str, Any]:
    """The page, as a dictionary in the order of its fields.

    :param account: show that one; ``""`` to show the names of all.
    :raises BadMonitorQuery: there is none of that name.
    """
    page: dict[str, Any] = {
        "server_id": state.info.server_id,
        "now": rfc3339(state.now()),
        **_present(system_account=state.system_account),
    }
    if not account:
        page["accounts"] = list(state.accounts.names())
        return page
    options = state.accounts.find(account)
    if options is None:
        raise BadMonitorQuery(f"Account {account} does not exist")
    page["account_detail"] = _detail(state, options)
    return page


def _present(**fields: Any) -> dict[str, Any]:
    """The fields that are not empty."""
    return {name: value for name, value in fields.items() if value}


def _detail(state: IServerState, account: AccountOptions) -> dict[str, Any]:
    stats = subsz(state, SubszOptions(account=account.name))
    now = state.now()
    exports, imports = list(account.exports), list(account.imports)
    if state.system_account:
        # what every account shares with the system account without saying so
        imports += automatic_imports(account, state.system_account)
        if account.name == state.system_account:
            exports += automatic_exports(account.exports)
    return {
        "account_name": account.name,
        "update_time": rfc3339(state.config_time),
        **_present(is_system=account.name == state.system_account),
        "expired": bool(account.expires) and account.expires <= now,
        "complete": True,
        "jetstream_enabled": False,
        "leafnode_connections": state.accounts.leafnodes(account.name),
        "client_connections": state.accounts.connections(account.name),
        "subscriptions": stats["num_subscriptions"],
        **_present(
            mappings={entry.source: _destinations(entry) for entry in account.mappings},
            exports=[_export(export) for export in exports],
            imports=[_import(each) for each in imports],
            **_claims(account.claims),
        ),
        "name_tag": account.name_tag or account.name,
        "sublist_stats": {name: stats[name] for name in _STATS},
    }


def _destinations(entry: MappingEntry) -> list[dict[str, Any]]:
    """Where messages go; what is left of a hundred percent stays where it was."""
    shown = [
        {
            "subject": destination.subject,
            "weight": destination.weight,
            **_present(cluster=destination.cluster),
        }
        for destination in entry.destinations
    ]
    everywhere = sum(each.weight for each in entry.destinations if not each.cluster)
    to_itself = any(each.subject == entry.source for each in entry.destinations)
    if everywhere < 100 and not to_itself:
        shown.append({"subject": entry.source, "weight": 100 - everywhere})
    return shown


def _latency(latency: LatencyOptions) -> dict[str, Any]:
    return {"sampling": latency.sampling or "headers", "results": latency.subject}


def _export(export: Export) -> dict[str, Any]:
    service = isinstance(export, ServiceExport)
    shown: dict[str, Any] = {
        "subject": export.subject,
        "type": "service" if service else "stream",
        **_present(token_req=export.token_required),
    }
    if isinstance(export, ServiceExport):
        shown["response_type"] = _RESPONSES[export.response_type]
        if export.response_threshold != _DEFAULT_THRESHOLD:
            shown["response_threshold"] = nanoseconds(export.response_threshold)
        if export.latency is not None:
            shown["service_latency"] = _latency(export.latency)
    revoked = {name: rfc3339(when) for name, when in sorted(export.revocations.items())}
    shown.update(
        _present(
            account_token_position=export.account_token_position,
            approved_accounts=list(export.accounts or ()),
            revoked_activations=revoked,
        )
    )
    return shown


def _import(import_: StreamImport | ServiceImport) -> dict[str, Any]:
    local = import_.to or import_.subject
    service = isinstance(import_, ServiceImport)
    return {
        "subject": import_.subject,
        "account": import_.account,
        **_present(to=local if service else ""),
        "local_subject": local,
        "type": "service" if service else "stream",
        "invalid": False,
        "share": isinstance(import_, ServiceImport) and import_.share,
        "tracking": False,
    }


def _claims(claims: Any) -> dict[str, Any]:
    """What is known of an account that came as a JWT; nothing of others."""
    if claims is None:
        return {}
    revoked = {key: rfc3339(when) for key, when in sorted(claims.revocations.items())}
    return {
        "issuer_key": claims.issuer,
        "tags": list(claims.tags),
        "revoked_user": revoked,
    }
