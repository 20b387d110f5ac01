"""What a reload means for those who are connected."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred

from pubsub.auth.anonymous import AnonymousAuthenticator
from pubsub.auth.userpass import UserPassAuthenticator
from pubsub.client.reload import apply_reload
from pubsub.config.options import AuthorizationOptions, Options
from pubsub.errors import ClosedState
from pubsub.interfaces import Identity, Permissions


def reload(server, authenticator=None, **changes):
    old = server.context.options
    server.context.options = replace(old, **changes)
    if authenticator is not None:
        server.context.authenticator = authenticator
    apply_reload(server.context, old)


QUIET = b'{"verbose":false,"user":"u","pass":"p"}'
NEW = AuthorizationOptions(user="u", password="p")


def test_max_payload_holds_at_once(server):
    peer = server.connect(QUIET)
    peer.received()
    reload(server, max_payload=4)
    assert peer.send(b"PUB foo 5\r\n") == b"-ERR 'Maximum Payload Violation'\r\n"


def test_max_payload_holds_for_who_has_not_sent_connect(server):
    peer = server.accept()
    peer.received()
    reload(server, max_payload=4)
    assert peer.send(b"PUB foo 5\r\n") == b"-ERR 'Maximum Payload Violation'\r\n"


def test_ping_interval_counts_from_the_next_ping(server):
    peer = server.connect(QUIET)
    peer.received()
    server.clock.advance(2)
    peer.send(b"PONG\r\n")
    reload(server, ping_interval=10.0)
    server.clock.advance(120)
    assert peer.received() == b"PING\r\n"
    server.clock.advance(10)
    assert peer.received() == b"PING\r\n"


def test_tracing_is_switched_on(server, log):
    peer = server.connect(QUIET)
    reload(server, trace=True)
    peer.send(b"PING\r\n")
    assert log[0].endswith("<<- [PING]")


def test_fewer_connections(server, log):
    peers = [server.connect(QUIET) for _ in range(3)]
    for peer in peers:
        peer.received()
    reload(server, max_connections=1)
    assert [peer.received() for peer in peers] == [
        b"-ERR 'maximum connections exceeded'\r\n",
        b"-ERR 'maximum connections exceeded'\r\n",
        b"",
    ]
    assert "Closed 2 connections to fall within max_connections" in log


def test_any_number_of_connections(server):
    peer = server.connect(QUIET)
    reload(server, max_connections=0)
    assert not peer.closing
    reload(server, max_connections=-1)
    assert peer.closing


def test_fewer_closed_connections_are_remembered(server):
    for _ in range(3):
        server.connect(QUIET).lost()
    reload(server, max_closed_clients=2)
    assert [info.cid for info in server.context.registry.closed] == [2, 3]


def test_who_is_not_authorised_any_more_has_to_go(server, log):
    good, bad = server.connect(QUIET), server.connect(b'{"verbose":false,"user":"x"}')
    silent = server.accept()
    for peer in (good, bad, silent):
        peer.received()
    reload(server, UserPassAuthenticator("u", "p"), authorization=NEW)
    assert [peer.received() for peer in (good, bad, silent)] == [
        b"",
        b"-ERR 'Authorization Violation'\r\n",
        b"-ERR 'Authorization Violation'\r\n",
    ]
    assert bad.protocol.closed_state is ClosedState.AUTHENTICATION_VIOLATION
    assert any('authentication error - User "x"' in line for line in log)


def test_credentials_are_not_needed_any_more(server):
    server.start(Options(authorization=NEW), UserPassAuthenticator("u", "p"))
    peer = server.accept()
    peer.received()
    reload(server, AnonymousAuthenticator(), authorization=AuthorizationOptions())
    assert peer.send(b"PING\r\n") == b"PONG\r\n"


class Later:
    """An authenticator that needs time."""

    required = True

    def __init__(self):
        self.asked = []

    def authenticate(self, attempt):
        self.asked.append(Deferred())
        return self.asked[-1]


def test_the_new_authenticator_may_need_time(server):
    peer = server.connect(QUIET)
    peer.received()
    later = Later()
    reload(server, later, authorization=NEW)
    assert peer.send(b"PING\r\n") == b""
    later.asked[0].callback(Identity("u"))
    assert peer.received() == b"PONG\r\n"


def test_who_is_being_asked_about_already_is_not_asked_twice(server):
    later = Later()
    server.start(Options(), later)
    peer = server.accept()
    peer.send(b"CONNECT " + QUIET + b"\r\n")
    reload(server, authorization=NEW)
    assert len(later.asked) == 1


def test_who_moved_to_another_account_has_to_come_again(server):
    class Mover:
        required = True

        def authenticate(self, attempt):
            return Identity("u", "A")

    peer = server.connect(QUIET)
    peer.received()
    reload(server, Mover(), authorization=NEW)
    assert peer.received() == b""
    assert peer.closing


def test_permissions_change(server):
    class Strict:
        required = True

        def authenticate(self, attempt):
            return Identity("u", permissions=Permissions(publish_deny=("foo",)))

    peer = server.connect(QUIET)
    peer.received()
    assert peer.send(b"PUB foo 0\r\n\r\n") == b""
    reload(server, Strict(), authorization=NEW)
    assert b"Permissions Violation for Publish" in peer.send(b"PUB foo 0\r\n\r\n")


def test_one_in_its_preamble_is_left_alone(server):
    server.start(Options(proxy_protocol=True))
    peer = server.accept()
    reload(server, UserPassAuthenticator("u", "p"), authorization=NEW)
    assert not peer.closing
    peer.lost()
