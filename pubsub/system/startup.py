"""What the server says about itself in the log, from start to exit.

Pure functions giving lines; :func:`say` logs them. Scripts and test harnesses wait for
some of nats-server's lines, so those are its to the letter: ``Listening for client
connections on …``, ``Server is ready``, ``Initiating Shutdown...``, ``Server Exiting..``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from twisted.logger import Logger, LogLevel

__all__ = [
    "EXITING",
    "READY",
    "SHUTTING_DOWN",
    "Line",
    "configuration_lines",
    "host_port",
    "identity_lines",
    "listening_lines",
    "missing_router_lines",
    "monitoring_line",
    "say",
    "tls_lines",
    "warning_lines",
]

#: Payloads above this make nats-server warn: they hold up everybody behind them.
_LARGE_PAYLOAD = 8 * 1024 * 1024


class Line(NamedTuple):
    """One line of the log."""

    text: str
    #: one of ``twisted.logger.LogLevel``
    level: Any = LogLevel.info


READY = Line("Server is ready")
SHUTTING_DOWN = Line("Initiating Shutdown...")
EXITING = Line("Server Exiting..")


def say(log: Logger, *lines: Line) -> None:
    """Log the lines in order."""
    for line in lines:
        log.emit(line.level, "{text}", text=line.text)


def identity_lines(
    *,
    version: str,
    git_commit: str,
    pubsub_version: str,
    router: str,
    runtime: str,
    server_name: str,
    server_id: str,
    cluster: str = "",
) -> list[Line]:
    """The first lines of every start.

    :param version: the version of nats-server this one is compatible with, as INFO has it.
    :param router: name of the router backend.
    :param runtime: the interpreter and its version.
    """
    lines = [
        Line("Starting pubsub-server"),
        Line(f"  Version:  {version}"),
        Line(f"  Git:      [{git_commit or 'not set'}]"),
        Line(f"  Pubsub:   {pubsub_version}"),
        Line(f"  Router:   {router}"),
        Line(f"  Runtime:  {runtime}", LogLevel.debug),
    ]
    if cluster:
        lines.append(Line(f"  Cluster:  {cluster}"))
    return [*lines, Line(f"  Name:     {server_name}"), Line(f"  ID:       {server_id}")]


def configuration_lines(config_file: str, config_digest: str) -> list[Line]:
    """Which file the configuration came from; nothing if there is none."""
    if not config_file:
        return []
    digest = f"({config_digest})" if config_digest else ""
    return [Line(f"Using configuration file: {config_file} {digest}")]


def missing_router_lines(router: str, missing: Iterable[str]) -> list[Line]:
    """A slower router than there could be; nothing if the best one runs.

    :param missing: ``name: why it cannot run, and what to do`` for each better one.
    """
    return [
        Line(f"Using the {router} router, which is slower; {reason}", LogLevel.warn)
        for reason in missing
    ]


def warning_lines(*, password: str, max_payload: int) -> list[Line]:
    """What nats-server warns of at the start.

    :param password: the configured password, in clear text or as bcrypt string.
    """
    lines = []
    if password and not password.startswith("$2"):
        lines.append(Line("Plaintext passwords detected, use nkeys or bcrypt", LogLevel.warn))
    if max_payload > _LARGE_PAYLOAD:
        text = (
            "Maximum payloads over 8.00 MB are generally discouraged "
            "and could lead to poor performance"
        )
        lines.append(Line(text, LogLevel.warn))
    return lines


def monitoring_line(scheme: str, host: str, port: int) -> Line:
    """The monitoring port is open; ``scheme`` is ``http`` or ``https``."""
    return Line(f"Starting {scheme} monitor on {host_port(host, port)}")


def listening_lines(host: str, port: int, *, proxy_protocol: bool = False) -> list[Line]:
    """The client port is open; ``port`` is the one the kernel gave."""
    lines = [Line(f"Listening for client connections on {host_port(host, port)}")]
    if proxy_protocol:
        lines.append(Line("PROXY protocol enabled for client connections"))
    return lines


def tls_lines(*, allow_non_tls: bool, handshake_first: bool | float) -> list[Line]:
    """How clients may use TLS, on a server that has it."""
    only = handshake_first is True
    if allow_non_tls and not only:
        return [Line("TLS available for client connections")]
    lines = [Line("TLS required for client connections")]
    if only:
        text = 'Clients that are not using "TLS Handshake First" option will fail to connect'
        lines.append(Line(text, LogLevel.warn))
    return lines


def host_port(host: str, port: int) -> str:
    """``host:port``, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
