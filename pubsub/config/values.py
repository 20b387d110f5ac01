"""From a token to the value an option has: types, ranges, and words for what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from pubsub.config.durations import parse_duration
from pubsub.config.parser import Token, plain
from pubsub.config.row import Option
from pubsub.config.row import ValueKind as K
from pubsub.errors import InvalidOption

__all__ = [
    "Warn",
    "convert",
    "has_converter",
    "invalid",
    "parse_address",
    "split_host_port",
    "string_list",
]

#: Takes the token and the reason.
Warn = Callable[[Token, str], None]

#: Above that, a number of seconds was meant as something else: 2m is 2,000,000.
_UNLIKELY_SECONDS = 60

_PORTS = range(-1, 65536)


def invalid(message: str, token: Token) -> InvalidOption:
    """The error, at the place of the token."""
    return InvalidOption(message, token.file, token.line, token.column)


def convert(row: Option, token: Token, warn: Warn) -> object:
    """The value of ``token`` for the option ``row``.

    :param warn: told of values that are accepted and probably not what was meant.
    :raises InvalidOption: with the position.
    """
    return _CONVERTERS[row.kind](row, token, warn)


def has_converter(kind: K) -> bool:
    """Whether :func:`convert` can do it: other kinds need more than a converter."""
    return kind in _CONVERTERS


def _described(row: Option, token: Token) -> str:
    """What the user wrote, for messages; never a secret."""
    value = token.value
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    if row.secret:
        return "something else"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, str):
        return f'the string "{value}"'
    if isinstance(value, datetime):
        return "a datetime"
    return f"the number {value}"


def _expected(row: Option, what: str, token: Token) -> InvalidOption:
    return invalid(f"{row.name} must be {what}, not {_described(row, token)}", token)


def _string(row: Option, token: Token, warn: Warn) -> str:
    if not isinstance(token.value, str):
        raise _expected(row, "a string (put it in quotes)", token)
    return token.value


def _bool(row: Option, token: Token, warn: Warn) -> bool:
    if not isinstance(token.value, bool):
        raise _expected(row, "true or false, without quotes", token)
    return token.value


def _integer(row: Option, token: Token, warn: Warn) -> int:
    value = token.value
    if isinstance(value, bool) or not isinstance(value, int):
        raise _expected(row, "a whole number, without quotes", token)
    if row.maximum is not None and value > row.maximum:
        raise invalid(f"{row.name} value is too big", token)
    if row.minimum is not None and value < row.minimum:
        raise invalid(f"{row.name} must be {row.minimum} or more, not {value}", token)
    return value


def _port(row: Option, token: Token, warn: Warn) -> int:
    value = _integer(row, token, warn)
    if value not in _PORTS:
        raise invalid(f"{row.name} must be a port from 0 to 65535, or -1, not {value}", token)
    return value


def _parsed_duration(row: Option, token: Token, text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise invalid(f"error parsing {row.name}: {error}", token) from error


def _duration(row: Option, token: Token, warn: Warn) -> float:
    """nats-server before durations had numbers of seconds here, and still takes them."""
    value = token.value
    if isinstance(value, str):
        return _parsed_duration(row, token, value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _expected(row, 'a duration such as "2m" or "1h30m"', token)
    hint = " (an unquoted 2m is the number 2000000)" if value >= 1_000_000 else ""
    warn(
        token,
        f'invalid use of field "{row.name}": {row.name} should be converted to a duration{hint}',
    )
    return float(value)


def _strict_duration(row: Option, token: Token, warn: Warn) -> float:
    if not isinstance(token.value, str):
        raise _expected(row, 'a duration such as "30s" or "2m", in quotes', token)
    seconds = _parsed_duration(row, token, token.value)
    if row.minimum is not None and seconds < row.minimum:
        raise invalid(f"invalid {row.name}, needs to be positive", token)
    return seconds


def _seconds(row: Option, token: Token, warn: Warn) -> float:
    value = token.value
    block = row.parent.rpartition(".")[2]
    if isinstance(value, str):
        try:
            seconds = parse_duration(value)
        except ValueError as error:
            raise invalid(f"error parsing {block} config, 'timeout' {error}", token) from error
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        raise invalid(
            f"error parsing {block} config, 'timeout' wrong type: write seconds or \"2s\"", token
        )
    else:
        seconds = float(value)
    if block == "authorization" and seconds > _UNLIKELY_SECONDS:
        warn(
            token,
            f'invalid use of field "{row.name}": timeout of {plain(token)} ({seconds:f} seconds) '
            "is high, consider keeping it under 60 seconds. possibly caused by unquoted "
            "duration; use '1m' instead of 1m, for example",
        )
    return seconds


def _choice(row: Option, token: Token, warn: Warn) -> str:
    value = token.value
    if value not in row.choices:
        quoted = [f"'{choice}'" for choice in row.choices]
        listed = f"{', '.join(quoted[:-1])} or {quoted[-1]}"
        raise invalid(f"{row.name} must be {listed}", token)
    return str(value)


def string_list(row: Option, token: Token) -> tuple[str, ...]:
    """One string, or a list of them.

    :raises InvalidOption: at the element that is none.
    """
    value = token.value
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        raise _expected(row, "a string or a list of strings", token)
    strings = []
    for element in value:
        if not isinstance(element.value, str):
            raise _expected(row, "a string or a list of strings", element)
        strings.append(element.value)
    return tuple(strings)


def _string_map(row: Option, token: Token, warn: Warn) -> dict[str, str]:
    if not isinstance(token.value, dict):
        raise _expected(row, "a map, { name: value }", token)
    for name, element in token.value.items():
        if not isinstance(element.value, str):
            raise invalid(f"{row.name}: the value of {name} must be a string in quotes", element)
    return {name: str(element.value) for name, element in token.value.items()}


def _anything(row: Option, token: Token, warn: Warn) -> object:
    return plain(token)


def split_host_port(text: str) -> tuple[str, str]:
    """The two sides of ``host:port``; brackets around an IPv6 host are removed.

    :raises ValueError: if it is not of that form.
    """
    match = re.fullmatch(r"(?:\[([^\[\]]*)\]|([^:\[\]]*)):([^:\[\]]*)", text)
    if match is None:
        raise ValueError(f'could not parse address string "{text}"')
    return match[1] or match[2] or "", match[3]


def parse_address(token: Token) -> tuple[str, int]:
    """Host and port of a ``listen`` in nats-server's form: a port, or ``"host:port"``.

    :raises InvalidOption: in nats-server's words.
    """
    value = token.value
    if isinstance(value, str):
        try:
            host, digits = split_host_port(value)
        except ValueError as error:
            raise invalid(str(error), token) from error
        if not re.fullmatch(r"[+-]?[0-9]{1,10}", digits):
            raise invalid(f'could not parse port "{digits}"', token)
        port = int(digits)
    elif isinstance(value, bool) or not isinstance(value, int):
        raise invalid("expected port or host:port", token)
    else:
        host, port = "", value
    if port not in _PORTS:
        raise invalid(f"the port must be from 0 to 65535, or -1, not {port}", token)
    return host, port


_CONVERTERS: dict[K, Callable[[Option, Token, Warn], object]] = {
    K.STRING: _string,
    K.BOOL: _bool,
    K.INTEGER: _integer,
    K.SIZE: _integer,
    K.PORT: _port,
    K.DURATION: _duration,
    K.STRICT_DURATION: _strict_duration,
    K.SECONDS: _seconds,
    K.CHOICE: _choice,
    K.MAP: _string_map,
    K.ANY: _anything,
}
