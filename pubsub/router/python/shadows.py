"""Subscriptions that also hear the streams their account imports.

What a subscription means in other accounts is asked for once, when it is made. There it has
shadows: subscriptions of the same link with the same sid, which a message finds as it finds
any other subscription there. They come and go with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pubsub.interfaces import IStreamImports, PeerKind
from pubsub.router.python.subscription import Heard, Subscription
from pubsub.router.subjects import is_valid_pattern

if TYPE_CHECKING:
    from pubsub.router.python.account import Account
    from pubsub.router.python.router import PythonRouter

__all__ = ["add_shadows", "drop_shadows"]

#: Other servers import for their own clients.
_NEVER = (PeerKind.ROUTE, PeerKind.GATEWAY)


def add_shadows(router: PythonRouter, imports: IStreamImports, sub: Subscription) -> None:
    """Subscribe ``sub`` to what its subject means in other accounts.

    :raises ValueError: ``imports`` wants to subscribe there to what is no subject.
    """
    link = sub.link
    if link.kind in _NEVER:
        return
    for name, subject, mapper in imports.shadows(sub.subject):
        if not is_valid_pattern(subject):
            raise ValueError(f"an import of {name} asks for {subject!r}, which is no subject")
        home = router.home(name)
        shadow = _shadow(router, home, subject, sub)
        shadow.primary = sub
        shadow.mapping = router.mappings(mapper) if mapper is not None else None
        shadow.max = sub.max
        sub.shadows += (shadow,)
        link.abroad[home] += 1
        home.insert(shadow)


def _shadow(router: PythonRouter, home: Account, subject: bytes, sub: Subscription) -> Subscription:
    serial = router.next_serial()
    if isinstance(sub, Heard):
        # Nobody in the cluster it is for heard the messages of that account.
        key = (b"", home.name, subject, sub.queue)
        return Heard(sub.link, home, key, sub.weight, serial)
    return Subscription(sub.link, home, subject, sub.queue, sub.sid, serial)


def drop_shadows(sub: Subscription) -> None:
    """Take the shadows of a subscription out of force."""
    shadows, sub.shadows = sub.shadows, ()
    for shadow in shadows:
        abroad = shadow.link.abroad
        abroad[shadow.home] -= 1
        if not abroad[shadow.home]:
            del abroad[shadow.home]
        shadow.home.remove(shadow)
