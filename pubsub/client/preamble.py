"""How a connection starts: INFO, the PROXY header, TLS, in nats-server's order. Sans-IO.

Theory of operation
===================

A connection that needs none of this gets INFO and is a client at once. All others go
through the stages below, top to bottom, skipping those that do not concern them
(nats-server: ``createClientEx`` in ``server.go``)::

    stage       concerns                 waits for                        then
    ----------  -----------------------  -------------------------------  ----------------------
    FALLBACK    handshake_first with a   4 bytes, or the delay            something came: TLS it
                delay; in-process and    (auto: 50 ms)                    is. Nothing came: INFO,
                handshake_first                                           and no longer "first"
    SNIFF       allow_non_tls or         6 bytes, or tls.timeout          0x16 first: TLS, else
                in-process; not "first"                                   plain, silence included
    DETECT      proxy_protocol, and      6 bytes, or 5 s                  silence: refused
                nothing was read yet
    PROXY       proxy_protocol           a whole header or bytes that     refused, or the peer's
                                         cannot be one, or 5 s            address is known
    RESNIFF     SNIFF and a header       1 byte, or tls.timeout           as SNIFF
    RECORD      TLS                      5 bytes, or tls.timeout          no TLS record: refused
    HANDSHAKE   TLS                      the TLS layer, same timeout      pinned_certs checked
    READY       everybody                                                 INFO if it was put off

INFO is sent when ``start`` is called, unless ``handshake_first`` puts it off. What was read
and not used is handed to the next stage, in the end to :meth:`IPreambleDriver.ready`.

RECORD is ours: nats-server hands the socket to its TLS library, which hangs up without a
word on whoever talks plain text to it, and so do we; OpenSSL would answer with an alert.
That a TLS session costs memory only once a client said something is a welcome effect.

A timed-out handshake is not told ``Secure Connection - TLS Required``: nats-server queues
that line, but its own read deadline closes the connection first (2.15: seen on the wire).

``max_connections`` is not checked here: nats-server refuses a client after its first INFO
and before anything else, so the driver needs no preamble for those.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import LogLevel
from twisted.python.failure import Failure

from pubsub.client.preamble_types import (
    HandshakeRate,
    IPreambleDriver,
    PeerCertificate,
    PreambleSettings,
    TlsDetails,
    loss_text,
)
from pubsub.errors import ClientFault, ClosedState, ConnectionThrottled, ProxyHeaderError
from pubsub.wire.proxy import ProxyHeaderParser

__all__ = [
    "HandshakeRate",
    "IPreambleDriver",
    "PeerCertificate",
    "Preamble",
    "PreambleSettings",
    "Stage",
    "TlsDetails",
    "loss_text",
]

#: nats-server's proxyProtoReadTimeout
PROXY_TIMEOUT = 5.0
#: ContentType and the high byte of the version in a TLS record (RFC 8446, 5.1)
_TLS_HANDSHAKE = 0x16
_TLS_ALERT = 0x15
_SSL2_HELLO = 0x80
_TLS_MAJOR_VERSIONS = 0x10


class Stage(enum.Enum):
    """Where a preamble is. The members up to HANDSHAKE are in order."""

    FALLBACK = enum.auto()
    SNIFF = enum.auto()
    DETECT = enum.auto()
    PROXY = enum.auto()
    RESNIFF = enum.auto()
    RECORD = enum.auto()
    HANDSHAKE = enum.auto()
    READY = enum.auto()
    FAILED = enum.auto()


class Preamble:
    """The start of one connection; see the top of this file.

    :param allow_handshake: asked before each TLS handshake, usually
        :meth:`HandshakeRate.allow`; ``None`` allows all.
    """

    def __init__(
        self,
        settings: PreambleSettings,
        driver: IPreambleDriver,
        clock: IReactorTime,
        allow_handshake: Callable[[], bool] | None = None,
    ) -> None:
        self._settings = settings
        self._driver = driver
        self._clock = clock
        self._allow_handshake = allow_handshake
        self._parser = ProxyHeaderParser()
        self._buffer = b""
        self._timer: IDelayedCall | None = None
        self._stage = Stage.FALLBACK
        #: INFO was put off until TLS is up
        self._first = settings.tls_first
        self._sniffed = False
        self._header_seen = False
        #: what it comes to if nobody sniffs: the "orgInfoTLSReq" of nats-server
        self._tls = settings.tls and (self._first or not settings.sniff)
        self.tls_details: TlsDetails | None = None

    @property
    def stage(self) -> Stage:
        """Where it is."""
        return self._stage

    @property
    def tls_first(self) -> bool:
        """TLS was up before INFO was sent: ``tls_first`` in ``/connz``."""
        return self._first and self.tls_details is not None

    def start(self) -> None:
        """The connection is there. May call the driver at once, even ``ready``."""
        if not self._first:
            self._send_info()
        self._enter(Stage.FALLBACK)

    def data_received(self, data: bytes) -> None:
        """Bytes from the peer, in pieces of any size; not those of the TLS layer."""
        if self._stage in _STEPS and data:
            self._buffer += data
            self._look()

    def handshake_completed(self, details: TlsDetails | None = None) -> None:
        """TLS is up. Without ``details`` a client counts as one that showed no certificate."""
        if self._stage is not Stage.HANDSHAKE:
            return
        details = details or TlsDetails()
        refusal = self._pin_refusal(details)
        if refusal:
            self._driver.debug(refusal)
            self._fail_tls("certificate not pinned")
            return
        self.tls_details = details
        if self._first:
            self._driver.send_info(True, True)
        self._driver.debug("TLS handshake complete")
        self._driver.debug(f"TLS version {details.version}, cipher suite {details.cipher_suite}")
        self._ready()

    def connection_lost(self, reason: Failure | None = None) -> None:
        """The transport is gone; ``reason`` is what ``connectionLost`` was told."""
        if self._stage in _STEPS:
            _STEPS[self._stage].lost(self, loss_text(reason))

    def cancel(self) -> None:
        """Forget it without a word: the driver closes for a reason of its own."""
        self._end(Stage.FAILED)

    # the stages

    def _enter(self, stage: Stage) -> None:
        """Go to ``stage``, or the next one after it that concerns this connection."""
        self._stop_timer()
        while stage in _STEPS and not _STEPS[stage].concerns(self):
            stage = _AFTER[stage]
        if stage not in _STEPS:
            self._ready()
            return
        if stage is Stage.RECORD and not self._may_handshake():
            self._fail(ConnectionThrottled(), ConnectionThrottled.closed_state, "")
            return
        self._stage = stage
        self._timer = self._clock.callLater(_STEPS[stage].seconds(self._settings), self._late)
        self._look()

    def _look(self) -> None:
        step = _STEPS[self._stage]
        if len(self._buffer) >= step.needs:
            step.enough(self)

    def _late(self) -> None:
        self._timer = None
        _STEPS[self._stage].late(self)

    def _fell_back(self) -> None:
        """FALLBACK is over: bytes mean TLS, silence means INFO first after all."""
        if not self._buffer:
            self._first = False
            self._send_info()
        self._enter(Stage.SNIFF)

    def _was_sniffed(self) -> None:
        """SNIFF or RESNIFF is over: silence is plain text."""
        self._sniffed = True
        self._tls = self._starts_with_tls()
        self._enter(_AFTER[self._stage])

    def _was_detected(self) -> None:
        """DETECT is over: nats-server goes on with fewer bytes, but not with none."""
        if self._buffer:
            self._enter(Stage.PROXY)
        else:
            self._proxy_late()

    def _read_header(self) -> None:
        data, self._buffer = self._buffer, b""
        try:
            header = self._parser.feed(data)
        except ProxyHeaderError as error:
            self._fail_proxy(str(error))
            return
        if header is None:
            return
        self._buffer = header.rest
        self._header_seen = header.version != 0
        if header.source is not None:
            self._driver.peer_known(*header.source)
        self._enter(Stage.RESNIFF)

    def _check_record(self) -> None:
        """The five bytes of a record header, looked at as Go's TLS library does."""
        kind, major = self._buffer[0], self._buffer[1]
        if kind != _SSL2_HELLO and (
            kind not in (_TLS_ALERT, _TLS_HANDSHAKE) or major >= _TLS_MAJOR_VERSIONS
        ):
            self._fail_tls("first record does not look like a TLS handshake", LogLevel.debug)
            return
        pending, self._buffer = self._buffer, b""
        # the timer goes on: it is for the whole handshake
        self._stage = Stage.HANDSHAKE
        self._driver.start_tls(pending)

    def _may_handshake(self) -> bool:
        if self._allow_handshake is not None and not self._allow_handshake():
            return False
        self._driver.debug("Starting TLS client connection handshake")
        return True

    def _pin_refusal(self, details: TlsDetails) -> str:
        """Why ``pinned_certs`` does not let this client in, ``""`` if it does."""
        pinned = self._settings.pinned_certs
        if not pinned:
            return ""
        if not details.peer_certificates:
            return "Failed pinned cert test as client did not provide a certificate"
        key = details.peer_certificates[0].spki_sha256
        return "" if key in pinned else f"Failed pinned cert test for key id: {key}"

    def _send_info(self) -> None:
        required = False if self._settings.in_process and self._settings.tls else None
        self._driver.send_info(required, not self._settings.proxy_protocol)

    # the endings

    def _ready(self) -> None:
        rest = self._buffer
        self._end(Stage.READY)
        self._driver.ready(rest)

    def _fail(
        self,
        fault: ClientFault | None,
        state: ClosedState,
        log: str,
        level: LogLevel = LogLevel.error,
    ) -> None:
        self._end(Stage.FAILED)
        self._driver.failed(fault, state, log, level)

    def _fail_proxy(self, why: str) -> None:
        text = f"Error reading PROXY protocol header from {self._settings.peer}: {why}"
        self._fail(None, ClosedState.PROTOCOL_VIOLATION, text, LogLevel.warn)

    def _proxy_late(self) -> None:
        self._fail_proxy("timeout reading PROXY protocol header")

    def _fail_tls(self, why: str, level: LogLevel = LogLevel.error) -> None:
        text = f"TLS handshake error: {why}"
        self._fail(None, ClosedState.TLS_HANDSHAKE_ERROR, text, level)

    def _tls_late(self) -> None:
        state = ClosedState.TLS_HANDSHAKE_ERROR
        self._fail(None, state, "TLS handshake timeout", LogLevel.debug)

    def _lost_proxy(self, reason: str) -> None:
        self._fail_proxy(reason)

    def _lost_tls(self, reason: str) -> None:
        self._fail_tls(reason)

    def _lost_undecided(self, reason: str) -> None:
        """It went away in FALLBACK or a SNIFF stage; nats-server would have gone on."""
        if self._settings.proxy_protocol and self._stage is not Stage.RESNIFF:
            self._fail_proxy(reason)
        elif self._speaks_tls():
            self._fail_tls(reason)
        else:
            self._fail(None, ClosedState.CLIENT_CLOSED, "")

    def _speaks_tls(self) -> bool:
        if not self._buffer:
            return not self._settings.sniff
        return self._stage is Stage.FALLBACK or self._starts_with_tls()

    def _starts_with_tls(self) -> bool:
        return self._buffer[:1] == bytes((_TLS_HANDSHAKE,))

    def _end(self, stage: Stage) -> None:
        self._stop_timer()
        self._stage = stage
        self._buffer = b""

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()


