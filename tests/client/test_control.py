"""What the server does to its clients."""

from __future__ import annotations

import pytest

from pubsub.client.control import (
    announce_info,
    announce_lame_duck,
    close_all,
    kick,
    lame_duck_one,
)
from pubsub.config.options import Options
from pubsub.errors import ClosedState

ASYNC = b'{"verbose":false,"protocol":1}'


@pytest.fixture
def clients(server):
    """One that was pinged, one that was not yet, one that speaks protocol 0, one silent."""
    server.context.info = server.info(Options(), connect_urls=("h:4222",))
    pinged, fresh = server.connect(ASYNC), server.connect(ASYNC)
    old, silent = server.connect(b'{"verbose":false}'), server.accept()
    pinged.send(b"PING\r\n")
    old.send(b"PING\r\n")
    for peer in (pinged, fresh, old, silent):
        peer.received()
    return [pinged, fresh, old, silent]


def test_lame_duck_is_announced_to_who_understands(server, clients):
    assert announce_lame_duck(server.context) == 1
    received = [peer.received() for peer in clients]
    assert received[0].startswith(b"INFO {")
    assert received[0].endswith(b'"client_ip":"1.2.3.4","ldm":true} \r\n')
    assert received[1:] == [b"", b"", b""]


def test_who_comes_late_is_not_sent_here_again(server, clients):
    announce_lame_duck(server.context)
    info = clients[1].send(b"PING\r\n")
    assert b"connect_urls" not in info
    assert b"ldm" not in info


def test_news_are_announced(server, clients):
    server.context.info = server.info(Options(), connect_urls=("h:4222", "i:4222"))
    assert announce_info(server.context) == 1
    assert b'"connect_urls":["h:4222","i:4222"]} \r\n' in clients[0].received()


def test_one_client_may_be_sent_away(server, clients):
    assert lame_duck_one(server.context, 1)
    assert b'"ldm":true' in clients[0].received()
    assert not lame_duck_one(server.context, 3)
    assert not lame_duck_one(server.context, 99)


def test_kick(server, clients):
    assert kick(server.context, 3)
    assert clients[2].closing
    assert clients[2].protocol.closed_state is ClosedState.KICKED
    assert not kick(server.context, 3)


def test_shutdown(server, clients):
    assert close_all(server.context) == 4
    assert all(peer.closing for peer in clients)
    assert {info.reason for info in server.context.registry.closed} == {ClosedState.SERVER_SHUTDOWN}
    assert server.accept().aborted


def test_a_closed_client_is_not_told_anything(server, clients):
    kick(server.context, 1)
    clients[0].received()
    assert not clients[0].protocol.send_async_info()
