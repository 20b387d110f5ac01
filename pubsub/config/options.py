"""What the server was told to do: one immutable value, one attribute per option.

An attribute is called as nats-server's configuration key. Durations are float seconds,
sizes are bytes. The defaults are nats-server's; the table in :mod:`pubsub.config.table`
says what each option means and how it is written, and makes these values from files and
flags. Code that embeds the server may also build :class:`Options` directly, and derive one
from another with :func:`dataclasses.replace`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pubsub.values.accounts import (
    AccountOptions,
    MappingEntry,
    UserOptions,
    WeightedDestination,
)
from pubsub.values.identity import GLOBAL_ACCOUNT, Permissions

__all__ = [
    "AuthorizationOptions",
    "CalloutOptions",
    "CertificatePair",
    "ClusterOptions",
    "GatewayOptions",
    "GatewayUrl",
    "LeafNodeOptions",
    "LeafProxyOptions",
    "LeafRemoteOptions",
    "LeafUrl",
    "LeafUserOptions",
    "MappingEntry",
    "Options",
    "PluginOptions",
    "RemoteGatewayOptions",
    "ResolverOptions",
    "RouteUrl",
    "TlsOptions",
    "WeightedDestination",
]

#: nats-server's ``port: -1``: let the kernel choose a free port.
RANDOM_PORT = -1


@dataclass(frozen=True)
class PluginOptions:
    """One entry of ``authorization { plugins }``, or of ``hooks``."""

    name: str
    #: handed to it as they were written
    options: Mapping[str, object] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class CalloutOptions:
    """``authorization { auth_callout }``: ask a service who may connect (ADR-26)."""

    #: public account key that signs the answers
    issuer: str
    #: account of the service
    account: str = GLOBAL_ACCOUNT
    #: users (names or public keys) who are not asked about: the service itself
    auth_users: tuple[str, ...] = ()
    #: public curve key to encrypt requests with, ``""`` for clear text
    xkey: str = ""
    #: accounts the answers may name; empty: any
    allowed_accounts: tuple[str, ...] = ()


@dataclass(frozen=True)
class ResolverOptions:
    """Where account JWTs come from."""

    #: ``"memory"``, ``"url"``, ``"full"`` or ``"cache"``
    type: str
    #: ``http(s)://…/accounts/``
    url: str = ""
    dir: str = ""
    allow_delete: bool = False
    #: remove deleted JWTs from disk, do not rename them
    hard_delete: bool = False
    #: JWTs to keep, 0 for any number
    limit: int = 0
    #: seconds to keep one (cache); 0 for ever
    ttl: float = 0.0
    #: seconds between two exchanges with other servers (full)
    interval: float = 60.0
    #: seconds to look one up
    timeout: float = 1.9
    #: for fetching by https
    tls: TlsOptions | None = None


@dataclass(frozen=True)
class AuthorizationOptions:
    """The ``authorization`` block: one user, or one token, or a list of users, or plugins."""

    user: str = ""
    #: clear text, or a bcrypt string beginning ``$2``
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    #: seconds a client has to send CONNECT; with TLS the default is ``tls.timeout`` + 1
    timeout: float = 2.0
    #: name of an authenticator plugin (since pubsub 0.1), ``""`` for the built-in ones
    plugin: str = ""
    #: handed to that plugin as they were written: strings, numbers, lists, maps
    options: Mapping[str, object] = field(default_factory=dict, repr=False)
    #: several plugins, asked in this order before the built-in ones (since pubsub 0.2)
    plugins: tuple[PluginOptions, ...] = ()
    #: of users of the global account who have none
    default_permissions: Permissions | None = None
    #: nobody may connect but through a trusted proxy
    proxy_required: bool = False
    auth_callout: CalloutOptions | None = None


@dataclass(frozen=True)
class CertificatePair:
    """One entry of ``tls { certs }``: PEM file paths."""

    cert_file: str
    key_file: str


@dataclass(frozen=True)
class TlsOptions:
    """The ``tls`` block of the client listener."""

    cert_file: str = ""
    key_file: str = ""
    ca_file: str = ""
    #: require a client certificate signed by ``ca_file``
    verify: bool = False
    #: take the user from the client certificate; implies ``verify``
    verify_and_map: bool = False
    #: routes and gateways: the certificate has to name a server of ``routes`` or ``gateways``;
    #: implies ``verify``
    check_known_urls: bool = False
    #: accepted for nats-server's sake; it only concerns outgoing connections
    insecure: bool = False
    #: seconds for the handshake
    timeout: float = 2.0
    #: True: before INFO. A number: before INFO, falling back to INFO after these seconds
    #: (``auto`` is 0.05)
    handshake_first: bool | float = False
    #: SHA-256 of the DER public keys (SubjectPublicKeyInfo) of accepted clients, lower-case
    #: hexadecimal; empty: any
    pinned_certs: frozenset[str] = frozenset()
    #: names as Go spells them (``TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256``); empty: the defaults
    cipher_suites: tuple[str, ...] = ()
    #: names as nats-server spells them (``X25519``, ``CurveP256``); empty: the defaults
    curve_preferences: tuple[str, ...] = ()
    #: ``"1.2"``, ``"1.3"`` or ``""`` for the default (1.2)
    min_version: str = ""
    #: handshakes a second, 0 for any number
    connection_rate_limit: int = 0
    #: more certificates, chosen by the server name the client asks for
    certs: tuple[CertificatePair, ...] = ()


@dataclass(frozen=True)
class RouteUrl:
    """Where another server is: an entry of ``cluster { routes }``."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        """``nats-route://host:port``, without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"nats-route://{host}:{self.port}"


