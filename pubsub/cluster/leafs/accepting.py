"""The end that was connected to: INFO, CONNECT, and being linked.

The order of steps is nats-server's (createLeafNode, processConnect, processLeafNodeConnect):

1. INFO, with a nonce; CONNECT is read, and the authenticators decide;
2. a client, a cluster of our own name, a gateway and too old a server are refused;
3. its account takes it in, and a link of the same server that it replaces is closed;
4. INFO again, with what its user may do, and all interest there is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from twisted.logger import LogLevel

from pubsub.cluster.leafs import keepalive
from pubsub.cluster.leafs.auth import ask
from pubsub.cluster.leafs.context import PROTOCOL
from pubsub.cluster.leafs.hearing import MIN_VERSION, SAME_CLUSTER
from pubsub.cluster.leafs.messages import LeafConnect, permission_fields
from pubsub.cluster.leafs.permissions import as_accepted
from pubsub.errors import (
    AuthenticationTimeout,
    AuthorizationViolation,
    ClientFault,
    ClosedState,
    MalformedArguments,
    UserAuthenticationExpired,
)
from pubsub.wire.connect import ConnectError
from pubsub.wire.info import go_json

if TYPE_CHECKING:
    from pubsub.cluster.leafs.protocol import LeafProtocol
    from pubsub.interfaces import Identity

__all__ = ["async_info", "connect_received", "first_info", "info_fields", "timed_out"]

_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")


def info_fields(leaf: LeafProtocol) -> dict[str, Any]:
    """What every INFO on this link says; what is empty is left out."""
    context = leaf.context
    client = context.client
    info = client.info.info
    tls = context.options.tls
    urls = context.urls()
    host, port = context.address
    jetstream = context.jetstream()
    fields = {
        "server_id": context.server_id,
        "server_name": context.server_name(),
        "version": info.version,
        "proto": PROTOCOL,
        "git_commit": info.git_commit,
        "go": info.go,
        "host": host,
        "port": port,
        "headers": not client.options.no_header_support,
        "auth_required": True,
        "tls_required": tls is not None,
        "tls_verify": tls is not None and tls.verify,
        "jetstream": jetstream.enabled,
        "max_payload": client.options.max_payload,
        "ip": urls[0] if urls else "",
        "client_id": leaf.cid,
        "cluster": context.cluster_name(),
        "domain": jetstream.domain,
        "leafnode_urls": urls,
        "info_on_connect": True,
    }
    return {name: value for name, value in fields.items() if value}


def first_info(leaf: LeafProtocol) -> bytes:
    """The first INFO."""
    return b"INFO %b\r\n" % go_json(
        {**info_fields(leaf), "nonce": leaf.nonce, "compression": "off"}
    )


def async_info(leaf: LeafProtocol) -> bytes:
    """INFO in between: where leaf nodes may connect to has changed."""
    return b"INFO %b\r\n" % go_json(info_fields(leaf))


def timed_out(leaf: LeafProtocol) -> None:
    """CONNECT did not come."""
    leaf.deadline = None
    leaf.fault(AuthenticationTimeout())


def connect_received(leaf: LeafProtocol, argument: bytes) -> None:
    """CONNECT: step 1."""
    context, link = leaf.context, leaf.link
    assert link is not None
    context.client.deadlines.cancel(leaf.deadline)
    leaf.deadline = None
    leaf.connect_seen = True
    link.awaiting_connect = False
    try:
        leaf.connect = leaf.connect.updated(argument)
        leaf.leaf_connect = LeafConnect.parse(argument)
    except ConnectError as error:
        leaf.fault(MalformedArguments(str(error)))
        return
    except MalformedArguments as fault:
        leaf.fault(fault)
        return
    leaf.rtt = 0.0

    def decided(identity: Identity | None, fault: ClientFault | None) -> None:
        leaf.authenticating = None
        if leaf.closed_state is None:
            _decided(leaf, identity, fault)
        if leaf.paused and leaf.closed_state is None:
            leaf.paused = False
            link.resume_input()
            leaf.transport.resumeProducing()
            context.client.router.flush()

    outcome = ask(leaf, decided)
    if outcome is not None and not outcome.called and leaf.closed_state is None:
        leaf.authenticating = outcome
        leaf.paused = True
        link.pause_input()
        leaf.transport.pauseProducing()


def _decided(leaf: LeafProtocol, identity: Identity | None, fault: ClientFault | None) -> None:
    if identity is None or fault is not None:
        leaf.fault(fault or AuthorizationViolation())
        return
    if leaf.context.client.accounts.find(identity.account) is None:
        leaf.debug(f"account {identity.account!r} of the leaf node is missing")
        leaf.fault(AuthorizationViolation())
        return
    leaf.identity, leaf.account = identity, identity.account
    if _is_refused(leaf):
        return
    _link(leaf, identity)


def _is_refused(leaf: LeafProtocol) -> bool:
    """Step 2."""
    said, cluster = leaf.leaf_connect, leaf.context.cluster_name()
    if said.lang:
        leaf.refuse("attempted to connect to leaf node port", ClosedState.WRONG_PORT)
    elif " " in said.cluster:
        leaf.refuse("cluster name cannot contain spaces")
    elif cluster and said.cluster == cluster:
        leaf.refuse(SAME_CLUSTER, ClosedState.CLUSTER_NAMES_IDENTICAL)
    elif said.gateway:
        leaf.refuse(
            f'Rejecting connection from gateway "{said.gateway}" on the leafnode port',
            ClosedState.WRONG_GATEWAY,
        )
    elif _is_too_old(said.version, leaf.context.options.min_version):
        # so that younger servers can tell this from other ways to be refused
        _send_second_info(leaf)
        minimum = leaf.context.options.min_version
        leaf.refuse(f'{MIN_VERSION} "{minimum}"', ClosedState.MINIMUM_VERSION_REQUIRED)
    return leaf.closed_state is not None


def _is_too_old(version: str, minimum: str) -> bool:
    if not minimum:
        return False
    needed, found = _VERSION.match(minimum), _VERSION.match(version)
    if needed is None:
        return False
    return found is None or tuple(map(int, found.groups())) < tuple(map(int, needed.groups()))


def _link(leaf: LeafProtocol, identity: Identity) -> None:
    """Steps 3 and 4."""
    context, said, link = leaf.context, leaf.leaf_connect, leaf.link
    assert link is not None
    client = context.client
    leaf.headers = said.headers and not client.options.no_header_support
    leaf.compression = said.compress_mode or "not supported"
    leaf.remote_server, leaf.remote_account = said.name, said.remote_account
    leaf.remote_cluster = said.cluster.encode("utf-8", "surrogateescape")
    leaf.isolated = leaf.isolated or said.isolate
    leaf.spoke = said.is_hub
    user = identity.permissions
    if user is None:
        account = client.accounts.find(leaf.account)
        user = account.default_permissions if account is not None else None
    leaf.permissions = as_accepted(user, said.deny_pub, context.denied(leaf.account, said.domain))
    _replace_old(leaf)
    fault = leaf.join()
    if fault is not None:
        leaf.fault(fault)
        return
    if link.account != leaf.account:
        link.account = leaf.account
    leaf.apply_peer()
    if identity.expires:
        delay = max(0.0, identity.expires - client.wall())
        leaf.deadline = client.deadlines.add(delay, _expired, leaf)
    keepalive.plan_first_ping(leaf)
    _send_second_info(leaf)
    context.interest.join(leaf, leaf.account)
    leaf.announce()


def _replace_old(leaf: LeafProtocol) -> None:
    """A server that comes again is not held up by a link that only we think is alive."""
    said = leaf.leaf_connect
    if not said.name or not said.remote_account:
        return
    for old in list(leaf.context.linked.values()):
        if (
            old.remote is None
            and (old.remote_server, old.leaf_connect.cluster) == (said.name, said.cluster)
            and (old.account, old.remote_account) == (leaf.account, said.remote_account)
        ):
            old.refuse(
                "Duplicate Remote LeafNode Connection",
                ClosedState.DUPLICATE_REMOTE_LEAFNODE_CONNECTION,
            )
            leaf.log("Replacing connection from same server", LogLevel.warn)
            return


def _send_second_info(leaf: LeafProtocol) -> None:
    client = leaf.context.client
    fields = {
        **info_fields(leaf),
        "connect_info": True,
        "remote_account": leaf.account,
        **permission_fields(leaf.permissions.user),
    }
    if leaf.account == client.system_account:
        fields["acc_is_sys"] = True
    leaf.send(b"INFO %b\r\n" % go_json(fields))


def _expired(leaf: LeafProtocol) -> None:
    leaf.deadline = None
    leaf.fault(UserAuthenticationExpired())
