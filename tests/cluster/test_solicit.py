"""Connecting, again and again, but not for ever to everybody."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.error import UserError

from pubsub.cluster import solicit
from pubsub.cluster.solicit import Target
from pubsub.config.options import RouteUrl
from tests.cluster.network import Network, Node


def attempts_of(node: Node) -> list[float]:
    """When it tried to connect; it never works."""
    times: list[float] = []

    def refuse(host: str, port: int, factory: Any) -> Deferred[Any]:
        times.append(round(node.network.clock.seconds(), 1))
        return fail(Refused())

    node.context.connect = refuse
    return times


URL = RouteUrl("b", 6222)


@pytest.mark.parametrize(
    ("backoff", "expected"),
    [(False, [0, 1, 2, 3, 4, 5]), (True, [0, 1, 3, 7, 15, 31, 61, 91])],
)
def test_servers_of_the_configuration_are_tried_for_ever(
    backoff: bool, expected: list[float]
) -> None:
    network = Network()
    node = network.node("a", "b", connect_backoff=backoff)
    times = attempts_of(node)
    node.start()
    network.clock.advance(0)
    for _ in range(120):
        network.clock.advance(1)
    assert times[: len(expected)] == expected


@pytest.mark.parametrize("retries", [0, 3])
def test_others_so_often_as_configured(retries: int) -> None:
    network = Network()
    node = network.node("a", connect_retries=retries)
    times = attempts_of(node)
    node.members.solicitor.solicit(Target(URL, False))
    network.clock.advance(0)
    for _ in range(20):
        network.clock.advance(1)
    assert len(times) == 1 + retries


def test_who_is_no_longer_configured_is_not_tried() -> None:
    network = Network()
    node = network.node("a")
    times = attempts_of(node)
    node.members.solicitor.solicit(Target(URL, True))
    network.clock.advance(5)
    assert times == []


@pytest.mark.parametrize("there", [0, 2, 3])
def test_who_is_no_longer_configured_is_not_connected_to_any_further(there: int) -> None:
    """A reload comes while connections of the pool are under way."""
    network = Network()
    one, two = network.node("a", pool_size=3), network.node("b", "a", pool_size=3)
    connect = two.context.connect
    under_way: list[Deferred[Any]] = []
    given_up: list[Deferred[Any]] = []

    def hold(host: str, port: int, factory: Any) -> Deferred[Any]:
        if len(two.members.open) < there:
            return connect(host, port, factory)
        under_way.append(Deferred(given_up.append))
        return under_way[-1]

    two.context.connect = hold
    network.start()
    assert len(two.members.open) == there
    options = two.context.options
    two.context.options = replace(options, cluster=replace(options.cluster, routes=()))
    two.members.reloaded(options.cluster)
    network.settle(3)
    for node in (one, two):
        assert not node.members.remotes
        assert not node.members.open
    assert set(under_way) == set(given_up) != set()


def test_nothing_is_tried_when_the_server_ends() -> None:
    network = Network()
    node = network.node("a", "b")
    waiting: Deferred[Any] = Deferred()
    node.context.connect = lambda host, port, factory: waiting
    node.start()
    network.clock.advance(0)
    ended: list[Any] = []
    node.members.close_all().addCallback(ended.append)
    network.clock.advance(5)
    assert waiting.called
    assert ended == [None]
    tried = attempts_of(node)
    node.members.solicitor.solicit(Target(URL, True))
    network.settle(3)
    assert tried == []


def test_an_attempt_that_is_given_up_has_not_failed(log: list[str]) -> None:
    """Sockets say so in words of their own when they are no longer wanted."""
    network = Network()
    node = network.node("a", "b")
    node.context.connect = lambda *where: Deferred(lambda one: one.errback(UserError()))
    node.start()
    network.clock.advance(0)
    log.clear()
    node.members.close_all()
    network.settle(3)
    assert log == []


@pytest.mark.parametrize("pool_size", [-1, 3])
def test_the_same_server_is_sought_as_often_as_it_has_connections(pool_size: int) -> None:
    """However many others tell of it at once."""
    network = Network()
    node = network.node("a", pool_size=pool_size)
    times = attempts_of(node)
    for _ in range(9):
        node.members.solicitor.solicit(Target(URL, False))
    network.clock.advance(0)
    assert len(times) == max(1, pool_size)


def test_servers_that_another_one_makes_up_are_sought_in_moderation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(solicit, "MOST_ATTEMPTS", 5)
    network = Network()
    node = network.node("a")
    times = attempts_of(node)
    for port in range(1, 10):
        node.members.solicitor.solicit(Target(RouteUrl("made.up", port), False))
    network.clock.advance(0)
    assert len(times) == 5
