"""Which of two names of a cluster stays."""

from __future__ import annotations

from random import Random

from pubsub.cluster.names import ClusterName


def made_up(value: str) -> ClusterName:
    """A name nobody configured."""
    name = ClusterName("", Random(1))
    name.value = value
    return name


def test_a_made_up_name_is_a_nuid() -> None:
    name = ClusterName("", Random(1))
    assert name.dynamic
    assert len(name.value) == 22
    assert name.value != ClusterName("", Random(2)).value


def test_a_configured_name_does_not_yield() -> None:
    name = ClusterName("C", Random(1))
    assert name.agrees("C", False)
    assert not name.agrees("D", False)
    assert not name.agrees("D", True)
    assert (name.value, name.dynamic) == ("C", False)


def test_of_two_made_up_names_the_greater_stays() -> None:
    told: list[str] = []
    name = made_up("B")
    name.listen(lambda: told.append(name.value))
    assert not name.agrees("A", True)
    assert name.agrees("C", True)
    assert (name.value, name.dynamic, told) == ("C", True, ["C"])


def test_a_configured_name_wins() -> None:
    name = made_up("B")
    assert name.agrees("A", False)
    assert (name.value, name.dynamic) == ("A", False)
