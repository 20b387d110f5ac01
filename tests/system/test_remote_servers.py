"""Who else is there."""

from __future__ import annotations

import pytest

from pubsub.system import remote_servers
from pubsub.system.remote_servers import RemoteServers
from tests.system.fakes import FakeServer, Listener


class Heard:
    """What a server has heard, and how others say it."""

    def __init__(self) -> None:
        self.server = FakeServer()
        self.found = 0
        self.remotes = RemoteServers(self.server.bus(), self.count)
        self.remotes.start()
        self._other = Listener.on(self.server)

    def count(self) -> None:
        """One more is known."""
        self.found += 1

    def say(self, server_id: str, what: str) -> None:
        """Another server says that."""
        self._other.client.publish(f"$SYS.SERVER.{server_id}.{what}".encode(), b"{}")


def test_who_beats_is_there() -> None:
    heard = Heard()
    assert heard.remotes.ids() == set()
    for name in ("NB", "NC", "NB"):
        heard.say(name, "STATSZ")
    assert heard.remotes.ids() == {"NB", "NC"}
    assert heard.found == 2


def test_it_does_not_count_itself() -> None:
    heard = Heard()
    heard.say(heard.server.server_id, "STATSZ")
    assert (heard.remotes.ids(), heard.found) == (set(), 0)


@pytest.mark.parametrize("word", ["SHUTDOWN", "LAMEDUCK"])
def test_who_leaves_is_gone_and_may_come_back(word: str) -> None:
    heard = Heard()
    heard.say("NB", "STATSZ")
    heard.say("NB", word)
    heard.say("NX", word)
    assert heard.remotes.ids() == set()
    heard.say("NB", "STATSZ")
    assert heard.remotes.ids() == {"NB"}
    assert heard.found == 2


def test_who_is_silent_for_long_is_gone() -> None:
    """Whether somebody looks, or another one comes: silent ones do not pile up."""
    heard = Heard()
    heard.say("NB", "STATSZ")
    heard.say("NC", "STATSZ")
    heard.server.clock.advance(100)
    heard.say("NB", "STATSZ")
    heard.server.clock.advance(60)
    assert heard.remotes.ids() == {"NB"}
    heard.server.clock.advance(100)
    heard.say("ND", "STATSZ")
    assert list(heard.remotes._heard) == ["ND"]


def test_who_does_not_listen_hears_nothing() -> None:
    server = FakeServer()
    remotes = RemoteServers(server.bus(), lambda: None)
    Listener.on(server).client.publish(b"$SYS.SERVER.NB.STATSZ", b"{}")
    assert remotes.ids() == set()


def watched() -> tuple[Heard, list[str]]:
    """A server, and what a watcher is told: ``+`` for one that is found, ids of the lost."""
    heard, told = Heard(), list[str]()
    heard.remotes.watch(lambda: told.append("+"), told.append)
    return heard, told


def test_watchers_are_told_who_comes_and_goes() -> None:
    """Each once: whoever is not there does not leave."""
    heard, told = watched()
    for what in ("STATSZ", "STATSZ", "LAMEDUCK", "SHUTDOWN", "STATSZ"):
        heard.say("NB", what)
    assert told == ["+", "NB", "+"]


def test_nobody_has_to_look_for_a_silent_one_to_be_gone() -> None:
    """150 seconds after it was last heard of, whatever it said."""
    heard, told = watched()
    heard.say("NB", "STATSZ")
    heard.say("NC", "STATSZ")
    heard.server.clock.advance(100)
    assert heard.remotes.hear("NB")
    heard.server.clock.advance(49)
    assert told == ["+", "+"]
    heard.server.clock.advance(3)
    assert told == ["+", "+", "NC"]
    heard.server.clock.advance(96)
    assert told == ["+", "+", "NC"]
    heard.server.clock.advance(5)
    assert told == ["+", "+", "NC", "NB"]
    assert heard.server.clock.getDelayedCalls() == []


def test_only_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that were heard of last."""
    monkeypatch.setattr(remote_servers, "_MOST", 2)
    heard, told = watched()
    for name in ("NB", "NC", "NB", "ND"):
        heard.say(name, "STATSZ")
    assert heard.remotes.ids() == {"NB", "ND"}
    assert told == ["+", "+", "NC", "+"]


def test_who_has_stopped_hears_of_nobody() -> None:
    heard, told = watched()
    heard.say("NB", "STATSZ")
    heard.remotes.stop()
    heard.remotes.stop()
    heard.server.clock.advance(0)
    assert heard.server.clock.getDelayedCalls() == []
    assert not heard.remotes.hear("NC")
    assert told == ["+"]
    assert heard.server.clock.getDelayedCalls() == []


def test_it_does_not_hear_itself() -> None:
    heard, told = watched()
    assert not heard.remotes.hear(heard.server.server_id)
    assert told == []