class _Step(NamedTuple):
    """One line of the table at the top."""

    concerns: Callable[[Preamble], bool]
    #: bytes that end it, and what then
    needs: int
    enough: Callable[[Preamble], None]
    #: seconds until the time is up, and what then
    seconds: Callable[[PreambleSettings], float]
    late: Callable[[Preamble], None]
    #: what if the connection is lost
    lost: Callable[[Preamble, str], None]


def _tls_timeout(settings: PreambleSettings) -> float:
    return settings.tls_timeout


def _proxy_timeout(settings: PreambleSettings) -> float:
    return PROXY_TIMEOUT


_STEPS: dict[Stage, _Step] = {
    Stage.FALLBACK: _Step(
        lambda p: p._settings.fallback_delay > 0,
        4,
        Preamble._fell_back,
        lambda settings: settings.fallback_delay,
        Preamble._fell_back,
        Preamble._lost_undecided,
    ),
    Stage.SNIFF: _Step(
        lambda p: p._settings.sniff and not p._first,
        6,
        Preamble._was_sniffed,
        _tls_timeout,
        Preamble._was_sniffed,
        Preamble._lost_undecided,
    ),
    Stage.DETECT: _Step(
        lambda p: p._settings.proxy_protocol and not p._buffer,
        6,
        Preamble._was_detected,
        _proxy_timeout,
        Preamble._was_detected,
        Preamble._lost_proxy,
    ),
    Stage.PROXY: _Step(
        lambda p: p._settings.proxy_protocol,
        1,
        Preamble._read_header,
        _proxy_timeout,
        Preamble._proxy_late,
        Preamble._lost_proxy,
    ),
    Stage.RESNIFF: _Step(
        lambda p: p._sniffed and p._header_seen,
        1,
        Preamble._was_sniffed,
        _tls_timeout,
        Preamble._was_sniffed,
        Preamble._lost_undecided,
    ),
    Stage.RECORD: _Step(
        lambda p: p._tls,
        5,
        Preamble._check_record,
        _tls_timeout,
        Preamble._tls_late,
        Preamble._lost_tls,
    ),
    # entered from RECORD only, whose timer goes on
    Stage.HANDSHAKE: _Step(
        lambda p: False,
        0,
        lambda p: None,
        _tls_timeout,
        Preamble._tls_late,
        Preamble._lost_tls,
    ),
}
_ORDER = list(Stage)
_AFTER = dict(pairwise(_ORDER))
