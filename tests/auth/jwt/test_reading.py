from __future__ import annotations

import pytest

from pubsub.auth.jwt import reading
from pubsub.errors import CredentialsError


@pytest.mark.parametrize(
    ("read", "default"),
    [
        (reading.text, ""),
        (reading.flag, False),
        (reading.integer, 0),
        (reading.mapping, {}),
        (reading.texts, ()),
        (reading.integers, {}),
    ],
)
def test_what_is_absent_or_null_has_gos_zero_value(read, default):
    assert read({}, "x") == default
    assert read({"x": None}, "x") == default


def test_what_is_there():
    assert reading.text({"x": "é"}, "x") == "é"
    assert reading.flag({"x": True}, "x") is True
    assert reading.integer({"x": -5}, "x") == -5
    assert reading.texts({"x": ["a", "b"]}, "x") == ("a", "b")
    assert reading.integers({"x": {"a": 1}}, "x") == {"a": 1}
    assert reading.records({"x": [{"a": 1}]}, "x", dict) == ({"a": 1},)


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (reading.text, 1),
        (reading.text, ["a"]),
        (reading.flag, 1),
        (reading.flag, "true"),
        (reading.integer, True),
        (reading.integer, 1.0),
        (reading.integer, "1"),
        (reading.integer, 2**63),
        (reading.integer, -(2**63) - 1),
        (reading.mapping, []),
        (reading.texts, {}),
        (reading.texts, ["a", 1]),
        (reading.integers, {"a": "1"}),
    ],
)
def test_another_type_is_an_error(read, value):
    with pytest.raises(CredentialsError, match="cannot read"):
        read({"x": value}, "x")


@pytest.mark.parametrize("value", [[1], [None], "x"])
def test_records_are_objects(value):
    with pytest.raises(CredentialsError):
        reading.records({"x": value}, "x", dict)
