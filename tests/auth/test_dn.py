from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsub.auth.dn import DN, parse_dn


def dn(*parts):
    return DN(frozenset((t.encode(), v.encode()) for t, v in part) for part in parts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CN=ann", dn([("CN", "ann")])),
        ("cn=ann", dn([("CN", "ann")])),
        ("CN=ann,O=x", dn([("CN", "ann")], [("O", "x")])),
        (" CN = ann , O = x y  ", dn([("CN", "ann")], [("O", "x y")])),
        ("CN=ann+DC=dev,O=x", dn([("CN", "ann"), ("DC", "dev")], [("O", "x")])),
        ("DC=dev+CN=ann,O=x", dn([("CN", "ann"), ("DC", "dev")], [("O", "x")])),
        (r"CN=a\,b", dn([("CN", "a,b")])),
        (r"CN=\ a\ ", dn([("CN", " a ")])),
        (r"CN=a\ ,O=x", dn([("CN", "a ")], [("O", "x")])),
        (r"CN=\#1", dn([("CN", "#1")])),
        (r"CN=b\C3\A4r", dn([("CN", "bär")])),
        ("CN=bär", dn([("CN", "bär")])),
        ("CN=ann,", dn([("CN", "ann")])),
        ("1.2.3=x", dn([("1.2.3", "x")])),
    ],
)
def test_names_that_are_written(text, expected):
    assert parse_dn(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "ann",
        "CN=ann,bob",
        "=ann",
        "CN=#04024869",
        "CN=a\\",
        "CN=a\\4",
        "CN=a\\zz",
        ",",
        "CN=a,,",
    ],
)
def test_what_is_no_name(text):
    assert parse_dn(text) is None


def test_values_have_case_and_types_have_none():
    assert parse_dn("CN=Ann") != parse_dn("CN=ann")
    assert parse_dn("Cn=ann") == parse_dn("cN=ann")


@pytest.mark.parametrize(
    ("one", "other", "result"),
    [
        ("CN=a,O=b", "O=b,CN=a", True),
        ("CN=a,O=b", "CN=a,O=b", True),
        ("CN=a,O=b", "CN=a", False),
        ("CN=a", "CN=a,O=b", False),
        ("CN=a,CN=a,O=b", "CN=a,O=b,O=b", False),
        ("O=users+DC=dev,CN=a", "CN=a,DC=dev+O=users", True),
    ],
)
def test_the_same_parts_in_any_order(one, other, result):
    assert parse_dn(one).has_parts_of(parse_dn(other)) is result


@given(st.text())
def test_any_text_is_a_name_or_none(text):
    assert parse_dn(text) is None or isinstance(parse_dn(text), DN)
