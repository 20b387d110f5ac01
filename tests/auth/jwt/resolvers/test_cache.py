from __future__ import annotations

from zope.interface.verify import verifyObject

from pubsub.auth.jwt.lookup import AccountBook
from pubsub.auth.jwt.operators import TrustedOperators
from pubsub.auth.jwt.resolvers.cache import CacheResolver
from pubsub.auth.jwt.resolvers.directory import AccountDirectory, Deletion
from pubsub.interfaces import IAccountResolver
from tests.auth.jwt.world import FakeServer, World, result


def started(path, ttl=10.0):
    world = World()
    server = FakeServer(world.system.public_key)
    directory = AccountDirectory(
        str(path), deletion=Deletion.REMOVED, limit=2, evict=True, ttl=ttl,
        wall=server.clock.seconds,
    )  # fmt: skip
    resolver = CacheResolver(directory, 1.0, ttl)
    book = AccountBook(
        server.accounts,
        TrustedOperators([world.operator_jwt()]),
        resolver,
        server.clock,
        server.clock.seconds,
    )
    resolver.start(server, book)
    return world, server, directory, resolver, book


def answer_lookups(server, token):
    """Another server, with everything."""
    client = server.internal_client(server.system_account)
    asked = []

    def answer(message):
        asked.append(message.subject)
        client.publish(message.reply, token.encode())

    client.subscribe(b"$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP", answer)
    return asked


def test_another_server_is_asked_once(tmp_path):
    world, server, directory, resolver, _ = started(tmp_path)
    verifyObject(IAccountResolver, resolver)
    name, token = world.account.public_key, world.account_jwt()
    asked = answer_lookups(server, token)
    for _ in range(2):
        assert result(resolver.fetch(name)) == token
    assert asked == [f"$SYS.REQ.ACCOUNT.{name}.CLAIMS.LOOKUP".encode()]
    assert len(directory) == 1


def test_what_is_not_used_any_more_is_forgotten(tmp_path):
    world, server, directory, resolver, book = started(tmp_path)
    answer_lookups(server, world.account_jwt())
    result(book.find(world.account.public_key))
    server.clock.advance(5)
    assert len(directory) == 1
    server.clock.advance(10)
    assert len(directory) == 0
    # who is connected stays: the account is known
    assert book.is_known(world.account.public_key)
    resolver.stop()


def test_it_does_not_answer_for_others(tmp_path):
    world, server, directory, _, _ = started(tmp_path, ttl=0.0)
    directory.save(world.account.public_key, world.account_jwt())
    name = world.account.public_key
    assert server.request(f"$SYS.REQ.ACCOUNT.{name}.CLAIMS.LOOKUP") == []
