"""Certificates for tests, made anew: an authority, servers, clients, and bad ones.

::

    ca = Authority(tmp_path)
    server = ca.issue("server", names=["localhost"], addresses=["127.0.0.1"])
    TlsOptions(cert_file=server.cert_file, key_file=server.key_file, ca_file=ca.cert_file)

Keys are ECDSA P-256 unless asked otherwise: they take no time to make.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pubsub.config.options import TlsOptions

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def _now() -> dt.datetime:
    return dt.datetime.now(dt.timezone.utc).replace(microsecond=0)


def new_key(kind: str = "ec") -> Key:
    """A private key: ``"ec"`` or ``"rsa"``."""
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


#: Python 3.13 verifies with VERIFY_X509_STRICT, which wants this and the key identifiers.
_CA_USAGE = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _identifier(key: Key) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(key.public_key())


def _issuer(key: Key) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, in memory and as PEM files."""

    certificate: x509.Certificate
    key: Key
    cert_file: str
    key_file: str

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def spki_sha256(self) -> str:
        """What ``pinned_certs`` wants."""
        encoded = self.key.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        return hashlib.sha256(encoded).hexdigest()

    @property
    def not_after(self) -> float:
        """When it expires: epoch seconds."""
        aware = getattr(self.certificate, "not_valid_after_utc", None)
        if aware is None:
            aware = self.certificate.not_valid_after.replace(tzinfo=dt.timezone.utc)
        return float(aware.timestamp())

    def options(self, **others: object) -> TlsOptions:
        """A ``tls`` block with this certificate."""
        return TlsOptions(cert_file=self.cert_file, key_file=self.key_file, **others)  # type: ignore[arg-type]


class Authority:
    """A certificate authority whose files live in ``directory``.

    :param issuer: makes it an intermediate one, issued by that authority.
    """

    def __init__(self, directory: Path, name: str = "ca", issuer: Authority | None = None) -> None:
        self.directory = directory
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} authority")])
        self.key = new_key()
        signer = issuer or self
        now = _now()
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(signer.name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_CA_USAGE, critical=True)
            .add_extension(_identifier(self.key), critical=False)
            .add_extension(_issuer(signer.key), critical=False)
            .sign(signer.key, hashes.SHA256())
        )
        self.cert_file = _write(
            directory / f"{name}-ca.pem", self.certificate.public_bytes(Encoding.PEM)
        )

    def issue(
        self,
        name: str,
        *,
        names: Sequence[str] = ("localhost",),
        addresses: Sequence[str] = ("127.0.0.1", "::1"),
        client: bool = False,
        both: bool = False,
        subject: x509.Name | None = None,
        days: tuple[float, float] = (-1, 30),
        kind: str = "ec",
        chain: Sequence[x509.Certificate] = (),
        passphrase: bytes = b"",
    ) -> Issued:
        """A certificate called ``name``, valid from ``days[0]`` to ``days[1]`` from now.

        :param client: it is for clients, and has no server names.
        :param both: it is for servers that connect to servers.
        :param chain: appended to the certificate file.
        :param passphrase: encrypts the key file.
        """
        key = new_key(kind)
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH] if client or both else []
        usages += [] if client else [ExtendedKeyUsageOID.SERVER_AUTH]
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject or x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_now() + dt.timedelta(days=days[0]))
            .not_valid_after(_now() + dt.timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(_issuer(self.key), critical=False)
        )
        if not client:
            alternatives = [
                *map(x509.DNSName, names),
                *(x509.IPAddress(ip_address(address)) for address in addresses),
            ]
            builder = builder.add_extension(
                x509.SubjectAlternativeName(alternatives), critical=False
            )
        certificate = builder.sign(self.key, hashes.SHA256())
        pem = b"".join(one.public_bytes(Encoding.PEM) for one in (certificate, *chain))
        return Issued(
            certificate,
            key,
            _write(self.directory / f"{name}-cert.pem", pem),
            _write(self.directory / f"{name}-key.pem", _private(key, passphrase)),
        )

    def expired(self, name: str = "expired", *, client: bool = False) -> Issued:
        """A certificate that was good until yesterday."""
        return self.issue(name, client=client, days=(-30, -1))

    def wrong_host(self, name: str = "wrong-host") -> Issued:
        """A server's certificate, but not for anything on this machine."""
        return self.issue(name, names=["elsewhere.example"], addresses=["192.0.2.1"])


def _private(key: Key, passphrase: bytes) -> bytes:
    encryption: KeySerializationEncryption = NoEncryption()
    if passphrase:
        encryption = BestAvailableEncryption(passphrase)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def _write(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)
