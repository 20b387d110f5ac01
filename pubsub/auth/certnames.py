"""The names in a certificate that may be a user's, in the order nats-server looks at them.

The subject is written in three ways: as a distinguished name; as Go writes it, which puts
certain attributes into its own order and leaves domain components out; and that with the
domain components at its end. Users of configurations in the field are called by any of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pubsub.auth.dn import DN
from pubsub.errors import AuthenticationFailed

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, Name

__all__ = ["CertificateNames", "read_names"]

_DOMAIN_COMPONENT = "0.9.2342.19200300.100.1.25"
#: in the order in which Go writes them backwards (``pkix.Name.ToRDNSequence``)
_GO_ORDER = {
    "2.5.4.6": "C",
    "2.5.4.8": "ST",
    "2.5.4.7": "L",
    "2.5.4.9": "STREET",
    "2.5.4.17": "POSTALCODE",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.3": "CN",
    "2.5.4.5": "SERIALNUMBER",
}
#: of these Go keeps the last one only
_SINGLE = ("CN", "SERIALNUMBER")
_Attributes = list[list[tuple[str, Any]]]
_TYPES = {**_GO_ORDER, _DOMAIN_COMPONENT: "DC"}


@dataclass(frozen=True)
class CertificateNames:
    """The names in one certificate."""

    emails: tuple[str, ...]
    dns_names: tuple[str, ...]
    uris: tuple[str, ...]
    #: the subject; ``None`` if it is empty or has attributes nobody can write
    dn: DN | None
    #: the subject as Go writes it, with the domain components and without; ``""`` for none
    subject_with_components: str
    subject: str

    def alternative(self) -> Iterator[str]:
        """Subject alternative names: e-mail addresses, then DNS names, then URIs."""
        yield from self.emails
        yield from self.dns_names
        yield from self.uris

    def written(self) -> Iterator[str]:
        """The subject as text."""
        yield from filter(None, (self.subject_with_components, self.subject))


def read_names(certificate: bytes) -> CertificateNames:
    """The names in a certificate.

    :param certificate: DER.
    :raises pubsub.errors.AuthenticationFailed: it cannot be read, or has no names.
    """
    from cryptography import x509  # who has no certificates does not need it

    try:
        loaded = x509.load_der_x509_certificate(certificate)
        emails, dns_names, uris = _alternative_names(loaded)
        subject = loaded.subject
        attributes: _Attributes = [
            [(attribute.oid.dotted_string, attribute.value) for attribute in rdn]
            for rdn in subject.rdns
        ]
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise AuthenticationFailed("the certificate cannot be read") from error
    written = _go_subject(subject)
    components = ",".join(
        f"DC={value}" for rdn in attributes for oid, value in rdn if oid == _DOMAIN_COMPONENT
    )
    names = CertificateNames(
        emails,
        dns_names,
        uris,
        _dn(attributes),
        f"{written},{components}" if components else "",
        written,
    )
    if not attributes and not any(names.alternative()):
        raise AuthenticationFailed("the certificate has no names")
    return names


def _alternative_names(
    certificate: Certificate,
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    from cryptography import x509

    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return (), (), ()
    names = found.value
    return (
        tuple(names.get_values_for_type(x509.RFC822Name)),
        tuple(names.get_values_for_type(x509.DNSName)),
        tuple(map(_uri, names.get_values_for_type(x509.UniformResourceIdentifier))),
    )


def _uri(text: str) -> str:
    """As Go writes a URL that it has read: the scheme in lower case."""
    scheme, colon, rest = text.partition(":")
    return scheme.lower() + colon + rest


def _dn(attributes: _Attributes) -> DN | None:
    parts = []
    for rdn in reversed(attributes):
        if any(oid not in _TYPES or not isinstance(value, str) for oid, value in rdn):
            return None
        parts.append(frozenset((_TYPES[oid].encode(), value.encode()) for oid, value in rdn))
    return DN(parts) or None


def _go_subject(subject: Name) -> str:
    values: dict[str, list[str]] = {}
    for attribute in subject:
        name = _GO_ORDER.get(attribute.oid.dotted_string)
        if name is not None and isinstance(attribute.value, str):
            values.setdefault(name, []).append(attribute.value)
    for name in _SINGLE:
        values[name] = [value for value in values.get(name, ())[-1:] if value]
    parts = [
        "+".join(f"{name}={_escape(value)}" for value in values[name])
        for name in _GO_ORDER.values()
        if values.get(name)
    ]
    return ",".join(reversed(parts))


def _escape(value: str) -> str:
    """``pkix.RDNSequence.String``."""
    last = len(value) - 1
    return "".join(
        f"\\{char}"
        if char in ',+"\\<>;' or (char == " " and at in (0, last)) or (char == "#" and at == 0)
        else char
        for at, char in enumerate(value)
    )
