"""Distinguished names as Go prints them; nats-server shows them in /connz."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.x509 import ObjectIdentifier
from cryptography.x509.oid import NameOID
from twisted.internet.testing import StringTransport

from pubsub.client.preamble import TlsDetails
from pubsub.transport.tls_details import describe_certificate, distinguished_name, tls_details
from tests.certs import Authority

COMMON, ORGANIZATION, UNIT = (
    NameOID.COMMON_NAME,
    NameOID.ORGANIZATION_NAME,
    NameOID.ORGANIZATIONAL_UNIT_NAME,
)


def name(*attributes: tuple[ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])


NAMES = [
    (name(), ""),
    (name((COMMON, "client")), "CN=client"),
    (
        name(
            (NameOID.COUNTRY_NAME, "CH"),
            (NameOID.STATE_OR_PROVINCE_NAME, "ZH"),
            (NameOID.LOCALITY_NAME, "Town"),
            (NameOID.STREET_ADDRESS, "Way 1"),
            (NameOID.POSTAL_CODE, "8000"),
            (ORGANIZATION, "Example"),
            (UNIT, "edge"),
            (COMMON, "client"),
            (NameOID.SERIAL_NUMBER, "7"),
        ),
        "SERIALNUMBER=7,CN=client,POSTALCODE=8000,STREET=Way 1,ST=ZH,L=Town,OU=edge,O=Example,C=CH",
    ),
    # the order in the certificate does not matter, that of one type does
    (name((COMMON, "a"), (UNIT, "x"), (ORGANIZATION, "o"), (UNIT, "y")), "CN=a,OU=x+OU=y,O=o"),
    (name((COMMON, "first"), (COMMON, "last")), "CN=last"),
    (name((COMMON, 'a,b+c"d\\e<f>g;h')), r"CN=a\,b\+c\"d\\e\<f\>g\;h"),
    (name((COMMON, " # ")), r"CN=\ #\ "),
    (name((COMMON, "#a#")), r"CN=\#a#"),
    (name((COMMON, "日本")), "CN=日本"),
    # what Go has no short name for comes last, and last first
    (
        name(
            (NameOID.DOMAIN_COMPONENT, "com"),
            (NameOID.DOMAIN_COMPONENT, "foo"),
            (COMMON, "x"),
        ),
        "CN=x,0.9.2342.19200300.100.1.25=#1303666f6f,0.9.2342.19200300.100.1.25=#1303636f6d",
    ),
    (
        name((NameOID.EMAIL_ADDRESS, "a@b.c")),
        "1.2.840.113549.1.9.1=#0c056140622e63",
    ),
    (
        name((NameOID.TITLE, "é" * 100)),
        "2.5.4.12=#0c81c8" + "c3a9" * 100,
    ),
]


@pytest.mark.parametrize(("subject", "expected"), NAMES)
def test_a_name_is_written_as_go_writes_it(subject, expected) -> None:
    assert distinguished_name(subject) == expected


def test_a_certificate_has_two_hashes(tmp_path) -> None:
    issued = Authority(tmp_path).issue("client", client=True)
    described = describe_certificate(issued.certificate)
    assert described.subject == "CN=client"
    assert described.der == issued.der
    assert described.spki_sha256 == issued.spki_sha256
    assert described.cert_sha256 != issued.spki_sha256
    assert len(described.cert_sha256) == 64


def test_a_transport_without_tls_has_no_details() -> None:
    assert tls_details(StringTransport()) == TlsDetails()
    assert tls_details(object()) == TlsDetails()
