"""The accounts of a server, and what the router is told of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from zope.interface.verify import verifyObject

from pubsub.errors import ClosedState, ConfigError, CredentialsError, ImportCycle
from pubsub.interfaces import IAccounts
from pubsub.values.accounts import (
    AccountLimits,
    AccountOptions,
    LatencyOptions,
    MappingEntry,
    ServiceExport,
    ServiceImport,
    StreamExport,
    StreamImport,
    WeightedDestination,
)
from tests.accounts.fakes import NOW, World

E = AccountOptions("E", exports=(StreamExport("s.>"), ServiceExport("q")))
I = AccountOptions("I", imports=(StreamImport("E", "s.a"), ServiceImport("E", "q")))  # noqa: E741
#: what comes as a JWT has claims
JWT = object()


def mapping(source: str, to: str) -> MappingEntry:
    return MappingEntry(source, (WeightedDestination(to),))


def test_it_provides_what_it_says() -> None:
    """Authenticators rely on it."""
    verifyObject(IAccounts, World().accounts)


def test_two_accounts_always_exist() -> None:
    """Whatever the configuration says."""
    world = World()
    assert list(world.accounts.names()) == ["$G", "$SYS"]
    assert world.accounts.find("$G") == AccountOptions("$G")
    assert world.accounts.find("A") is None
    assert list(World(system_account="").accounts.names()) == ["$G"]
    assert list(World(system_account="S").accounts.names()) == ["$G", "S"]


def test_the_configuration_says_what_they_are() -> None:
    """Their names are names like others."""
    limited = AccountOptions("$G", limits=AccountLimits(max_connections=1))
    assert World(limited).accounts.find("$G") == limited


def test_the_router_learns_of_imports() -> None:
    """In whatever order the accounts are written."""
    for configured in ((E, I), (I, E)):
        world = World(*configured)
        assert world.router.hears("I", b"s.>") == [("E", b"s.a")]
        assert world.router.requests("I") == {"q": "E"}
        assert world.router.requests("E") == {}


def test_every_account_may_ask_the_system_account() -> None:
    """$G, too."""
    world = World(E)
    assert [route.subject for route in world.router.services["$G"]] == [
        b"$SYS.REQ.ACCOUNT.PING.CONNZ",
        b"$SYS.REQ.SERVER.PING.CONNZ",
        b"$SYS.REQ.ACCOUNT.PING.STATZ",
        b"$SYS.REQ.USER.INFO",
    ]
    info = world.router.services["E"][3]
    assert info.share
    assert info.mapper is not None
    assert info.mapper.map(info.subject) == (b"$SYS.REQ.USER.E.INFO", True)


def test_the_router_learns_of_mappings() -> None:
    """And of their end."""
    world = World(replace(E, mappings=(mapping("a", "b"),)))
    mapper = world.router.mappers["E"]
    assert mapper is not None
    assert mapper.map(b"a") == (b"b", True)
    world.accounts.update(E)
    assert world.router.mappers["E"] is None


def test_mappings_follow_the_name_of_the_cluster() -> None:
    """It may be learnt from others; accounts without mappings are none of its business."""
    there = MappingEntry("a", (WeightedDestination("c", 100, "C"), WeightedDestination("b")))
    world = World(replace(E, mappings=(there,)), I)
    told = []
    for cluster in ("C", "C", "D"):
        world.accounts.in_cluster(cluster)
        mapper = world.router.mappers["E"]
        assert mapper is not None
        told.append((mapper, mapper.map(b"a")[0]))
    assert [subject for _, subject in told] == [b"c", b"c", b"b"]
    assert told[0][0] is told[1][0]
    assert "I" not in world.router.mappers


def test_the_router_is_told_what_changed_and_no_more() -> None:
    """Each telling makes it ask about every subscription."""
    world = World(E, I)
    world.router.told.clear()
    world.accounts.replace_all((E, I))
    world.accounts.update(replace(E, limits=AccountLimits(max_payload=5)))
    assert world.router.told == []
    world.accounts.update(replace(I, imports=I.imports[:1]))
    assert world.router.told == [("services", "I")]


@pytest.mark.parametrize(
    "wrong",
    [
        (I,),
        (E, replace(I, imports=(StreamImport("E", "t"),))),
        (replace(E, exports=(StreamExport("a..b"),)),),
        (replace(E, mappings=(mapping("a", "b.$1"),)),),
        (
            AccountOptions("A", exports=(ServiceExport("q"),), imports=(ServiceImport("B", "q"),)),
            AccountOptions("B", exports=(ServiceExport("q"),), imports=(ServiceImport("A", "q"),)),
        ),
    ],
)
def test_a_wrong_configuration_changes_nothing(wrong: tuple[AccountOptions, ...]) -> None:
    """All is checked before anything is applied."""
    world = World(E, I)
    client = world.client("I")
    world.router.told.clear()
    with pytest.raises(ConfigError):
        world.accounts.replace_all(wrong)
    assert list(world.accounts.names()) == ["$G", "$SYS", "E", "I"]
    assert world.router.told == []
    assert client.happened == []


def test_a_wrong_update_changes_nothing() -> None:
    """Of an account that was there, or was not."""
    world = World(E, I)
    world.router.told.clear()
    back = ServiceImport("I", "q")
    with pytest.raises(ConfigError, match="not authorized"):
        world.accounts.update(replace(E, imports=(back,)))
    with pytest.raises(ConfigError, match='"X" account not defined'):
        world.accounts.update(AccountOptions("N", imports=(StreamImport("X", "s"),)))
    assert world.accounts.find("E") is E
    assert world.accounts.find("N") is None
    assert world.router.told == []


def test_a_cycle_names_the_chain() -> None:
    """Whoever closes it is told."""
    world = World(E, replace(I, exports=(ServiceExport("q"),)))
    with pytest.raises(ImportCycle, match="import forms a cycle: E -> I -> E"):
        world.accounts.update(replace(E, imports=(ServiceImport("I", "q"),)))


def test_exports_that_are_gone_end_imports(log: list[str]) -> None:
    """Until they are there again."""
    world = World(E, I)
    world.accounts.update(replace(E, exports=(ServiceExport("q"),)))
    assert world.router.hears("I", b"s.a") == []
    assert world.router.requests("I") == {"q": "E"}
    reason = (
        'Error adding stream import "s.a" from account "E": '
        'stream import not authorized (account "I")'
    )
    assert list(world.accounts.incomplete("I")) == [reason]
    assert log == [reason]
    world.accounts.update(E)
    assert world.router.hears("I", b"s.a") == [("E", b"s.a")]
    assert list(world.accounts.incomplete("I")) == []
    assert list(world.accounts.incomplete("nowhere")) == []


def test_a_response_type_that_changes_reaches_the_importers() -> None:
    """It is the export's to say."""
    world = World(E, I)
    world.accounts.update(replace(E, exports=(ServiceExport("q", response_threshold=1.0),)))
    route = world.router.services["I"][0]
    assert route.threshold == 1.0
    assert route.export == ("E", "q")


