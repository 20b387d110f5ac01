"""What the leaf node links of one server share, and what they need of the rest of the server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pubsub.accounts.automatic import automatic_imports
from pubsub.accounts.exports import encode
from pubsub.accounts.imports import service_spec
from pubsub.accounts.members import Members
from pubsub.client.context import ClientContext
from pubsub.client.faultlog import SERVER_LINES_PER_SECOND, FaultLog
from pubsub.client.preamble_types import TlsDetails
from pubsub.cluster.leafs.domains import NO_JETSTREAM, Denied, JetStreamSide, denied
from pubsub.cluster.leafs.figures import LeafFigures
from pubsub.cluster.leafs.interest import LeafInterest
from pubsub.errors import ConfigError
from pubsub.values.accounts import AccountOptions, ServiceImport

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IDelayedCall, IProtocolFactory

    from pubsub.cluster.leafs.protocol import LeafProtocol
    from pubsub.config.options import LeafNodeOptions, TlsOptions
    from pubsub.interfaces import IAuthenticator

__all__ = ["LeafContext", "LeafMembers"]

#: nats-server's ServerProto that we can keep: no distributed message tracing
PROTOCOL = 1
#: replies mapped by gateways: ours, and those of servers before 2.2
_GATEWAY_REPLIES = (b"$GR.*.>", b"_GR_.>")


def _no_tls(*arguments: Any) -> None:
    raise RuntimeError("this server was built without TLS for leaf nodes")


def _no_details(transport: Any) -> TlsDetails:
    return TlsDetails()


def _nobody_told(account: str) -> None:
    """There are no gateways."""


def _no_cluster() -> str:
    return ""


class LeafMembers(Members):
    """The leaf nodes of each account: they have a limit of their own."""

    def limit(self, account: AccountOptions) -> int:
        """How many there may be, -1 for any number."""
        return account.limits.max_leafnodes


@dataclass(eq=False)
class LeafContext:
    """The server as its leaf node links see it. :mod:`pubsub.assembly.leafs` makes one."""

    #: the server as its clients see it: options, router, clock, accounts, ids
    client: ClientContext
    server_id: str
    server_name: Callable[[], str]
    #: ``connect(host, port, factory, timeout)``: a Deferred that fires when ``factory`` has made
    #: a protocol and it is connected, and fails if that cannot be; cancel it to give up
    connect: Callable[[str, int, IProtocolFactory, float], Deferred[Any]]
    #: the name of the cluster this server is in, ``""`` if in none
    cluster_name: Callable[[], str] = _no_cluster
    #: begins TLS as server: ``(transport, protocol, pending)``
    serve_tls: Callable[[Any, Any, bytes], None] = _no_tls
    #: begins TLS as client: ``(transport, protocol, options, hostname)``
    join_tls: Callable[[Any, Any, TlsOptions, str], None] = _no_tls
    tls_details: Callable[[Any], TlsDetails] = _no_details
    #: of the listener's own users; ``None``: whoever may connect as a client
    authenticator: IAuthenticator | None = None
    #: the JetStream of this server
    jetstream: Callable[[], JetStreamSide] = lambda: NO_JETSTREAM
    #: whether this server has gateways: the other end then has to send mapped replies here
    gateways: bool = False
    #: told of each leaf node of an account: clusters whose gateways send whatever nobody has
    #: refused have to tell what they want from then on, since leaf nodes send on interest only
    account_linked: Callable[[str], None] = _nobody_told
    #: what leaf nodes are told to connect to: host and port
    address: tuple[str, int] = ("", 0)
    #: likewise those of the other servers of the cluster, ``host:port``
    other_urls: tuple[str, ...] = ()
    #: lame duck mode: leaf nodes that are lost had better go elsewhere
    leaving: bool = False
    members: LeafMembers = field(init=False)
    interest: LeafInterest = field(init=False)
    #: those that are linked, by id
    linked: dict[int, LeafProtocol] = field(default_factory=dict)
    #: those that are on their way
    coming: dict[int, LeafProtocol] = field(default_factory=dict)
    figures: LeafFigures = field(default_factory=LeafFigures)
    #: the log of what they do
    faults: FaultLog = field(init=False)
    _flushing: IDelayedCall | None = None

    def __post_init__(self) -> None:
        seconds = self.client.clock.seconds
        self.faults = FaultLog(seconds, "leaf nodes", SERVER_LINES_PER_SECOND)
        self.members = LeafMembers(self.client.wall)
        replies = _GATEWAY_REPLIES if self.gateways else ()
        self.interest = LeafInterest(self._fixed_interest, replies)
        self.client.router.add_subscription_listener(self.interest)
        self.client.accounts.watch(self.members, self.interest.account_changed)

    @property
    def options(self) -> LeafNodeOptions:
        """The ``leafnodes`` block."""
        return self.client.options.leafnodes

    def all(self) -> list[LeafProtocol]:
        """Every connection."""
        return [*self.linked.values(), *self.coming.values()]

    def urls(self) -> list[str]:
        """What INFO says of where leaf nodes may connect to."""
        host, port = self.address
        own = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]
        if not port or self.leaving:
            own = []
        return list(dict.fromkeys([*own, *self.other_urls]))

    def flush_soon(self) -> None:
        """Somebody was told something, and it may be that nobody else flushes."""
        if self._flushing is None:
            self._flushing = self.client.clock.callLater(0, self._flush)

    def _flush(self) -> None:
        self._flushing = None
        self.client.router.flush()

    def stop(self) -> None:
        """The server ends."""
        if self._flushing is not None:
            self._flushing.cancel()
            self._flush()

    def denied(self, account: str, domain: str) -> Denied:
        """What of JetStream does not cross a link of ``account`` to a server of ``domain``."""
        return denied(self.jetstream(), domain, account, self.client.system_account)

    def _fixed_interest(self, account: str) -> list[bytes]:
        """Imported services and mappings: told as interest, since leafs send on interest only.

        What every account imports of the system account is among them: a request to all servers
        is one to those at the other end, too (nats-server: registerSystemImports).
        """
        options, system = self.client.accounts.find(account), self.client.system_account
        if options is None:
            return []
        imports = list(options.imports)
        if system:
            imports += automatic_imports(options, system)
        subjects = [_asked_on(import_) for import_ in imports if isinstance(import_, ServiceImport)]
        subjects += [encode(entry.source) for entry in options.mappings]
        return [subject for subject in subjects if subject]


def _asked_on(import_: ServiceImport) -> bytes:
    """Where an imported service is asked; empty of an import that means nothing.

    With placeholders in ``to`` (``my.$1``) that is the pattern they stand for (``my.*``).
    """
    try:
        return service_spec(import_, None).local
    except ConfigError:
        return b""  # of a JWT: it was left out, and the log says so
