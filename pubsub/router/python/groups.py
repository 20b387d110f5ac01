"""Which member of a queue group gets a message, where some are on other servers.

A message of this server's clients goes to anybody: the choice begins at a random place, a
server standing there once for each member it has, and goes round until somebody takes it.
Members here and in this cluster are as good as each other; leafs come after them. What
another server passes on it has chosen this one for: others get it only if nobody here
takes it. (nats-server: ``processMsgResults``.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from pubsub.interfaces import PeerKind
from pubsub.router.python.subscription import Entry, Heard
from pubsub.router.python.targets import Targets

if TYPE_CHECKING:
    from pubsub.router.python.draw import Draw
    from pubsub.router.python.link import PythonLink

__all__ = ["MOST_WEIGHT", "serve"]

#: How often one server stands in one group at most: beyond that rounding hides the rest.
MOST_WEIGHT = 1024

#: Delivers to a member on this server, if it can be.
Deliver = Callable[[Entry], bool]


def serve(
    members: Sequence[Entry],
    publisher: PythonLink | None,
    targets: Targets,
    draw: Draw,
    deliver: Deliver,
) -> bool:
    """Deliver to one member here, or add a server to ``targets``; whether to one here."""
    if publisher is not None and publisher.kind == PeerKind.ROUTE:
        return _serve_routed(members, targets, draw, deliver)
    chosen: Heard | None = None
    for member in _round(members, draw):
        if not member.active:
            continue
        if not isinstance(member, Heard):
            if deliver(member):
                return True
            continue
        if _is_out(member, publisher, targets):
            continue
        if member.link.kind == PeerKind.LEAF or member.origin:
            chosen = chosen or member
            continue
        chosen = member
        break
    if chosen is not None:
        targets.add(chosen)
    return False


def _is_out(member: Heard, publisher: PythonLink | None, targets: Targets) -> bool:
    """Whether the message must not go there."""
    link = member.link
    if link is publisher:
        return True
    if link.kind == PeerKind.LEAF:
        return targets.is_echo(member)
    if link.kind == PeerKind.ROUTE:
        return targets.from_hub or targets.came_for(member.origin)
    return True


def _round(members: Sequence[Entry], draw: Draw) -> Iterator[Entry]:
    """All of them, from a random place on."""
    weights = [min(member.weight, MOST_WEIGHT) for member in members]
    place = draw.next() % sum(weights)
    start = 0
    while place >= weights[start]:
        place -= weights[start]
        start += 1
    yield from members[start:]
    yield from members[:start]


def _serve_routed(members: Sequence[Entry], targets: Targets, draw: Draw, deliver: Deliver) -> bool:
    here = []
    chosen: Heard | None = None
    for member in members:
        if not member.active:
            continue
        if not isinstance(member, Heard):
            here.append(member)
            continue
        if _may_stand_in(member, targets):
            for _ in range(min(member.weight, MOST_WEIGHT)):
                if chosen is None or _is_better(member, chosen, draw):
                    chosen = member
    for member in _round(here, draw) if here else ():
        if deliver(member):
            return True
    if chosen is not None:
        targets.add(chosen)
    return False


def _is_better(member: Heard, chosen: Heard, draw: Draw) -> bool:
    """Whether it takes the place of another: leafs come first here, and all get a chance."""
    if member.link.kind != PeerKind.LEAF:
        return False
    return chosen.link.kind == PeerKind.ROUTE or draw.next() % 2 == 1


def _may_stand_in(member: Heard, targets: Targets) -> bool:
    """Whether a routed message may go on there, if nobody here takes it.

    It may go back to where it came from: that server has heard by then that nobody here will.
    """
    link = member.link
    if link.kind == PeerKind.LEAF:
        return not targets.is_echo(member)
    return link.kind == PeerKind.ROUTE
