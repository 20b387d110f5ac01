"""Go's names for cipher suites and curves, and OpenSSL's.

nats-server's configuration, ``/connz`` and log lines use the names of Go's ``crypto/tls``
(nats-server ``--help_tls`` lists them), OpenSSL has its own. Which suites count as
insecure is Go's judgement, too (``tls.InsecureCipherSuites``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["CURVES", "CipherSelection", "go_cipher_name", "insecure", "select", "select_curves"]

#: TLS 1.3 suites have one name everywhere; the order is Go's: the cheapest first
_TLS13 = (
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
)
#: TLS 1.2 in the order we prefer them: forward secrecy and AEAD first
_SECURE = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
}
_INSECURE = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256": "ECDHE-ECDSA-AES128-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256": "ECDHE-RSA-AES128-SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384": "AES256-GCM-SHA384",
    "TLS_RSA_WITH_AES_128_CBC_SHA256": "AES128-SHA256",
    "TLS_RSA_WITH_AES_128_CBC_SHA": "AES128-SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA": "AES256-SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA": "ECDHE-RSA-DES-CBC3-SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA": "DES-CBC3-SHA",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA": "ECDHE-ECDSA-RC4-SHA",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA": "ECDHE-RSA-RC4-SHA",
    "TLS_RSA_WITH_RC4_128_SHA": "RC4-SHA",
}
_OPENSSL = {**_SECURE, **_INSECURE}
_GO = {openssl: go for go, openssl in _OPENSSL.items()}

#: nats-server's curve names and OpenSSL's group names
CURVES = {
    "X25519": "X25519",
    "CurveP256": "P-256",
    "CurveP384": "P-384",
    "CurveP521": "P-521",
    "X25519MLKEM768": "X25519MLKEM768",
    "SecP256r1MLKEM768": "SecP256r1MLKEM768",
    "SecP384r1MLKEM1024": "SecP384r1MLKEM1024",
}


class CipherSelection(NamedTuple):
    """What OpenSSL is to be told."""

    #: OpenSSL names for TLS 1.2; empty: no TLS 1.2 at all
    tls12: tuple[str, ...]
    #: names for TLS 1.3
    tls13: tuple[str, ...]


def select(names: Sequence[str]) -> CipherSelection:
    """The suites for ``cipher_suites: [names]``, in that order; none: Go's secure ones.

    TLS 1.3 suites are as they are, as in Go, unless the list names some.

    :raises ValueError: ``unrecognized cipher X``, as nats-server says it.
    """
    if not names:
        return CipherSelection(tuple(_SECURE.values()), _TLS13)
    tls12 = []
    for name in names:
        if name in _OPENSSL:
            tls12.append(_OPENSSL[name])
        elif name not in _TLS13:
            raise ValueError(f"unrecognized cipher {name}")
    tls13 = tuple(name for name in names if name in _TLS13)
    return CipherSelection(tuple(tls12), tls13 or _TLS13)


def insecure(names: Sequence[str]) -> list[str]:
    """Those of ``names`` that need ``allow_insecure_cipher_suites``."""
    return [name for name in names if name in _INSECURE]


def select_curves(names: Sequence[str]) -> tuple[str, ...]:
    """OpenSSL's names for ``curve_preferences: [names]``.

    :raises ValueError: ``unrecognized curve preference X``, as nats-server says it.
    """
    for name in names:
        if name not in CURVES:
            raise ValueError(f"unrecognized curve preference {name}")
    return tuple(CURVES[name] for name in names)


def go_cipher_name(openssl: str) -> str:
    """What Go, and so ``/connz``, calls a suite; unknown ones keep OpenSSL's name."""
    return _GO.get(openssl, openssl)
