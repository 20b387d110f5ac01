"""What another cluster wants to hear: A+, A-, RS+ and RS- on the gateways we opened.

Of each account we know one of these, and what follows from it for a message nobody over there has
asked for (nats-server: outsie, gatewayInterest):

======================================  ====================================================
nothing                                 it is sent, unless the other server has said that it
                                        tells all interest (``gateway_iom``, since 2.9)
A-: nobody is there                     it is not sent
optimistic: RS- named subjects that     it is sent unless its subject was named
nobody wants; RS+ takes that back
transitioning: all interest is told     as before
interest-only: all was told             it is not sent
======================================  ====================================================

Interest in queue groups is always told. What was told is in the router; what is presumed the router
asks :meth:`RemoteInterest.presumed`, and asks anew when ``link.peer`` was assigned.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from twisted.logger import LogLevel

from pubsub.cluster.gateways.modes import InterestMode
from pubsub.cluster.remote_interest import Wanted, parse_interest
from pubsub.errors import ClosedState, LinkRefused
from pubsub.router.subjects import has_wildcard, is_subset

if TYPE_CHECKING:
    from pubsub.cluster.gateways.messages import GatewayInfo
    from pubsub.cluster.gateways.protocol import GatewayProtocol

__all__ = ["RemoteAccount", "RemoteInterest"]


class RemoteAccount:
    """What another cluster has said of one account.

    :ivar unwanted: subjects nobody there wants; ``None`` as soon as all interest was told.
    :ivar queues: subject and queue group of the groups there.
    """

    __slots__ = ("mode", "queues", "unwanted")

    def __init__(self, unwanted: set[bytes] | None) -> None:
        self.mode = InterestMode.OPTIMISTIC
        self.unwanted = unwanted
        self.queues: set[tuple[bytes, bytes]] = set()


class RemoteInterest:
    """What the server at the other end of one gateway has said.

    :ivar accounts: by name; ``None``: nobody is there (A-).
    """

    def __init__(self, gateway: GatewayProtocol) -> None:
        self._gateway = gateway
        self.accounts: dict[str, RemoteAccount | None] = {}
        #: it tells all interest without being asked
        self.interest_only = False
        #: after A- it said A+ or RS+: those are optimistic, whatever it promised at first
        self._told_anew: set[str] = set()

    def presumed(self, account: str, subject: bytes) -> bool:
        """Whether it is sent what it has not said it wants to hear."""
        there = self.accounts.get(account)
        if there is None:
            return account not in self.accounts and not self.interest_only
        if there.unwanted is None or (self.interest_only and account not in self._told_anew):
            return False
        return subject not in there.unwanted

    def received(self, verb: bytes, argument: bytes) -> None:
        """One line.

        :raises pubsub.errors.MalformedArguments: it has too few fields, or too many.
        """
        if verb.startswith(b"A"):
            account = argument.strip().decode("utf-8", "surrogateescape")
            if verb == b"A+":
                self._account_wanted(account)
            else:
                self._account_unwanted(account)
            return
        wanted = parse_interest(verb, argument, "", origins=False)
        if verb == b"RS+":
            self._begins(wanted)
        else:
            self._ends(wanted)

    # A+, A-

    def _account_unwanted(self, account: str) -> None:
        there = self.accounts.get(account)
        if there is None or not there.queues:
            self.accounts[account] = None
            self._told_anew.discard(account)
            if there is not None:
                self._forget(account)
        elif there.mode is InterestMode.OPTIMISTIC:
            there.unwanted = set()
        self._presume_anew()

    def _account_wanted(self, account: str) -> None:
        if account in self.accounts and self.accounts[account] is None:
            # it does not tell of interest in that account from here on, unless it says so
            self.accounts[account] = RemoteAccount(set())
            self._told_anew.add(account)
            self._presume_anew()

    def _forget(self, account: str) -> None:
        link = self._gateway.link
        assert link is not None
        for heard in list(link.subscriptions()):
            if heard.account == account:
                link.unhear(account, heard.subject, heard.queue, b"")

    # RS+, RS-

    def _entry(self, account: str) -> RemoteAccount:
        there = self.accounts.get(account)
        if there is None:
            if account in self.accounts:
                self._told_anew.add(account)
            there = self.accounts[account] = RemoteAccount(set())
        return there

    def _begins(self, wanted: Wanted) -> None:
        link, account = self._gateway.link, wanted.account
        assert link is not None
        if self.accounts.get(account) is None:
            if not wanted.queue:
                return
            self._entry(account)
            self._presume_anew()
        there = self._entry(account)
        if wanted.queue:
            if link.hear(account, wanted.subject, wanted.queue, wanted.weight, b""):
                there.queues.add((wanted.subject, wanted.queue))
        elif there.mode is not InterestMode.OPTIMISTIC:
            link.hear(account, wanted.subject, b"", 1, b"")
        elif there.unwanted:
            self._wanted_again(there, wanted.subject)

    def _wanted_again(self, there: RemoteAccount, subject: bytes) -> None:
        assert there.unwanted is not None
        before = len(there.unwanted)
        if has_wildcard(subject):
            there.unwanted = {each for each in there.unwanted if not is_subset(each, subject)}
        else:
            there.unwanted.discard(subject)
        if len(there.unwanted) != before:
            self._presume_anew()

    def _ends(self, wanted: Wanted) -> None:
        link, account = self._gateway.link, wanted.account
        assert link is not None
        there = self.accounts.get(account)
        if wanted.queue:
            if there is not None:
                there.queues.discard((wanted.subject, wanted.queue))
                link.unhear(account, wanted.subject, wanted.queue, b"")
                self._tidy(account, there)
        elif there is not None and there.mode is not InterestMode.OPTIMISTIC:
            link.unhear(account, wanted.subject, b"", b"")
        else:
            there = self._entry(account)
            if there.unwanted is not None and wanted.subject not in there.unwanted:
                there.unwanted.add(wanted.subject)
                self._presume_anew()

    def _tidy(self, account: str, there: RemoteAccount) -> None:
        """Nothing is known of the account any more."""
        if there.mode is InterestMode.OPTIMISTIC and not there.queues and not there.unwanted:
            if account in self._told_anew and self.interest_only:
                return
            del self.accounts[account]
            self._presume_anew()

    # INFO

    def begin_telling(self, info: GatewayInfo) -> None:
        """All interest in an account is told now (gatewayAllSubsReceiveStart)."""
        account = self._account_of(info, "start")
        if account is None:
            return
        there = self.accounts.get(account)
        if there is None:
            there = self.accounts[account] = RemoteAccount(None)
            self._presume_anew()
        there.mode = InterestMode.TRANSITIONING

    def end_telling(self, info: GatewayInfo) -> None:
        """That was all (gatewayAllSubsReceiveComplete)."""
        account = self._account_of(info, "complete")
        there = self.accounts.get(account) if account is not None else None
        if account is None or there is None:
            return
        there.unwanted = None
        there.mode = InterestMode.INTEREST_ONLY
        self._told_anew.discard(account)
        self._presume_anew()
        self._gateway.log(
            LogLevel.debug,
            f'Gateway "{info.gateway}": switching account "{account}" to Interest-Only mode'
            " complete",
        )

    def _account_of(self, info: GatewayInfo, what: str) -> str | None:
        if info.payload is None:
            text = f"Account absent from receive-all-subscriptions-{what} command"
            self._gateway.fault(LinkRefused(text, ClosedState.PROTOCOL_VIOLATION))
        return info.payload or None

    # the router

    def _presume_anew(self) -> None:
        """What the router remembers of :meth:`presumed` may be wrong now."""
        link = self._gateway.link
        assert link is not None
        needed = not self.interest_only or bool(self._told_anew)
        if needed or link.peer.presumed is not None:
            link.peer = replace(link.peer, presumed=self.presumed if needed else None)
