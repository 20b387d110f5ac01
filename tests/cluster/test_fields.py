"""JSON of other servers, field by field."""

from __future__ import annotations

import pytest

from pubsub.cluster.fields import Fields, given
from pubsub.errors import MalformedArguments

ARGUMENT = (
    b'{"text": "a\\ud800", "number": 3, "flag": true, "texts": ["a", "b\\udfff"],'
    b' "lists": {"allow": [], "deny": ["\\ud800"]}, "bad": {"deny": [1]}}'
)


def test_fields_are_read_with_their_type() -> None:
    """Half of a surrogate pair becomes a question mark."""
    fields = Fields(ARGUMENT, "INFO")
    assert fields.text("text") == "a?"
    assert fields.number("number") == 3
    assert fields.flag("flag") is True
    assert fields.texts("texts") == fields.maybe_texts("texts") == ("a", "b?")
    assert fields.lists("lists") == ((), ("?",))


def test_what_is_missing_is_empty() -> None:
    """As in Go; null, too."""
    fields = Fields(b'{"text": null}', "INFO")
    assert fields.text("text") == ""
    assert fields.number("number") == 0
    assert fields.flag("flag") is False
    assert fields.texts("texts") == ()
    assert fields.maybe_texts("texts") is None
    assert fields.lists("lists") is None


@pytest.mark.parametrize("argument", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_other_things_than_objects_are_refused(argument: bytes) -> None:
    """However deep."""
    with pytest.raises(MalformedArguments):
        Fields(argument, "INFO")


@pytest.mark.parametrize(
    ("reader", "name"),
    [
        (Fields.text, "number"),
        (Fields.number, "flag"),
        (Fields.number, "text"),
        (Fields.flag, "number"),
        (Fields.texts, "text"),
        (Fields.lists, "texts"),
        (Fields.lists, "bad"),
    ],
)
def test_another_type_is_refused(reader: object, name: str) -> None:
    """True is no number."""
    assert callable(reader)
    with pytest.raises(MalformedArguments, match=r"INFO: .* has the wrong type"):
        reader(Fields(ARGUMENT, "INFO"), name)


def test_members_that_are_empty_are_left_out() -> None:
    """Go's omitempty."""
    assert given(a=1, b=0, c="", d=False, e=[], f="x") == {"a": 1, "f": "x"}
