"""A bounded crowd, a few at a time, each host in its turn."""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError, fail, succeed

from pubsub.auth.slowwork import IN_ALL, PARALLEL, PER_HOST, SlowWork, host_of
from pubsub.errors import AuthenticationFailed
from pubsub.interfaces import ConnectionAttempt


class Time:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def work(threads):
    threads.hold()
    return SlowWork(threads, Time())


def begin(work, host, count, done):
    for number in range(count):
        work.of(host)(lambda: None).addBoth(lambda _, n=number: done.append((host, n)))


def test_a_few_run_at_a_time(work, threads):
    done = []
    begin(work, "a", PARALLEL + 3, done)
    assert threads.calls == PARALLEL
    while threads.held:
        threads.go()
    assert [number for _, number in done] == list(range(PARALLEL + 3))


def test_hosts_take_turns(work, threads):
    done = []
    begin(work, "busy", PARALLEL + 5, done)
    begin(work, "other", 2, done)
    while threads.held:
        threads.go()
    assert [host for host, _ in done[PARALLEL:]] == [
        "busy", "other", "busy", "other", "busy", "busy", "busy",
    ]  # fmt: skip


def test_results_and_failures_come_back():
    assert SlowWork(lambda f, *a: succeed(f(*a)), Time()).of("a")(max, 1, 2).result == 2
    failed = SlowWork(lambda f, *a: fail(ZeroDivisionError()), Time()).of("a")(max)
    failed.addErrback(lambda failure: failure.check(ZeroDivisionError))
    assert failed.result is ZeroDivisionError


def test_more_of_one_host_are_refused_and_others_are_not(work, threads, log):
    refused, done = [], []
    begin(work, "a", PARALLEL + PER_HOST, done)
    for _ in range(3):
        work.of("a")(lambda: None).addErrback(lambda f: refused.append(f.value))
    assert [type(error) for error in refused] == [AuthenticationFailed] * 3
    assert log == ["Too many logins: 1 refused unchecked, the last one from a"]
    begin(work, "b", 1, done)
    while threads.held:
        threads.go()
    assert len(done) == PARALLEL + PER_HOST + 1


def test_more_of_all_hosts_are_refused_and_counted_in_one_line_a_second(threads, log):
    threads.hold()
    time = Time()
    work = SlowWork(threads, time)
    for number in range(PARALLEL + IN_ALL):
        work.of(f"host {number}")(lambda: None)
    refused = []
    for number in range(5):
        work.of(f"late {number}")(lambda: None).addErrback(lambda f: refused.append(f.value))
    time.now += 1
    work.of("last")(lambda: None).addErrback(lambda f: refused.append(f.value))
    assert len(refused) == 6
    assert log[-1] == "Too many logins: 5 refused unchecked, the last one from last"
    assert len(log) == 2


def test_who_hangs_up_while_waiting_is_not_checked(work, threads):
    done = []
    begin(work, "a", PARALLEL, done)
    waiting = [work.of("a")(lambda: None) for _ in range(2)]
    for one in waiting:
        one.addErrback(lambda failure: failure.check(CancelledError))
        one.cancel()
        assert one.result is CancelledError
    while threads.held:
        threads.go()
    assert threads.calls == PARALLEL


def test_who_hangs_up_while_being_checked_keeps_the_place(work, threads):
    """Otherwise connecting and leaving would start any number of threads."""
    running = [work.of("a")(lambda: None) for _ in range(PARALLEL)]
    for one in running:
        one.addErrback(lambda failure: failure.check(CancelledError))
        one.cancel()
    done = []
    begin(work, "b", 1, done)
    assert threads.calls == PARALLEL
    threads.go()
    assert threads.calls == PARALLEL + 1
    while threads.held:
        threads.go()
    assert done == [("b", 0)]


def test_it_is_shared_by_who_is_given_it(threads):
    work = SlowWork(threads)
    assert SlowWork.on(work) is work
    assert SlowWork.on(threads) is not work
    assert work(max, 1, 2).result == 2


@pytest.mark.parametrize(
    ("peer", "host", "expected"),
    [
        ("1.2.3.4:5", "", "1.2.3.4"),
        ("1.2.3.4:5", "4.3.2.1", "4.3.2.1"),
        ("[::1]:5", "", "[::1]"),
        ("/run/socket", "", ""),
    ],
)
def test_whose_turn_it_is(peer, host, expected):
    assert host_of(ConnectionAttempt({}, peer, host=host)) == expected
