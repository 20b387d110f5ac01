"""ClientProtocol from outside: exact bytes in, exact bytes out."""

from __future__ import annotations

import gc
import platform
import weakref
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IHandshakeListener,
    IProtocol,
    IPushProducer,
)
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from pubsub.auth.userpass import UserPassAuthenticator
from pubsub.client.preamble import TlsDetails
from pubsub.config.options import AuthorizationOptions, Options, TlsOptions
from pubsub.errors import ClosedState, MaximumSubscriptionsExceeded, SlowConsumer
from pubsub.interfaces import ILinkHandler
from tests.client.conftest import Server

INFO = (
    b'INFO {"server_id":"ID","server_name":"test","version":"2.15.0","proto":1,"go":"py",'
    b'"host":"h","port":4222,"headers":true,"max_payload":1048576,'
    b'"client_id":1,"client_ip":"1.2.3.4"} \r\n'
)
CONNECT_INFO = INFO.replace(b"} \r\n", b',"connect_info":true,"remote_account":"$G"} \r\n')
QUIET = b'CONNECT {"verbose":false,"pedantic":false,"protocol":1}\r\n'


def test_it_provides_what_it_says(server):
    protocol = server.accept().protocol
    for interface in (
        IProtocol,
        ILinkHandler,
        IPushProducer,
        IHalfCloseableProtocol,
        IHandshakeListener,
    ):
        verifyObject(interface, protocol)


def test_a_client_gets_info_first(server):
    assert server.accept().received() == INFO


def test_each_connection_has_its_own_id(server):
    server.accept()
    assert b'"client_id":2,' in server.accept().received()


def test_an_idle_client_has_an_empty_dictionary(server):
    """Attributes without a slot would cost each of ten thousand connections a dictionary."""
    assert server.connect().protocol.__dict__ == {}


def test_the_first_ping_is_followed_by_a_second_info(server):
    peer = server.accept()
    peer.received()
    assert peer.send(QUIET + b"PING\r\n") == b"PONG\r\n" + CONNECT_INFO
    assert peer.send(b"PING\r\n") == b"PONG\r\n"


def test_protocol_0_gets_no_second_info(server):
    peer = server.accept()
    peer.received()
    assert peer.send(b'CONNECT {"verbose":false}\r\nPING\r\n') == b"PONG\r\n"


def test_ping_before_connect_is_answered_and_is_not_the_first_ping(server):
    peer = server.accept()
    peer.received()
    assert peer.send(b"PING\r\n") == b"PONG\r\n"
    assert peer.send(QUIET + b"PING\r\n") == b"PONG\r\n" + CONNECT_INFO


def test_messages_go_through(server):
    reader, writer = server.connect(b'{"verbose":false}'), server.connect(b'{"verbose":false}')
    reader.send(b"SUB foo 7\r\n")
    assert writer.send(b"PUB foo 5\r\nhello\r\n") == b""
    assert reader.received() == b"MSG foo 7 5\r\nhello\r\n"


@pytest.mark.parametrize(
    ("sent", "answer", "state"),
    [
        (b"foo\r\n", b"-ERR 'Unknown Protocol Operation'\r\n", ClosedState.PROTOCOL_VIOLATION),
        (b"\r\n", b"-ERR 'Unknown Protocol Operation'\r\n", ClosedState.PROTOCOL_VIOLATION),
        (b"PUB foo\r\n", b"", ClosedState.PROTOCOL_VIOLATION),
        (b"SUB foo\r\n", b"", ClosedState.PROTOCOL_VIOLATION),
        (b"HPUB foo 12 12\r\n", b"", ClosedState.PROTOCOL_VIOLATION),
        (b"INFO {\r\n", b"", ClosedState.PROTOCOL_VIOLATION),
        (b"-ERR 'broken'\r\n", b"", ClosedState.PARSE_ERROR),
        (
            b"SUB " + b"x" * 5000,
            b"-ERR 'maximum control line exceeded'\r\n",
            ClosedState.MAX_CONTROL_LINE_EXCEEDED,
        ),
        (
            b"PUB foo 1048577\r\n",
            b"-ERR 'Maximum Payload Violation'\r\n",
            ClosedState.MAX_PAYLOAD_EXCEEDED,
        ),
    ],
)
def test_faults_that_close(server, sent, answer, state):
    peer = server.connect(b'{"verbose":false}')
    peer.received()
    assert peer.send(sent) == answer
    assert peer.closing
    assert peer.protocol.closed_state is state
    assert [info.reason for info in server.context.registry.closed] == [state]
    assert not server.context.registry.open


