"""Who asks, as services of other accounts are told."""

from __future__ import annotations

import json

from pubsub.client.request_info import client_info
from pubsub.config.options import Options
from pubsub.interfaces import Identity
from pubsub.values.accounts import AccountOptions
from pubsub.wire.info import InfoRenderer, ServerInfo
from tests.client.fakes import Knowing


def start(make_server, identity):
    server = make_server().start(Options(accounts=(AccountOptions("A"),)), Knowing(identity))
    server.context.info = InfoRenderer(
        ServerInfo("ID", "name", "2.15.0", "py", "h", 4222, 100, cluster="C")
    )
    peer = server.accept()
    server.clock.advance(0.25)
    peer.send(
        b'CONNECT {"name":"app","lang":"python","version":"2.0","user":"u","pass":"hush"}\r\n'
    )
    return server, peer.protocol


def test_its_account_and_distance_are_always_told(make_server):
    """Nothing else, unless the import shares."""
    _, client = start(make_server, Identity("u", "A"))
    assert client.request_info(False) == b'{"acc":"A","rtt":250000000}'


def test_all_of_it(make_server):
    """In Go's order, and without a secret."""
    _, client = start(
        make_server,
        Identity("u", "A", jwt="eyJ", issuer_key="AKEY", name_tag="tagged", tags=("a:b",)),
    )
    assert json.loads(client.request_info(True)) == client_info(client, True)
    assert client_info(client, True) == {
        "start": "2023-11-14T22:13:20Z",
        "host": "1.2.3.4",
        "id": 1,
        "acc": "A",
        "user": "u",
        "name": "app",
        "lang": "python",
        "ver": "2.0",
        "rtt": 250000000,
        "server": "name",
        "cluster": "C",
        "jwt": "eyJ",
        "issuer_key": "AKEY",
        "name_tag": "tagged",
        "tags": ["a:b"],
        "kind": "Client",
        "client_type": "nats",
    }
    assert list(client_info(client, True))[:4] == ["start", "host", "id", "acc"]


def test_the_issuer_of_a_key_is_its_account(make_server):
    """Unless a signing key is named; who has no key has no issuer."""
    _, client = start(make_server, Identity("UKEY", "A", nkey="UKEY"))
    assert client_info(client, True)["issuer_key"] == "A"
    _, client = start(make_server, Identity("u", "A"))
    assert "issuer_key" not in client_info(client, True)


def test_other_clusters_are_where_it_may_be_found(make_server):
    """The nearest first."""
    server, client = start(make_server, Identity("u", "A"))
    server.context.alternates = lambda: ["WEST", "EAST"]
    info = client_info(client, True)
    assert info["alts"] == ["WEST", "EAST"]
    assert list(info)[-3:] == ["alts", "kind", "client_type"]
    assert "alts" not in client_info(client, False)


def test_what_is_not_known_is_left_out(make_server):
    """As Go's omitempty does."""
    server = make_server()
    client = server.accept().protocol
    assert client.request_info(False) == b'{"acc":"$G"}'


def test_the_router_is_told_when_it_is_outdated(make_server):
    """With each new round trip, and each new identity."""
    _, client = start(make_server, Identity("u", "A"))
    asked = []

    class Link:
        def __init__(self, link):
            self.link = link

        def __getattr__(self, name):
            if name == "forget_request_info":
                asked.append(name)
            return getattr(self.link, name)

    client.link = Link(client.link)
    client.pings_out = 1
    client.pong_received()
    assert len(asked) == 1
    client.link.feed(b"CONNECT {}\r\n")
    assert len(asked) > 1


def test_one_that_is_gone(make_server):
    """Is who it was."""
    _, client = start(make_server, Identity("u", "A"))
    client.link = None
    assert client_info(client, False)["acc"] == "A"
