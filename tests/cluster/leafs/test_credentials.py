"""What a leaf node shows its hub."""

from __future__ import annotations

import pytest

from pubsub.auth.jwt.keys import KeyPair
from pubsub.cluster.leafs.credentials import credentials
from pubsub.config.options import LeafRemoteOptions, LeafUrl
from pubsub.errors import CredentialsError

URL = LeafUrl("h")
FILE = (
    b"-----BEGIN NATS USER JWT-----\r\na.b.c\r\n------END NATS USER JWT------\r\n\r\n"
    b"************************* IMPORTANT *************************\r\n"
    b"-----BEGIN USER NKEY SEED-----\r\n%b\r\n------END USER NKEY SEED------\r\n"
)


def test_nothing_is_shown_without_credentials() -> None:
    assert credentials(LeafRemoteOptions((URL,)), URL, "n") == {}


def test_a_file_with_carriage_returns_will_do() -> None:
    remote = LeafRemoteOptions((URL,), credentials="f")
    seed = KeyPair.generate("U").seed.encode()
    shown = credentials(remote, URL, "n", lambda path: FILE % seed)
    assert shown["jwt"] == "a.b.c"
    assert len(shown["sig"]) == 86


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "Credentials file malformed"),
        (b"-----BEGIN-----\na.b.c\n-----END-----\n", "Credentials file malformed"),
        (FILE % b"SUAXXX", "Credentials file has malformed seed"),
    ],
)
def test_a_bad_file_is_told_without_its_content(content: bytes, complaint: str) -> None:
    with pytest.raises(CredentialsError) as caught:
        credentials(LeafRemoteOptions((URL,), credentials="f"), URL, "n", lambda path: content)
    assert str(caught.value) == complaint


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(CredentialsError, match="open /nowhere/x: no such file or directory"):
        credentials(LeafRemoteOptions((URL,), credentials="/nowhere/x"), URL, "n")


def test_a_seed_that_is_none() -> None:
    remote = LeafRemoteOptions((URL,), nkey="SUAXXX")
    with pytest.raises(CredentialsError, match="Remote nkey has malformed seed"):
        credentials(remote, URL, "n")
    assert "SUAXXX" not in repr(remote)


def test_an_empty_password_is_no_token() -> None:
    url = LeafUrl("h", user="u", password="")
    assert credentials(LeafRemoteOptions((url,)), url, "n") == {"user": "u"}
