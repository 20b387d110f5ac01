"""``/subsz``: how many subscriptions there are, how matching does, and which they are.

Names, order and what is left out when empty are those of nats-server 2.15's ``Subsz``
(``server/monitor.go``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pubsub.errors import BadMonitorQuery
from pubsub.interfaces import SubscriptionInfo
from pubsub.monitor.goformat import number, rfc3339
from pubsub.monitor.query import Query
from pubsub.monitor.state import IServerState
from pubsub.router import subjects

__all__ = ["DEFAULT_LIMIT", "SubszOptions", "page_of", "subscription_detail", "subsz"]

#: nats-server's DefaultSubListSize
DEFAULT_LIMIT = 1024

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


@dataclass(frozen=True)
class SubszOptions:
    """What is asked for."""

    offset: int = 0
    limit: int = DEFAULT_LIMIT
    #: list them
    subscriptions: bool = False
    #: only those of that account
    account: str = ""
    #: only those a message on that subject would reach
    test: str = ""

    @classmethod
    def from_query(cls, query: Query) -> SubszOptions:
        """From the parameters of a request.

        :raises BadMonitorQuery: one of them cannot be used.
        """
        subscriptions = query.boolean("subs")
        offset = query.integer("offset")
        limit = query.integer("limit")
        test = query.text("test")
        if test and not subjects.is_valid_literal(test.encode("utf-8", "surrogateescape")):
            raise BadMonitorQuery(f"invalid test subject, must be valid publish subject: {test}")
        return cls(
            max(offset, 0), limit if limit > 0 else DEFAULT_LIMIT, subscriptions,
            query.text("acc") or query.text("account"), test,
        )  # fmt: skip


def subsz(state: IServerState, options: SubszOptions) -> dict[str, Any]:
    """The page, as a dictionary in the order of its fields."""
    page: dict[str, Any] = {
        "server_id": state.info.server_id,
        "now": rfc3339(state.now()),
        **_stats(state, options.account),
        "total": 0,
        "offset": options.offset,
        "limit": options.limit,
    }
    if options.subscriptions:
        found = _found(state, options)
        page["total"] = len(found)
        shown = page_of(found, options.offset, options.limit)
        if shown:
            page["subscriptions_list"] = [subscription_detail(sub, True) for sub in shown]
    return page


def subscription_detail(sub: SubscriptionInfo, with_account: bool) -> dict[str, Any]:
    """One subscription, as /subsz and /connz show it."""
    detail: dict[str, Any] = {}
    if with_account:
        # The tag is the name of an account in its operator's words; without, the account's.
        detail.update(account=sub.account, account_tag=sub.account)
    detail["subject"] = _text(sub.subject)
    if sub.queue:
        detail["qgroup"] = _text(sub.queue)
    detail["sid"] = _text(sub.sid)
    detail["msgs"] = sub.delivered
    if sub.max:
        detail["max"] = sub.max
    detail["cid"] = sub.cid
    return detail


def page_of(rows: list[Any], offset: int, limit: int) -> list[Any]:
    """``limit`` rows from ``offset`` on."""
    return rows[offset : offset + limit]


def _found(state: IServerState, options: SubszOptions) -> list[SubscriptionInfo]:
    test = options.test.encode("utf-8", "surrogateescape")
    rows = state.router.subscriptions(options.account or None)
    clients = state.registry.open
    return [
        sub
        for sub in rows
        # those of clients and of the server itself: what other servers hear is not listed
        if (not sub.cid or sub.cid in clients) and (not test or subjects.matches(test, sub.subject))
    ]


def _stats(state: IServerState, account: str) -> dict[str, int | float]:
    if account and account not in state.router.accounts():
        return dict.fromkeys(_STATS, 0)
    stats = state.router.stats()
    shown = {name: number(stats[name]) for name in _STATS}
    if account:
        # Routers keep the other figures for all accounts together.
        shown["num_subscriptions"] = state.router.subscription_count(account)
    return shown


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
