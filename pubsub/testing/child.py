"""A real server in a child process, on free ports, for the length of a test.

Without pytest::

    with ChildServer(tmp_path, config="max_payload: 64KB") as server:
        connect(server.url)
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

__all__ = ["OWN_COMMAND", "ChildServer", "ServerFailed"]

#: This package's own server under the interpreter that runs the tests, imported from where
#: they import it: ``-m`` would prefer the current directory, e.g. a checkout to the installed
#: package under test. (``-c`` does too, so that entry goes first; the rest is in PYTHONPATH.)
OWN_COMMAND = (
    sys.executable,
    "-c",
    "import sys; del sys.path[0]; from pubsub.main import main; sys.exit(main())",
)

#: Starting takes a third of a second on an idle machine; a loaded CI worker takes its time.
START_TIMEOUT = 60.0
#: From SIGTERM to gone, likewise. One that needs longer has forgotten a timer or a thread.
STOP_TIMEOUT = 30.0
#: The ports file has no other way to say that it is there.
POLL_INTERVAL = 0.005


class ServerFailed(Exception):
    """The server did not start, died, or did not end well. The text has its log."""


class ChildServer:
    """One server process; start and stop it as often as needed, its ports stay.

    It listens on 127.0.0.1, whatever the configuration says, on ports the kernel chose.

    :param directory: for its configuration, log and ports file; it must exist.
    :param config: text in nats-server's configuration language, if any.
    :param args: further command line flags.
    :param command: what to run, :data:`OWN_COMMAND` unless told. nats-server works too:
        it has the same flags.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        config: str | None = None,
        args: Sequence[str] = (),
        command: Sequence[str] = OWN_COMMAND,
    ) -> None:
        self.directory = Path(directory)
        self.log_path = self.directory / "server.log"
        self._command = [*command, "-a", "127.0.0.1", "--ports_file_dir", str(self.directory)]
        self._foreign = tuple(command) != OWN_COMMAND
        self._args = list(args)
        if config is not None:
            path = self.directory / "server.conf"
            path.write_text(config, encoding="utf-8")
            self._args = ["-c", str(path), *self._args]
        self._ports: dict[str, list[str]] = {}
        self._port = -1
        self._process: subprocess.Popen[bytes] | None = None
        #: Whether somebody asked it to end; if not, its end is a failure.
        self._ending = False

    # what a test connects to

    @property
    def url(self) -> str:
        """For clients: ``nats://127.0.0.1:PORT``, ``tls://…`` if it requires TLS."""
        return self._listener("nats")

    @property
    def host(self) -> str:
        """The address clients connect to."""
        return "127.0.0.1"

    @property
    def port(self) -> int:
        """The port clients connect to; the same after :meth:`restart`."""
        return int(urlsplit(self.url).port or 0)

    @property
    def http_url(self) -> str:
        """Where /varz and the other pages are, if ``-m -1`` or ``http: -1`` asks for them."""
        return self._listener("monitoring")

    @property
    def pid(self) -> int:
        """The process id, to signal it or look at it.

        :raises ServerFailed: if it is not running.
        """
        if self._process is None:
            raise ServerFailed("the server is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """Everything it has logged, over all restarts."""
        if not self.log_path.exists():
            return ""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def _listener(self, kind: str) -> str:
        urls = self._ports.get(kind)
        if not urls:
            raise ServerFailed(f"the server has no {kind} port; it listens on {self._ports}")
        return urls[0]

    # its life

    def start(self) -> ChildServer:
        """Start it and wait until it accepts connections.

        :raises ServerFailed: with its log, if it ends instead or takes too long.
        """
        if self.running:
            raise ServerFailed("the server is running already")
        self._ending = False
        command = [*self._command, "-p", str(self._port), *self._args]
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment()
            )
        deadline = time.monotonic() + START_TIMEOUT
        while not self._read_ports():
            if not self.running:
                raise self._failure(f"ended with code {self._process.returncode} at its start")
            if time.monotonic() > deadline:
                self.kill()
                raise self._failure(f"was not ready after {START_TIMEOUT:g} s")
            time.sleep(POLL_INTERVAL)
        self._port = self.port
        return self

    def stop(self) -> None:
        """End it with SIGTERM. Nothing happens if it has ended already on request.

        :raises ServerFailed: with its log, if it had died before, does not end,
            ends with an error or has logged an exception.
        """
        process = self._process
        if process is None or self._ending:
            return
        self._ending = True
        if process.poll() is not None:
            raise self._failure(f"died with code {process.returncode}")
        process.terminate()
        try:
            code = process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.kill()
            raise self._failure(f"did not end {STOP_TIMEOUT:g} s after SIGTERM") from None
        # nats-server before 2.10 calls its own shutdown on SIGTERM a failure
        if code and not (code == 1 and self._foreign):
            raise self._failure(f"ended with code {code} on SIGTERM")
        if "Traceback (most recent call last)" in self.log:
            raise self._failure("logged an exception")

    def kill(self) -> None:
        """End it with SIGKILL: what a power cut looks like to its clients."""
        self._ending = True
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        """Stop it and start it again on the same port: its clients reconnect."""
        self.stop()
        self.start()

    def reload(self, config: str) -> None:
        """Replace its configuration file, send SIGHUP, and wait until it has taken effect.

        :raises ServerFailed: with its log, if the server refuses the new configuration,
            or if it was started without one.
        """
        if "-c" not in self._args:
            raise ServerFailed("the server was started without a configuration to replace")
        (self.directory / "server.conf").write_text(config, encoding="utf-8")
        before = len(self.log)
        os.kill(self.pid, signal.SIGHUP)
        deadline = time.monotonic() + STOP_TIMEOUT
        while "Reloaded server configuration" not in (answer := self.log[before:]):
            if "Failed to reload" in answer or not self.running or time.monotonic() > deadline:
                raise self._failure("did not reload its configuration")
            time.sleep(POLL_INTERVAL)

    def __enter__(self) -> ChildServer:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.stop()
        else:
            self.kill()

    def _environment(self) -> dict[str, str]:
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        return {**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": ""}

    def _read_ports(self) -> bool:
        """Whether the ports file of this process is there and complete."""
        for path in self.directory.glob(f"*_{self.pid}.ports"):
            try:
                self._ports = json.loads(path.read_text(encoding="utf-8"))
            except ValueError:
                return False
            return bool(self._ports.get("nats"))
        return False

    def _failure(self, what: str) -> ServerFailed:
        lines = [f"the server {what}: {shlex.join([*self._command, *self._args])}"]
        return ServerFailed("\n".join([*lines, "its log:", self.log or "(empty)"]))
