"""What malformed input gets: bytes in, bytes out, the reason in /connz if it is closed.

The expectations are what nats-server 2.15 does, seen on the wire; ``older`` is what 2.9 does
where that is something else, and why.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.hostile.peers import hello

#: The limits are small, so that the table stays readable. Each row is a connection to ``open``,
#: or to ``guarded``, which wants a token.
OPEN = """
debug: true
max_payload: 1024
max_control_line: 256
max_subscriptions: 3
max_sub_tokens: 8
"""
GUARDED = OPEN + "authorization { token: s3cret, timeout: 60 }\n"

VIOLATION = "Protocol Violation"
LONG = "Maximum Control Line Exceeded"
LARGE = "Maximum Message Payload Exceeded"
DENIED = "Authentication Failure"

UNKNOWN = b"-ERR 'Unknown Protocol Operation'\r\n"
TOO_LONG = b"-ERR 'maximum control line exceeded'\r\n"
TOO_LARGE = b"-ERR 'Maximum Payload Violation'\r\n"
UNAUTHORIZED = b"-ERR 'Authorization Violation'\r\n"
INVALID = b"-ERR 'Invalid Subject'\r\n"
HEADER = b"NATS/1.0\r\n\r\n"


class Older(NamedTuple):
    """What nats-server 2.9 does instead."""

    why: str
    #: any of these
    answers: tuple[bytes, ...]
    reason: str = ""


class Row(NamedTuple):
    """One kind of bad input."""

    name: str
    #: what is sent
    data: bytes
    #: all that is answered
    answer: bytes = b""
    #: why it was closed, in /connz; ``""`` if it stays open
    reason: str = ""
    #: lines in the log about it, besides those of its beginning and end
    lines: int = 1
    #: what is sent before, without an answer
    before: bytes = hello(headers=True)
    guarded: bool = False
    older: Older | None = None


def _silent(name: str, data: bytes, **more: object) -> Row:
    """A verb that is known with arguments that are not: closed without a word."""
    return Row(name, data, b"", VIOLATION, **more)  # type: ignore[arg-type]


def _unknown(name: str, data: bytes, **more: object) -> Row:
    return Row(name, data, UNKNOWN, VIOLATION, **more)  # type: ignore[arg-type]


def _connect(name: str, argument: bytes, **more: object) -> Row:
    """A CONNECT that cannot be read, as the first thing that is said."""
    return _silent(name, b"CONNECT " + argument + b"\r\n", before=b"", **more)


def _harmless(name: str, data: bytes, answer: bytes = b"", **more: object) -> Row:
    """Odd, but nobody minds."""
    return Row(name, data, answer, lines=0, **more)  # type: ignore[arg-type]


VERBS = [
    _unknown("a blank line", b"\r\n"),
    _unknown("a line feed", b"\n"),
    _unknown("a verb that does not exist", b"FOO bar\r\n"),
    _unknown("a verb that begins like one", b"PUT foo 1\r\n"),
    _unknown("a verb that goes on", b"PINGS"[:2] + b"Q\r\n"),
    _unknown("a verb without blank and argument", b"PUB\r\n"),
    _unknown("SUB without blank", b"SUB\r\n"),
    _unknown("UNSUB without blank", b"UNSUB\r\n"),
    _unknown("HPUB without blank", b"HPUB\r\n"),
    _unknown("a route's verb", b"RMSG $G foo 2\r\nok\r\n"),
    _unknown("a server's verb", b"MSG foo 1 2\r\nok\r\n"),
    _unknown("an account's verb", b"A+ acc\r\n"),
    _unknown("HTTP", b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"),
    _unknown("a TLS record", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x07" * 200),
    _unknown("zeros", bytes(300)),
    _unknown("all bytes", bytes(range(256))),
    _unknown("a byte order mark", b"\xef\xbb\xbfPING\r\n"),
    _unknown("a PROXY header nobody asked for", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"),
    _unknown("a space before the verb", b" PING\r\n"),
]

PUB = [
    _silent("PUB without size", b"PUB foo\r\n"),
    _silent("PUB with too many arguments", b"PUB foo bar baz 2\r\nok\r\n"),
    _silent("PUB with a negative size", b"PUB foo -1\r\n"),
    _silent("PUB with a size that is no number", b"PUB foo 2x\r\nok\r\n"),
    _silent("PUB with a size in hex", b"PUB foo 0x2\r\nok\r\n"),
    _silent("PUB with a signed size", b"PUB foo +2\r\nok\r\n"),
    _silent("PUB with a size of ten digits", b"PUB foo 0000000002\r\nok\r\n"),
    _silent("PUB with a size beyond all integers", b"PUB foo 99999999999999999999\r\n"),
    _silent("PUB with an argument of blanks", b"PUB  \r\n"),
    Row("PUB above max_payload", b"PUB foo 1025\r\n", TOO_LARGE, LARGE),
    Row("PUB far above max_payload", b"PUB foo 999999999\r\nx", TOO_LARGE, LARGE),
    _unknown("a payload shorter than its size", b"PUB foo 5\r\nabc\r\nPING\r\n"),
    _unknown("a payload one byte too short", b"PUB foo 3\r\nab\r\n"),
    _unknown("a payload longer than its size", b"PUB foo 3\r\nabcd\r\n"),
    _unknown("a payload ended by a line feed", b"PUB foo 3\r\nabc\nPING\r\n"),
    _unknown("a payload ended by half a line end", b"PUB foo 3\r\nabc\rPING\r\n"),
    _harmless("PUB with leading zeros", b"PUB foo 000000002\r\nok\r\n"),
    _harmless("PUB to a wildcard", b"PUB foo.* 2\r\nok\r\n"),
    _harmless("PUB to an empty token", b"PUB foo..bar 2\r\nok\r\n"),
    _harmless("PUB with binary in the subject", b"PUB f\xff\x00\xfe 2\r\nok\r\n"),
    _harmless("any number of blanks", b"PUB" + b" \t" * 2500 + b"foo 2\r\nok\r\n"),
    Row(
        "PUB to a wildcard from a pedantic client",
        b"PUB foo.* 2\r\nok\r\n",
        b"-ERR 'Invalid Publish Subject'\r\n",
        before=hello(pedantic=True),
        older=Older(
            "2.9 reads the line again, and complains again, when the payload is in pieces",
            (b"-ERR 'Invalid Publish Subject'\r\n", b"-ERR 'Invalid Publish Subject'\r\n" * 2),
        ),
    ),
    Row(
        "PUB to a subject of gateways",
        b"PUB _GR_.a 2\r\nok\r\n",
        b"-ERR 'Permissions Violation for Publish to \"_GR_.a\"'\r\n",
    ),
    Row(
        "PUB to a subject of the replicated logs",
        b"PUB $NRG.a 2\r\nok\r\n",
        b"-ERR 'Permissions Violation for Publish to \"$NRG.a\"'\r\n",
        older=Older("2.9 lets clients write there", (b"",)),
    ),
    Row(
        "PUB with a reply only servers may use",
        b"PUB foo _R_.a 2\r\nok\r\n",
        b"-ERR 'Permissions Violation for Publish with Reply of \"_R_.a\"'\r\n",
    ),
]

HPUB = [
    _silent("HPUB without headers in CONNECT", b"HPUB foo 12 14\r\n", before=hello()),
    _silent("HPUB without sizes", b"HPUB foo\r\n"),
    _silent("HPUB with one size", b"HPUB foo 12\r\n"),
    _silent("HPUB with too many arguments", b"HPUB a b c 12 14\r\n"),
    _silent("HPUB with a bad header size", b"HPUB foo x 14\r\n"),
    _silent("HPUB with a bad total size", b"HPUB foo 12 x\r\n"),
    _silent("HPUB with negative sizes", b"HPUB foo -1 -1\r\n"),
    _silent("HPUB with more header than message", b"HPUB foo 14 12\r\n"),
    Row("HPUB above max_payload", b"HPUB foo 12 1025\r\n", TOO_LARGE, LARGE),
    _unknown("HPUB shorter than its size", b"HPUB foo 12 20\r\n" + HEADER + b"ok\r\nPING\r\n    "),
    # The server does not read headers, so it does not mind what is in them.
    _harmless(
        "a header block that is none",
        b"SUB foo 1\r\nHPUB foo 6 8\r\nabcdefok\r\n",
        b"HMSG foo 1 6 8\r\nabcdefok\r\n",
    ),
    _harmless(
        "a header block that does not end",
        b"SUB foo 1\r\nHPUB foo 12 12\r\nNATS/1.0\r\nA:\r\n",
        b"HMSG foo 1 12 12\r\nNATS/1.0\r\nA:\r\n",
    ),
    _harmless(
        "a header block of binary",
        b"SUB foo 1\r\nHPUB foo 5 7\r\n\xff\x00\n\r\xfeok\r\n",
        b"HMSG foo 1 5 7\r\n\xff\x00\n\r\xfeok\r\n",
    ),
    _harmless(
        "a header block in the middle of its line end",
        b"SUB foo 1\r\nHPUB foo 11 14\r\n" + HEADER + b"ok\r\n",
        b"HMSG foo 1 11 14\r\n" + HEADER + b"ok\r\n",
    ),
]

SUB = [
    _silent("SUB without sid", b"SUB foo\r\n"),
    _silent("SUB with too many arguments", b"SUB foo q 1 2\r\n"),
    _silent("SUB with an argument of blanks", b"SUB  \r\n"),
    _silent("UNSUB with too many arguments", b"UNSUB 1 2 3\r\n"),
    _silent("UNSUB with an argument of blanks", b"UNSUB  \r\n"),
    Row("SUB to an empty token", b"SUB foo..bar 1\r\n", INVALID),
    Row("SUB to a leading dot", b"SUB .foo 1\r\n", INVALID),
    Row("SUB to a trailing dot", b"SUB foo. 1\r\n", INVALID),
    Row("SUB with > before the end", b"SUB >.foo 1\r\n", INVALID),
    Row(
        "SUB with too many tokens",
        b"SUB a.b.c.d.e.f.g.h.i 1\r\n",
        b"-ERR 'Permissions Violation for Subscription to \"a.b.c.d.e.f.g.h.i\","
        b" too many tokens'\r\n",
    ),
    Row(
        "SUB in the queue group of servers",
        b"SUB foo _sys_ 1\r\n",
        b"-ERR 'Permissions Violation for Subscription to \"foo\" using queue \"_sys_\"'\r\n",
    ),
    Row(
        "SUB beyond max_subscriptions",
        b"SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nSUB d 4\r\n",
        b"-ERR 'maximum subscriptions exceeded'\r\n",
    ),
    _harmless("UNSUB of nothing", b"UNSUB 77\r\n"),
    _harmless("UNSUB after a number that is none", b"SUB foo 1\r\nUNSUB 1 x\r\n"),
    _harmless("SUB twice", b"SUB foo 1\r\nSUB bar 1\r\nPUB bar 0\r\n\r\n"),
    _harmless("SUB with binary", b"SUB \xff\xfe \x00\r\nPUB \xff\xfe 0\r\n\r\n",
              b"MSG \xff\xfe \x00 0\r\n\r\n"),
]  # fmt: skip

LINES = [
    Row("a long PUB without end", b"PUB " + b"a" * 257, TOO_LONG, LONG),
    Row("a long PUB", b"PUB " + b"a" * 300 + b" 2\r\nok\r\n", TOO_LONG, LONG),
    Row("a long HPUB", b"HPUB " + b"a" * 300 + b" 2 2\r\nok\r\n", TOO_LONG, LONG),
    Row("a long SUB", b"SUB " + b"a" * 300 + b" 1\r\n", TOO_LONG, LONG),
    Row("a long sid", b"SUB foo " + b"1" * 300 + b"\r\n", TOO_LONG, LONG),
    Row("a long UNSUB", b"UNSUB " + b"1" * 300 + b"\r\n", TOO_LONG, LONG),
    Row("a long -ERR", b"-ERR '" + b"a" * 300 + b"'\r\n", TOO_LONG, LONG),
    Row("a long INFO", b"INFO {" + b" " * 300 + b"}\r\n", TOO_LONG, LONG),
    Row("a long CONNECT", b"CONNECT {" + b" " * 300 + b"}\r\n", TOO_LONG, LONG, before=b""),
    Row("one byte more than fits", b"SUB " + b"a" * 255 + b" 1\r\n", TOO_LONG, LONG),
    _harmless("what just fits", b"UNSUB " + b"1" * 256 + b"\r\n"),
    _harmless("a long PING", b"PING" + b"x" * 5000 + b"\r\n", b"PONG\r\n"),
    _harmless("a long PONG", b"PONG" + b"x" * 5000 + b"\r\n"),
    _harmless("a long +OK", b"+OK" + b"x" * 5000 + b"\r\n"),
]

CONNECT = [
    _connect("CONNECT with nothing", b""),
    _connect("CONNECT with text", b"hello"),
    _connect("CONNECT cut off", b'{"verbose":false'),
    _connect("CONNECT with more behind it", b"{} {}"),
    _connect("CONNECT with a list", b"[]"),
    _connect("CONNECT with a number", b"1"),
    _connect("CONNECT with NaN", b'{"protocol":NaN}'),
    _connect("CONNECT with single quotes", b"{'verbose':false}"),
    _connect("CONNECT with a trailing comma", b'{"verbose":false,}'),
    _connect("CONNECT with a flag that is text", b'{"verbose":"false"}'),
    _connect("CONNECT with a number that is text", b'{"protocol":"1"}'),
    _connect("CONNECT with a fraction", b'{"protocol":1.5}'),
    _connect("CONNECT with a name that is a number", b'{"name":5}'),
    _connect("CONNECT with a control character", b'{"name":"a\x01b"}'),
    _connect("CONNECT with a zero", b'{"name":"\x00"}\x00'),
    _connect("CONNECT with a bad escape", b'{"name":"\\x41"}'),
    _connect("CONNECT nested deeply", b"[" * 240),
    _connect("CONNECT in UTF-16", '{"verbose":false}'.encode("utf-16")),
    _harmless("CONNECT that is not UTF-8", hello(name="x").replace(b"x", b"\xff\xfe"), before=b""),
    _harmless("CONNECT with half a surrogate", hello().replace(b"}", b',"name":"\\ud800"}'),
              before=b""),
    _harmless("CONNECT again", hello(name="again")),
    _silent("CONNECT again, unreadable", b"CONNECT {\r\n"),
    Row("CONNECT with a protocol to come", hello(protocol=2), b"-ERR 'invalid client protocol'\r\n",
        "Bad Client Protocol Version", before=b""),
    Row("CONNECT with no_responders without headers", hello(no_responders=True),
        b"-ERR 'no responders requires headers support'\r\n",
        "No Responders Requires Headers", before=b""),
    Row("CONNECT that asks for an account", hello(account="other"), UNAUTHORIZED, DENIED,
        before=b""),
    _silent("INFO that is not JSON", b"INFO hello\r\n"),
    _harmless("INFO", b"INFO {}\r\n"),
    Row("-ERR from a client", b"-ERR 'I am unwell'\r\n", b"", "Parse Error"),
    _harmless("a PONG nobody asked for", b"PONG\r\n"),
]  # fmt: skip

AUTHORIZATION = [
    Row("PING before CONNECT", b"PING\r\n", UNAUTHORIZED, DENIED, before=b"", guarded=True),
    Row("SUB before CONNECT", b"SUB > 1\r\n", UNAUTHORIZED, DENIED, before=b"", guarded=True),
    Row("garbage before CONNECT", b"\x00\xff", UNAUTHORIZED, DENIED, before=b"", guarded=True),
    Row("CONNECT without a token", hello(), UNAUTHORIZED, DENIED, before=b"", guarded=True),
    # the authenticator says why, to those who debug
    Row("CONNECT with a wrong token", hello(auth_token="guess"), UNAUTHORIZED, DENIED, 2,
        before=b"", guarded=True),
    Row("CONNECT with a user instead", hello(user="a", **{"pass": "s3cret"}), UNAUTHORIZED, DENIED,
        before=b"", guarded=True),
    _unknown("half a CONNECT", b"CONX", before=b"", guarded=True),
    _connect("CONNECT that cannot be read", b"{", guarded=True),
]  # fmt: skip

ROWS = [*VERBS, *PUB, *HPUB, *SUB, *LINES, *CONNECT, *AUTHORIZATION]
