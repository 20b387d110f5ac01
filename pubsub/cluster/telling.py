"""Telling the other servers what we want to hear."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pubsub.auth.permissions import predicates
from pubsub.cluster import obeying
from pubsub.cluster.interest import Interest, LocalInterest
from pubsub.cluster.remote_interest import interest_line
from pubsub.interfaces import Permissions

if TYPE_CHECKING:
    from pubsub.cluster.members import Members
    from pubsub.cluster.protocol import RouteProtocol

__all__ = ["Telling"]


class Telling:
    """Sends our interest by the routes that carry its account.

    :ivar interest: what is wanted here; give it to ``IRouter.add_subscription_listener``.
    """

    def __init__(self, members: Members) -> None:
        self._members = members
        self.interest = LocalInterest()
        self.interest.changed = self._changed

    def _changed(self, account: str, interest: Interest, count: int) -> None:
        members = self._members
        if not members.remotes and not members.dedicated:
            return
        if not self._may_import(interest.subject):
            return
        for route in members.carriers(account):
            route.send(_line(route, account, interest, count))

    def _may_import(self, subject: bytes) -> bool:
        permissions = self._members.context.options.cluster.permissions
        may = predicates(permissions).publish
        return may is None or may(subject)

    def tell_all(self, route: RouteProtocol) -> None:
        """It is new: all that is wanted in the accounts it carries."""
        route.send_all(
            _line(route, account, interest, count)
            for account in self.interest.accounts()
            if self._members.carries(route, account)
            for interest, count in self.interest.of(account)
            if self._may_import(interest.subject)
        )

    def tell_more(
        self, route: RouteProtocol, before: Permissions | None, after: Permissions | None
    ) -> None:
        """It may export more than before (nats-server: updateRemoteRoutePerms)."""
        could, can = predicates(before).subscribe, predicates(after).subscribe
        for account in self.interest.accounts():
            if not self._members.carries(route, account):
                continue
            for interest, count in self.interest.of(account):
                subject, queue = interest.subject, interest.queue
                new = (can is None or can(subject, queue)) and not (
                    could is None or could(subject, queue)
                )
                if new and self._may_import(subject):
                    route.send(_line(route, account, interest, count))

    def tell_imports(self, before: Permissions | None) -> None:
        """Our own permissions have changed: what may be imported now, and what no longer."""
        could = predicates(before).publish
        for account in self.interest.accounts():
            for interest, count in self.interest.of(account):
                now = self._may_import(interest.subject)
                if now == (could is None or could(interest.subject)):
                    continue
                for route in self._members.carriers(account):
                    route.send(_line(route, account, interest, count if now else 0))

    def forget(self, route: RouteProtocol, account: str) -> None:
        """What it wanted to hear in that account, it will say on another connection."""
        link = route.link
        if link is None:
            return
        for heard in list(link.subscriptions()):
            if heard.account == account:
                obeying.forget(route, heard)


def _line(route: RouteProtocol, account: str, interest: Interest, count: int) -> bytes:
    return interest_line(
        b"" if route.account else account.encode("utf-8", "surrogateescape"),
        *interest,
        count,
        lnoc=route.lnoc,
        lnocu=route.lnocu,
    )
