from __future__ import annotations

import pytest

from pubsub.auth.certnames import read_names
from pubsub.auth.dn import parse_dn
from pubsub.errors import AuthenticationFailed
from tests.auth.certificates import certificate


def test_alternative_names_in_order():
    names = read_names(
        certificate(
            [("CN", "x")],
            uris=["SPIFFE://localhost/Service/a"],
            dns=["a.example.com", "b.example.com"],
            emails=["ann@example.com"],
        )
    )
    assert list(names.alternative()) == [
        "ann@example.com",
        "a.example.com",
        "b.example.com",
        "spiffe://localhost/Service/a",
    ]


def test_the_subject_as_go_writes_it():
    """Go has an order of its own, and leaves out what it has no word for."""
    names = read_names(
        certificate(
            [
                ("DC", "com"),
                ("DC", "example"),
                ("CN", "early"),
                ("O", "NATS"),
                ("EMAIL", "x@y"),
                ("OU", "one"),
                ("OU", "two"),
                ("C", "US"),
                ("ST", "CA"),
                ("CN", "late"),
            ]
        )
    )
    assert names.subject == "CN=late,OU=one+OU=two,O=NATS,ST=CA,C=US"
    assert names.subject_with_components == f"{names.subject},DC=com,DC=example"
    assert list(names.written()) == [names.subject_with_components, names.subject]
    # there is an attribute nobody can write in a distinguished name
    assert names.dn is None


def test_every_attribute_go_has_a_word_for():
    """In the order nats-server's log shows."""
    types = ("STREET", "POSTALCODE", "SERIALNUMBER", "C", "O", "CN", "L", "OU", "ST", "EMAIL")
    names = read_names(certificate([(each, "US") for each in types]))
    assert [part[:-3] for part in names.subject.split(",")] == [
        "SERIALNUMBER", "CN", "OU", "O", "POSTALCODE", "STREET", "L", "ST", "C",
    ]  # fmt: skip


def test_the_subject_as_a_distinguished_name():
    names = read_names(
        certificate(
            [("DC", "org"), ("DC", "OpenSSL"), [("O", "users"), ("DC", "DEV")], ("CN", "John Doe")]
        )
    )
    assert names.dn == parse_dn("CN=John Doe,O=users+DC=DEV,DC=OpenSSL,DC=org")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a,b", r"a\,b"),
        (" a b ", r"\ a b\ "),
        ("#1#", r"\#1#"),
        ('<"+;\\>', r"\<\"\+\;\\\>"),
        ("bär", "bär"),
    ],
)
def test_special_characters(value, written):
    names = read_names(certificate([("CN", value)]))
    assert names.subject == f"CN={written}"
    assert names.dn == parse_dn(f"CN={written}")


def test_a_certificate_without_names():
    with pytest.raises(AuthenticationFailed, match="no names"):
        read_names(certificate())


def test_a_certificate_without_a_subject():
    names = read_names(certificate(dns=["a"]))
    assert (names.dn, list(names.written())) == (None, [])


@pytest.mark.parametrize("damage", [lambda der: b"", lambda der: der[:-1], lambda der: b"x" * 9999])
def test_what_is_no_certificate(damage):
    with pytest.raises(AuthenticationFailed, match="cannot be read"):
        read_names(damage(certificate([("CN", "x")])))
