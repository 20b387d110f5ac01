"""Against real web servers on this machine: what hangs, what has no end, what is no JWT."""

from __future__ import annotations

import base64

import pytest
from pytest_twisted import blockon, ensureDeferred
from twisted.internet import reactor, ssl
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site
from zope.interface.verify import verifyObject

from pubsub.auth.jwt.resolvers.url import UrlResolver
from pubsub.config.options import TlsOptions
from pubsub.errors import CredentialsError, InvalidOption
from pubsub.interfaces import IAccountResolver
from tests.auth.jwt.world import FakeServer, World
from tests.certs import Authority


class Accounts(Resource):
    """``/accounts/<name>``: what the test says."""

    isLeaf = True

    def __init__(self, answer):
        super().__init__()
        self.answer = answer
        self.requests = []

    def render_GET(self, request):
        self.requests.append(request)
        return self.answer(request)


@pytest.fixture
def web():
    """``web(answer, contextFactory)``: the resource and its port."""
    ports = []

    def serve(answer, factory=None):
        resource = Accounts(answer)
        site = factory or Site(resource, reactor=reactor)
        ports.append(reactor.listenTCP(0, site, interface="127.0.0.1"))
        return resource, ports[-1].getHost().port

    yield serve
    for port in ports:
        blockon(port.stopListening())


@pytest.fixture
def resolver():
    """``resolver(url, timeout)``, started."""
    made = []

    def make(url, timeout=5.0, tls=None):
        server = FakeServer()
        server.clock = reactor
        one = UrlResolver(url, timeout, tls)
        one.start(server, None)
        made.append(one)
        return one

    yield make
    for one in made:
        blockon(one._pool.closeCachedConnections())
        one.stop()


@ensureDeferred
async def test_an_account_is_fetched(web, resolver):
    world = World()
    token = world.account_jwt()
    resource, port = web(lambda request: token.encode() + b"\n")
    one = resolver(f"http://127.0.0.1:{port}/accounts")
    verifyObject(IAccountResolver, one)
    assert await one.fetch(world.account.public_key) == token
    assert resource.requests[0].uri == f"/accounts/{world.account.public_key}".encode()


@ensureDeferred
async def test_user_and_password_are_sent_and_never_shown(web, resolver):
    resource, port = web(lambda request: request.setResponseCode(403) or b"")
    one = resolver(f"http://bob:s%40cret@127.0.0.1:{port}/")
    with pytest.raises(CredentialsError, match="status 403") as caught:
        await one.fetch("X")
    assert "cret" not in str(caught.value)
    sent = resource.requests[0].getHeader("authorization")
    assert base64.b64decode(sent.split()[1]) == b"bob:s@cret"


@pytest.mark.parametrize("code", [204, 400, 404, 500])
@ensureDeferred
async def test_anything_but_200_is_no_account(web, resolver, code):
    _, port = web(lambda request: request.setResponseCode(code) or b"x" * 10)
    with pytest.raises(CredentialsError, match=f"status {code}"):
        await resolver(f"http://127.0.0.1:{port}/").fetch("X")


@ensureDeferred
async def test_a_redirect_is_followed(web, resolver):
    def answer(request):
        if request.path == b"/X":
            request.redirect(b"/elsewhere")
            return b""
        return b"token"

    _, port = web(answer)
    assert await resolver(f"http://127.0.0.1:{port}/").fetch("X") == "token"


@ensureDeferred
async def test_but_not_for_ever(web, resolver):
    resource, port = web(lambda request: request.redirect(b"/X") or b"")
    with pytest.raises(CredentialsError, match="could not fetch"):
        await resolver(f"http://127.0.0.1:{port}/").fetch("X")
    assert len(resource.requests) < 20


@ensureDeferred
async def test_a_server_that_hangs(web, resolver):
    gone = Deferred()

    def hang(request):
        request.notifyFinish().addErrback(lambda _: gone.callback(None))
        return NOT_DONE_YET

    _, port = web(hang)
    with pytest.raises(CredentialsError, match="could not fetch"):
        await resolver(f"http://127.0.0.1:{port}/", timeout=0.05).fetch("X")
    # and it is let go
    await gone


