"""The ``mappings`` of an account: where messages go instead.

The rules and texts are those of nats-server's ``opts.go``, parseAccountMappings.
"""

from __future__ import annotations

import re

from pubsub.config.options import MappingEntry, WeightedDestination
from pubsub.config.parser import Token
from pubsub.config.reading import map_of
from pubsub.config.special_users import is_subject
from pubsub.config.values import invalid

__all__ = ["read_mappings"]


def read_mappings(token: Token) -> tuple[MappingEntry, ...]:
    """The entries, in the order of the file.

    :raises InvalidOption: at the first thing that is wrong.
    """
    block = map_of(token, "mappings must be a map of subjects, { from: to }")
    return tuple(
        MappingEntry(source, _destinations(source, element)) for source, element in block.items()
    )


def _destinations(source: str, token: Token) -> tuple[WeightedDestination, ...]:
    if not is_subject(source):
        raise invalid(f'Subject "{source}" is not a valid subject', token)
    value = token.value
    if isinstance(value, str):
        return (WeightedDestination(value),)
    elements = value if isinstance(value, list) else [token]
    destinations = tuple(_destination(element) for element in elements)
    subjects = set()
    weights: dict[str, int] = {}
    for destination in destinations:
        if destination.subject in subjects:
            raise invalid(
                f'Error adding mapping for "{source}" : duplicate entry for '
                f'"{destination.subject}"',
                token,
            )
        subjects.add(destination.subject)
        weights[destination.cluster] = weights.get(destination.cluster, 0) + destination.weight
    if any(weight > 100 for weight in weights.values()):
        raise invalid(
            f'Error adding mapping for "{source}" : total weight needs to be <= 100', token
        )
    return destinations


def _destination(token: Token) -> WeightedDestination:
    if not isinstance(token.value, dict):
        raise invalid(
            "Expected an entry for the mapping destination: { destination: …, weight: … }", token
        )
    subject = cluster = ""
    weight = None
    for key, element in token.value.items():
        name = key.lower()
        if name == "weight":
            weight = _weight(element)
        elif name not in ("dest", "destination", "cluster"):
            raise invalid(f'Unknown field "{key}" for mapping destination', element)
        elif not isinstance(element.value, str):
            raise invalid(f"{key} of a mapping destination must be a string", element)
        elif name == "cluster":
            cluster = element.value
        else:
            subject = element.value
    if weight is None:
        raise invalid(f'Missing weight for mapping destination "{subject}"', token)
    return WeightedDestination(subject, weight, cluster)


def _weight(token: Token) -> int:
    value = token.value
    if isinstance(value, str):
        digits = value.removesuffix("%")
        if not re.fullmatch(r"[+-]?[0-9]{1,9}", digits):
            raise invalid(f'Invalid weight "{digits}" for mapping destination', token)
        value = int(digits)
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid('Unknown entry type for weight: write 0 to 100, or "20%"', token)
    if not 0 <= value <= 100:
        raise invalid(f"Invalid weight {value} for mapping destination", token)
    return value
