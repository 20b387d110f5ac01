"""Our reactor: Twisted's epoll reactor, whose poll serves the router's connections in C.

A process has one reactor, so what it does is looked at in processes of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pubsub.transport.reactor import install_if_possible
from tests.router.recording import native_backend


@pytest.fixture(autouse=True)
def compiled() -> None:
    """Without the compiled router there is no such reactor."""
    native_backend()


def run(program: str, **environment: str) -> str:
    """What a program prints."""
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHONPATH": path, **environment},
        # -c prefers the current directory, e.g. a checkout to the installed package under test
        cwd=os.sep,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_reactor_that_is_there_already_stays() -> None:
    from twisted.internet import reactor

    assert install_if_possible() is False
    from twisted.internet import reactor as still

    assert still is reactor


def test_it_becomes_the_reactor() -> None:
    assert (
        run(
            "from pubsub.transport.reactor import install_if_possible\n"
            "print(install_if_possible(), install_if_possible())\n"
            "from twisted.internet import reactor, epollreactor\n"
            "print(type(reactor).__name__, isinstance(reactor, epollreactor.EPollReactor))"
        )
        == "True False\nBatchingEPollReactor True"
    )


def test_without_the_extension_it_says_why_not() -> None:
    hidden = "import sys; sys.modules['pubsub.router.native.poller'] = None\n"
    assert "needs epoll and the compiled extension" in run(
        hidden
        + "from pubsub.transport.reactor import install, install_if_possible\n"
        + "print(install_if_possible())\n"
        + "try: install()\n"
        + "except Exception as error: print(type(error).__name__, error)"
    )


def test_where_the_extension_is_switched_off_it_is_too() -> None:
    assert (
        run(
            "from pubsub.transport.reactor import install_if_possible\n"
            "print(install_if_possible())",
            PUBSUB_NO_EXTENSIONS="1",
        )
        == "False"
    )


def test_twistd_offers_it() -> None:
    assert "pubsub-epoll" in run(
        "import sys; sys.argv = ['twistd', '--help-reactors']\n"
        "from twisted.scripts.twistd import run; run()"
    )


#: calls from timers and threads, a process, ordinary sockets, and the router's: all at once
BUSY = """
import sys
from pubsub.transport.reactor import install
install()
from twisted.internet import defer, error, protocol, reactor, task, threads, utils
from twisted.internet.endpoints import clientFromString, connectProtocol
from pubsub.config.options import Options
from pubsub.server import PubSubServer

class Client(protocol.Protocol):
    def __init__(self):
        self.text, self.done, self.gone = b"", defer.Deferred(), defer.Deferred()
    def connectionMade(self):
        self.transport.write(b'CONNECT {"verbose":false}\\r\\nSUB a 1\\r\\n')
        for number in range(1000):
            self.transport.write(b"PUB a 3\\r\\n%03d\\r\\n" % number)
    def dataReceived(self, data):
        self.text += data
        if self.text.endswith(b"999\\r\\n") and not self.done.called:
            self.done.callback(self.text.count(b"MSG a 1 3\\r\\n"))
    def connectionLost(self, reason):
        self.gone.callback(reason.check(error.ConnectionDone) is not None)

async def main(reactor):
    server = PubSubServer(Options(host="127.0.0.1", port=-1, router="native"), reactor)
    await server.open()
    endpoint = clientFromString(reactor, f"tcp:127.0.0.1:{server.port}")
    client, other = Client(), Client()
    await connectProtocol(endpoint, client)
    print(await client.done)
    print(await threads.deferToThread(lambda: "thread"))
    print((await utils.getProcessOutput(sys.executable, ["-c", "print('child')"])).decode().strip())
    print(await task.deferLater(reactor, 0.01, lambda: "later"))
    await connectProtocol(endpoint, other)
    await other.done
    client.transport.loseConnection()
    print(await client.gone)
    await server.close()
    print(await other.gone, server.registry.alive)

task.react(lambda reactor: defer.ensureDeferred(main(reactor)))
"""


def test_everything_twisted_does_it_does_too() -> None:
    assert run(BUSY).split() == ["1000", "thread", "child", "later", "True", "True", "0"]


def test_its_delays_do_not_follow_the_clock_on_the_wall() -> None:
    """Whoever sets that back does not delay what is planned."""
    script = """
from pubsub.transport.reactor import install
install()
import time
from twisted.internet import reactor
before = time.monotonic()
call = reactor.callLater(5, print)
print(before + 5 <= call.getTime() <= time.monotonic() + 5)
"""
    assert run(script).split() == ["True"]


#: exceptions in the router's handlers end one connection, not the reactor
BROKEN = """
from pubsub.transport.reactor import install
install()
import sys
from twisted.internet import defer, protocol, reactor, task
from twisted.internet.endpoints import clientFromString, connectProtocol
from twisted.logger import globalLogPublisher
from pubsub.client.protocol import ClientProtocol
from pubsub.config.options import Options
from pubsub.server import PubSubServer

failures = []
globalLogPublisher.addObserver(lambda e: failures.append(e) if "failure" in e else None)

class Client(protocol.Protocol):
    def __init__(self): self.gone = defer.Deferred()
    def connectionLost(self, reason): self.gone.callback(None)

def broken(self): raise ZeroDivisionError("broken")
ClientProtocol.pong_received = broken

async def main(reactor):
    server = PubSubServer(Options(host="127.0.0.1", port=-1, router="native"), reactor)
    await server.open()
    endpoint = clientFromString(reactor, f"tcp:127.0.0.1:{server.port}")
    client = Client()
    await connectProtocol(endpoint, client)
    client.transport.write(b"PONG\\r\\n")
    await client.gone
    print(len(failures), [e["failure"].type.__name__ for e in failures])
    await connectProtocol(endpoint, Client())
    await server.close()
    print(server.registry.totals.connections)

task.react(lambda reactor: defer.ensureDeferred(main(reactor)))
"""


def test_a_failure_costs_one_connection_and_is_logged() -> None:
    assert run(BROKEN) == "1 ['ZeroDivisionError']\n2"
