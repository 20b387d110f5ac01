"""Remembered results: what drops which, and what is worth remembering."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsub.router.python.cache import ResultCache
from pubsub.router.python.index import NOTHING
from pubsub.router.subjects import matches

SUBJECTS = [b"a", b"b", b"a.b", b"a.c", b"a.b.c", b"a.b.d", b"a.c.d", b"x.y.z.w", b"_INBOX.1.2"]


def filled() -> ResultCache:
    cache = ResultCache()
    for subject in SUBJECTS:
        cache.keep(subject, NOTHING)
    return cache


def test_a_literal_drops_itself_only() -> None:
    cache = filled()
    cache.drop(b"a.b")
    cache.drop(b"never.kept")
    assert sorted(cache.results) == sorted(set(SUBJECTS) - {b"a.b"})


@pytest.mark.parametrize(
    ("pattern", "dropped"),
    [
        (b"a.b.*", {b"a.b", b"a.b.c", b"a.b.d"}),
        (b"a.b.>", {b"a.b", b"a.b.c", b"a.b.d"}),
        (b"a.*", {b"a", b"a.b", b"a.c", b"a.b.c", b"a.b.d", b"a.c.d"}),
        (b"a.>", {b"a", b"a.b", b"a.c", b"a.b.c", b"a.b.d", b"a.c.d"}),
        (b"_INBOX.2.*", set()),
        (b"_INBOX.1.*", {b"_INBOX.1.2"}),
        (b"nobody.>", set()),
        (b"*", set(SUBJECTS)),
        (b">", set(SUBJECTS)),
        (b"*.b", set(SUBJECTS)),
    ],
)
def test_a_wildcard_drops_what_begins_alike(pattern: bytes, dropped: set[bytes]) -> None:
    cache = filled()
    cache.drop_pattern(pattern)
    assert set(SUBJECTS) - set(cache.results) == dropped


TOKENS = st.sampled_from([b"a", b"b", b"c"])
KEPT = st.lists(st.lists(TOKENS, min_size=1, max_size=4).map(b".".join), max_size=30)
PATTERNS = st.lists(st.sampled_from([b"a", b"b", b"*"]), min_size=1, max_size=4).map(b".".join)


@given(kept=KEPT, changes=st.lists(st.tuples(PATTERNS, st.booleans()), max_size=5))
def test_nothing_out_of_date_is_ever_left(
    kept: list[bytes], changes: list[tuple[bytes, bool]]
) -> None:
    """Whatever a changed subscription matches is gone, and dropping leaves no traces."""
    cache = ResultCache()
    for subject in kept:
        cache.keep(subject, NOTHING)
    for pattern, rest in changes:
        pattern = pattern + b".>" if rest else pattern
        if b"*" in pattern or rest:
            cache.drop_pattern(pattern)
        else:
            cache.drop(pattern)
        assert not [subject for subject in cache.results if matches(subject, pattern)]
    for subject in list(cache.results):
        cache.drop(subject)
    assert cache._places == {}


def test_when_it_is_full_a_subject_has_to_come_twice() -> None:
    cache = ResultCache(limit=3)
    for subject in (b"a", b"b", b"c"):
        cache.keep(subject, NOTHING)
    for number in range(10):
        cache.keep(b"once.%d" % number, NOTHING)
    assert sorted(cache.results) == [b"a", b"b", b"c"]
    cache.keep(b"twice", NOTHING)
    cache.keep(b"twice", NOTHING)
    assert sorted(cache.results) == [b"b", b"c", b"twice"]
    assert len(cache._seen) <= 3


def test_clearing_forgets_everything() -> None:
    cache = filled()
    cache.clear()
    assert cache.results == {}
    assert cache._places == {}
