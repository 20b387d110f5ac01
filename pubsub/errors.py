"""Every failure this server knows, in one tree.

.. code-block:: text

    PubSubError
    ├── ConfigError                     a configuration file or flag is wrong: file, line, column
    │   ├── ConfigSyntaxError           it cannot be read
    │   ├── UnknownOption               it names an option that does not exist
    │   ├── InvalidOption               an option has a value it cannot have
    │   ├── UnsupportedOption           an option of nats-server whose feature is not built yet
    │   ├── UsageError                  the command line cannot be read
    │   ├── ImportCycle                 an import leads back to the account that has it
    │   └── ConfigErrors                several of these at once
    ├── SignalNotSent                   --signal found nobody to send it to, or too many
    ├── ReloadRefused                   a changed option that needs a restart
    ├── BackendUnavailable              a plugin that cannot run here, and why
    ├── NotConfigured                   a component that has nothing to do: it vanishes
    ├── BadSubjectTransform             a mapping source or destination is wrong
    ├── ListenError                     an address that cannot be listened on
    ├── ProxyHeaderError                a PROXY protocol header that cannot be read
    ├── BadMonitorQuery                 a parameter of a monitoring request that cannot be used
    ├── AuthenticationFailed            an authenticator refused, and why (never sent to the peer)
    │   └── UserRefused                 its account is known, its JWT does not let it in
    ├── CredentialsError                a JWT, key or credentials file that cannot be used
    ├── ProxyTunnelFailed               an HTTP proxy does not connect us to a hub
    ├── RequestTimeout                  nobody answered a request of the server's own
    └── ClientFault                     what a peer did wrong; carries its ``-ERR`` text
        ├── UnknownProtocolOperation    closes
        ├── MalformedArguments          closes, silently
        ├── HeadersNotSupported         closes, silently
        ├── MaximumControlLineExceeded  closes
        ├── MaximumPayloadViolation     closes
        ├── AuthorizationViolation      closes
        │   ├── ProxyNotTrusted         closes
        │   ├── ProxyRequired           closes
        │   └── SigningKeyChanged       closes, silently
        ├── AuthenticationTimeout       closes
        ├── UserAuthenticationExpired   closes
        ├── UserAuthenticationRevoked   closes
        ├── AccountAuthenticationExpired  closes
        ├── MaximumAccountConnectionsExceeded  closes
        ├── FailedAccountRegistration   closes
        ├── StaleConnection             closes
        ├── MaximumConnectionsExceeded  closes
        ├── TlsRequired                 closes
        ├── ConnectionThrottled         closes
        ├── InvalidClientProtocol       closes
        ├── NoRespondersNeedsHeaders    closes
        ├── SlowConsumer                closes, silently
        ├── ConnectedToRoutePort        closes
        ├── ConnectedToGatewayPort      closes
        ├── LinkRefused                 closes: another server may not be linked, and is told why
        ├── InvalidSubject
        ├── InvalidPublishSubject
        ├── MaximumSubscriptionsExceeded
        ├── PublishPermissionViolation
        ├── ReplyPermissionViolation
        ├── SubscriptionPermissionViolation
        ├── MessageRefused              by a message hook
        └── TooManyTokens

A :class:`ClientFault` that closes has a :class:`ClosedState`, the words nats-server
shows as ``reason`` in ``/connz``. Texts are those of nats-server 2.15, since
clients compare them (reference: section 1 of nats-server's client protocol,
``server/errors.go`` and ``server/monitor.go``).
"""

from __future__ import annotations

from collections.abc import Sequence

from pubsub.closed import ClosedState
from pubsub.quoting import go_quote

__all__ = [
    "AccountAuthenticationExpired",
    "AuthenticationFailed",
    "AuthenticationTimeout",
    "AuthorizationViolation",
    "BackendUnavailable",
    "BadMonitorQuery",
    "BadSubjectTransform",
    "ClientFault",
    "ClosedState",
    "ConfigError",
    "ConfigErrors",
    "ConfigSyntaxError",
    "ConnectedToGatewayPort",
    "ConnectedToRoutePort",
    "ConnectionThrottled",
    "CredentialsError",
    "FailedAccountRegistration",
    "HeadersNotSupported",
    "ImportCycle",
    "InvalidClientProtocol",
    "InvalidOption",
    "InvalidPublishSubject",
    "InvalidSubject",
    "LinkRefused",
    "ListenError",
    "MalformedArguments",
    "MaximumAccountConnectionsExceeded",
    "MaximumConnectionsExceeded",
    "MaximumControlLineExceeded",
    "MaximumPayloadViolation",
    "MaximumSubscriptionsExceeded",
    "MessageRefused",
    "NoRespondersNeedsHeaders",
    "NotConfigured",
    "ProxyHeaderError",
    "ProxyNotTrusted",
    "ProxyRequired",
    "ProxyTunnelFailed",
    "PubSubError",
    "PublishPermissionViolation",
    "ReloadRefused",
    "ReplyPermissionViolation",
    "RequestTimeout",
    "SignalNotSent",
    "SigningKeyChanged",
    "SlowConsumer",
    "StaleConnection",
    "SubscriptionPermissionViolation",
    "TlsRequired",
    "TooManyTokens",
    "UnknownOption",
    "UnknownProtocolOperation",
    "UnsupportedOption",
    "UsageError",
    "UserAuthenticationExpired",
    "UserAuthenticationRevoked",
    "UserRefused",
    "go_quote",
]


