"""The end that has connected: INFO, TLS, CONNECT, INFO again, and being linked.

nats-server: processLeafnodeInfo, leafNodeResumeConnectProcess, leafNodeFinishConnectProcess. The
first INFO is read here and not by the router, since TLS may have to follow it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import LogLevel

from pubsub._version import NATS_VERSION
from pubsub.cluster.leafs import hearing, keepalive
from pubsub.cluster.leafs.context import PROTOCOL
from pubsub.cluster.leafs.credentials import credentials
from pubsub.cluster.leafs.messages import LeafConnect, LeafInfo
from pubsub.cluster.leafs.permissions import as_solicited
from pubsub.config.options import TlsOptions
from pubsub.errors import (
    ClosedState,
    CredentialsError,
    MalformedArguments,
    PubSubError,
    StaleConnection,
)

if TYPE_CHECKING:
    from pubsub.cluster.leafs.protocol import LeafProtocol

__all__ = ["begin", "greeting_received", "handshake_completed", "info_received", "send_connect"]

#: a first INFO that is longer is none: clusters of a thousand servers have shorter ones
LONGEST_INFO = 256 * 1024
#: nats-server's connectProcessTimeout: seconds from CONNECT to the INFO that answers it
CONNECT_TIMEOUT = 2.0
_WRONG_PORT = "attempted to connect to wrong port: it has to be that of the hub's leafnodes block"
_TLS_BEHIND_PROXY = (
    "TLS configuration mismatch: the hub requires TLS, and a remote with a proxy does not use it"
    " unless it has a tls block"
)


def begin(leaf: LeafProtocol) -> None:
    """The connection is there: INFO is awaited, or TLS begins."""
    remote, deadlines = leaf.remote, leaf.context.client.deadlines
    assert remote is not None
    if leaf.context.client.accounts.find(leaf.account) is None:
        leaf.log(
            f"Unable to lookup account {leaf.account} for solicited leafnode connection",
            LogLevel.error,
        )
        missing = leaf.context.client.accounts.missing
        answer = missing(leaf.account) if missing is not None else None
        if answer is not None:
            answer.addErrback(lambda failure: None)
        leaf.close(ClosedState.MISSING_ACCOUNT)
        return
    tls = remote.options.tls
    if tls is not None and tls.handshake_first is not False:
        _start_tls(leaf, tls)
    else:
        leaf.deadline = deadlines.add(remote.options.first_info_timeout, _too_late, leaf)


def greeting_received(leaf: LeafProtocol, data: bytes) -> None:
    """Some of the first line, or all of it and more."""
    assert leaf.greeting is not None
    leaf.greeting += data
    line, newline, rest = leaf.greeting.partition(b"\n")
    if not newline:
        if len(leaf.greeting) > LONGEST_INFO:
            leaf.log("The first line is no INFO", LogLevel.error)
            leaf.close(ClosedState.PARSE_ERROR)
        return
    leaf.greeting = rest
    verb, _, argument = line.strip().partition(b" ")
    if verb.upper() == b"-ERR":
        hearing.error_received(leaf, argument)
        return
    if verb.upper() != b"INFO":
        leaf.log("The first line is no INFO", LogLevel.error)
        leaf.close(ClosedState.PARSE_ERROR)
        return
    try:
        leaf.info = LeafInfo.parse(argument)
    except MalformedArguments as fault:
        leaf.fault(fault)
        return
    _greeted(leaf)


def _greeted(leaf: LeafProtocol) -> None:
    info, remote = leaf.info, leaf.remote
    assert info is not None
    assert remote is not None
    leaf.context.client.deadlines.cancel(leaf.deadline)
    leaf.deadline = None
    encrypted = bool(leaf.tls.version)
    if info.tls_required and remote.options.proxy is not None and remote.options.tls is None:
        leaf.log(_TLS_BEHIND_PROXY, LogLevel.error)
        leaf.close(ClosedState.TLS_HANDSHAKE_ERROR)
        return
    if not encrypted and (info.tls_required or remote.options.tls is not None):
        if leaf.greeting:
            # whoever is in between could have said it: it must not pass for what TLS protects
            leaf.log("Received plaintext after INFO where TLS should begin", LogLevel.error)
            leaf.close(ClosedState.TLS_HANDSHAKE_ERROR)
            return
        _start_tls(leaf, remote.options.tls or TlsOptions())
        return
    if not info.cid or info.leafnode_urls is None:
        leaf.log(_WRONG_PORT, LogLevel.error)
        leaf.close(ClosedState.WRONG_PORT)
        return
    if " " in info.cluster:
        leaf.refuse("cluster name cannot contain spaces")
        return
    leaf.nonce = info.nonce
    leaf.headers = info.headers and not leaf.context.client.options.no_header_support
    leaf.remote_server = info.server_name or info.server_id
    leaf.remote_cluster = info.cluster.encode("utf-8", "surrogateescape")
    leaf.compression = "off" if info.compression else "not supported"
    remote.discovered(info.leafnode_urls)
    _take_permissions(leaf, info)
    rest, leaf.greeting = leaf.greeting or b"", None
    leaf.attach(rest)


def _start_tls(leaf: LeafProtocol, options: TlsOptions) -> None:
    remote = leaf.remote
    assert remote is not None
    deadlines = leaf.context.client.deadlines
    deadlines.cancel(leaf.deadline)
    leaf.deadline = deadlines.add(options.timeout or 2.0, _tls_too_late, leaf)
    leaf.debug("Starting TLS leafnode client handshake")
    try:
        leaf.context.join_tls(leaf.transport, leaf, options, remote.tls_name())
    except PubSubError as error:
        leaf.log(f"TLS leafnode handshake error: {error}", LogLevel.error)
        leaf.close(ClosedState.TLS_HANDSHAKE_ERROR)


def handshake_completed(leaf: LeafProtocol) -> None:
    """TLS is up."""
    remote = leaf.remote
    assert remote is not None
    deadlines = leaf.context.client.deadlines
    deadlines.cancel(leaf.deadline)
    leaf.deadline = None
    leaf.debug("TLS handshake complete")
    if leaf.info is not None:
        _greeted(leaf)
        return
    leaf.deadline = deadlines.add(remote.options.first_info_timeout, _too_late, leaf)


def send_connect(leaf: LeafProtocol) -> None:
    """CONNECT, and a time in which INFO has to answer it."""
    remote, info, context = leaf.remote, leaf.info, leaf.context
    assert remote is not None
    assert info is not None
    options, jetstream = remote.options, context.jetstream()
    try:
        shown = credentials(options, remote.url, leaf.nonce)
    except CredentialsError as error:
        leaf.log(str(error), LogLevel.error)
        leaf.close(ClosedState.WRITE_ERROR)
        return
    leaf.leaf_connect = LeafConnect(
        version=NATS_VERSION,
        server_id=context.server_id,
        domain=jetstream.domain,
        jetstream=jetstream.enabled,
        name=context.server_name(),
        is_hub=options.hub,
        cluster=context.cluster_name(),
        headers=leaf.headers,
        deny_pub=options.deny_imports,
        isolate=options.request_isolation,
        compress_mode=leaf.compression,
        remote_account=leaf.account,
        protocol=PROTOCOL,
        credentials=shown,
    )
    leaf.send(leaf.leaf_connect.to_bytes())
    leaf.debug("Remote leafnode connect msg sent")
    leaf.deadline = context.client.deadlines.add(CONNECT_TIMEOUT, _no_answer, leaf)
    if not info.info_on_connect:
        _finish(leaf)


def info_received(leaf: LeafProtocol, argument: bytes) -> None:
    """INFO after the first: an answer to CONNECT, or news of other servers."""
    remote = leaf.remote
    assert remote is not None
    try:
        info = LeafInfo.parse(argument)
    except MalformedArguments as fault:
        leaf.fault(fault)
        return
    if info.leafnode_urls:
        remote.discovered(info.leafnode_urls)
    if info.imports is not None or info.exports is not None:
        _take_permissions(leaf, info)
        leaf.apply_peer()
        if leaf.linked:
            leaf.context.interest.permissions_changed(leaf, leaf.account)
    leaf.remote_account = info.remote_account or leaf.remote_account
    if info.connect_info:
        _finish(leaf)


def _take_permissions(leaf: LeafProtocol, info: LeafInfo) -> None:
    remote = leaf.remote
    assert remote is not None
    leaf.permissions = as_solicited(
        info.imports,
        info.exports,
        remote.options.deny_imports,
        remote.options.deny_exports,
        leaf.context.denied(leaf.account, leaf.info.domain if leaf.info is not None else ""),
    )


def _finish(leaf: LeafProtocol) -> None:
    """It is linked."""
    remote, context = leaf.remote, leaf.context
    assert remote is not None
    if leaf.linked or leaf.closed_state is not None:
        return
    context.client.deadlines.cancel(leaf.deadline)
    leaf.deadline = None
    if leaf.remote_cluster and any(
        other.remote is None
        and other.account == leaf.account
        and not other.spoke
        and other.remote_cluster == leaf.remote_cluster
        for other in context.linked.values()
    ):
        # a leaf node of that cluster is here already
        hearing.close_loop(leaf, tell=True)
        return
    fault = leaf.join()
    if fault is not None:
        leaf.fault(fault)
        return
    leaf.apply_peer()
    remote.linked()
    context.interest.join(leaf, leaf.account)
    leaf.announce()
    keepalive.plan_first_ping(leaf)


def _too_late(leaf: LeafProtocol) -> None:
    leaf.deadline = None
    leaf.debug("INFO did not come in time")
    leaf.close(ClosedState.READ_ERROR)


def _tls_too_late(leaf: LeafProtocol) -> None:
    leaf.deadline = None
    leaf.log("TLS leafnode handshake timeout", LogLevel.error)
    leaf.close(ClosedState.TLS_HANDSHAKE_ERROR)


def _no_answer(leaf: LeafProtocol) -> None:
    leaf.deadline = None
    leaf.fault(StaleConnection("Stale Leaf Node Connection - Closing"))
