"""What a reload means for those who are connected."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from twisted.internet.defer import Deferred

from pubsub.auth.anonymous import AnonymousAuthenticator
from pubsub.auth.userpass import UserPassAuthenticator
from pubsub.client.reload import apply_reload, user_changed
from pubsub.config.options import AuthorizationOptions, Options
from pubsub.errors import AuthenticationFailed, ClosedState, UserAuthenticationExpired
from pubsub.interfaces import Identity, Permissions
from pubsub.values.accounts import AccountLimits, AccountOptions, UserOptions
from tests.client.fakes import Knowing


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


class Lists(Knowing):
    """Lets in who is in the server's table with that password; nobody else."""

    def __init__(self, users):
        super().__init__()
        self.users = users

    def authenticate(self, attempt):
        user = self.users.by_name(attempt.connect.get("user", ""))
        if user is None or user.password != attempt.connect.get("pass", ""):
            return None
        return Identity(user.user, user.account, user.permissions)


ANNA = UserOptions("anna", "a", account="A")
BOB = UserOptions("bob", "b", account="A")
A, B = AccountOptions("A"), AccountOptions("B")


def login(server, user):
    said = f'{{"verbose":false,"user":"{user.user}","pass":"{user.password}"}}'
    peer = server.connect(said.encode())
    peer.received()
    return peer


class TestUsers:
    """The users of the lists change: by a reload, or by a program while the server runs."""

    def start(self, server):
        server.start(Options(users=(ANNA, BOB), accounts=(A, B)))
        server.context.authenticator = Lists(server.context.users)
        server.context.info = server.info(server.context.options, auth_required=True)
        return login(server, ANNA), login(server, BOB)

    @pytest.fixture(params=["reloaded", "live"])
    def change(self, request, server):
        """Makes these the users, one way or the other."""

        def reloaded(*users):
            server.context.users.replace_all(users)
            reload(server, users=users)

        def live(*users):
            # as the live API and its listener do
            for key in [user.user for user in server.context.users]:
                if key not in [user.user for user in users]:
                    server.context.users.drop(key)
            for user in users:
                server.context.users.add(user)

        if request.param == "reloaded":
            return reloaded
        self.listen = lambda: server.context.users.listen(partial(user_changed, server.context))
        return live

    def begin(self, server):
        peers = self.start(server)
        getattr(self, "listen", lambda: None)()
        return peers

    def test_one_that_is_gone(self, server, change):
        """Its clients are closed without a word; others stay."""
        anna, bob = self.begin(server)
        change(BOB)
        assert anna.received() == bob.received() == b""
        assert anna.protocol.closed_state is ClosedState.CLIENT_CLOSED
        assert bob.protocol.closed_state is None

    def test_one_that_moved(self, server, change):
        """Likewise, and its new password is no matter."""
        anna, _ = self.begin(server)
        change(replace(ANNA, account="B", password="new"), BOB)
        assert anna.received() == b""
        assert anna.protocol.closed_state is ClosedState.CLIENT_CLOSED

    def test_another_password(self, server, change, log):
        """Its clients are told, and the log never says which."""
        anna, bob = self.begin(server)
        change(replace(ANNA, password="new"), BOB)
        assert anna.received() == b"-ERR 'Authorization Violation'\r\n"
        assert anna.protocol.closed_state is ClosedState.AUTHENTICATION_VIOLATION
        assert bob.received() == b""
        assert any(line.endswith('authentication error - User "anna"') for line in log)

    def test_other_permissions(self, server, change):
        """Subscriptions that are not allowed any more go, each with a word."""
        anna, _ = self.begin(server)
        anna.send(b"SUB x 1\r\nSUB y 2\r\n")
        allowed = Permissions(subscribe_allow=("y",), publish_deny=("z",))
        change(replace(ANNA, permissions=allowed), BOB)
        assert anna.received() == (
            b'-ERR \'Permissions Violation for Subscription to "x" (sid "1")\'\r\n'
        )
        assert anna.send(b"PUB y 0\r\n\r\n") == b"MSG y 2 0\r\n\r\n"
        assert b"Permissions Violation for Publish" in anna.send(b"PUB z 0\r\n\r\n")

    def test_during_a_reload_nobody_is_judged_by_half_of_it(self, server):
        """She gets permissions of her own, and her account default ones that are narrower."""
        anna, _ = self.start(server)
        context = server.context
        context.users.listen(partial(user_changed, context))
        anna.send(b"SUB x 1\r\n")
        users = replace(ANNA, permissions=Permissions(subscribe_allow=("x",))), BOB
        account = AccountOptions("A", default_permissions=Permissions(subscribe_allow=("y",)))
        accounts = account, AccountOptions("B")
        context.reloading = True
        context.accounts.replace_all(accounts)
        context.users.replace_all(users)
        context.reloading = False
        reload(server, users=users, accounts=accounts)
        assert anna.received() == b""
        assert anna.send(b"SUB y 2\r\nPUB x 0\r\n\r\n") == (
            b"-ERR 'Permissions Violation for Subscription to \"y\"'\r\nMSG x 1 0\r\n\r\n"
        )

    def test_a_new_one(self, server, change):
        """Nobody is disturbed."""
        anna, bob = self.begin(server)
        eve = UserOptions("eve", "e", account="B")
        change(ANNA, BOB, eve)
        assert anna.received() == bob.received() == b""
        assert login(server, eve).protocol.identity.account == "B"


