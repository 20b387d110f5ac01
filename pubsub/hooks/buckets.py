"""How much of something there may be in a second: a token bucket that can be in debt."""

from __future__ import annotations

__all__ = ["Bucket"]


class Bucket:
    """A rate, and how much of it has been saved or overdrawn.

    It holds what ``burst`` seconds bring. As long as there is one in it, or it is full, whatever
    comes may be taken: a thing larger than the whole bucket passes, and is paid off afterwards.
    So the rate is kept over time whatever the sizes.

    :param rate: a second.
    :param burst: seconds of the rate that may be saved.
    :param now: seconds; the bucket is full then.
    """

    __slots__ = ("_burst", "_filled", "_level", "_rate")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._level = rate * burst
        self._filled = now

    def has_one(self, now: float) -> bool:
        """Whether something may be taken."""
        self._fill(now)
        return self._level >= min(1.0, self._rate * self._burst)

    def take(self, amount: float) -> None:
        """Take it, and be in debt if there was less."""
        self._level -= amount

    def wait(self) -> float:
        """Seconds until the debt is paid, 0.0 without one; as of the last :meth:`has_one`."""
        return max(0.0, -self._level / self._rate)

    def is_full(self, now: float) -> bool:
        """Whether it is as good as a new one."""
        self._fill(now)
        return self._level >= self._rate * self._burst

    def _fill(self, now: float) -> None:
        # a clock that goes back brings nothing, and takes nothing away
        passed, self._filled = max(0.0, now - self._filled), now
        self._level = min(self._rate * self._burst, self._level + passed * self._rate)
