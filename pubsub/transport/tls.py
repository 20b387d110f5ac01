"""TLS for listeners and for outgoing links, from the ``tls`` block of the configuration.

:class:`ServerTls` is what a listener keeps: it makes the server side of each connection
(``IOpenSSLServerConnectionCreator``, so Twisted's ``startTLS`` takes it) and
:meth:`ServerTls.reload` swaps what is inside, certificates and all; connections that are up
keep what they have. :class:`ClientTls` is for links to other servers.

Settings are nats-server's (``opts.go``: ``parseTLS``, ``GenTLSConfig``): TLS 1.2 and later,
Go's names for suites and curves, ``verify`` asks for a client certificate that ``ca_file``
(or else the system) vouches for. ``pinned_certs`` and the handshake's timeout are the
preamble's business (:mod:`pubsub.client.preamble`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from OpenSSL import SSL
from service_identity import CertificateError, VerificationError
from service_identity.pyopenssl import verify_hostname, verify_ip_address
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
    IReactorTime,
    ITLSTransport,
)
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from pubsub.client.preamble import TlsDetails
from pubsub.config.options import TlsOptions
from pubsub.errors import InvalidOption
from pubsub.transport.certificates import (
    KeyPair,
    covers,
    load_authorities,
    load_pairs,
    server_names,
    validity_warning,
)
from pubsub.transport.ciphers import insecure, select, select_curves
from pubsub.transport.tls_details import distinguished_name, tls_details

__all__ = ["CertificateRefused", "ClientTls", "ServerTls", "configure_context"]

_MIN_VERSIONS = {"": SSL.TLS1_2_VERSION, "1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}
#: Renegotiation lets a client make us work, compression leaks what was compressed.
_OPTIONS = SSL.OP_NO_COMPRESSION | SSL.OP_CIPHER_SERVER_PREFERENCE | SSL.OP_NO_RENEGOTIATION
#: A session that may be resumed must say whose it is: ours, and no other service's.
_SESSION_ID = b"pubsub"
_SET_CURVES = "SSL_CTX_set1_curves_list"
#: what X509_verify_cert says, in Go's words where there are some
_VERIFY_ERRORS = {
    2: "certificate signed by unknown authority",
    9: "certificate has expired or is not yet valid",
    10: "certificate has expired or is not yet valid",
    18: "certificate signed by unknown authority",
    19: "certificate signed by unknown authority",
    20: "certificate signed by unknown authority",
    21: "certificate signed by unknown authority",
    23: "certificate was revoked",
    24: "issuer is not a certificate authority",
    26: "certificate specifies an incompatible key usage",
    79: "issuer is not a certificate authority",
}


class CertificateRefused(SSL.Error):
    """A certificate did not verify; reaches ``connectionLost`` as its reason.

    Its argument looks like OpenSSL's error queue, as Twisted expects of an ``SSL.Error``.
    """

    def __init__(self, text: str) -> None:
        super().__init__([("SSL routines", "", text)])


def _refuse_unverified(
    connection: SSL.Connection, certificate: Any, error: int, depth: int, ok: int
) -> bool:
    """OpenSSL's verify callback: the same verdict, with a reason worth logging."""
    if ok:
        return True
    shown = certificate.to_cryptography()
    why = _VERIFY_ERRORS.get(error, f"OpenSSL verification error {error}")
    whose = f"{distinguished_name(shown.subject)} SHA-256: {shown.fingerprint(SHA256()).hex()}"
    raise CertificateRefused(f"tls: failed to verify certificate: x509: {why} ({whose})")


def configure_context(context: SSL.Context, options: TlsOptions) -> None:
    """Versions, suites and curves of ``options``: the same for both sides of a connection.

    :raises InvalidOption: a name is unknown, or not in this OpenSSL.
    """
    context.set_options(_OPTIONS)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    minimum = _MIN_VERSIONS.get(options.min_version)
    if minimum is None:
        raise InvalidOption(f"tls: unsupported min_version {options.min_version!r}")
    try:
        suites = select(options.cipher_suites)
        curves = select_curves(options.curve_preferences)
    except ValueError as error:
        raise InvalidOption(f"tls: {error}") from None
    if suites.tls12:
        # OpenSSL's higher levels leave insecure suites out without a word; that they were
        # allowed on purpose is checked where the configuration is read
        level = ":@SECLEVEL=0" if insecure(options.cipher_suites) else ""
        _apply("cipher_suites", context.set_cipher_list, ":".join(suites.tls12) + level)
    else:
        minimum = SSL.TLS1_3_VERSION
    _apply("cipher_suites", _tls13_setter(context), ":".join(suites.tls13))
    if curves:
        _apply("curve_preferences", _curves_setter(context), ":".join(curves))
    context.set_min_proto_version(minimum)


