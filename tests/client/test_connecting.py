"""CONNECT: what it may say, in which order it is judged, and who decides."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import implementer
from zope.interface.verify import verifyObject

from pubsub.auth.token import TokenAuthenticator
from pubsub.auth.userpass import UserPassAuthenticator
from pubsub.config.options import Options
from pubsub.errors import (
    AuthenticationFailed,
    AuthorizationViolation,
    ClosedState,
    FailedAccountRegistration,
    SigningKeyChanged,
)
from pubsub.interfaces import IAuthenticator, Identity, Permissions
from pubsub.values.accounts import AccountLimits, AccountOptions
from tests.client.fakes import NOW, Knowing, Lists, Watching

VIOLATION = b"-ERR 'Authorization Violation'\r\n"


@implementer(IAuthenticator)
class Scripted:
    """Answers what it is told to, and remembers the question."""

    required = True

    def __init__(self, answer=None):
        self.answer = answer
        self.attempts = []

    def authenticate(self, attempt):
        self.attempts.append(attempt)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def start(server, answer, options=None):
    authenticator = Scripted(answer)
    verifyObject(IAuthenticator, authenticator)
    server.start(options or Options(), authenticator)
    server.context.accounts.update(AccountOptions("A"))
    peer = server.accept()
    peer.received()
    return authenticator, peer


def test_verbose_is_the_default(server):
    peer = server.accept()
    peer.received()
    assert peer.send(b"CONNECT {}\r\n") == b"+OK\r\n"
    assert peer.send(b"SUB foo 1\r\n") == b"+OK\r\n"


def test_quiet(server):
    peer = server.accept()
    peer.received()
    assert peer.send(b'CONNECT {"verbose":false}\r\nSUB foo 1\r\n') == b""


@pytest.mark.parametrize(
    "argument", [b"{", b"[]", b'"x"', b'{"verbose":1}', b'{"protocol":"1"}', b"nonsense"]
)
def test_unreadable_json_closes_in_silence(server, argument):
    peer = server.accept()
    peer.received()
    assert peer.send(b"CONNECT " + argument + b"\r\n") == b""
    assert peer.closing
    assert peer.protocol.closed_state is ClosedState.PROTOCOL_VIOLATION


@pytest.mark.parametrize("protocol", [b"-1", b"2"])
def test_invalid_client_protocol(server, protocol):
    peer = server.accept()
    peer.received()
    answer = peer.send(b'CONNECT {"protocol":' + protocol + b"}\r\nPING\r\n")
    assert answer == b"-ERR 'invalid client protocol'\r\n"
    assert peer.protocol.closed_state is ClosedState.BAD_CLIENT_PROTOCOL_VERSION


def test_no_responders_needs_headers(server):
    peer = server.accept()
    peer.received()
    answer = peer.send(b'CONNECT {"no_responders":true}\r\n')
    assert answer == b"-ERR 'no responders requires headers support'\r\n"
    assert peer.protocol.closed_state is ClosedState.NO_RESPONDERS_REQUIRES_HEADERS


def test_no_responders_where_the_server_has_no_headers(server):
    server.start(Options(no_header_support=True))
    peer = server.accept()
    peer.received()
    answer = peer.send(b'CONNECT {"no_responders":true,"headers":true}\r\n')
    assert answer == b"-ERR 'no responders requires headers support'\r\n"


def test_no_responders(server):
    peer = server.connect(b'{"verbose":false,"headers":true,"no_responders":true}')
    peer.received()
    peer.send(b"SUB re 1\r\n")
    assert peer.send(b"PUB foo re 0\r\n\r\n") == (
        b"HMSG re 1 35 35\r\nNATS/1.0 503\r\nNats-Subject: foo\r\n\r\n\r\n"
    )


def test_no_echo(server):
    peer = server.connect(b'{"verbose":false,"echo":false}')
    peer.received()
    assert peer.send(b"SUB foo 1\r\nPUB foo 0\r\n\r\nPING\r\n") == b"PONG\r\n"


@pytest.mark.parametrize("field", [b'"account":"A"', b'"new_account":true'])
def test_naming_an_account_is_refused(server, field):
    peer = server.accept()
    peer.received()
    assert peer.send(b"CONNECT {" + field + b"}\r\n") == VIOLATION
    assert peer.protocol.closed_state is ClosedState.AUTHENTICATION_VIOLATION


def test_the_round_trip_is_estimated_from_the_connection_to_connect(server):
    peer = server.accept()
    server.clock.advance(0.25)
    peer.send(b"CONNECT {}\r\n")
    assert peer.protocol.rtt == pytest.approx(0.25)


def test_log_lines_name_the_client(server):
    peer = server.connect(b'{"name":"n","lang":"python3","version":"1.2","user":"u"}')
    assert peer.protocol.label() == ('1.2.3.4:5678 - cid:1 - "v1.2:python3:n" - "$G/user:u"')


class TestSecondConnect:
    def test_it_drops_the_subscriptions(self, server):
        peer = server.connect(b'{"verbose":false}')
        peer.received()
        peer.send(b"SUB foo 1\r\n")
        assert peer.send(b"CONNECT {}\r\nPUB foo 0\r\n\r\nPING\r\n") == b"PONG\r\n"

    def test_it_changes_only_what_it_names(self, server):
        peer = server.connect(b'{"verbose":false,"name":"n"}')
        peer.received()
        assert peer.send(b'CONNECT {"echo":false}\r\n') == b""
        assert peer.protocol.connect.name == "n"
        assert not peer.protocol.link.options.echo

    def test_it_authenticates_again(self, server):
        server.start(Options(), UserPassAuthenticator("u", "p"))
        peer = server.connect(b'{"verbose":false,"user":"u","pass":"p"}')
        peer.received()
        assert peer.send(b'CONNECT {"pass":"x"}\r\n') == VIOLATION

    def test_it_leaves_the_account(self, server):
        authenticator, peer = start(server, Identity(account="A"))
        peer.send(b"CONNECT {}\r\n")
        assert peer.protocol.link.account == "A"
        authenticator.answer = Identity()
        peer.send(b"CONNECT {}\r\n")
        assert peer.protocol.link.account == "$G"

    def test_there_is_no_other_first_ping(self, server):
        peer = server.connect(b'{"verbose":false,"protocol":1}')
        peer.received()
        assert b"connect_info" in peer.send(b"PING\r\n")
        assert peer.send(b"CONNECT {}\r\nPING\r\n") == b"PONG\r\n"


class TestAuthentication:
    def test_user_and_password(self, server):
        server.start(Options(), UserPassAuthenticator("u", "p"))
        peer = server.accept()
        peer.received()
        assert peer.send(b'CONNECT {"user":"u","pass":"p"}\r\n') == b"+OK\r\n"
        server.clock.advance(100)
        assert peer.protocol.closed_state is None

    def test_wrong_password(self, server, log):
        server.start(Options(debug=True), UserPassAuthenticator("u", "p"))
        peer = server.accept()
        peer.received()
        sent = b'CONNECT {"user":"u","pass":"x"}\r\nPING\r\n'
        assert peer.send(sent) == VIOLATION
        assert peer.closing
        assert '1.2.3.4:5678 - cid:1 - authentication error - User "u"' in log
        assert server.context.registry.totals.authentication_failures == 1

    def test_wrong_token(self, server, log):
        server.start(Options(), TokenAuthenticator("t"))
        peer = server.accept()
        peer.received()
        assert peer.send(b'CONNECT {"auth_token":"x"}\r\n') == VIOLATION
        assert '1.2.3.4:5678 - cid:1 - authentication error - Token "[REDACTED]"' in log

    def test_nobody_knows_these_credentials(self, server, log):
        _, peer = start(server, None)
        assert peer.send(b'CONNECT {"nkey":"UABC"}\r\n') == VIOLATION
        assert '1.2.3.4:5678 - cid:1 - authentication error - Nkey "UABC"' in log

    def test_what_an_authenticator_is_told(self, server):
        authenticator, peer = start(server, Identity())
        peer.send(b'CONNECT {"user":"u","pass":"p","lang":"go"}\r\n')
        (attempt,) = authenticator.attempts
        assert attempt.connect == {"user": "u", "pass": "p", "lang": "go"}
        assert attempt.peer == "1.2.3.4:5678"
        assert attempt.connection_type == "STANDARD"
        assert attempt.tls_certificate == b""

    def test_the_identity_decides_account_and_limits(self, server):
        identity = Identity("u", "A", limits={"max_payload": 5, "max_subscriptions": 1})
        _, peer = start(server, identity)
        peer.send(b'CONNECT {"protocol":1,"verbose":false}\r\n')
        answer = peer.send(b"PING\r\n")
        assert b'"max_payload":5,' in answer
        assert answer.endswith(b'"connect_info":true,"remote_account":"A"} \r\n')
        assert peer.send(b"SUB a 1\r\nSUB b 2\r\n") == (
            b"-ERR 'maximum subscriptions exceeded'\r\n"
        )
        assert peer.send(b"PUB a 6\r\n") == b"-ERR 'Maximum Payload Violation'\r\n"

    def test_the_system_account_is_told_so(self, server):
        _, peer = start(server, Identity(account="$SYS"))
        answer = peer.send(b'CONNECT {"protocol":1}\r\nPING\r\n')
        assert b'"remote_account":"$SYS","acc_is_sys":true}' in answer

    def test_permissions(self, server):
        identity = Identity(permissions=Permissions(("foo.>",), (), ("bar",), ()))
        _, peer = start(server, identity)
        peer.send(b'CONNECT {"verbose":false}\r\n')
        assert peer.send(b"PUB foo.a 0\r\n\r\nSUB bar 1\r\n") == b""
        assert peer.send(b"PUB x 0\r\n\r\n") == (
            b"-ERR 'Permissions Violation for Publish to \"x\"'\r\n"
        )
        assert peer.send(b"SUB x q 2\r\n") == (
            b'-ERR \'Permissions Violation for Subscription to "x" using queue "q"\'\r\n'
        )

    def test_an_identity_that_ends(self, server):
        _, peer = start(server, Identity(expires=server.clock.seconds() + 60))
        assert peer.send(b'CONNECT {"verbose":false}\r\n') == b""
        server.clock.advance(59)
        assert b"-ERR" not in peer.received()
        server.clock.advance(2)
        assert peer.received() == b"-ERR 'User Authentication Expired'\r\n"
        assert peer.protocol.closed_state is ClosedState.AUTHENTICATION_EXPIRED


class TestObserving:
    """Whoever observes clients hears of each, once its CONNECT was judged."""

    def watch(self, server, answer, **options):
        server.start(Options(**options), Knowing(answer))
        server.context.observer = Watching()
        peer = server.accept()
        peer.received()
        return server.context.observer.told, peer

    def test_accepted(self, server):
        """When it is in its account already."""
        told, peer = self.watch(server, Identity("u", "A"), accounts=(AccountOptions("A"),))
        counted = []
        connected = server.context.observer.client_connected
        server.context.observer.client_connected = lambda client: (
            counted.append(server.context.accounts.connections("A")),
            connected(client),
        )
        peer.send(b"CONNECT {}\r\n")
        assert told == [("connected", 1, "A")]
        assert counted == [1]

    def test_refused(self, server):
        """Then it never was somebody."""
        told, peer = self.watch(server, None)
        peer.send(b"CONNECT {}\r\n")
        peer.lost()
        assert told == [("refused", 1, AuthorizationViolation)]

    def test_refused_before_connect(self, server):
        """Something else came first."""
        told, peer = self.watch(server, None)
        peer.send(b"PING\r\n")
        assert told == [("refused", 1, AuthorizationViolation)]

    def test_refused_by_its_account(self, server):
        """With that fault."""
        told, peer = self.watch(server, Identity("u", "nowhere"))
        peer.send(b"CONNECT {}\r\n")
        assert told == [("refused", 1, FailedAccountRegistration)]

    def test_refused_the_second_time(self, server):
        """It was somebody before, and goes; then it does not hear of itself."""
        told, peer = self.watch(server, Identity("u"))
        peer.send(b"CONNECT {}\r\n")
        server.context.authenticator.answer = None
        peer.send(b"CONNECT {}\r\n")
        assert [what[0] for what in told] == ["connected", "disconnected", "refused"]

    def test_who_speaks_another_protocol_was_somebody(self, server):
        """The account knew it."""
        told, peer = self.watch(server, Identity("u"))
        peer.send(b'CONNECT {"protocol":7}\r\n')
        assert [what[0] for what in told] == ["connected", "disconnected"]

    def test_an_observer_may_close_it(self, server):
        """Then nothing more is said to it."""
        _, peer = self.watch(server, Identity("u"))
        server.context.observer.client_connected = lambda client: client.close(ClosedState.KICKED)
        assert peer.send(b"CONNECT {}\r\nPING\r\n") == b""

    def test_a_key_that_changed_is_not_refused(self, server):
        """It is closed without a word, and comes again."""
        told, peer = self.watch(server, Identity("u"))
        peer.send(b"CONNECT {}\r\n")
        peer.received()
        peer.protocol.fault(SigningKeyChanged())
        assert peer.received() == b""
        assert [what[0] for what in told] == ["connected", "disconnected"]


@pytest.mark.parametrize(
    "secret",
    [b'"pass":"hush"', b'"auth_token":"hush"', b'"jwt":"hush"', b'"sig":"hush"',
     b'"user":"u","pass":"hush"', b'"nkey":"UABC","sig":"hush"', b'"proxy_sig":"hush"'],
)  # fmt: skip
@pytest.mark.parametrize("size", [1, 100])
def test_secrets_are_in_no_log_line(make_server, log, secret, size):
    """Wrong or oversized, refused or not: a flood of them is a flood of names at most."""
    secret = secret.replace(b"hush", b"hush" * size)
    for answer in (None, AuthenticationFailed("wrong"), Identity("u")):
        server = make_server().start(Options(debug=True, trace=True), Knowing(answer))
        peer = server.connect(b"{" + secret + b"}")
        peer.lost()
    assert not any("hush" in line for line in log)


def test_a_flood_of_failing_logins_is_a_few_lines(make_server, log):
    """Each names the peer, none the password."""
    server = make_server().start(Options(), Knowing(None))
    for number in range(500):
        server.connect(b'{"user":"u%d","pass":"hush"}' % number)
    refused = [line for line in log if "authentication error" in line]
    assert refused[0] == '1.2.3.4:5678 - cid:1 - authentication error - User "u0"'
    assert len(refused) == 20
    assert not any("hush" in line for line in log)


class TestWithoutConnect:
    """With a no_auth_user nothing has to come first."""

    SENT = b"SUB foo 1\r\nPUB foo 2\r\nhi\r\nPING\r\n"
    HEARD = b"MSG foo 1 2\r\nhi\r\nPONG\r\n"

    def start(self, server, answer=None, name="nobody", **options):
        server.start(Options(no_auth_user=name, **options), Lists(answer))
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
        server.start(Options(), Lists())
        peer = server.accept()
        peer.received()
        assert peer.send(self.SENT) == VIOLATION

    def test_who_is_refused_is_told_so(self, server):
        """The user is gone, and no authenticator knows better."""
        peer = self.start(server, name="gone")
        assert peer.send(self.SENT) == VIOLATION
        assert peer.protocol.closed_state is ClosedState.AUTHENTICATION_VIOLATION

    def test_an_answer_that_takes_time_is_waited_for(self, server):
        """What was sent meanwhile is acted on when it is there."""
        answer = Deferred()
        peer = self.start(server, answer, name="gone")
        assert peer.send(self.SENT) == b""
        answer.callback(Identity("late"))
        assert peer.received() == b"+OK\r\n+OK\r\n" + self.HEARD
        assert peer.protocol.identity.user == "late"

    @pytest.mark.parametrize("refusal", [None, Failure(AuthenticationFailed("no"))])
    def test_a_refusal_that_takes_time_is_one(self, server, refusal):
        """Nothing of what was sent gets through."""
        answer = Deferred()
        peer = self.start(server, answer, name="gone")
        assert peer.send(self.SENT) == b""
        answer.callback(refusal)
        assert peer.received() == VIOLATION
        assert peer.protocol.closed_state is ClosedState.AUTHENTICATION_VIOLATION

    def test_a_full_account_is_a_refusal(self, server):
        """With the reason of that."""
        full = AccountOptions("$G", limits=AccountLimits(max_connections=0))
        peer = self.start(server, accounts=(full,))
        assert peer.send(self.SENT) == b"-ERR 'maximum account active connections exceeded'\r\n"

    def test_expiry_holds(self, server):
        """Whatever let it in may end."""
        peer = self.start(server, Identity("plugin", expires=NOW + 5), name="gone")
        peer.send(self.SENT)
        server.clock.advance(5)
        assert peer.received().endswith(b"-ERR 'User Authentication Expired'\r\n")
