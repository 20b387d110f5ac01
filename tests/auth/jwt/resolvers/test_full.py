from __future__ import annotations

import pytest
from zope.interface.verify import verifyObject

from pubsub.auth.jwt.keys import KeyPair
from pubsub.auth.jwt.lookup import AccountBook
from pubsub.auth.jwt.operators import TrustedOperators
from pubsub.auth.jwt.resolvers.directory import AccountDirectory
from pubsub.auth.jwt.resolvers.full import FullResolver
from pubsub.errors import CredentialsError
from pubsub.interfaces import IAccountResolver, Identity
from tests.auth.jwt.world import NOW, FakeClient, FakeServer, World, result


class Setting:
    """A server with a full resolver; several may share a router, as a cluster does."""

    def __init__(self, path, world=None, router=None):
        self.world = world or World()
        self.server = FakeServer(self.world.system.public_key, router)
        self.name = self.world.account.public_key
        self.directory = AccountDirectory(str(path), wall=self.server.clock.seconds)
        self.resolver = FullResolver(self.directory, timeout=1.0, interval=60.0)
        self.book = AccountBook(
            self.server.accounts,
            TrustedOperators([self.world.operator_jwt()]),
            self.resolver,
            self.server.clock,
            self.server.clock.seconds,
        )

    def start(self):
        self.resolver.start(self.server, self.book)
        return self


@pytest.fixture
def s(tmp_path):
    return Setting(tmp_path / "one").start()


@pytest.fixture
def other(s, tmp_path):
    """Another server of the same cluster."""
    return Setting(tmp_path / "other", s.world, s.server.router).start()


def test_the_interface(s):
    verifyObject(IAccountResolver, s.resolver)


def test_what_is_in_the_directory(s):
    token = s.world.account_jwt()
    s.directory.save(s.name, token)
    assert result(s.resolver.fetch(s.name)) == token
    assert result(s.book.find(s.name)).name == s.name


def test_what_is_nowhere(s):
    with pytest.raises(CredentialsError, match="not found"):
        result(s.resolver.fetch(s.name))


def test_before_it_was_started(tmp_path):
    with pytest.raises(CredentialsError, match="not been started"):
        result(Setting(tmp_path).resolver.fetch("A"))


def test_a_file_that_cannot_be_read_is_named(s, log, monkeypatch):
    def broken(key):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(s.directory, "load", broken)
    with pytest.raises(CredentialsError, match="not found"):
        result(s.resolver.fetch(s.name))
    assert any(s.name in line and "Input/output error" in line for line in log)


def test_what_another_server_has_is_fetched_and_kept(s, other):
    token = s.world.account_jwt()
    other.directory.save(s.name, token)
    asked = s.resolver.fetch(s.name)
    s.server.clock.advance(0)
    assert result(asked) == token
    assert s.directory.load(s.name) == token


def test_what_another_server_says_is_not_believed(s):
    liar = s.server.internal_client(s.server.system_account)
    liar.subscribe(
        b"$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP",
        lambda message: liar.publish(message.reply, s.world.account_jwt(s.world.system).encode()),
    )
    with pytest.raises(CredentialsError, match="not found"):
        result(s.resolver.fetch(s.name))
    assert len(s.directory) == 0


def test_what_does_not_fit_is_not_served(s, other):
    """A full directory takes nothing from others either (nats-server: the same)."""
    s.directory._limit = 1
    s.directory.save(s.world.system.public_key, s.world.account_jwt(s.world.system))
    other.directory.save(s.name, s.world.account_jwt())
    asked = s.resolver.fetch(s.name)
    with pytest.raises(CredentialsError, match="jwt store is full"):
        result(asked)


def test_a_large_directory_is_read_in_a_thread(s, tmp_path):
    """Whoever asks meanwhile is answered when it is known what is there."""
    s.directory.save(s.name, s.world.account_jwt())
    s.resolver.stop()
    again = Setting(tmp_path / "one", s.world)
    again.directory = again.resolver.directory = AccountDirectory(
        str(tmp_path / "one"), wall=again.server.clock.seconds, scan=False
    )
    again.server.held = []
    again.start()
    assert len(again.directory) == 0
    client = again.server.internal_client(again.server.system_account)
    packs = []
    client.subscribe(b"x", lambda message: packs.append(message.payload))
    client.publish(b"$SYS.REQ.CLAIMS.PACK", bytes(32), b"x")
    assert packs == []
    again.server.go()
    again.server.clock.advance(1)
    again.server.go()
    assert packs == [f"{s.name}|{s.world.account_jwt()}".encode(), b""]


