"""Who is in which account, and what becomes of them when it changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pubsub.accounts.members import Members
from pubsub.errors import (
    ClientFault,
    ClosedState,
    MaximumAccountConnectionsExceeded,
    UserAuthenticationRevoked,
)
from pubsub.values.accounts import AccountLimits, AccountOptions
from pubsub.values.identity import Identity
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


def test_those_of_others_count_for_the_limit() -> None:
    """How many there may be more, or are too many; without a limit nobody counts."""
    members = Members(lambda: NOW)
    assert (members.excess(A), members.excess(TWO)) == (-1, -2)
    client = World(A).client()
    members.register(client, client.identity, TWO)
    assert members.excess(TWO) == -1
    members.others = {"A": 2}.__getitem__
    assert (members.excess(A), members.excess(TWO)) == (-1, 1)


def test_who_came_later_has_a_higher_number() -> None:
    """Also if others came into another group."""
    world = World(A)
    first, second = world.client(), world.client()
    clients, leafs = Members(lambda: NOW), Members(lambda: NOW)
    clients.register(first, first.identity, A)
    leafs.register(second, second.identity, A)
    clients.register(second, second.identity, A)
    (one, three), (two,) = clients.arrivals("A"), leafs.arrivals("A")
    assert [one[1], two[1], three[1]] == [first, second, second]
    assert one[0] < two[0] < three[0]
    assert clients.arrivals("B") == []


BOTH = replace(A, limits=AccountLimits(max_connections=2, max_leafnodes=1))


class Leafs(Members):
    """Leaf nodes: a limit of their own."""

    def limit(self, account: AccountOptions) -> int:
        return account.limits.max_leafnodes


class FakeLeaf:
    """A leaf node that does as it is told."""

    def __init__(self, leafs: Leafs) -> None:
        self.identity = Identity("u", "A")
        self.happened: list[Any] = []
        self.refused: ClientFault | None = None
        self._leafs = leafs

    def fault(self, fault: ClientFault) -> None:
        self.happened.append(fault.wire)
        self._leafs.unregister(self)

    def close(self, state: ClosedState) -> None:
        raise NotImplementedError

    def account_changed(self, account: AccountOptions) -> None:
        raise NotImplementedError


def leaf_of(world: World, leafs: Leafs) -> FakeLeaf:
    leaf = FakeLeaf(leafs)
    leaf.refused = leafs.register(leaf, leaf.identity, world.accounts.find("A"))
    return leaf


def with_leafs(account: AccountOptions) -> tuple[World, Leafs]:
    world, leafs = World(account), Leafs(lambda: NOW)
    world.accounts.watch(leafs, lambda name: None)
    return world, leafs


def test_clients_of_other_servers_take_places() -> None:
    """Until they go, or their server does."""
    world = World(TWO)
    world.accounts.connections_elsewhere("NB", "A", 1, 5)
    world.accounts.connections_elsewhere("NC", "A", 0, 0)
    assert world.client().refused is None
    assert isinstance(world.client().refused, MaximumAccountConnectionsExceeded)
    assert world.accounts.connections("A") == 1
    world.accounts.connections_elsewhere("NB", "A", 0, 0)
    client = world.client()
    assert client.refused is None
    world.accounts.unregister(client)
    world.accounts.connections_elsewhere("NC", "A", 1, 0)
    assert world.client().refused is not None
    world.accounts.server_gone("NC")
    assert world.client().refused is None


def test_leaf_nodes_of_other_servers_take_places_of_leaf_nodes() -> None:
    """Not of clients; those of this server take both (nats-server counts so)."""
    world, leafs = with_leafs(BOTH)
    world.accounts.connections_elsewhere("NB", "A", 0, 1)
    assert isinstance(leaf_of(world, leafs).refused, MaximumAccountConnectionsExceeded)
    world.accounts.connections_elsewhere("NB", "A", 0, 0)
    assert leaf_of(world, leafs).refused is None
    assert world.client().refused is None
    assert isinstance(world.client().refused, MaximumAccountConnectionsExceeded)


def test_those_who_came_last_go_when_others_have_too_many() -> None:
    """Not in the middle of the message that says so; and as many as are too many then."""
    world = World(TWO)
    clients = [world.client() for _ in range(2)]
    world.accounts.connections_elsewhere("NB", "A", 2, 0)
    world.accounts.connections_elsewhere("NB", "A", 1, 0)
    assert [client.happened for client in clients] == [[], []]
    world.clock.advance(0)
    assert [client.happened for client in clients] == [[], [FULL]]
    world.clock.advance(10)
    assert clients[0].happened == []
    world.accounts.connections_elsewhere("NB", "A", 7, 0)
    world.clock.advance(0)
    assert clients[0].happened == [FULL]


def test_nobody_goes_if_others_have_gone_meanwhile() -> None:
    world = World(TWO)
    clients = [world.client() for _ in range(2)]
    world.accounts.connections_elsewhere("NB", "A", 2, 0)
    world.accounts.server_gone("NB")
    world.clock.advance(0)
    assert [client.happened for client in clients] == [[], []]


def test_leaf_nodes_go_for_both_limits() -> None:
    """Whoever came last, of all for the one, of the leaf nodes for the other."""
    world, leafs = with_leafs(replace(A, limits=AccountLimits(max_connections=3, max_leafnodes=2)))
    first, leaf, second = world.client(), leaf_of(world, leafs), leaf_of(world, leafs)
    world.accounts.connections_elsewhere("NB", "A", 1, 0)
    world.clock.advance(0)
    assert (first.happened, leaf.happened, second.happened) == ([], [], [FULL])
    world.accounts.connections_elsewhere("NB", "A", 1, 2)
    world.clock.advance(0)
    assert (first.happened, leaf.happened, second.happened) == ([], [FULL], [FULL])


def test_of_an_account_that_is_not_known_nothing_is_kept() -> None:
    """Nor of one that is forgotten, which may come again."""
    world = World()
    world.accounts.connections_elsewhere("NB", "A", 2, 0)
    world.accounts.update(TWO)
    clients = [world.client() for _ in range(2)]
    assert [client.refused for client in clients] == [None, None]
    world.accounts.connections_elsewhere("NB", "A", 2, 0)
    world.accounts.remove("A")
    for client in clients:
        world.accounts.unregister(client)
    world.accounts.update(TWO)
    world.clock.advance(0)
    assert world.client().refused is None
    assert [client.happened.count(FULL) for client in clients] == [0, 0]


def test_an_account_that_is_new_is_told_of() -> None:
    """Once: not when it changes."""
    world = World()
    world.accounts.update(A)
    new: list[str] = []
    world.accounts.appeared = new.append
    world.accounts.update(TWO)
    world.accounts.update(AccountOptions("B"))
    world.accounts.replace_all([TWO, AccountOptions("B"), AccountOptions("C")])
    world.accounts.replace_all([TWO])
    world.accounts.replace_all([A, AccountOptions("C")])
    assert new == ["B", "C", "C"]
