"""Being somebody: account, limits, permissions, and what happens when these change."""

from __future__ import annotations

from dataclasses import replace

import pytest
from zope.interface.verify import verifyObject

from pubsub.client.becoming import become_again, least
from pubsub.config.options import Options
from pubsub.errors import ClosedState, UserAuthenticationRevoked
from pubsub.interfaces import IClientObserver, Identity, Permissions, ResponsePermission
from pubsub.values.accounts import AccountLimits, AccountOptions
from tests.client.fakes import NOW, Knowing, Watching

A = AccountOptions("A")


def limited(**limits):
    return replace(A, limits=AccountLimits(**limits))


def start(server, identity, account=A, connect=b'{"verbose":false,"protocol":1}', **options):
    """Somebody is that identity; what came back on CONNECT and the first PING."""
    server.start(Options(accounts=(account,), **options), Knowing(identity))
    peer = server.connect(connect)
    peer.received()
    return peer, peer.send(b"PING\r\n")


@pytest.mark.parametrize(
    ("of_user", "of_account", "of_server", "expected"),
    [
        (-1, -1, 1000, 1000),
        (5, -1, 1000, 5),
        (5, 7, 1000, 5),
        (7, 5, 1000, 5),
        (-1, 5, 1000, 5),
        # the server's memory is the server's
        (2000, 3000, 1000, 1000),
        (-1, -1, -1, -1),
        (0, 5, 1000, 0),
    ],
)
def test_the_least_limit_counts(server, of_user, of_account, of_server, expected):
    """nats-server's applyAccountLimits; INFO tells it."""
    identity = Identity("u", "A", limits={"max_payload": of_user})
    peer, info = start(server, identity, limited(max_payload=of_account), max_payload=of_server)
    assert b'"max_payload":%d,' % expected in info
    assert peer.protocol.link.options.max_payload == expected
    assert least(of_user, of_account, of_server) == expected


@pytest.mark.parametrize(
    ("of_user", "of_account", "of_server", "expected"),
    [(-1, -1, 0, -1), (-1, -1, -1, -1), (1, -1, 0, 1), (-1, 1, 5, 1), (9, 9, 1, 1)],
)
def test_subscriptions_likewise(server, of_user, of_account, of_server, expected):
    """But 0 of the server is any number."""
    identity = Identity("u", "A", limits={"max_subscriptions": of_user})
    account = limited(max_subscriptions=of_account)
    peer, _ = start(server, identity, account, max_subscriptions=of_server)
    second = b"" if expected < 0 else b"-ERR 'maximum subscriptions exceeded'\r\n"
    assert peer.send(b"SUB a 1\r\nSUB b 2\r\n") == second


@pytest.mark.parametrize("of_user", [True, False])
def test_who_may_have_no_subscription_may_not_be_here(server, of_user):
    """As in nats-server."""
    identity = Identity("u", "A", limits={"max_subscriptions": 0} if of_user else {})
    server.start(
        Options(accounts=(A if of_user else limited(max_subscriptions=0),)), Knowing(identity)
    )
    peer = server.accept()
    peer.received()
    answer = peer.send(b"CONNECT {}\r\nPING\r\n")
    assert answer == b"-ERR 'maximum subscriptions exceeded'\r\n"
    assert peer.protocol.closed_state is ClosedState.MAX_SUBSCRIPTIONS_EXCEEDED