@dataclass(frozen=True)
class ClusterOptions:
    """The ``cluster`` block: routes to the other servers of a cluster."""

    #: ``""``: one is made up, and yields to that of another server
    name: str = ""
    host: str = "0.0.0.0"
    #: 0 for no routes at all, -1 lets the kernel choose
    port: int = 0
    #: what routes have to say, ``""`` for nothing
    user: str = ""
    password: str = field(default="", repr=False)
    #: seconds another server has to send CONNECT; with TLS the default is ``tls.timeout`` + 1
    timeout: float = 2.0
    #: servers to connect to, and to come back to for ever
    routes: tuple[RouteUrl, ...] = ()
    #: ``"host"`` or ``"host:port"`` for other servers, ``""`` for what we listen on
    advertise: str = ""
    #: do not tell clients of the other servers
    no_advertise: bool = False
    #: of servers another server told us of: attempts after the first; 0 for none
    connect_retries: int = 0
    #: wait twice as long after each attempt, up to 30 seconds
    connect_backoff: bool = False
    #: publish lists are what other servers may send here (import), subscribe lists what they
    #: may hear from here (export)
    permissions: Permissions | None = None
    #: connections to each other server; -1 for one, as servers before 2.10 have
    pool_size: int = 3
    #: accounts with a connection of their own
    accounts: tuple[str, ...] = ()
    #: seconds, 0.0 for the top level's; never more than 30
    ping_interval: float = 0.0
    #: 0 for the top level's
    ping_max: int = 0
    #: seconds, 0.0 for the top level's
    write_deadline: float = 0.0
    #: as at the top level: ``"close"``, ``"retry"``, or ``"default"``, which is ``"retry"``
    write_timeout: str = "default"
    tls: TlsOptions | None = None


@dataclass(frozen=True)
class GatewayUrl:
    """Where a server of another cluster is: an entry of ``gateway { gateways [ { urls } ] }``."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def address(self) -> str:
        """``host:port``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __str__(self) -> str:
        """``nats://host:port``, without user and password."""
        return f"nats://{self.address}"


@dataclass(frozen=True)
class RemoteGatewayOptions:
    """One entry of ``gateway { gateways }``: a cluster to connect to.

    That of this server itself may be among them: it is not connected to.
    """

    name: str
    urls: tuple[GatewayUrl, ...]
    #: for connecting there, ``None`` for that of ``gateway``
    tls: TlsOptions | None = None


@dataclass(frozen=True)
class GatewayOptions:
    """The ``gateway`` block: this cluster among others."""

    #: of this cluster, ``""`` for no gateways at all
    name: str = ""
    host: str = "0.0.0.0"
    #: 0 for no gateways at all, -1 lets the kernel choose
    port: int = 0
    #: what other clusters have to say, ``""`` for nothing
    user: str = ""
    password: str = field(default="", repr=False)
    #: seconds another server has to send CONNECT; with TLS the default is ``tls.timeout`` + 1
    timeout: float = 2.0
    tls: TlsOptions | None = None
    #: ``"host"`` or ``"host:port"`` for other servers, ``""`` for what we listen on
    advertise: str = ""
    #: of clusters another one told us of: attempts after the first; 0 for none
    connect_retries: int = 0
    #: wait twice as long after each attempt, up to 30 seconds
    connect_backoff: bool = False
    #: clusters to connect to, and to come back to for ever
    gateways: tuple[RemoteGatewayOptions, ...] = ()
    #: refuse clusters that are not in ``gateways``
    reject_unknown_cluster: bool = False
    #: seconds, 0.0 for the top level's
    write_deadline: float = 0.0
    #: ``"default"``, ``"close"`` or ``"retry"``, see :mod:`pubsub.cluster.sweep`
    write_timeout: str = "default"


