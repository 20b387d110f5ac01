"""What an identity's permissions mean for the subjects it uses.

The rules are nats-server's (``canSubscribe``, ``pubAllowed``): denials win; a subscription
is allowed if all it could match is allowed, and denied if all it could match is denied; of
a wider one, the denied messages are left out when they are delivered. ``"subject queue"``
in the subscribe lists is about members of that queue group only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from pubsub.interfaces import Permissions
from pubsub.router.subjects import is_subset, matches

__all__ = ["Predicates", "predicates"]


class Predicates(NamedTuple):
    """For :meth:`pubsub.interfaces.ILink.set_permissions`; ``None`` allows all."""

    publish: Callable[[bytes], bool] | None
    subscribe: Callable[[bytes, bytes], bool] | None
    deliver: Callable[[bytes], bool] | None


def predicates(permissions: Permissions | None) -> Predicates:
    """The three questions a link asks, answered by ``permissions``."""
    if permissions is None:
        return Predicates(None, None, None)
    allow_all = permissions.publish_allow is None and not permissions.publish_deny
    publish = None if allow_all else _publish(permissions)
    deny = _entries(permissions.subscribe_deny)
    if permissions.subscribe_allow is None and not deny:
        return Predicates(publish, None, None)
    plain_deny = [pattern for pattern, queue in deny if not queue]
    return Predicates(publish, _subscribe(permissions.subscribe_allow, deny), _deliver(plain_deny))


def _publish(permissions: Permissions) -> Callable[[bytes], bool]:
    allow = permissions.publish_allow
    allowed = None if allow is None else [entry.encode() for entry in allow]
    denied = [entry.encode() for entry in permissions.publish_deny]

    def may_publish(subject: bytes) -> bool:
        if allowed is not None and not any(matches(subject, pattern) for pattern in allowed):
            return False
        return not any(matches(subject, pattern) for pattern in denied)

    return may_publish


def _subscribe(
    allow: Iterable[str] | None, denied: list[tuple[bytes, bytes]]
) -> Callable[[bytes, bytes], bool]:
    allowed = None if allow is None else _entries(allow)

    def may_subscribe(subject: bytes, queue: bytes) -> bool:
        if allowed is not None and not _covered(subject, queue, allowed):
            return False
        return not _covered(subject, queue, denied)

    return may_subscribe


def _deliver(denied: list[bytes]) -> Callable[[bytes], bool] | None:
    if not denied:
        return None

    def may_deliver(subject: bytes) -> bool:
        return not any(matches(subject, pattern) for pattern in denied)

    return may_deliver


def _covered(subject: bytes, queue: bytes, entries: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether one of the entries is about all that this subscription could match."""
    return any(
        is_subset(subject, pattern) and (not group or (bool(queue) and matches(queue, group)))
        for pattern, group in entries
    )


def _entries(entries: Iterable[str]) -> list[tuple[bytes, bytes]]:
    """Subjects and queue groups (patterns, too), ``b""`` for entries without."""
    split = (entry.encode().split() for entry in entries)
    return [(parts[0], parts[1] if len(parts) > 1 else b"") for parts in split if parts]
