"""Our operator mode gives the verdicts of the table."""

from __future__ import annotations

import pytest

from pubsub.auth.jwt.operator import OperatorAuthenticator
from pubsub.auth.jwt.operators import TrustedOperators
from pubsub.auth.jwt.resolvers.memory import MemoryResolver
from pubsub.errors import AuthenticationFailed
from pubsub.interfaces import ConnectionAttempt
from tests.auth.jwt.cases import CASES, Case
from tests.auth.jwt.world import NONCE, FakeClient, FakeServer, World, result


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_verdict_is_nats_servers(case: Case) -> None:
    world = World()
    server = FakeServer()
    accounts, connect = case.make(world)
    authenticator = OperatorAuthenticator(
        TrustedOperators([world.operator_jwt()]),
        MemoryResolver(accounts),
        wall=server.clock.seconds,
    )
    authenticator.use_server(server)
    attempt = ConnectionAttempt(connect(NONCE), "127.0.0.1:5", nonce=NONCE, host="127.0.0.1")
    try:
        identity = result(authenticator.authenticate(attempt))
    except AuthenticationFailed:
        accepted = False
    else:
        # an account may have no room for it
        accepted = server.accounts.register(FakeClient(identity), identity) is None
    assert accepted == case.accepted
