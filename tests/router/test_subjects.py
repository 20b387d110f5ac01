"""Subjects: validity, matching and overlap, against tables and a naive model."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsub.router import subjects

ALPHABET = [b"a", b"b", b"*", b">", b"", b"a*", b">b"]
SUBJECTS = st.lists(st.sampled_from(ALPHABET), min_size=1, max_size=4).map(b".".join)

#: every subject a small world can publish on
WORLD = [
    b".".join(row)
    for length in (1, 2, 3, 4, 5)
    for row in itertools.product([b"a", b"b", b"a*", b">b"], repeat=length)
    if length < 5 or row[0] == row[4]
]


def naive_match(subject: bytes, pattern: bytes) -> bool:
    """A subscription as a regular expression."""
    if not all(subject.split(b".")):
        return False
    rows = [
        rb"[^.]+" if token == b"*" else rb"[^.]+(\.[^.]+)*" if token == b">" else re.escape(token)
        for token in pattern.split(b".")
    ]
    return re.fullmatch(rb"\.".join(rows), subject, re.DOTALL) is not None


@pytest.mark.parametrize(
    "subject",
    [b"foo", b"foo.bar", b"*", b">", b"foo.*", b"*.*", b"foo.>", b"foo*", b"f>o", b">foo", b"*>"],
)
def test_subjects_that_are_valid(subject: bytes) -> None:
    assert subjects.is_valid(subject)
    assert subjects.is_valid_pattern(subject)


@pytest.mark.parametrize(
    "subject", [b"", b".", b".foo", b"foo.", b"foo..bar", b">.foo", b"foo.>.bar", b"..", b">.>"]
)
def test_subjects_that_are_not(subject: bytes) -> None:
    assert not subjects.is_valid(subject)
    assert not subjects.is_valid_pattern(subject)


@pytest.mark.parametrize("space", [b" ", b"\t", b"\n", b"\r", b"\f"])
def test_white_space_is_invalid_in_a_subject_as_people_write_it(space: bytes) -> None:
    assert not subjects.is_valid(b"foo" + space + b"bar.baz")
    assert not subjects.is_valid(b"foo." + space)
    assert subjects.is_valid_pattern(b"foo" + space + b"bar.baz")


@pytest.mark.parametrize(
    ("subject", "literal"),
    [
        (b"foo", True),
        (b"foo.bar*", True),
        (b"*foo.>bar", True),
        (b"foo.*", False),
        (b">", False),
        (b"foo.>.bar", False),
        (b"foo..bar", False),
        (b"", False),
        (b"foo.", False),
    ],
)
def test_a_literal_has_neither_empty_tokens_nor_wildcards(subject: bytes, literal: bool) -> None:
    assert subjects.is_valid_literal(subject) is literal


def test_tokens_are_what_is_between_dots() -> None:
    assert subjects.tokens(b"a..b") == [b"a", b"", b"b"]
    assert subjects.token_count(b"a..b") == 3
    assert subjects.token_count(b"a") == 1
    assert subjects.token_count(b"") == 0


@pytest.mark.parametrize(
    ("pattern", "wild"),
    [(b"a.*", True), (b">", True), (b"a.b", False), (b"a*.b>", False), (b"a*.*", True)],
)
def test_a_wildcard_is_a_whole_token(pattern: bytes, wild: bool) -> None:
    assert subjects.has_wildcard(pattern) is wild


@pytest.mark.parametrize(
    ("subject", "pattern", "expected"),
    [
        (b"foo", b"foo", True),
        (b"foo", b"*", True),
        (b"foo", b">", True),
        (b"foo.bar", b"*", False),
        (b"foo.bar", b"foo.*", True),
        (b"foo.bar", b"foo.>", True),
        (b"foo.bar.baz", b"foo.>", True),
        (b"foo.bar.baz", b"foo.*", False),
        (b"foo", b"foo.>", False),
        (b"foo.bar", b"foo.bar.*", False),
        (b"foo.*", b"foo.bar", False),
        (b"foo.*", b"foo.*", True),
        (b"foo.>", b"foo.*", True),
        (b"foobar", b"foo*", False),
        (b"foo*", b"foo*", True),
        (b"foo..bar", b"foo.*.bar", False),
        (b"foo.", b"foo.*", False),
        (b"foo", b"", False),
    ],
)
def test_matching(subject: bytes, pattern: bytes, expected: bool) -> None:
    assert subjects.matches(subject, pattern) is expected


@given(subject=SUBJECTS, pattern=SUBJECTS)
def test_matching_agrees_with_a_regular_expression(subject: bytes, pattern: bytes) -> None:
    expected = subjects.is_valid_pattern(pattern) and naive_match(subject, pattern)
    assert subjects.matches(subject, pattern) is expected


@given(one=SUBJECTS, other=SUBJECTS)
def test_patterns_overlap_if_a_subject_matches_both(one: bytes, other: bytes) -> None:
    valid = subjects.is_valid_pattern(one) and subjects.is_valid_pattern(other)
    both = any(subjects.matches(s, one) and subjects.matches(s, other) for s in WORLD)
    assert subjects.overlaps(one, other) is (valid and both)
    assert subjects.overlaps(other, one) is subjects.overlaps(one, other)


@given(narrow=SUBJECTS, wide=SUBJECTS)
def test_a_subset_matches_nothing_its_superset_does_not(narrow: bytes, wide: bytes) -> None:
    if subjects.is_subset(narrow, wide):
        assert all(subjects.matches(s, wide) for s in WORLD if subjects.matches(s, narrow))
        assert subjects.overlaps(narrow, wide)
    if subjects.is_valid_pattern(narrow):
        assert subjects.is_subset(narrow, narrow)


@pytest.mark.parametrize(
    ("narrow", "wide", "expected"),
    [
        (b"foo.*", b">", True),
        (b"foo.*", b"*.*", True),
        (b"foo.*", b"foo.*", True),
        (b"foo.*", b"foo.bar", False),
        (b"foo.>", b"foo.*", False),
        (b"foo.>", b"foo.>", True),
        (b"foo", b"foo.>", False),
        (b"foo.bar", b"foo", False),
    ],
)
def test_subsets(narrow: bytes, wide: bytes, expected: bool) -> None:
    assert subjects.is_subset(narrow, wide) is expected


@pytest.mark.parametrize("subject", [b"", b".a", b"a.", b"a..b"])
def test_empty_tokens_are_found(subject: bytes) -> None:
    assert subjects.has_empty_token(subject)
    assert not subjects.has_empty_token(b"a.b")
