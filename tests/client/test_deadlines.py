"""One timer for all: in order, cancellable, unimpressed by failures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from pubsub.client.deadlines import Deadlines


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def deadlines(clock):
    return Deadlines(clock)


def test_they_are_met_in_order_of_time(clock, deadlines):
    met = []
    for delay in (3, 1, 2):
        deadlines.add(delay, met.append, delay)
    clock.advance(2)
    assert met == [1, 2]
    clock.advance(1)
    assert met == [1, 2, 3]


def test_all_of_them_are_one_delayed_call(clock, deadlines):
    for delay in range(1, 100):
        deadlines.add(delay, print, None)
    deadlines.add(0.5, print, None)
    assert len(clock.getDelayedCalls()) == 1


def test_a_cancelled_one_is_not_met(clock, deadlines):
    met = []
    deadline = deadlines.add(1, met.append, 1)
    assert deadline.active
    deadlines.cancel(deadline)
    assert not deadline.active
    deadlines.cancel(deadline)
    deadlines.cancel(None)
    assert len(deadlines) == 0
    clock.advance(2)
    assert met == []


def test_one_that_was_met_cannot_be_cancelled(clock, deadlines):
    deadline = deadlines.add(1, lambda _: None, None)
    clock.advance(1)
    assert not deadline.active
    deadlines.cancel(deadline)
    assert len(deadlines) == 0


def test_a_function_may_add_and_cancel(clock, deadlines):
    met = []

    def again(count):
        met.append(count)
        deadlines.cancel(other)
        if count < 3:
            deadlines.add(1, again, count + 1)

    other = deadlines.add(1, met.append, "other")
    deadlines.add(0.5, again, 1)
    for _ in range(10):
        clock.advance(0.5)
    assert met == [1, 2, 3]


def test_a_failure_does_not_stop_the_others(clock, deadlines, logged_failures):
    met = []
    deadlines.add(1, lambda _: 1 / 0, None)
    deadlines.add(1, met.append, 2)
    clock.advance(1)
    assert met == [2]
    assert len(logged_failures.flush(ZeroDivisionError)) == 1


def test_cancelled_ones_are_thrown_out_when_they_are_many(clock, deadlines):
    met = []
    some = [deadlines.add(1000, met.append, index) for index in range(2000)]
    kept = some[7]
    for deadline in some:
        if deadline is not kept:
            deadlines.cancel(deadline)
    assert len(deadlines) == 1
    assert len(deadlines._heap) < 1100
    clock.advance(1000)
    assert met == [7]


def test_stop_forgets_all(clock, deadlines):
    met = []
    deadlines.add(1, met.append, 1)
    deadlines.stop()
    deadlines.stop()
    clock.advance(2)
    assert met == []
    deadlines.add(1, met.append, 2)
    clock.advance(1)
    assert met == [2]


def test_an_entry_is_small(deadlines):
    deadline = deadlines.add(1.5, print, None)
    assert not hasattr(deadline, "__dict__")


@given(
    st.lists(st.tuples(st.floats(0, 100), st.booleans(), st.floats(0, 5)), min_size=1, max_size=40)
)
def test_each_is_met_once_at_its_time_unless_cancelled(steps):
    clock = Clock()
    deadlines = Deadlines(clock)
    met: list[int] = []
    expected = []
    for index, (delay, cancel, advance) in enumerate(steps):
        due = clock.seconds() + delay
        deadline = deadlines.add(delay, met.append, index)
        if cancel:
            deadlines.cancel(deadline)
        else:
            expected.append((due, index))
        clock.advance(advance)
        assert sorted(met) == sorted(i for when, i in expected if when <= clock.seconds())
    clock.advance(200)
    assert sorted(met) == sorted(index for _, index in expected)
    assert len(deadlines) == 0
