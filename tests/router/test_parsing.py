"""From bytes to operations: every verb, every fault, in pieces of any size."""

from __future__ import annotations

from dataclasses import replace

import pytest
from zope.interface.verify import verifyObject

from pubsub.errors import ClientFault
from pubsub.interfaces import (
    ILink,
    ILinkHandler,
    IRouter,
    IRouterBackend,
    LinkOptions,
    PeerKind,
    RouterSettings,
)
from tests.router.recording import QUIET, Recorder, World, play

VERBOSE = replace(QUIET, verbose=True)
PEDANTIC = replace(QUIET, pedantic=True)


def test_the_interfaces_are_provided(world: World) -> None:
    assert verifyObject(IRouterBackend, world.backend)
    assert verifyObject(IRouter, world.router)
    assert verifyObject(ILink, world.attach("a"))
    assert verifyObject(ILinkHandler, world.peers["a"])


def test_a_new_link_has_the_options_of_a_client_before_connect(world: World) -> None:
    peer = Recorder("a", world.log)
    link = world.router.attach(peer, PeerKind.CLIENT, 7, "$G")
    assert link.options == LinkOptions()
    assert (link.cid, link.kind, link.account) == (7, PeerKind.CLIENT, "$G")
    assert not any((link.awaiting_connect, link.announce_first_ping, link.trace, link.closed))
    assert (link.pending_bytes, link.blocked_since) == (0, 0.0)


# --- verbs ------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [b"PING\r\n", b"ping\r\n", b"PiNg\n", b"PING whatever\r\r\n"])
def test_ping_is_answered_with_pong(backend: IRouterBackend, line: bytes) -> None:
    world = play(backend, line)
    assert world.output("a") == b"PONG\r\n"
    assert world.calls() == []


@pytest.mark.parametrize("line", [b"PONG\r\n", b"pong\n", b"PONG x\r\n"])
def test_pong_is_told_to_the_handler(backend: IRouterBackend, line: bytes) -> None:
    world = play(backend, line)
    assert world.output("a") == b""
    assert world.calls() == [("a", "pong_received")]


@pytest.mark.parametrize("line", [b"+OK\r\n", b"+ok\n", b"+OKAY, why not\r\n"])
def test_ok_is_ignored(backend: IRouterBackend, line: bytes) -> None:
    world = play(backend, line + b"PING\r\n")
    assert world.output("a") == b"PONG\r\n"
    assert world.calls() == []


@pytest.mark.parametrize(
    "line",
    [
        b'CONNECT {"a":1}\r\n',
        b'CONNECT{"a":1}\r\n',
        b'connect \t  {"a":1}\n',
    ],
)
def test_connect_hands_over_its_json(backend: IRouterBackend, line: bytes) -> None:
    assert play(backend, line).calls() == [("a", "connect_received", b'{"a":1}')]


def test_only_one_carriage_return_is_dropped(backend: IRouterBackend) -> None:
    assert play(backend, b"CONNECT {}\r\r\n").calls() == [("a", "connect_received", b"{}\r")]
    assert play(backend, b"CONNECT {\r}\r\n").calls() == [("a", "connect_received", b"{\r}")]
    assert play(backend, b"CONNECT {} \r\n").calls() == [("a", "connect_received", b"{} ")]


def test_the_first_byte_of_an_argument_may_even_be_a_line_feed(backend: IRouterBackend) -> None:
    assert play(backend, b"CONNECT \nx\n").calls() == [("a", "connect_received", b"\nx")]


@pytest.mark.parametrize("line", [b"INFO {}\r\n", b"info{}\n"])
def test_info_hands_over_its_json(backend: IRouterBackend, line: bytes) -> None:
    assert play(backend, line).calls() == [("a", "info_received", b"{}")]


def test_err_hands_over_its_text(backend: IRouterBackend) -> None:
    assert play(backend, b"-ERR 'Bad'\r\n").calls() == [("a", "error_received", b"'Bad'")]


