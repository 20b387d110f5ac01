"""Who is in which account, and what becomes of them when it changes."""

from __future__ import annotations

from dataclasses import replace

from pubsub.accounts.members import Members
from pubsub.errors import ClosedState, MaximumAccountConnectionsExceeded, UserAuthenticationRevoked
from pubsub.values.accounts import AccountLimits, AccountOptions
from tests.accounts.fakes import NOW, World

A = AccountOptions("A")
TWO = replace(A, limits=AccountLimits(max_connections=2))
FULL = "maximum account active connections exceeded"


def test_clients_are_in_one_account() -> None:
    """A second CONNECT moves them."""
    world = World(A, AccountOptions("B"))
    client = world.client()
    assert client.refused is None
    assert world.accounts.connections("A") == 1
    assert list(world.accounts.clients("A")) == [client]
    world.accounts.register(client, replace(client.identity, account="B"))
    assert (world.accounts.connections("A"), world.accounts.connections("B")) == (0, 1)
    world.accounts.unregister(client)
    world.accounts.unregister(client)
    assert world.accounts.connections("B") == 0


def test_an_account_that_is_not_there() -> None:
    """nats-server's text for the client, and one that says more for the log."""
    client = World().client("nowhere")
    assert client.refused is not None
    assert client.refused.to_bytes() == b"-ERR 'Failed Account Registration'\r\n"
    assert client.refused.detail == 'Problem registering with account "nowhere": account missing'
    assert client.refused.closed_state is ClosedState.MISSING_ACCOUNT


def test_an_account_that_is_full() -> None:
    """Who is refused is in none, not even the one it came from."""
    world = World(TWO, AccountOptions("B"))
    first, second = world.client(), world.client()
    third = world.client("B")
    fault = world.accounts.register(third, replace(third.identity, account="A"))
    assert isinstance(fault, MaximumAccountConnectionsExceeded)
    assert world.accounts.connections("B") == 0
    # coming again is no second client
    assert world.accounts.register(second, second.identity) is None
    world.accounts.unregister(first)
    assert world.accounts.register(third, third.identity) is None


def test_an_account_for_nobody() -> None:
    """A limit of 0 is one."""
    world = World(replace(A, limits=AccountLimits(max_connections=0)))
    refused = world.client().refused
    assert refused is not None
    assert refused.wire == FULL


def test_an_account_that_is_over() -> None:
    """Nobody gets in."""
    world = World(replace(A, expires=NOW - 1))
    refused = world.client().refused
    assert refused is not None
    assert refused.wire == "Account Authentication Expired"


def test_those_who_came_last_go_when_there_are_too_many() -> None:
    """The others hear of the account's new limits."""
    world = World(A)
    clients = [world.client() for _ in range(4)]
    world.accounts.update(TWO)
    assert [client.happened for client in clients] == [[TWO], [TWO], [FULL], [FULL]]
    assert world.accounts.connections("A") == 2


def test_each_client_is_judged_by_what_let_it_in() -> None:
    """Revocations, signing keys: whoever made the identity knows."""
    world = World(A)
    asked = []

    def still_valid(account: AccountOptions) -> UserAuthenticationRevoked | None:
        asked.append(account)
        return UserAuthenticationRevoked()

    revoked, other = world.client(still_valid=still_valid), world.client(still_valid=lambda _: None)
    world.accounts.update(TWO)
    assert asked == [TWO]
    assert revoked.happened == [TWO, "User Authentication Revoked"]
    assert other.happened == [TWO]


def test_nobody_is_asked_who_is_too_many() -> None:
    """The first reason is the one it is told."""

    def still_valid(account: AccountOptions) -> None:
        raise AssertionError

    world = World(A)
    world.client()
    world.client()
    last = world.client(still_valid=still_valid)
    world.accounts.update(TWO)
    assert last.happened == [FULL]


def test_all_of_an_account_may_have_to_go() -> None:
    """With a word, or without one."""
    world = World(A)
    members = Members(lambda: NOW)
    client = world.client()
    members.register(client, client.identity, A)
    members.fault_all("A", MaximumAccountConnectionsExceeded())
    members.close_all("A")
    assert client.happened == [FULL, ClosedState.CLIENT_CLOSED]


def test_an_account_without_clients_is_forgotten() -> None:
    """Names of accounts may come from anywhere."""
    members = Members(lambda: NOW)
    assert members.count("A") == 0
    assert list(members.of("A")) == []
    members.fault_all("A", MaximumAccountConnectionsExceeded())
    members.close_all("A")
