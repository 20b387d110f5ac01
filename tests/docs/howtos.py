"""For tests of how-tos: their texts, their configurations, and servers that run these."""

from __future__ import annotations

import ast
import asyncio
import datetime as dt
import inspect
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import nats
import nats.errors
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from nats.aio.client import Client

from pubsub.auth.jwt.codec import encode, format_credentials
from pubsub.auth.jwt.keys import KeyPair
from pubsub.testing.child import ChildServer
from tests.auth.jwt.world import World
from tests.certs import Authority
from tests.patience import PATIENCE

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
EXAMPLES = ROOT / "examples" / "security"
HOWTO = DOCS / "howto" / "security"

#: what a client reads that may not come in, whatever the reason
VIOLATION = "Authorization Violation"

_BLOCK = re.compile(r"^\.\. code-block:: \w+\n   :class: (\w+)\n\n((?:   .*\n|\n)+)", re.MULTILINE)
_TOCTREE = re.compile(r"^\.\. toctree::\n((?:   .*\n|\n)+)", re.MULTILINE)


class Page:
    """One how-to."""

    def __init__(self, name: str) -> None:
        self.path = HOWTO / f"{name}.rst"
        self.text = self.path.read_text(encoding="utf-8")

    def blocks(self, kind: str) -> list[str]:
        """Its literal blocks of that class."""
        return [dedent(body) for found, body in _BLOCK.findall(self.text) if found == kind]

    def includes(self) -> set[Path]:
        """The files it shows."""
        names = re.findall(r"^ *\.\. literalinclude:: (\S+)$", self.text, re.MULTILINE)
        return {(self.path.parent / name).resolve() for name in names}

    def says(self, words: str) -> bool:
        """Whether these words are in it, wherever its lines end."""
        return words.lower() in " ".join(self.text.split()).lower()

    async def act(self, url: str, **names: Any) -> dict[str, Any]:
        """Do what its Python says, at that URL; the variables it leaves."""
        variables = {"nats": nats, **names}
        for block in self.blocks("client"):
            source = re.sub(r"(nats|tls)://localhost:4222", url, block)
            code = compile(source, str(self.path), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            outcome = eval(code, variables)
            if inspect.isawaitable(outcome):
                await outcome
        return variables


def reachable() -> set[Path]:
    """Every page that a toctree leads to from the index."""
    found: set[Path] = set()
    waiting = [DOCS / "index.rst"]
    while waiting:
        page = waiting.pop()
        if page in found:
            continue
        found.add(page)
        for body in _TOCTREE.findall(page.read_text(encoding="utf-8")):
            names = [line.strip() for line in body.splitlines()]
            waiting += [
                (page.parent / f"{name}.rst").resolve()
                for name in names
                if name and not name.startswith(":")
            ]
    return found


class Site:
    """A copy of an example, with what is put beside it; servers run in it."""

    def __init__(
        self, kind: str, directory: Path, monkeypatch: pytest.MonkeyPatch, stack: ExitStack
    ) -> None:
        self.directory = directory / kind
        shutil.copytree(EXAMPLES / kind, self.directory)
        monkeypatch.chdir(self.directory)
        self.setenv = monkeypatch.setenv
        self._stack = stack
        self._servers = 0

    def serve(self, config: str = "server.conf", *args: str) -> ChildServer:
        """Start a server there, with the file as it is."""
        self._servers += 1
        own = self.directory / f"run{self._servers}"
        own.mkdir()
        server = ChildServer(own, args=["-c", config, *args]).start()
        self._stack.callback(server.stop)
        return server

    def serve_text(self, text: str) -> ChildServer:
        """Start a server with a configuration that is in a page."""
        self.write("text.conf", text)
        return self.serve("text.conf")

    def write(self, name: str, text: str) -> None:
        """Put a file beside the configuration."""
        (self.directory / name).write_text(text, encoding="utf-8")

    def new_key(self, name: str, kind: str = "user") -> str:
        """Make a pair as the pages say; the public key. The seed is in ``name.nk``."""
        seed, public = passwd("--nkey", kind).split()
        self.write(f"{name}.nk", f"{seed}\n")
        return public

    def program(self, *args: str) -> str:
        """Run a program of the example until the test ends; its first line."""
        process = subprocess.Popen([sys.executable, *args], stdout=subprocess.PIPE, text=True)

        def end() -> None:
            process.kill()
            process.communicate()

        self._stack.callback(end)
        assert process.stdout is not None
        return process.stdout.readline().strip()


def passwd(*args: str, entered: str | None = None) -> str:
    """What ``pubsub-passwd`` prints."""
    command = [sys.executable, "-m", "pubsub.passwd", *args]
    done = subprocess.run(command, input=entered, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


class Errors:
    """What a client is told while it is connected; the last of it is why it was closed."""

    def __init__(self) -> None:
        self._client = Client()
        self._heard: asyncio.Queue[str] = asyncio.Queue()

    async def connect(self, url: str, **options: Any) -> Client:
        await self._client.connect(
            url, allow_reconnect=False, connect_timeout=15,
            error_cb=self._told, closed_cb=self._closed, **options,
        )  # fmt: skip
        return self._client

    async def next(self) -> str:
        return await asyncio.wait_for(self._heard.get(), PATIENCE)

    async def _told(self, error: Exception) -> None:
        await self._heard.put(str(error).lower())

    async def _closed(self) -> None:
        await self._heard.put(str(self._client.last_error or "").lower())


async def connect(url: str, **options: Any) -> tuple[Client, Errors]:
    """A client that gives up at once; what it is told."""
    errors = Errors()
    return await errors.connect(url, **options), errors


async def check_refused(page: Page, words: str, url: str, **options: Any) -> None:
    """A client with these credentials does not come in, and reads words that the page has."""
    assert page.says(words)
    with pytest.raises(nats.errors.Error) as refused:
        await connect(url, **options)
    assert words.lower() in str(refused.value).lower()


def run(talk: Callable[[], Awaitable[None]]) -> None:
    """Run a conversation to its end, in an event loop of its own."""

    async def within_time() -> None:
        await asyncio.wait_for(talk(), PATIENCE)

    asyncio.run(within_time())


class Certificates:
    """An authority and a server, in the files the page calls them by; and clients."""

    def __init__(self, directory: Path) -> None:
        self._authority = Authority(directory)
        Path(self._authority.cert_file).rename(directory / "ca.pem")
        self._authority.issue("server")
        self._directory = directory

    def client(self, name: str, email: str = "", **subject: str) -> None:
        """``name-cert.pem`` and ``name-key.pem``; the parts of the subject, the first one last."""
        oids = {
            "CN": NameOID.COMMON_NAME,
            "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
            "O": NameOID.ORGANIZATION_NAME,
        }
        parts = [x509.NameAttribute(oids[key], value) for key, value in reversed(subject.items())]
        issued = self._authority.issue(name, client=True, subject=x509.Name(parts))
        if email:
            self._rename(name, issued.certificate, email)

    def _rename(self, name: str, certificate: x509.Certificate, email: str) -> None:
        """The same certificate, with an address in it."""
        now = dt.datetime.now(dt.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(certificate.subject)
            .issuer_name(certificate.issuer)
            .public_key(certificate.public_key())
            .serial_number(certificate.serial_number)
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.RFC822Name(email)]), critical=False)
        )
        for extension in certificate.extensions:
            builder = builder.add_extension(extension.value, extension.critical)
        signed = builder.sign(self._authority.key, hashes.SHA256())
        (self._directory / f"{name}-cert.pem").write_bytes(signed.public_bytes(Encoding.PEM))


