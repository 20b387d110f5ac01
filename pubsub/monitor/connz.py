"""``/connz``: who is connected, who was, and what they do. Leaf node links are among them.

Names, order, defaults and what is left out when empty are those of nats-server 2.15's
``Connz`` and ``ConnInfo`` (``server/monitor.go``). One thing is not: closed connections of
the global account are found by its name too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pubsub.client.registry import ConnectionInfo
from pubsub.errors import BadMonitorQuery
from pubsub.interfaces import GLOBAL_ACCOUNT, SubscriptionInfo
from pubsub.monitor.goformat import rfc3339, rtt, uptime
from pubsub.monitor.query import Query
from pubsub.monitor.state import IServerState
from pubsub.monitor.subsz import page_of, subscription_detail
from pubsub.router import subjects

__all__ = ["DEFAULT_LIMIT", "SORT_KEYS", "ConnzOptions", "connection_block", "connz"]

#: nats-server's DefaultConnListSize
DEFAULT_LIMIT = 1024

#: ``ConnectionInfo.kind`` of leaf node links
_LEAF = "Leafnode"

_STATES = {"": "open", "open": "open", "closed": "closed", "any": "all", "all": "all"}


@dataclass(frozen=True)
class _Row:
    """A connection and what is listed of its subscriptions."""

    info: ConnectionInfo
    subscriptions: Callable[[], Sequence[SubscriptionInfo]]


def _reason(row: _Row, now: float) -> str:
    return row.info.reason.value if row.info.reason is not None else ""


def _uptime(row: _Row, now: float) -> float:
    return (row.info.stop or now) - row.info.start


#: How rows are sorted: by which value, and whether the largest comes first.
SORT_KEYS: dict[str, tuple[Callable[[_Row, float], Any], bool]] = {
    "cid": (lambda row, now: row.info.cid, False),
    "start": (lambda row, now: row.info.cid, False),
    "subs": (lambda row, now: row.info.counters.subscriptions, True),
    "pending": (lambda row, now: row.info.counters.pending_bytes, True),
    "msgs_to": (lambda row, now: row.info.counters.out_msgs, True),
    "msgs_from": (lambda row, now: row.info.counters.in_msgs, True),
    "bytes_to": (lambda row, now: row.info.counters.out_bytes, True),
    "bytes_from": (lambda row, now: row.info.counters.in_bytes, True),
    "last": (lambda row, now: row.info.last_activity, True),
    "idle": (lambda row, now: now - row.info.last_activity, True),
    "uptime": (_uptime, False),
    "stop": (lambda row, now: row.info.stop, True),
    "reason": (_reason, False),
    "rtt": (lambda row, now: row.info.rtt, True),
}


@dataclass(frozen=True)
class ConnzOptions:
    """What is asked for."""

    sort: str = "cid"
    #: who they are
    auth: bool = False
    #: list the subjects of their subscriptions
    subscriptions: bool = False
    #: list their subscriptions with all that is known
    detail: bool = False
    offset: int = 0
    limit: int = DEFAULT_LIMIT
    #: only that connection; 0 for all
    cid: int = 0
    #: ``open``, ``closed`` or ``all``
    state: str = "open"
    user: str = ""
    account: str = ""
    #: only those subscribed to something that overlaps it
    filter_subject: str = ""

    @classmethod
    def from_query(cls, query: Query) -> ConnzOptions:
        """From the parameters of a request; ``mqtt_client`` finds nobody to leave out.

        :raises BadMonitorQuery: one of them cannot be used.
        """
        auth = query.boolean("auth")
        detail = query.text("subs").lower() == "detail"
        subscriptions = not detail and query.boolean("subs")
        offset = query.integer("offset")
        limit = query.integer("limit")
        cid = query.unsigned("cid")
        wanted = query.text("state")
        state = _STATES.get(wanted.lower(), "")
        if not state:
            raise BadMonitorQuery(f"Error decoding state for {wanted}")
        options = cls(
            query.text("sort") or "cid", auth, subscriptions, detail, max(offset, 0),
            1 if cid else limit if limit > 0 else DEFAULT_LIMIT, cid, state,
            query.text("user"), query.text("acc"), query.text("filter_subject"),
        )  # fmt: skip
        options.check()
        return options

    def check(self) -> None:
        """See that the options fit together.

        :raises BadMonitorQuery: they do not.
        """
        if self.sort not in SORT_KEYS:
            raise BadMonitorQuery(f"invalid sorting option: {self.sort}")
        if self.sort in ("stop", "reason") and self.state != "closed":
            raise BadMonitorQuery(f"sort by {self.sort} only valid on closed connections")
        if self.filter_subject not in ("", ">") and not self.account:
            raise BadMonitorQuery("filter by subject only valid with account filtering")


def connz(state: IServerState, options: ConnzOptions) -> dict[str, Any]:
    """The page, as a dictionary in the order of its fields."""
    now = state.now()
    known = {*state.router.accounts(), GLOBAL_ACCOUNT, state.system_account}
    if options.account and options.account not in known:
        # What nats-server answers about accounts it has never heard of.
        return _page("", now, 0, options, None)
    if options == ConnzOptions(
        auth=options.auth, subscriptions=options.subscriptions, detail=options.detail,
        offset=options.offset, limit=options.limit,
    ):  # fmt: skip
        # The page everybody asks for: describe those on it, not all the thousands.
        total, shown = _first_by_cid(state, options)
    else:
        total, rows = _selected(state, options)
        value, largest_first = SORT_KEYS[options.sort]
        rows.sort(key=lambda row: row.info.cid)
        rows.sort(key=lambda row: value(row, now), reverse=largest_first)
        shown = page_of(rows, options.offset, options.limit)
    described = [_describe(row, now, options) for row in shown]
    return _page(state.info.server_id, now, total, options, described)


def connection_block(info: ConnectionInfo, now: float) -> dict[str, Any]:
    """One connection of whatever kind, without who it is and what it wants to hear."""
    return _describe(_Row(info, lambda: ()), now, ConnzOptions())


def _page(
    server_id: str, now: float, total: int, options: ConnzOptions, rows: list[Any] | None
) -> dict[str, Any]:
    return {
        "server_id": server_id,
        "now": rfc3339(now),
        "num_connections": len(rows or ()),
        "total": total,
        "offset": options.offset,
        "limit": options.limit,
        "connections": rows,
    }


def _first_by_cid(state: IServerState, options: ConnzOptions) -> tuple[int, list[_Row]]:
    connections = {**state.registry.open, **{leaf.cid: leaf for leaf in state.leafs.linked()}}
    cids = page_of(sorted(connections), options.offset, options.limit)
    return len(connections), [_open_row(connections[cid]) for cid in cids]


def _selected(state: IServerState, options: ConnzOptions) -> tuple[int, list[_Row]]:
    """How many there are in that state and account, and those that are asked for."""
    rows: list[_Row] = []
    if options.state != "closed":
        connections = [*state.registry.open.values(), *state.leafs.linked()]
        rows += [_open_row(connection) for connection in connections]
    if options.state != "open":
        rows += [_closed_row(info) for info in state.registry.closed]
    if options.account:
        rows = [row for row in rows if row.info.account == options.account]
    total = len(rows)
    if options.cid:
        # An open connection hides a closed one of that number, if there could be one.
        # Leaf nodes are not found by their numbers, as in nats-server.
        return total, [
            row for row in rows if row.info.cid == options.cid and row.info.kind != _LEAF
        ][:1]
    if options.user:
        rows = [row for row in rows if row.info.user == options.user]
    if options.filter_subject not in ("", ">"):
        rows = [row for row in rows if _is_interested(row, options.filter_subject)]
    return total, rows


def _open_row(connection: Any) -> _Row:
    link, info = connection.link, connection.describe()
    if link is None:
        return _Row(info, lambda: ())
    if info.kind == _LEAF:
        return _Row(replace(info, type=""), lambda: [_heard(sub) for sub in link.subscriptions()])
    return _Row(info, link.subscriptions)


def _heard(sub: SubscriptionInfo) -> SubscriptionInfo:
    """What another server wants to hear has no number: nats-server shows what it goes by."""
    return sub._replace(sid=b" ".join(filter(None, (sub.subject, sub.queue))), max=0)


def _closed_row(info: ConnectionInfo) -> _Row:
    return _Row(info, lambda: info.subscriptions)


def _is_interested(row: _Row, subject: str) -> bool:
    raw = subject.encode("utf-8", "surrogateescape")
    return any(subjects.overlaps(raw, sub.subject) for sub in row.subscriptions())


def _describe(row: _Row, now: float, options: ConnzOptions) -> dict[str, Any]:
    """One connection, its fields in nats-server's order."""
    info = row.info
    shown: dict[str, Any] = {"cid": info.cid}
    _put(shown, kind=info.kind, type=info.type)
    shown.update(
        ip=info.ip,
        port=info.port,
        start=rfc3339(info.start),
        last_activity=rfc3339(info.last_activity),
    )
    if info.stop:
        shown["stop"] = rfc3339(info.stop)
        _put(shown, reason=_reason(row, now))
    until = info.stop or now
    shown.update(
        rtt=rtt(info.rtt),
        uptime=uptime(until - info.start),
        idle=uptime(until - info.last_activity),
    )
    _put_counters(shown, info)
    _put(shown, name=info.name, lang=info.lang, version=info.version)
    _put(shown, tls_version=info.tls.version, tls_cipher_suite=info.tls.cipher_suite)
    if options.auth and not info.stop:
        _put(shown, tls_peer_certs=[_certificate(each) for each in info.tls.peer_certificates])
    _put(shown, tls_first=info.tls_first)
    elsewhere = info.account if info.account != GLOBAL_ACCOUNT else ""
    if options.auth:
        _put(shown, authorized_user=info.user, account=elsewhere)
    if options.detail:
        details = [subscription_detail(sub, bool(info.stop)) for sub in row.subscriptions()]
        _put(shown, subscriptions_list_detail=details)
    elif options.subscriptions:
        names = [sub.subject.decode("utf-8", "replace") for sub in row.subscriptions()]
        _put(shown, subscriptions_list=names)
    if options.auth:
        # nats-server keeps no name of the global account for the closed ones.
        name = elsewhere if info.stop else info.account
        _put(shown, jwt=info.jwt, issuer_key=info.issuer_key, name_tag=name, tags=list(info.tags))
    return shown


def _put(shown: dict[str, Any], **fields: Any) -> None:
    """Add those that are not empty."""
    shown.update({name: value for name, value in fields.items() if value})


def _put_counters(shown: dict[str, Any], info: ConnectionInfo) -> None:
    counters = info.counters
    shown.update(
        pending_bytes=counters.pending_bytes,
        in_msgs=counters.in_msgs,
        out_msgs=counters.out_msgs,
        in_bytes=counters.in_bytes,
        out_bytes=counters.out_bytes,
    )
    _put(shown, stalls=counters.stalls)
    shown["subscriptions"] = counters.subscriptions


def _certificate(certificate: Any) -> dict[str, str]:
    shown: dict[str, str] = {}
    _put(
        shown,
        subject=certificate.subject,
        spki_sha256=certificate.spki_sha256,
        cert_sha256=certificate.cert_sha256,
    )
    return shown