def test_the_first_ping_is_announced_once_and_after_its_pong(backend: IRouterBackend) -> None:
    def setup(world: World) -> None:
        peer = world.peers["a"]
        peer.link.announce_first_ping = True
        peer.on["first_ping_received"] = lambda: peer.link.write(b"INFO {} \r\n")

    world = play(backend, b"PING\r\nPING\r\n", setup)
    assert world.output("a") == b"PONG\r\nINFO {} \r\nPONG\r\n"
    assert world.calls() == [("a", "first_ping_received")]
    assert not world.peers["a"].link.announce_first_ping


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n",
        b"X",
        b"PUX",
        b"PIN\r\n",
        b"PO.",
        b"HPUC",
        b"HMSG",
        b"MSG foo 1 0\r\n",
        b"RS+ $G foo\r\n",
        b"LS+ foo\r\n",
        b"A+ $G\r\n",
        b"PUB\r\n",
        b"PUB",
        b"PUBfoo",
        b"SUB\r\n",
        b"SUBfoo",
        b"UNSUB\r\n",
        b"HPUB\r\n",
        b"-ERR\r\n",
        b"-ERX",
        b"+KO",
        b"CONNEXT",
        b"INFX",
        b"\x00",
        b"\xff\xff",
    ],
)
def test_what_is_no_verb_is_refused_at_its_first_wrong_byte(
    backend: IRouterBackend, data: bytes
) -> None:
    world = play(backend, data)
    if data == b"PUB":
        assert world.calls() == []
        return
    assert world.output("a") == b"-ERR 'Unknown Protocol Operation'\r\n"
    assert world.peers["a"].link.closed
    assert world.calls() == [
        ("a", "fault", "UnknownProtocolOperation", "Unknown Protocol Operation")
    ]


def test_a_wrong_byte_is_refused_without_waiting_for_the_line(world: World) -> None:
    world.attach("a")
    assert world.feed("a", b"PI") == b""
    assert world.feed("a", b"X") == b"-ERR 'Unknown Protocol Operation'\r\n"


def test_what_follows_a_fault_that_closes_is_dropped(backend: IRouterBackend) -> None:
    world = play(backend, b"PING\r\nFOO\r\nPING\r\n")
    assert world.output("a") == b"PONG\r\n-ERR 'Unknown Protocol Operation'\r\n"


# --- the length of a line ---------------------------------------------------------------

SHORT = RouterSettings(seed=1, max_control_line=10)


@pytest.mark.parametrize(
    "line", [b"CONNECT 0123456789\r\n", b"CONNECT 0123456789\n", b"CONNECT     0123456789\r\n"]
)
def test_an_argument_may_be_as_long_as_max_control_line(
    backend: IRouterBackend, line: bytes
) -> None:
    world = play(backend, line, settings=SHORT)
    assert world.calls() == [("a", "connect_received", b"0123456789")]


@pytest.mark.parametrize(
    "line",
    [
        b"CONNECT 01234567890\r\n",
        b"PUB foo.bar.b 5\r\n",
        b"PUB f          5\r\nhello\r\n",
        b"SUB foo.bar.b 5\r\n",
        b"CONNECT 0123456789\rx",
    ],
)
def test_a_longer_argument_is_refused(backend: IRouterBackend, line: bytes) -> None:
    world = play(backend, line, settings=SHORT)
    assert world.output("a") == b"-ERR 'maximum control line exceeded'\r\n"
    assert world.peers["a"].link.closed


def test_what_is_said_about_a_longer_argument_ends_with_it(world: World) -> None:
    """Behind it there is another client's input, or nothing that may be read at all."""
    world.router.settings = SHORT
    world.attach("a")
    said: list[str] = []
    world.peers["a"].on["fault"] = lambda fault: said.append(fault.detail)
    world.feed("a", b"SUB 01234567890\r\nCONNECT secret\r\n")
    assert len(said) == 1
    assert "secret" not in said[0]


def test_a_longer_argument_is_refused_before_its_line_ends(world: World) -> None:
    world.router.settings = SHORT
    world.attach("a")
    assert world.feed("a", b"SUB 0123456789") == b""
    assert world.feed("a", b"\r") == b""
    assert world.feed("a", b"x") == b"-ERR 'maximum control line exceeded'\r\n"


def test_servers_may_send_longer_lines(world: World) -> None:
    world.router.settings = SHORT
    world.attach("a", kind=PeerKind.ROUTE)
    world.feed("a", b"INFO " + b"x" * 160 + b"\r\n")
    assert world.calls() == [("a", "info_received", b"x" * 160)]
    assert world.feed("a", b"INFO " + b"x" * 161) == b"-ERR 'maximum control line exceeded'\r\n"