class PubSubError(Exception):
    """The root: catch this to catch everything this package raises on purpose."""


class ConfigError(PubSubError):
    """A configuration file or flag is wrong.

    :ivar message: what is wrong and what to do about it.
    :ivar file: the path as the user gave it, or ``""`` for flags and strings.
    :ivar line: 1-based, 0 when there is no position.
    :ivar column: 1-based, 0 when there is no position.
    :ivar path: the option it is about, for who can find its position:
        ``("accounts", "A", "imports", 0)``; empty if that is not known.
    """

    path: tuple[str | int, ...] = ()

    def __init__(self, message: str, file: str = "", line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.file = file
        self.line = line
        self.column = column

    def __str__(self) -> str:
        """``file:line:column: message``, as nats-server and compilers print it."""
        if not self.line:
            return f"{self.file}: {self.message}" if self.file else self.message
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class ConfigSyntaxError(ConfigError):
    """The text is not in the configuration language."""


class UnknownOption(ConfigError):
    """There is no option of that name."""


class InvalidOption(ConfigError):
    """The option exists, the value is not one it can have."""


class UnsupportedOption(ConfigError):
    """nats-server has this option; this server does not have its feature yet."""


class UsageError(ConfigError):
    """The command line cannot be read; whoever shows this shows the usage with it."""


class ImportCycle(ConfigError):
    """An import would lead back to the account that has it; the text names the chain."""


class ConfigErrors(ConfigError):
    """Several things are wrong, and are told all at once.

    :ivar errors: two or more, in the order they were found; the position is the first one's.
    """

    def __init__(self, errors: Sequence[ConfigError]) -> None:
        self.errors = tuple(errors)
        first = self.errors[0]
        super().__init__("\n".join(map(str, self.errors)), first.file, first.line, first.column)

    def __str__(self) -> str:
        return self.message


class SignalNotSent(PubSubError):
    """``--signal`` could not do what it was told; the text is nats-server's."""


class ReloadRefused(PubSubError):
    """A reload would change an option that needs a restart; nothing was changed.

    The text is nats-server's: ``config reload not supported for X: old=…, new=…``, unless
    ``text`` is given.
    """

    def __init__(self, option: str, old: object, new: object, text: str = "") -> None:
        usual = f"config reload not supported for {option}: old={old}, new={new}"
        super().__init__(text or usual)
        self.option = option
        self.old = old
        self.new = new


class BackendUnavailable(PubSubError):
    """A plugin was asked for by name and cannot run here; the text says why."""


class NotConfigured(PubSubError):
    """Raised by a component that has nothing to do under this configuration."""


class BadSubjectTransform(PubSubError):
    """A mapping's source or destination is wrong; the text is nats-server's."""


class ListenError(PubSubError):
    """An address is taken, not this machine's, or not ours to use.

    :ivar option: what asked for it: ``"port"``, ``"listen"``, ``"http_port"``…
    :ivar address: as it would be shown: ``"0.0.0.0:4222"``.
    :ivar reason: what the system says.
    """

    def __init__(self, option: str, address: str, reason: str) -> None:
        super().__init__(f"Error listening on port: {address}, {reason} (option {option!r})")
        self.option = option
        self.address = address
        self.reason = reason


class ProxyHeaderError(PubSubError):
    """The bytes begin like a PROXY protocol header and are not a valid one."""


class BadMonitorQuery(PubSubError):
    """A monitoring request has a parameter that cannot be used; the text is the answer."""


class AuthenticationFailed(PubSubError):
    """An authenticator refused. The reason is for the log, not for the peer.

    :ivar fault: what the peer is told, if it is not :class:`AuthorizationViolation`.
    """

    def __init__(self, reason: str, fault: ClientFault | None = None) -> None:
        super().__init__(reason)
        self.fault = fault


class UserRefused(AuthenticationFailed):
    """A user whose account is known may not come in; an auth callout of it may decide otherwise.

    :ivar account: the account's name.
    :ivar user: the user's public key.
    """

    def __init__(
        self, reason: str, fault: ClientFault | None = None, account: str = "", user: str = ""
    ) -> None:
        super().__init__(reason, fault)
        self.account = account
        self.user = user


class CredentialsError(PubSubError):
    """A JWT, a key or a credentials file that cannot be used; the text never holds a secret."""


class ProxyTunnelFailed(PubSubError):
    """An HTTP proxy does not connect this server to a hub, and why."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"proxy CONNECT failed: {reason}")
        self.reason = reason


class RequestTimeout(PubSubError):
    """Nobody answered a request of the server's own in time, or nobody was there to."""


class ClientFault(PubSubError):
    """Something a peer did wrong.

    :cvar wire: the text inside ``-ERR '…'``, or ``""`` when nothing is sent.
    :cvar closed_state: why the connection closes, or ``None`` when it stays open.
    :ivar detail: for the log only: it may hold what the peer sent.
    """

    wire: str = ""
    closed_state: ClosedState | None = None

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.wire)
        self.detail = detail

    @property
    def closes(self) -> bool:
        """Whether the connection is closed after the error was sent."""
        return self.closed_state is not None

    def to_bytes(self) -> bytes:
        """The protocol line, ``b""`` when this fault is answered by silence."""
        return b"-ERR '%b'\r\n" % self.wire.encode("utf-8", "surrogateescape") if self.wire else b""