@dataclass(frozen=True)
class LeafUrl:
    """Where a hub is: an entry of ``leafnodes { remotes [ { urls } ] }``."""

    host: str
    port: int = 7422
    user: str = ""
    #: ``None``: there is only a user, which then is the token as well
    password: str | None = field(default=None, repr=False)
    scheme: str = "nats-leaf"

    @property
    def address(self) -> str:
        """``host:port``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True)
class LeafProxyOptions:
    """``proxy`` of a remote: a hub is reached through an HTTP proxy's ``CONNECT``."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    #: seconds until the proxy has connected, 0.0 for as long as connecting may take
    timeout: float = 0.0


@dataclass(frozen=True)
class LeafRemoteOptions:
    """One entry of ``leafnodes { remotes }``: a hub this server connects to."""

    urls: tuple[LeafUrl, ...]
    #: of this server: what is linked
    account: str = GLOBAL_ACCOUNT
    #: path of a credentials file
    credentials: str = ""
    #: the seed of an nkey
    nkey: str = field(default="", repr=False)
    tls: TlsOptions | None = None
    #: this server is the hub, though it connects
    hub: bool = False
    #: subjects that do not come here from there
    deny_imports: tuple[str, ...] = ()
    #: subjects that do not go there from here
    deny_exports: tuple[str, ...] = ()
    no_randomize: bool = False
    #: do not tell the other side of what other leafs want to hear
    isolate_leafnode_interest: bool = False
    #: ask the other side not to tell this one
    request_isolation: bool = False
    #: seconds to wait for INFO
    first_info_timeout: float = 1.0
    #: seconds, 0.0 for that of ``leafnodes``
    dial_timeout: float = 0.0
    disabled: bool = False
    #: use no other URLs than these
    ignore_discovered_servers: bool = False
    proxy: LeafProxyOptions | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """What makes it another remote: no two may have the same, and a reload finds it by
        that (nats-server: RemoteLeafOpts.name)."""
        return self.account, self.credentials, self.nkey, self.urls

    @property
    def shown(self) -> str:
        """What the log calls it, without secrets (nats-server: safeName)."""
        urls = " ".join(f'"{url.scheme}://{url.address}"' for url in self.urls)
        more = f', credentials="{self.credentials}"' if self.credentials else ""
        more = ', nkey="[REDACTED]"' if self.nkey else more
        return f'urls=[{urls}], account="{self.account}"{more}'


@dataclass(frozen=True)
class LeafUserOptions:
    """One entry of ``leafnodes { authorization { users } }``."""

    user: str
    password: str = field(default="", repr=False)
    account: str = GLOBAL_ACCOUNT
    #: only through a trusted proxy
    proxy_required: bool = False


@dataclass(frozen=True)
class LeafNodeOptions:
    """The ``leafnodes`` block: leaf nodes of this server, and hubs it is a leaf node of."""

    #: the block is there, be it empty: a reload may add remotes
    present: bool = False
    host: str = "0.0.0.0"
    #: 0 for no listener, -1 lets the kernel choose
    port: int = 0
    user: str = ""
    password: str = field(default="", repr=False)
    #: a public key, instead of user and password
    nkey: str = ""
    #: of the single user or nkey
    account: str = GLOBAL_ACCOUNT
    users: tuple[LeafUserOptions, ...] = ()
    #: seconds a leaf node has to send CONNECT; with TLS the default is ``tls.timeout`` + 1
    timeout: float = 2.0
    tls: TlsOptions | None = None
    #: seconds between two attempts to connect to a hub
    reconnect: float = 1.0
    #: seconds an attempt may take
    dial_timeout: float = 1.0
    #: ``"host"`` or ``"host:port"`` that leaf nodes are told, ``""`` for what we listen on
    advertise: str = ""
    no_advertise: bool = False
    #: of leaf nodes, ``""`` for any
    min_version: str = ""
    isolate_leafnode_interest: bool = False
    #: nobody may connect but through a trusted proxy
    proxy_required: bool = False
    #: seconds, 0.0 for the top level's
    write_deadline: float = 0.0
    #: as at the top level: ``"close"``, ``"retry"``, or ``"default"``, which is ``"retry"``
    write_timeout: str = "default"
    remotes: tuple[LeafRemoteOptions, ...] = ()