class TestRemoving:
    """Accounts that go."""

    def test_its_clients_go(self) -> None:
        """With what nats-server says when a resolver has deleted it."""
        world = World(E, I)
        client, other = world.client("E"), world.client("I")
        world.accounts.remove("E")
        assert client.happened == ["Account Authentication Expired"]
        assert other.happened == []
        assert world.accounts.find("E") is None
        assert world.accounts.connections("E") == 0
        assert world.client("E").refused is not None

    def test_silently(self) -> None:
        """As a reload does it."""
        world = World(E)
        client = world.client("E")
        world.accounts.remove("E", silently=True)
        assert client.happened == [ClosedState.CLIENT_CLOSED]

    def test_what_it_was_to_others_ends(self) -> None:
        """And begins again when it comes back."""
        world = World(E, I)
        world.accounts.remove("E")
        assert world.router.hears("I", b"s.a") == []
        assert world.router.requests("I") == {}
        world.accounts.update(E)
        assert world.router.hears("I", b"s.a") == [("E", b"s.a")]
        assert world.router.requests("I") == {"q": "E"}

    def test_what_others_were_to_it_ends(self) -> None:
        """The router forgets all of it."""
        world = World(E, replace(I, mappings=(mapping("a", "b"),), expires=NOW + 60))
        world.accounts.remove("I")
        assert world.router.streams["I"] is None
        assert world.router.services["I"] == ()
        assert world.router.mappers["I"] is None
        assert not world.clock.getDelayedCalls()

    def test_unknown_accounts_are_gone_already(self) -> None:
        """No error."""
        World().accounts.remove("nowhere")

    def test_the_global_account_stays(self) -> None:
        """Without its limits; its clients stay, too."""
        world = World(AccountOptions("$G", limits=AccountLimits(max_connections=9)))
        client = world.client("$G")
        world.accounts.remove("$G")
        assert world.accounts.find("$G") == AccountOptions("$G")
        assert client.happened == [AccountOptions("$G")]

    def test_a_reload_without_it(self) -> None:
        """Its clients are closed without a word, and nobody is told of it again."""
        world = World(E, I)
        importer, client = world.client("I"), world.client("E")
        world.accounts.replace_all(())
        assert importer.happened == client.happened == [ClosedState.CLIENT_CLOSED]
        world.router.told.clear()
        world.accounts.update(E)
        assert ("streams", "I") not in world.router.told


