"""Who subscribed to what: literal subjects in one table, wildcards in a trie.

A published subject is looked up whole among the literals and token by token in the trie.
Every place (:class:`Node`) keeps plain subscriptions and queue groups in order of
subscribing, so only a subject that meets several places has to be sorted.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter

from pubsub.router.python.subscription import Entry, Heard
from pubsub.router.subjects import has_empty_token, has_wildcard

__all__ = ["NOTHING", "Result", "SubscriptionIndex"]

_serial = attrgetter("serial")


class Result:
    """Everybody a message on one subject reaches; immutable.

    :ivar plain: subscriptions without a queue group, the oldest first.
    :ivar groups: the members of each queue group, the oldest first; the group with the
        oldest member first.
    :ivar far: some of these members are on other servers.
    """

    __slots__ = ("far", "groups", "plain")

    def __init__(
        self,
        plain: tuple[Entry, ...] = (),
        groups: tuple[tuple[Entry, ...], ...] = (),
    ) -> None:
        self.plain = plain
        self.groups = groups
        self.far = any(isinstance(sub, Heard) for members in groups for sub in members)

    @property
    def fanout(self) -> int:
        """How many deliveries one message makes, at most."""
        return len(self.plain) + len(self.groups)


NOTHING = Result()


class Node:
    """The subscriptions to exactly one subject or pattern."""

    __slots__ = ("plain", "queues", "silent")

    def __init__(self) -> None:
        # dicts as ordered sets: serials only grow, so the order is that of subscribing
        self.plain: dict[Entry, None] = {}
        self.queues: dict[bytes, dict[Entry, None]] = {}
        #: how many are nobody's interest here, by queue group
        self.silent: dict[bytes, int] | None = None

    def add(self, sub: Entry) -> int:
        """How many it holds of that kind now, silent ones left out."""
        members = self.queues.setdefault(sub.queue, {}) if sub.queue else self.plain
        members[sub] = None
        if sub.silent:
            self.silent = self.silent or {}
            self.silent[sub.queue] = self.silent.get(sub.queue, 0) + 1
        return self._interested(sub.queue, len(members))

    def discard(self, sub: Entry) -> int:
        """How many it still holds of that kind."""
        members = self.queues[sub.queue] if sub.queue else self.plain
        del members[sub]
        if sub.silent:
            assert self.silent is not None
            self.silent[sub.queue] -= 1
        if sub.queue and not members:
            del self.queues[sub.queue]
        return self._interested(sub.queue, len(members))

    def _interested(self, queue: bytes, members: int) -> int:
        return members if self.silent is None else members - self.silent.get(queue, 0)

    @property
    def empty(self) -> bool:
        """Nobody is left."""
        return not self.plain and not self.queues


class _Level:
    """One place in the trie of patterns."""

    __slots__ = ("any", "here", "rest", "tokens")

    def __init__(self) -> None:
        #: below a literal token
        self.tokens: dict[bytes, _Level] = {}
        #: below ``*``
        self.any: _Level | None = None
        #: patterns that end here
        self.here: Node | None = None
        #: patterns that go on with ``>``
        self.rest: Node | None = None

    @property
    def empty(self) -> bool:
        return not (self.tokens or self.any or self.here or self.rest)


class SubscriptionIndex:
    """The subscriptions of one account."""

    __slots__ = ("_literals", "_root", "count", "inserts", "removes")

    def __init__(self) -> None:
        self._literals: dict[bytes, Node] = {}
        self._root = _Level()
        self.count = 0
        self.inserts = 0
        self.removes = 0

    def insert(self, sub: Entry) -> int:
        """Add a subscription to a valid pattern; how many of its kind are on it now."""
        self.count += 1
        self.inserts += 1
        if not has_wildcard(sub.subject):
            node = self._literals.get(sub.subject)
            if node is None:
                node = self._literals[sub.subject] = Node()
            return node.add(sub)
        row = sub.subject.split(b".")
        level = self._root
        for token in row[:-1]:
            level = _descend(level, token)
        if row[-1] == b">":
            level.rest = level.rest or Node()
            return level.rest.add(sub)
        level = _descend(level, row[-1])
        level.here = level.here or Node()
        return level.here.add(sub)

    def remove(self, sub: Entry) -> int:
        """Take out a subscription that is in; how many of its kind are left."""
        self.count -= 1
        self.removes += 1
        if not has_wildcard(sub.subject):
            node = self._literals[sub.subject]
            left = node.discard(sub)
            if node.empty:
                del self._literals[sub.subject]
            return left
        return _remove(self._root, sub.subject.split(b"."), 0, sub)

    def match(self, subject: bytes) -> Result:
        """Everybody a message on ``subject`` reaches."""
        if has_empty_token(subject):
            return NOTHING
        found: list[Node] = []
        node = self._literals.get(subject)
        if node is not None:
            found.append(node)
        root = self._root
        if root.tokens or root.any is not None or root.rest is not None:
            _collect(root, subject.split(b"."), 0, found)
        if not found:
            return NOTHING
        if len(found) == 1:
            (node,) = found
            if not node.queues:
                return Result(tuple(node.plain))
        return _merge(found)


def _descend(level: _Level, token: bytes) -> _Level:
    if token == b"*":
        if level.any is None:
            level.any = _Level()
        return level.any
    below = level.tokens.get(token)
    if below is None:
        below = level.tokens[token] = _Level()
    return below


def _remove(level: _Level, row: list[bytes], at: int, sub: Entry) -> int:
    """Remove ``sub`` below ``level`` and prune what it leaves empty."""
    if at == len(row):
        assert level.here is not None
        left = level.here.discard(sub)
        if level.here.empty:
            level.here = None
        return left
    token = row[at]
    if token == b">":
        assert level.rest is not None
        left = level.rest.discard(sub)
        if level.rest.empty:
            level.rest = None
        return left
    below = level.any if token == b"*" else level.tokens[token]
    assert below is not None
    left = _remove(below, row, at + 1, sub)
    if below.empty:
        if token == b"*":
            level.any = None
        else:
            del level.tokens[token]
    return left


def _collect(level: _Level, row: list[bytes], at: int, found: list[Node]) -> None:
    """The nodes below ``level`` that match the tokens from ``at`` on."""
    last = len(row)
    while at < last:
        if level.rest is not None:
            found.append(level.rest)
        if level.any is not None:
            _collect(level.any, row, at + 1, found)
        below = level.tokens.get(row[at])
        if below is None:
            return
        level = below
        at += 1
    if level.here is not None:
        found.append(level.here)


def _merge(found: Iterable[Node]) -> Result:
    plain: list[Entry] = []
    queues: dict[bytes, list[Entry]] = {}
    for node in found:
        plain.extend(node.plain)
        for queue, members in node.queues.items():
            queues.setdefault(queue, []).extend(members)
    groups = [tuple(sorted(members, key=_serial)) for members in queues.values()]
    groups.sort(key=lambda members: members[0].serial)
    return Result(tuple(sorted(plain, key=_serial)), tuple(groups))
