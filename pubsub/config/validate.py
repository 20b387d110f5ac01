"""What must be right between options, in nats-server's words."""

from __future__ import annotations

from pubsub.config.durations import format_duration
from pubsub.config.options import Options
from pubsub.config.places import Places
from pubsub.config.validate_gateway import validate_gateway
from pubsub.config.validate_leafnodes import validate_leafnodes
from pubsub.config.validate_security import validate_security
from pubsub.config.values import split_host_port

__all__ = ["validate"]


def validate(options: Options, source: Places | None = None) -> None:
    """Check what no single option can know.

    :param source: where the options were written.
    :raises InvalidOption: at the first thing that is wrong.
    """
    source = source or Places()
    _lame_duck(options, source)
    _sizes(options, source)
    _names(options, source)
    validate_security(options, source)
    validate_leafnodes(options, source)
    validate_gateway(options, source)
    _monitoring(options, source)


def _lame_duck(options: Options, source: Places) -> None:
    grace, duration = options.lame_duck_grace_period, options.lame_duck_duration
    if 0 < duration <= grace:
        raise source.error(
            f"lame duck grace period ({format_duration(grace)}) should be strictly lower than "
            f"lame duck duration ({format_duration(duration)})",
            "lame_duck_grace_period",
            "lame_duck_duration",
        )


def _sizes(options: Options, source: Places) -> None:
    if options.max_payload > options.max_pending:
        raise source.error(
            f"max_payload ({options.max_payload}) cannot be higher than max_pending "
            f"({options.max_pending})",
            "max_payload",
            "max_pending",
        )


def _names(options: Options, source: Places) -> None:
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


def _monitoring(options: Options, source: Places) -> None:
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
