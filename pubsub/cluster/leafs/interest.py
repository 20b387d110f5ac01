"""What leaf nodes and hubs are told that this server wants to hear.

Theory of operation. The router tells of every subscription that comes and goes; here they are
counted by account: those of this server, and those of each other server. Each link has a map of
what its other end was told (nats-server's *smap*), in which the members of a queue group and the
subscriptions on one subject are counted together; ``LS+`` and ``LS-`` follow the counts.

What goes into the map of a link (initLeafNodeSmapAndSendSubs, updateLeafNodesEx, updateSmap):

=============================  ====================  ==========================================
interest of                    the other end is our  the other end is our hub
                               leaf
=============================  ====================  ==========================================
clients, the server itself     yes                   yes
our leafs                      unless isolated       yes
our hubs                       unless isolated       no
routes, gateways               yes                   no
the other end itself           no                    no
servers of its cluster         no                    no
=============================  ====================  ==========================================

and, for each, the subjects of imported services and of mappings of the account, those of replies
that gateways have mapped if there are any, and one subject of the account's own, ``$LDS.…``: it
comes back only if links make a circle. Such subjects are told to whoever would be told nothing
else.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from zope.interface import implementer

from pubsub.cluster.leafs.permissions import LOOP_PREFIX
from pubsub.interfaces import ILink, ISubscriptionListener, PeerKind

if TYPE_CHECKING:
    from pubsub.cluster.leafs.permissions import LeafPermissions

__all__ = ["IListeningLeaf", "LeafInterest"]

#: subject and queue group
Key = tuple[bytes, bytes]

_LOCAL = (PeerKind.CLIENT, PeerKind.INTERNAL, PeerKind.SINK)
_UNIQUE = 22


class IListeningLeaf(Protocol):
    """A link to a leaf node or hub, as it is told of interest."""

    link: ILink | None
    permissions: LeafPermissions
    #: the other end is our hub
    spoke: bool
    isolated: bool
    #: the other end's cluster
    remote_cluster: bytes

    def tell(self, line: bytes) -> None:
        """Write these lines; the end of the turn flushes them."""


class _Account:
    """The interest of one account."""

    __slots__ = ("fixed", "local", "loop", "maps", "remote")

    def __init__(self) -> None:
        #: the subject that must not come back
        self.loop = LOOP_PREFIX + "".join(
            random.SystemRandom().choices(string.ascii_uppercase + string.digits, k=_UNIQUE)
        ).encode("ascii")
        self.local: dict[Key, int] = {}
        self.remote: dict[ILink, dict[tuple[bytes, bytes, bytes], int]] = {}
        #: imported services and mappings
        self.fixed: tuple[bytes, ...] = ()
        self.maps: dict[IListeningLeaf, dict[Key, int]] = {}


@implementer(ISubscriptionListener)
class LeafInterest:
    """The interest of all accounts, and what was told of it to whom.

    :param fixed: the subjects of imported services and mappings of an account.
    :param always: what everybody is told, whatever may cross.
    """

    def __init__(
        self, fixed: Callable[[str], Iterable[bytes]], always: Iterable[bytes] = ()
    ) -> None:
        self._fixed = fixed
        self._always = tuple(always)
        self._accounts: dict[str, _Account] = {}

    def loop_subject(self, account: str) -> bytes:
        """What must not come back."""
        return self._account(account).loop

    def leafs(self, account: str) -> list[IListeningLeaf]:
        """Those that are told of the interest of ``account``."""
        return list(self._account(account).maps)

    def told(self, leaf: IListeningLeaf, account: str) -> dict[Key, int]:
        """What its other end was told, with counts."""
        return dict(self._account(account).maps.get(leaf, {}))

    # leafs

    def join(self, leaf: IListeningLeaf, account: str) -> None:
        """Tell it all there is, and from now on what changes."""
        there = self._account(account)
        there.fixed = tuple(self._fixed(account))
        counts: dict[Key, int] = {}
        for key, count in there.local.items():
            if leaf.permissions.may_announce(key[0]):
                counts[key] = counts.get(key, 0) + count
        for link, interest in there.remote.items():
            for (subject, queue, origin), weight in interest.items():
                if _concerns(leaf, link, subject, origin) and leaf.permissions.may_announce(
                    subject
                ):
                    counts[subject, queue] = counts.get((subject, queue), 0) + weight
        for subject in there.fixed:
            if not leaf.spoke or leaf.permissions.may_announce(subject):
                counts[subject, b""] = counts.get((subject, b""), 0) + 1
        for subject in (*self._always, there.loop):
            counts[subject, b""] = counts.get((subject, b""), 0) + 1
        there.maps[leaf] = counts
        leaf.tell(b"".join(_line(*key, count) for key, count in counts.items()))

    def leave(self, leaf: IListeningLeaf, account: str) -> None:
        """It is gone. What it wanted to hear the router takes back."""
        self._account(account).maps.pop(leaf, None)

    def permissions_changed(self, leaf: IListeningLeaf, account: str) -> None:
        """It may be told of more or of less than before."""
        there = self._account(account)
        before = there.maps.pop(leaf, None)
        if before is None:
            return
        silent = _Silent(leaf)
        self.join(silent, account)
        after = there.maps.pop(silent)
        there.maps[leaf] = after
        lines = [_line(*key, 0) for key in before if key not in after]
        lines += [_line(*key, count) for key, count in after.items() if before.get(key) != count]
        if lines:
            leaf.tell(b"".join(lines))

    def account_changed(self, account: str) -> None:
        """Its imports or mappings may be others now."""
        there = self._accounts.get(account)
        if there is None or not there.maps:
            return
        before, there.fixed = there.fixed, tuple(self._fixed(account))
        for subjects, change in ((there.fixed, 1), (before, -1)):
            other = before if change > 0 else there.fixed
            for subject in subjects:
                if subject in other:
                    continue
                for leaf, counts in there.maps.items():
                    if change < 0 or leaf.permissions.may_announce(subject):
                        _count(leaf, counts, (subject, b""), change)

    # the router (ISubscriptionListener)

    def subscription_changed(
        self,
        link: ILink | None,
        account: str,
        subject: bytes,
        queue: bytes,
        change: int,
        origin: bytes,
    ) -> None:
        """Somebody wants to hear more, or less."""
        there = self._accounts.get(account)
        if there is None:
            there = self._account(account)
        key = (subject, queue)
        if link is None or link.kind in _LOCAL:
            _add(there.local, key, change)
        else:
            interest = there.remote.setdefault(link, {})
            _add(interest, (subject, queue, origin), change)
            if not interest:
                del there.remote[link]
        for leaf, counts in list(there.maps.items()):
            if (link is None or link.kind in _LOCAL or _concerns(leaf, link, subject, origin)) and (
                change < 0 or leaf.permissions.may_announce(subject)
            ):
                _count(leaf, counts, key, change)

    def _account(self, name: str) -> _Account:
        there = self._accounts.get(name)
        if there is None:
            there = self._accounts[name] = _Account()
        return there


class _Silent:
    """A leaf that is not told yet."""

    def __init__(self, leaf: IListeningLeaf) -> None:
        self.link = leaf.link
        self.permissions = leaf.permissions
        self.spoke = leaf.spoke
        self.isolated = leaf.isolated
        self.remote_cluster = leaf.remote_cluster

    def tell(self, line: bytes) -> None:
        """It is counted, not told."""


def _concerns(leaf: IListeningLeaf, link: ILink, subject: bytes, origin: bytes) -> bool:
    """Whether the interest of another server is told to ``leaf``, permissions aside."""
    if link is leaf.link:
        return False
    is_leaf = link.kind == PeerKind.LEAF
    if is_leaf and leaf.isolated:
        return False
    if subject.startswith(LOOP_PREFIX):
        return origin != leaf.remote_cluster or not origin
    if origin and origin == leaf.remote_cluster:
        return False
    return not leaf.spoke or (is_leaf and not link.peer.spoke)


def _add(
    counts: dict[Key, int] | dict[tuple[bytes, bytes, bytes], int], key: object, n: int
) -> None:
    total = counts.get(key, 0) + n  # type: ignore[call-overload]
    if total > 0:
        counts[key] = total  # type: ignore[index]
    else:
        counts.pop(key, None)  # type: ignore[call-overload]


def _count(leaf: IListeningLeaf, counts: dict[Key, int], key: Key, change: int) -> None:
    """Change a count, and tell if that is news: of a queue group each change is."""
    before = counts.get(key, 0)
    if change < 0 and not before:
        return
    after = max(0, before + change)
    if after:
        counts[key] = after
    else:
        counts.pop(key, None)
    if key[1] or not before or not after:
        leaf.tell(_line(*key, after))


def _line(subject: bytes, queue: bytes, count: int) -> bytes:
    if count <= 0:
        return b"LS- %b %b\r\n" % (subject, queue) if queue else b"LS- %b\r\n" % subject
    return b"LS+ %b %b %d\r\n" % (subject, queue, count) if queue else b"LS+ %b\r\n" % subject
