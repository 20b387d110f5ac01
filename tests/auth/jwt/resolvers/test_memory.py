from __future__ import annotations

import json

import pytest
from zope.interface.verify import verifyObject

from pubsub.auth.jwt.lookup import AccountBook
from pubsub.auth.jwt.operators import TrustedOperators
from pubsub.auth.jwt.resolvers.memory import MemoryResolver
from pubsub.errors import CredentialsError
from pubsub.interfaces import IAccountResolver
from tests.auth.jwt.world import FakeServer, World, result


def setting():
    world = World()
    server = FakeServer(world.system.public_key)
    name = world.account.public_key
    resolver = MemoryResolver({name: world.account_jwt()})
    trust = TrustedOperators([world.operator_jwt()])
    book = AccountBook(server.accounts, trust, resolver, server.clock, server.clock.seconds)
    resolver.start(server, book)
    return world, server, name, resolver, book


def test_it_knows_what_it_was_told():
    world, _, name, resolver, _ = setting()
    verifyObject(IAccountResolver, resolver)
    assert result(resolver.fetch(name)).count(".") == 2
    with pytest.raises(CredentialsError, match="account missing"):
        result(resolver.fetch(world.system.public_key))


@pytest.mark.parametrize(
    "subject", ["$SYS.REQ.ACCOUNT.{}.CLAIMS.UPDATE", "$SYS.ACCOUNT.{}.CLAIMS.UPDATE"]
)
def test_an_account_in_use_is_updated(subject):
    world, server, name, _, book = setting()
    result(book.find(name))
    (answer,) = server.request(subject.format(name), world.account_jwt(name="new").encode())
    assert json.loads(answer)["data"] == {"account": name, "code": 200, "message": "jwt updated"}
    assert server.accounts.find(name).name_tag == "new"


def test_after_the_end_nothing_is_heard():
    _, server, name, resolver, book = setting()
    result(book.find(name))
    resolver.stop()
    assert server.request(f"$SYS.REQ.ACCOUNT.{name}.CLAIMS.UPDATE", b"x") == []
    MemoryResolver({}).stop()
