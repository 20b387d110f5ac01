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
    ProxyRequired,
    UserAuthenticationExpired,
)
from pubsub.interfaces import Identity
from tests.client.fakes import NOW, Knowing, Lists

VIOLATION = b"-ERR 'Authorization Violation'\r\n"


def start(server, answer):
    """Somebody is there, and its authenticator answers that."""
    server.start(Options(), Knowing(answer))
    peer = server.accept()
    peer.received()
    return server.context.authenticator, peer


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


@pytest.mark.parametrize("name", ["user", "pass", "auth_token", "nkey"])
def test_credentials(name):
    """One of them is enough to be nobody else."""
    assert has_credentials({name: "x"})
    assert not has_credentials({name: ""})
    assert not has_credentials({"name": "x", "lang": "go"})


class TestNoAuthUser:
    """Who shows no credentials is somebody, too."""

    def start(self, server, name="nobody", answer=None, **options):
        return server.start(Options(no_auth_user=name, **options), Lists(answer))

    @pytest.mark.parametrize("name", ["nobody", "UKEY"])
    def test_without_credentials(self, server, name):
        """By name or by key; the list knows how it came."""
        self.start(server, name)
        peer = server.connect(b'{"verbose":false,"name":"app","jwt":"eyJ"}')
        assert peer.protocol.closed_state is None
        assert peer.protocol.identity.user == name
        (attempt,) = server.context.authenticator.admitted
        assert attempt.connection_type == "STANDARD"
        assert server.context.authenticator.attempts == []

    def test_with_credentials_it_is_somebody_else(self, server):
        """Even if they are wrong."""
        self.start(server)
        peer = server.connect(b'{"user":"u"}')
        assert peer.protocol.closed_state is ClosedState.AUTHENTICATION_VIOLATION

    def test_it_may_not_come_any_way(self, server, log):
        """The list says which, and why."""
        self.start(server, debug=True)
        refused = AuthenticationFailed("not without a proxy", ProxyRequired())
        server.context.authenticator.known["nobody"] = refused
        assert server.connect().protocol.closed_state is ClosedState.PROXY_REQUIRED
        assert any("not without a proxy" in line for line in log)

    def test_with_a_callout_its_service_decides(self, server):
        """It is asked about everybody."""
        callout = AuthorizationOptions(auth_callout=CalloutOptions("AISSUER"))
        self.start(server, answer=Identity("called"), authorization=callout)
        assert server.connect().protocol.identity.user == "called"

    def test_a_user_that_is_gone(self, server):
        """A program may have dropped it."""
        self.start(server, "gone")
        assert server.connect().protocol.closed_state is ClosedState.AUTHENTICATION_VIOLATION

    def test_authenticators_without_lists(self, server):
        """Plugins of others."""
        server.start(Options(no_auth_user="nobody"), Knowing(Identity("plugin")))
        assert server.connect().protocol.identity.user == "plugin"


def test_an_authenticator_that_fails_lets_nobody_in(server, logged_failures):
    _, peer = start(server, ZeroDivisionError())
    assert peer.send(b"CONNECT {}\r\n") == VIOLATION
    assert len(logged_failures.flush(ZeroDivisionError)) == 1


def test_an_answer_of_no_kind_lets_nobody_in(server, log):
    """Whoever wrote it."""
    _, peer = start(server, True)
    assert peer.send(b"CONNECT {}\r\n") == VIOLATION
    assert any("answered True, which is no Identity" in line for line in log)


class TestLater:
    """The authenticator answers with a Deferred."""

    def test_nothing_is_read_until_it_knows(self, server):
        deferred = Deferred()
        _, peer = start(server, deferred)
        assert peer.send(b"CONNECT {}\r\nPING\r\n") == b""
        assert peer.paused
        deferred.callback(Identity())
        assert peer.received() == b"+OK\r\nPONG\r\n"
        assert not peer.paused

    def test_it_knows_at_once(self, server):
        deferred = Deferred()
        deferred.callback(Identity())
        _, peer = start(server, deferred)
        assert peer.send(b"CONNECT {}\r\nPING\r\n") == b"+OK\r\nPONG\r\n"

    def test_it_refuses(self, server):
        deferred = Deferred()
        _, peer = start(server, deferred)
        peer.send(b"CONNECT {}\r\nPING\r\n")
        deferred.errback(AuthenticationFailed("no"))
        assert peer.received() == VIOLATION
        assert peer.closing

    def test_it_fails(self, server, logged_failures):
        deferred = Deferred()
        _, peer = start(server, deferred)
        peer.send(b"CONNECT {}\r\n")
        deferred.errback(ZeroDivisionError())
        assert peer.received() == VIOLATION
        assert len(logged_failures.flush(ZeroDivisionError)) == 1

    def test_its_answer_makes_no_sense(self, server, log):
        deferred = Deferred()
        _, peer = start(server, deferred)
        peer.send(b"CONNECT {}\r\n")
        deferred.callback(True)
        assert peer.received() == VIOLATION
        assert any("answered True, which is no Identity" in line for line in log)

    def test_what_follows_its_answer_fails(self, server, logged_failures):
        deferred = Deferred()
        _, peer = start(server, deferred)
        peer.send(b"CONNECT {}\r\n")
        deferred.callback(Identity(limits=7))
        assert peer.received() == VIOLATION
        assert len(logged_failures.flush(AttributeError)) == 1

    def test_the_client_goes_meanwhile(self, server):
        """The question is withdrawn, and an answer that comes all the same changes nothing."""
        deferred = Deferred()
        _, peer = start(server, deferred)
        peer.send(b"CONNECT {}\r\n")
        peer.lost()
        assert deferred.called
        deferred.callback(Identity())
        assert peer.received() == b""
        assert peer.protocol.closed_state is ClosedState.CLIENT_CLOSED

    def test_two_at_a_time(self, server):
        """CONNECT, not yet answered, and another right behind it."""
        first, second = Deferred(), Deferred()
        authenticator, peer = start(server, first)
        peer.send(b'CONNECT {"verbose":false}\r\nCONNECT {"verbose":true}\r\nPING\r\n')
        authenticator.answer = second
        first.callback(Identity())
        assert peer.paused
        assert peer.received() == b""
        second.callback(Identity())
        assert peer.received() == b"+OK\r\nPONG\r\n"
        assert not peer.paused
