"""The ``tls`` blocks.

The rules and texts are those of nats-server's ``opts.go``, parseTLS.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pubsub.config.ciphers import CIPHER_SUITES, CURVES, INSECURE_CIPHER_SUITES
from pubsub.config.durations import parse_duration
from pubsub.config.options import CertificatePair, TlsOptions
from pubsub.config.parser import Token
from pubsub.config.reading import Problems, Read, Settings, entries, given, map_of
from pubsub.config.row import Option
from pubsub.config.table import by_path
from pubsub.config.values import Warn, convert, invalid, string_list

__all__ = ["READERS", "finish_tls", "read_tls"]

#: nats-server's ``auto``: what old clients wait for INFO before TLS may begin.
_AUTO_FALLBACK = 0.05

_KNOWN_URLS = "tls.verify_cert_and_check_known_urls"
_FINGERPRINT = re.compile(r"[a-f0-9]{64}")


def read_tls(path: str, token: Token, warn: Warn, *, servers: bool = False) -> TlsOptions:
    """A tls block that is not the client listener's.

    :param path: of the block in the table.
    :param servers: it is for routes or gateways: only servers show certificates.
    :raises ConfigError: or ConfigErrors; what is wrong with it.
    """
    map_of(token, f"{path.rpartition('.')[2]} must be a block, {{ … }}")
    problems = Problems()
    settings: dict[str, object] = {}
    for row, _, element in entries(path, token, problems):
        with problems.caught():
            # all tls blocks are alike: this one is read as if it were the first
            alike = by_path(f"tls{row.path.removeprefix(path)}")
            read = READERS.get(alike.path)
            if servers and alike.path == _KNOWN_URLS:
                settings["tls.check_known_urls"] = convert(alike, element, warn)
            elif read is not None:
                read(alike, element, settings, warn)
            else:
                settings[alike.path] = convert(alike, element, warn)
    problems.raise_all()
    finish_tls(token, settings)
    return TlsOptions(**given(settings, "tls", TlsOptions))


def finish_tls(token: Token, settings: Settings) -> None:
    """Check what concerns several keys of a tls block.

    :raises InvalidOption: at the block.
    """
    if settings.get("tls.verify_and_map") or settings.get("tls.check_known_urls"):
        settings["tls.verify"] = True
    cert, key = settings.get("tls.cert_file"), settings.get("tls.key_file")
    if settings.get("tls.certs") and cert:
        raise invalid(
            "error parsing tls config, cannot combine 'cert_file' option with 'certs' option",
            token,
        )
    if cert and not key:
        raise invalid("missing 'key_file' in TLS configuration", token)
    if key and not cert:
        raise invalid("missing 'cert_file' in TLS configuration", token)
    suites = settings.get("tls.cipher_suites", ())
    assert isinstance(suites, tuple)
    weak = [suite for suite in suites if suite in INSECURE_CIPHER_SUITES]
    if weak and not settings.get("tls.allow_insecure_cipher_suites"):
        raise invalid(
            "insecure cipher suites configured without 'allow_insecure_cipher_suites' option "
            f"set: {', '.join(weak)}",
            token,
        )


def _handshake_first(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    value = token.value
    answer: bool | float
    if isinstance(value, bool):
        answer = value
    elif not isinstance(value, str):
        raise invalid('field "handshake_first" should be a boolean or a string', token)
    elif value.lower() in ("true", "on", "false", "off"):
        answer = value.lower() in ("true", "on")
    elif value.lower() in ("auto", "auto_fallback"):
        answer = _AUTO_FALLBACK
    else:
        try:
            seconds = parse_duration(value)
        except ValueError as error:
            raise invalid(
                f'field "handshake_first"\'s value "{value}" is invalid: true, false, "auto" '
                'or a duration such as "100ms"',
                token,
            ) from error
        # no time to fall back in is no fallback
        answer = seconds if seconds > 0 else True
    settings["tls.handshake_first"] = answer


def _pinned_certs(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    if not isinstance(token.value, list):
        raise invalid(
            "error parsing tls config, expected 'pinned_certs' to be a list of hex-encoded "
            "sha256 of DER encoded SubjectPublicKeyInfo",
            token,
        )
    pinned = set()
    for element, entry in zip(token.value, string_list(row, token), strict=True):
        if not _FINGERPRINT.fullmatch(entry.lower()):
            raise invalid(
                f"error parsing tls config, 'pinned_certs' key {entry.lower()} does not look like "
                "hex-encoded sha256 of DER encoded SubjectPublicKeyInfo",
                element,
            )
        pinned.add(entry.lower())
    settings["tls.pinned_certs"] = frozenset(pinned)


def _names(
    row: Option, token: Token, settings: Settings, known: Mapping[str, str] | frozenset[str]
) -> None:
    """Cipher suites and curves: a list, not empty, of known names."""
    elements = token.value if isinstance(token.value, list) else []
    if not elements:
        raise invalid(
            f"error parsing tls config, '{row.name}' cannot be empty: it is a list of names",
            token,
        )
    names = string_list(row, token)
    what = "cipher" if row.name == "cipher_suites" else "curve preference"
    for element, name in zip(elements, names, strict=True):
        if name not in known:
            raise invalid(f"unrecognized {what} {name}; --help_tls lists them", element)
    settings[f"tls.{row.name}"] = names


def _cipher_suites(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    _names(row, token, settings, CIPHER_SUITES | INSECURE_CIPHER_SUITES)


def _curve_preferences(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    _names(row, token, settings, CURVES)


def _min_version(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    if token.value in ("1.0", "1.1"):
        raise invalid(
            f"error parsing tls config: unsupported TLS version: TLS {token.value}", token
        )
    settings["tls.min_version"] = convert(row, token, warn)


def _certs(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    if not isinstance(token.value, list):
        raise invalid("error parsing certificates config: certs must be a list of maps", token)
    settings["tls.certs"] = tuple(_certificate_pair(element) for element in token.value)


def _certificate_pair(token: Token) -> CertificatePair:
    if not isinstance(token.value, dict):
        raise invalid("error parsing certificates config: certs must be a list of maps", token)
    files = {"cert_file": "", "key_file": ""}
    for key, element in token.value.items():
        if key not in files:
            raise invalid(f'error parsing tls certs config, unknown field "{key}"', element)
        if not isinstance(element.value, str):
            raise invalid(f"error parsing certificates config: {key} must be a path", element)
        files[key] = element.value
    if not all(files.values()):
        raise invalid(
            "error parsing certificates config: both 'cert_file' and 'key_file' are required",
            token,
        )
    return CertificatePair(**files)


def _insecure_allowed(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    settings["tls.allow_insecure_cipher_suites"] = convert(row, token, warn)


def _known_urls(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    if convert(row, token, warn):
        raise invalid(f"{row.name} not supported in this context", token)


#: The readers of the options of a tls block.
READERS: dict[str, Read] = {
    "tls.handshake_first": _handshake_first,
    "tls.pinned_certs": _pinned_certs,
    "tls.cipher_suites": _cipher_suites,
    "tls.curve_preferences": _curve_preferences,
    "tls.min_version": _min_version,
    "tls.certs": _certs,
    "tls.allow_insecure_cipher_suites": _insecure_allowed,
    _KNOWN_URLS: _known_urls,
}
