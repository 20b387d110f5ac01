"""A router that remembers what it is told, and clients that remember what happens to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.task import Clock

from pubsub.accounts.registry import Accounts
from pubsub.errors import ClientFault, ClosedState
from pubsub.interfaces import IStreamImports, ISubjectMapper, ServiceRoute
from pubsub.values.accounts import AccountOptions
from pubsub.values.identity import Identity

#: epoch seconds
NOW = 1_700_000_000.0


class FakeRouter:
    """What the router knows, and in how many steps it was told."""

    def __init__(self) -> None:
        self.mappers: dict[str, ISubjectMapper | None] = {}
        self.streams: dict[str, IStreamImports | None] = {}
        self.services: dict[str, Sequence[ServiceRoute]] = {}
        self.told: list[tuple[str, str]] = []

    def set_mapper(self, account: str, mapper: ISubjectMapper | None) -> None:
        self.mappers[account] = mapper
        self.told.append(("mapper", account))

    def set_stream_imports(self, account: str, imports: IStreamImports | None) -> None:
        self.streams[account] = imports
        self.told.append(("streams", account))

    def set_service_imports(self, account: str, routes: Sequence[ServiceRoute]) -> None:
        self.services[account] = routes
        self.told.append(("services", account))

    def requests(self, account: str) -> dict[str, str]:
        """What clients of it may ask and whom, what is automatic left out."""
        return {
            route.subject.decode(): route.account
            for route in self.services.get(account, ())
            if not route.subject.startswith(b"$SYS.")
        }

    def hears(self, account: str, subject: bytes) -> list[tuple[str, bytes]]:
        """Where a subscription of it goes besides its own account."""
        imports = self.streams.get(account)
        shadows = imports.shadows(subject) if imports is not None else ()
        return [(shadow.account, shadow.subject) for shadow in shadows]


class FakeClient:
    """A client that does as it is told."""

    def __init__(self, accounts: Accounts, account: str = "A", **identity: Any) -> None:
        self.accounts = accounts
        self.identity = Identity("u", account, **identity)
        self.happened: list[Any] = []
        self.refused = accounts.register(self, self.identity)

    def fault(self, fault: ClientFault) -> None:
        self.happened.append(fault.wire)
        if fault.closed_state is not None:
            self.accounts.unregister(self)

    def close(self, state: ClosedState) -> None:
        self.happened.append(state)
        self.accounts.unregister(self)

    def account_changed(self, account: AccountOptions) -> None:
        self.happened.append(account)


class World:
    """Accounts over a router that only remembers."""

    def __init__(self, *configured: AccountOptions, **arguments: Any) -> None:
        self.clock = Clock()
        self.clock.rightNow = NOW
        self.router = FakeRouter()
        self.accounts = Accounts(
            self.router,  # type: ignore[arg-type]
            self.clock,
            wall=self.clock.seconds,
            monotonic=self.clock.seconds,
            **arguments,
        )
        self.accounts.replace_all(configured)

    def client(self, account: str = "A", **identity: Any) -> FakeClient:
        return FakeClient(self.accounts, account, **identity)


Making = Callable[..., World]
