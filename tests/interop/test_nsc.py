"""nsc, the public tool for operators, accounts and users: what it makes and pushes works.

It is looked for in the environment variable NSC and on PATH
(``go install github.com/nats-io/nsc/v2@latest``).
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import nats
import pytest
from nats.aio.client import Client
from nats.errors import Error

from pubsub.testing.child import ChildServer
from pubsub.testing.plugin import ServerFactory
from tests.interop.conftest import program
from tests.patience import PATIENCE

pytestmark = pytest.mark.interop


_T = TypeVar("_T")


class Nsc:
    """nsc with a home of its own, where an operator with a system account is."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._command = program("NSC", "nsc")
        # what it keeps is not the user's
        self._environment = {
            **os.environ,
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_DATA_HOME": str(home / "data"),
            "NKEYS_PATH": str(home / "keys"),
            "NSC_HOME": str(home / "nsc"),
            "NSC_NO_GIT_IGNORE": "true",
            "NO_COLOR": "1",
        }
        self.run("add", "operator", "-n", "O", "--sys", "--generate-signing-key")
        self.run("add", "account", "-n", "A")
        self.run("add", "user", "-a", "A", "-n", "u")

    def run(self, *args: str) -> str:
        """Run it to its end; what it said."""
        done = subprocess.run(
            [self._command, *args],
            env=self._environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=PATIENCE,
        )  # fmt: skip
        output = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
        assert done.returncode == 0, output
        return output

    def key(self, kind: str, *args: str) -> str:
        """The public key of an account or a user."""
        text = self.run("describe", kind, *args, "--field", "sub")
        return text.strip().strip('"')

    def credentials(self, account: str, user: str) -> str:
        """The path of a user's .creds file."""
        return str(self.home / "keys" / "creds" / "O" / account / f"{user}.creds")

    def full_resolver(self, directory: Path) -> str:
        """The configuration it proposes, with deletion."""
        text = self.run("generate", "config", "--nats-resolver")
        text = text.replace("'./jwt'", f"'{directory}'")
        return text.replace("allow_delete: false", "allow_delete: true")


@pytest.fixture
def nsc(tmp_path: Path) -> Nsc:
    home = tmp_path / "home"
    home.mkdir()
    return Nsc(home)


@pytest.fixture
def server(nsc: Nsc, pubsub_server_factory: ServerFactory, tmp_path: Path) -> ChildServer:
    """With a full resolver that knows the system account only."""
    return pubsub_server_factory(nsc.full_resolver(tmp_path / "jwt"))


def use(
    server: ChildServer, credentials: str, what: Callable[[Client], Awaitable[_T]]
) -> tuple[_T, list[str]]:
    """What ``what(client)`` returns, and the errors the client heard of."""
    errors: list[str] = []

    async def failed(error: Exception) -> None:
        errors.append(str(error))

    async def run() -> _T:
        client = await nats.connect(
            server.url, user_credentials=credentials, allow_reconnect=False, error_cb=failed
        )
        try:
            return await what(client)
        finally:
            await client.close()

    return asyncio.run(asyncio.wait_for(run(), PATIENCE)), errors


async def echo(client: Client) -> bytes:
    subscription = await client.subscribe("hello")
    await client.publish("hello", b"there")
    return (await subscription.next_msg(PATIENCE)).data


def refused(server: ChildServer, credentials: str) -> bool:
    try:
        use(server, credentials, echo)
    except Error as error:
        return "authorization violation" in str(error).lower()
    return False


def test_a_pushed_account_can_be_used(nsc: Nsc, server: ChildServer) -> None:
    creds = nsc.credentials("A", "u")
    assert refused(server, creds)
    output = nsc.run("push", "-A", "-u", server.url)
    assert "jwt updated" in output
    assert use(server, creds, echo) == (b"there", [])


def test_the_configuration_with_everything_in_memory(
    nsc: Nsc, pubsub_server_factory: ServerFactory
) -> None:
    server = pubsub_server_factory(nsc.run("generate", "config", "--mem-resolver"))
    assert use(server, nsc.credentials("A", "u"), echo) == (b"there", [])
    assert use(server, nsc.credentials("SYS", "sys"), echo) == (b"there", [])


