"""Medians, quartiles and ratios of a few runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Spread", "quantile", "ratios", "spread"]


@dataclass(frozen=True)
class Spread:
    """Some runs in five numbers."""

    minimum: float
    lower_quartile: float
    median: float
    upper_quartile: float
    maximum: float


def quantile(values: Sequence[float], fraction: float) -> float:
    """Linear between the two nearest values (the method of ``statistics`` "inclusive").

    :raises ValueError: without values.
    """
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    position = fraction * (len(ordered) - 1)
    below = math.floor(position)
    above = math.ceil(position)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def spread(values: Sequence[float]) -> Spread:
    """The five numbers of ``values``.

    :raises ValueError: without values.
    """
    return Spread(
        min(values, default=math.nan),
        quantile(values, 0.25),
        quantile(values, 0.5),
        quantile(values, 0.75),
        max(values, default=math.nan),
    )


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Ours by theirs, round by round.

    Runs of the same round are neighbours in time, so that what disturbs the machine for a
    minute disturbs both sides of a ratio. Rounds that one side lacks, or in which it
    measured nothing, are left out.
    """
    return [a / b for a, b in zip(ours, theirs, strict=False) if b > 0]
