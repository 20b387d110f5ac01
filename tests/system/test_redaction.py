"""No secret reaches the log."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsub.system.redaction import REDACTED, is_secret_name, redact

JWT = "eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.eyJqdGkiOiJBQkMifQ.c2lnbmF0dXJl"
SEED = "SUAKYRHVIOREXV7EUZTBHUHL7NUMHPMAS7QMDU3GTIUWEI5LDNOXD43IZY"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"pass":"s3cr\\"et","lang":"go"}', '{"pass":"[REDACTED]","lang":"go"}'),
        ('"auth_token": "abc"', '"auth_token": "[REDACTED]"'),
        ("password = hunter2, next", "password = [REDACTED], next"),
        ("token: 'x y z' done", "token: '[REDACTED]' done"),
        ("nats://ann:s3cret@127.0.0.1:4222", "nats://[REDACTED]@127.0.0.1:4222"),
        ("nats://s3crettoken@example.com", "nats://[REDACTED]@example.com"),
        (f"bad jwt {JWT}!", "bad jwt [REDACTED]!"),
        (f"seed file has {SEED}", "seed file has [REDACTED]"),
        ('"sig":"b64', '"sig":"[REDACTED]"'),
    ],
)  # fmt: skip
def test_each_kind_of_secret_is_blanked(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "Listening for client connections on 0.0.0.0:4222",
        "127.0.0.1:51234 - cid:5 - Client connection created",
        "Starting http monitor on http://0.0.0.0:8222",
        "invalid token at line 3",
        "the compass pointed north: onwards",
        "bypass: on",
    ],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert redact(text) == text


def test_what_is_blanked_already_stays_so() -> None:
    text = '[CONNECT {"pass":"[REDACTED]","auth_token":"[REDACTED]"}] pass=[REDACTED]'
    assert redact(text) == text


@given(st.text(alphabet='abc:="\\ passtokenjwt,{}[]\n', max_size=80))
def test_redacting_twice_is_redacting_once(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@given(st.text(alphabet=st.characters(codec="ascii", categories=["L", "N"]), min_size=1))
def test_no_password_survives_in_a_connect(password: str) -> None:
    shown = redact(f'{{"pass":"<{password}>","v":1}}')
    assert shown == f'{{"pass":"{REDACTED}","v":1}}'


@pytest.mark.parametrize(
    "text",
    [
        "a" * 300_000 + "://",
        "eyJ" * 100_000,
        "eyJaaaaaaaa." * 30_000,
        "pass" * 75_000,
        "pass" + " " * 300_000,
        "://" * 100_000,
        "://a:" * 60_000,
        'pass="' + "\\" * 300_000,
        "SU" * 150_000,
    ],
    ids=lambda text: text[:12],
)
def test_a_long_text_made_to_take_long_does_not(text: str) -> None:
    """Whoever breaks this one waits for minutes."""
    redact(text)


def test_secret_field_names_are_known_whole() -> None:
    assert is_secret_name("password")
    assert is_secret_name("auth_token")
    assert is_secret_name("JWT")
    assert not is_secret_name("tokens_per_subject")
    assert not is_secret_name("subject")