def test_a_revocation_takes_effect_at_once(nsc: Nsc, server: ChildServer) -> None:
    nsc.run("push", "-A", "-u", server.url)
    creds = nsc.credentials("A", "u")

    async def revoked(client: Client) -> bool:
        gone = asyncio.Event()

        async def closed() -> None:
            gone.set()

        client._closed_cb = closed
        await client.flush()
        nsc.run("revocations", "add-user", "-a", "A", "-n", "u")
        await asyncio.to_thread(nsc.run, "push", "-a", "A", "-u", server.url)
        await gone.wait()
        return True

    assert use(server, creds, revoked)[0]
    assert refused(server, creds)


def test_a_removed_account(nsc: Nsc, server: ChildServer, tmp_path: Path) -> None:
    nsc.run("push", "-A", "-u", server.url)
    creds = nsc.credentials("A", "u")
    assert use(server, creds, echo)[0] == b"there"
    account = nsc.key("account", "-n", "A")
    assert "deleted 1 accounts" in nsc.run("push", "-R", "A", "-u", server.url)
    assert refused(server, creds)
    assert [path.name for path in (tmp_path / "jwt").glob(f"{account}*")] == [
        f"{account}.jwt.deleted"
    ]
    # and back again
    nsc.run("push", "-a", "A", "-u", server.url)
    assert use(server, creds, echo)[0] == b"there"


def test_what_the_server_has_and_nsc_has_not(nsc: Nsc, server: ChildServer) -> None:
    nsc.run("push", "-A", "-u", server.url)
    account = nsc.key("account", "-n", "A")
    assert account in nsc.run("push", "--diff", "-u", server.url)
    nsc.run("delete", "account", "-n", "A", "--force")
    assert account in nsc.run("push", "--prune", "-u", server.url)
    assert account not in nsc.run("push", "--diff", "-u", server.url)


def test_accounts_can_be_pulled(nsc: Nsc, server: ChildServer) -> None:
    nsc.run("push", "-A", "-u", server.url)
    nsc.run("edit", "operator", "--account-jwt-server-url", server.url)
    output = nsc.run("pull", "-A")
    assert 'stored account "A"' in output
    assert 'stored account "SYS"' in output


def test_a_scoped_signing_key(nsc: Nsc, server: ChildServer) -> None:
    nsc.run(
        "edit", "signing-key", "-a", "A", "--sk", "generate", "--role", "r",
        "--allow-pub", "from.{{name()}}", "--allow-sub", "from.>",
    )  # fmt: skip
    nsc.run("add", "user", "-a", "A", "-n", "bob", "-K", "r")
    nsc.run("push", "-A", "-u", server.url)

    async def publish(client: Client) -> bytes:
        subscription = await client.subscribe("from.>")
        await client.publish("from.alice", b"no")
        await client.publish("from.bob", b"yes")
        return (await subscription.next_msg(PATIENCE)).data

    heard, errors = use(server, nsc.credentials("A", "bob"), publish)
    assert heard == b"yes"
    assert errors == ['nats: permissions violation for publish to "from.alice"']


def test_a_private_service_with_an_activation(
    nsc: Nsc, server: ChildServer, tmp_path: Path
) -> None:
    nsc.run("add", "account", "-n", "B")
    nsc.run("add", "user", "-a", "B", "-n", "v")
    nsc.run("add", "export", "-a", "A", "--subject", "help", "--service", "--private")
    importer = nsc.key("account", "-n", "B")
    token = tmp_path / "token.jwt"
    nsc.run(
        "generate", "activation", "-a", "A", "--subject", "help",
        "-t", importer, "-o", str(token),
    )  # fmt: skip
    nsc.run("add", "import", "-a", "B", "--token", str(token))
    nsc.run("push", "-A", "-u", server.url)

    async def ask(client: Client) -> bytes:
        other = await nats.connect(server.url, user_credentials=nsc.credentials("A", "u"))

        async def answer(message: nats.aio.msg.Msg) -> None:
            await message.respond(b"coming")

        await other.subscribe("help", cb=answer)
        await other.flush()
        try:
            return (await client.request("help", b"", timeout=PATIENCE)).data
        finally:
            await other.close()

    assert use(server, nsc.credentials("B", "v"), ask) == (b"coming", [])
