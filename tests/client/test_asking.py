"""Asking the authenticators: what they are told, and what comes of each answer."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred

from pubsub.client.asking import has_credentials
from pubsub.client.preamble_types import PeerCertificate, TlsDetails
from pubsub.config.options import AuthorizationOptions, CalloutOptions, Options
from pubsub.errors import (
    AuthenticationFailed,
    ClosedState,
    ProxyNotTrusted,
    UserAuthenticationExpired,
)
from pubsub.interfaces import Identity
from pubsub.values.accounts import AccountLimits, AccountOptions, UserOptions
from tests.client.fakes import NOW, Knowing

VIOLATION = b"-ERR 'Authorization Violation'\r\n"
NOBODY = UserOptions("nobody", "secret")


def test_what_an_authenticator_is_told(make_server):
    """All that is known of a connection."""
    server = make_server().start(Options(), Knowing(Identity()))
    server.context.nonce = lambda: "abc"
    peer = server.accept()
    certificates = tuple(PeerCertificate(der, "", "", "") for der in (b"own", b"issuer"))
    peer.protocol.tls = TlsDetails("1.3", "TLS_AES_128_GCM_SHA256", certificates)
    server.clock.advance(1)
    peer.send(b'CONNECT {"user":"u"}\r\n')
    (attempt,) = server.context.authenticator.attempts
    assert attempt.connect == {"user": "u"}
    assert (attempt.peer, attempt.host, attempt.cid) == ("1.2.3.4:5678", "1.2.3.4", 1)
    assert attempt.start == NOW
    assert attempt.nonce == b"abc"
    assert attempt.connection_type == "STANDARD"
    assert attempt.tls_certificate == b"own"
    assert attempt.tls_chain == (b"own", b"issuer")
    assert (attempt.tls_version, attempt.tls_cipher) == ("1.3", "TLS_AES_128_GCM_SHA256")


def test_a_connection_inside_this_process(make_server):
    """Is of its own type."""
    server = make_server().start(Options(), Knowing(Identity()))
    server.factory.in_process = True
    server.accept().send(b"CONNECT {}\r\n")
    (attempt,) = server.context.authenticator.attempts
    assert attempt.connection_type == "IN_PROCESS"
    assert (attempt.tls_version, attempt.tls_chain) == ("", ())


@pytest.mark.parametrize(
    ("fault", "told", "state"),
    [
        (None, VIOLATION, ClosedState.AUTHENTICATION_VIOLATION),
        (ProxyNotTrusted(), VIOLATION, ClosedState.PROXY_NOT_TRUSTED),
        (
            UserAuthenticationExpired(),
            b"-ERR 'User Authentication Expired'\r\n",
            ClosedState.AUTHENTICATION_EXPIRED,
        ),
    ],
)
@pytest.mark.parametrize("later", [False, True])
def test_an_authenticator_may_say_what_the_client_is_told(server, fault, told, state, later, log):
    """Its reason is for the log, and for no one else."""
    error = AuthenticationFailed("the reason", fault)
    answer = Deferred() if later else error
    server.start(Options(debug=True), Knowing(answer))
    peer = server.accept()
    peer.received()
    got = peer.send(b'CONNECT {"user":"u","pass":"hush"}\r\nPING\r\n')
    if later:
        assert got == b""
        answer.errback(error)
        got = peer.received()
    assert got == told
    assert peer.protocol.closed_state is state
    assert any("Authentication refused: the reason" in line for line in log)
    assert not any("hush" in line for line in log)


@pytest.mark.parametrize("name", ["user", "pass", "auth_token", "nkey", "jwt", "sig"])
def test_credentials(name):
    """One of them is enough to be nobody else."""
    assert has_credentials({name: "x"})
    assert not has_credentials({name: ""})
    assert not has_credentials({"name": "x", "lang": "go"})


class Lists(Knowing):
    """Knows who is in its list, too."""

    def __init__(self, answer=None):
        super().__init__(answer)
        self.known = {"nobody": Identity("nobody"), "UKEY": Identity("UKEY", nkey="UKEY")}

    def identity_of(self, key):
        return self.known.get(key)


class TestNoAuthUser:
    """Who shows no credentials is somebody, too."""

    def start(self, server, user=NOBODY, answer=None, **options):
        name = user.nkey or user.user
        return server.start(Options(no_auth_user=name, users=(user,), **options), Lists(answer))

    @pytest.mark.parametrize("user", [NOBODY, UserOptions(nkey="UKEY")])
    def test_without_credentials(self, server, user):
        """By name or by key."""
        self.start(server, user)
        peer = server.connect(b'{"verbose":false,"name":"app"}')
        assert peer.protocol.closed_state is None
        assert peer.protocol.identity.user == user.nkey or user.user
        assert server.context.authenticator.attempts == []

    def test_with_credentials_it_is_somebody_else(self, server):
        """Even if they are wrong."""
        self.start(server)
        peer = server.connect(b'{"user":"u"}')
        assert peer.protocol.closed_state is ClosedState.AUTHENTICATION_VIOLATION

    def test_with_a_certificate_the_authenticators_decide(self, server):
        """One may be mapped."""
        self.start(server, answer=Identity("mapped"))
        peer = server.accept()
        peer.protocol.tls = TlsDetails("1.3", "", (PeerCertificate(b"own", "", "", ""),))
        peer.send(b"CONNECT {}\r\n")
        assert peer.protocol.identity.user == "mapped"

    def test_it_may_not_come_any_way(self, server, log):
        """Its connection types hold."""
        user = UserOptions("nobody", connection_types=frozenset({"WEBSOCKET"}))
        self.start(server, user, debug=True)
        assert server.connect().protocol.closed_state is ClosedState.AUTHENTICATION_VIOLATION
        assert any("not by a STANDARD connection" in line for line in log)

    def test_it_may_have_to_come_by_a_proxy(self, server):
        """Without credentials there is none that vouches for it."""
        self.start(server, UserOptions("nobody", proxy_required=True))
        assert server.connect().protocol.closed_state is ClosedState.PROXY_REQUIRED

    def test_with_a_callout_its_service_decides(self, server):
        """It is asked about everybody."""
        callout = AuthorizationOptions(auth_callout=CalloutOptions("AISSUER"))
        self.start(server, answer=Identity("called"), authorization=callout)
        assert server.connect().protocol.identity.user == "called"

    def test_a_user_that_is_gone(self, server):
        """A program may have dropped it."""
        self.start(server)
        server.context.users.drop("nobody")
        assert server.connect().protocol.closed_state is ClosedState.AUTHENTICATION_VIOLATION

    def test_authenticators_without_lists(self, server):
        """Plugins of others."""
        server.start(Options(no_auth_user="nobody", users=(NOBODY,)), Knowing(Identity("plugin")))
        assert server.connect().protocol.identity.user == "plugin"


class TestWithoutConnect:
    """With a no_auth_user nothing has to come first."""

    SENT = b"SUB foo 1\r\nPUB foo 2\r\nhi\r\nPING\r\n"
    HEARD = b"MSG foo 1 2\r\nhi\r\nPONG\r\n"

    def start(self, server, answer=None, **options):
        users = options.pop("users", (NOBODY,))
        server.start(Options(no_auth_user="nobody", users=users, **options), Lists(answer))
        peer = server.accept()
        peer.received()
        return peer

    def test_any_operation_will_do(self, server):
        """As people do with telnet; everything is as without CONNECT, which is verbose."""
        peer = self.start(server)
        assert peer.send(self.SENT) == b"+OK\r\n+OK\r\n" + self.HEARD
        assert peer.protocol.identity.user == "nobody"

    def test_it_has_time(self, server):
        """The authentication timer is over."""
        peer = self.start(server)
        peer.send(self.SENT)
        server.clock.advance(60)
        assert peer.protocol.closed_state is None

    def test_connect_may_come_later(self, server):
        """Then it is another CONNECT: subscriptions go."""
        peer = self.start(server)
        peer.send(self.SENT)
        assert peer.send(b'CONNECT {"verbose":false}\r\nPUB foo 0\r\n\r\nPING\r\n') == b"PONG\r\n"
        assert peer.protocol.identity.user == "nobody"

    def test_without_such_a_user_connect_comes_first(self, server):
        """As always."""
        server.start(Options(users=(NOBODY,)), Lists())
        peer = server.accept()
        peer.received()
        assert peer.send(self.SENT) == VIOLATION

    def test_who_is_refused_is_told_so(self, server):
        """The user is gone, and no authenticator knows better."""
        peer = self.start(server, users=())
        assert peer.send(self.SENT) == VIOLATION
        assert peer.protocol.closed_state is ClosedState.AUTHENTICATION_VIOLATION

    def test_an_answer_that_takes_time_is_a_refusal(self, server):
        """The operation could not wait for it, and must not get through before."""
        answer = Deferred()
        cancelled = []
        answer.addErrback(lambda failure: cancelled.append(failure) or failure)
        peer = self.start(server, answer, users=())
        assert peer.send(self.SENT) == VIOLATION
        assert peer.closing
        assert len(cancelled) == 1

    def test_a_full_account_is_a_refusal(self, server):
        """With the reason of that."""
        full = AccountOptions("$G", limits=AccountLimits(max_connections=0))
        peer = self.start(server, accounts=(full,))
        assert peer.send(self.SENT) == b"-ERR 'maximum account active connections exceeded'\r\n"

    def test_expiry_holds(self, server):
        """Whatever let it in may end."""
        peer = self.start(server, Identity("plugin", expires=NOW + 5), users=())
        peer.send(self.SENT)
        server.clock.advance(5)
        assert peer.received().endswith(b"-ERR 'User Authentication Expired'\r\n")
