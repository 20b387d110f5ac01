"""What an identity's permissions mean for the subjects it uses.

The rules are nats-server's (``canSubscribeInternal``, ``pubAllowedFullCheck``,
``checkDenySub``):

* denials win over allowances;
* a subscription is allowed if all it could match is allowed, and denied if all it could
  match is denied; of a wider one, denied messages are left out when they are delivered;
* ``"subject queue"`` in the subscribe lists is about members of that queue group, which may
  be a pattern. Once such an entry is about a subject, the queue groups of that subject are
  those the entries name, and no others: ``["foo", "foo v1"]`` allows ``foo`` and ``foo v1``,
  not ``foo v2``;
* permission to respond takes away the permission to publish to everything.

One answer differs on purpose. nats-server takes the token ``>`` of a subscription for
something that ``*`` covers: allowed ``foo.*``, its clients may subscribe to ``foo.>`` and
hear ``foo.a.b``. Here they may not. Where the entry is a denial the answer is nats-server's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from pubsub.interfaces import Permissions, ResponsePermission
from pubsub.router.subjects import has_empty_token, has_wildcard, is_valid

__all__ = ["Predicates", "predicates"]

#: Different permissions whose predicates are kept: enough for a server's users, or for the
#: roles that templates in JWTs make; those in use stay alive anyway, they are just not shared.
_KEPT = 4096

_ANY = b"*"
_REST = b">"


class Predicates(NamedTuple):
    """For :meth:`pubsub.interfaces.ILink.set_permissions`; ``None`` allows all."""

    #: (subject)
    publish: Callable[[bytes], bool] | None
    #: (subject, queue): may it make this subscription
    subscribe: Callable[[bytes, bytes], bool] | None
    #: (subject, queue): may a message on that subject go to its subscription in that queue
    deliver: Callable[[bytes, bytes], bool] | None
    responses: ResponsePermission | None = None


def predicates(permissions: Permissions | None) -> Predicates:
    """The questions a link asks, answered by ``permissions``.

    Equal permissions have the same predicate objects, for routers cache by them.
    """
    return _NOTHING_FORBIDDEN if permissions is None else _predicates(permissions)


_NOTHING_FORBIDDEN = Predicates(None, None, None)


@lru_cache(maxsize=_KEPT)
def _predicates(permissions: Permissions) -> Predicates:
    allow = permissions.publish_allow
    if allow is None and permissions.responses is not None:
        allow = ()
    allowed = None if allow is None else _Entries(_subjects(allow))
    denied = _Entries(_pairs(permissions.subscribe_deny))
    return Predicates(
        _publish(allowed, _Entries(_publish_denials(permissions.publish_deny))),
        _subscribe(permissions.subscribe_allow, denied),
        _deliver(denied),
        permissions.responses,
    )


def _publish(allowed: _Entries | None, denied: _Entries) -> Callable[[bytes], bool] | None:
    if allowed is None and not denied:
        return None

    def may_publish(subject: bytes) -> bool:
        if allowed is not None and not allowed.has(subject):
            return False
        return not denied.has(subject)

    return may_publish


def _subscribe(
    allow: Iterable[str] | None, denied: _Entries
) -> Callable[[bytes, bytes], bool] | None:
    allowed = None if allow is None else _Entries(_pairs(allow))
    if allowed is None and not denied:
        return None

    def may_subscribe(subject: bytes, queue: bytes) -> bool:
        if allowed is not None:
            groups = list(allowed.groups(subject, strict=True))
            may = b"" in groups
            named = [group for group in groups if group]
            if queue and named:
                may = _in_group(queue, named)
            if not may:
                return False
        return not _denied(denied, subject, queue)

    return may_subscribe


def _deliver(denied: _Entries) -> Callable[[bytes, bytes], bool] | None:
    if not denied:
        return None

    def may_deliver(subject: bytes, queue: bytes) -> bool:
        return not _denied(denied, subject, queue)

    return may_deliver


def _denied(denied: _Entries, subject: bytes, queue: bytes) -> bool:
    groups = list(denied.groups(subject))
    return b"" in groups or (bool(queue) and _in_group(queue, [g for g in groups if g]))


class _Entries:
    """Patterns and their queue groups, ``b""`` for none: those without wildcards by hash."""

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        self._literals: dict[bytes, list[bytes]] = {}
        self._patterns: list[tuple[list[bytes], bytes]] = []
        for pattern, group in pairs:
            if has_wildcard(pattern):
                self._patterns.append((pattern.split(b"."), group))
            else:
                self._literals.setdefault(pattern, []).append(group)

    def __bool__(self) -> bool:
        return bool(self._literals or self._patterns)

    def has(self, subject: bytes) -> bool:
        """Whether any entry is about ``subject``."""
        return next(self.groups(subject), None) is not None

    def groups(self, subject: bytes, strict: bool = False) -> Iterator[bytes]:
        """The queue groups of the entries that cover ``subject``.

        Nothing covers a subject with an empty token. Strictly, ``*`` does not cover ``>``.
        """
        yield from self._literals.get(subject, ())
        if self._patterns and not has_empty_token(subject):
            row = subject.split(b".")
            for pattern, group in self._patterns:
                if _covers(pattern, row, strict):
                    yield group


def _covers(pattern: list[bytes], row: list[bytes], strict: bool) -> bool:
    for at, wanted in enumerate(pattern):
        if at == len(row):
            return False
        if wanted == _REST:
            return True
        if wanted == _ANY:
            if strict and row[at] == _REST:
                return False
        elif wanted != row[at]:
            return False
    return len(row) == len(pattern)


def _in_group(queue: bytes, groups: Iterable[bytes]) -> bool:
    """Whether the group is one of these, which may be patterns (``queueMatches``)."""
    row = queue.split(b".")
    return any(
        queue == group or (has_wildcard(group) and _group_covers(group.split(b"."), row))
        for group in groups
    )


def _group_covers(pattern: list[bytes], row: list[bytes]) -> bool:
    """As a pattern covers a subject, except that names of groups may have empty tokens:
    where ``>`` stands any may follow. Who is denied ``>`` is denied ``a..b``.
    """
    for at, wanted in enumerate(pattern):
        if at == len(row):
            return False
        if wanted == _REST:
            return True
        token = row[at]
        if not token or token == _REST or wanted not in (_ANY, token):
            return False
    return len(row) == len(pattern)


def _subjects(entries: Iterable[str]) -> Iterator[tuple[bytes, bytes]]:
    """Entries that are subjects; those that are not allow nothing."""
    for entry in entries:
        subject = _encode(entry)
        if is_valid(subject):
            yield subject, b""


def _publish_denials(entries: Iterable[str]) -> Iterator[tuple[bytes, bytes]]:
    """A queue group means nothing when publishing: its subject is denied."""
    return ((subject, b"") for subject, _ in _pairs(entries))


def _pairs(entries: Iterable[str]) -> Iterator[tuple[bytes, bytes]]:
    """Subjects and queue groups (``splitSubjectQueue``); what is neither is left out."""
    for entry in entries:
        words = _encode(entry).split()
        if 1 <= len(words) <= 2 and all(map(is_valid, words)):
            yield words[0], words[1] if len(words) == 2 else b""


def _encode(entry: str) -> bytes:
    """The bytes of a configuration file come back; JSON may hold what no bytes stand for."""
    try:
        return entry.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return entry.encode("utf-8", "surrogatepass")
