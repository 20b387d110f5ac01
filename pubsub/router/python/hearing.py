"""What other servers want to hear.

Such interest stands in the index of its account as any subscription does, but not under a
sid: a server names it by what it is, and says it once for all its clients. Said again it
has a new weight. A leaf also hears the streams its account imports: it has shadows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pubsub.router.python.shadows import add_shadows
from pubsub.router.python.subscription import Heard
from pubsub.router.subjects import is_valid_pattern

if TYPE_CHECKING:
    from pubsub.router.python.link import PythonLink

__all__ = ["hear", "unhear"]


def hear(
    link: PythonLink, account: str, subject: bytes, queue: bytes, weight: int, origin: bytes
) -> bool:
    """See :meth:`ILink.hear <pubsub.interfaces.ILink.hear>`.

    :raises ValueError: there is no server at the other end.
    """
    if not link.is_server:
        raise ValueError(f"a link of kind {link.kind.name} hears by subscribing")
    if link.closed or not is_valid_pattern(subject):
        return False
    weight = max(weight, 1) if queue else 1
    key = (origin, account, subject, queue)
    known = link.heard.get(key)
    if known is not None:
        _weigh(link, known, weight)
        return True
    home = link.router.home(account)
    entry = Heard(link, home, key, weight, link.router.next_serial())
    link.heard[key] = entry
    home.insert(entry)
    if home.imports is not None and entry.active:
        add_shadows(link.router, home.imports, entry)
    return True


def _weigh(link: PythonLink, entry: Heard, weight: int) -> None:
    """More or fewer members stand behind it, and behind its shadows."""
    change = weight - entry.weight
    if change:
        for one in (entry, *entry.shadows):
            assert isinstance(one, Heard)
            one.weight = weight
            link.router.tell(one, change)


def unhear(link: PythonLink, account: str, subject: bytes, queue: bytes, origin: bytes) -> None:
    """See :meth:`ILink.unhear <pubsub.interfaces.ILink.unhear>`."""
    entry = link.heard.get((origin, account, subject, queue))
    if entry is not None:
        link.remove(entry)