def _apply(option: str, setter: Callable[[bytes], object], value: str) -> None:
    try:
        setter(value.encode("ascii"))
    except SSL.Error:
        version = SSL.SSLeay_version(SSL.SSLEAY_VERSION).decode("ascii", "replace")
        raise InvalidOption(f"tls: {option}: {version} has no such thing: {value}") from None


def _tls13_setter(context: SSL.Context) -> Callable[[bytes], object]:
    if hasattr(context, "set_tls13_ciphersuites"):
        return context.set_tls13_ciphersuites
    # pyOpenSSL before 25.2 has the function of OpenSSL, but no method
    return _checked(context, "SSL_CTX_set_ciphersuites")


def _curves_setter(context: SSL.Context) -> Callable[[bytes], object]:
    # no pyOpenSSL has a method for several curves; cryptography has OpenSSL's function,
    # but not in the oldest versions we run with
    if not hasattr(SSL._lib, _SET_CURVES):  # type: ignore[attr-defined]
        raise InvalidOption("tls: curve_preferences needs a newer 'cryptography' package")
    return _checked(context, _SET_CURVES)


def _checked(context: SSL.Context, name: str) -> Callable[[bytes], object]:
    """A function of OpenSSL's that takes a context and a string, raising SSL.Error."""
    function = getattr(SSL._lib, name)  # type: ignore[attr-defined]

    def call(value: bytes) -> None:
        if function(context._context, value) != 1:
            # what OpenSSL noted in its error queue must not be found by somebody else
            while SSL._lib.ERR_get_error():  # type: ignore[attr-defined]
                pass
            raise SSL.Error([])

    return call


class _Contexts:
    """The OpenSSL contexts of one configuration: a default, and one for each certificate.

    All are made at once: the files may have changed by the time a client asks for a name.
    """

    def __init__(self, options: TlsOptions, pairs: Sequence[KeyPair]) -> None:
        self._options = options
        self._pairs = pairs
        self.default = self._make(pairs)
        self._named = [self._make(self._alike(pair)) for pair in pairs] if len(pairs) > 1 else []

    def _alike(self, pair: KeyPair) -> list[KeyPair]:
        """``pair``, and those for the same names: they may have another kind of key."""
        names = server_names(pair.certificate)
        others = [
            other
            for other in self._pairs
            if other is not pair and names & server_names(other.certificate)
        ]
        return [pair, *others]

    def _make(self, pairs: Sequence[KeyPair]) -> SSL.Context:
        """A context that offers, of each kind of key, the first of ``pairs``."""
        options = self._options
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        configure_context(context, options)
        context.set_session_id(_SESSION_ID)
        kinds = set()
        for pair in pairs:
            if pair.kind not in kinds:
                kinds.add(pair.kind)
                pair.use_in(context)
        if options.verify:
            context.set_verify(
                SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _refuse_unverified
            )
            if options.ca_file:
                context.load_verify_locations(options.ca_file)
                # tells clients with several certificates which one to show
                context.load_client_ca(options.ca_file.encode())
            else:
                context.set_default_verify_paths()
        if len(self._pairs) > 1:
            context.set_tlsext_servername_callback(self._choose)
        return context

    def _choose(self, connection: SSL.Connection) -> None:
        """The client asked for a server by name: offer the first certificate that has it."""
        name = (connection.get_servername() or b"").decode("ascii", "replace")
        for pair, context in zip(self._pairs, self._named, strict=True):
            if covers(pair.certificate, name):
                connection.set_context(context)
                return


