"""Token buckets: what is saved, what is owed, what time brings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsub.hooks.buckets import Bucket


def test_it_begins_full_and_holds_what_the_burst_brings() -> None:
    bucket = Bucket(rate=10, burst=2, now=0)
    taken = 0
    while bucket.has_one(0):
        bucket.take(1)
        taken += 1
    assert taken == 20
    assert bucket.has_one(0.1)
    bucket.take(1)
    assert not bucket.has_one(0.1)


def test_it_never_holds_more() -> None:
    bucket = Bucket(rate=1, burst=1, now=0)
    assert bucket.has_one(1000)
    bucket.take(1)
    assert not bucket.has_one(1000)


def test_what_is_larger_than_the_bucket_passes_and_is_paid_off() -> None:
    bucket = Bucket(rate=100, burst=1, now=0)
    assert bucket.has_one(0)
    bucket.take(1000)
    assert bucket.wait() == pytest.approx(9.0)
    assert not bucket.has_one(8.9)
    assert bucket.has_one(9.1)
    assert bucket.wait() == 0.0


def test_it_is_full_again_when_all_is_paid() -> None:
    bucket = Bucket(rate=10, burst=1, now=0)
    assert bucket.is_full(0)
    bucket.take(15)
    assert not bucket.is_full(1.4)
    assert bucket.is_full(1.5)


def test_a_clock_that_goes_back_changes_nothing() -> None:
    bucket = Bucket(rate=10, burst=1, now=100)
    bucket.take(10)
    assert not bucket.has_one(50)
    assert not bucket.has_one(50)
    assert bucket.has_one(51)


@given(
    rate=st.floats(1, 1000),
    burst=st.floats(0.1, 5),
    steps=st.lists(st.tuples(st.floats(0, 2), st.floats(0, 500)), max_size=60),
)
def test_over_time_the_rate_is_kept(
    rate: float, burst: float, steps: list[tuple[float, float]]
) -> None:
    """No more is taken than was saved, time has brought, and the last one owes."""
    bucket = Bucket(rate, burst, 0.0)
    now = taken = largest = 0.0
    for passed, amount in steps:
        now += passed
        if bucket.has_one(now):
            bucket.take(amount)
            taken += amount
            largest = max(largest, amount)
    assert taken <= (rate * burst + rate * now + largest) * 1.000001