@dataclass(frozen=True)
class Options:
    """Everything that can be configured, with nats-server's defaults."""

    # listening
    host: str = "0.0.0.0"
    #: -1 lets the kernel choose (and so does 0 here, which in a file means the default)
    port: int = 4222
    #: do not listen on host and port: ``listen`` named only other endpoints
    dont_listen: bool = False
    #: further listeners: ``"host:port"`` or Twisted endpoints such as ``"unix:/run/pubsub.sock"``
    listen: tuple[str, ...] = ()
    server_name: str = ""
    #: ``"host"`` or ``"host:port"`` for INFO, ``""`` for what we listen on
    client_advertise: str = ""
    proxy_protocol: bool = False

    # limits; -1 is no limit where 0 has another meaning
    max_connections: int = 65536
    max_payload: int = 1024 * 1024
    max_control_line: int = 4096
    max_pending: int = 64 * 1024 * 1024
    #: per client, 0 or -1 for any number
    max_subscriptions: int = 0
    #: tokens in a client's subscription, 0 for any number
    max_sub_tokens: int = 0
    max_closed_clients: int = 10000
    ping_interval: float = 120.0
    #: PINGs without a PONG before a client is stale
    ping_max: int = 2
    write_deadline: float = 10.0
    #: ``"default"``, ``"close"`` or ``"retry"``: what happens when write_deadline passes
    write_timeout: str = "default"
    no_fast_producer_stall: bool = False
    disable_sublist_cache: bool = False
    no_header_support: bool = False

    # who may connect, and how
    authorization: AuthorizationOptions = AuthorizationOptions()
    #: of ``authorization { users }`` and of every account, in the order they are written
    users: tuple[UserOptions, ...] = ()
    accounts: tuple[AccountOptions, ...] = ()
    #: who clients without credentials are, ``""`` for nobody
    no_auth_user: str = ""
    system_account: str = "$SYS"
    no_system_account: bool = False
    #: operator JWTs, as they are: the file they were named by has been read
    operator: tuple[str, ...] = field(default=(), repr=False)
    #: public keys of operators that are trusted without a JWT
    trusted_keys: tuple[str, ...] = ()
    resolver: ResolverOptions | None = None
    #: account public key to account JWT
    resolver_preload: Mapping[str, str] = field(default_factory=dict, repr=False)
    resolver_pinned_accounts: frozenset[str] = frozenset()
    #: bearer JWT of clients without credentials (operator mode)
    default_sentinel: str = field(default="", repr=False)
    #: public keys of proxies that may vouch for clients
    trusted_proxies: tuple[str, ...] = ()
    tls: TlsOptions | None = None
    allow_non_tls: bool = False

    # routing
    mappings: tuple[MappingEntry, ...] = ()
    #: name of the router backend, ``"auto"`` for the best available (since pubsub 0.1)
    router: str = "auto"
    #: plugins that see every message of every client, in this order (since pubsub 0.2)
    hooks: tuple[PluginOptions, ...] = ()

    # other servers
    cluster: ClusterOptions = ClusterOptions()
    gateway: GatewayOptions = GatewayOptions()
    leafnodes: LeafNodeOptions = LeafNodeOptions()

    # monitoring
    #: ``""`` for ``host``
    http_host: str = ""
    #: 0 for none, -1 lets the kernel choose
    http_port: int = 0
    https_port: int = 0
    #: ``""`` or ``"/prefix"``, without a final slash
    http_base_path: str = ""

    # logging
    debug: bool = False
    trace: bool = False
    trace_verbose: bool = False
    #: trace the headers of messages only, not their payload
    trace_headers: bool = False
    logtime: bool = True
    logtime_utc: bool = False
    #: ``""`` for standard error
    log_file: str = ""
    #: ``"text"`` as nats-server, or ``"json"`` (since pubsub 0.1)
    log_format: str = "text"
    #: rotate the log file at that size, 0 for never
    log_size_limit: int = 0
    #: rotated files to keep, the current one included; 0 for all
    logfile_max_num: int = 0
    syslog: bool = False
    #: ``"udp://host:514"``, ``""`` for none
    remote_syslog: str = ""
    #: bytes of a traced message that are shown, 0 for all
    max_traced_msg_len: int = 0

    # this process
    pid_file: str = ""
    ports_file_dir: str = ""
    lame_duck_duration: float = 120.0
    lame_duck_grace_period: float = 10.0
    #: failed attempts between two reports, for the first connection and later ones
    connect_error_reports: int = 3600
    reconnect_error_reports: int = 1
    #: lower case, as nats-server keeps them
    server_tags: tuple[str, ...] = ()
    server_metadata: Mapping[str, str] = field(default_factory=dict)

    # where these came from
    #: the path as given with ``-c``, ``""`` without one
    config_file: str = ""
    #: ``"sha256:…"`` of the configuration, ``""`` without a file
    config_digest: str = ""