class TestReloading:
    """Accounts that change with the configuration."""

    def test_clients_of_changed_accounts_are_looked_at(self) -> None:
        """Others are left alone."""
        world = World(E, I)
        client, other = world.client("E"), world.client("I")
        changed = replace(E, limits=AccountLimits(max_payload=1))
        world.accounts.replace_all((changed, I))
        assert client.happened == [changed]
        assert other.happened == []

    def test_accounts_of_jwts_stay(self) -> None:
        """They are not in the configuration."""
        world = World()
        world.accounts.update(replace(E, claims=JWT))
        client = world.client("E")
        world.accounts.replace_all(())
        assert world.accounts.find("E") is not None
        assert client.happened == []


class TestExpiry:
    """Accounts that end."""

    def test_clients_are_told(self) -> None:
        """Then nobody gets in any more."""
        world = World(replace(E, expires=NOW + 60))
        client = world.client("E")
        world.clock.advance(59)
        assert client.happened == []
        world.clock.advance(1)
        assert client.happened == ["Account Authentication Expired"]
        refused = world.client("E").refused
        assert refused is not None
        assert refused.closed_state is ClosedState.AUTHENTICATION_EXPIRED

    def test_a_new_end_replaces_the_old_one(self) -> None:
        """Or there is none any more."""
        world = World(replace(E, expires=NOW + 60))
        client = world.client("E")
        world.accounts.update(E)
        world.clock.advance(100)
        assert client.happened == [E]

    def test_an_end_in_the_past(self) -> None:
        """Is now."""
        world = World(E)
        client = world.client("E")
        world.accounts.update(replace(E, expires=NOW - 1))
        assert client.happened == ["Account Authentication Expired"]


class TestActivations:
    """Imports that need a token."""

    PRIVATE = replace(E, exports=(StreamExport("s.>", token_required=True),))
    IMPORTER = AccountOptions("I", imports=(StreamImport("E", "s.a", token="jwt"),), claims=JWT)

    def test_they_end(self) -> None:
        """Then there is to be another judgement."""
        world = World()
        until = NOW + 60

        def check(*_: object) -> float | None:
            return until if world.clock.seconds() < until else None

        world.accounts.check_activation = check
        world.accounts.update(self.PRIVATE)
        world.accounts.update(self.IMPORTER)
        assert world.router.hears("I", b"s.a") == [("E", b"s.a")]
        world.clock.advance(60)
        assert world.router.hears("I", b"s.a") == []

    def test_a_configuration_has_none(self) -> None:
        """So it cannot import that."""
        world = World(self.PRIVATE)
        with pytest.raises(ConfigError, match="stream import not authorized"):
            world.accounts.update(replace(self.IMPORTER, claims=None))


class TestMissing:
    """JWT accounts arrive one by one."""

    IMPORTER = replace(I, claims=JWT)

    def test_imports_are_taken_up_when_the_account_arrives(self) -> None:
        """Nobody has to do anything for it."""
        world = World()
        world.accounts.update(self.IMPORTER)
        assert world.router.requests("I") == {}
        world.accounts.update(E)
        assert world.router.requests("I") == {"q": "E"}
        assert world.router.hears("I", b"s.a") == [("E", b"s.a")]

    def test_somebody_is_asked_for_it(self) -> None:
        """Once, however many name it."""
        world = World()
        asked: list[str] = []
        answer: Deferred[Any] = Deferred()

        def missing(name: str) -> Deferred[Any]:
            asked.append(name)
            return answer

        world.accounts.missing = missing
        world.accounts.update(self.IMPORTER)
        world.accounts.update(replace(self.IMPORTER, name="J"))
        assert asked == ["E"]
        world.accounts.update(E)
        answer.callback(None)
        assert world.router.requests("I") == world.router.requests("J") == {"q": "E"}
        assert asked == ["E"]

    def test_an_account_that_is_found_at_once(self) -> None:
        """While it is asked for."""
        world = World()
        world.accounts.missing = lambda name: succeed(world.accounts.update(E))
        world.accounts.update(self.IMPORTER)
        assert world.router.requests("I") == {"q": "E"}

    def test_an_account_nobody_finds(self) -> None:
        """It is asked for again when somebody else names it."""
        world = World()
        asked: list[str] = []

        def missing(name: str) -> Deferred[Any]:
            asked.append(name)
            return fail(CredentialsError("no such account"))

        world.accounts.missing = missing
        world.accounts.update(self.IMPORTER)
        world.accounts.update(replace(self.IMPORTER, name="J"))
        assert asked == ["E", "E"]

    def test_an_answer_of_no_kind(self) -> None:
        """Whoever looks calls update, or does not."""
        world = World()
        asked: list[str] = []
        world.accounts.missing = asked.append
        world.accounts.update(self.IMPORTER)
        assert asked == ["E"]

    def test_wrong_mappings_are_left_out(self, log: list[str]) -> None:
        """Of a JWT nobody can be told."""
        world = World()
        world.accounts.update(replace(E, claims=JWT, mappings=(mapping("a", "b.$1"),)))
        assert "Error adding mapping of account" in log[0]
        assert world.accounts.find("E") is not None

    def test_wrong_exports_are_left_out(self) -> None:
        """Nobody can import them."""
        world = World()
        world.accounts.update(replace(E, claims=JWT, exports=(StreamExport("a..b"),)))
        assert world.accounts.find("E") is not None


