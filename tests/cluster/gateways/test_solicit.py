"""Connecting to other clusters, and coming back."""

from __future__ import annotations

from itertools import pairwise

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.error import UserError

from pubsub.config.options import Options
from pubsub.errors import ClosedState
from tests.cluster.gateways.raw import INFO, a_server, came, found
from tests.cluster.gateways.world import GATEWAYS, Server, World
from tests.cluster.raw import line


def attempts(server: Server) -> list[tuple[float, str]]:
    """When it tried to connect, and where to."""
    made: list[tuple[float, str]] = []

    def connect(host: str, port: int, factory: object) -> Deferred[object]:
        made.append((round(server.network.clock.seconds(), 1), host))
        raise Refused

    server.gateway_context.connect = connect
    return made


def told(server: Server, *hosts: str) -> None:
    """Another server tells of a cluster ``C``."""
    urls = ",".join(f'"{host}:7222"' for host in hosts).encode()
    text = b'{"gateway":"C","gateway_urls":[%b],"gateway_cmd":1}' % urls
    server.gateways.told_by_member(text, "NB")


def test_the_first_attempt_waits_for_our_own_cluster() -> None:
    """A second; then each second, all servers in turn, for ever."""
    server = World().server("a", "A", to={"B": ["x", "y"]})
    made = attempts(server)
    server.gateways.start(GATEWAYS)
    server.network.settle(10.5)
    assert [when for when, _ in made[:4]] == [1.0, 1.0, 2.0, 2.0]
    assert {host for _, host in made[:2]} == {"x", "y"}
    assert len(made) == 20


def test_attempts_may_become_rarer() -> None:
    """Twice as long after each, up to half a minute."""
    server = World().server("a", "A", to={"B": ["x"]}, connect_backoff=True)
    made = attempts(server)
    server.gateways.start(GATEWAYS)
    server.network.settle(100)
    times = [when for when, _ in made]
    gaps = [round(later - earlier) for earlier, later in pairwise(times)]
    assert gaps[:7] == [1, 2, 4, 8, 16, 30, 30]


@pytest.mark.parametrize(("retries", "expected"), [(0, 1), (3, 4)])
def test_clusters_others_told_of_are_given_up(retries: int, expected: int) -> None:
    """Until somebody tells of them again."""
    server = a_server(connect_retries=retries)
    made = attempts(server)
    told(server, "p")
    told(server, "p")
    server.network.settle(10)
    assert [host for _, host in made] == ["p"] * expected
    assert not server.gateways.remotes
    told(server, "q")
    server.network.settle(0.1)
    assert made[-1][1] == "q"


def test_who_connects_to_us_is_not_given_up() -> None:
    """It is there, after all."""
    server = a_server()
    made = attempts(server)
    raw = came(server)
    server.network.settle(5)
    assert len(made) >= 4
    raw.protocol.close(ClosedState.CLIENT_CLOSED)
    server.network.settle(3)
    count = len(made)
    server.network.settle(5)
    assert len(made) == count
    assert not server.gateways.remotes


def test_a_cluster_that_was_there_is_come_back_to() -> None:
    """After a second and a little more; at once if another server told of it."""
    server = a_server(to={"B": ["x"]})
    server.network.settle(0.5)
    made = attempts(server)
    raw = found(server)
    raw.protocol.close(ClosedState.CLIENT_CLOSED)
    start = server.network.clock.seconds()
    server.network.settle(1.3)
    assert 1.0 <= made[0][0] - round(start, 1) <= 1.2


def test_attempts_end_with_the_server() -> None:
    """Those under way, too."""
    server = a_server(to={"B": ["x"]})
    cancelled: list[object] = []
    server.gateway_context.connect = lambda *where: Deferred(cancelled.append)
    server.network.settle(1.5)
    server.gateways.close_all()
    assert len(cancelled) == 1
    server.network.settle(5)
    told(server, "p")
    assert len(cancelled) == 1
    assert list(server.gateways.remotes) == ["B"]


def test_an_attempt_that_is_given_up_has_not_failed(log: list[str]) -> None:
    """Sockets say so in words of their own when they are no longer wanted: no other is tried."""
    server = a_server(to={"B": ["x", "y"]})
    asked: list[object] = []

    def connect(*where: object) -> Deferred[object]:
        asked.append(where)
        return Deferred(lambda one: one.errback(UserError()))

    server.gateway_context.connect = connect
    server.network.settle(1.5)
    log.clear()
    server.gateways.close_all()
    server.network.settle(60)
    assert len(asked) == 1
    assert log == []


def test_a_cluster_without_servers_is_not_looked_for() -> None:
    """There is nothing to try."""
    server = a_server(to={"B": ["x"]})
    made = attempts(server)
    server.gateways.remotes["B"].urls.clear()
    server.network.settle(3)
    assert made == []


def test_errors_are_reported_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    """``connect_error_reports`` for the first time, ``reconnect_error_reports`` later."""
    server = a_server(to={"B": ["x"]})
    server.gateway_context.options = Options(
        gateway=server.gateway_context.options.gateway, connect_error_reports=2
    )
    attempts(server)
    server.network.settle(6)
    raw = found(server)
    assert raw.send(line(b"INFO", INFO)) == []
