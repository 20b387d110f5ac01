"""Mappings: which entry counts, how weights share messages, what is refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from zope.interface.verify import verifyObject

from pubsub.config.options import MappingEntry, WeightedDestination
from pubsub.errors import BadSubjectTransform
from pubsub.interfaces import IRouterBackend, ISubjectMapper
from pubsub.router.mappings import AccountMapper
from tests.router.recording import World


def entry(source: str, *destinations: str | tuple[str, int] | tuple[str, int, str]) -> MappingEntry:
    rows = [
        WeightedDestination(row) if isinstance(row, str) else WeightedDestination(*row)
        for row in destinations
    ]
    return MappingEntry(source, tuple(rows))


def shares(mapper: AccountMapper, subject: bytes = b"foo") -> dict[bytes, int]:
    """How many of the hundred numbers that may be drawn lead where."""
    counts: dict[bytes, int] = {}
    for _ in range(100):
        mapped, always = mapper.map(subject)
        assert not always
        counts[mapped] = counts.get(mapped, 0) + 1
    return counts


def each() -> object:
    """Draws every number below its argument, in turn."""
    numbers: Iterator[int] = iter(range(100))
    return lambda n: next(numbers)


def test_the_interface_is_provided() -> None:
    assert verifyObject(ISubjectMapper, AccountMapper(()))


def test_without_a_matching_entry_nothing_changes() -> None:
    mapper = AccountMapper((entry("foo", "bar"), entry("a.*", "b.$1")))
    assert mapper.map(b"other") == (b"other", True)
    assert mapper.map(b"foo.bar") == (b"foo.bar", True)
    assert mapper.map(b"a.>") == (b"a.>", True)


def test_one_destination_takes_all() -> None:
    mapper = AccountMapper(
        (entry("foo", "bar"), entry("a.*.*", "b.$2.{{wildcard(1)}}"), entry("c.>", "d.>"))
    )
    assert mapper.map(b"foo") == (b"bar", True)
    assert mapper.map(b"a.x.y") == (b"b.y.x", True)
    assert mapper.map(b"c.x.y") == (b"d.x.y", True)
    assert mapper.map(b"a.*.y") == (b"b.y.*", True)


def test_the_first_matching_entry_counts_and_the_last_of_one_source() -> None:
    mapper = AccountMapper(
        (entry("foo.*", "one"), entry("foo.bar", "two"), entry("foo.*", "three"))
    )
    assert mapper.map(b"foo.bar") == (b"three", True)


def test_a_random_destination_is_never_remembered() -> None:
    mapper = AccountMapper((entry("foo", "bar.{{random(9)}}"),), draw=lambda n: n - 1)
    assert mapper.map(b"foo") == (b"bar.8", False)


def test_weights_share_the_messages() -> None:
    mapper = AccountMapper((entry("foo", ("a", 20), ("b", 70), ("c", 10)),), draw=each())  # type: ignore[arg-type]
    assert shares(mapper) == {b"a": 20, b"b": 70, b"c": 10}


def test_the_remainder_stays_where_it_was() -> None:
    mapper = AccountMapper((entry("foo", ("bar", 30)),), draw=each())  # type: ignore[arg-type]
    assert shares(mapper) == {b"bar": 30, b"foo": 70}


def test_the_remainder_of_a_pattern_keeps_its_tokens() -> None:
    mapper = AccountMapper((entry("foo.*.>", ("bar.$1.>", 30)),), draw=each())  # type: ignore[arg-type]
    assert shares(mapper, b"foo.x.y.z") == {b"bar.x.y.z": 30, b"foo.x.y.z": 70}


def test_the_remainder_is_lost_if_the_source_is_a_destination_too() -> None:
    mapper = AccountMapper((entry("foo", ("foo", 80)),), draw=each())  # type: ignore[arg-type]
    assert shares(mapper) == {b"foo": 80, b"": 20}


def test_no_weight_at_all_leaves_everything_where_it_was() -> None:
    mapper = AccountMapper((entry("foo", ("bar", 0)),), draw=each())  # type: ignore[arg-type]
    assert shares(mapper) == {b"foo": 100}


CLUSTERS = (entry("foo", ("bar", 100, "OR"), ("baz", 25), ("qux", 60, "CA"), ("quux", 40, "CA")),)


def test_destinations_may_be_for_one_cluster() -> None:
    assert AccountMapper(CLUSTERS, "OR").map(b"foo") == (b"bar", True)
    ca = AccountMapper(CLUSTERS, "CA", draw=each())  # type: ignore[arg-type]
    assert shares(ca) == {b"qux": 60, b"quux": 40}
    for cluster in ("", "elsewhere"):
        mapper = AccountMapper(CLUSTERS, cluster, draw=each())  # type: ignore[arg-type]
        assert shares(mapper) == {b"baz": 25, b"foo": 75}


def test_with_destinations_for_other_clusters_only_nothing_changes() -> None:
    mapper = AccountMapper((entry("foo", ("bar", 100, "OR")),))
    assert mapper.map(b"foo") == (b"foo", True)


@pytest.mark.parametrize(
    ("mapping", "text"),
    [
        (entry("foo..bar", "bar"), "invalid subject"),
        (entry("foo bar", "bar"), "invalid subject"),
        (entry("foo", ("bar", 20), ("bar", 30)), 'duplicate entry for "bar"'),
        (entry("foo", ("bar", 101)), "individual weights need to be <= 100"),
        (entry("foo", ("bar", -1)), "individual weights need to be <= 100"),
        (entry("foo", ("bar", 60), ("baz", 41)), "total weight needs to be <= 100"),
        (entry("foo", ""), "invalid mapping destination: invalid transform"),
        (entry("foo", "a..b"), "invalid mapping destination: invalid transform"),
        (entry("foo", "a b"), "invalid mapping destination: invalid transform"),
        (entry("foo", "a.>.b"), "invalid mapping destination: invalid transform in b"),
        (entry("foo", "bar.*"), "invalid subject"),
        (
            entry("foo", "{{what(1)}}"),
            "invalid mapping destination: unknown function in {{what(1)}}",
        ),
        (
            entry("foo.*", "$2"),
            "invalid mapping destination: wildcard index out of range in $2: [2]",
        ),
    ],
)
def test_what_is_wrong_is_said_in_nats_servers_words(mapping: MappingEntry, text: str) -> None:
    with pytest.raises(BadSubjectTransform) as caught:
        AccountMapper((mapping,))
    assert str(caught.value) == text


def test_weights_are_per_cluster() -> None:
    mapping = entry("foo", ("a", 100), ("b", 100, "X"), ("c", 100, "Y"))
    assert AccountMapper((mapping,), "Y").map(b"foo") == (b"c", True)


def test_spaces_within_a_call_are_fine() -> None:
    mapper = AccountMapper((entry("*", "{{ splitFromLeft ( 1, 2 ) }}"),))
    assert mapper.map(b"abcd") == (b"ab.cd", True)


def test_a_router_maps_with_it(backend: IRouterBackend) -> None:
    world = World(backend)
    world.attach("a")
    world.router.set_mapper("$G", AccountMapper((entry("in.*", "out.{{partition(3,1)}}.$1"),)))
    world.feed("a", b"SUB > 1\r\n")
    assert world.feed("a", b"PUB in.x 1\r\ny\r\n" * 2) == b"MSG out.0.x 1 1\r\ny\r\n" * 2
    assert world.feed("a", b"PUB out.x 1\r\ny\r\n") == b"MSG out.x 1 1\r\ny\r\n"
