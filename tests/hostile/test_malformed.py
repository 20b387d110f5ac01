"""Malformed input of every kind: the answer, the end, the reason, the log, the bystanders."""

from __future__ import annotations

import time

import pytest

from pubsub.client.faultlog import LINES_PER_SECOND
from tests.hostile.peers import Peer, Witness
from tests.hostile.servers import Server, Starter, eventually
from tests.hostile.table import GUARDED, OPEN, ROWS, Row

PONG = b"PONG\r\n"

pytestmark = pytest.mark.compared


class Ground:
    """A server, its bystanders, and how often it was provoked."""

    def __init__(self, server: Server, **options: str) -> None:
        self.server = server
        self.witness = Witness(server.client(**options), server.client(**options))
        self._seconds = (0, 0)
        self._lines = [0, 0]

    def may_be_provoked(self) -> bool:
        """Whether its log takes one more line in this second; if so, it is counted.

        Its seconds are those of the clock on the wall or of the machine's other one, as its
        reactor has it.
        """
        now = int(time.time()), int(time.monotonic())
        for which in (0, 1):
            if now[which] != self._seconds[which]:
                self._lines[which] = 0
        self._seconds = now
        if max(self._lines) >= LINES_PER_SECOND - 2:
            return False
        self._lines = [lines + 1 for lines in self._lines]
        return True


class Grounds:
    """The servers of the table; several, so that few rows have to wait for a log."""

    def __init__(self, start: Starter) -> None:
        self.open = [Ground(start(OPEN)) for _ in range(3)]
        self.guarded = [Ground(start(GUARDED), auth_token="s3cret")]

    def pick(self, row: Row) -> Ground:
        """One for this row."""
        grounds = self.guarded if row.guarded else self.open
        return eventually(
            lambda: next((ground for ground in grounds if ground.may_be_provoked()), None),
            "a log with room",
        )


@pytest.fixture(scope="module")
def grounds(start_shared: Starter) -> Grounds:
    return Grounds(start_shared)


def expectation(row: Row, server: Server) -> tuple[tuple[bytes, ...], str]:
    """The answers it may give, and the reason."""
    if row.older is not None and server.version < (2, 10):
        return row.older.answers, row.older.reason
    return (row.answer,), row.reason


def provoke(ground: Ground, row: Row, trickle: bool) -> None:
    """Send a row's bytes and look at everything that follows."""
    server, witness = ground.server, ground.witness
    answers, reason = expectation(row, server)
    with server.peer() as peer:
        peer.send(row.before)
        if trickle:
            middle = len(row.data) // 2
            peer.trickle(row.data[:middle])
            witness.speak()
            peer.trickle(row.data[middle:])
        else:
            peer.send(row.data)
        witness.speak()
        assert (peer.rest() if reason else peer.until_pong(row.answer.count(PONG))) in answers
    witness.check()
    if not reason:
        assert not server.page(f"connz?state=closed&cid={peer.cid}")["connections"] or (
            server.reason(peer.cid) == "Client Closed"
        )
    else:
        assert server.reason(peer.cid) == reason
    if server.flavour.ours:
        eventually(
            lambda: (
                f"cid:{peer.cid} - " in server.child.log
                and "Client connection closed"
                in server.child.log.rpartition(f"cid:{peer.cid} - ")[2]
            ),
            "the last line about a connection",
        )
        assert len(server.lines(peer.cid)) == row.lines, server.lines(peer.cid)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_it_is_answered_as_nats_server_does(grounds: Grounds, row: Row) -> None:
    provoke(grounds.pick(row), row, trickle=False)


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_it_is_answered_the_same_when_it_comes_byte_by_byte(grounds: Grounds, row: Row) -> None:
    provoke(grounds.pick(row), row, trickle=True)


def test_nobody_is_left_and_the_bystanders_are_still_there(grounds: Grounds) -> None:
    for ground in [*grounds.open, *grounds.guarded]:
        server = ground.server
        eventually(
            lambda server=server: server.varz("connections") == 2,  # type: ignore[misc]
            "only the bystanders are left",
        )
        ground.witness.check()


def test_what_a_client_sends_before_the_end_of_its_input_is_served(
    grounds: Grounds,
) -> None:
    """A client may send its last words and close its half: they count, and so do halves not."""
    server = grounds.open[0].server
    with server.client() as listener, server.client() as peer:
        listener.send(b"SUB last 1\r\n")
        listener.ping()
        peer.send(b"PUB last 4\r\ngone\r\nPUB last 4\r\nhal")
        peer.half_close()
        assert peer.rest() == b""
        assert listener.until_pong() == b"MSG last 1 4\r\ngone\r\n"
    assert server.reason(peer.cid) == "Client Closed"


def test_a_server_that_was_told_nothing_closes_nobody(grounds: Grounds) -> None:
    with Peer(grounds.open[0].server.child.port) as peer:
        grounds.open[0].witness.check()
        assert peer.silent()
        peer.ping()
