"""Where messages go instead."""

from __future__ import annotations

import pytest

from pubsub.config.build import configure
from pubsub.config.options import MappingEntry, Options, WeightedDestination
from pubsub.errors import InvalidOption


def options(text: str) -> Options:
    return configure(text=text).options


def test_mappings_keep_their_order_weights_and_clusters() -> None:
    text = 'mappings { foo: bar, "a.*": [ {dest: "x.$1", weight: 30%}, '
    text += "{destination: y, weight: 70, cluster: c} ], b: {dest: z, weight: 0} }"
    assert options(text).mappings == (
        MappingEntry("foo", (WeightedDestination("bar", 100),)),
        MappingEntry("a.*", (WeightedDestination("x.$1", 30), WeightedDestination("y", 70, "c"))),
        MappingEntry("b", (WeightedDestination("z", 0),)),
    )


def test_an_account_has_mappings_like_the_top_level() -> None:
    (account,) = options("accounts { A { maps { foo: { dest: bar, weight: 20 } } } }").accounts
    assert account.mappings == (MappingEntry("foo", (WeightedDestination("bar", 20),)),)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("5", "mappings must be a map of subjects, { from: to }"),
        ('{ "a b": c }', 'Subject "a b" is not a valid subject'),
        ("{ a: 5 }", "Expected an entry for the mapping destination"),
        ("{ a: { dest: b } }", 'Missing weight for mapping destination "b"'),
        ("{ a: { dest: b, weight: 1, cluster: 5 } }", "cluster of a mapping destination must be"),
        ("{ a: { dest: b, weight: [] } }", "Unknown entry type for weight"),
        ('{ a: { dest: b, weight: "1e1" } }', 'Invalid weight "1e1" for mapping destination'),
        ("{ a: { dest: b, weight: 101 } }", "Invalid weight 101 for mapping destination"),
        ("{ a: { dest: b, x: 1 } }", 'Unknown field "x" for mapping destination'),
        ("{ a: [ {dest: b, weight: 1}, {dest: b, weight: 1} ] }", "duplicate entry for"),
        ("{ a: [ {dest: b, weight: 51}, {dest: c, weight: 50} ] }", "total weight needs to be"),
    ],
)
def test_wrong_mappings_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        options(f"accounts {{ A {{ mappings: {text} }} }}")
    assert complaint in caught.value.message
