"""The figures of /subsz."""

from __future__ import annotations

from pubsub.router.python.account import Account
from pubsub.router.python.stats import stats


def test_without_accounts_everything_is_nought() -> None:
    assert set(stats([]).values()) == {0}


def test_matches_and_hits_are_added_before_they_are_divided() -> None:
    accounts = [
        Account(name, True, lambda *change: None, lambda *change: None, float) for name in "ab"
    ]
    accounts[0].match(b"x")
    for _ in range(3):
        accounts[1].match(b"y")
    figures = stats(accounts)
    assert figures["num_matches"] == 4
    assert figures["cache_hit_rate"] == 0.5
    assert figures["num_cache"] == 2
