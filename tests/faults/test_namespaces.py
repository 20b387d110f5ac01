"""Partitions as networks have them: packets are dropped, and nobody is told.

Each server has a network namespace of its own, and a router between them forgets packets from one
to another. That takes Linux, its ``ip`` and the rights to use it; elsewhere this is skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from pubsub.testing.child import OWN_COMMAND, ChildServer
from tests.cluster.processes import Cluster
from tests.faults.ears import Ears, publish
from tests.patience import wait_for

#: A network for measurements (RFC 2544), that is nobody's.
NETWORK = "198.18"
SOON, NEVER = "ping_max: 2", "ping_max: 1000"


class Namespaces:
    """One for each server, and one that routes between them and to the tests."""

    def __init__(self, names: str) -> None:
        self._prefix = f"pubsub{os.getpid() % 10000}"
        self._names = names
        self._dropped: list[list[str]] = []

    def of(self, name: str) -> str:
        """What it is called."""
        return f"{self._prefix}{name}"

    def address(self, name: str) -> str:
        """Of the server."""
        return f"{NETWORK}.{self._names.index(name) + 1}.2"

    def make(self) -> None:
        """Make them.

        :raises subprocess.CalledProcessError: this machine does not let us.
        """
        middle = self.of("0")
        _ip("netns", "add", middle)
        _ip("netns", "exec", middle, sys.executable, "-c", _FORWARD)
        self._join("", middle, 0)
        _ip("route", "add", f"{NETWORK}.0.0/16", "via", f"{NETWORK}.0.1")
        for number, name in enumerate(self._names, 1):
            _ip("netns", "add", self.of(name))
            _ip("-n", self.of(name), "link", "set", "lo", "up")
            self._join(self.of(name), middle, number)
            _ip("-n", self.of(name), "route", "add", "default", "via", f"{NETWORK}.{number}.1")

    def _join(self, namespace: str, middle: str, number: int) -> None:
        """A cable to the router; what has no namespace is where the tests run."""
        here = ("-n", namespace) if namespace else ()
        end, far = f"{self._prefix}{number}", f"{self._prefix}r{number}"
        _ip(*here, "link", "add", end, "type", "veth", "peer", "name", far, "netns", middle)
        for where, what, host in ((here, end, 2), (("-n", middle), far, 1)):
            _ip(*where, "address", "add", f"{NETWORK}.{number}.{host}/24", "dev", what)
            _ip(*where, "link", "set", what, "up")

    def drop(self, source: str, target: str) -> None:
        """Packets from one server do not arrive at the other any more."""
        rule = ["from", self.address(source), "to", self.address(target), "blackhole"]
        _ip("-n", self.of("0"), "rule", "add", *rule)
        self._dropped.append(rule)

    def heal(self) -> None:
        """They do again."""
        while self._dropped:
            _ip("-n", self.of("0"), "rule", "del", *self._dropped.pop())

    def remove(self) -> None:
        """All of it; cables and routes go with what they lead to."""
        for name in ("0", *self._names):
            subprocess.run(["ip", "netns", "del", self.of(name)], capture_output=True, check=False)


_FORWARD = "open('/proc/sys/net/ipv4/ip_forward', 'w').write('1')"


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=30)


class FarCluster(Cluster):
    """Its members are in namespaces."""

    def __init__(self, directory: Path, stack: ExitStack, namespaces: Namespaces) -> None:
        super().__init__(directory, stack)
        self._spaces = namespaces

    def far(self, name: str, kind: str, *routes: str) -> None:
        """One more, that connects to these."""
        address = self._spaces.address(name)
        urls = ", ".join(f'"nats-route://{self._spaces.address(route)}:6222"' for route in routes)
        text = (
            f"server_name: {name}\nhttp: '{address}:8222'\n"
            f'cluster {{ name: C, listen: "{address}:6222", routes: [{urls}]\n'
            f'  ping_interval: "300ms", {SOON} }}\n'
        )
        directory = self._directory / name
        directory.mkdir()
        command = ["ip", "netns", "exec", self._spaces.of(name), *OWN_COMMAND]
        flags = ["-a", address, "--router", kind]
        server = FarServer(directory, text, flags, command)
        self.servers[name] = self._stack.enter_context(server)


class FarServer(ChildServer):
    """Listens where it is told to."""

    @property
    def host(self) -> str:
        return self._args[self._args.index("-a") + 1]


@pytest.fixture
def namespaces() -> Iterator[Namespaces]:
    """For three servers; skips where there can be none."""
    if not sys.platform.startswith("linux") or shutil.which("ip") is None:
        pytest.skip("network namespaces need Linux and its ip")
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    made = Namespaces("abc")
    with _alone():
        yield from _made(made)


@contextmanager
def _alone() -> Iterator[None]:
    """There is one network for all processes that run tests."""
    import fcntl

    with (Path(tempfile.gettempdir()) / "pubsub-namespaces.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _made(made: Namespaces) -> Iterator[Namespaces]:
    try:
        try:
            made.make()
        except (subprocess.SubprocessError, OSError) as error:
            said = getattr(error, "stderr", b"") or b""
            pytest.skip(f"no network namespaces here: {error} {said.decode(errors='replace')}")
        yield made
    finally:
        made.remove()


@pytest.fixture
def far_cluster(namespaces: Namespaces, tmp_path: Path) -> Iterator[FarCluster]:
    """No servers yet."""
    with ExitStack() as stack:
        yield FarCluster(tmp_path, stack, namespaces)


#: who does not hear whom: one server is cut off, or two in one direction only
CUTS: dict[str, list[tuple[str, str]]] = {
    "one is cut off": [("a", "c"), ("c", "a"), ("b", "c"), ("c", "b")],
    "one is not heard by another": [("a", "b")],
}


@pytest.mark.parametrize("cut", CUTS)
def test_dropped_packets(
    namespaces: Namespaces, far_cluster: FarCluster, ears: Ears, kind: str, cut: str
) -> None:
    """Those who hear each other stay a cluster; all are one again afterwards."""
    cluster = far_cluster
    for name in "abc":
        cluster.far(name, kind, *[other for other in "ab" if other < name])
    wait_for(cluster.meshed)
    for source, target in CUTS[cut]:
        namespaces.drop(source, target)
    lost = {frozenset(pair) for pair in CUTS[cut]}
    for name in "abc":
        left = {other for other in "abc" if other != name and {name, other} not in lost}
        wait_for(lambda name=name, left=left: cluster.peers(name) == left, f"{name} notices")
    listeners = {name: ears.listen(cluster.servers[name], f"at.{name}") for name in "abc"}
    for name in "abc":
        cluster.reload(name, SOON, NEVER)
    namespaces.heal()
    for name in "abc":
        expected = {other: {(f"at.{other}", ""): 1} for other in "abc" if other != name}
        wait_for(lambda name=name, expected=expected: cluster.heard(name) == expected)
    for name in "abc":
        talker = ears.talker(cluster.servers[name])
        for other in "abc":
            publish(talker, f"at.{other}", name.encode())
    for name, listener in listeners.items():
        wait_for(lambda listener=listener: len(listener.heard) == 3)
        assert sorted(listener.payloads(f"at.{name}")) == [b"a", b"b", b"c"]