def test_what_follows_a_closing_fault_is_not_read(server):
    watcher = server.connect(b'{"verbose":false}')
    watcher.send(b"SUB foo 1\r\n")
    peer = server.connect(b'{"verbose":false}')
    peer.received()
    peer.send(b"foo\r\nPUB foo 2\r\nhi\r\n")
    assert watcher.received() == b""


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"SUB foo..bar 1\r\n", b"-ERR 'Invalid Subject'\r\n"),
        (
            b"SUB foo _sys_ 1\r\n",
            b'-ERR \'Permissions Violation for Subscription to "foo" using queue "_sys_"\'\r\n',
        ),
        (
            b"PUB _GR_.x 2\r\nhi\r\n",
            b"-ERR 'Permissions Violation for Publish to \"_GR_.x\"'\r\n",
        ),
        (
            b"PUB foo _R_.x 2\r\nhi\r\n",
            b"-ERR 'Permissions Violation for Publish with Reply of \"_R_.x\"'\r\n",
        ),
    ],
)
def test_faults_that_do_not_close(server, sent, answer):
    peer = server.connect(b'{"verbose":false}')
    peer.received()
    assert peer.send(sent + b"PING\r\n") == answer + b"PONG\r\n"
    assert not peer.closing
    assert peer.protocol.closed_state is None


def test_pedantic_clients_hear_about_wildcards_in_what_they_publish(server):
    peer = server.connect(b'{"verbose":false,"pedantic":true}')
    assert b"Invalid" not in peer.send(b"PUB foo 0\r\n\r\n")
    assert peer.send(b"PUB foo.* 0\r\n\r\n") == b"-ERR 'Invalid Publish Subject'\r\n"


def test_max_subscriptions_does_not_close(server):
    server.start(Options(max_subscriptions=1))
    peer = server.connect(b'{"verbose":false}')
    peer.received()
    assert peer.send(b"SUB a 1\r\nSUB b 2\r\n") == b"-ERR 'maximum subscriptions exceeded'\r\n"
    assert not peer.closing


def test_info_from_a_client_is_ignored(server):
    peer = server.connect(b'{"verbose":false}')
    peer.received()
    assert peer.send(b'INFO {"x":1}\r\nPING\r\n') == b"PONG\r\n"


def test_errors_of_a_client_are_logged(server, log):
    server.connect().send(b"-ERR 'I am lost'\r\n")
    assert "1.2.3.4:5678 - cid:1 - Client Error 'I am lost'" in log


def test_too_many_connections(server, log):
    server.start(Options(max_connections=1))
    server.accept()
    peer = server.accept()
    second = INFO.replace(b'"client_id":1', b'"client_id":2')
    assert peer.received() == second + b"-ERR 'maximum connections exceeded'\r\n"
    assert peer.closing
    assert server.context.registry.totals.connections == 2
    assert [info.reason for info in server.context.registry.closed] == [
        ClosedState.MAX_CONNECTIONS_EXCEEDED
    ]
    assert "1.2.3.4:5678 - cid:2 - maximum connections exceeded" in log


def test_nobody_comes_in_during_a_shutdown(server):
    server.context.registry.accepting = False
    peer = server.accept()
    assert peer.received() == b""
    assert peer.aborted
    peer.lost()


def test_the_peer_closes(server):
    peer = server.connect()
    peer.lost()
    (info,) = server.context.registry.closed
    assert info.reason is ClosedState.CLIENT_CLOSED
    assert not server.context.registry.open
    assert not len(server.context.deadlines) - 1  # the sweep is still planned


def test_the_connection_breaks(server):
    peer = server.connect()
    peer.lost(ConnectionLost())
    assert server.context.registry.closed[0].reason is ClosedState.READ_ERROR


def test_the_peer_closes_in_the_middle_of_a_payload(server):
    watcher = server.connect(b'{"verbose":false}')
    watcher.send(b"SUB foo 1\r\n")
    peer = server.connect()
    peer.send(b"PUB foo 10\r\nhell")
    peer.lost()
    assert watcher.received() == b""
    assert server.context.registry.closed[0].counters.in_msgs == 0


def test_who_closes_its_half_gets_what_it_was_owed(server):
    peer = server.connect(b'{"verbose":false}')
    peer.received()
    peer.transport.producer.pauseProducing()
    peer.send(b"PING\r\n")
    peer.protocol.readConnectionLost()
    assert peer.received() == b"PONG\r\n"
    assert peer.closing
    assert peer.protocol.closed_state is ClosedState.CLIENT_CLOSED
    peer.protocol.writeConnectionLost()


