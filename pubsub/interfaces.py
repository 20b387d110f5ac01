"""Every contract a plugin or a layer of this server relies on.

A message takes this road::

    transport ──feed/fd──▶ ILink ──(match)──▶ ILink ──transmit/fd──▶ transport
                             │ control verbs, faults
                             ▼
                        ILinkHandler (pubsub.client.ClientProtocol)

* :class:`IRouterBackend` is the plugin, :class:`IRouter` the running router of one
  server, :class:`ILink` one peer's half inside it, :class:`ILinkHandler` what the
  router tells the rest of the server about that peer.
* :class:`IAuthenticator` decides who a peer is; :class:`IServerAccess` is what it may use.
* :class:`IAccounts` knows the accounts, whether from a file, from JWTs or made by a program.
* :class:`IStreamImports` and :class:`ServiceRoute` are what the router knows of imports.
* :class:`ISubjectMapper`, :class:`IInterestListener`, :class:`IMessageHook` are asked
  or told by the router, off its fast path; :class:`IConnectionHook` is asked about clients.

What concerns routers alone stands in :mod:`pubsub.router_interfaces`, the immutable values that all
of them exchange in :mod:`pubsub.values`; import both from here.

Subjects, replies, queue groups and subscription ids (sids) are ``bytes`` without
spaces, as they are on the wire. Times are seconds as ``float``; sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zope.interface import Attribute, Interface

from pubsub.router_interfaces import (
    IInterestListener,
    ILink,
    ILinkHandler,
    IMessageHook,
    IRouter,
    IRouterBackend,
    IServiceObserver,
    IServiceTracker,
    IStreamImports,
    ISubjectMapper,
    ISubscriptionListener,
)
from pubsub.values.accounts import AccountOptions, ResponseType
from pubsub.values.identity import (
    GLOBAL_ACCOUNT,
    ConnectionAttempt,
    Identity,
    Permissions,
    ResponsePermission,
)
from pubsub.values.links import (
    GatewayNames,
    LinkCounters,
    LinkOptions,
    PeerKind,
    RouterSettings,
    ServerPeer,
    SubscriptionInfo,
    TrafficCounters,
)
from pubsub.values.services import ServiceRoute, ShadowSubscription

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from pubsub.errors import ClientFault

__all__ = [
    "GLOBAL_ACCOUNT",
    "ConnectionAttempt",
    "GatewayNames",
    "IAccountResolver",
    "IAccounts",
    "IAuthenticator",
    "IAuthenticatorPlugin",
    "IClientObserver",
    "IConnectionHook",
    "IInterestListener",
    "ILink",
    "ILinkHandler",
    "IMessageHook",
    "IMessageHookPlugin",
    "IRouter",
    "IRouterBackend",
    "IServerAccess",
    "IServerAuthenticator",
    "IServerIdentity",
    "IServiceObserver",
    "IServiceTracker",
    "IStreamImports",
    "ISubscriptionListener",
    "ISubjectMapper",
    "IThreadedAuthenticator",
    "Identity",
    "LinkCounters",
    "LinkOptions",
    "PeerKind",
    "Permissions",
    "ResponsePermission",
    "ResponseType",
    "RouterSettings",
    "ServerPeer",
    "ServiceRoute",
    "ShadowSubscription",
    "SubscriptionInfo",
    "TrafficCounters",
]


class IConnectionHook(Interface):
    """Sees clients once they are known, before they are told. Third-party code."""

    def connecting(link: ILink, identity: Identity) -> ClientFault | None:
        """Why it may not stay, ``None`` if it may. It is in no account yet."""


class IMessageHookPlugin(Interface):
    """Makes message hooks from the configuration. Found with ``twisted.plugin.getPlugins``
    and under the entry point group ``pubsub.hooks``."""

    name = Attribute("str: what ``hooks`` calls it")

    def create(options: Mapping[str, Any], server: IServerAccess) -> IMessageHook:
        """The hook for the options as they were written; raises ConfigError if they are wrong.

        It may provide :class:`IConnectionHook`, too. If it has a method ``stop()``, that is
        called when the server ends or a reload replaced it.
        """


class IAuthenticator(Interface):
    """Says who a peer is, at once or later."""

    required = Attribute("bool: INFO says auth_required, and CONNECT must come first")

    def authenticate(attempt: ConnectionAttempt) -> Identity | Deferred[Identity | None] | None:
        """An identity; ``None`` if this authenticator does not know this kind of credentials.
        Raises :class:`pubsub.errors.AuthenticationFailed` if it does, and they are wrong."""


class IThreadedAuthenticator(IAuthenticator):
    """An authenticator with slow work to do: it gets threads once, before it is asked."""

    def use_threads(defer_to_thread: Callable[..., Deferred[Any]]) -> None:
        """``defer_to_thread(function, *arguments)`` is Twisted's ``deferToThread``."""


