"""What another cluster wants to hear, line by line: what it is sent, and what not."""

from __future__ import annotations

import pytest

from pubsub.cluster.gateways.modes import InterestMode
from pubsub.errors import ClosedState
from tests.cluster.gateways.raw import INFO, OLD_INFO, a_server, came, command, found
from tests.cluster.gateways.world import Server
from tests.cluster.network import Client
from tests.cluster.raw import Raw

STEPS = pytest.mark.parametrize("step", [0, 1], ids=["whole", "bytewise"])


class Sender:
    """A server with one gateway, and a client that publishes."""

    def __init__(self, info: dict[str, object], step: int = 0) -> None:
        self.server: Server = a_server(to={"B": ["x"]})
        self.raw: Raw = found(self.server, info, step)
        self.client: Client = self.server.client()
        self.raw.received()

    def say(self, *lines: bytes) -> None:
        """The other cluster says these."""
        assert self.raw.send(*lines) == []

    def sent(self, *subjects: str) -> list[str]:
        """Which of these are sent there, and how."""
        for subject in subjects:
            self.client.send(f"PUB {subject} 1", "x")
        return [each for each in self.raw.received() if each != "x"]

    def mode(self, account: str = "$G") -> InterestMode | None:
        """Of an account; ``None`` if nobody is there."""
        protocol = self.server.gateways.outbound["B"]
        there = protocol.interest.accounts[account]
        return there.mode if there is not None else None


@STEPS
def test_who_tells_all_interest_is_sent_nothing_else(step: int) -> None:
    """From the start; RS+ counts after the command, RS- takes back."""
    there = Sender(INFO, step)
    assert there.sent("foo") == []
    there.say(command(2), b"RS+ $G foo", b"RS+ $G bar.*", command(3))
    assert there.sent("foo", "bar.x", "baz") == ["RMSG $G foo 1", "RMSG $G bar.x 1"]
    assert there.mode() is InterestMode.INTEREST_ONLY
    there.say(b"RS- $G foo", b"RS+ $G baz", b"RS- $G never")
    assert there.sent("foo", "bar.x", "baz") == ["RMSG $G bar.x 1", "RMSG $G baz 1"]


@STEPS
def test_an_old_server_is_sent_what_it_has_not_refused(step: int) -> None:
    """RS- refuses a subject, RS+ takes that back; A- refuses an account, A+ takes that back."""
    there = Sender(OLD_INFO, step)
    assert there.sent("foo") == ["RMSG $G foo 1"]
    there.say(b"RS- $G foo")
    assert there.sent("foo", "bar") == ["RMSG $G bar 1"]
    assert there.mode() is InterestMode.OPTIMISTIC
    there.say(b"RS+ $G foo")
    assert there.sent("foo", "bar") == ["RMSG $G foo 1", "RMSG $G bar 1"]
    there.say(b"RS- $G foo", b"RS- $G foo.a", b"RS- $G foo.b", b"RS+ $G foo.*")
    assert there.sent("foo", "foo.a", "foo.b") == ["RMSG $G foo.a 1", "RMSG $G foo.b 1"]
    there.say(b"A- $G")
    assert there.sent("foo", "bar") == []
    assert there.mode() is None
    there.say(b"A- $G", b"RS+ $G foo")
    assert there.sent("foo", "bar") == []
    there.say(b"A+ $G", b"A+ $G")
    assert there.sent("foo", "bar") == ["RMSG $G foo 1", "RMSG $G bar 1"]


def test_an_old_server_may_tell_all_interest_of_an_account() -> None:
    """Until it has told all, what it has refused still counts."""
    there = Sender(OLD_INFO)
    there.say(b"RS- $G foo", command(2), b"RS+ $G baz")
    assert there.mode() is InterestMode.TRANSITIONING
    assert there.sent("foo", "bar", "baz") == ["RMSG $G bar 1", "RMSG $G baz 1"]
    there.say(command(3))
    assert there.sent("foo", "bar", "baz") == ["RMSG $G baz 1"]
    there.say(b"RS- $G baz")
    assert there.sent("foo", "bar", "baz") == []


def test_all_may_be_told_of_an_account_nobody_was_in() -> None:
    """A-, and then the command, as nats-server 2.9 and later do to all."""
    for info in (INFO, OLD_INFO):
        there = Sender(info)
        there.say(b"A- $G", command(2), b"RS+ $G foo", command(3), command(3, "WA=="))
        assert there.sent("foo", "bar") == ["RMSG $G foo 1"]