def test_subscriptions_go_with_the_connection(server):
    reader, writer = server.connect(), server.connect()
    reader.send(b"SUB foo 1\r\n")
    reader.lost()
    writer.send(b"PUB foo 2\r\nhi\r\n")
    assert reader.received() == b""
    assert list(server.router.subscriptions()) == []


def test_a_peer_that_never_reads_the_last_words_is_dropped(server):
    peer = server.connect()
    peer.send(b"foo\r\n")
    server.clock.advance(4.9)
    assert not peer.aborted
    server.clock.advance(0.2)
    assert peer.aborted


def test_a_peer_that_goes_in_time_is_forgotten(server):
    peer = server.connect()
    peer.send(b"foo\r\n")
    peer.lost()
    server.clock.advance(10)
    assert not peer.aborted
    assert len(server.context.deadlines) == 0


def test_output_waits_in_the_link_while_the_transport_is_full(server):
    reader, writer = server.connect(b'{"verbose":false}'), server.connect(b'{"verbose":false}')
    reader.send(b"SUB foo 1\r\n")
    reader.received()
    reader.transport.producer.pauseProducing()
    writer.send(b"PUB foo 2\r\nhi\r\n")
    assert reader.received() == b""
    assert reader.protocol.link.pending_bytes == 17
    reader.transport.producer.resumeProducing()
    assert reader.received() == b"MSG foo 1 2\r\nhi\r\n"
    reader.transport.producer.stopProducing()


def test_a_slow_consumer_is_dropped_without_a_word(server, log):
    server.start(Options(max_pending=100), max_pending=100, no_fast_producer_stall=False)
    reader, writer = server.connect(b'{"verbose":false}'), server.connect(b'{"verbose":false}')
    reader.send(b"SUB foo 1\r\n")
    reader.received()
    reader.transport.producer.pauseProducing()
    for _ in range(6):
        writer.send(b"PUB foo 10\r\n0123456789\r\n")
        server.clock.advance(0.1)
    assert reader.received() == b""
    assert reader.aborted
    (info,) = server.context.registry.closed
    assert info.reason is ClosedState.SLOW_CONSUMER_PENDING_BYTES
    assert server.context.registry.totals.slow_consumers == 1
    assert any("Slow Consumer Detected: MaxPending of 100 Exceeded" in line for line in log)


def test_a_stalled_publisher_is_not_read_for_a_while(server):
    peer = server.connect()
    peer.protocol.stall(0.005)
    peer.protocol.stall(0.005)
    assert peer.paused
    server.clock.advance(0.005)
    assert not peer.paused
    assert server.context.registry.totals.stalls == 2


def test_a_stalled_publisher_may_be_closed_meanwhile(server):
    peer = server.connect()
    peer.protocol.stall(0.005)
    peer.protocol.close(ClosedState.KICKED)
    server.clock.advance(0.005)
    assert peer.closing
    assert not peer.paused, "how it says goodbye over TLS has to be read"
    assert peer.send(b"PING\r\n") == b""


def test_the_first_reason_for_closing_counts(server):
    peer = server.connect()
    peer.protocol.close(ClosedState.KICKED)
    peer.protocol.close(ClosedState.STALE_CONNECTION)
    peer.protocol.fault(MaximumSubscriptionsExceeded())
    assert peer.protocol.closed_state is ClosedState.KICKED
    assert len(server.context.registry.closed) == 1


def test_no_connect_in_time(server):
    server.start(Options(), UserPassAuthenticator("u", "p"))
    peer = server.accept()
    assert b'"auth_required":true' in peer.received()
    server.clock.advance(1.9)
    assert peer.received() == b""
    server.clock.advance(0.2)
    assert peer.received() == b"-ERR 'Authentication Timeout'\r\n"
    assert peer.protocol.closed_state is ClosedState.AUTHENTICATION_TIMEOUT


def test_something_before_connect_where_authentication_is_required(server, log):
    server.start(Options(), UserPassAuthenticator("u", "p"))
    peer = server.accept()
    peer.received()
    assert peer.send(b"PING\r\n") == b"-ERR 'Authorization Violation'\r\n"
    assert peer.protocol.closed_state is ClosedState.AUTHENTICATION_VIOLATION
    assert "1.2.3.4:5678 - cid:1 - authentication error" in log


