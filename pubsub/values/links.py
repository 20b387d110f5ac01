"""What the router and its links say about themselves, and what they are told."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "GatewayNames",
    "LinkCounters",
    "LinkOptions",
    "PeerKind",
    "RouterSettings",
    "ServerPeer",
    "SubscriptionInfo",
    "TrafficCounters",
]


class PeerKind(enum.IntEnum):
    """What is at the other end of a link."""

    CLIENT = 0
    ROUTE = 1
    GATEWAY = 2
    LEAF = 3
    #: a Python callable inside this process: each message goes to
    #: :meth:`ILinkHandler.message_received`
    INTERNAL = 4
    #: a stream: messages are collected and go to
    #: :meth:`ILinkHandler.batch_received` once a turn
    SINK = 5


@dataclass(frozen=True)
class RouterSettings:
    """The options a router obeys; assign a new one to ``IRouter.settings`` to reload."""

    max_control_line: int = 4096
    #: queued bytes at which a client is a slow consumer
    max_pending: int = 64 * 1024 * 1024
    #: tokens a client's subscription may have, 0 for any number
    max_sub_tokens: int = 0
    #: drop for a consumer above 75 % of max_pending, rather than hold its producers
    no_fast_producer_stall: bool = False
    #: False recomputes every match: nats-server's ``disable_sublist_cache``
    cache: bool = True
    #: the random choice among queue group members starts here; tests fix it
    seed: int = 0

    def most_pending(self, kind: PeerKind) -> int:
        """Queued bytes at which a link of that kind is a slow consumer.

        Routes and gateways carry the traffic of many clients, and closing them loses all that
        waits: they may have four times as much (nats-server has no bound at all for them).
        """
        return self.max_pending * (4 if kind in (PeerKind.ROUTE, PeerKind.GATEWAY) else 1)


@dataclass(frozen=True)
class LinkOptions:
    """What CONNECT and the identity decide about one peer.

    The defaults are those of a client that has not sent CONNECT
    (nats-server: verbose and pedantic are true when absent).
    """

    verbose: bool = True
    pedantic: bool = True
    echo: bool = True
    headers: bool = False
    no_responders: bool = False
    #: largest payload accepted from it, headers included; -1 for any
    max_payload: int = 1024 * 1024
    #: subscriptions it may hold; 0 or less for any number
    max_subscriptions: int = 0


@dataclass(frozen=True)
class ServerPeer:
    """What is known of the server at the other end of a ROUTE, GATEWAY or LEAF link.

    The defaults are those of a link whose CONNECT and INFO have not been read.
    """

    #: the link is for this account only, which its lines do not name (leafs, pinned routes)
    account: str = ""
    headers: bool = True
    #: leaf: the cluster of the other server; messages and interest do not go back there
    origin: str = ""
    #: leaf: the other end is our hub, this server is the spoke
    spoke: bool = False
    #: leaf: does not want to hear of other leafs' interest
    isolated: bool = False
    #: route: understands where messages and interest of leafs come from (LS+, LMSG)
    leaf_origins: bool = True
    #: route: the hash of the other server's id, as mapped replies carry it;
    #: outbound gateway: that of the other cluster's name (6 characters, ``b""`` unknown)
    hash: bytes = b""
    #: outbound gateway: the hash of the other cluster in ``$GR.`` replies (4 characters)
    old_hash: bytes = b""
    #: outbound gateway: it only understands ``$GR.`` replies (before nats-server 2.2)
    old_replies: bool = False
    #: outbound gateway: asked (account, subject) whether it wants what it has not said it wants;
    #: the answers are remembered until ``peer`` is assigned again. None: it does not
    presumed: Callable[[str, bytes], bool] | None = None
    #: inbound gateway: it sends without being asked, and has to be told what nobody wants
    optimistic: bool = False


class GatewayNames(NamedTuple):
    """This server in the replies that cross gateways: ``_GR_.<cluster>.<server>.<reply>``."""

    #: hash of the cluster's name, 6 characters
    cluster: bytes
    #: hash of the server's id, 6 characters
    server: bytes
    #: hash of the cluster's name in ``$GR.<hash>.<reply>``, 4 characters
    old_cluster: bytes


class SubscriptionInfo(NamedTuple):
    """One subscription, as /connz and /subsz list it."""

    account: str
    cid: int
    sid: bytes
    subject: bytes
    queue: bytes
    delivered: int
    #: removed after that many deliveries, 0 for never
    max: int


class TrafficCounters(NamedTuple):
    """Messages and payload bytes (headers included, CRLF not)."""

    in_msgs: int
    in_bytes: int
    out_msgs: int
    out_bytes: int


class LinkCounters(NamedTuple):
    """What one link has done so far."""

    in_msgs: int
    in_bytes: int
    out_msgs: int
    out_bytes: int
    #: bytes queued and not yet handed to the kernel or the transport
    pending_bytes: int
    subscriptions: int
    #: how often its producers were held back for it
    stalls: int
