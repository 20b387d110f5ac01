"""Telling other clusters what is wanted here, on the gateways that came to us.

Queue groups are told as soon as a gateway is there. Of an account's plain interest everything is
told, too, between two INFO lines that say so: of the accounts known then, and of others when they
come to be known, before anything is wanted in them (nats-server since 2.9:
switchAccountToInterestMode). An older server sends what it was not told about as well, and is
answered with A- if it sends into an account in which nothing is wanted, or else with RS- for the
subject; after A- comes A+, and after RS- comes RS+, when that changes. When too many subjects were
refused all interest is told instead (gatewayHandleSubjectNoInterest).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import LogLevel

from pubsub.cluster.gateways.messages import ALL_TOLD, TELLS_ALL, command_line
from pubsub.cluster.gateways.modes import InterestMode
from pubsub.cluster.gateways.tally import Tally
from pubsub.cluster.remote_interest import interest_line
from pubsub.router.subjects import has_wildcard, is_subset

if TYPE_CHECKING:
    from pubsub.cluster.gateways.protocol import GatewayProtocol
    from pubsub.cluster.gateways.table import Gateways

__all__ = ["MOST_REFUSED", "Telling", "ToldAccount"]

#: nats-server's defaultGatewayMaxRUnsubBeforeSwitch
MOST_REFUSED = 1000


class ToldAccount:
    """What another cluster was told of one account.

    :ivar refused: the subjects in RS- that were not taken back; ``None`` when all is told.
    """

    __slots__ = ("mode", "refused")

    def __init__(self) -> None:
        self.mode = InterestMode.OPTIMISTIC
        self.refused: set[bytes] | None = set()


class Telling:
    """Tells all gateways that came to us.

    :ivar tally: what is wanted here; give it to ``IRouter.add_subscription_listener``.
    """

    def __init__(self, gateways: Gateways) -> None:
        self._gateways = gateways
        self.tally = Tally()
        self.tally.coming = self.account_added
        self.tally.changed = self._changed

    # all interest

    def begin(self, gateway: GatewayProtocol) -> None:
        """It is new: all queue groups (sendQueueSubsToGateway)."""
        for account in self.tally.accounts():
            keys = self.tally.queues(account)
            gateway.send_all(_line(account, *key, wanted=True) for key in keys)

    def tell_all(self, gateway: GatewayProtocol) -> None:
        """Likewise all interest in the accounts that are known."""
        if self._gateways.context.interest_only:
            names = [*self._gateways.context.account_names(), *self.tally.accounts()]
            for account in dict.fromkeys(names):
                self._switch(gateway, account)

    def account_added(self, account: str) -> None:
        """There is one more, or interest in it: from now on all of it is told."""
        if self._gateways.context.interest_only:
            for gateway in list(self._gateways.inbound.values()):
                self._switch(gateway, account)

    def _switch(self, gateway: GatewayProtocol, account: str) -> None:
        """Tell all interest in an account, if that was not done (switchAccountToInterestMode)."""
        told = gateway.told.get(account)
        if told is None:
            told = gateway.told[account] = ToldAccount()
        if told.mode is not InterestMode.OPTIMISTIC:
            return
        gateway.log(
            LogLevel.debug,
            f'Gateway "{gateway.name}": switching account "{account}" to Interest-Only mode',
        )
        name = self._gateways.name
        told.refused = None
        gateway.send(command_line(name, TELLS_ALL, account))
        subjects = self.tally.plain(account)
        gateway.send_all(_line(account, subject, b"", wanted=True) for subject in subjects)
        gateway.send(command_line(name, ALL_TOLD, account))
        told.mode = InterestMode.INTEREST_ONLY

    # changes

    def _changed(self, account: str, subject: bytes, queue: bytes, wanted: bool) -> None:
        for gateway in list(self._gateways.inbound.values()):
            if queue:
                if wanted and account in gateway.told and gateway.told[account] is None:
                    # it takes back A-, too
                    del gateway.told[account]
                gateway.send(_line(account, subject, queue, wanted=wanted))
            else:
                gateway.send(_told(gateway, account, subject, wanted=wanted))

    # what comes although nobody wants it

    def missing(self, gateway: GatewayProtocol, account: str, subject: bytes) -> None:
        """It sent something nobody here wants but for queue groups."""
        if self._gateways.context.router.subscription_count(account) > 0:
            self._refuse(gateway, account, subject)
            return
        said = account in gateway.told and gateway.told[account] is None
        if not said and not self.tally.wanted(account):
            gateway.told[account] = None
            gateway.send(b"A- %b\r\n" % account.encode("utf-8", "surrogateescape"))

    def _refuse(self, gateway: GatewayProtocol, account: str, subject: bytes) -> None:
        told = gateway.told.get(account)
        if told is None:
            told = gateway.told[account] = ToldAccount()
        if told.refused is None or subject in told.refused:
            return
        if len(told.refused) >= MOST_REFUSED:
            self._switch(gateway, account)
            return
        told.refused.add(subject)
        gateway.send(_line(account, subject, b"", wanted=False))


def _told(gateway: GatewayProtocol, account: str, subject: bytes, *, wanted: bool) -> bytes:
    """What it has to be told of a plain subject (maybeSendSubOrUnsubToGateways)."""
    told = gateway.told.get(account)
    if told is None:
        if wanted and account in gateway.told:
            del gateway.told[account]
            return b"A+ %b\r\n" % account.encode("utf-8", "surrogateescape")
        return b""
    if told.refused is None:
        return _line(account, subject, b"", wanted=wanted)
    before = len(told.refused)
    if wanted and has_wildcard(subject):
        told.refused = {each for each in told.refused if not is_subset(each, subject)}
    elif wanted:
        told.refused.discard(subject)
    if len(told.refused) != before:
        return _line(account, subject, b"", wanted=True)
    return b""


def _line(account: str, subject: bytes, queue: bytes, *, wanted: bool) -> bytes:
    return interest_line(
        account.encode("utf-8", "surrogateescape"),
        b"",
        subject,
        queue,
        int(wanted),
        lnoc=False,
        lnocu=False,
    )
