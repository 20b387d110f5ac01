"""The third-party authenticator of ``examples/``: its own tests, and the whole way once.

Both distributions are installed into a fresh environment, where a server finds the plugin, asks
an endpoint in another process and answers a real client.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import nats
import nats.errors
import pytest

from pubsub.testing.child import ChildServer
from tests.patience import PATIENCE

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "oidc_authenticator"
#: what setup.py reads
_OURS = ("LICENSE", "README.md", "pyproject.toml", "setup.py", "MANIFEST.in", "pubsub", "twisted")
_LEFT_OUT = shutil.ignore_patterns(
    "__pycache__", "*.so", "*.c", "dropin.cache", "build", "*.egg-info"
)

_CONFIG = """
authorization {
  timeout: 3
  plugin: oidc
  options {
    url: "http://127.0.0.1:%s/introspect"
    client_id: nats
    client_secret: hush
    timeout: 1
    audience: nats
    account_claim: team
    accounts: [SALES]
  }
}
accounts { SALES {} }
debug: true
"""


def test_its_own_tests_pass() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=EXAMPLE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert result.returncode == 0, result.stdout
    assert re.search(r"\b\d+ passed", result.stdout)


def _install(python: Path, tree: Path) -> None:
    """Without a network: what both need is there, and is not installed again."""
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--ignore-installed"]
    result = subprocess.run(
        [python, "-m", "pip", "install", "-q", *options, tree],
        env={**os.environ, "PUBSUB_EXTENSIONS": "no", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert result.returncode == 0, result.stdout[-4000:]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin directory of a fresh environment with both distributions in it.

    Their dependencies, and pip, come from the environment of the tests by a plain path: of what is
    installed there in editable mode nothing is visible, and what is copied there comes after
    the fresh ones.
    """
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    scripts = folder / "venv" / "bin"
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    dependencies = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (packages / "dependencies.pth").write_text("\n".join(sorted(dependencies)))
    ours = folder / "ours"
    ours.mkdir()
    for name in _OURS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, ours / name, ignore=_LEFT_OUT)
        else:
            shutil.copy(source, ours)
    theirs = folder / "theirs"
    shutil.copytree(EXAMPLE, theirs, ignore=_LEFT_OUT)
    _install(scripts / "python", ours)
    _install(scripts / "python", theirs)
    return scripts


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The port of an introspection endpoint."""
    program = Path(__file__).with_name("oidc_endpoint.py")
    process = subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


@pytest.fixture(scope="module")
def server(
    environment: Path, endpoint: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ChildServer]:
    """A server of that environment, which asks that endpoint."""
    program = str(environment / "pubsub-server")
    # what the tests import must not be what the server imports
    path = os.environ.pop("PYTHONPATH", None)
    try:
        with ChildServer(
            tmp_path_factory.mktemp("server"), _CONFIG % endpoint, command=[program]
        ) as running:
            yield running
    finally:
        if path is not None:
            os.environ["PYTHONPATH"] = path


async def _talk(url: str, token: str) -> list[str]:
    """Come in with that token, publish where one may and where one may not; what went wrong."""
    errors: list[str] = []
    failed = asyncio.Event()

    async def error(problem: Exception) -> None:
        errors.append(str(problem))
        failed.set()

    client = await nats.connect(url, token=token, allow_reconnect=False, error_cb=error)
    heard = await client.subscribe("orders.>")
    await client.publish("orders.new", b"1")
    assert (await heard.next_msg(PATIENCE)).data == b"1"
    await client.publish("salaries", b"?")
    await asyncio.wait_for(failed.wait(), PATIENCE)
    await client.close()
    return errors


async def _refused(url: str, token: str | None) -> None:
    with pytest.raises((nats.errors.Error, OSError)):
        await nats.connect(url, token=token, allow_reconnect=False, connect_timeout=PATIENCE)


@pytest.mark.slow
class TestInstalled:
    def test_the_plugin_is_there_both_ways(self, environment: Path) -> None:
        code = (
            "from importlib.metadata import entry_points\n"
            "from twisted.plugin import getPlugins\n"
            "from pubsub.interfaces import IAuthenticatorPlugin\n"
            "import pubsub, pubsub_oidc\n"
            "print(*(p.name for p in entry_points(group='pubsub.authenticators')))\n"
            "print(*sorted(p.name for p in getPlugins(IAuthenticatorPlugin)))\n"
            "print(pubsub.__file__, pubsub_oidc.__file__)"
        )
        result = subprocess.run(
            [environment / "python", "-c", code], capture_output=True, text=True, cwd=environment
        )
        points, plugins, places = result.stdout.splitlines()
        assert points == "oidc"
        assert {"oidc", "token", "users"} <= set(plugins.split())
        assert all(place.startswith(str(environment.parent)) for place in places.split())

    def test_a_good_token_is_somebody_with_permissions(self, server: ChildServer) -> None:
        (error,) = asyncio.run(_talk(server.url, "ann"))
        assert error.lower().endswith('permissions violation for publish to "salaries"')

    @pytest.mark.parametrize(
        ("token", "reason"),
        [
            ("eve", "the token is not active"),
            ("bob", "the token names an account that it may not"),
            ("hang", "the endpoint did not answer within 1 seconds"),
            ("broken", "the endpoint answered 500"),
        ],
    )
    def test_others_are_refused(self, server: ChildServer, token: str, reason: str) -> None:
        asyncio.run(_refused(server.url, token))
        assert reason in server.log
        assert "hush" not in server.log

    def test_nobody_comes_in_without_a_token(self, server: ChildServer) -> None:
        asyncio.run(_refused(server.url, None))

    def test_a_hanging_endpoint_keeps_nobody_else_waiting(self, server: ChildServer) -> None:
        async def both() -> None:
            waiting = asyncio.ensure_future(_refused(server.url, "hang"))
            await _talk(server.url, "ann")
            await waiting

        asyncio.run(both())
