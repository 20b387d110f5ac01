"""Certificates with any names: for what reads them, they need no authority."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

_KEY = ec.generate_private_key(ec.SECP256R1())
_TYPES = {
    "CN": NameOID.COMMON_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "L": NameOID.LOCALITY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "C": NameOID.COUNTRY_NAME,
    "STREET": NameOID.STREET_ADDRESS,
    "POSTALCODE": NameOID.POSTAL_CODE,
    "DC": NameOID.DOMAIN_COMPONENT,
    "SERIALNUMBER": NameOID.SERIAL_NUMBER,
    "EMAIL": NameOID.EMAIL_ADDRESS,
}

Attribute = tuple[str, str]


def certificate(
    subject: Sequence[Attribute | Sequence[Attribute]] = (),
    emails: Sequence[str] = (),
    dns: Sequence[str] = (),
    uris: Sequence[str] = (),
) -> bytes:
    """DER. ``subject`` in the order of the certificate, the most general part first.

    A part with several attributes is a list of them.
    """
    parts = [[part] if isinstance(part, tuple) else part for part in subject]
    name = x509.Name(
        [
            x509.RelativeDistinguishedName([x509.NameAttribute(_TYPES[t], v) for t, v in part])
            for part in parts
        ]
    )
    now = dt.datetime.now(dt.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(_KEY.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1))
    )
    names: list[x509.GeneralName] = [
        *map(x509.RFC822Name, emails),
        *map(x509.DNSName, dns),
        *map(x509.UniformResourceIdentifier, uris),
    ]
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(_KEY, hashes.SHA256()).public_bytes(Encoding.DER)