class UnknownProtocolOperation(ClientFault):
    """The bytes are no verb, or no CRLF follows a payload."""

    wire = "Unknown Protocol Operation"
    closed_state = ClosedState.PROTOCOL_VIOLATION


class MalformedArguments(ClientFault):
    """A known verb with arguments that cannot be read: closed without a word."""

    closed_state = ClosedState.PROTOCOL_VIOLATION


class HeadersNotSupported(ClientFault):
    """HPUB from a connection that did not negotiate headers: closed without a word."""

    closed_state = ClosedState.PROTOCOL_VIOLATION

    def __init__(self, detail: str = "message headers not supported") -> None:
        super().__init__(detail)


class MaximumControlLineExceeded(ClientFault):
    """The arguments of a verb are longer than ``max_control_line``."""

    wire = "maximum control line exceeded"
    closed_state = ClosedState.MAX_CONTROL_LINE_EXCEEDED


class MaximumPayloadViolation(ClientFault):
    """A message is larger than ``max_payload``; detail is ``"<size> vs <max>"``."""

    wire = "Maximum Payload Violation"
    closed_state = ClosedState.MAX_PAYLOAD_EXCEEDED


class AuthorizationViolation(ClientFault):
    """Not who it says it is, or did something before saying who it is."""

    wire = "Authorization Violation"
    closed_state = ClosedState.AUTHENTICATION_VIOLATION


class ProxyNotTrusted(AuthorizationViolation):
    """It came by a proxy whose key nobody trusts."""

    closed_state = ClosedState.PROXY_NOT_TRUSTED


class ProxyRequired(AuthorizationViolation):
    """It may only come by a trusted proxy, and did not."""

    closed_state = ClosedState.PROXY_REQUIRED


class SigningKeyChanged(AuthorizationViolation):
    """Its account took the key away that issued its JWT, or changed what that key may allow.

    Closed without a word: it may come again, and be let in by the new rules.
    """

    wire = ""


class AuthenticationTimeout(ClientFault):
    """No CONNECT within ``authorization.timeout`` seconds."""

    wire = "Authentication Timeout"
    closed_state = ClosedState.AUTHENTICATION_TIMEOUT


class UserAuthenticationExpired(ClientFault):
    """What it authenticated with is valid no longer."""

    wire = "User Authentication Expired"
    closed_state = ClosedState.AUTHENTICATION_EXPIRED


class UserAuthenticationRevoked(ClientFault):
    """Its account has revoked what it authenticated with."""

    wire = "User Authentication Revoked"
    closed_state = ClosedState.REVOCATION


class AccountAuthenticationExpired(ClientFault):
    """Its account is valid no longer."""

    wire = "Account Authentication Expired"
    closed_state = ClosedState.AUTHENTICATION_EXPIRED


class MaximumAccountConnectionsExceeded(ClientFault):
    """Its account has as many clients as it may."""

    wire = "maximum account active connections exceeded"
    closed_state = ClosedState.MAX_ACCOUNT_CONNECTIONS_EXCEEDED


class FailedAccountRegistration(ClientFault):
    """It belongs to an account that is not there."""

    wire = "Failed Account Registration"
    closed_state = ClosedState.MISSING_ACCOUNT


class StaleConnection(ClientFault):
    """More than ``ping_max`` PINGs without a PONG."""

    wire = "Stale Connection"
    closed_state = ClosedState.STALE_CONNECTION


