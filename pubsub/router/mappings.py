"""The ``mappings`` of an account: where messages published to a subject go instead.

Each entry has a source pattern and weighted destinations; the first entry whose source
matches decides. Weights are percents. What they leave of 100 stays on the original
subject, unless the source is itself among the destinations: then it is lost on purpose
(that is how one tests with loss). Destinations may be meant for one cluster only
(nats-server: ``accounts.go``, AddWeightedMappings and selectMappedSubject).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from zope.interface import implementer

from pubsub.config.options import MappingEntry, WeightedDestination
from pubsub.errors import BadSubjectTransform, go_quote
from pubsub.interfaces import ISubjectMapper
from pubsub.router.subjects import has_wildcard, is_subset, is_valid
from pubsub.router.transforms import SubjectTransform, is_call, mark_wildcards

__all__ = ["AccountMapper"]

_ALL = 100
_INVALID_TRANSFORM = "invalid mapping destination: invalid transform"


class _Choice(NamedTuple):
    """A destination that is taken if the number drawn is below ``below``."""

    transform: SubjectTransform
    below: int


class _Mapping:
    """One entry, for one cluster."""

    __slots__ = ("choices", "settled", "source")

    def __init__(self, source: bytes, choices: list[_Choice]) -> None:
        self.source = source
        self.choices = choices
        only = choices[0] if len(choices) == 1 else None
        #: every message on a subject becomes the same
        self.settled = only is not None and only.below == _ALL and not only.transform.random


@implementer(ISubjectMapper)
class AccountMapper:
    """The mappings of one account on a server of one cluster.

    :param mappings: a later entry for the same source replaces the earlier one.
    :param cluster: this server's cluster, ``""`` for none.
    :param draw: a random number below its argument.
    :raises BadSubjectTransform: a source, a destination or a weight is wrong.
    """

    def __init__(
        self,
        mappings: Sequence[MappingEntry],
        cluster: str = "",
        draw: Callable[[int], int] = random.randrange,
    ) -> None:
        self._draw = draw
        by_source = {
            entry.source: self._build(_encode(entry.source), entry.destinations, cluster)
            for entry in mappings
        }
        self._mappings = list(by_source.values())

    def map(self, subject: bytes) -> tuple[bytes, bool]:
        """The subject it becomes, ``b""`` if the message is to be lost; whether always so."""
        for mapping in self._mappings:
            if mapping.source == subject or is_subset(subject, mapping.source):
                return self._choose(mapping, subject), mapping.settled
        return subject, True

    def _choose(self, mapping: _Mapping, subject: bytes) -> bytes:
        choices = mapping.choices
        drawn = 0
        if len(choices) != 1 or choices[0].below != _ALL:
            drawn = self._draw(_ALL)
        for transform, below in choices:
            if drawn < below:
                return transform.apply(subject.split(b"."))
        return b""

    # --- building -----------------------------------------------------------------------

    def _build(
        self, source: bytes, destinations: Iterable[WeightedDestination], cluster: str
    ) -> _Mapping:
        if not is_valid(source):
            raise BadSubjectTransform("invalid subject")
        seen: set[str] = set()
        scopes: dict[str, list[tuple[SubjectTransform, int]]] = {"": []}
        for wanted in destinations:
            if wanted.subject in seen:
                quoted = go_quote(_encode(wanted.subject))
                raise BadSubjectTransform(f"duplicate entry for {quoted}")
            seen.add(wanted.subject)
            if not 0 <= wanted.weight <= _ALL:
                raise BadSubjectTransform("individual weights need to be <= 100")
            scope = scopes.setdefault(wanted.cluster, [])
            if sum(weight for _, weight in scope) + wanted.weight > _ALL:
                raise BadSubjectTransform("total weight needs to be <= 100")
            scope.append((self._transform(source, _encode(wanted.subject)), wanted.weight))
        rows = scopes.get(cluster, scopes[""])
        total = sum(weight for _, weight in rows)
        if total != _ALL and _decode(source) not in seen:
            same = mark_wildcards(source) if has_wildcard(source) else source
            rows.append((SubjectTransform(source, same), _ALL - total))
        return _Mapping(source, _accumulate(rows))

    def _transform(self, source: bytes, destination: bytes) -> SubjectTransform:
        ended = False
        for token in destination.split(b"."):
            if not token or ended:
                where = f" in {_decode(token)}" if token else ""
                raise BadSubjectTransform(f"{_INVALID_TRANSFORM}{where}")
            ended = token == b">"
            if not is_call(token) and any(space in token for space in b" \t\n\f\r"):
                raise BadSubjectTransform(_INVALID_TRANSFORM)
        return SubjectTransform(source, destination, draw=self._draw)


def _accumulate(rows: list[tuple[SubjectTransform, int]]) -> list[_Choice]:
    """Weights as bounds for one draw."""
    choices, below = [], 0
    for transform, weight in sorted(rows, key=lambda row: row[1]):
        below += weight
        choices.append(_Choice(transform, below))
    return choices


def _encode(subject: str) -> bytes:
    return subject.encode("utf-8", "surrogateescape")


def _decode(subject: bytes) -> str:
    return subject.decode("utf-8", "surrogateescape")