def test_too_many_questions_at_a_time(s, monkeypatch):
    monkeypatch.setattr("pubsub.auth.jwt.resolvers.full._MAX_ANSWERING", 2)
    s.directory.save(s.name, s.world.account_jwt())
    s.server.held = []
    client = s.server.internal_client(s.server.system_account)
    heard = []
    client.subscribe(b"x", heard.append)
    subject = f"$SYS.REQ.ACCOUNT.{s.name}.CLAIMS.LOOKUP".encode()
    for _ in range(3):
        client.publish(subject, b"", b"x")
    s.server.go()
    assert len(heard) == 2
    client.publish(subject, b"", b"x")
    s.server.go()
    assert len(heard) == 3


def test_others_are_answered(s):
    token = s.world.account_jwt()
    s.directory.save(s.name, token)
    assert s.server.request(f"$SYS.REQ.ACCOUNT.{s.name}.CLAIMS.LOOKUP") == [token.encode()]
    absent = KeyPair.generate("A").public_key
    assert s.server.request(f"$SYS.REQ.ACCOUNT.{absent}.CLAIMS.LOOKUP") == [b""]
    assert s.server.request("$SYS.REQ.ACCOUNT.nonsense.CLAIMS.LOOKUP") == []
    client = s.server.internal_client(s.server.system_account)
    client.publish(f"$SYS.REQ.ACCOUNT.{s.name}.CLAIMS.LOOKUP".encode(), b"")


def test_two_servers_become_equal(s, other):
    mine, theirs = KeyPair.generate("A"), KeyPair.generate("A")
    s.directory.save(mine.public_key, s.world.account_jwt(mine))
    other.directory.save(theirs.public_key, s.world.account_jwt(theirs))
    s.server.clock.advance(60)
    other.server.clock.advance(60)
    assert s.directory.hash() == other.directory.hash()
    assert len(s.directory) == len(other.directory) == 2


def test_an_account_in_use_is_updated_by_another_servers_news(s, other):
    s.directory.save(s.name, s.world.account_jwt())
    result(s.book.find(s.name))
    client = FakeClient(Identity("u", s.name))
    s.server.accounts.register(client, client.identity)
    other.directory.save(s.name, s.world.account_jwt(issued=NOW, name="newer"))
    s.server.clock.advance(60)
    assert client.changes == 1
    assert s.server.accounts.find(s.name).name_tag == "newer"


def test_what_expires_goes(s):
    s.directory.save(s.name, s.world.account_jwt(claims={"exp": int(NOW) + 30}))
    s.server.clock.advance(60)
    assert len(s.directory) == 0


def test_after_a_reload_the_files_count(s, tmp_path):
    s.directory.save(s.name, s.world.account_jwt())
    result(s.book.find(s.name))
    s.resolver.stop()
    (tmp_path / "one" / f"{s.name}.jwt").write_text(s.world.account_jwt(name="edited"))
    again = Setting(tmp_path / "one", s.world)
    book = AccountBook(
        s.server.accounts, s.book.trust, again.resolver, s.server.clock, s.server.clock.seconds
    )
    book.adopt()
    again.resolver.start(s.server, book)
    assert s.server.accounts.find(s.name).name_tag == "edited"


def test_after_the_end_nothing_happens(s):
    s.resolver.stop()
    s.server.clock.advance(600)
    assert s.server.clock.getDelayedCalls() == []
    assert s.server.request("$SYS.REQ.CLAIMS.LIST") == []


def test_work_in_the_background_that_fails_is_logged(s, monkeypatch, logged_failures):
    monkeypatch.setattr(s.directory, "expire", lambda: 1 / 0)
    s.server.clock.advance(60)
    assert len(logged_failures.flush(ZeroDivisionError)) == 1
