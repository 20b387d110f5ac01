"""What the other end of a leaf node link wants to hear, and what it complains of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import LogLevel

from pubsub.cluster.leafs.permissions import LOOP_PREFIX
from pubsub.errors import (
    AuthorizationViolation,
    ClosedState,
    LinkRefused,
    MalformedArguments,
    go_quote,
)

if TYPE_CHECKING:
    from pubsub.cluster.leafs.protocol import LeafProtocol
    from pubsub.errors import PublishPermissionViolation

__all__ = ["close_loop", "error_received", "interest_received", "message_refused"]

#: nats-server's leafNodeReconnectDelayAfterLoopDetected, leafNodeReconnectAfterPermViolation,
#: leafNodeReconnectDelayAfterClusterNameSame and leafNodeMinVersionReconnectDelay, in seconds
LOOP_DELAY = 30.0
PERMISSION_DELAY = 30.0
SAME_CLUSTER_DELAY = 30.0
MIN_VERSION_DELAY = 5.0

SAME_CLUSTER = "remote leafnode has same cluster name"
MIN_VERSION = "connection rejected since minimum version required is"


def interest_received(leaf: LeafProtocol, verb: bytes, argument: bytes) -> None:
    """``LS+ subject [queue weight]`` or ``LS- subject [queue]``."""
    if not leaf.account:
        leaf.fault(AuthorizationViolation())
        return
    words = argument.split()
    if verb == b"LS+":
        if len(words) not in (1, 3):
            leaf.fault(MalformedArguments(f"processLeafSub Parse Error: {go_quote(argument)}"))
            return
        queue, weight = (words[1], _weight(words[2])) if len(words) == 3 else (b"", 1)
        _hear(leaf, words[0], queue, weight)
    elif verb == b"LS-" and 1 <= len(words) <= 2 and leaf.link is not None:
        queue = words[1] if len(words) == 2 else b""
        leaf.link.unhear(leaf.account, words[0], queue, leaf.remote_cluster)


def _weight(digits: bytes) -> int:
    """Members of a queue group; what is no number is one."""
    return max(1, int(digits)) if digits.isdigit() and len(digits) < 10 else 1


def _hear(leaf: LeafProtocol, subject: bytes, queue: bytes, weight: int) -> None:
    link = leaf.link
    assert link is not None
    if subject.startswith(LOOP_PREFIX) and subject == leaf.context.interest.loop_subject(
        leaf.account
    ):
        close_loop(leaf, tell=True)
        return
    if not leaf.permissions.may_want(subject):
        if not leaf.spoke:
            _violation(leaf, "Subscription", "Subscription", subject)
        return
    if not link.hear(leaf.account, subject, queue, weight, leaf.remote_cluster):
        leaf.send(b"-ERR 'Invalid Subscription'\r\n")


def message_refused(leaf: LeafProtocol, fault: PublishPermissionViolation) -> None:
    """A message that must not come: a hub closes; a spoke, whose hub told it what may, drops it."""
    if not leaf.spoke:
        _violation(leaf, "Publish", "Publish", fault.subject)


def _violation(leaf: LeafProtocol, what: str, action: str, subject: bytes) -> None:
    if leaf.remote is not None:
        leaf.remote.delay = PERMISSION_DELAY
    quoted = go_quote(subject)
    leaf.log(f"{action} Violation on {quoted} - Check other side configuration", LogLevel.error)
    leaf.fault(LinkRefused(f"Permissions Violation for {what} to {quoted}"))


def close_loop(leaf: LeafProtocol, *, tell: bool) -> None:
    """Links make a circle: this one ends, and whoever made it waits before the next."""
    if leaf.remote is not None:
        leaf.remote.delay = LOOP_DELAY
    account = go_quote(leaf.account.encode("utf-8", "surrogateescape"))
    text = (
        f"Loop detected for leafnode account={account}. Delaying attempt to reconnect for"
        f" {LOOP_DELAY:g}s"
    )
    if tell:
        leaf.refuse(text)
    else:
        leaf.log(text, LogLevel.error)
        leaf.close(ClosedState.PROTOCOL_VIOLATION)


def error_received(leaf: LeafProtocol, argument: bytes) -> None:
    """-ERR: it does not close, but may say how long to wait."""
    text = argument.decode("utf-8", "backslashreplace")
    leaf.log(f"Leafnode Error {text}", LogLevel.error)
    leaf.refused = True
    remote = leaf.remote
    if SAME_CLUSTER in text:
        if remote is not None:
            remote.delay = SAME_CLUSTER_DELAY
        leaf.log(
            "Leafnode connection dropped with same cluster name error. Delaying attempt to"
            f" reconnect for {SAME_CLUSTER_DELAY:g}s",
            LogLevel.error,
        )
    elif MIN_VERSION in text:
        if remote is not None:
            remote.delay = MIN_VERSION_DELAY
        leaf.log(
            "Leafnode connection dropped due to minimum version requirement. Delaying attempt to"
            f" reconnect for {MIN_VERSION_DELAY:g}s",
            LogLevel.error,
        )
    elif "Loop detected" in text:
        close_loop(leaf, tell=False)