class TestTheFirstUser:
    """A server that let everybody in gets users while it runs."""

    def start(self, server):
        server.start(Options())
        users = server.context.users
        known = AnonymousAuthenticator()
        server.context.authenticator = listed = Lists(users)
        listed.required = False
        anybody = listed.authenticate
        listed.authenticate = lambda attempt: (
            anybody(attempt) if len(users) else known.authenticate(attempt)
        )

        def changed(key, user):
            listed.required = bool(len(users))
            user_changed(server.context, key, user)

        users.listen(changed)

    def test_everybody_has_to_say_who_it_is(self, server):
        """Who cannot goes; INFO says it to those who come."""
        self.start(server)
        silent, anonymous = server.accept(), server.connect()
        silent.received()
        anonymous.received()
        server.context.users.add(replace(BOB, account="$G"))
        violation = b"-ERR 'Authorization Violation'\r\n"
        assert silent.received() == anonymous.received() == violation
        assert b'"auth_required":true' in server.accept().received()

    def test_with_the_last_one_gone_nobody_has_to(self, server):
        """Not even who is just about to."""
        self.start(server)
        server.context.users.add(replace(BOB, account="$G"))
        peer, bob = server.accept(), login(server, BOB)
        peer.received()
        server.context.users.drop("bob")
        assert bob.protocol.closed_state is ClosedState.CLIENT_CLOSED
        assert peer.send(b"PING\r\n") == b"PONG\r\n"
        assert b"auth_required" not in server.accept().received()


def test_an_account_that_is_gone_takes_its_clients_along(server):
    """Whoever let them in."""
    server.start(Options(accounts=(A,)), Knowing(Identity("plugin", "A")))
    peer = server.connect(b"{}")
    peer.received()
    server.context.accounts.replace_all(())
    reload(server, accounts=())
    assert peer.received() == b""
    assert peer.protocol.closed_state is ClosedState.CLIENT_CLOSED


def test_limits_of_the_account_hold_at_once(server):
    """With those of the server."""
    server.start(Options(accounts=(A,)), Knowing(Identity("u", "A")))
    peer = server.connect(b'{"verbose":false}')
    peer.received()
    limited = replace(A, limits=AccountLimits(max_payload=4))
    server.context.accounts.replace_all((limited,))
    reload(server, accounts=(limited,))
    assert peer.send(b"PUB foo 5\r\n") == b"-ERR 'Maximum Payload Violation'\r\n"


def test_a_proxy_that_is_not_trusted_any_more(server):
    """Who came by it goes."""
    server.start(Options(trusted_proxies=("P1", "P2")), Knowing(Identity("u", proxy_key="P1")))
    peer = server.connect(b"{}")
    peer.received()
    server.context.authenticator.answer = Identity("u", proxy_key="P2")
    other = server.connect(b"{}")
    other.received()
    reload(server, trusted_proxies=("P2",))
    assert peer.received() == b"-ERR 'Authorization Violation'\r\n"
    assert peer.protocol.closed_state is ClosedState.PROXY_NOT_TRUSTED
    assert other.received() == b""


def test_who_is_about_to_say_who_it_is_may(server):
    """By the new rules."""
    server.start(Options(authorization=NEW), UserPassAuthenticator("u", "p"))
    peer = server.accept()
    peer.received()
    new = AuthorizationOptions(user="u", password="new")
    reload(server, UserPassAuthenticator("u", "new"), authorization=new)
    assert peer.send(b'CONNECT {"verbose":false,"user":"u","pass":"new"}\r\nPING\r\n') == (
        b"PONG\r\n"
    )


def test_a_refusal_may_say_why(server):
    """As on CONNECT."""
    peer = server.connect(QUIET)
    peer.received()
    refusal = AuthenticationFailed("over", UserAuthenticationExpired())
    reload(server, Knowing(refusal), authorization=NEW)
    assert peer.received() == b"-ERR 'User Authentication Expired'\r\n"