class TestRegistration:
    """Accounts take clients in, or do not."""

    def test_one_of_its_clients(self, server):
        """Until it goes."""
        peer, _ = start(server, Identity("u", "A"))
        accounts = server.context.accounts
        assert list(accounts.clients("A")) == [peer.protocol]
        assert accounts.connections("$G") == 0
        peer.lost()
        assert accounts.connections("A") == 0

    def test_a_full_account(self, server, log):
        """The client is told, and so is who observes."""
        server.start(Options(accounts=(limited(max_connections=1),)), Knowing(Identity("u", "A")))
        server.connect()
        server.context.observer = watching = Watching()
        verifyObject(IClientObserver, watching)
        peer = server.accept()
        peer.received()
        answer = peer.send(b"CONNECT {}\r\nPING\r\n")
        assert answer == b"-ERR 'maximum account active connections exceeded'\r\n"
        assert peer.protocol.closed_state is ClosedState.MAX_ACCOUNT_CONNECTIONS_EXCEEDED
        assert [what[0] for what in watching.told] == ["refused"]
        assert log[-1].endswith("maximum account active connections exceeded")

    def test_an_account_that_is_not_there(self, server, log):
        """A plugin may name any."""
        server.start(Options(), Knowing(Identity("u", "nowhere")))
        peer = server.accept()
        peer.received()
        assert peer.send(b"CONNECT {}\r\n") == b"-ERR 'Failed Account Registration'\r\n"
        assert peer.protocol.closed_state is ClosedState.MISSING_ACCOUNT
        assert log[-1].endswith('Problem registering with account "nowhere": account missing')

    def test_an_account_that_is_over(self, server):
        """Nobody gets in any more."""
        server.start(Options(accounts=(replace(A, expires=1.0),)), Knowing(Identity("u", "A")))
        assert server.connect().protocol.closed_state is ClosedState.AUTHENTICATION_EXPIRED

    def test_who_never_says_connect_is_in_the_global_account(self, server):
        """Where that is allowed."""
        server.accept()
        assert server.context.accounts.connections("$G") == 1
        server.start(Options(), Knowing(Identity()))
        server.accept()
        assert server.context.accounts.connections("$G") == 0

    def test_a_second_connect_moves_it(self, server):
        """Out of the one, into the other; it has no place in the first while it is asked."""
        peer, _ = start(server, Identity("u", "A"), limited(max_connections=1))
        server.context.authenticator.answer = Identity("u")
        assert peer.send(b'CONNECT {"verbose":false}\r\nPING\r\n') == b"PONG\r\n"
        accounts = server.context.accounts
        assert (accounts.connections("A"), accounts.connections("$G")) == (0, 1)
        assert peer.protocol.link.account == "$G"
        server.context.authenticator.answer = Identity("u", "A", expires=NOW + 9)
        assert peer.send(b"CONNECT {}\r\nPING\r\n") == b"PONG\r\n"
        assert (accounts.connections("A"), accounts.connections("$G")) == (1, 0)

    def test_a_second_connect_ends_what_the_first_one_was(self, server):
        """Permissions and expiry, too."""
        strict = Permissions(publish_deny=("x",))
        peer, _ = start(server, Identity("u", "A", strict, expires=NOW + 9))
        server.context.authenticator.answer = Identity("u")
        peer.send(b'CONNECT {"verbose":false}\r\n')
        server.clock.advance(10)
        assert peer.send(b"PUB x 0\r\n\r\nPING\r\n").endswith(b"PONG\r\n")


class TestPermissions:
    """What it may do."""

    DEFAULT = replace(A, default_permissions=Permissions(publish_allow=("a",)))
    DENIED = b"-ERR 'Permissions Violation for Publish to \"b\"'\r\n"
    PUB = b"PUB b 0\r\n\r\n"

    def test_of_its_own(self, server):
        """They replace the default ones."""
        own = Permissions(publish_allow=("b",))
        peer, _ = start(server, Identity("u", "A", own), self.DEFAULT)
        assert peer.send(self.PUB) == b""

    def test_of_its_account(self, server):
        """For who has none."""
        peer, _ = start(server, Identity("u", "A"), self.DEFAULT)
        assert peer.send(self.PUB) == self.DENIED

    def test_to_respond(self, server):
        """The router counts."""
        own = Permissions(responses=ResponsePermission(1, 5.0))
        peer, _ = start(server, Identity("u", "A", own))
        peer.send(b"SUB q 1\r\n")
        server.context.router.publish("A", b"q", b"b", b"", b"")
        server.context.router.flush()
        peer.received()
        assert peer.send(self.PUB) == b""
        assert peer.send(self.PUB) == self.DENIED

    def test_default_ones_change_while_it_is_here(self, server, log):
        """And end subscriptions, each with a word."""
        peer, _ = start(server, Identity("u", "A"), connect=b'{"verbose":false,"user":"u"}')
        peer.send(b'SUB a 1\r\nSUB b 2\r\nSUB c "q" 3\r\n'.replace(b'"', b""))
        allowed = replace(A, default_permissions=Permissions(subscribe_allow=("a",)))
        server.context.accounts.update(allowed)
        assert peer.received() == (
            b'-ERR \'Permissions Violation for Subscription to "b" (sid "2")\'\r\n'
            b'-ERR \'Permissions Violation for Subscription to "c" using queue "q" (sid "3")\'\r\n'
        )
        assert [subscription.sid for subscription in peer.protocol.link.subscriptions()] == [b"1"]
        assert log[-1].endswith(
            'Removed sub "c" using queue "q" (sid "3") for User "u" - not authorized'
        )

    def test_of_its_own_they_stay(self, server):
        """Default ones are for others."""
        peer, _ = start(server, Identity("u", "A", Permissions()))
        peer.send(b"SUB b 2\r\n")
        server.context.accounts.update(self.DEFAULT)
        assert peer.received() == b""
        assert peer.send(self.PUB) == b"MSG b 2 0\r\n\r\n"


