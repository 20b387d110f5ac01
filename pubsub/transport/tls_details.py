"""What a finished TLS handshake agreed on, in nats-server's words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from OpenSSL import SSL

from pubsub.client.preamble import PeerCertificate, TlsDetails
from pubsub.transport.ciphers import go_cipher_name

__all__ = ["describe_certificate", "distinguished_name", "tls_details"]

#: attribute types with a short name, in the order Go prints them (crypto/x509/pkix)
_SHORT = {
    "2.5.4.5": "SERIALNUMBER",
    "2.5.4.3": "CN",
    "2.5.4.17": "POSTALCODE",
    "2.5.4.9": "STREET",
    "2.5.4.8": "ST",
    "2.5.4.7": "L",
    "2.5.4.11": "OU",
    "2.5.4.10": "O",
    "2.5.4.6": "C",
}
#: Go keeps only the last of several of these
_SINGLE = frozenset({"2.5.4.5", "2.5.4.3"})
_SPECIAL = frozenset(',+"\\<>;')
#: ASN.1 PrintableString (X.680), and what Go's encoder adds to it
_PRINTABLE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?")
_UTF8_TAG, _PRINTABLE_TAG = 0x0C, 0x13


def tls_details(transport: Any) -> TlsDetails:
    """The details of the TLS connection ``transport`` carries; empty ones if it has none."""
    handle = transport.getHandle() if hasattr(transport, "getHandle") else None
    if not isinstance(handle, SSL.Connection):
        return TlsDetails()
    return TlsDetails(
        version=(handle.get_protocol_version_name() or "").removeprefix("TLSv"),
        cipher_suite=go_cipher_name(handle.get_cipher_name() or ""),
        peer_certificates=tuple(map(describe_certificate, _peer_certificates(handle))),
    )


def _peer_certificates(connection: SSL.Connection) -> Iterable[x509.Certificate]:
    """The peer's own certificate and then the others it sent, each once.

    OpenSSL's chain has the peer's own certificate on clients only.
    """
    leaf = connection.get_peer_certificate()
    if leaf is None:
        return
    yield (own := leaf.to_cryptography())
    for other in connection.get_peer_cert_chain() or ():
        certificate = other.to_cryptography()
        if certificate != own:
            yield certificate


def describe_certificate(certificate: x509.Certificate) -> PeerCertificate:
    """A certificate with its hashes."""
    der = certificate.public_bytes(Encoding.DER)
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return PeerCertificate(
        der=der,
        subject=distinguished_name(certificate.subject),
        spki_sha256=hashlib.sha256(key).hexdigest(),
        cert_sha256=hashlib.sha256(der).hexdigest(),
    )


def distinguished_name(name: x509.Name) -> str:
    """``CN=client,OU=edge+OU=test,O=Example,C=CH``, as Go's ``pkix.Name.String`` has it.

    Known attributes come in a fixed order, several of one type joined by ``+``; all
    others follow as ``1.2.3=#<DER in hexadecimal>``, last one first.
    """
    known: dict[str, list[str]] = {}
    others = []
    for attribute in name:
        oid = attribute.oid.dotted_string
        value = attribute.value
        text = value if isinstance(value, str) else value.decode("latin-1")
        if oid not in _SHORT:
            others.append(f"{oid}=#{_der(text).hex()}")
        elif oid in _SINGLE:
            known[oid] = [text]
        else:
            known.setdefault(oid, []).append(text)
    groups = [
        "+".join(f"{short}={_escape(text)}" for text in known[oid])
        for oid, short in _SHORT.items()
        if oid in known
    ]
    return ",".join([*groups, *reversed(others)])


def _escape(text: str) -> str:
    last = len(text) - 1
    return "".join(
        f"\\{char}"
        if char in _SPECIAL or (char == " " and index in (0, last)) or (char == "#" and index == 0)
        else char
        for index, char in enumerate(text)
    )


def _der(text: str) -> bytes:
    """``text`` as Go's encoder would write it: a PrintableString if it can be one."""
    value = text.encode("utf-8", "surrogateescape")
    tag = _PRINTABLE_TAG if set(text) <= _PRINTABLE else _UTF8_TAG
    size = len(value)
    if size < 0x80:
        length = bytes((size,))
    else:
        digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
        length = bytes((0x80 | len(digits),)) + digits
    return bytes((tag,)) + length + value