class Publisher:
    """The server's own client in an account."""

    def __init__(self, account: str) -> None:
        self.account = account
        self.published: list[bytes] = []
        self.closed = False

    def publish(self, subject: bytes, payload: bytes) -> int:
        self.published.append(subject)
        return 1

    def close(self) -> None:
        self.closed = True


class TestLatency:
    """Measurements are published in the account that exports."""

    MEASURED = replace(E, exports=(ServiceExport("q", latency=LatencyOptions("lat")),))
    IMPORTER = replace(I, imports=(ServiceImport("E", "q"),))

    def make(self) -> tuple[World, list[Publisher]]:
        world = World(self.MEASURED, self.IMPORTER)
        made: list[Publisher] = []

        def internal_client(account: str) -> Publisher:
            made.append(Publisher(account))
            return made[-1]

        class Client:
            def request_info(self, detailed: bool) -> bytes:
                return b"{}"

        world.accounts.internal_client = internal_client
        world.accounts.client_of = lambda link: Client()
        return world, made

    def measure(self, world: World) -> None:
        observer = world.router.services["I"][0].observer
        assert observer is not None
        link: Any = object()
        observer.answered(observer.requested(link, b"r", b""), None, b"r")

    def test_not_while_the_router_is_busy(self) -> None:
        """And by one client."""
        world, made = self.make()
        self.measure(world)
        assert made == []
        world.clock.advance(0)
        self.measure(world)
        world.clock.advance(0)
        assert [(client.account, client.published) for client in made] == [("E", [b"lat", b"lat"])]

    def test_who_cannot_be_measured_is_not(self) -> None:
        """No clients, no measurements."""
        world = World(self.MEASURED, self.IMPORTER)
        observer = world.router.services["I"][0].observer
        assert observer is not None
        link: Any = object()
        assert observer.requested(link, b"r", b"") is None

    def test_an_account_that_goes_meanwhile(self) -> None:
        """Nothing is published in what is no account."""
        world, made = self.make()
        self.measure(world)
        world.accounts.remove("E")
        world.clock.advance(0)
        assert made == []

    def test_its_client_goes_with_the_account(self) -> None:
        """And with the server."""
        world, made = self.make()
        self.measure(world)
        world.clock.advance(0)
        world.accounts.remove("E")
        assert made[0].closed
        world, made = self.make()
        self.measure(world)
        world.clock.advance(0)
        self.measure(world)
        world.accounts.close()
        world.clock.advance(0)
        assert made[0].closed
        assert made[0].published == [b"lat"]
        assert not world.clock.getDelayedCalls()

    def test_without_a_system_account_nothing_is_measured(self) -> None:
        """As in nats-server."""
        world = World(self.MEASURED, self.IMPORTER, system_account="")
        assert world.router.services["I"][0].observer is None


def test_a_new_system_account_option_reaches_everybody() -> None:
    """Exports of its own replace what is automatic."""
    world = World(E)
    world.accounts.update(
        AccountOptions("$SYS", exports=(ServiceExport("$SYS.REQ.ACCOUNT.*.CONNZ"),))
    )
    assert world.router.services["E"][0].export == ("$SYS", "$SYS.REQ.ACCOUNT.*.CONNZ")
    assert world.router.services["E"][0].response.name == "SINGLETON"
