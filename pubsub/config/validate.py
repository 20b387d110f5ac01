"""What must be right between options, in nats-server's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pubsub.config.durations import format_duration
from pubsub.config.options import Options
from pubsub.config.parser import Token
from pubsub.config.values import split_host_port
from pubsub.errors import InvalidOption

__all__ = ["Checked", "validate"]


@dataclass(frozen=True)
class Checked:
    """Where the options came from, so that a complaint can say it.

    :ivar tokens: by the path of the option; those from flags and defaults have none.
    """

    file: str = ""
    tokens: Mapping[str, Token] = field(default_factory=dict)

    def error(self, message: str, *paths: str) -> InvalidOption:
        """At the first of ``paths`` that was written in a file."""
        for path in paths:
            token = self.tokens.get(path)
            if token is not None:
                return InvalidOption(message, token.file, token.line, token.column)
        return InvalidOption(message)


def validate(options: Options, source: Checked | None = None) -> None:
    """Check what no single option can know.

    :raises InvalidOption: at the first thing that is wrong.
    """
    source = source or Checked()
    _lame_duck(options, source)
    _sizes(options, source)
    _names(options, source)
    _monitoring(options, source)


def _lame_duck(options: Options, source: Checked) -> None:
    grace, duration = options.lame_duck_grace_period, options.lame_duck_duration
    if 0 < duration <= grace:
        raise source.error(
            f"lame duck grace period ({format_duration(grace)}) should be strictly lower than "
            f"lame duck duration ({format_duration(duration)})",
            "lame_duck_grace_period",
            "lame_duck_duration",
        )


def _sizes(options: Options, source: Checked) -> None:
    if options.max_payload > options.max_pending:
        raise source.error(
            f"max_payload ({options.max_payload}) cannot be higher than max_pending "
            f"({options.max_pending})",
            "max_payload",
            "max_pending",
        )


def _names(options: Options, source: Checked) -> None:
    if " " in options.server_name:
        raise source.error("server name cannot contain spaces", "server_name")
    advertise = options.client_advertise
    if advertise:
        try:
            _, port = split_host_port(advertise if _has_port(advertise) else f"{advertise}:0")
            if not -1 <= int(port) <= 65535:
                raise ValueError
        except ValueError:
            raise source.error(
                f"invalid client_advertise {advertise!r}; write host or host:port",
                "client_advertise",
            ) from None


def _has_port(address: str) -> bool:
    return ":" in address.rpartition("]")[2]


def _monitoring(options: Options, source: Checked) -> None:
    if options.http_port and options.https_port:
        raise source.error(
            f"can't specify both HTTP ({options.http_port}) and HTTPs ({options.https_port}) ports",
            "https_port",
            "https",
            "http_port",
            "http",
        )
    if options.https_port and options.tls is None:
        raise source.error("TLS cert and key required for HTTPS", "https_port", "https")
