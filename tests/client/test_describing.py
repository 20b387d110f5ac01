"""Names in the log and descriptions for /connz."""

from __future__ import annotations

import pytest

from pubsub.client.describing import address, violation_text
from pubsub.client.protocol import ClientProtocol
from pubsub.config.options import Options
from pubsub.errors import ClosedState
from pubsub.interfaces import Identity, LinkCounters
from tests.client.fakes import Knowing


def test_an_open_connection(server):
    peer = server.accept()
    start = server.clock.seconds()
    server.clock.advance(1)
    peer.send(b'CONNECT {"name":"n","lang":"go","version":"1","verbose":false}\r\n')
    peer.send(b"SUB foo 1\r\nPUB foo 2\r\nhi\r\n")
    server.clock.advance(5)
    info = peer.protocol.describe()
    assert (info.cid, info.ip, info.port) == (1, "1.2.3.4", 5678)
    assert (info.name, info.lang, info.version) == ("n", "go", "1")
    assert (info.start, info.last_activity, info.rtt) == (start, start + 1, 1.0)
    assert info.counters == LinkCounters(1, 2, 1, 2, 0, 1, 0)
    assert (info.kind, info.type, info.account, info.user) == ("Client", "nats", "$G", "")
    assert (info.stop, info.reason, info.subscriptions) == (0.0, None, ())


def test_a_closed_one_keeps_its_figures_and_subscriptions(server):
    peer = server.connect(b'{"verbose":false}')
    peer.send(b"SUB foo q 1\r\nPUB foo 2\r\nhi\r\n")
    server.clock.advance(5)
    peer.lost()
    (info,) = server.context.registry.closed
    assert info.stop == server.clock.seconds()
    assert info.reason is ClosedState.CLIENT_CLOSED
    assert info.counters.in_msgs == 1
    assert [(sub.subject, sub.queue, sub.sid) for sub in info.subscriptions] == [
        (b"foo", b"q", b"1")
    ]


@pytest.mark.parametrize(
    ("connect", "user", "label", "violation"),
    [
        (b'{"user":"u"}', "u", "user:u", 'User "u"'),
        (b'{"auth_token":"t"}', "[REDACTED]", "token", 'Token "[REDACTED]"'),
        (b'{"nkey":"UA","user":"u"}', "UA", "nkey:UA", 'Nkey "UA"'),
    ],
)
def test_users(server, connect, user, label, violation):
    protocol = server.connect(connect).protocol
    assert protocol.describe().user == user
    assert protocol.label() == f'1.2.3.4:5678 - cid:1 - "$G/{label}"'
    assert violation_text(protocol) == f"authentication error - {violation}"


def test_nobody(server):
    assert violation_text(server.connect().protocol) == "authentication error"


@pytest.mark.parametrize(
    ("connect", "label"),
    [
        (b"{}", ""),
        (b'{"name":"n"}', ' - "n"'),
        (b'{"lang":"go","name":"n"}', ' - "go:n"'),
        (b'{"version":"1"}', ' - "v1"'),
        (b'{"name":"a\\"b\\n"}', ' - "a\\"b\\n"'),
    ],
)
def test_labels(server, connect, label):
    assert server.connect(connect).protocol.label() == "1.2.3.4:5678 - cid:1" + label


def test_a_name_is_not_trusted_before_it_is_accepted(server):
    protocol = server.connect(b'{"name":"n","account":"A"}').protocol
    assert protocol.label() == "1.2.3.4:5678 - cid:1"


def test_clients_inside_the_process_are_called_pipe(server):
    protocol = ClientProtocol(server.context, in_process=True)
    assert address(protocol) == "pipe"


@pytest.mark.parametrize(
    ("connect", "identity", "label", "refused"),
    [
        (b'{"user":"u"}', Identity("u", "$G"), '"$G/user:u"', 'User "u"'),
        (b'{"nkey":"UA"}', Identity("UA", nkey="UA"), '"$G/nkey:UA"', 'Nkey "UA"'),
        (b'{"jwt":"eyJ"}', Identity("UB", jwt="eyJ"), '"$G/jwt:UB"', 'JWT User "UB"'),
        (b'{"auth_token":"t"}', Identity(), '"$G/token"', 'Token "[REDACTED]"'),
        # nobody said so in CONNECT: a certificate, no_auth_user
        (b"{}", Identity("mapped"), '"$G/user:mapped"', ""),
        (b"{}", Identity("UC", nkey="UC"), '"$G/nkey:UC"', ""),
    ],
)
def test_who_somebody_is(make_server, connect, identity, label, refused):
    """In log lines, and when it is refused later; nothing of what it showed."""
    client = make_server().start(Options(), Knowing(identity)).connect(connect).protocol
    assert client.label() == f"1.2.3.4:5678 - cid:1 - {label}"
    text = f"authentication error - {refused}" if refused else "authentication error"
    assert violation_text(client) == text


def test_what_the_authenticators_call_it_counts_more_than_what_it_calls_itself(make_server):
    server = make_server().start(Options(), Knowing(Identity("alice", account="$G")))
    peer = server.connect(b'{"user":"ticket-17","pass":"x"}')
    assert peer.protocol.describe().user == "alice"
    assert peer.protocol.label().endswith(' - "$G/user:alice"')


@pytest.mark.parametrize("bearer", [False, True])
def test_the_token_of_a_user_is_described_if_it_is_of_no_use_without_a_key(make_server, bearer):
    identity = Identity("UB", jwt="eyJ", bearer=bearer, issuer_key="AK", tags=("one",))
    info = make_server().start(Options(), Knowing(identity)).connect(b"{}").protocol.describe()
    assert info.jwt == ("" if bearer else "eyJ")
    assert (info.issuer_key, info.tags) == ("AK", ("one",))
    assert "eyJ" not in repr(info)


@pytest.mark.parametrize(
    ("identity", "key"),
    [(Identity("u"), ""), (Identity("U", nkey="U"), "$G"), (Identity("U", jwt="eyJ"), "$G")],
)
def test_an_account_that_has_no_other_key_has_its_name(make_server, identity, key):
    """As nats-server's issuerForClient has it."""
    client = make_server().start(Options(), Knowing(identity)).connect(b"{}").protocol
    assert client.describe().issuer_key == key