def test_native_links_take_the_socket_over(server):
    class Native(StringTransport):
        linked = None

        def native_link(self, link):
            self.linked = link
            return True

    transport = Native()
    peer = server.accept(transport)
    assert transport.linked is peer.protocol.link
    assert transport.producer is None
    peer.protocol.close(ClosedState.KICKED)
    assert peer.closing


def test_a_backend_that_does_not_take_the_socket(server):
    class Refusing(StringTransport):
        def native_link(self, link):
            return False

    peer = server.accept(Refusing())
    assert peer.transport.producer is peer.protocol


@pytest.mark.parametrize(
    ("address", "label"),
    [
        (IPv6Address("TCP", "::1", 99), "[::1]:99 - cid:1"),
        (UNIXAddress(b""), "unix - cid:1"),
    ],
)
def test_names_of_peers_in_the_log(server, address, label):
    peer = server.accept(StringTransport(peerAddress=address))
    assert peer.protocol.label() == label


def test_debug_lines(server, log):
    server.start(Options(debug=True))
    server.accept().lost()
    assert log == [
        "1.2.3.4:5678 - cid:1 - Client connection created",
        "1.2.3.4:5678 - cid:1 - Client connection closed: Client Closed",
    ]


def test_trace_lines(server, log):
    server.start(Options(trace=True, max_traced_msg_len=3))
    peer = server.accept()
    peer.send(b'CONNECT {"user":"u","pass":"secret","name":"n"}\r\nPING\r\nSUB foo 1\r\n')
    peer.send(b"PUB foo 5\r\nhello\r\nfoo\r\n")
    name = '1.2.3.4:5678 - cid:1 - "n" - "$G/user:u" - '
    assert [line for line in log if "<-" in line or "->>" in line] == [
        '1.2.3.4:5678 - cid:1 - <<- [CONNECT {"user":"u","pass":"[REDACTED]","name":"n"}]',
        name + "->> [OK]",
        name + "<<- [PING]",
        name + "->> [PONG]",
        name + "<<- [SUB foo 1]",
        name + "->> [OK]",
        name + "<<- [PUB foo 5]",
        name + '<<- MSG_PAYLOAD: ["hel..."]',
        name + "->> [OK]",
        name + "->> [MSG foo 1 5]",
        name + '->> MSG_PAYLOAD: ["hel..."]',
        name + "->> [-ERR Unknown Protocol Operation]",
        name + "<-> [DELSUB 1]",
    ]


def test_only_internal_links_get_messages_as_calls(server):
    protocol = server.accept().protocol
    protocol.message_received(b"1", b"foo", b"", b"", b"x")
    protocol.batch_received([])
    protocol.fault(SlowConsumer())


