"""Go's names for cipher suites and curves, and OpenSSL's.

nats-server's configuration, ``/connz`` and log lines use the names of Go's ``crypto/tls``
(nats-server ``--help_tls`` lists them), OpenSSL has its own. Which suites count as
insecure is Go's judgement, too (``tls.InsecureCipherSuites``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pubsub.config.ciphers import CURVES, INSECURE_TLS12, TLS12, TLS13

__all__ = ["CURVES", "CipherSelection", "go_cipher_name", "insecure", "select", "select_curves"]

_OPENSSL = {**TLS12, **INSECURE_TLS12}
_GO = {openssl: go for go, openssl in _OPENSSL.items()}


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
        return CipherSelection(tuple(TLS12.values()), TLS13)
    tls12 = []
    for name in names:
        if name in _OPENSSL:
            tls12.append(_OPENSSL[name])
        elif name not in TLS13:
            raise ValueError(f"unrecognized cipher {name}")
    tls13 = tuple(name for name in names if name in TLS13)
    return CipherSelection(tuple(tls12), tls13 or TLS13)


def insecure(names: Sequence[str]) -> list[str]:
    """Those of ``names`` that need ``allow_insecure_cipher_suites``."""
    return [name for name in names if name in INSECURE_TLS12]


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