# --- malformed arguments ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        (b"PUB foo\r\n", 'processPub Parse Error: "foo"'),
        (b"PUB a b c 5\r\n", 'processPub Parse Error: "a b c 5"'),
        (b"PUB foo\t\t\r\n", 'processPub Parse Error: "foo\\t\\t"'),
        (b"PUB foo bar\r\n", 'processPub Bad or Missing Size: "foo bar"'),
        (b"PUB foo -1\r\n", 'processPub Bad or Missing Size: "foo -1"'),
        (b"PUB foo 1a\r\n", 'processPub Bad or Missing Size: "foo 1a"'),
        (b"PUB foo 1234567890\r\n", 'processPub Bad or Missing Size: "foo 1234567890"'),
        (b"PUB foo 0000000005\r\n", 'processPub Bad or Missing Size: "foo 0000000005"'),
        (b"HPUB foo 5\r\n", 'processHeaderPub Parse Error: "foo 5"'),
        (b"HPUB a b c 5 5\r\n", 'processHeaderPub Parse Error: "a b c 5 5"'),
        (b"HPUB foo x 5\r\n", 'processHeaderPub Bad or Missing Header Size: "foo x 5"'),
        (b"HPUB foo 5 x\r\n", 'processHeaderPub Bad or Missing Total Size: "foo 5 x"'),
        (b"HPUB foo 6 5\r\n", 'processHeaderPub Header Size larger then TotalSize: "foo 6 5"'),
        (b"SUB foo\r\n", 'processSub Parse Error: "foo"'),
        (b"SUB a b c d\r\n", 'processSub Parse Error: "a b c d"'),
        (b"SUB \x80\xc3\xa9\r\n", 'processSub Parse Error: "\\x80é"'),
        (b"UNSUB 1 2 3\r\n", 'processUnsub Parse Error: "1 2 3"'),
    ],
)
def test_malformed_arguments_close_without_a_word(
    backend: IRouterBackend, line: bytes, detail: str
) -> None:
    details: list[str] = []

    def setup(world: World) -> None:
        details.clear()
        world.peers["a"].on["fault"] = lambda fault: details.append(fault.detail)

    world = play(backend, line + b"PING\r\n", setup)
    assert world.output("a") == b""
    assert world.calls() == [("a", "fault", "MalformedArguments", "")]
    assert world.peers["a"].link.closed
    assert details == [detail]


def test_headers_need_to_be_negotiated(backend: IRouterBackend) -> None:
    world = play(backend, b"HPUB foo 0 0\r\n\r\n", options=replace(QUIET, headers=False))
    assert world.output("a") == b""
    assert world.calls() == [("a", "fault", "HeadersNotSupported", "")]


@pytest.mark.parametrize("line", [b"PUB foo 11\r\n", b"HPUB foo 4 11\r\n", b"PUB a b 999999999\n"])
def test_a_payload_above_max_payload_is_refused(backend: IRouterBackend, line: bytes) -> None:
    faults: list[ClientFault] = []

    def setup(world: World) -> None:
        faults.clear()
        world.peers["a"].on["fault"] = faults.append

    world = play(backend, line, setup, options=replace(QUIET, max_payload=10))
    assert world.output("a") == b"-ERR 'Maximum Payload Violation'\r\n"
    size = line.split()[-1].decode()
    assert faults[0].detail == f"{size} vs 10"


def test_a_payload_of_max_payload_passes_and_minus_one_is_no_limit(
    backend: IRouterBackend,
) -> None:
    for limit in (5, -1):
        world = play(backend, b"PUB foo 5\r\nhello\r\n", options=replace(QUIET, max_payload=limit))
        assert world.peers["a"].link.counters()[:2] == (1, 5)


# --- payloads ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"PUB foo 5\r\nhelloX",
        b"PUB foo 5\r\nhello\n",
        b"PUB foo 5\r\nhello\rX",
        b"PUB foo 5\r\nhello world\r\n",
        b"PUB foo 0\r\nX",
        b"HPUB foo 0 0\r\n\r\r",
    ],
)
def test_a_payload_ends_with_crlf(backend: IRouterBackend, data: bytes) -> None:
    world = play(backend, data)
    assert world.output("a") == b"-ERR 'Unknown Protocol Operation'\r\n"
    assert world.peers["a"].link.counters().in_msgs == 0


