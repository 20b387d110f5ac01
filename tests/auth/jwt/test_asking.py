from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError

from pubsub.auth.jwt.asking import Lookups, check_account
from pubsub.auth.jwt.keys import KeyPair
from pubsub.auth.jwt.operators import TrustedOperators
from pubsub.auth.jwt.requests import Desk
from pubsub.errors import CredentialsError
from tests.auth.jwt.world import FakeServer, World, result


class Setting:
    """A server that asks, and others, which answer what they are told to."""

    def __init__(self, *answers, linked=False):
        self.world = World()
        self.name = self.world.account.public_key
        self.token = self.world.account_jwt().encode()
        self.server = FakeServer(self.world.system.public_key)
        self.server.linked = linked
        self.clock = self.server.clock
        self.asked = []
        self.lookups = Lookups(
            Desk(self.server), 1.0, TrustedOperators([self.world.operator_jwt()])
        )
        for answer in answers:
            self.answer(answer)

    def answer(self, answer):
        """One more server: with these bytes, more than one answer, or ``None`` for never."""
        client = self.server.internal_client(self.server.system_account)

        def heard(message):
            self.asked.append(message.subject)
            for one in answer if isinstance(answer, list) else [answer]:
                if one is not None:
                    client.publish(message.reply, one)

        client.subscribe(b"$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP", heard)

    def find(self):
        return self.lookups.find(self.name)

    def fails(self, asked, match):
        with pytest.raises(CredentialsError, match=match):
            result(asked)
        self.over()

    def over(self):
        """Nothing is left of any question."""
        self.clock.advance(0)
        assert self.clock.getDelayedCalls() == []
        assert self.lookups._waiting == {}


def good():
    return Setting(b"", b"")


def test_the_first_answer_that_is_not_empty_counts():
    s = good()
    s.answer(s.token)
    assert result(s.find()) == s.token.decode()
    assert set(s.asked) == {f"$SYS.REQ.ACCOUNT.{s.name}.CLAIMS.LOOKUP".encode()}
    s.over()


def test_nobody_has_it():
    s = good()
    s.fails(s.find(), "not found")


def test_nobody_is_there():
    s = Setting()
    s.fails(s.find(), "not found")


def test_there_may_be_no_system_account():
    world = World()
    trust = TrustedOperators([world.operator_jwt()])
    with pytest.raises(CredentialsError, match="not found"):
        result(Lookups(Desk(FakeServer()), 1.0, trust).find(world.account.public_key))


def test_nobody_answers():
    s = Setting(None)
    asked = s.find()
    s.clock.advance(0.9)
    assert not asked.called
    s.clock.advance(0.1)
    s.fails(asked, "timed out")


def test_clients_may_be_faster_than_links():
    """Nobody listens yet, but that may change."""
    s = Setting(linked=True)
    asked = s.find()
    s.clock.advance(0.1)
    assert not asked.called
    s.answer(s.token)
    s.clock.advance(0.1)
    assert result(asked) == s.token.decode()


def test_but_they_wait_no_longer_than_for_an_answer():
    s = Setting(linked=True)
    asked = s.find()
    s.clock.pump([0.1] * 9)
    assert not asked.called
    s.clock.pump([0.1] * 2)
    s.fails(asked, "timed out")


def test_behind_a_link_there_may_be_many_servers():
    """The first has nothing, the second is a little later."""
    s = Setting(linked=True)
    client = s.server.internal_client(s.server.system_account)
    replies = []

    def heard(message):
        replies.append(message.reply)
        client.publish(message.reply, b"")

    client.subscribe(b"$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP", heard)
    asked = s.find()
    s.clock.advance(0.2)
    assert not asked.called
    client.publish(replies[0], s.token)
    assert result(asked) == s.token.decode()
    asked = s.find()
    s.clock.advance(0.25)
    s.fails(asked, "not found")


BAD = {
    "garbage": lambda s: b"garbage",
    "no text": lambda s: b"\xff\xfe",
    "oversized": lambda s: b"a" * (1024 * 1024 + 1),
    "another account's": lambda s: s.world.account_jwt(s.world.system).encode(),
    "a user's": lambda s: s.world.user_jwt().encode(),
    "unknown issuer": lambda s: s.world.account_jwt(signer=KeyPair.generate("O")).encode(),
    "wrong signature": lambda s: s.token[:-4] + b"AAAA",
    "not valid": lambda s: s.world.account_jwt(signing_keys=["x"]).encode(),
}


@pytest.mark.parametrize("bad", BAD)
def test_what_cannot_be_used_is_as_nothing(bad, log):
    s = Setting()
    s.answer(BAD[bad](s))
    s.fails(s.find(), "not found")
    assert any(s.name in line and "cannot be used" in line for line in log)
    s.answer(s.token)
    assert result(s.find()) == s.token.decode()


def test_not_without_end(log):
    s = Setting()
    s.answer([b"garbage"] * 100)
    s.fails(s.find(), "not found")
    assert len([line for line in log if "cannot be used" in line]) == 16


def test_who_does_not_wait_any_more():
    s = Setting(None)
    asked = s.find()
    asked.cancel()
    with pytest.raises(CancelledError):
        result(asked)
    s.over()


def test_the_end():
    s = Setting(None)
    asked = s.find()
    s.lookups.close()
    s.fails(asked, "shutdown")
    # who answers now is not heard
    late = s.server.internal_client(s.server.system_account)
    late.publish(s.lookups._inbox + b"1", s.token)
    s.over()


def test_the_end_of_one_may_be_that_of_another():
    s = Setting(None)
    first, second = s.find(), s.find()
    outcomes = []

    def ended(failure):
        outcomes.append(failure.type)
        second.cancel()

    first.addErrback(ended)
    second.addErrback(lambda failure: outcomes.append(failure.type))
    s.lookups.close()
    assert outcomes == [CredentialsError, CancelledError]
    s.over()


def test_what_may_be_kept():
    world = World(strict=True)
    trust = TrustedOperators([world.operator_jwt()])
    name = world.account.public_key
    assert check_account(name, world.account_jwt(), trust).subject == name
    # an operator who insists on signing keys is not trusted itself
    with pytest.raises(CredentialsError, match="not signed by trusted"):
        check_account(name, world.account_jwt(signer=world.operator), trust)
