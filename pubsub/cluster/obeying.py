"""What another server wants to hear, put into the router.

Servers before 2.11 do not say in LS- whose interest ends, and so do not tell interest of leafs
from other interest in the same subject: of those only the first is remembered (nats-server:
processRemoteSub, ``oldStyle``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import LogLevel

from pubsub.auth.permissions import predicates
from pubsub.cluster.remote_interest import Wanted, parse_interest
from pubsub.errors import LinkRefused, MalformedArguments

if TYPE_CHECKING:
    from pubsub.cluster.protocol import RouteProtocol
    from pubsub.interfaces import SubscriptionInfo

__all__ = ["Heard", "forget", "forget_forbidden", "interest_received"]


class Heard:
    """Whose interest it is, for servers that do not say when it ends.

    :ivar origins: of all interest of leafs that there ever was.
    """

    def __init__(self) -> None:
        self.origins: set[bytes] = set()
        self._origins: dict[tuple[str, bytes, bytes], bytes] = {}

    def begins(self, wanted: Wanted) -> Wanted:
        """The same as what began first."""
        key = wanted.account, wanted.subject, wanted.queue
        return wanted._replace(origin=self._origins.setdefault(key, wanted.origin))

    def ends(self, wanted: Wanted) -> Wanted:
        """The same as what began."""
        key = wanted.account, wanted.subject, wanted.queue
        return wanted._replace(origin=self._origins.pop(key, wanted.origin))

    def forget(self, account: str, subject: bytes, queue: bytes) -> None:
        """It ends without being said."""
        self._origins.pop((account, subject, queue), None)


def interest_received(route: RouteProtocol, verb: bytes, argument: bytes) -> None:
    """RS+, RS-, LS+, LS-; A+ and A- mean nothing on routes."""
    if verb.startswith(b"A"):
        return
    try:
        wanted = parse_interest(verb, argument, route.account, route.lnocu)
    except MalformedArguments as fault:
        route.fault(fault)
        return
    if verb.endswith(b"+"):
        _begin(route, wanted)
    else:
        _end(route, wanted)


def _begin(route: RouteProtocol, wanted: Wanted) -> None:
    context, link = route.context, route.link
    if not context.account_known(wanted.account):
        route.log(
            LogLevel.error,
            f'Unknown account "{wanted.account}" for remote subject {wanted.subject!r}',
        )
        return
    may = predicates(context.options.cluster.permissions).subscribe
    if may is not None and not may(wanted.subject, wanted.queue):
        route.log(LogLevel.debug, f"Can not export {wanted.subject!r}, ignoring remote interest")
        return
    if not route.lnocu:
        wanted = route.heard.begins(wanted)
    assert link is not None
    if link.hear(*wanted[1:], wanted.origin):
        if wanted.origin:
            route.heard.origins.add(wanted.origin)
    else:
        route.log(LogLevel.error, f"Could not insert subscription on {wanted.subject!r}")
        route.send(LinkRefused("Invalid Subscription").to_bytes())


def _end(route: RouteProtocol, wanted: Wanted) -> None:
    if not route.lnocu:
        wanted = route.heard.ends(wanted)
    assert route.link is not None
    route.link.unhear(wanted.account, wanted.subject, wanted.queue, wanted.origin)


def forget_forbidden(route: RouteProtocol) -> None:
    """Our permissions have changed: what it may not hear any more is forgotten."""
    may = predicates(route.context.options.cluster.permissions).subscribe
    link = route.link
    if may is None or link is None:
        return
    for heard in list(link.subscriptions()):
        if not may(heard.subject, heard.queue):
            forget(route, heard)


def forget(route: RouteProtocol, heard: SubscriptionInfo) -> None:
    """It does not hear that any more, on whosever behalf it said so."""
    link, key = route.link, (heard.account, heard.subject, heard.queue)
    assert link is not None
    for origin in (b"", *route.heard.origins):
        link.unhear(*key, origin)
    route.heard.forget(*key)
