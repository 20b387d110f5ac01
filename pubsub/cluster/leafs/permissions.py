"""What may cross a leaf node link, in either direction.

Both ends enforce it. The end that was connected to has the permissions of a user: what the user
may publish comes in, what the user may subscribe to goes out. It tells the other end in the INFO
after CONNECT, which adds its own ``deny_imports`` and ``deny_exports`` (nats-server:
setPermissions, processLeafnodeInfo, mergeDenyPermissions, leafMsgAllowed, canSubscribe).

Which subjects of JetStream do not cross is said in :mod:`pubsub.cluster.leafs.domains`. Replies
that crossed gateways carry ``_GR_.<cluster>.<server>.`` or ``$GR.<cluster>.`` before their own
subject, which is what permissions are about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache

from pubsub.auth.permissions import predicates
from pubsub.cluster.leafs.domains import NOTHING_DENIED, Denied
from pubsub.router.subjects import has_wildcard, is_subset, overlaps
from pubsub.values.identity import Permissions, ResponsePermission

__all__ = ["LOOP_PREFIX", "Crossing", "LeafPermissions", "as_accepted", "as_solicited"]

#: what leaf nodes detect loops with
LOOP_PREFIX = b"$LDS."
#: told and sent whatever the permissions say: answers of services, acknowledgements
_ALWAYS_COME = (b"_R_.", b"$JS.ACK.")
_GATEWAY_REPLY, _OLD_GATEWAY_REPLY = b"_GR_.", b"$GR."
_ALWAYS_TOLD = (LOOP_PREFIX, _GATEWAY_REPLY, _OLD_GATEWAY_REPLY)


@dataclass(frozen=True)
class Crossing:
    """One direction: ``None`` in allow means all."""

    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()
    #: ``"subject queue"``: what members of that group do not get
    deny_queues: tuple[str, ...] = ()

    def denying(self, subjects: Iterable[str]) -> Crossing:
        """The same, without these."""
        return replace(self, deny=(*self.deny, *subjects))


@dataclass(frozen=True)
class LeafPermissions:
    """What one link may do.

    :ivar comes: messages from the other end.
    :ivar interest: what we may want to hear from there, and tell it so.
    :ivar goes: messages to the other end, and what it may want to hear.
    """

    comes: Crossing = Crossing()
    interest: Crossing = Crossing()
    goes: Crossing = Crossing()
    responses: ResponsePermission | None = None
    #: for INFO: what the user may do
    user: Permissions | None = field(default=None, compare=False)

    @property
    def receive(self) -> Callable[[bytes], bool] | None:
        """The router's question about messages from there."""
        return _receive(self.comes)

    @property
    def deliver(self) -> Callable[[bytes, bytes], bool] | None:
        """The router's question about messages to there."""
        return _deliver(self.goes)

    def may_announce(self, subject: bytes) -> bool:
        """Whether the other end may be told that somebody here wants to hear ``subject``.

        Interest may be broader than what is allowed: messages are looked at again.
        """
        if subject.startswith(_ALWAYS_TOLD):
            return True
        allow, deny = _encoded(self.interest)
        return _covered(allow, subject) and not any(is_subset(subject, each) for each in deny)

    def may_want(self, subject: bytes) -> bool:
        """Whether the other end may want to hear ``subject``: a pattern always may."""
        if subject.startswith(_ALWAYS_TOLD) or has_wildcard(subject):
            return True
        deliver = self.deliver
        return deliver is None or deliver(subject, b"")