def test_the_bytes_behind_a_payload_are_checked_as_soon_as_they_are_there(world: World) -> None:
    world.attach("a")
    assert world.feed("a", b"PUB foo 2\r\nab") == b""
    assert world.feed("a", b"\r") == b""
    assert world.feed("a", b"\r") == b"-ERR 'Unknown Protocol Operation'\r\n"


def test_payloads_may_hold_anything(backend: IRouterBackend) -> None:
    payload = b"\r\nPUB foo 3\r\nabc\r\n\x00\xff"
    data = b"SUB foo 1\r\nPUB foo %d\r\n%b\r\n" % (len(payload), payload)
    world = play(backend, data)
    assert world.output("a") == b"MSG foo 1 %d\r\n%b\r\n" % (len(payload), payload)


@pytest.mark.parametrize(
    "line",
    [
        b"PUB foo 5\r\n",
        b"pub foo 5\r\n",
        b"PUB foo 5\n",
        b"PUB \t foo \t 5 \t\r\n",
        b"PUB\tfoo\t5\r\n",
    ],
)
def test_white_space_in_a_line_does_not_matter(backend: IRouterBackend, line: bytes) -> None:
    world = play(backend, b"SUB foo 1\r\n" + line + b"hello\r\n")
    assert world.output("a") == b"MSG foo 1 5\r\nhello\r\n"


def test_a_subject_may_hold_any_other_byte(backend: IRouterBackend) -> None:
    world = play(backend, b"SUB > 1\r\nPUB \x80\x01,;/\r\xff 1\r\nx\r\n")
    assert world.output("a") == b"MSG \x80\x01,;/\r\xff 1 1\r\nx\r\n"


# --- before CONNECT ---------------------------------------------------------------------


def _awaiting(answer: bool) -> object:
    def setup(world: World) -> None:
        peer = world.peers["a"]
        peer.link.awaiting_connect = True
        peer.on["operation_before_connect"] = lambda: answer

    return setup


@pytest.mark.parametrize("data", [b"PING\r\n", b"X", b"\r\n", b"SUB foo 1\r\n", b"+OK\r\n"])
def test_what_comes_before_connect_is_refused(backend: IRouterBackend, data: bytes) -> None:
    world = play(backend, data, _awaiting(False))  # type: ignore[arg-type]
    assert world.output("a") == b"-ERR 'Authorization Violation'\r\n"
    assert world.calls() == [
        ("a", "operation_before_connect"),
        ("a", "fault", "AuthorizationViolation", "Authorization Violation"),
    ]


def test_what_comes_before_connect_may_be_let_pass(backend: IRouterBackend) -> None:
    world = play(backend, b"PING\r\nSUB foo 1\r\nPING\r\n", _awaiting(True))  # type: ignore[arg-type]
    assert world.output("a") == b"PONG\r\nPONG\r\n"
    assert world.calls() == [("a", "operation_before_connect")]
    assert not world.peers["a"].link.awaiting_connect


def test_what_comes_before_connect_may_have_to_wait(backend: IRouterBackend) -> None:
    """Who is asked may need time: then the operation is acted on when input goes on."""
    world = World(backend)
    link = world.attach("a")
    link.awaiting_connect = True

    def later() -> bool:
        link.pause_input()
        return True

    world.peers["a"].on["operation_before_connect"] = later
    for piece in (b"P", b"ING\r\nSUB f", b"oo 1\r\nPING\r\n"):
        world.feed("a", piece)
    assert world.output("a") == b""
    link.resume_input()
    world.router.flush()
    assert world.output("a") == b"PONG\r\nPONG\r\n"
    assert world.calls() == [("a", "operation_before_connect")]
    assert [sub.subject for sub in link.subscriptions()] == [b"foo"]


def test_connect_itself_is_not_asked_about(backend: IRouterBackend) -> None:
    def setup(world: World) -> None:
        peer = world.peers["a"]
        peer.link.awaiting_connect = True

        def connect(argument: bytes) -> None:
            peer.link.awaiting_connect = False

        peer.on["connect_received"] = connect

    world = play(backend, b"connect {}\r\nPING\r\n", setup)
    assert world.output("a") == b"PONG\r\n"
    assert world.calls() == [("a", "connect_received", b"{}")]


