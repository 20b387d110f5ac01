"""The results of matching, kept by subject, and dropped when they go out of date.

A literal subscription concerns one subject, so its coming and going drops one result.
A wildcard concerns many; results are therefore also listed by their first and second
token, and ``a.b.*`` drops only those below ``a.b``, ``a.*`` those below ``a``. So the
inboxes that come and go with every requester leave all other results alone. Dropping
costs no more than keeping did: each result is dropped once.

While there is room every result is kept. When it is full a subject has to come twice
before it takes the place of the oldest, so that subjects used once, such as replies,
do not push out those in steady use.
"""

from __future__ import annotations

from typing import Generic, TypeVar

__all__ = ["MAX_RESULTS", "ResultCache"]

#: nats-server keeps 1024 per account and 512 more per connection; here one table serves
#: all connections of an account, and an entry takes some 300 bytes.
MAX_RESULTS = 4096

Result = TypeVar("Result")


class ResultCache(Generic[Result]):
    """Results by subject.

    :ivar results: read it directly on hot paths.
    """

    __slots__ = ("_limit", "_places", "_seen", "results")

    def __init__(self, limit: int = MAX_RESULTS) -> None:
        self.results: dict[bytes, Result] = {}
        self._limit = limit
        #: subjects by first token, then by the first two
        self._places: dict[bytes, dict[bytes, dict[bytes, None]]] = {}
        #: subjects that came once while there was no room
        self._seen: set[bytes] = set()

    def keep(self, subject: bytes, result: Result) -> None:
        """Remember ``result``, if ``subject`` deserves it."""
        if len(self.results) >= self._limit:
            if subject not in self._seen:
                if len(self._seen) >= self._limit:
                    self._seen.clear()
                self._seen.add(subject)
                return
            self._seen.discard(subject)
            self.drop(next(iter(self.results)))
        self.results[subject] = result
        first, both = _place(subject)
        self._places.setdefault(first, {}).setdefault(both, {})[subject] = None

    def drop(self, subject: bytes) -> None:
        """Forget one subject: a literal subscription to it came or went."""
        if self.results.pop(subject, None) is None:
            return
        first, both = _place(subject)
        seconds = self._places[first]
        del seconds[both][subject]
        if not seconds[both]:
            del seconds[both]
            if not seconds:
                del self._places[first]

    def drop_pattern(self, pattern: bytes) -> None:
        """Forget at least every subject that a pattern with a wildcard matches."""
        row = pattern.split(b".", 2)
        if row[0] in (b"*", b">"):
            self.clear()
        elif row[1] in (b"*", b">"):
            for subjects in self._places.pop(row[0], {}).values():
                self._forget(subjects)
        else:
            seconds = self._places.get(row[0], {})
            self._forget(seconds.pop(row[0] + b"." + row[1], {}))
            if row[0] in self._places and not seconds:
                del self._places[row[0]]

    def clear(self) -> None:
        """Forget everything."""
        self.results.clear()
        self._places.clear()
        self._seen.clear()

    def _forget(self, subjects: dict[bytes, None]) -> None:
        for subject in subjects:
            del self.results[subject]


def _place(subject: bytes) -> tuple[bytes, bytes]:
    """The first token and the first two."""
    dot = subject.find(b".")
    if dot < 0:
        return subject, subject
    second = subject.find(b".", dot + 1)
    return subject[:dot], subject if second < 0 else subject[:second]