@pytest.mark.parametrize("info", [INFO, OLD_INFO], ids=["new", "old"])
def test_queue_groups_are_sent_to_when_they_are_told(info: dict[str, object]) -> None:
    """Their interest is told in any mode, and more than once; an old server may refuse the rest."""
    there = Sender(info)
    there.say(b"RS+ $G foo q 1", b"RS+ $G foo q 3", b"RS- $G foo", b"RS- $G foo nobody")
    assert there.sent("foo") == ["RMSG $G foo | q 1"]
    there.say(b"RS- $G foo q", b"RS- $G foo q")
    assert there.sent("foo") == []
    there.say(b"RS- $H foo q")
    assert there.sent("foo") == []


def test_an_account_without_anything_known_is_forgotten() -> None:
    """The last queue group has gone."""
    there = Sender(OLD_INFO)
    there.say(b"RS+ $G foo q 1", b"RS- $G foo q")
    assert there.server.gateways.outbound["B"].interest.accounts == {}
    assert there.sent("foo") == ["RMSG $G foo 1"]


def test_refusing_an_account_with_queue_groups_forgets_what_was_refused() -> None:
    """As nats-server has it (processGatewayAccountUnsub)."""
    there = Sender(OLD_INFO)
    there.say(b"RS+ $G work q 1", b"RS- $G foo", b"A- $G")
    assert there.sent("foo", "work") == ["RMSG $G foo 1", "RMSG $G work | q 1"]
    there.say(b"A+ $G")
    assert there.sent("work") == ["RMSG $G work | q 1"]


def test_who_refuses_an_account_it_told_of_is_optimistic_afterwards() -> None:
    """It does not tell of interest any more: A+, or a queue group, is all there is to hear."""
    there = Sender(INFO)
    there.say(command(2), b"RS+ $G foo", command(3), b"A- $G")
    assert there.sent("foo") == []
    assert there.server.wants("B") == set()
    there.say(b"A+ $G")
    assert there.sent("foo") == ["RMSG $G foo 1"]
    there.say(b"RS- $G foo")
    assert there.sent("foo", "bar") == ["RMSG $G bar 1"]
    there.say(b"A- $G", b"RS+ $G work q 1")
    assert there.sent("foo", "work") == ["RMSG $G foo 1", "RMSG $G work | q 1"]
    there.say(b"RS- $G work q")
    assert there.sent("foo") == ["RMSG $G foo 1"]
    there.say(command(2), command(3))
    assert there.sent("foo") == []


def test_accounts_are_apart() -> None:
    """What is said of one is not said of another."""
    there = Sender(OLD_INFO)
    there.say(b"A- OTHER", b"RS- OTHER foo", command(2, "T1RIRVI="))
    assert there.sent("foo") == ["RMSG $G foo 1"]


@pytest.mark.parametrize(
    "text", [b"RS+", b"RS+ $G", b"RS+ $G a q", b"RS+ $G a q 1 2", b"RS- $G", b"RS- $G a q 1"]
)
def test_malformed_interest_closes(text: bytes) -> None:
    """As nats-server does."""
    there = Sender(INFO)
    there.raw.send(text)
    assert there.raw.state is ClosedState.PROTOCOL_VIOLATION


def test_subjects_that_are_none_are_ignored() -> None:
    """A subscription that cannot be is none."""
    there = Sender(INFO)
    there.say(command(2), b"RS+ $G a..b", b"RS+ $G .. q 1", command(3))
    assert there.server.wants("B") == set()
    assert there.raw.state is None


@pytest.mark.parametrize("text", [b"RS+ $G foo", b"RS- $G foo", b"A+ $G", b"A- $G"])
def test_who_came_to_us_says_nothing_of_interest(text: bytes) -> None:
    """It is told ours."""
    raw = came(a_server())
    raw.send(text)
    assert raw.state is ClosedState.PROTOCOL_VIOLATION


def test_what_a_cluster_wanted_ends_with_the_gateway() -> None:
    """Nothing is left of it."""
    there = Sender(INFO)
    there.say(command(2), b"RS+ $G foo", command(3))
    there.raw.protocol.close(ClosedState.CLIENT_CLOSED)
    assert there.server.gateways.outbound == {}
    assert list(there.server.router.subscriptions("$G")) == []