def as_accepted(
    user: Permissions | None, deny_pub: Iterable[str], jetstream: Denied = NOTHING_DENIED
) -> LeafPermissions:
    """Of the end that was connected to.

    :param user: what the leaf node's user may do; the lists are the user's.
    :param deny_pub: what the leaf node does not want to be sent.
    :param jetstream: what of JetStream does not cross.
    """
    mine = user if user is not None else Permissions()
    comes = Crossing(mine.publish_allow, mine.publish_deny)
    goes = Crossing(
        None if mine.subscribe_allow is None else _plain(mine.subscribe_allow),
        _plain(mine.subscribe_deny),
        tuple(entry for entry in mine.subscribe_deny if " " in entry),
    )
    return LeafPermissions(
        comes,
        comes.denying(jetstream.both),
        goes.denying((*deny_pub, *jetstream.both, *jetstream.outgoing)),
        mine.responses,
        user,
    )


def as_solicited(
    imports: tuple[tuple[str, ...] | None, tuple[str, ...]] | None,
    exports: tuple[tuple[str, ...] | None, tuple[str, ...]] | None,
    deny_imports: Iterable[str],
    deny_exports: Iterable[str],
    jetstream: Denied = NOTHING_DENIED,
) -> LeafPermissions:
    """Of the end that has connected.

    :param imports: what the other end lets it hear; allow and deny, ``None`` if it did not say.
    :param exports: what the other end lets it send.
    :param jetstream: what of JetStream does not cross.
    """
    allow, deny = imports or (None, ())
    comes = Crossing(None if allow is None else _plain(allow), _plain(deny))
    comes = comes.denying((*deny_imports, *jetstream.both))
    goes = Crossing(*(exports or (None, ())))
    goes = goes.denying((*deny_exports, *jetstream.both, *jetstream.outgoing))
    return LeafPermissions(comes, comes, goes)


def _plain(entries: Iterable[str]) -> tuple[str, ...]:
    """Entries without a queue group: one with a group says nothing about messages."""
    return tuple(entry for entry in entries if " " not in entry)


def _covered(allow: Iterable[bytes] | None, subject: bytes) -> bool:
    if allow is None:
        return True
    if any(is_subset(subject, each) for each in allow):
        return True
    return has_wildcard(subject) and any(overlaps(subject, each) for each in allow)


@lru_cache(maxsize=1024)
def _encoded(crossing: Crossing) -> tuple[tuple[bytes, ...] | None, tuple[bytes, ...]]:
    def encode(entries: Iterable[str]) -> tuple[bytes, ...]:
        return tuple(entry.encode("utf-8", "surrogateescape") for entry in entries)

    return None if crossing.allow is None else encode(crossing.allow), encode(crossing.deny)


# Routers cache answers by the predicate, so links of equal permissions share theirs.


@lru_cache(maxsize=1024)
def _receive(crossing: Crossing) -> Callable[[bytes], bool] | None:
    allowed = predicates(
        Permissions(publish_allow=crossing.allow, publish_deny=crossing.deny)
    ).publish
    if allowed is None:
        return None

    def may_come(subject: bytes) -> bool:
        subject = _without_gateway(subject)
        return subject.startswith(_ALWAYS_COME) or allowed(subject)

    return may_come


@lru_cache(maxsize=1024)
def _deliver(crossing: Crossing) -> Callable[[bytes, bytes], bool] | None:
    allowed = predicates(
        Permissions(publish_allow=crossing.allow, publish_deny=crossing.deny)
    ).publish
    in_queue = predicates(Permissions(subscribe_deny=crossing.deny_queues)).deliver
    if allowed is None and in_queue is None:
        return None

    def may_go(subject: bytes, queue: bytes) -> bool:
        subject = _without_gateway(subject)
        return (allowed is None or allowed(subject)) and (
            in_queue is None or not queue or in_queue(subject, queue)
        )

    return may_go


def _without_gateway(subject: bytes) -> bytes:
    """The subject behind the prefix of replies that cross gateways, if there is one."""
    if subject.startswith(_GATEWAY_REPLY):
        tokens = subject.split(b".", 3)
        return tokens[3] if len(tokens) == 4 else subject
    if subject.startswith(_OLD_GATEWAY_REPLY):
        tokens = subject.split(b".", 2)
        return tokens[2] if len(tokens) == 3 else subject
    return subject
