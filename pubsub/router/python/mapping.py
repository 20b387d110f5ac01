"""Mapped subjects, asked for once where every message maps alike."""

from __future__ import annotations

from pubsub.interfaces import ISubjectMapper

__all__ = ["MAX_MAPPED", "Mapping"]

#: Remembered answers of a mapper: as many as results of matching.
MAX_MAPPED = 4096


class Mapping:
    """A mapper and what it said."""

    __slots__ = ("__weakref__", "_known", "_mapper")

    def __init__(self, mapper: ISubjectMapper) -> None:
        self._mapper = mapper
        self._known: dict[bytes, bytes] = {}

    def __call__(self, subject: bytes) -> bytes:
        """What the mapper makes of ``subject``."""
        known = self._known
        mapped = known.get(subject)
        if mapped is None:
            mapped, always = self._mapper.map(subject)
            if always:
                if len(known) >= MAX_MAPPED:
                    del known[next(iter(known))]
                known[subject] = mapped
        return mapped

    def recall(self, subject: bytes) -> bytes | None:
        """What it became before, without asking; ``None`` if that cannot be known."""
        return self._known.get(subject)
