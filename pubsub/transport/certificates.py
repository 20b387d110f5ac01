"""Certificate files: reading them, with errors that name the file and the reason."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtensionOID
from OpenSSL import SSL

from pubsub.config.options import TlsOptions
from pubsub.errors import InvalidOption

__all__ = [
    "KeyPair",
    "covers",
    "load_authorities",
    "load_pair",
    "load_pairs",
    "server_names",
    "validity_warning",
]


@dataclass(frozen=True)
class KeyPair:
    """A certificate, what it was issued by, and its key: two PEM files that belong together."""

    cert_file: str
    key_file: str
    #: the first in ``cert_file``; the others are its chain
    certificate: x509.Certificate
    #: keys of one kind share a place in an OpenSSL context: ``"RSAPublicKey"``…
    kind: str

    @property
    def not_after(self) -> float:
        """When it expires: epoch seconds."""
        return _moment(self.certificate, "not_valid_after").timestamp()

    def use_in(self, context: SSL.Context) -> None:
        """Offer it to peers."""
        try:
            context.use_certificate_chain_file(self.cert_file)
            context.use_privatekey_file(self.key_file)
            context.check_privatekey()
        except SSL.Error as error:
            # e.g. a key that is too short for OpenSSL's security level
            reasons = error.args[0] if error.args else []
            why = "; ".join(str(entry[-1]) for entry in reasons) or "OpenSSL refuses it"
            raise InvalidOption(f"tls: cannot use cert_file {self.cert_file!r}: {why}") from None


def load_pairs(options: TlsOptions) -> list[KeyPair]:
    """The pairs of a listener: ``cert_file`` and ``key_file``, or ``certs``.

    :raises InvalidOption: there is none, or a file cannot be used.
    """
    if options.cert_file and not options.key_file:
        raise InvalidOption("missing 'key_file' in TLS configuration")
    if options.key_file and not options.cert_file:
        raise InvalidOption("missing 'cert_file' in TLS configuration")
    if options.cert_file and options.certs:
        raise InvalidOption("tls: 'cert_file' and 'certs' cannot be combined")
    if options.cert_file:
        return [load_pair(options.cert_file, options.key_file)]
    if not options.certs:
        # nats-server starts with such a block, and then no handshake can succeed
        raise InvalidOption("tls: a listener needs 'cert_file' and 'key_file', or 'certs'")
    return [load_pair(pair.cert_file, pair.key_file) for pair in options.certs]


def load_pair(cert_file: str, key_file: str) -> KeyPair:
    """Read one pair and see that it is one.

    :raises InvalidOption: naming the file and what is wrong with it.
    """
    certificate = _certificates("cert_file", cert_file)[0]
    data = _read("key_file", key_file)
    try:
        key = load_pem_private_key(data, None)
    except TypeError:
        raise InvalidOption(f"tls: key_file {key_file!r} is encrypted: decrypt it") from None
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidOption(f"tls: key_file {key_file!r} holds no private key in PEM") from None
    public = key.public_key()
    if _encoded(public) != _encoded(certificate.public_key()):
        raise InvalidOption(
            f"tls: private key does not match public key:"
            f" key_file {key_file!r} is not that of cert_file {cert_file!r}"
        )
    return KeyPair(cert_file, key_file, certificate, type(public).__name__)


def _encoded(key: object) -> bytes:
    encoded: bytes = key.public_bytes(  # type: ignore[attr-defined]
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    return encoded


def load_authorities(path: str) -> list[x509.Certificate]:
    """The certificates of a ``ca_file``.

    :raises InvalidOption: naming the file and what is wrong with it.
    """
    return _certificates("ca_file", path)


def _certificates(option: str, path: str) -> list[x509.Certificate]:
    data = _read(option, path)
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError:
        raise InvalidOption(f"tls: {option} {path!r} holds no certificate in PEM") from None


def _read(option: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise InvalidOption(f"tls: cannot read {option} {path!r}: {reason}") from None


def validity_warning(pair: KeyPair, now: float) -> str:
    """Why clients will not accept a certificate at ``now`` (epoch seconds), ``""`` if they will."""
    begins = _moment(pair.certificate, "not_valid_before")
    expires = _moment(pair.certificate, "not_valid_after")
    if now > expires.timestamp():
        return f"tls: the certificate in {pair.cert_file!r} expired on {expires:%Y-%m-%d %H:%M} UTC"
    if now < begins.timestamp():
        return (
            f"tls: the certificate in {pair.cert_file!r} is not valid before"
            f" {begins:%Y-%m-%d %H:%M} UTC"
        )
    return ""


def _moment(certificate: x509.Certificate, which: str) -> dt.datetime:
    """An end of its life; only younger versions of cryptography (42) know time zones."""
    aware = getattr(certificate, f"{which}_utc", None)
    if aware is None:
        aware = getattr(certificate, which).replace(tzinfo=dt.timezone.utc)
    assert isinstance(aware, dt.datetime)
    return aware


def server_names(certificate: x509.Certificate) -> frozenset[str]:
    """Whom a certificate is for: the names and addresses of its subjectAltName."""
    try:
        names = certificate.extensions.get_extension_for_oid(
            ExtensionOID.SUBJECT_ALTERNATIVE_NAME
        ).value
    except x509.ExtensionNotFound:
        return frozenset()
    assert isinstance(names, x509.SubjectAlternativeName)
    return frozenset(
        [name.lower().rstrip(".") for name in names.get_values_for_type(x509.DNSName)]
        + [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    )


def covers(certificate: x509.Certificate, host: str) -> bool:
    """Whether a certificate is for ``host``; a ``*`` is one whole label, the first (RFC 6125)."""
    host = host.lower().rstrip(".")
    label, _, parent = host.partition(".")
    names = server_names(certificate)
    return host in names or bool(label and parent and f"*.{parent}" in names)