@implementer(IOpenSSLServerConnectionCreator)
class ServerTls:
    """The TLS of one listener.

    :param options: what ``tls { … }`` says; files are read now.
    :param clock: for Twisted's TLS layer, which sends small writes together at the end of
        a turn; ``None`` for the reactor.
    :param wall: epoch seconds, to see whether a certificate has expired.
    :raises InvalidOption: a file is missing, unreadable or does not fit the others; a name is
        unknown.
    """

    def __init__(
        self,
        options: TlsOptions,
        clock: IReactorTime | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._wall = wall
        self.reload(options)

    def reload(self, options: TlsOptions) -> None:
        """Use ``options`` and what the files hold now for all handshakes from here on.

        :raises InvalidOption: as the constructor; then everything stays as it was.
        """
        pairs = load_pairs(options)
        if options.ca_file:
            # for the sake of its error message: OpenSSL has none worth showing
            load_authorities(options.ca_file)
        self._contexts = _Contexts(options, pairs)
        self._not_after = min(pair.not_after for pair in pairs)
        self.options = options
        #: things to log when the listener starts or reloads; nothing stops because of them
        self.warnings = self._find_warnings(pairs)

    def adopt(self, other: ServerTls) -> None:
        """Become what ``other`` was made as. Cannot fail: for the end of a reload."""
        self._contexts = other._contexts
        self._not_after = other._not_after
        self.options = other.options
        self.warnings = other.warnings

    def _find_warnings(self, pairs: Sequence[KeyPair]) -> list[str]:
        options, now = self.options, self._wall()
        warnings = [text for pair in pairs if (text := validity_warning(pair, now))]
        weak = insecure(options.cipher_suites)
        if weak:
            warnings.append(f"tls: insecure cipher suites are enabled: {', '.join(weak)}")
        if options.pinned_certs and not options.verify:
            warnings.append(
                "tls: pinned_certs without verify: clients are not asked for a certificate,"
                " so none can connect"
            )
        return warnings

    @property
    def not_after(self) -> float:
        """When the first of our certificates expires: epoch seconds."""
        return self._not_after

    def wrap(self, factory: IProtocolFactory) -> IProtocolFactory:
        """A factory whose connections are ``factory``'s, inside TLS from their first byte."""
        return TLSMemoryBIOFactory(self, False, factory, self._clock)

    def serverConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        """The server side of a new connection (IOpenSSLServerConnectionCreator)."""
        return SSL.Connection(self._contexts.default, None)

    def start_tls(self, transport: Any, protocol: Any, pending: bytes = b"") -> None:
        """Begin TLS, as server, between ``transport`` and ``protocol``.

        Afterwards ``protocol.dataReceived`` gets clear text, what it writes to its
        transport goes out encrypted, and ``handshakeCompleted`` is called if it provides
        ``IHandshakeListener``. A handshake that fails is a ``connectionLost``.

        :param pending: bytes of the client that were read already.
        """
        if ITLSTransport.providedBy(transport):
            transport.startTLS(self)
        else:
            factory = TLSMemoryBIOFactory(self, False, None, self._clock)  # type: ignore[arg-type]
            layer = factory.protocol(factory, protocol, False)
            protocol.transport = layer
            transport.protocol = layer
            layer.makeConnection(transport)
        if pending:
            transport.protocol.dataReceived(pending)

    @staticmethod
    def details(transport: Any) -> TlsDetails:
        """What the finished handshake of ``transport`` agreed on."""
        return tls_details(transport)


@implementer(IOpenSSLClientConnectionCreator)
class ClientTls:
    """TLS of one outgoing link: Twisted's ``startTLS`` and ``wrapClientTLS`` take it.

    The server's certificate must be vouched for by ``ca_file``, or else the system's
    authorities, and be for ``hostname``; ``insecure`` switches both off.

    :param hostname: a DNS name, sent as SNI, or an IP address.
    :raises InvalidOption: as :class:`ServerTls`; a certificate of our own is optional here.
    """

    def __init__(self, options: TlsOptions, hostname: str) -> None:
        self.hostname = hostname
        self._address = isIPAddress(hostname) or isIPv6Address(hostname)
        self._verify = not options.insecure
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        configure_context(context, options)
        if options.cert_file or options.key_file or options.certs:
            for pair in load_pairs(options):
                pair.use_in(context)
        if self._verify:
            context.set_verify(SSL.VERIFY_PEER, _refuse_unverified)
            if options.ca_file:
                load_authorities(options.ca_file)
                context.load_verify_locations(options.ca_file)
            else:
                context.set_default_verify_paths()
            context.set_info_callback(self._handshake_went_on)
        self._context = context

    def clientConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        """The client side of a new connection (IOpenSSLClientConnectionCreator)."""
        connection = SSL.Connection(self._context, None)
        connection.set_app_data(tlsProtocol)
        if not self._address:
            connection.set_tlsext_host_name(self.hostname.encode("idna"))
        return connection

    def start_tls(self, transport: Any, protocol: Any) -> None:
        """Begin TLS, as client, between ``transport`` and ``protocol``.

        What follows is as with :meth:`ServerTls.start_tls`.
        """
        if ITLSTransport.providedBy(transport):
            transport.startTLS(self)
            return
        factory = TLSMemoryBIOFactory(self, True, None)  # type: ignore[arg-type]
        layer = factory.protocol(factory, protocol, False)
        protocol.transport = layer
        transport.protocol = layer
        layer.makeConnection(transport)

    def _handshake_went_on(self, connection: SSL.Connection, where: int, ret: int) -> None:
        """The last step is ours: is it the server we called?"""
        if not where & SSL.SSL_CB_HANDSHAKE_DONE:
            return
        check = verify_ip_address if self._address else verify_hostname
        try:
            check(connection, self.hostname)
        except (VerificationError, CertificateError):
            text = (
                f"tls: failed to verify certificate: x509: certificate is not for {self.hostname}"
            )
            connection.get_app_data().failVerification(Failure(CertificateRefused(text)))
