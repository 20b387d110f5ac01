"""Sending to other clusters: who there wants a message, and the frame for each.

Theory of operation. What other clusters said they want stands in an index of its own in
each account (``Account.distant``): it is nothing that anybody in this cluster wants. For a
subject it becomes one :class:`Wish` for each gateway that wants anything; those are kept
until interest, the gateways, or what is presumed of one of them changes.

A message goes to a gateway once its plain interest, or a queue group that nobody in this
cluster and no nearer gateway serves, is found there; a message on the prefixed reply of a
cluster (:mod:`pubsub.router.python.prefixes`) goes to that cluster, asked or not.
(nats-server: ``sendMsgToGateways``, ``gatewayInterest``.)
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from pubsub.interfaces import GatewayNames, PeerKind
from pubsub.router.python.prefixes import MAPPED_SECONDS, Way, way_of
from pubsub.router.python.subscription import Entry, Subscription
from pubsub.router.python.targets import ANSWERS, fitted, may_hear, send_frame

if TYPE_CHECKING:
    from pubsub.router.python.account import Account
    from pubsub.router.python.index import Result
    from pubsub.router.python.link import PythonLink
    from pubsub.router.python.message import Message
    from pubsub.router.python.router import PythonRouter

__all__ = ["Gateways", "Wish", "send_abroad"]

#: What servers of this cluster and others pass on has been sent to gateways elsewhere.
_PASSED_ON = (PeerKind.ROUTE, PeerKind.GATEWAY)

_NO_QUEUES: list[bytes] = []


class Wish(NamedTuple):
    """What one gateway wants of the messages on a subject."""

    link: PythonLink
    #: it wants each of them
    plain: bool
    #: its queue groups, as it named them
    queues: tuple[bytes, ...]


class Gateways:
    """Where other clusters are.

    :ivar names: of this server, ``None`` before gateways are in use.
    :ivar links: those to send to, the nearest first.
    :ivar version: goes up when wishes anywhere may have changed for another reason than that
        a server said what it wants to hear.
    """

    def __init__(self) -> None:
        self.names: GatewayNames | None = None
        self.links: tuple[PythonLink, ...] = ()
        self.version = 1

    def use(self, names: GatewayNames, links: Sequence[PythonLink]) -> None:
        """Send to these from now on."""
        self.names = names
        self.links = tuple(links)
        self.version += 1

    def wishes(self, account: Account, subject: bytes) -> tuple[Wish, ...]:
        """Who wants the messages on ``subject``, in order."""
        if account.wishes_version != self.version:
            account.wishes.clear()
            account.wishes_version = self.version
        known = account.wishes.results.get(subject)
        if known is None:
            result = account.distant.match(subject)
            found = (_wish(link, result, account, subject) for link in self.links)
            known = tuple(wish for wish in found if wish.plain or wish.queues)
            if account.caching:
                account.wishes.keep(subject, known)
        return known

    def known_wishes(self, account: Account, subject: bytes) -> tuple[Wish, ...] | None:
        """The same without asking anybody; ``None`` if that cannot be known."""
        if account.wishes_version != self.version:
            return None
        return account.wishes.results.get(subject)

    def is_here(self, way: Way) -> bool:
        """Whether a way leads to this cluster."""
        assert self.names is not None
        if way.server:
            return way.cluster == self.names.cluster
        return way.cluster == self.names.old_cluster


def _wish(link: PythonLink, result: Result, account: Account, subject: bytes) -> Wish:
    if link.closed:
        return Wish(link, False, ())
    groups = [entry for members in result.groups for entry in members if _is_of(link, entry)]
    queues = dict.fromkeys(entry.queue for entry in sorted(groups, key=attrgetter("serial")))
    plain = any(_is_of(link, entry) for entry in result.plain)
    if not plain and link.peer.presumed is not None:
        plain = bool(link.peer.presumed(account.name, subject))
    return Wish(link, plain, tuple(queues))


def _is_of(link: PythonLink, entry: Entry) -> bool:
    return isinstance(entry, Subscription) and entry.link is link


# --- replies to new subscriptions -------------------------------------------------------


def _is_awaited(router: PythonRouter, account: Account, reply: bytes) -> bool:
    """Whether a new subscription hears ``reply``, so that other clusters may not know of it."""
    now = router.monotonic()
    if now - account.newest >= MAPPED_SECONDS:
        return False
    result = account.index.match(reply)
    entries = (*result.plain, *(entry for members in result.groups for entry in members))
    return any(now - entry.since < MAPPED_SECONDS for entry in entries)


def _mapped(router: PythonRouter, account: Account, link: PythonLink, reply: bytes) -> bytes:
    """The reply as other clusters are told it; ``link``: the first one that is."""
    names = router.gateways.names
    if not reply or names is None or not _is_awaited(router, account, reply):
        return reply
    if link.peer.old_replies:
        return b"$GR.%b.%b" % (names.old_cluster, reply)
    return b"_GR_.%b.%b.%b" % (names.cluster, names.server, reply)


# --- sending ----------------------------------------------------------------------------


def _goes_abroad(publisher: PythonLink | None, message: Message) -> bool:
    """Whether other clusters get it from here."""
    if publisher is None or publisher.kind not in _PASSED_ON or message.via:
        return True
    return message.returned and not message.subject.startswith(ANSWERS)


def send_abroad(
    router: PythonRouter,
    account: Account,
    publisher: PythonLink | None,
    message: Message,
    payload: bytes,
    served: Sequence[bytes],
) -> int:
    """Send to each gateway that wants it, or to the one its subject leads to; to how many.

    :param served: queue groups that have it.
    """
    gateways = router.gateways
    if not gateways.links or not _goes_abroad(publisher, message):
        return 0
    way = way_of(message.subject)
    if way is not None:
        chosen = [(link, _NO_QUEUES) for link in gateways.links if _leads_to(way, link)]
    else:
        only = None
        if publisher is not None and publisher.kind == PeerKind.LEAF and not message.via:
            # The leaf, or whoever sent it there, serves the others.
            only = message.queues
        chosen = _choose(gateways.wishes(account, message.subject), served, only)
    if not chosen:
        return 0
    reply = _mapped(router, account, chosen[0][0], message.reply)
    return sum(_send(account, link, message, reply, queues, payload) for link, queues in chosen)


def _leads_to(way: Way, link: PythonLink) -> bool:
    return way.cluster == (link.peer.hash if way.server else link.peer.old_hash)


def _choose(
    wishes: Sequence[Wish], served: Sequence[bytes], only: Sequence[bytes] | None
) -> list[tuple[PythonLink, list[bytes]]]:
    """Who gets it, and for which queue groups: each goes to one cluster."""
    chosen = []
    done = set(served)
    for link, plain, wanted in wishes:
        queues = [q for q in wanted if q not in done and (only is None or q in only)]
        done.update(queues)
        if plain or queues:
            chosen.append((link, queues))
    return chosen


def _send(
    account: Account,
    link: PythonLink,
    message: Message,
    reply: bytes,
    queues: list[bytes],
    payload: bytes,
) -> bool:
    if link.closed or not may_hear(link, message.subject):
        return False
    sizes, payload = fitted(link, message, payload)
    verb = b"HMSG" if len(sizes) > 1 else b"RMSG"
    fields = [verb, account.wire_name, message.subject]
    if queues:
        fields += [b"+", reply] if reply else [b"|"]
        fields += queues
    elif reply:
        fields.append(reply)
    link.expect_answer(reply)
    send_frame(link, account, b" ".join([*fields, *sizes]), payload)
    return True
