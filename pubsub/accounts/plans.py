"""What the options of an account come to, given those of all others: pure functions.

An import that cannot be is an error in a configuration file and for a program. Accounts
that come as JWTs arrive one by one and change without asking, so their imports may be
incomplete: what cannot be is left out, and tried again when the other account changes
(nats-server: ``updateAccountClaimsWithRefresh``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pubsub.accounts.automatic import automatic_exports, automatic_imports
from pubsub.accounts.cycles import Edge, check_service_cycle, check_stream_cycle
from pubsub.accounts.exports import (
    ActivationCheck,
    check_exports,
    encode,
    find_export,
    judge,
    usable,
)
from pubsub.accounts.imports import ServiceSpec, StreamSpec, service_spec, stream_spec
from pubsub.errors import ConfigError
from pubsub.router.subjects import is_subset
from pubsub.values.accounts import (
    AccountOptions,
    Export,
    ServiceExport,
    ServiceImport,
    StreamExport,
    StreamImport,
)

__all__ = ["Plan", "Planner", "plan_all"]


@dataclass(frozen=True)
class Plan:
    """What the router is told about one account."""

    streams: tuple[StreamSpec, ...] = ()
    services: tuple[ServiceSpec, ...] = ()
    #: why imports were left out
    refused: tuple[str, ...] = ()
    #: the accounts they name that are not known
    unknown: frozenset[str] = frozenset()
    #: epoch seconds when the first activation ends, 0.0 for never
    until: float = 0.0


class Planner:
    """Makes the plans of accounts, one after the other; a cycle is closed by the later one.

    :param accounts: all that are known.
    :param plans: those made before, of other accounts and of this; may change meanwhile.
    :param system_account: its name, ``""`` without one.
    """

    def __init__(
        self,
        accounts: Mapping[str, AccountOptions],
        plans: Mapping[str, Plan],
        system_account: str,
        check_activation: ActivationCheck | None = None,
    ) -> None:
        self._accounts = accounts
        self._plans = plans
        self._system_account = system_account
        self._check_activation = check_activation

    def plan(self, account: AccountOptions, *, strict: bool) -> Plan:
        """The plan of ``account``.

        :param strict: refuse imports that cannot be, rather than leave them out.
        :raises pubsub.errors.ConfigError: if so, and there is one.
        """
        making = _Making()
        for number, import_ in enumerate(account.imports):
            try:
                self._add(account, import_, making)
            except ConfigError as error:
                text = f'{error.message} (account "{account.name}")'
                if strict:
                    refusal = type(error)(text)
                    refusal.path = ("accounts", account.name, "imports", number)
                    raise refusal from None
                making.refused.append(text)
        self._add_automatic(account, making)
        return making.plan()

    def exports(self, name: str) -> Sequence[Export]:
        """All that the account exports, its own first."""
        account = self._accounts.get(name)
        if account is None:
            return ()
        if name == self._system_account:
            return (*account.exports, *automatic_exports(account.exports))
        return account.exports

    def _add(
        self, account: AccountOptions, import_: StreamImport | ServiceImport, making: _Making
    ) -> None:
        exporter = self._accounts.get(import_.account)
        kind = "stream" if isinstance(import_, StreamImport) else "service"
        if exporter is None:
            making.unknown.add(import_.account)
            raise ConfigError(f'"{import_.account}" account not defined for {kind} import')
        title = f'Error adding {kind} import "{import_.subject}" from account "{import_.account}"'
        verdict = judge(
            account, import_, exporter, self._check_activation, self.exports(exporter.name)
        )
        if verdict.export is None:
            raise ConfigError(f"{title}: {kind} import not authorized")
        try:
            if isinstance(import_, StreamImport):
                self._add_stream(account, stream_spec(import_), making)
            else:
                assert isinstance(verdict.export, ServiceExport)
                export = usable(exporter, verdict.export)
                self._add_service(account, service_spec(import_, export), making)
        except ConfigError as error:
            raise type(error)(
                error.message if error.message.startswith(title) else f"{title}: {error.message}"
            ) from None
        if verdict.until:
            making.until = min(making.until or verdict.until, verdict.until)

    def _add_stream(self, account: AccountOptions, spec: StreamSpec, making: _Making) -> None:
        for subject in (spec.local, spec.remote):
            check_stream_cycle(
                account.name,
                spec.account,
                subject,
                self._edges(account.name, making, lambda plan: plan.streams),
                self._exports_stream,
            )
        if any((spec.account, spec.remote) == (s.account, s.remote) for s in making.streams):
            raise ConfigError("stream import already exists")
        making.streams.append(spec)

    def _add_service(self, account: AccountOptions, spec: ServiceSpec, making: _Making) -> None:
        check_service_cycle(
            account.name,
            spec.account,
            spec.local,
            self._edges(account.name, making, lambda plan: plan.services),
        )
        for other in making.services:
            if (spec.account, spec.local) == (other.account, other.local):
                raise ConfigError(
                    f'duplicate service import subject "{_text(spec.local)}", previously used '
                    f'in import for account "{other.account}", subject "{_text(other.remote)}"'
                )
        making.services.append(spec)

    def _add_automatic(self, account: AccountOptions, making: _Making) -> None:
        if self._system_account not in self._accounts:
            return
        exports = self.exports(self._system_account)
        for import_ in automatic_imports(account, self._system_account):
            export = find_export(exports, import_.subject, ServiceExport)
            assert export is None or isinstance(export, ServiceExport)
            making.services.append(service_spec(import_, export))

    def _edges(
        self,
        name: str,
        making: _Making,
        chosen: Callable[[Plan | _Making], Sequence[StreamSpec | ServiceSpec]],
    ) -> Callable[[str], Sequence[Edge]]:
        """The imports of each account as they are so far."""
        none = Plan()

        def edges(account: str) -> Sequence[Edge]:
            source = making if account == name else self._plans.get(account, none)
            return [Edge(spec.account, spec.local, spec.remote) for spec in chosen(source)]

        return edges

    def _exports_stream(self, name: str, subject: bytes) -> bool:
        return any(
            isinstance(export, StreamExport) and is_subset(subject, encode(export.subject))
            for export in self.exports(name)
        )


class _Making:
    """A plan while it is made."""

    def __init__(self) -> None:
        self.streams: list[StreamSpec] = []
        self.services: list[ServiceSpec] = []
        self.refused: list[str] = []
        self.unknown: set[str] = set()
        self.until = 0.0

    def plan(self) -> Plan:
        return Plan(
            tuple(self.streams),
            tuple(self.services),
            tuple(self.refused),
            frozenset(self.unknown),
            self.until,
        )


def _text(subject: bytes) -> str:
    return subject.decode("utf-8", "replace")


def plan_all(
    accounts: Mapping[str, AccountOptions],
    system_account: str,
    check_activation: ActivationCheck | None = None,
) -> dict[str, Plan]:
    """The plans of all accounts, by name.

    :raises pubsub.errors.ConfigError: exports or imports of one of them cannot be, and it did
        not come as a JWT.
    """
    for account in accounts.values():
        if account.claims is None:
            check_exports(account)
    plans: dict[str, Plan] = {}
    planner = Planner(accounts, plans, system_account, check_activation)
    for account in accounts.values():
        plans[account.name] = planner.plan(account, strict=account.claims is None)
    return plans
