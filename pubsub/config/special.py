"""The options whose meaning is more than a value: addresses, tls, authorization, mappings."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, MutableMapping

from pubsub.config.ciphers import CIPHER_SUITES, CURVES, INSECURE_CIPHER_SUITES
from pubsub.config.durations import format_duration, parse_duration
from pubsub.config.options import CertificatePair, MappingEntry, WeightedDestination
from pubsub.config.parser import Token
from pubsub.config.row import Option
from pubsub.config.values import Warn, convert, invalid, parse_address, string_list

__all__ = ["Settings", "finish_block", "special"]

#: Values by the path of their attribute.
Settings = MutableMapping[str, object]

#: Endpoints of Twisted, told from host:port by what stands before the first colon. Others
#: (from plugins) are known by a ``/`` or ``=``, which no host:port has.
_ENDPOINT = re.compile(r"(?:tcp|tcp4|tcp6|ssl|tls|unix|systemd|haproxy|stdio|fd):|[a-z0-9]+:.*[/=]")

#: nats-server's ``auto``: what old clients wait for INFO before TLS may begin.
_AUTO_FALLBACK = 0.05

_SHORTEST_LAME_DUCK = 30.0
_MOST_TOKENS = 255

_FINGERPRINT = re.compile(r"[a-f0-9]{64}")


def special(path: str) -> Callable[[Option, Token, Settings, Warn], None] | None:
    """What reads the option of that path, if its converter does not suffice."""
    return _SPECIAL.get(path)


def finish_block(path: str, token: Token, settings: Settings) -> None:
    """Check what concerns several keys of a block that has been read.

    :raises InvalidOption: at the block.
    """
    _FINISH[path](token, settings)


# addresses


def _listen(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    """nats-server's one address; since pubsub 0.1 also endpoints, and a list of both.

    The first address is host and port, what else there is goes to ``listen``.
    """
    elements = token.value if isinstance(token.value, list) else [token]
    if not elements:
        raise invalid("listen is an empty list; name an address, or remove it", token)
    addresses: list[tuple[str, int]] = []
    extra: list[str] = []
    for element in elements:
        if isinstance(element.value, str) and _ENDPOINT.match(element.value):
            extra.append(element.value)
            continue
        host, port = parse_address(element)
        if addresses:
            extra.append(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        addresses.append((host, port))
    settings["dont_listen"] = not addresses
    if addresses:
        settings["host"], settings["port"] = addresses[0]
    settings["listen"] = tuple(extra)


def _explicit_listener(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    settings[row.name] = convert(row, token, warn)
    settings["dont_listen"] = False


def _http(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    settings["http_host"], settings[f"{row.name}_port"] = parse_address(token)


def _base_path(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    parts = [part for part in str(convert(row, token, warn)).split("/") if part not in ("", ".")]
    if ".." in parts:
        raise invalid("http_base_path must not contain ..", token)
    settings["http_base_path"] = "".join(f"/{part}" for part in parts)


# numbers and switches with a meaning of their own


def _traces(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    settings[row.name] = settings["trace"] = convert(row, token, warn)


def _max_connections(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    settings["max_connections"] = convert(row, token, warn) or -1


def _max_sub_tokens(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    tokens = convert(row, token, warn)
    assert isinstance(tokens, int)
    if tokens > _MOST_TOKENS:
        raise invalid("max_sub_tokens value is too big", token)
    if tokens <= 0:
        raise invalid("max_sub_tokens value can not be negative", token)
    settings["max_sub_tokens"] = tokens


def _lame_duck_duration(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    seconds = convert(row, token, warn)
    assert isinstance(seconds, float)
    if seconds < _SHORTEST_LAME_DUCK:
        raise invalid(
            f"invalid lame_duck_duration of {format_duration(seconds)}, minimum is 30 seconds",
            token,
        )
    settings["lame_duck_duration"] = seconds


def _server_name(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    name = str(convert(row, token, warn))
    if " " in name:
        raise invalid("server name cannot contain spaces", token)
    settings["server_name"] = name


def _server_tags(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    tags = (tag.strip().lower() for tag in string_list(row, token))
    settings["server_tags"] = tuple(dict.fromkeys(tag for tag in tags if tag))


# authorization


def _finish_authorization(token: Token, settings: Settings) -> None:
    user = settings.get("authorization.user") or settings.get("authorization.password")
    if user and settings.get("authorization.token"):
        raise invalid("Cannot have a user/pass and token", token)
    if settings.get("authorization.options") and not settings.get("authorization.plugin"):
        raise invalid("authorization.options are for a plugin; name it with plugin", token)


def _plugin_options(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    if not isinstance(token.value, dict):
        raise invalid("authorization.options must be a map, { name: value }", token)
    settings["authorization.options"] = convert(row, token, warn)


# tls


def _finish_tls(token: Token, settings: Settings) -> None:
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


# mappings


def _mappings(row: Option, token: Token, settings: Settings, warn: Warn) -> None:
    if not isinstance(token.value, dict):
        raise invalid("mappings must be a map of subjects, { from: to }", token)
    settings["mappings"] = tuple(
        MappingEntry(source, _destinations(source, element))
        for source, element in token.value.items()
    )


def _destinations(source: str, token: Token) -> tuple[WeightedDestination, ...]:
    if not _is_subject(source):
        raise invalid(f'Subject "{source}" is not a valid subject', token)
    value = token.value
    if isinstance(value, str):
        return (WeightedDestination(value),)
    elements = value if isinstance(value, list) else [token]
    destinations = tuple(_destination(element) for element in elements)
    subjects = set()
    weights: dict[str, int] = {}
    for destination in destinations:
        if destination.subject in subjects:
            raise invalid(
                f'Error adding mapping for "{source}" : duplicate entry for '
                f'"{destination.subject}"',
                token,
            )
        subjects.add(destination.subject)
        weights[destination.cluster] = weights.get(destination.cluster, 0) + destination.weight
    if any(weight > 100 for weight in weights.values()):
        raise invalid(
            f'Error adding mapping for "{source}" : total weight needs to be <= 100', token
        )
    return destinations


def _destination(token: Token) -> WeightedDestination:
    if not isinstance(token.value, dict):
        raise invalid(
            "Expected an entry for the mapping destination: { destination: …, weight: … }", token
        )
    subject = cluster = ""
    weight = None
    for key, element in token.value.items():
        name = key.lower()
        if name == "weight":
            weight = _weight(element)
        elif name not in ("dest", "destination", "cluster"):
            raise invalid(f'Unknown field "{key}" for mapping destination', element)
        elif not isinstance(element.value, str):
            raise invalid(f"{key} of a mapping destination must be a string", element)
        elif name == "cluster":
            cluster = element.value
        else:
            subject = element.value
    if weight is None:
        raise invalid(f'Missing weight for mapping destination "{subject}"', token)
    return WeightedDestination(subject, weight, cluster)


def _weight(token: Token) -> int:
    value = token.value
    if isinstance(value, str):
        digits = value.removesuffix("%")
        if not re.fullmatch(r"[+-]?[0-9]{1,9}", digits):
            raise invalid(f'Invalid weight "{digits}" for mapping destination', token)
        value = int(digits)
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid('Unknown entry type for weight: write 0 to 100, or "20%"', token)
    if not 0 <= value <= 100:
        raise invalid(f"Invalid weight {value} for mapping destination", token)
    return value


def _is_subject(subject: str) -> bool:
    """No empty token, no white space, ``>`` only as the last token."""
    tokens = subject.split(".")
    return all(tokens) and not re.search(r"[ \t\n\r\f]", subject) and ">" not in tokens[:-1]


_FINISH: dict[str, Callable[[Token, Settings], None]] = {
    "authorization": _finish_authorization,
    "tls": _finish_tls,
}

_SPECIAL: dict[str, Callable[[Option, Token, Settings, Warn], None]] = {
    "listen": _listen,
    "host": _explicit_listener,
    "port": _explicit_listener,
    "http": _http,
    "https": _http,
    "http_base_path": _base_path,
    "trace_verbose": _traces,
    "trace_headers": _traces,
    "max_connections": _max_connections,
    "max_sub_tokens": _max_sub_tokens,
    "lame_duck_duration": _lame_duck_duration,
    "server_name": _server_name,
    "server_tags": _server_tags,
    "authorization.options": _plugin_options,
    "tls.handshake_first": _handshake_first,
    "tls.pinned_certs": _pinned_certs,
    "tls.cipher_suites": _cipher_suites,
    "tls.curve_preferences": _curve_preferences,
    "tls.min_version": _min_version,
    "tls.certs": _certs,
    "tls.allow_insecure_cipher_suites": _insecure_allowed,
    "mappings": _mappings,
}