class TestChanges:
    """Its account changes while it is here."""

    def test_its_payload(self, server):
        """At once."""
        peer, _ = start(server, Identity("u", "A"))
        server.context.accounts.update(limited(max_payload=4))
        assert peer.send(b"PUB a 5\r\n") == b"-ERR 'Maximum Payload Violation'\r\n"

    def test_its_subscriptions(self, server):
        """Who has more is told, and closed; who has just as many may stay."""
        peer, _ = start(server, Identity("u", "A"))
        peer.send(b"SUB a 1\r\nSUB b 2\r\n")
        server.context.accounts.update(limited(max_subscriptions=2))
        assert peer.received() == b""
        server.context.accounts.update(limited(max_subscriptions=1))
        assert peer.received() == b"-ERR 'maximum subscriptions exceeded'\r\n"
        assert peer.closing

    def test_too_many_clients(self, server):
        """The last ones go."""
        server.start(Options(accounts=(A,)), Knowing(Identity("u", "A")))
        peers = [server.connect() for _ in range(3)]
        for peer in peers:
            peer.received()
        server.context.accounts.update(limited(max_connections=1))
        told = b"-ERR 'maximum account active connections exceeded'\r\n"
        assert [peer.received() for peer in peers] == [b"", told, told]
        assert server.context.accounts.connections("A") == 1

    def test_the_end_of_the_account(self, server):
        """At its time."""
        peer, _ = start(server, Identity("u", "A"), replace(A, expires=NOW + 60))
        server.clock.advance(59)
        peer.received()
        server.clock.advance(1)
        assert peer.received() == b"-ERR 'Account Authentication Expired'\r\n"
        assert peer.protocol.closed_state is ClosedState.AUTHENTICATION_EXPIRED

    def test_a_revocation(self, server):
        """Whoever let it in says so."""
        revoked = []
        identity = Identity("u", "A", still_valid=lambda _: revoked.pop() if revoked else None)
        peer, _ = start(server, identity)
        server.context.accounts.update(limited(max_payload=9))
        assert peer.received() == b""
        revoked.append(UserAuthenticationRevoked())
        server.context.accounts.update(A)
        assert peer.received() == b"-ERR 'User Authentication Revoked'\r\n"
        assert peer.protocol.closed_state is ClosedState.REVOCATION

    def test_one_that_is_closed_already(self, server):
        """Nothing happens to it."""
        peer, _ = start(server, Identity("u", "A"))
        protocol = peer.protocol
        peer.lost()
        protocol.account_changed(limited(max_payload=1))
        assert peer.received() == b""


class TestExpiry:
    """What let it in may end."""

    @pytest.mark.parametrize("seconds", [0.0, -5.0])
    def test_at_once(self, server, seconds):
        """A time that is over."""
        server.start(Options(), Knowing(Identity("u", expires=NOW + seconds)))
        peer = server.connect(b'{"verbose":false}')
        peer.received()
        server.clock.advance(0)
        assert peer.received() == b"-ERR 'User Authentication Expired'\r\n"

    def test_never(self, server):
        """The authentication timer is over, too."""
        peer, _ = start(server, Identity("u", "A"))
        server.clock.advance(100)
        assert peer.protocol.closed_state is None


def test_another_identity_in_the_same_account(server):
    """A reload: all that the first one said is over, and what it may not have any more goes."""
    first = Identity("u", "A", expires=NOW + 9, limits={"max_payload": 4})
    peer, _ = start(server, first)
    peer.send(b"SUB x 1\r\n")
    second = Identity("u", "A", Permissions(subscribe_deny=("x",)), expires=NOW + 60)
    become_again(peer.protocol, second)
    assert peer.received() == (
        b'-ERR \'Permissions Violation for Subscription to "x" (sid "1")\'\r\n'
    )
    assert peer.send(b"PUB y 5\r\nhello\r\nPING\r\n") == b"PONG\r\n"
    server.clock.advance(10)
    assert peer.protocol.closed_state is None
    server.clock.advance(50)
    assert peer.received().endswith(b"-ERR 'User Authentication Expired'\r\n")