class IServerAuthenticator(IAuthenticator):
    """An authenticator that works with the server: it gets it once, before it is asked.

    Optional: an attribute ``needs_nonce`` that is True makes INFO carry a nonce."""

    def use_server(server: IServerAccess) -> None:
        """Called once. Nothing is connected yet."""

    def stop() -> None:
        """The server ends, or a reload replaced this authenticator: end what it began."""


class IAccountResolver(Interface):
    """Knows the JWTs of accounts (operator mode)."""

    def start(server: IServerAccess, book: Any) -> None:
        """Called once, before anything else.

        ``book`` is a :class:`pubsub.auth.jwt.lookup.AccountBook`: with ``is_known``, ``apply``
        and ``disable`` a resolver makes changes that it hears of take effect at once.
        """

    def fetch(account: str) -> Deferred[str]:
        """The JWT of the account with that public key. Who verifies it is the caller.

        :raises pubsub.errors.CredentialsError: (by the Deferred) there is none, or no answer.
        """

    def stop() -> None:
        """The server ends, or a reload replaced this resolver: end what it began."""


class IAccounts(Interface):
    """The accounts of a server."""

    check_activation = Attribute("judges the tokens of imports; ``None``: none counts")
    missing = Attribute("asked for an account that an import names and nobody knows, or ``None``")
    appeared = Attribute("told the name of each account that is new here, or ``None``")

    def find(name: str) -> AccountOptions | None:
        """The account of that name, if it is known here now."""

    def names() -> Sequence[str]:
        """All that are known here now."""

    def update(options: AccountOptions) -> None:
        """Add the account, or change it: its clients are updated or disconnected at once.
        Raises :class:`pubsub.errors.ConfigError` if its imports or exports cannot be."""

    def remove(name: str) -> None:
        """Forget it; its clients are disconnected."""

    def connections(name: str) -> int:
        """How many clients of it are connected to this server."""

    def leafnodes(name: str) -> int:
        """How many leaf node links it has on this server."""

    def connections_elsewhere(server_id: str, name: str, clients: int, leafnodes: int) -> None:
        """Another server has so many of that account: they count for its limits."""

    def server_gone(server_id: str) -> None:
        """That server is there no more, and has none of any account."""


class IServerIdentity(Interface):
    """The keys of a server. What fails is a :class:`pubsub.errors.CredentialsError`."""

    server_id = Attribute("str: the public key, begins with N")
    xkey = Attribute("str: the public curve key, begins with X; made when first looked at")

    def sign(data: bytes) -> bytes:
        """Its ed25519 signature, 64 bytes."""

    def seal(data: bytes, recipient: str) -> bytes:
        """Encrypted for the owner of that public curve key (nkeys' ``xkv1``)."""

    def open(data: bytes, sender: str) -> bytes:
        """What the owner of that public curve key encrypted for this server."""


class IServerAccess(Interface):
    """What an authenticator or a hook may use of the server it works for."""

    server_id = Attribute("str: public, begins with N")
    server_name = Attribute("str: ``server_name``, or the id")
    identity = Attribute("IServerIdentity: the keys behind server_id")
    system_account = Attribute('str: its name; "" without one')
    clock = Attribute("IReactorTime: the reactor, or a Clock in tests")
    router = Attribute("IRouter: the running one")
    accounts = Attribute("IAccounts: those of this server")
    users = Attribute("pubsub.accounts.users.Users: those of the lists, changed live")

    def defer_to_thread(function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        """Twisted's ``deferToThread``."""

    def may_be_linked() -> bool:
        """Whether other servers may be heard in the system account, now or later."""

    def internal_client(account: str) -> Any:
        """A :class:`pubsub.router.internal.InternalClient`, the server's own in ``account``."""

    def client_of(link: ILink) -> Any:
        """The :class:`pubsub.client.protocol.ClientProtocol` behind a link, ``None`` if there
        is none: who it is (``identity``), ``fault(…)``, ``hold(seconds)``, ``close(…)``."""

    def server_info() -> Mapping[str, Any]:
        """nats-server's ServerInfo: ``name``, ``host``, ``id``, ``ver``, … as events carry it."""


class IClientObserver(Interface):
    """Told of every client of a server: system events, presence.

    ``client`` is a :class:`pubsub.client.protocol.ClientProtocol`.
    """

    def client_connected(client: Any) -> None:
        """Its CONNECT was accepted: it is somebody now."""

    def client_disconnected(client: Any) -> None:
        """Somebody is gone; ``client.closed_state`` says why."""

    def client_refused(client: Any, fault: ClientFault) -> None:
        """Its CONNECT was not accepted."""


class IAuthenticatorPlugin(Interface):
    """Makes authenticators from the configuration. Found with ``twisted.plugin.getPlugins``
    and under the entry point group ``pubsub.authenticators``."""

    name = Attribute("str: what the configuration calls it")
    order = Attribute("int: built-in authenticators are asked in ascending order")

    def create(options: Any) -> IAuthenticator:
        """The authenticator for these :class:`pubsub.config.options.Options`; raises
        :class:`pubsub.errors.NotConfigured` if nothing in them concerns it."""