def test_until_connect_is_accepted_everything_else_is_refused(backend: IRouterBackend) -> None:
    world = play(backend, b"CONNECT {}\r\nPING\r\n", _awaiting(False))  # type: ignore[arg-type]
    assert world.output("a") == b"-ERR 'Authorization Violation'\r\n"


# --- pausing and closing ----------------------------------------------------------------


def test_paused_input_is_kept_and_parsed_later(world: World) -> None:
    link = world.attach("a")
    world.peers["a"].on["connect_received"] = lambda argument: link.pause_input()
    assert world.feed("a", b"PING\r\nCONNECT {}\r\nPING\r\nPI") == b"PONG\r\n"
    assert world.feed("a", b"NG\r\nPO") == b""
    link.resume_input()
    assert world.output("a").endswith(b"PONG\r\nPONG\r\n")
    assert world.feed("a", b"NG\r\nPING\r\n") == b"PONG\r\n"
    assert world.calls() == [("a", "connect_received", b"{}"), ("a", "pong_received")]


def test_input_may_be_paused_between_feeds(world: World) -> None:
    link = world.attach("a")
    world.feed("a", b"PUB foo 5\r\nhe")
    link.pause_input()
    world.feed("a", b"llo\r\n")
    assert link.counters().in_msgs == 0
    link.resume_input()
    assert link.counters().in_msgs == 1


def test_pausing_and_resuming_in_one_call_changes_nothing(world: World) -> None:
    link = world.attach("a")

    def connect(argument: bytes) -> None:
        link.pause_input()
        link.resume_input()

    world.peers["a"].on["connect_received"] = connect
    assert world.feed("a", b"CONNECT {}\r\nPING\r\n") == b"PONG\r\n"


def test_input_paused_again_while_it_is_resumed_stays_in_order(world: World) -> None:
    link = world.attach("a")
    world.peers["a"].on["connect_received"] = lambda argument: link.pause_input()
    world.feed("a", b"CONNECT 1\r\nCONNECT 2\r\n")
    world.feed("a", b"PING\r\n")
    link.resume_input()
    assert world.output("a") == b""
    link.resume_input()
    assert world.output("a") == b"PONG\r\n"


def test_a_link_closed_in_a_call_stops_at_once(backend: IRouterBackend) -> None:
    def setup(world: World) -> None:
        peer = world.peers["a"]
        peer.on["connect_received"] = lambda argument: peer.link.close()

    world = play(backend, b"PING\r\nCONNECT {}\r\nPING\r\nPUB foo 1\r\nx\r\n", setup)
    assert world.output("a") == b"PONG\r\n"
    assert world.peers["a"].link.counters().in_msgs == 0


def test_a_closed_link_takes_nothing_in_and_puts_nothing_out(world: World) -> None:
    link = world.attach("a")
    link.write(b"queued before")
    link.close()
    link.close()
    link.write(b"after")
    link.feed(b"PING\r\n")
    assert link.publish(b"foo", b"", b"", b"") == 0
    assert not link.subscribe(b"foo", b"", b"1")
    assert world.output("a") == b"queued before"
    assert link.closed


def test_bytes_fed_from_within_a_call_come_after_those_being_parsed(world: World) -> None:
    link = world.attach("a", VERBOSE)
    world.peers["a"].on["connect_received"] = lambda argument: link.feed(b"PING\r\n")
    assert world.feed("a", b"CONNECT {}\r\nSUB foo 1\r\n") == b"+OK\r\nPONG\r\n"


def test_endless_spaces_and_endless_pings_are_not_stored(world: World) -> None:
    """They are answered or refused when they end, and cost nothing until then."""
    world.attach("a")
    for _ in range(200):
        world.feed("a", b"x" * 0 + b"PING" if _ == 0 else b"y" * 65536)
    assert world.feed("a", b"\n") == b"PONG\r\n"
    world.feed("a", b"SUB ")
    for _ in range(50):
        world.feed("a", b" \t" * 4096)
    assert world.feed("a", b"foo 1\r\nPING\r\n") == b"PONG\r\n"
