"""The accounts of a server: which there are, who is in them, what the router knows of them.

Theory of operation. An account comes as :class:`AccountOptions`, from a configuration file
(:meth:`Accounts.replace_all`), from a JWT or a program (:meth:`Accounts.update`). Its
options become a plan (:mod:`pubsub.accounts.plans`), and what differs from the plan before
is told to the router. Then those who import from it are planned anew, and its clients are
looked at: too many have to go, the limits of the others change, and who is no longer valid
has to go, too (nats-server: ``updateAccountClaimsWithRefresh``, ``registerWithAccount``).

An account whose ``claims`` are set is one that comes as a JWT: its imports may be
incomplete, and a reload of the configuration leaves it alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import implementer

from pubsub.accounts.elsewhere import Elsewhere
from pubsub.accounts.exports import ActivationCheck, check_exports
from pubsub.accounts.imports import ServiceSpec, StreamImports, service_route
from pubsub.accounts.latency import LatencyObserver
from pubsub.accounts.members import IAccountMember, Members
from pubsub.accounts.plans import Plan, Planner, plan_all
from pubsub.accounts.remote_latency import RemoteLatency
from pubsub.accounts.timers import Timers
from pubsub.errors import (
    AccountAuthenticationExpired,
    BadSubjectTransform,
    ClientFault,
    ConfigError,
    MaximumAccountConnectionsExceeded,
)
from pubsub.interfaces import GLOBAL_ACCOUNT, IAccounts, ILink, IRouter
from pubsub.router.mappings import AccountMapper
from pubsub.values.accounts import AccountOptions, MappingEntry
from pubsub.values.identity import Identity

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime
    from twisted.python.failure import Failure

    from pubsub.interfaces import IServiceObserver

__all__ = ["Accounts", "IPublisher"]

SYSTEM_ACCOUNT = "$SYS"

#: epoch seconds: a time that is over
_SOON = 1.0


class IPublisher(Protocol):
    """The part of :class:`pubsub.router.internal.InternalClient` that is needed here."""

    def publish(self, subject: bytes, payload: bytes) -> int:
        """Publish in its account."""

    def close(self) -> None:
        """Publish no more."""


def _nobody(link: ILink) -> Any:
    return None


@implementer(IAccounts)
class Accounts:
    """The accounts of one server. ``$G`` and the system account always exist.

    :param router: is told what accounts mean.
    :param clock: ends accounts and activations in time.
    :param system_account: its name, ``""`` for none.
    :param wall: epoch seconds.
    :param cluster: the name of this server's cluster: some mappings are for one only.

    :ivar remote_latency: exchanges measurements of services with other servers, once started.

    These may be assigned later, and before anything is connected:

    :ivar client_of: the client behind a link; latency is measured only with it.
    :ivar internal_client: makes a client of the server's own in an account; latency likewise.
    :ivar check_activation: judges the tokens of imports; without it none counts.
    :ivar missing: asked for an account that an import of a JWT account names; whoever gets
        it calls :meth:`update` with it. May answer later.
    :ivar appeared: told the name of an account that was not known here before.
    """

    _log = Logger()

    def __init__(
        self,
        router: IRouter,
        clock: IReactorTime,
        *,
        system_account: str = SYSTEM_ACCOUNT,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        cluster: str = "",
    ) -> None:
        self.system_account = system_account
        self.client_of: Callable[[ILink], Any] = _nobody
        self.internal_client: Callable[[str], IPublisher] | None = None
        self.check_activation: ActivationCheck | None = None
        self.missing: Callable[[str], Deferred[Any] | None] | None = None
        self.appeared: Callable[[str], None] | None = None
        self._router = router
        self._clock = clock
        self._wall = wall
        self._monotonic = monotonic
        self._cluster = cluster
        self._members = Members(wall)
        #: everybody who is told of changes: clients, and leaf nodes where there are any
        self._groups = [self._members]
        self._elsewhere = Elsewhere()
        self._members.others = self._others
        self._watchers: list[Callable[[str], None]] = []
        self._timers = Timers(clock, wall)
        self._options: dict[str, AccountOptions] = {}
        self._plans: dict[str, Plan] = {}
        self._mappings: dict[str, Sequence[MappingEntry]] = {}
        #: exporting account -> those whose options name it
        self._importers: dict[str, dict[str, None]] = {}
        #: accounts to ask for, and those somebody looks for already
        self._unknown: set[str] = set()
        self._asked: set[str] = set()
        self.remote_latency = RemoteLatency(
            clock, self.find, lambda link: self.client_of(link), wall, monotonic
        )
        #: those that publish measurements, by account
        self._publishers: dict[str, IPublisher] = {}
        self.replace_all(())

    # what there is (IAccounts)

    def find(self, name: str) -> AccountOptions | None:
        """The account of that name, if it is known here now."""
        return self._options.get(name)

    def names(self) -> Sequence[str]:
        """All that are known here now."""
        return list(self._options)

    def connections(self, name: str) -> int:
        """How many clients of it are connected to this server."""
        return self._members.count(name)

    def leafnodes(self, name: str) -> int:
        """How many leaf node links it has on this server."""
        return sum(group.count(name) for group in self._groups[1:])

    def clients(self, name: str) -> Sequence[Any]:
        """Its clients, those who came first first."""
        return self._members.of(name)

    def incomplete(self, name: str) -> Sequence[str]:
        """Why imports of that account are left out, one sentence each."""
        plan = self._plans.get(name)
        return plan.refused if plan is not None else ()

    # who is in them

    def register(self, client: IAccountMember, identity: Identity) -> ClientFault | None:
        """Make ``client`` one of its identity's account, and of no other.

        :returns: why it cannot be; then it is in none.
        """
        return self._members.register(client, identity, self._options.get(identity.account))

    def unregister(self, client: IAccountMember) -> None:
        """It is in no account any more. Idempotent."""
        self._members.unregister(client)

    def watch(self, members: Members, changed: Callable[[str], None]) -> None:
        """Look after ``members``, too: leaf nodes.

        :param changed: called with the name of an account that is another now.
        """
        self._groups.append(members)
        members.others = self._elsewhere.leafnodes
        self.listen(changed)

    def listen(self, changed: Callable[[str], None]) -> None:
        """Call ``changed`` with the name of an account that is new, or another than it was."""
        self._watchers.append(changed)

    # who is in them on other servers

    def connections_elsewhere(
        self, server_id: str, name: str, clients: int, leafnodes: int
    ) -> None:
        """Another server has so many of that account: they count for its limits.

        If there are too many now, some have got in at the same time on several servers. Those
        who came last go soon, on every server that notices: they may come again if that were
        more than needed (nats-server: ``updateRemoteServer``).
        """
        options = self._options.get(name)
        if options is None:
            return
        self._elsewhere.says(server_id, name, clients, leafnodes)
        if any(group.excess(options) > 0 for group in self._groups):
            # Not now: this is heard in the middle of a message.
            self._timers.at(("excess", name), _SOON, lambda: self._close_excess(name))

    def server_gone(self, server_id: str) -> None:
        """That server has none of any account any more."""
        self._elsewhere.server_gone(server_id)

    def _others(self, name: str) -> int:
        """Leaf nodes of this server take places of clients, those of others do not
        (nats-server: ``MaxTotalConnectionsReached``)."""
        return self.leafnodes(name) + self._elsewhere.clients(name)

    def _close_excess(self, name: str) -> None:
        """Those who came last go: of all that are here for ``max_connections``, of the leaf
        nodes for ``max_leafnodes``."""
        options = self._options.get(name)
        if options is None:
            return
        going: dict[Any, None] = {}
        for group, candidates in ((group, self._candidates(group)) for group in self._groups):
            excess = max(0, group.excess(options))
            numbered = sorted(
                (pair for each in candidates for pair in each.arrivals(name)),
                key=itemgetter(0),
                reverse=True,
            )
            going.update((member, None) for _, member in numbered[:excess])
        for member in going:
            member.fault(MaximumAccountConnectionsExceeded())

    def _candidates(self, group: Members) -> Sequence[Members]:
        return self._groups if group is self._members else [group]

    # changing them

    def replace_all(self, accounts: Iterable[AccountOptions]) -> None:
        """These are the accounts of the configuration now; JWT accounts stay.

        Clients of accounts that are gone are closed. Those of changed ones are looked at as
        in :meth:`update`.

        :raises pubsub.errors.ConfigError: one of them cannot be; nothing was changed.
        """
        wanted, mappers, plans = self._planned(accounts)
        # Nothing fails from here on.
        before, self._options = self._options, wanted
        for name in before.keys() - wanted.keys():
            self._index(before[name], None)
            self._forget(name)
            self._close_all(name)
        for name, plan in plans.items():
            self._index(before.get(name), wanted[name])
            self._apply(name, plan, mappers[name])
        for name, account in wanted.items():
            if before.get(name) != account:
                self._look_at_clients(account)
            if name not in before:
                self._appears(name)
        self._ask_for_missing()

    def check(self, accounts: Iterable[AccountOptions]) -> None:
        """Would :meth:`replace_all` take them? Changes nothing.

        :raises pubsub.errors.ConfigError: it would not.
        """
        self._planned(accounts)

    def _planned(
        self, accounts: Iterable[AccountOptions]
    ) -> tuple[dict[str, AccountOptions], dict[str, AccountMapper | None], dict[str, Plan]]:
        wanted = {account.name: account for account in self._builtin()}
        wanted.update({name: a for name, a in self._options.items() if a.claims is not None})
        for account in accounts:
            wanted[account.name] = account
        mappers = {name: self._mapper(account) for name, account in wanted.items()}
        return wanted, mappers, plan_all(wanted, self.system_account, self.check_activation)

    def update(self, options: AccountOptions) -> None:
        """Add the account, or change it: its clients are updated or disconnected at once.

        :raises pubsub.errors.ConfigError: its exports or imports cannot be (of a JWT account:
            such imports are left out); nothing was changed.
        """
        name, strict = options.name, options.claims is None
        mapper = self._mapper_of(options, strict)
        if strict:
            check_exports(options)
        before = self._options.get(name)
        self._options[name] = options
        try:
            plan = self._planner().plan(options, strict=strict)
        except ConfigError:
            if before is None:
                del self._options[name]
            else:
                self._options[name] = before
            raise
        self._index(before, options)
        self._asked.discard(name)
        self._apply(name, plan, mapper)
        self._plan_importers(name)
        self._look_at_clients(options)
        if before is None:
            self._appears(name)
        self._ask_for_missing()

    def remove(self, name: str, *, silently: bool = False) -> None:
        """Forget it; its clients are disconnected. Of ``$G`` and the system account only what
        was said about them is forgotten, and their clients stay.

        :param silently: close its clients without a word, as a reload does. Otherwise they are
            told what nats-server says when a resolver has deleted the account.
        """
        for account in self._builtin():
            if account.name == name:
                self.update(account)
                return
        options = self._options.pop(name, None)
        if options is None:
            return
        self._index(options, None)
        self._forget(name)
        self._plan_importers(name)
        self._ask_for_missing()
        if silently:
            self._close_all(name)
        else:
            self._expired(name)

    def in_cluster(self, name: str) -> None:
        """This server's cluster has that name from now on: mappings for one cluster follow.

        nats-server looks at the name for each message (``selectMappedSubject``).
        """
        if name == self._cluster:
            return
        self._cluster = name
        for account in self._mappings:
            mapper = self._mapper_of(self._options[account], strict=False)
            self._router.set_mapper(account, mapper)

    def close(self) -> None:
        """The server ends: no more timers, no more measurements."""
        self._timers.stop()
        self.internal_client = None
        for name in list(self._publishers):
            self._publishers.pop(name).close()

    # what follows

    def _appears(self, name: str) -> None:
        if self.appeared is not None:
            self.appeared(name)

    def _builtin(self) -> list[AccountOptions]:
        names = [GLOBAL_ACCOUNT, self.system_account] if self.system_account else [GLOBAL_ACCOUNT]
        return [AccountOptions(name) for name in names]

    def _mapper(self, options: AccountOptions) -> AccountMapper | None:
        if not options.mappings:
            return None
        try:
            return AccountMapper(options.mappings, self._cluster)
        except BadSubjectTransform as error:
            refusal = ConfigError(f'Error adding mapping of account "{options.name}": {error}')
            refusal.path = ("accounts", options.name, "mappings")
            raise refusal from error

    def _mapper_of(self, options: AccountOptions, strict: bool) -> AccountMapper | None:
        try:
            return self._mapper(options)
        except ConfigError as error:
            if strict:
                raise
            self._log.error("{error}", error=error)
            return None

    def _apply(self, name: str, plan: Plan, mapper: AccountMapper | None) -> None:
        """Tell the router what is different now."""
        before = self._plans.get(name)
        self._plans[name] = plan
        mappings = self._options[name].mappings
        if self._mappings.get(name, ()) != mappings:
            self._mappings[name] = mappings
            self._router.set_mapper(name, mapper)
        if plan.streams != (before.streams if before is not None else ()):
            imports = StreamImports(plan.streams) if plan.streams else None
            self._router.set_stream_imports(name, imports)
        if plan.services != (before.services if before is not None else ()):
            routes = [
                service_route(spec, self._observer(spec), self.system_account)
                for spec in plan.services
            ]
            self._router.set_service_imports(name, routes)
        for reason in plan.refused:
            if before is None or reason not in before.refused:
                self._log.warn("{reason}", reason=reason)
        self._unknown |= plan.unknown
        self._timers.at(("activation", name), plan.until, lambda: self._plan_again(name))
        for changed in self._watchers:
            changed(name)

    def _forget(self, name: str) -> None:
        plan = self._plans.pop(name, Plan())
        if self._mappings.pop(name, ()):
            self._router.set_mapper(name, None)
        if plan.streams:
            self._router.set_stream_imports(name, None)
        if plan.services:
            self._router.set_service_imports(name, ())
        self._timers.cancel(("activation", name))
        self._timers.cancel(("account", name))
        self._timers.cancel(("excess", name))
        self._elsewhere.account_gone(name)
        publisher = self._publishers.pop(name, None)
        if publisher is not None:
            publisher.close()

    def _plan_again(self, name: str) -> None:
        """Something its imports depend on has changed."""
        options = self._options.get(name)
        if options is None:
            return
        # Nobody is there who could be told that it is wrong now: what cannot be is left out.
        plan = self._planner().plan(options, strict=False)
        self._apply(name, plan, self._mapper_of(options, strict=False))

    def _planner(self) -> Planner:
        return Planner(self._options, self._plans, self.system_account, self.check_activation)

    def _index(self, before: AccountOptions | None, after: AccountOptions | None) -> None:
        """Remember who imports from whom."""
        for import_ in before.imports if before is not None else ():
            assert before is not None
            self._importers.get(import_.account, {}).pop(before.name, None)
        for import_ in after.imports if after is not None else ():
            assert after is not None
            self._importers.setdefault(import_.account, {})[after.name] = None

    def _plan_importers(self, exporter: str) -> None:
        everybody = exporter == self.system_account
        for name in list(self._options if everybody else self._importers.get(exporter, ())):
            if name != exporter:
                self._plan_again(name)

    def _look_at_clients(self, options: AccountOptions) -> None:
        for group in self._groups:
            group.changed(options)
        self._timers.at(
            ("account", options.name), options.expires, lambda: self._expired(options.name)
        )

    def _expired(self, name: str) -> None:
        for group in self._groups:
            group.fault_all(name, AccountAuthenticationExpired())

    def _close_all(self, name: str) -> None:
        for group in self._groups:
            group.close_all(name)

    def _ask_for_missing(self) -> None:
        """Ask for the accounts that imports name and nobody knows."""
        unknown, self._unknown = self._unknown, set()
        if self.missing is None:
            return
        for name in sorted(unknown - self._options.keys() - self._asked):
            self._asked.add(name)
            answer = self.missing(name)
            if answer is not None:
                answer.addErrback(self._not_found, name)
                answer.addCallback(self._answered, name)

    def _answered(self, result: object, name: str) -> None:
        """It was found, and :meth:`update` was called, or it was not: ask again another time."""
        self._asked.discard(name)

    def _not_found(self, failure: Failure, name: str) -> None:
        self._log.debug(
            "Account {name} could not be fetched: {error}",
            name=name,
            error=failure.getErrorMessage(),
        )

    def _observer(self, spec: ServiceSpec) -> IServiceObserver | None:
        if spec.latency is None or not self.system_account:
            return None

        def publish(subject: bytes, payload: bytes) -> None:
            # The router is in the middle of a message now.
            self._clock.callLater(0, self._publish_metric, spec.account, subject, payload)

        return LatencyObserver(
            spec.latency,
            spec.share,
            lambda link: self.client_of(link),
            publish,
            self._wall,
            self._monotonic,
            remote=self.remote_latency,
        )

    def _publish_metric(self, account: str, subject: bytes, payload: bytes) -> None:
        if self.internal_client is None or account not in self._options:
            return
        publisher = self._publishers.get(account)
        if publisher is None:
            publisher = self._publishers[account] = self.internal_client(account)
        publisher.publish(subject, payload)
