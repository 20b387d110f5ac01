"""What the connections of one server share."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random
from typing import Any

from twisted.internet.interfaces import IReactorTime

from pubsub.accounts.registry import Accounts
from pubsub.accounts.users import Users
from pubsub.client.deadlines import Deadlines
from pubsub.client.faultlog import FaultLog
from pubsub.client.preamble_types import TlsDetails
from pubsub.client.registry import Registry
from pubsub.client.sweep import WriteDeadlineSweep
from pubsub.config.complete import IMPLIED_USER
from pubsub.config.options import Options
from pubsub.interfaces import (
    IAuthenticator,
    IClientObserver,
    IConnectionHook,
    IRouter,
    LinkOptions,
)
from pubsub.wire.info import InfoRenderer

__all__ = ["ClientContext", "link_options"]


@lru_cache(maxsize=256)
def link_options(
    verbose: bool,
    pedantic: bool,
    echo: bool,
    headers: bool,
    no_responders: bool,
    max_payload: int,
    max_subscriptions: int,
) -> LinkOptions:
    """One object for all the connections that chose the same."""
    return LinkOptions(
        verbose, pedantic, echo, headers, no_responders, max_payload, max_subscriptions
    )


def _no_tls(transport: Any, protocol: Any, pending: bytes) -> None:
    raise RuntimeError("this server was built without TLS")


def _no_details(transport: Any) -> TlsDetails:
    return TlsDetails()


@dataclass(eq=False)
class ClientContext:
    """The server as its connections see it. ``pubsub.server`` builds one.

    A reload assigns ``options``, ``authenticator`` and ``info``; then
    :mod:`pubsub.client.reload` applies them to who is connected.
    """

    options: Options
    router: IRouter
    clock: IReactorTime
    authenticator: IAuthenticator
    info: InfoRenderer
    registry: Registry
    #: begins TLS as server: ``start_tls(transport, protocol, pending)``; ``pending`` are the
    #: peer's bytes that were read already and belong to the handshake
    start_tls: Callable[[Any, Any, bytes], None] = _no_tls
    #: what the handshake on a transport agreed on
    tls_details: Callable[[Any], TlsDetails] = _no_details
    #: asked before each handshake (``connection_rate_limit``), ``None`` for no limit
    allow_handshake: Callable[[], bool] | None = None
    #: a nonce for INFO, ``""`` for none; called once for each connection
    nonce: Callable[[], str] = str
    #: epoch seconds: for what people see, and to compare with ``ILink.last_input``
    wall: Callable[[], float] = time.time
    #: to compare with ``ILink.blocked_since``
    monotonic: Callable[[], float] = time.monotonic
    #: spreads the first PINGs
    random: Random = field(default_factory=Random)
    #: the account INFO calls the system account, ``""`` without one
    system_account: str = "$SYS"
    #: which accounts there are, and who is in them; by default $G and the system account
    accounts: Accounts = None  # type: ignore[assignment]
    #: the users of the lists: who was one of them has to go when it is not any more
    users: Users = field(default_factory=Users)
    #: told of every client that is accepted, refused or gone
    observer: IClientObserver | None = None
    #: asked about every client that is known now, before it is taken in
    admission: IConnectionHook | None = None
    #: the clusters this one sends to, the nearest first: services are told, see request_info
    alternates: Callable[[], Sequence[str]] = tuple
    #: a reload is changing accounts and users: everybody is looked at once, when it has
    reloading: bool = False
    deadlines: Deadlines = field(init=False)
    faults: FaultLog = field(init=False)
    sweep: WriteDeadlineSweep = field(init=False)

    def __post_init__(self) -> None:
        if self.accounts is None:
            self.accounts = Accounts(
                self.router, self.clock, system_account=self.system_account, wall=self.wall
            )
        self.deadlines = Deadlines(self.clock)
        self.faults = FaultLog(self.clock.seconds)
        self.sweep = WriteDeadlineSweep(self)

    @property
    def anybody(self) -> bool:
        """Whether the first INFO says that no credentials are needed, though there are users.

        nats-server says so if ``no_auth_user`` was configured, not if it follows from there
        being only a system account.
        """
        return self.options.no_auth_user not in ("", IMPLIED_USER)

    @property
    def required(self) -> bool:
        """Whether CONNECT has to come first: somebody wants credentials, or the configuration
        has users, even if a program has dropped the last of them: that must not open the door.
        """
        return bool(self.authenticator.required or self.options.users)