class TestPreamble:
    """With a PROXY header or TLS something comes before, or instead of, INFO."""

    def test_the_proxy_says_who_it_is(self, server):
        server.start(Options(proxy_protocol=True))
        peer = server.accept()
        assert peer.received() == INFO.replace(b',"client_ip":"1.2.3.4"', b"")
        answer = peer.send(b"PROXY TCP4 9.8.7.6 1.1.1.1 99 4222\r\n" + QUIET + b"PING\r\n")
        assert answer == b"PONG\r\n" + CONNECT_INFO.replace(b"1.2.3.4", b"9.8.7.6")
        assert peer.protocol.address() == "9.8.7.6:99"

    def test_a_bad_proxy_header_closes(self, server, log):
        server.start(Options(proxy_protocol=True, debug=True))
        peer = server.accept()
        peer.received()
        assert peer.send(b"PROXY nonsense\r\n") == b""
        assert peer.closing
        assert peer.protocol.closed_state is ClosedState.PROTOCOL_VIOLATION
        assert any("Error reading PROXY protocol header" in line for line in log)
        peer.lost()

    def test_it_is_lost_before_it_began(self, server):
        server.start(Options(proxy_protocol=True))
        peer = server.accept()
        peer.lost()
        (info,) = server.context.registry.closed
        assert info.counters.in_msgs == 0
        assert info.account == "$G"

    def test_tls(self, server):
        """The TLS layer stands in for the transport once the hello was seen."""
        started = []
        details = TlsDetails("1.3", "TLS_AES_128_GCM_SHA256")
        server.start(Options(tls=TlsOptions()))
        server.context.start_tls = lambda *arguments: started.append(arguments)
        server.context.tls_details = lambda transport: details
        peer = server.accept()
        assert peer.received() == INFO
        peer.send(b"\x16\x03\x01\x02\x00")
        assert started == [(peer.transport, peer.protocol, b"\x16\x03\x01\x02\x00")]
        peer.protocol.handshakeCompleted()
        assert peer.send(QUIET + b"PING\r\n") == b"PONG\r\n" + CONNECT_INFO
        assert peer.protocol.describe().tls is details
        peer.protocol.handshakeCompleted()

    def test_a_failed_handshake_is_no_conversation(self, server, log):
        server.start(Options(tls=TlsOptions(), debug=True))
        peer = server.accept()
        peer.received()
        assert peer.send(b"CONNECT {}\r\n") == b""
        assert peer.aborted
        assert peer.protocol.closed_state is ClosedState.TLS_HANDSHAKE_ERROR
        assert any("first record does not look like a TLS handshake" in line for line in log)

    def test_too_many_handshakes(self, server):
        server.start(Options(tls=TlsOptions()))
        server.context.allow_handshake = lambda: False
        peer = server.accept()
        assert peer.received().endswith(
            b"-ERR 'Connection throttling is active. Please try again later.'\r\n"
        )

    def test_too_many_connections_before_tls(self, server):
        server.start(Options(tls=TlsOptions(handshake_first=True), max_connections=-1))
        assert server.accept().received() == b"-ERR 'maximum connections exceeded'\r\n"

    def test_half_closed_in_the_preamble(self, server):
        server.start(Options(proxy_protocol=True))
        peer = server.accept()
        peer.protocol.readConnectionLost()
        assert peer.protocol.closed_state is ClosedState.PROTOCOL_VIOLATION
        peer.protocol.pauseProducing()
        peer.protocol.resumeProducing()

    def test_without_tls_nothing_can_start_it(self, server):
        server.start(Options(tls=TlsOptions()))
        with pytest.raises(RuntimeError, match="without TLS"):
            server.accept().send(b"\x16\x03\x01\x02\x00")


def test_options_are_read_when_a_connection_is_made(server):
    server.context.options = replace(
        server.context.options, authorization=AuthorizationOptions(), max_payload=10
    )
    peer = server.accept()
    assert b'"max_payload":10,' in peer.received()
    assert peer.send(b"PUB foo 11\r\n") == b"-ERR 'Maximum Payload Violation'\r\n"


def test_a_lost_connection_is_freed_at_once(make_server):
    """Without waiting for the garbage collector, which has better things to do."""
    transport = StringTransport()
    protocol = make_server().factory.buildProtocol(None)
    protocol.makeConnection(transport)
    protocol.dataReceived(QUIET + b"SUB foo 1\r\n")
    known = weakref.ref(protocol)
    gc.disable()
    try:
        protocol.connectionLost(Failure(ConnectionLost()))
        # a real transport forgets its protocol and producer by itself
        transport.producer = None
        del protocol
        if platform.python_implementation() != "CPython":
            gc.collect()  # where nothing is freed at once
        assert known() is None
    finally:
        gc.enable()


_PIECES = [
    b"PING\r\n",
    b"PONG\r\n",
    b"CONNECT {}\r\n",
    QUIET,
    b'CONNECT {"no_responders":true,"headers":true}\r\n',
    b'CONNECT {"verbose":1}\r\n',
    b"SUB foo 1\r\n",
    b"SUB > q 2\r\n",
    b"UNSUB 1 2\r\n",
    b"PUB foo 2\r\nhi\r\n",
    b"PUB foo re 0\r\n\r\n",
    b"HPUB foo 12 12\r\nNATS/1.0\r\n\r\n\r\n",
    b"PUB foo 3\r\nhi\r\n",
    b"INFO {}\r\n",
    b"-ERR 'x'\r\n",
    b"SUB foo..bar 3\r\n",
    b"\r\n",
    b"xyz",
]


@given(st.lists(st.sampled_from(_PIECES), max_size=8), st.lists(st.integers(1, 40), max_size=10))
def test_where_the_bytes_are_cut_makes_no_difference(pieces, cuts):
    conversation = b"".join(pieces)
    whole, cut = Server().accept(), Server().accept()
    whole.protocol.dataReceived(conversation)
    rest = conversation
    for size in cuts:
        cut.protocol.dataReceived(rest[:size])
        rest = rest[size:]
    cut.protocol.dataReceived(rest)
    assert cut.transport.value() == whole.transport.value()
    assert cut.protocol.closed_state == whole.protocol.closed_state
