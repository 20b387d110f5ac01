"""The rows about encryption: tls blocks, OCSP."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pubsub.config.row import Flag, Option
from pubsub.config.row import ValueKind as K

__all__ = ["ROWS", "tls_rows"]

_OCSP = "OCSP"
_CERT_STORE = "the Windows certificate store"


def _tls(name: str, kind: K, description: str, **keywords: Any) -> Option:
    keywords.setdefault("reloadable", True)
    return Option(f"tls.{name}", kind, description, **keywords)


def _flag(name: str, argument: str, description: str) -> Flag:
    return Flag((name,), argument, "TLS", description)


_TLS_BLOCK = (
    Option(
        "tls",
        K.BLOCK,
        "Encryption",
        reloadable=True,
        flag=_flag("tls", "", "Enable TLS, do not verify clients"),
    ),
    _tls(
        "cert_file",
        K.STRING,
        "Server certificate file",
        flag=_flag("tlscert", "<file>", "Server certificate file"),
    ),
    _tls(
        "key_file",
        K.STRING,
        "Private key for server certificate",
        flag=_flag("tlskey", "<file>", "Private key for server certificate"),
    ),
    _tls(
        "ca_file",
        K.STRING,
        "Client certificate CA for verification",
        flag=_flag("tlscacert", "<file>", "Client certificate CA for verification"),
    ),
    _tls(
        "verify",
        K.BOOL,
        "Verify client certificates",
        flag=_flag("tlsverify", "", "Enable TLS, verify client certificates"),
    ),
    _tls("insecure", K.BOOL, "Do not verify servers when connecting out"),
    _tls("timeout", K.SECONDS, "Time for the handshake", unit="seconds", zero_is_default=True),
    _tls(
        "handshake_first",
        K.ANY,
        'Handshake before INFO: true, false, "auto" or the time after which INFO goes first',
        aliases=("first", "immediate"),
        since="2.10",
    ),
    _tls(
        "pinned_certs",
        K.STRINGS,
        "SHA-256 of the public keys of accepted clients, hexadecimal",
    ),
    _tls("cipher_suites", K.STRINGS, "Cipher suites, see --help_tls"),
    _tls("curve_preferences", K.STRINGS, "Elliptic curves, see --help_tls"),
    _tls("min_version", K.CHOICE, "Oldest version", choices=("1.2", "1.3")),
    _tls(
        "connection_rate_limit",
        K.INTEGER,
        "Handshakes a second; 0 for any number",
        since="2.7",
        minimum=0,
        reloadable=False,
        go_name="TLSRateLimit",
    ),
    _tls(
        "certs",
        K.LIST,
        "More certificates, chosen by server name",
        aliases=("certificates",),
    ),
    _tls("certs.cert_file", K.STRING, "Server certificate file", attribute=None),
    _tls("certs.key_file", K.STRING, "Private key for it", attribute=None),
    _tls(
        "allow_insecure_cipher_suites",
        K.BOOL,
        "Accept cipher suites that are known to be weak",
        default=False,
        attribute=None,
    ),
    _tls(
        "verify_and_map",
        K.BOOL,
        "Verify client certificates, and take the user from them",
        reloadable=False,
        go_name="TLSMap",
    ),
    _tls(
        "verify_cert_and_check_known_urls",
        K.BOOL,
        "Verify that certificates name servers of routes or gateways; not for clients",
        reloadable=False,
        attribute="check_known_urls",
        go_name="TLSCheckKnownURLs",
    ),
    _tls(
        "ocsp_peer",
        K.ANY,
        "Ask OCSP responders about client certificates",
        since="2.10",
        default=False,
        unsupported=_OCSP,
    ),
    *(
        _tls(name, K.STRING, description, unsupported=_CERT_STORE)
        for name, description in (
            ("cert_store", "Certificate store of the operating system"),
            ("cert_match", "What to look for in the store"),
            ("cert_match_by", "Issuer, Subject or Thumbprint"),
            ("ca_certs_match", "CA certificates to look for in the store"),
            ("cert_match_skip_invalid", "Skip certificates that have expired"),
        )
    ),
)


def tls_rows(path: str, feature: str = "") -> tuple[Option, ...]:
    """The rows of another tls block, at ``path``.

    :param feature: what it belongs to if we do not have that.
    """
    return tuple(
        replace(
            row,
            path=path + row.path.removeprefix("tls"),
            unsupported=feature or row.unsupported,
            attribute=None,
            reloadable=not feature,
            flag=None,
        )
        for row in _TLS_BLOCK
    )


ROWS = (
    *_TLS_BLOCK,
    Option(
        "allow_non_tls",
        K.BOOL,
        "Accept clients without TLS on the same port",
        since="2.2",
        go_name="AllowNonTLS",
    ),
    Option("ocsp", K.ANY, "OCSP stapling", since="2.3", default=False, unsupported=_OCSP),
    Option("ocsp.mode", K.CHOICE, "When to staple", unsupported=_OCSP,
           choices=("auto", "always", "must", "never")),
    Option("ocsp.urls", K.STRINGS, "Responders to ask instead", aliases=("url",),
           unsupported=_OCSP),
    Option("ocsp_cache", K.ANY, "Answers of OCSP responders to keep", since="2.10",
           default=False, unsupported=_OCSP),
    Option("ocsp_cache.type", K.CHOICE, "Where to keep them", choices=("none", "local"),
           unsupported=_OCSP),
    Option("ocsp_cache.local_store", K.STRING, "Directory to keep them in", unsupported=_OCSP),
    Option("ocsp_cache.preserve_revoked", K.BOOL, "Keep revocations for good",
           unsupported=_OCSP),
    Option("ocsp_cache.save_interval", K.DURATION, "Time between two savings",
           unsupported=_OCSP),
)  # fmt: skip
