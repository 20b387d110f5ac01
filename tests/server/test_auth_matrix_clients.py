"""nats-py comes with each kind of credentials it knows: a .creds file, a seed, a password."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import nats
import pytest
import pytest_twisted
from nats.errors import Error
from twisted.internet.threads import deferToThread

from tests.certs import Authority
from tests.patience import PATIENCE
from tests.server.auth_kinds import PASSWORDS, Place
from tests.server.auth_kinds_keys import KEYS, read_creds
from tests.server.auth_kinds_services import SERVICES
from tests.server.auth_rows import Row
from tests.server.conftest import Serve

KINDS = {kind.name: kind for kind in (*PASSWORDS, *KEYS, *SERVICES)}


class Client(NamedTuple):
    """What is given to ``nats.connect``, and whether that is enough."""

    kind: str
    title: str
    options: Callable[[SimpleNamespace, Path], dict[str, Any]]
    allowed: bool


def _fixed(**options: Any) -> Callable[[SimpleNamespace, Path], dict[str, Any]]:
    return lambda things, directory: options


def _creds(name: str) -> Callable[[SimpleNamespace, Path], dict[str, Any]]:
    return lambda things, directory: {"user_credentials": str(things.creds[name])}


def _seed(name: str) -> Callable[[SimpleNamespace, Path], dict[str, Any]]:
    def options(things: SimpleNamespace, directory: Path) -> dict[str, Any]:
        path = directory / "user.nk"
        path.write_bytes(getattr(things, name).seed)
        return {"nkeys_seed": str(path)}

    return options


def _token_alone(name: str) -> Callable[[SimpleNamespace, Path], dict[str, Any]]:
    """A bearer's client signs nothing."""

    def options(things: SimpleNamespace, directory: Path) -> dict[str, Any]:
        jwt = read_creds(things.creds[name])[0].encode()
        return {"user_jwt_cb": lambda: jwt, "signature_cb": lambda nonce: b""}

    return options


CLIENTS = (
    Client("anonymous", "nothing", _fixed(), True),
    Client("token", "the token", _fixed(token="t0ken-of-the-realm"), True),
    Client("token", "another", _fixed(token="t0ken-of-nobody"), False),
    Client("argon2", "the password", _fixed(user="ann", password="passw0rd-of-ann"), True),
    Client("argon2", "another", _fixed(user="ann", password="n0t-the-password"), False),
    Client("nkeys", "a seed", _seed("ann"), True),
    Client("nkeys", "the seed of nobody", _seed("eve"), False),
    Client("operator", "a .creds file", _creds("ann"), True),
    Client("operator", "an expired one", _creds("expired"), False),
    Client("operator", "a revoked one", _creds("revoked"), False),
    Client("scoped", "a .creds file", _creds("scoped"), True),
    Client("scoped", "of a foreign key", _creds("foreign"), False),
    Client("bearer", "a token alone", _token_alone("ann"), True),
    Client("bearer", "a token that is not for bearers", _token_alone("no bearer"), False),
    Client("callout", "a user", _fixed(user="ann", password="passw0rd-of-ann"), True),
    Client("callout", "another", _fixed(user="eve", password="passw0rd-of-ann"), False),
    Client("plugin", "a user", _fixed(user="d-ann", password="passw0rd-of-ann"), True),
    Client("plugin", "another", _fixed(user="d-ann", password="n0t-the-password"), False),
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


def _talk(url: str, options: dict[str, Any]) -> bytes:
    """Connect and hear oneself; for a thread."""

    async def talk() -> bytes:
        client = await nats.connect(
            url, allow_reconnect=False, connect_timeout=PATIENCE, error_cb=_ignored, **options
        )
        try:
            subscription = await client.subscribe("a.U")
            await client.publish("a.U", b"hello")
            return (await subscription.next_msg(PATIENCE)).data
        finally:
            await client.close()

    return asyncio.run(asyncio.wait_for(talk(), PATIENCE))


async def _ignored(error: Exception) -> None:
    """It is raised, too."""


@pytest.mark.parametrize("tls", [False, True], ids=["TCP", "TLS"])
@pytest.mark.parametrize("client", CLIENTS, ids=[f"{c.kind} - {c.title}" for c in CLIENTS])
@pytest_twisted.ensureDeferred
async def test_nats_py(
    client: Client,
    tls: bool,
    serve: Serve,
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = Place(tmp_path, authority, tls, monkeypatch)
    scene = KINDS[client.kind].make(place)
    row = Row(scene, authority if tls else None, tmp_path / "server.log")
    try:
        served = await row.start(serve)
        url = f"nats://localhost:{served.server.port}"
        options = client.options(scene.things, tmp_path)
        if tls:
            options["tls"] = ssl.create_default_context(cafile=authority.cert_file)
        talking = deferToThread(_talk, url, options)
        if client.allowed:
            assert await talking == b"hello"
        else:
            with pytest.raises(Error, match=r"(?i)authorization violation"):
                await talking
        await served.server.close()
        row.check_log()
    finally:
        row.close()


@pytest.mark.parametrize("name", ["ann", "ben", "eve"])
@pytest_twisted.ensureDeferred
async def test_nats_py_with_a_certificate(
    name: str,
    serve: Serve,
    authority: Authority,
    tmp_path: Path,
) -> None:
    scene = KINDS["certificates"].make(Place(tmp_path, authority, True))
    row = Row(scene, authority, tmp_path / "server.log")
    try:
        served = await row.start(serve)
        own = scene.certificates[name]
        context = ssl.create_default_context(cafile=authority.cert_file)
        context.load_cert_chain(own.cert_file, own.key_file)
        url = f"tls://localhost:{served.server.port}"
        talking = deferToThread(_talk, url, {"tls": context})
        if name == "eve":
            with pytest.raises(Error, match=r"(?i)authorization violation"):
                await talking
        else:
            assert await talking == b"hello"
    finally:
        row.close()
