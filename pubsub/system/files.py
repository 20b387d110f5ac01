"""The files that tell others about a running server: ``pid_file`` and ``ports_file_dir``.

Both appear whole or not at all. The pid file stays when the server ends and the ports
file goes, as nats-server has it.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from twisted.logger import Logger

from pubsub.system.addresses import local_addresses
from pubsub.system.startup import host_port

__all__ = ["PortsFile", "ServerPorts", "listener_urls", "ports_file_name", "write_pid_file"]

#: nats-server's permissions for the two, before the umask
_PID_PERMISSIONS = 0o640
_PORTS_PERMISSIONS = 0o666


@dataclass(frozen=True)
class ServerPorts:
    """The URLs a server listens on, as in nats-server's ports file; empty ones are left out."""

    nats: Sequence[str] = ()
    monitoring: Sequence[str] = ()
    cluster: Sequence[str] = ()
    #: nats-server does not say it
    gateway: Sequence[str] = ()
    profile: Sequence[str] = ()
    websocket: Sequence[str] = ()

    def to_json(self) -> str:
        """One line, ``{"nats":["nats://127.0.0.1:4222"],…}``."""
        urls = {name: list(value) for name, value in asdict(self).items() if value}
        return json.dumps(urls, separators=(",", ":"))


def listener_urls(
    scheme: str,
    host: str,
    port: int,
    addresses: Callable[[], Sequence[str]] = local_addresses,
) -> list[str]:
    """``scheme://address:port`` for each address a listener can be reached at.

    :param host: the address it is bound to; the unspecified ones mean all of the machine's.
    """
    if host in ("", "0.0.0.0", "::"):
        found = addresses()
        hosts = [a for a in found if "." in a] if host == "0.0.0.0" else list(found)
    else:
        hosts = [host]
    return [f"{scheme}://{host_port(each, port)}" for each in hosts]


def write_pid_file(path: str, pid: int | None = None) -> None:
    """Write the process id, without a newline.

    :raises OSError: it cannot be written (the server must not start then).
    """
    _write(path, str(os.getpid() if pid is None else pid), _PID_PERMISSIONS)


def ports_file_name(program: str = "", pid: int | None = None) -> str:
    """``<program>_<pid>.ports``; the program is the one this process was started as."""
    name = os.path.basename(program or sys.argv[0])
    return f"{name}_{os.getpid() if pid is None else pid}.ports"


class PortsFile:
    """The ports file of one server.

    :param directory: the ``ports_file_dir`` option.
    """

    _log = Logger()

    def __init__(self, directory: str, program: str = "", pid: int | None = None) -> None:
        self.path = os.path.join(directory, ports_file_name(program, pid))

    def write(self, ports: ServerPorts) -> None:
        """Write it; a failure is logged and does not stop the server."""
        try:
            _write(self.path, ports.to_json(), _PORTS_PERMISSIONS)
        except OSError as error:
            self._log.error(
                "Error writing ports file ({path}): {reason}",
                path=self.path,
                reason=error.strerror or error,
            )

    def remove(self) -> None:
        """Remove it; a failure is logged."""
        try:
            os.remove(self.path)
        except OSError as error:
            self._log.error(
                "Error cleaning up ports file {path}: {reason}",
                path=self.path,
                reason=error.strerror or error,
            )


def _write(path: str, text: str, permissions: int) -> None:
    """Write a small file so that nobody ever reads half of it."""
    if os.path.exists(path) and not os.path.isfile(path):
        # A device or pipe cannot be replaced, only written to.
        with open(path, "w", encoding="utf-8") as special:
            special.write(text)
        return
    temporary = f"{path}.{os.getpid()}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, permissions)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.remove(temporary)
        raise