@ensureDeferred
async def test_a_server_that_hangs_in_the_middle(web, resolver):
    gone = Deferred()

    def hang(request):
        request.notifyFinish().addErrback(lambda _: gone.callback(None))
        request.write(b"some of it")
        return NOT_DONE_YET

    _, port = web(hang)
    with pytest.raises(CredentialsError, match="could not fetch"):
        await resolver(f"http://127.0.0.1:{port}/", timeout=0.2).fetch("X")
    await gone


@ensureDeferred
async def test_an_answer_without_end(web, resolver):
    gone = Deferred()

    class Flood:
        def __init__(self, request):
            self.request = request

        def resumeProducing(self):
            self.request.write(b"x" * 65536)

        def stopProducing(self):
            pass

    def flood(request):
        request.notifyFinish().addErrback(lambda _: gone.callback(None))
        request.registerProducer(Flood(request), False)
        return NOT_DONE_YET

    _, port = web(flood)
    with pytest.raises(CredentialsError, match="too long"):
        await resolver(f"http://127.0.0.1:{port}/").fetch("X")
    await gone


class Rude(Protocol):
    """Says something that is no HTTP, or half of an answer, and goes."""

    text = b""

    def dataReceived(self, data):
        self.transport.write(self.text)
        self.transport.loseConnection()


@pytest.mark.parametrize(
    "text",
    [b"", b"\x00\xff" * 100, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"],
)
@ensureDeferred
async def test_what_is_no_answer(web, resolver, text):
    factory = Factory.forProtocol(type("Said", (Rude,), {"text": text}))
    _, port = web(None, factory)
    with pytest.raises(CredentialsError, match="could not fetch"):
        await resolver(f"http://127.0.0.1:{port}/").fetch("X")


@ensureDeferred
async def test_nobody_listens(web, resolver):
    with pytest.raises(CredentialsError, match="could not fetch"):
        await resolver("http://127.0.0.1:1/").fetch("X")


@pytest.mark.parametrize(
    "url", ["", "ftp://x/", "http://", "http:///x", "example.com", "http://[x/", "http://x:y/"]
)
def test_what_is_no_url(url):
    with pytest.raises(InvalidOption, match="http"):
        UrlResolver(url)


def test_stopping_what_was_not_started():
    UrlResolver("http://[::1]:80/x").stop()


# https


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def https(authority):
    """A web server that wants to see a certificate of the authority, too."""
    issued = authority.issue("server", names=["localhost"], addresses=["127.0.0.1"])
    with open(issued.cert_file, "rb") as cert, open(issued.key_file, "rb") as key:
        own = ssl.PrivateCertificate.loadPEM(cert.read() + key.read())
    with open(authority.cert_file, "rb") as file:
        trust = ssl.Certificate.loadPEM(file.read())
    site = Site(Accounts(lambda request: b"token"), reactor=reactor)
    port = reactor.listenSSL(0, site, own.options(trust), interface="127.0.0.1")
    yield port.getHost().port
    blockon(port.stopListening())


@ensureDeferred
async def test_https_with_a_certificate_of_its_own(https, authority, resolver):
    issued = authority.issue("client", client=True)
    tls = TlsOptions(
        cert_file=str(issued.cert_file), key_file=str(issued.key_file),
        ca_file=str(authority.cert_file),
    )  # fmt: skip
    assert await resolver(f"https://localhost:{https}/", tls=tls).fetch("X") == "token"


@pytest.mark.parametrize("ca", [True, False])
@ensureDeferred
async def test_https_that_is_not_trusted(https, authority, resolver, ca):
    tls = TlsOptions(ca_file=str(authority.cert_file)) if ca else None
    with pytest.raises(CredentialsError, match="could not fetch"):
        await resolver(f"https://localhost:{https}/", tls=tls).fetch("X")
