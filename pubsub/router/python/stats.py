"""The figures of ``/subsz``, added up over accounts as nats-server does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pubsub.router.python.account import Account

__all__ = ["stats"]


def stats(accounts: Iterable[Account]) -> Mapping[str, int | float]:
    """Counts of subscriptions and matches; fan-out is that of the results in the caches."""
    rows = list(accounts)
    matches = sum(account.matches for account in rows)
    hits = sum(account.hits for account in rows)
    fanouts = [r.fanout for account in rows for r in account.cache.results.values()]
    return {
        "num_subscriptions": sum(account.index.count for account in rows),
        "num_cache": len(fanouts),
        "num_inserts": sum(account.index.inserts for account in rows),
        "num_removes": sum(account.index.removes for account in rows),
        "num_matches": matches,
        "cache_hit_rate": hits / matches if matches else 0.0,
        "max_fanout": max(fanouts, default=0),
        "avg_fanout": sum(fanouts) / len(fanouts) if fanouts else 0.0,
    }
