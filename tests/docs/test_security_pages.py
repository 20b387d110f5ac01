"""The pages about security: each configuration is run, and clients do what the page says.

A page's Python of class ``client`` is run as it stands, against the server of the test. What the
page says a client reads when it is refused has to be in the page, word for word.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import nats.errors
import pytest

from pubsub import errors as faults
from pubsub.testing.child import ServerFailed
from tests.docs.howtos import (
    DOCS,
    EXAMPLES,
    HOWTO,
    PATIENCE,
    ROOT,
    VIOLATION,
    Certificates,
    Nsc,
    Page,
    Site,
    check_refused,
    connect,
    passwd,
    reachable,
    run,
    sites,
)

CONFIGS = sorted(EXAMPLES.rglob("*.conf"))
NAMES = sorted(path.stem for path in HOWTO.glob("*.rst") if path.stem != "index")

#: ``site("token")``: a place for that example
Sites = Callable[[str], Site]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sites]:
    with sites(tmp_path, monkeypatch) as site:
        yield site


# the pages


@pytest.mark.parametrize("name", NAMES)
def test_a_page_can_be_found_and_has_what_a_page_needs(name: str) -> None:
    page = Page(name)
    assert page.path in reachable()
    assert any(EXAMPLES in path.parents for path in page.includes())
    assert page.blocks("client")
    for heading in ("Clients", "What is refused", "In the code"):
        assert f"\n{heading}\n---" in page.text
    for path in re.findall(r"``(pubsub/\S+?)``", page.text):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: str(path.relative_to(EXAMPLES)))
def test_a_configuration_is_shown(path: Path) -> None:
    assert any(path in Page(name).includes() for name in NAMES)


@pytest.mark.parametrize("name", ["security", "accounts", "architecture"])
def test_a_topic_names_what_is_there(name: str) -> None:
    path = DOCS / "topics" / f"{name}.rst"
    assert path in reachable()
    named = re.findall(r"\bpubsub/[\w/]+(?:\.py|/)", path.read_text(encoding="utf-8"))
    assert named
    assert not [one for one in named if not (ROOT / one).exists()]


def test_the_architecture_knows_every_layer() -> None:
    text = (DOCS / "topics" / "architecture.rst").read_text(encoding="utf-8")
    (drawn,) = re.findall(r"^   (tap, .+?)\n\n", text, re.MULTILINE | re.DOTALL)
    words = {word for line in drawn.splitlines() for word in line[:31].replace(",", " ").split()}
    there = {path.stem for path in (ROOT / "pubsub").iterdir() if path.stem[0] != "_"}
    assert there - words - {"py", "cluster"} == set()


def _known_words() -> list[str]:
    """What this server writes into ``-ERR``, up to where a subject stands."""
    classes = [getattr(faults, name) for name in faults.__all__]
    texts = [getattr(one, "wire", "") or getattr(one, "template", "") for one in classes]
    return [text.partition("%s")[0] for text in texts if isinstance(text, str) and text]


def test_what_clients_are_told_is_what_the_server_says() -> None:
    texts = [" ".join(Page(name).text.split()) for name in NAMES]
    told = [words for text in texts for words in re.findall(r"-ERR '(.+?)'", text)]
    assert len(told) > len(NAMES)
    for words in told:
        assert any(words.startswith(known) for known in _known_words()), words


# token


def test_token(site: Sites) -> None:
    page, place = Page("token"), site("token")
    place.setenv("TOKEN", "s3cr3t")

    async def talk() -> None:
        for server in (place.serve(), place.serve_text(page.blocks("config")[0])):
            client = (await page.act(server.url))["client"]
            await client.flush()
            await client.close()
            await check_refused(page, VIOLATION, server.url, token="guess")
            await check_refused(page, VIOLATION, server.url)

    run(talk)


# users and passwords


def test_password(site: Sites) -> None:
    page, place = Page("password"), site("password")
    place.setenv("PASSWORD", "s3cr3t")

    async def talk() -> None:
        server = place.serve()
        await (await page.act(server.url))["client"].close()
        for user in ("ann", "bob", "cid"):
            client, _ = await connect(server.url, user=user, password="s3cr3t")
            await client.close()
            await check_refused(page, VIOLATION, server.url, user=user, password="guess")
        await check_refused(page, VIOLATION, server.url, user="eve", password="s3cr3t")
        single = place.serve("single.conf")
        client, _ = await connect(single.url, user="app", password="s3cr3t")
        await client.close()
        await check_refused(page, VIOLATION, single.url, user="app", password="guess")

    run(talk)


def test_a_hash_from_pubsub_passwd_is_a_password(site: Sites) -> None:
    hashed = passwd("--cost", "4", entered="s3cr3t\n")

    async def talk() -> None:
        server = site("password").serve_text(f'authorization {{ user: app, password: "{hashed}" }}')
        client, _ = await connect(server.url, user="app", password="s3cr3t")
        await client.close()

    run(talk)


# NKeys


def test_nkeys(site: Sites) -> None:
    page, place = Page("nkeys"), site("nkeys")
    for name in ("sensor", "reader", "stranger"):
        place.setenv(name.upper(), place.new_key(name))

    async def talk() -> None:
        server = place.serve()
        sensor = (await page.act(server.url))["client"]
        reader, errors = await connect(server.url, nkeys_seed="reader.nk")
        heard = await reader.subscribe("temps.>")
        await reader.flush()
        await sensor.publish("temps.hall", b"19")
        assert (await heard.next_msg(PATIENCE)).data == b"19"
        await reader.publish("temps.hall", b"20")
        assert 'permissions violation for publish to "temps.hall"' in await errors.next()
        await sensor.close()
        await reader.close()
        await check_refused(page, VIOLATION, server.url, nkeys_seed="stranger.nk")
        await check_refused(page, VIOLATION, server.url)
        place.setenv("SENSOR", (place.directory / "sensor.nk").read_text().strip())
        with pytest.raises(ServerFailed, match="Not a valid public nkey for a user"):
            place.serve()

    run(talk)


# permissions


def test_permissions(site: Sites) -> None:
    page, place = Page("permissions"), site("permissions")

    async def talk() -> None:
        server = place.serve()
        acted = await page.act(server.url)
        assert acted["reply"].data == b"accepted"
        office, errors = await connect(server.url, user="office", password="office")
        heard = await office.subscribe("orders.>")
        await office.flush()
        await office.publish("orders.secret.plans", b"")
        words = 'Permissions Violation for Publish to "orders.secret.plans"'
        assert page.says(words)
        assert words.lower() in await errors.next()
        await office.publish("orders.status", b"1")
        assert (await heard.next_msg(PATIENCE)).subject == "orders.status"
        worker, errors = await connect(server.url, user="worker", password="worker")
        for queue, behind in (("", ""), ("others", ' using queue "others"')):
            await worker.subscribe("orders.new", queue=queue)
            words = f'Permissions Violation for Subscription to "orders.new"{behind}'
            assert page.says(f"-ERR '{words}'")
            assert (await errors.next()).rstrip("'").endswith(words.lower())
        await worker.publish("orders.status", b"")
        assert 'violation for publish to "orders.status"' in await errors.next()
        for client in (office, worker, acted["worker"], acted["shop"]):
            await client.close()

    run(talk)


# certificates


def test_certificates(site: Sites) -> None:
    page, place = Page("tls-certificates"), site("tls")
    make = Certificates(place.directory)

    def context(name: str = "") -> ssl.SSLContext:
        made = ssl.create_default_context(cafile="ca.pem")
        if name:
            made.load_cert_chain(f"{name}-cert.pem", f"{name}-key.pem")
        return made

    async def talk() -> None:
        make.client("ann", CN="Ann", email="ann@example.com")
        make.client("device", CN="device-7", OU="Sensors", O="Example")
        make.client("backup", CN="backup", O="Example")
        make.client("eve", CN="eve")
        server = place.serve()
        await (await page.act(f"tls://localhost:{server.port}"))["client"].close()
        device, errors = await connect(server.url, tls=context("device"))
        await device.publish("orders.new", b"")
        assert 'violation for publish to "orders.new"' in await errors.next()
        await device.close()
        backup, _ = await connect(server.url, tls=context("backup"), user="-", password="s3cr3t")
        await backup.close()
        await check_refused(page, VIOLATION, server.url, tls=context("backup"))
        await check_refused(page, VIOLATION, server.url, tls=context("eve"))
        with pytest.raises((nats.errors.Error, OSError)):
            await connect(server.url, tls=context())

    run(talk)


# proxies


def test_proxies(site: Sites) -> None:
    page, place = Page("proxies"), site("proxies")
    place.setenv("PROXY", place.new_key("proxy", "server"))
    place.new_key("other", "server")

    async def talk() -> None:
        server = place.serve("server.conf", "-m", "-1")
        address = f"127.0.0.1:{server.port}"
        proxy = place.program("proxy.py", "proxy.nk", address)
        client = (await page.act(server.url, proxy=proxy))["client"]
        await client.close()
        admin, _ = await connect(server.url, user="admin", password="admin")
        await admin.close()
        await check_refused(page, VIOLATION, server.url, user="app", password="app")
        other = place.program("proxy.py", "other.nk", address)
        await check_refused(page, VIOLATION, other, user="admin", password="admin")
        closed = json.loads(urlopen(f"{server.http_url}/connz?state=closed").read())
        reasons = {connection["reason"] for connection in closed["connections"]}
        assert {"Proxy Required", "Proxy Not Trusted"} <= reasons
        assert page.says("Proxy Required")
        assert page.says("Proxy Not Trusted")

    run(talk)


# accounts


def test_accounts(site: Sites) -> None:
    page, place = Page("accounts"), site("accounts")

    async def talk() -> None:
        server = place.serve()
        acted = await page.act(server.url)
        shop, visitor = acted["shop"], acted["visitor"]
        office, _ = await connect(server.url, user="office", password="office")
        elsewhere = await office.subscribe(">")
        here = await shop.subscribe("sales.>")
        await asyncio.gather(shop.flush(), office.flush())
        till, errors = await connect(server.url, user="till", password="till")
        await till.publish("sales.shoes", b"1")
        assert (await here.next_msg(PATIENCE)).data == b"1"
        await office.flush()
        assert not elsewhere.pending_msgs
        # the third
        third, _ = await connect(server.url, user="shop", password="shop")
        words = "maximum account active connections exceeded"
        await check_refused(page, words, server.url, user="shop", password="shop")
        await check_refused(page, VIOLATION, server.url, user="shop", password="guess")
        for number in range(101):
            await third.subscribe(f"s{number}")
        await third.flush()
        await till.publish("sales.shoes", b"x" * 4097)
        assert "maximum payload violation" in await errors.next()
        for client in (shop, visitor, office, third):
            await client.close()

    run(talk)


def test_sharing(site: Sites) -> None:
    page, place = Page("sharing"), site("sharing")

    async def talk() -> None:
        server = place.serve()
        acted = await page.act(server.url)
        factory, office = acted["factory"], acted["office"]
        assert acted["temperature"].subject == "factory.temps.north.hall"
        assert acted["answer"].data == b"done: calibrate.7"
        visitor, _ = await connect(server.url, user="visitor", password="visitor")
        hall = await visitor.subscribe("hall.north")
        await visitor.flush()
        await factory.publish("temps.north.hall", b"18")
        assert (await hall.next_msg(PATIENCE)).data == b"18"

        async def report(request: Any) -> None:
            assert request.subject == "report.OFFICE.latest"
            assert set(json.loads(request.headers["Nats-Request-Info"])) == {"acc", "rtt"}
            await request.respond(b"1")
            await request.respond(b"2")

        await factory.subscribe("report.*.latest", cb=report)
        requests = await factory.subscribe("calibrate.8")
        inbox = await office.subscribe(office.new_inbox())
        await asyncio.gather(factory.flush(), office.flush())
        await office.publish("report", b"", reply=inbox.subject)
        assert [(await inbox.next_msg(PATIENCE)).data for _ in "12"] == [b"1", b"2"]
        await office.request("factory.8.calibrate", b"")
        request = await requests.next_msg(PATIENCE)
        asker = json.loads(request.headers["Nats-Request-Info"])
        assert (asker["acc"], asker["user"]) == ("OFFICE", "office")
        with pytest.raises(nats.errors.NoRespondersError):
            await visitor.request("calibrate.7", b"")
        for client in (factory, office, visitor):
            await client.close()

    run(talk)


@pytest.mark.parametrize("number", [0, 1])
def test_imports_that_cannot_be_are_refused(site: Sites, number: int) -> None:
    block = Page("sharing").blocks("refused")[number]
    words = block.partition("\n")[0].lstrip("# ")
    with pytest.raises(ServerFailed) as failed:
        site("sharing").serve_text(block)
    assert words in str(failed.value)


def test_latency(site: Sites) -> None:
    page, place = Page("latency"), site("latency")

    async def talk() -> None:
        acted = await page.act(place.serve().url)
        assert acted["answer"].data == b"12.50"
        measured = json.loads(acted["measurement"].data)
        (shown,) = re.findall(r"code-block:: json\n\n((?:   .*\n)+)", page.text)
        expected = json.loads(shown)
        assert list(measured) == list(expected)
        for name in ("type", "status"):
            assert measured[name] == expected[name]
        for who in ("requestor", "responder"):
            for name in ("acc", "name", "user"):
                assert measured[who][name] == expected[who][name]
        await acted["shop"].close()
        await acted["web"].close()
        for words in (
            "bad sampling percentage, should be 1-100",
            "invalid publish subject",
            "bad service response type",
        ):
            assert page.says(words)

    run(talk)


# the system account


def test_system_account(site: Sites) -> None:
    page, place = Page("system-account"), site("system")

    async def talk() -> None:
        server = place.serve()
        acted = await page.act(server.url)
        assert acted["event"]["client"]["name"] == "shop"
        assert [client["name"] for client in acted["page"]["connections"]] == ["shop"]
        assert (acted["me"]["user"], acted["me"]["account"]) == ("app", "APP")
        with pytest.raises(nats.errors.Error):
            await connect(server.url, user="app", password="guess")
        refusal = json.loads((await acted["refusals"].next_msg(PATIENCE)).data)
        assert refusal["reason"] == "Authentication Failure"
        with pytest.raises(nats.errors.NoRespondersError):
            await acted["app"].request("$SYS.REQ.SERVER.PING.VARZ", b"")
        await acted["admin"].close()
        await acted["app"].close()
        words = 'error resolving system account: account missing: "ADMIN"'
        assert page.says(words)
        with pytest.raises(ServerFailed, match=re.escape(words)):
            place.serve_text("system_account: ADMIN")

    run(talk)


# a program


def test_live(site: Sites) -> None:
    page, url = Page("live"), site("live").program("people.py", "-1")

    async def talk() -> None:
        acted = await page.act(url)
        assert acted["answer"].data == b"added"
        clerk, joe = acted["clerk"], acted["joe"]
        jane, errors = await connect(url, user="joe", password="s3cr3t")
        answer = await clerk.request("people.drop", b'{"name": "joe"}')
        assert answer.data == b"dropped"
        assert "violation" not in await errors.next()
        assert jane.is_closed
        await check_refused(page, VIOLATION, url, user="joe", password="s3cr3t")
        answer = await clerk.request("people.drop", b'{"name": "joe"}')
        assert answer.data == b"not there"
        assert (await clerk.request("people.add", b"{")).data.startswith(b"refused: ")
        await joe.close()
        await clerk.close()

    run(talk)


# operators


@contextmanager
def web_server(accounts: dict[str, str]) -> Iterator[str]:
    """Answers ``/<public key>`` with that account."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            token = accounts.get(self.path.rpartition("/")[2], "").encode()
            self.send_response(200 if token else 404)
            self.send_header("Content-Length", str(len(token)))
            self.end_headers()
            self.wfile.write(token)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/jwt/v1/accounts/"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("config", ["memory.conf", "cache.conf", "url.conf"])
