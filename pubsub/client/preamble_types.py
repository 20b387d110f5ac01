"""What a :class:`pubsub.client.preamble.Preamble` is told, and whom it talks to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IReactorTime
from twisted.logger import LogLevel
from twisted.python.failure import Failure

from pubsub.config.options import Options
from pubsub.errors import ClientFault, ClosedState

__all__ = [
    "HandshakeRate",
    "IPreambleDriver",
    "PeerCertificate",
    "PreambleSettings",
    "TlsDetails",
    "loss_text",
]

#: nats-server's DEFAULT_TLS_HANDSHAKE_FIRST_FALLBACK_DELAY: what ``auto`` means
AUTO_FALLBACK_DELAY = 0.05
#: what people look for in logs: Go's words for what OpenSSL says most
_GO_WORDS = {
    "peer did not return a certificate": "tls: client didn't provide a certificate",
    "no shared cipher": "tls: no cipher suite supported by both client and server",
    "unsupported protocol": "tls: client offered only unsupported versions",
}
#: and for the alerts with which clients refuse us
_GO_ALERTS = {
    "certificate expired": "expired certificate",
    "certificate revoked": "revoked certificate",
    "certificate unknown": "unknown certificate",
    "protocol version": "protocol version not supported",
    "unknown ca": "unknown certificate authority",
}
#: each OpenSSL has its own names for the versions
_ALERT = re.compile(r"(?:tls|tlsv1|tlsv13|sslv3|ssl/tls) alert (.+)")


@dataclass(frozen=True)
class PeerCertificate:
    """A certificate a client showed, with what ``/connz?auth=1`` shows of it."""

    der: bytes
    #: as Go writes a distinguished name: ``CN=client,OU=edge,O=Example``
    subject: str
    #: SHA-256 of its public key (DER SubjectPublicKeyInfo), lower-case hexadecimal:
    #: what ``pinned_certs`` lists
    spki_sha256: str
    #: SHA-256 of the whole certificate, likewise
    cert_sha256: str


@dataclass(frozen=True)
class TlsDetails:
    """What a finished handshake agreed on."""

    #: ``"1.2"`` or ``"1.3"``
    version: str = ""
    #: as Go spells it: ``TLS_AES_128_GCM_SHA256``
    cipher_suite: str = ""
    #: the client's own certificate first, then what it sent along; empty if it showed none
    peer_certificates: tuple[PeerCertificate, ...] = ()


@dataclass(frozen=True)
class PreambleSettings:
    """The options that decide how a connection starts."""

    tls: bool = False
    #: seconds for the handshake, and for a client to show which of both it speaks
    tls_timeout: float = 2.0
    #: see :attr:`pubsub.config.options.TlsOptions.handshake_first`
    handshake_first: bool | float = False
    allow_non_tls: bool = False
    #: hexadecimal SHA-256 of the public keys that may connect; empty: any
    pinned_certs: frozenset[str] = frozenset()
    proxy_protocol: bool = False
    in_process: bool = False
    #: for the log: where the connection came from, before any PROXY header
    peer: str = ""

    @classmethod
    def from_options(
        cls, options: Options, *, in_process: bool = False, peer: str = ""
    ) -> PreambleSettings:
        """What ``options`` say about a connection from ``peer``."""
        tls = options.tls
        if tls is None:
            return cls(proxy_protocol=options.proxy_protocol, in_process=in_process, peer=peer)
        return cls(
            tls=True,
            tls_timeout=tls.timeout,
            handshake_first=tls.handshake_first,
            allow_non_tls=options.allow_non_tls,
            pinned_certs=tls.pinned_certs,
            proxy_protocol=options.proxy_protocol,
            in_process=in_process,
            peer=peer,
        )

    @property
    def needed(self) -> bool:
        """False for a connection that gets INFO and is ready: it needs no :class:`Preamble`."""
        return self.tls or self.proxy_protocol

    @property
    def tls_first(self) -> bool:
        """The handshake comes before INFO, unless a fallback delay passes in silence."""
        return self.tls and self.handshake_first is not False

    @property
    def fallback_delay(self) -> float:
        """Seconds to wait for a client that starts with TLS; 0.0: for ever."""
        if not self.tls_first:
            return 0.0
        if not isinstance(self.handshake_first, bool) and self.handshake_first > 0:
            return float(self.handshake_first)
        # an in-process client may do any of the three: TLS first, TLS after INFO, plain
        return AUTO_FALLBACK_DELAY if self.in_process else 0.0

    @property
    def sniff(self) -> bool:
        """The first byte decides between TLS and plain text."""
        return self.tls and (self.in_process or self.allow_non_tls)


class IPreambleDriver(Protocol):
    """What a :class:`Preamble` makes happen: the client protocol around it."""

    def send_info(self, tls_required: bool | None, client_ip: bool) -> None:
        """Send INFO.

        :param tls_required: True: ``tls_required``; False: not required but
            ``tls_available`` (in-process clients); ``None``: as the options say.
        :param client_ip: whether it may tell ``client_ip``; behind a proxy the first INFO
            must not, since it would be the proxy's.
        """

    def start_tls(self, pending: bytes) -> None:
        """Put TLS, as the server's side, under this connection; ``pending`` was read already.

        Later :meth:`Preamble.handshake_completed` or :meth:`Preamble.connection_lost`.
        """

    def peer_known(self, host: str, port: int) -> None:
        """The PROXY header says that the client is there."""

    def ready(self, rest: bytes) -> None:
        """All done: ``rest`` was read already and is the client's protocol.

        The timers for CONNECT and PING start here.
        """

    def failed(
        self, fault: ClientFault | None, state: ClosedState, log: str, level: LogLevel
    ) -> None:
        """It is over: send ``fault`` if there is one, log ``log`` unless ``""``, close.

        Called once at most, also when the connection was lost, and never after ``ready``.
        """

    def debug(self, text: str) -> None:
        """Something for the debug log."""


def loss_text(reason: Failure | None) -> str:
    """Why a connection was lost, for the log: the TLS layer's words where it has some."""
    if reason is None or reason.check(ConnectionDone, ConnectionLost):
        # what Go calls it, whether the peer said goodbye to TLS or just left
        return "EOF"
    error = reason.value
    details = error.args[0] if error is not None and error.args else None
    if isinstance(details, list):
        # OpenSSL.SSL.Error carries OpenSSL's queue: (library, function, reason) each
        return "; ".join(_in_go_words(str(entry[-1])) for entry in details) or "EOF"
    return str(error) or type(error).__name__


def _in_go_words(text: str) -> str:
    alert = _ALERT.fullmatch(text)
    if alert is None:
        return _GO_WORDS.get(text, text)
    return f"remote error: tls: {_GO_ALERTS.get(alert[1], alert[1])}"


class HandshakeRate:
    """``connection_rate_limit``: how many TLS handshakes may start in a second.

    One for a server. Windows of one second begin with the first handshake after the
    last window ended, as in nats-server (``rate_counter.go``).
    """

    interval = 1.0

    def __init__(self, limit: int, clock: IReactorTime) -> None:
        self._limit = limit
        self._clock = clock
        self._started = 0
        self._end = float("-inf")
        self._refused = 0

    def allow(self) -> bool:
        """Whether one more may start now; it counts as started."""
        now = self._clock.seconds()
        if now > self._end:
            self._started = 0
            self._end = now + self.interval
        self._started += 1
        if self._limit <= 0 or self._started <= self._limit:
            return True
        self._refused += 1
        return False

    def take_refused(self) -> int:
        """How many were refused since the last call.

        nats-server logs it once a second, as a warning, unless it is zero:
        ``Rejected %d connections due to TLS rate limiting``.
        """
        refused, self._refused = self._refused, 0
        return refused