class Nsc:
    """What nsc would have made: an operator, its system account, and the account APP."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._world = World(now=time.time())
        self.app = self._world.account
        system = self._world.system
        self.app_jwt = self._world.account_jwt()
        system_jwt = self._world.account_jwt(system, name="SYS")
        self.accounts = {system.public_key: system_jwt, self.app.public_key: self.app_jwt}
        site.write("operator.jwt", self._world.operator_jwt())
        site.write("system.conf", f"{system.public_key}: {system_jwt}\n")
        lines = [f"{key}: {token}\n" for key, token in self.accounts.items()]
        site.write("accounts.conf", "".join(lines))
        self.user = self.credentials("app", self.app)
        self.credentials("admin", system)
        self.credentials("stranger", KeyPair.generate("A"))

    def credentials(self, name: str, account: KeyPair) -> str:
        """Write ``name.creds``; the user's public key."""
        user = KeyPair.generate("U")
        limits = {"subs": -1, "data": -1, "payload": -1}
        claims = {"sub": user.public_key, "name": name, "nats": {"type": "user", **limits}}
        token = encode(claims, account, time.time() - 100)
        self._site.write(f"{name}.creds", format_credentials(token, user.seed))
        return user.public_key

    def revoked(self) -> str:
        """The JWT of APP, in which its user is revoked."""
        revocations = {self.user: int(time.time())}
        return self._world.account_jwt(issued=time.time(), revocations=revocations)


@contextmanager
def sites(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Site]]:
    """``site("token")``: a place for that example."""
    with ExitStack() as stack:
        yield lambda kind: Site(kind, directory, monkeypatch, stack)
