"""What may cross a leaf node link, in either direction.

Both ends enforce it. The end that was connected to has the permissions of a user: what the user
may publish comes in, what the user may subscribe to goes out. It tells the other end in the INFO
after CONNECT, which adds its own ``deny_imports`` and ``deny_exports`` (nats-server:
setPermissions, processLeafnodeInfo, mergeDenyPermissions, leafMsgAllowed, canSubscribe).

The subjects of JetStream do not cross a link between servers that are not of the same domain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from pubsub.auth.permissions import predicates
from pubsub.router.subjects import has_wildcard, is_subset, overlaps
from pubsub.values.identity import Permissions, ResponsePermission

__all__ = ["LOOP_PREFIX", "Crossing", "LeafPermissions", "as_accepted", "as_solicited"]

#: what leaf nodes detect loops with
LOOP_PREFIX = b"$LDS."
#: nats-server's denyAllClientJs, and denyAllJs in the system account
_JETSTREAM = ("$JS.API.>", "$KV.>", "$OBJ.>")
_JETSTREAM_SYSTEM = ("$JSC.>", "$NRG.>", *_JETSTREAM)
#: told and sent whatever the permissions say: answers of services, acknowledgements
_ALWAYS_COME = (b"_R_.", b"$JS.ACK.")
_ALWAYS_TOLD = (LOOP_PREFIX, b"$GR.", b"_GR_.")


@dataclass(frozen=True)
class Crossing:
    """One direction: ``None`` in allow means all."""

    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()

    def denying(self, subjects: Iterable[str]) -> Crossing:
        """The same, without these."""
        return Crossing(self.allow, (*self.deny, *subjects))


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
    user: Permissions | None, deny_pub: Iterable[str], *, system: bool = False
) -> LeafPermissions:
    """Of the end that was connected to.

    :param user: what the leaf node's user may do; the lists are the user's.
    :param deny_pub: what the leaf node does not want to be sent.
    """
    mine = user if user is not None else Permissions()
    jetstream = _JETSTREAM_SYSTEM if system else _JETSTREAM
    comes = Crossing(mine.publish_allow, mine.publish_deny)
    goes = Crossing(
        None if mine.subscribe_allow is None else _plain(mine.subscribe_allow),
        _plain(mine.subscribe_deny),
    )
    return LeafPermissions(
        comes,
        comes.denying(jetstream),
        goes.denying((*deny_pub, *jetstream)),
        mine.responses,
        user,
    )


def as_solicited(
    imports: tuple[tuple[str, ...] | None, tuple[str, ...]] | None,
    exports: tuple[tuple[str, ...] | None, tuple[str, ...]] | None,
    deny_imports: Iterable[str],
    deny_exports: Iterable[str],
    *,
    system: bool = False,
) -> LeafPermissions:
    """Of the end that has connected.

    :param imports: what the other end lets it hear; allow and deny, ``None`` if it did not say.
    :param exports: what the other end lets it send.
    """
    jetstream = _JETSTREAM_SYSTEM if system else _JETSTREAM
    allow, deny = imports or (None, ())
    comes = Crossing(None if allow is None else _plain(allow), _plain(deny))
    comes = comes.denying((*deny_imports, *jetstream))
    goes = Crossing(*(exports or (None, ()))).denying((*deny_exports, *jetstream))
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
        return subject.startswith(_ALWAYS_COME) or allowed(subject)

    return may_come


@lru_cache(maxsize=1024)
def _deliver(crossing: Crossing) -> Callable[[bytes, bytes], bool] | None:
    allowed = predicates(
        Permissions(publish_allow=crossing.allow, publish_deny=crossing.deny)
    ).publish
    if allowed is None:
        return None

    def may_go(subject: bytes, queue: bytes) -> bool:
        return allowed(subject)

    return may_go
