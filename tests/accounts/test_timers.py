"""Things that end at a time of day."""

from __future__ import annotations

from twisted.internet.task import Clock

from pubsub.accounts.timers import LONGEST, Timers


class World:
    """A clock that ticks, and the time of day, which somebody may set."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.shift = 1000.0
        self.timers = Timers(self.clock, lambda: self.clock.seconds() + self.shift)
        self.done: list[str] = []

    def at(self, key: str, when: float) -> None:
        self.timers.at(key, when, lambda: self.done.append(key))


def test_each_in_its_time() -> None:
    """Once."""
    world = World()
    world.at("a", 1010.0)
    world.at("b", 1005.0)
    world.clock.advance(5)
    assert world.done == ["b"]
    world.clock.pump([5, 5, 5])
    assert world.done == ["b", "a"]
    assert not world.clock.getDelayedCalls()


def test_a_new_time_replaces_the_old_one() -> None:
    """And none is never."""
    world = World()
    world.at("a", 1005.0)
    world.at("a", 1010.0)
    world.clock.advance(5)
    assert world.done == []
    world.at("a", 0.0)
    world.clock.advance(100)
    assert world.done == []


def test_what_is_over_happens_soon_but_not_now() -> None:
    """Whoever plans is in the middle of something."""
    world = World()
    world.at("a", 1.0)
    assert world.done == []
    world.clock.advance(0)
    assert world.done == ["a"]


def test_a_clock_that_is_set_forward() -> None:
    """The wait is cut into pieces: it ends within an hour of the time."""
    world = World()
    world.at("a", 1000.0 + 10 * LONGEST)
    world.clock.advance(LONGEST)
    world.shift += 9 * LONGEST
    assert world.done == []
    world.clock.advance(LONGEST)
    assert world.done == ["a"]


def test_a_clock_that_is_set_back() -> None:
    """Then it is not time yet."""
    world = World()
    world.at("a", 1010.0)
    world.shift -= 20
    world.clock.advance(10)
    assert world.done == []
    world.clock.advance(20)
    assert world.done == ["a"]


def test_an_action_may_plan_the_next() -> None:
    """Under the same key."""
    world = World()
    world.timers.at("a", 1005.0, lambda: world.at("a", 1010.0))
    world.clock.advance(5)
    world.clock.advance(5)
    assert world.done == ["a"]


def test_stopping_forgets_all() -> None:
    """Cancelling what is not there is no error."""
    world = World()
    world.at("a", 1005.0)
    world.timers.stop()
    world.timers.cancel("a")
    assert not world.clock.getDelayedCalls()
