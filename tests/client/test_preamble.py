"""How connections start: exact bytes in, the driver's calls out, time by hand.

Every conversation is a list of steps: bytes that arrive, seconds that pass, TLS coming up,
the connection going away. What must happen is the list of calls the driver saw. What
nats-server 2.15 does in the same places was seen on the wire.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.logger import LogLevel
from twisted.python.failure import Failure

from pubsub.client.preamble import (
    PeerCertificate,
    Preamble,
    PreambleSettings,
    Stage,
    TlsDetails,
)
from pubsub.errors import ClientFault, ClosedState, ConnectionThrottled

HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
CONNECT = b'CONNECT {"verbose":false}\r\nPING\r\n'
PROXY1 = b"PROXY TCP4 192.0.2.1 198.51.100.7 35646 4222\r\n"
PROXY2 = b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x07" + struct.pack(
    "!HH", 35646, 4222
)
PEER = "203.0.113.5:999"
DETAILS = TlsDetails("1.3", "TLS_AES_128_GCM_SHA256")
CERTIFICATE = PeerCertificate(b"der", "CN=client", "ab" * 32, "cd" * 32)

PLAIN_PROXY = PreambleSettings(proxy_protocol=True, peer=PEER)
TLS = PreambleSettings(tls=True, peer=PEER)
MIXED = replace(TLS, allow_non_tls=True)
FIRST = replace(TLS, handshake_first=True)
AUTO = replace(TLS, handshake_first=0.05)
IN_PROCESS = replace(TLS, in_process=True)


@dataclass
class Wait:
    """So many seconds pass."""

    seconds: float


UP = "TLS comes up"


@dataclass
class Lost:
    """The connection is gone."""

    reason: Failure | None = None


LOST = Lost()


@dataclass
class RecordingDriver:
    """Provides what a preamble calls, and remembers it."""

    calls: list[tuple[object, ...]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def send_info(self, tls_required: bool | None, client_ip: bool) -> None:
        self.calls.append(("info", tls_required, client_ip))

    def start_tls(self, pending: bytes) -> None:
        self.calls.append(("tls", pending))

    def peer_known(self, host: str, port: int) -> None:
        self.calls.append(("peer", host, port))

    def ready(self, rest: bytes) -> None:
        self.calls.append(("ready", rest))

    def failed(
        self, fault: ClientFault | None, state: ClosedState, log: str, level: LogLevel
    ) -> None:
        sent = b"" if fault is None else fault.to_bytes()
        self.calls.append(("failed", sent, state, log, level))

    def debug(self, text: str) -> None:
        self.log.append(text)


def run(settings: PreambleSettings, steps: list[object]) -> RecordingDriver:
    driver, clock = RecordingDriver(), Clock()
    preamble = Preamble(settings, driver, clock)
    preamble.start()
    for step in steps:
        if isinstance(step, bytes):
            preamble.data_received(step)
        elif isinstance(step, Wait):
            clock.advance(step.seconds)
        elif isinstance(step, Lost):
            preamble.connection_lost(step.reason)
        else:
            preamble.handshake_completed(DETAILS)
    if any(call[0] in ("ready", "failed") for call in driver.calls):
        assert not clock.getDelayedCalls()
    return driver


INFO = ("info", None, True)
NO_IP = ("info", None, False)
LATE_INFO = ("info", True, True)
SOURCE = ("peer", "192.0.2.1", 35646)
BAD_RECORD = (
    "failed",
    b"",
    ClosedState.TLS_HANDSHAKE_ERROR,
    "TLS handshake error: first record does not look like a TLS handshake",
    LogLevel.debug,
)
TIMEOUT = (
    "failed",
    b"",
    ClosedState.TLS_HANDSHAKE_ERROR,
    "TLS handshake timeout",
    LogLevel.debug,
)
TLS_EOF = (
    "failed",
    b"",
    ClosedState.TLS_HANDSHAKE_ERROR,
    "TLS handshake error: EOF",
    LogLevel.error,
)
GONE = ("failed", b"", ClosedState.CLIENT_CLOSED, "", LogLevel.error)


def refused(why: str) -> tuple[object, ...]:
    """The PROXY stage ended the connection."""
    text = f"Error reading PROXY protocol header from {PEER}: {why}"
    return ("failed", b"", ClosedState.PROTOCOL_VIOLATION, text, LogLevel.warn)


PROXY_LATE = refused("timeout reading PROXY protocol header")

CONVERSATIONS: list[tuple[str, PreambleSettings, list[object], list[tuple[object, ...]]]] = [
    # TLS after INFO
    ("INFO comes at once, TLS when the client begins", TLS, [], [INFO]),
    ("TLS after INFO", TLS, [HELLO, UP], [INFO, ("tls", HELLO), ("ready", b"")]),
    ("plain text where TLS is required", TLS, [CONNECT], [INFO, BAD_RECORD]),
    ("five bytes of it are enough", TLS, [b"PING\r"], [INFO, BAD_RECORD]),
    ("four bytes are not", TLS, [b"PING"], [INFO]),
    ("four bytes and silence", TLS, [b"PING", Wait(2)], [INFO, TIMEOUT]),
    ("application data is no start", TLS, [b"\x17\x03\x03\x00\x01"], [INFO, BAD_RECORD]),
    ("nor a version that never was", TLS, [b"\x16\x10\x01\x00\x01"], [INFO, BAD_RECORD]),
    (
        "an alert is left to the TLS layer",
        TLS,
        [b"\x15\x03\x01\x00\x02"],
        [INFO, ("tls", b"\x15\x03\x01\x00\x02")],
    ),
    (
        "so is SSL 2",
        TLS,
        [b"\x80\x2e\x01\x00\x02"],
        [INFO, ("tls", b"\x80\x2e\x01\x00\x02")],
    ),
    ("silence", TLS, [Wait(2)], [INFO, TIMEOUT]),
    ("silence ends in good time", TLS, [Wait(1.9), HELLO, Wait(0.05)], [INFO, ("tls", HELLO)]),
    (
        "the timeout is for the whole handshake",
        TLS,
        [Wait(1.9), HELLO, Wait(0.1)],
        [INFO, ("tls", HELLO), TIMEOUT],
    ),
    (
        "no timeout once TLS is up",
        TLS,
        [HELLO, UP, Wait(9)],
        [INFO, ("tls", HELLO), ("ready", b"")],
    ),
    ("TLS coming up too late changes nothing", TLS, [Wait(2), UP], [INFO, TIMEOUT]),
    ("hanging up instead of TLS", TLS, [LOST], [INFO, TLS_EOF]),
    ("hanging up in the middle", TLS, [HELLO, LOST], [INFO, ("tls", HELLO), TLS_EOF]),
    ("hanging up when all is done", TLS, [HELLO, UP, LOST], [INFO, ("tls", HELLO), ("ready", b"")]),
    ("hanging up twice", TLS, [LOST, LOST], [INFO, TLS_EOF]),
    # TLS before INFO
    ("handshake_first keeps INFO back", FIRST, [], []),
    ("TLS, then INFO", FIRST, [HELLO, UP], [("tls", HELLO), LATE_INFO, ("ready", b"")]),
    ("waiting for INFO that does not come", FIRST, [Wait(2)], [TIMEOUT]),
    ("plain text first", FIRST, [CONNECT], [BAD_RECORD]),
    (
        "handshake_first overrides allow_non_tls",
        replace(FIRST, allow_non_tls=True),
        [CONNECT],
        [BAD_RECORD],
    ),
    # auto, or a delay
    ("auto: TLS at once", AUTO, [HELLO, UP], [("tls", HELLO), LATE_INFO, ("ready", b"")]),
    ("auto: silence brings INFO", AUTO, [Wait(0.05)], [INFO]),
    (
        "auto: INFO, then TLS",
        AUTO,
        [Wait(0.05), HELLO, UP],
        [INFO, ("tls", HELLO), ("ready", b"")],
    ),
    ("auto: INFO, then plain text", AUTO, [Wait(0.05), CONNECT], [INFO, BAD_RECORD]),
    ("auto: less than four bytes wait for the delay", AUTO, [HELLO[:3]], []),
    (
        "auto: one byte in time is a handshake",
        AUTO,
        [HELLO[:1], Wait(0.05), HELLO[1:], UP],
        [("tls", HELLO), LATE_INFO, ("ready", b"")],
    ),
    ("auto: plain text in time", AUTO, [CONNECT], [BAD_RECORD]),
    (
        "auto: the handshake has its own timeout",
        AUTO,
        [HELLO[:4], Wait(1.9), HELLO[4:], UP],
        [("tls", HELLO), LATE_INFO, ("ready", b"")],
    ),
    (
        "a delay of two seconds",
        replace(TLS, handshake_first=2.0),
        [Wait(1.9), HELLO, UP],
        [("tls", HELLO), LATE_INFO, ("ready", b"")],
    ),
    ("a delay of nothing is no delay", replace(TLS, handshake_first=0.0), [Wait(1.9)], []),
    (
        "auto and allow_non_tls: plain text after INFO",
        replace(AUTO, allow_non_tls=True),
        [Wait(0.05), CONNECT],
        [INFO, ("ready", CONNECT)],
    ),
    (
        "auto and allow_non_tls: TLS after INFO",
        replace(AUTO, allow_non_tls=True),
        [Wait(0.05), HELLO, UP],
        [INFO, ("tls", HELLO), ("ready", b"")],
    ),
    ("auto: hanging up at once", AUTO, [LOST], [TLS_EOF]),
    ("auto: hanging up after a byte", AUTO, [b"P", LOST], [TLS_EOF]),
    (
        "auto and allow_non_tls: hanging up at once",
        replace(AUTO, allow_non_tls=True),
        [LOST],
        [GONE],
    ),
    # both on one port
    ("allow_non_tls: plain", MIXED, [CONNECT], [INFO, ("ready", CONNECT)]),
    ("allow_non_tls: TLS", MIXED, [HELLO, UP], [INFO, ("tls", HELLO), ("ready", b"")]),
    ("allow_non_tls: six bytes decide", MIXED, [b"PING\r"], [INFO]),
    (
        "allow_non_tls: fewer decide later",
        MIXED,
        [b"PING\n", Wait(2)],
        [INFO, ("ready", b"PING\n")],
    ),
    ("allow_non_tls: silence is plain text", MIXED, [Wait(2)], [INFO, ("ready", b"")]),
    (
        "allow_non_tls: half a hello, then a new timeout",
        MIXED,
        [HELLO[:3], Wait(2), HELLO[3:], UP],
        [INFO, ("tls", HELLO), ("ready", b"")],
    ),
    ("allow_non_tls: hanging up", MIXED, [LOST], [INFO, GONE]),
    ("allow_non_tls: hanging up in plain text", MIXED, [b"PIN", LOST], [INFO, GONE]),
    ("allow_non_tls: hanging up in a hello", MIXED, [b"\x16", LOST], [INFO, TLS_EOF]),
    # in-process
    (
        "in-process: never forced",
        IN_PROCESS,
        [CONNECT],
        [("info", False, True), ("ready", CONNECT)],
    ),
    (
        "in-process: may use TLS",
        IN_PROCESS,
        [HELLO, UP],
        [("info", False, True), ("tls", HELLO), ("ready", b"")],
    ),
    (
        "in-process: handshake_first always has a fallback",
        replace(IN_PROCESS, handshake_first=True),
        [Wait(0.05), CONNECT],
        [("info", False, True), ("ready", CONNECT)],
    ),
    (
        "in-process: TLS first",
        replace(IN_PROCESS, handshake_first=True),
        [HELLO, UP],
        [("tls", HELLO), LATE_INFO, ("ready", b"")],
    ),
    # behind a proxy
    ("PROXY: INFO does not tell the proxy's address", PLAIN_PROXY, [], [NO_IP]),
    ("PROXY v1", PLAIN_PROXY, [PROXY1 + CONNECT], [NO_IP, SOURCE, ("ready", CONNECT)]),
    ("PROXY v2", PLAIN_PROXY, [PROXY2 + CONNECT], [NO_IP, SOURCE, ("ready", CONNECT)]),
    ("PROXY: nothing follows yet", PLAIN_PROXY, [PROXY1], [NO_IP, SOURCE, ("ready", b"")]),
    ("PROXY: no header", PLAIN_PROXY, [CONNECT], [NO_IP, ("ready", CONNECT)]),
    ("PROXY UNKNOWN", PLAIN_PROXY, [b"PROXY UNKNOWN\r\nPING"], [NO_IP, ("ready", b"PING")]),
    (
        "PROXY: a bad header",
        PLAIN_PROXY,
        [b"PROXY TCP4 a b c d\r\n"],
        [NO_IP, refused("invalid PROXY protocol header: invalid address")],
    ),
    ("PROXY: silence", PLAIN_PROXY, [Wait(5)], [NO_IP, PROXY_LATE]),
    ("PROXY: not too late", PLAIN_PROXY, [Wait(4.9), CONNECT], [NO_IP, ("ready", CONNECT)]),
    ("PROXY: some bytes win five seconds", PLAIN_PROXY, [b"PRO", Wait(5), Wait(4.9)], [NO_IP]),
    (
        "PROXY: but no more",
        PLAIN_PROXY,
        [b"PRO", Wait(5), Wait(5)],
        [NO_IP, PROXY_LATE],
    ),
    ("PROXY: half a header", PLAIN_PROXY, [PROXY1[:-1], Wait(5)], [NO_IP, PROXY_LATE]),
    ("PROXY: hanging up", PLAIN_PROXY, [LOST], [NO_IP, refused("EOF")]),
    ("PROXY: hanging up in the header", PLAIN_PROXY, [PROXY1[:20], LOST], [NO_IP, refused("EOF")]),
    (
        "PROXY, then TLS",
        replace(TLS, proxy_protocol=True),
        [PROXY2 + HELLO, UP],
        [NO_IP, SOURCE, ("tls", HELLO), ("ready", b"")],
    ),
    (
        "no PROXY, but TLS",
        replace(TLS, proxy_protocol=True),
        [HELLO, UP],
        [NO_IP, ("tls", HELLO), ("ready", b"")],
    ),
    (
        "PROXY, TLS, then INFO with the address",
        replace(FIRST, proxy_protocol=True),
        [PROXY1 + HELLO, UP],
        [SOURCE, ("tls", HELLO), LATE_INFO, ("ready", b"")],
    ),
    (
        "PROXY and auto",
        replace(AUTO, proxy_protocol=True),
        [PROXY1 + HELLO, UP],
        [SOURCE, ("tls", HELLO), LATE_INFO, ("ready", b"")],
    ),
    (
        "PROXY and auto: silence, then all of it",
        replace(AUTO, proxy_protocol=True),
        [Wait(0.05), PROXY1 + HELLO, UP],
        [NO_IP, SOURCE, ("tls", HELLO), ("ready", b"")],
    ),
    (
        "PROXY and auto: hanging up",
        replace(AUTO, proxy_protocol=True),
        [LOST],
        [refused("EOF")],
    ),
    (
        "PROXY and allow_non_tls: the byte after the header decides: TLS",
        replace(MIXED, proxy_protocol=True),
        [PROXY1, HELLO, UP],
        [NO_IP, SOURCE, ("tls", HELLO), ("ready", b"")],
    ),
    (
        "PROXY and allow_non_tls: the byte after the header decides: plain",
        replace(MIXED, proxy_protocol=True),
        [PROXY2, b"C"],
        [NO_IP, SOURCE, ("ready", b"C")],
    ),
    (
        "PROXY and allow_non_tls: silence after the header is plain",
        replace(MIXED, proxy_protocol=True),
        [PROXY1, Wait(2)],
        [NO_IP, SOURCE, ("ready", b"")],
    ),
    (
        "PROXY and allow_non_tls: no header, TLS",
        replace(MIXED, proxy_protocol=True),
        [HELLO, UP],
        [NO_IP, ("tls", HELLO), ("ready", b"")],
    ),
    (
        "PROXY and allow_non_tls: no header, plain",
        replace(MIXED, proxy_protocol=True),
        [CONNECT],
        [NO_IP, ("ready", CONNECT)],
    ),
    (
        "PROXY and allow_non_tls: silence is waited for twice",
        replace(MIXED, proxy_protocol=True),
        [Wait(2), Wait(5)],
        [NO_IP, PROXY_LATE],
    ),
    (
        "PROXY and allow_non_tls: hanging up before the header",
        replace(MIXED, proxy_protocol=True),
        [b"PRO", LOST],
        [NO_IP, refused("EOF")],
    ),
    (
        "PROXY and allow_non_tls: hanging up after the header",
        replace(MIXED, proxy_protocol=True),
        [PROXY1, LOST],
        [NO_IP, SOURCE, GONE],
    ),
]
NAMES = [name for name, *_ in CONVERSATIONS]


@pytest.mark.parametrize(("name", "settings", "steps", "expected"), CONVERSATIONS, ids=NAMES)
def test_a_conversation_makes_the_driver_do_this(name, settings, steps, expected) -> None:
    assert run(settings, steps).calls == expected


def whole(calls: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """What was handed on in one piece or in several is the same: only the kinds remain."""
    return [call[:1] if call[0] in ("tls", "ready") else call for call in calls]


@pytest.mark.parametrize(("name", "settings", "steps", "expected"), CONVERSATIONS, ids=NAMES)
def test_the_same_happens_one_byte_at_a_time(name, settings, steps, expected) -> None:
    single: list[object] = []
    for step in steps:
        if isinstance(step, bytes):
            single += [step[index : index + 1] for index in range(len(step))]
        else:
            single.append(step)
    assert whole(run(settings, single).calls) == whole(expected)


SETTINGS = st.builds(
    PreambleSettings,
    tls=st.booleans(),
    handshake_first=st.sampled_from([False, True, 0.05]),
    allow_non_tls=st.booleans(),
    proxy_protocol=st.booleans(),
    in_process=st.booleans(),
    peer=st.just(PEER),
)
STEPS = st.lists(
    st.one_of(
        st.sampled_from([HELLO, CONNECT, PROXY1, PROXY2, UP, LOST]),
        st.binary(max_size=20),
        st.sampled_from([0.01, 0.05, 2.0, 5.0]).map(Wait),
    ),
    max_size=12,
)


@given(settings=SETTINGS, steps=STEPS)
def test_no_conversation_ends_twice_or_hangs_for_ever(settings, steps) -> None:
    patience = [Wait(settings.tls_timeout)] * 4 + [Wait(5)] * 2
    calls = [call[0] for call in run(settings, [*steps, *patience]).calls]
    assert calls.count("ready") + calls.count("failed") == 1
    assert calls[-1] in ("ready", "failed")
    assert calls.count("info") <= 1
    assert "ready" not in calls or "info" in calls


def test_the_first_bytes_left_over_are_handed_on_once() -> None:
    driver, clock = RecordingDriver(), Clock()
    preamble = Preamble(PLAIN_PROXY, driver, clock)
    preamble.start()
    preamble.data_received(PROXY1 + b"CON")
    preamble.data_received(b"never ours")
    assert driver.calls[-1] == ("ready", b"CON")
    assert preamble.stage is Stage.READY


def test_a_finished_handshake_tells_the_debug_log_what_was_agreed() -> None:
    assert run(TLS, [HELLO, UP]).log == [
        "Starting TLS client connection handshake",
        "TLS handshake complete",
        "TLS version 1.3, cipher suite TLS_AES_128_GCM_SHA256",
    ]


@pytest.mark.parametrize(("settings", "first"), [(TLS, False), (FIRST, True), (AUTO, True)])
def test_tls_first_says_which_came_first(settings, first) -> None:
    preamble = Preamble(settings, RecordingDriver(), Clock())
    preamble.start()
    preamble.data_received(HELLO)
    assert not preamble.tls_first
    preamble.handshake_completed(DETAILS)
    assert preamble.tls_first is first
    assert preamble.tls_details is DETAILS


PINNED = replace(TLS, pinned_certs=frozenset(["ab" * 32]))


@pytest.mark.parametrize(
    ("pinned", "details", "reason"),
    [
        (PINNED, replace(DETAILS, peer_certificates=(CERTIFICATE,)), ""),
        (
            PINNED,
            DETAILS,
            "Failed pinned cert test as client did not provide a certificate",
        ),
        (PINNED, None, "Failed pinned cert test as client did not provide a certificate"),
        (
            PINNED,
            replace(
                DETAILS,
                peer_certificates=(replace(CERTIFICATE, spki_sha256="ef" * 32), CERTIFICATE),
            ),
            "Failed pinned cert test for key id: " + "ef" * 32,
        ),
        (TLS, None, ""),
    ],
)
def test_a_certificate_that_is_not_pinned_is_refused_after_the_handshake(
    pinned, details, reason
) -> None:
    driver = RecordingDriver()
    preamble = Preamble(pinned, driver, Clock())
    preamble.start()
    preamble.data_received(HELLO)
    preamble.handshake_completed(details)
    if not reason:
        assert driver.calls[-1] == ("ready", b"")
        return
    assert driver.log[-1] == reason
    assert driver.calls[-1] == (
        "failed",
        b"",
        ClosedState.TLS_HANDSHAKE_ERROR,
        "TLS handshake error: certificate not pinned",
        LogLevel.error,
    )


def test_too_many_handshakes_are_refused_after_info() -> None:
    driver = RecordingDriver()
    preamble = Preamble(TLS, driver, Clock(), allow_handshake=lambda: False)
    preamble.start()
    assert driver.calls == [
        INFO,
        (
            "failed",
            b"-ERR 'Connection throttling is active. Please try again later.'\r\n",
            ClosedState.MAX_CONNECTIONS_EXCEEDED,
            "",
            LogLevel.error,
        ),
    ]
    assert ConnectionThrottled.closed_state is ClosedState.MAX_CONNECTIONS_EXCEEDED


def test_plain_clients_are_not_counted_as_handshakes() -> None:
    driver, asked = RecordingDriver(), []
    preamble = Preamble(MIXED, driver, Clock(), allow_handshake=lambda: bool(asked.append(1)))
    preamble.start()
    preamble.data_received(CONNECT)
    assert driver.calls == [INFO, ("ready", CONNECT)]
    assert asked == []


def test_cancel_ends_without_a_word() -> None:
    driver, clock = RecordingDriver(), Clock()
    preamble = Preamble(TLS, driver, clock)
    preamble.start()
    preamble.cancel()
    preamble.data_received(HELLO)
    preamble.connection_lost()
    assert driver.calls == [INFO]
    assert not clock.getDelayedCalls()


def test_a_client_that_needs_nothing_is_ready_at_once() -> None:
    settings = PreambleSettings()
    assert not settings.needed
    assert run(settings, []).calls == [INFO, ("ready", b"")]


def test_the_log_tells_why_a_handshake_failed() -> None:
    calls = run(TLS, [HELLO, Lost(Failure(ValueError("certificate expired")))]).calls
    assert calls[-1][3] == "TLS handshake error: certificate expired"