class MaximumConnectionsExceeded(ClientFault):
    """The server has ``max_connections`` clients already."""

    wire = "maximum connections exceeded"
    closed_state = ClosedState.MAX_CONNECTIONS_EXCEEDED


class TlsRequired(ClientFault):
    """Plain text where only TLS is accepted."""

    wire = "Secure Connection - TLS Required"
    closed_state = ClosedState.TLS_HANDSHAKE_ERROR


class ConnectionThrottled(ClientFault):
    """More TLS handshakes a second than ``tls.connection_rate_limit``, or clients than a hook
    allows."""

    wire = "Connection throttling is active. Please try again later."
    closed_state = ClosedState.MAX_CONNECTIONS_EXCEEDED


class InvalidClientProtocol(ClientFault):
    """``protocol`` in CONNECT is neither 0 nor 1."""

    wire = "invalid client protocol"
    closed_state = ClosedState.BAD_CLIENT_PROTOCOL_VERSION


class NoRespondersNeedsHeaders(ClientFault):
    """``no_responders`` in CONNECT without ``headers``."""

    wire = "no responders requires headers support"
    closed_state = ClosedState.NO_RESPONDERS_REQUIRES_HEADERS


class ConnectedToRoutePort(ClientFault):
    """A client came to where other servers are expected."""

    wire = "attempted to connect to route port"
    closed_state = ClosedState.WRONG_PORT


class ConnectedToGatewayPort(ClientFault):
    """A client or a server of our cluster came to where other clusters are expected."""

    wire = "attempted to connect to gateway port"
    closed_state = ClosedState.WRONG_PORT


class LinkRefused(ClientFault):
    """Another server may not be linked to this one; it is told why.

    :param text: nats-server's words, of what is wrong.
    """

    wire = "Link Refused"
    closed_state = ClosedState.PROTOCOL_VIOLATION

    def __init__(self, text: str = "", closed_state: ClosedState | None = None) -> None:
        super().__init__(text)
        self.wire = text or self.wire
        self.closed_state = closed_state or self.closed_state


class SlowConsumer(ClientFault):
    """It does not read as fast as messages arrive for it: closed without a word."""

    closed_state = ClosedState.SLOW_CONSUMER_PENDING_BYTES


class InvalidSubject(ClientFault):
    """A SUB whose subject has an empty token or a ``>`` that is not last."""

    wire = "Invalid Subject"


class InvalidPublishSubject(ClientFault):
    """A pedantic client published to a subject that is not literal; still delivered."""

    wire = "Invalid Publish Subject"


class MaximumSubscriptionsExceeded(ClientFault):
    """The connection has ``max_subscriptions`` subscriptions already."""

    wire = "maximum subscriptions exceeded"


class _SubjectFault(ClientFault):
    """A fault whose text names the subject, quoted as nats-server quotes it."""

    template = ""

    def __init__(self, subject: bytes) -> None:
        self.subject = subject
        self.wire = self.template % go_quote(subject)
        super().__init__(self.wire)


class PublishPermissionViolation(_SubjectFault):
    """Publishing to that subject is not permitted."""

    template = "Permissions Violation for Publish to %s"


class ReplyPermissionViolation(_SubjectFault):
    """The reply subject is one that only servers may use."""

    template = "Permissions Violation for Publish with Reply of %s"


class SubscriptionPermissionViolation(_SubjectFault):
    """Subscribing to that subject, or with that queue group, is not permitted."""

    template = "Permissions Violation for Subscription to %s"

    def __init__(self, subject: bytes, queue: bytes = b"") -> None:
        super().__init__(subject)
        self.queue = queue
        if queue:
            self.wire += f" using queue {go_quote(queue)}"
            self.detail = self.wire


#: Characters of a hook's reason that are sent: the clients' own limits are about 4 KB a line.
_LONGEST_REASON = 500


class MessageRefused(_SubjectFault):
    """A message hook did not let a message pass.

    :param reason: for the client. It stands behind what clients know, and do not close for.
    """

    template = "Permissions Violation for Publish to %s"

    def __init__(self, subject: bytes, reason: str) -> None:
        super().__init__(subject)
        # It may hold what the publisher sent: nothing of that ends the line, or cannot be sent.
        clean = reason.encode("utf-8", "backslashreplace").decode()
        words = " ".join(clean.replace("'", '"').split())
        self.wire = self.detail = f"{self.wire}: {words[:_LONGEST_REASON]}"
        self.args = (self.wire,)


class TooManyTokens(_SubjectFault):
    """The subscription has more tokens than ``max_sub_tokens``."""

    template = "Permissions Violation for Subscription to %s, too many tokens"