def test_operator(site: Sites, config: str) -> None:
    page, place = Page("operator"), site("operator")
    nsc = Nsc(place)

    async def talk() -> None:
        with web_server(nsc.accounts) as url:
            place.setenv("ACCOUNTS", f"URL({url})")
            server = place.serve(config)
            await (await page.act(server.url))["client"].close()
            await check_refused(page, VIOLATION, server.url, user_credentials="stranger.creds")
            await check_refused(page, VIOLATION, server.url)

    run(talk)


def test_operator_with_a_full_resolver(site: Sites) -> None:
    page, place = Page("operator"), site("operator")
    nsc = Nsc(place)

    async def talk() -> None:
        server = place.serve("full.conf")
        await check_refused(page, VIOLATION, server.url, user_credentials="app.creds")
        admin, _ = await connect(server.url, user_credentials="admin.creds")

        async def push(token: str) -> None:
            answer = await admin.request("$SYS.REQ.CLAIMS.UPDATE", token.encode())
            assert json.loads(answer.data)["data"]["code"] == 200

        await push(nsc.app_jwt)
        await (await page.act(server.url))["client"].close()
        assert (place.directory / "jwt" / f"{nsc.app.public_key}.jwt").exists()
        _, heard = await connect(server.url, user_credentials="app.creds")
        await push(nsc.revoked())
        words = faults.UserAuthenticationRevoked.wire
        assert page.says(f"-ERR '{words}'")
        assert words.lower() in await heard.next()
        await check_refused(page, VIOLATION, server.url, user_credentials="app.creds")
        await admin.close()

    run(talk)
