from __future__ import annotations

import itertools

import pytest
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from zope.interface import implementer

from pubsub.auth.jwt import lookup
from pubsub.auth.jwt.keys import KeyPair
from pubsub.auth.jwt.lookup import AccountBook, verify_account
from pubsub.auth.jwt.operators import TrustedOperators
from pubsub.errors import AccountAuthenticationExpired, ConfigError, CredentialsError
from pubsub.interfaces import IAccountResolver, Identity
from tests.auth.jwt.world import NOW, FakeClient, FakeServer, World, result


@implementer(IAccountResolver)
class Resolver:
    """Answers at once what it has, and later what it is told to."""

    def __init__(self) -> None:
        self.tokens: dict[str, str] = {}
        self.asked: list[str] = []
        self.waiting: dict[str, Deferred[str]] = {}
        self.slow = False

    def start(self, server, book):
        pass

    def stop(self):
        pass

    def fetch(self, account):
        self.asked.append(account)
        if self.slow:
            self.waiting[account] = Deferred()
            return self.waiting[account]
        if account not in self.tokens:
            return fail(CredentialsError("account missing"))
        return succeed(self.tokens[account])


class Setting:
    def __init__(self, strict: bool = False) -> None:
        self.world = World(strict)
        self.server = FakeServer(self.world.system.public_key)
        self.resolver = Resolver()
        self.trust = TrustedOperators([self.world.operator_jwt()])
        self.name = self.world.account.public_key
        self.book = self.new_book()

    def new_book(self, trust: TrustedOperators | None = None) -> AccountBook:
        book = AccountBook(
            self.server.accounts,
            trust or self.trust,
            self.resolver,
            self.server.clock,
            self.server.clock.seconds,
        )
        self.server.accounts.missing = book.miss
        return book

    def client(self, name: str | None = None) -> FakeClient:
        client = FakeClient(Identity("u", name or self.name))
        assert self.server.accounts.register(client, client.identity) is None
        return client


@pytest.fixture
def s() -> Setting:
    return Setting()


def test_an_account_is_fetched_once(s):
    s.resolver.tokens[s.name] = s.world.account_jwt()
    assert not s.book.is_known(s.name)
    assert s.book.known(s.name) is None
    account = result(s.book.find(s.name))
    assert account is s.server.accounts.find(s.name)
    assert s.book.is_known(s.name)
    assert s.book.names() == [s.name]
    assert s.book.known(s.name) is account
    assert result(s.book.find(s.name)) is account
    assert s.resolver.asked == [s.name]


def test_all_who_wait_get_what_one_asked_for(s):
    s.resolver.slow = True
    waiting = [s.book.find(s.name) for _ in range(3)]
    left = waiting.pop()
    left.cancel()
    left.addErrback(lambda failure: failure.trap(CancelledError))
    assert s.resolver.asked == [s.name]
    s.resolver.waiting[s.name].callback(s.world.account_jwt())
    assert [result(one).name for one in waiting] == [s.name, s.name]


def test_who_does_not_wait_any_more_hears_so(s):
    s.resolver.slow = True
    asked = s.book.find(s.name)
    asked.cancel()
    with pytest.raises(CancelledError):
        result(asked)
    s.resolver.waiting[s.name].callback(s.world.account_jwt())
    assert s.book.is_known(s.name)


def test_an_account_that_is_nowhere(s):
    with pytest.raises(CredentialsError, match="account missing"):
        result(s.book.find(s.name))
    # it may be there the next time
    s.resolver.tokens[s.name] = s.world.account_jwt()
    assert result(s.book.find(s.name)).name == s.name


@pytest.mark.parametrize("name", ["", "$G", "A", "../x", "x" * 56])
def test_only_account_keys_are_asked_for(s, name):
    with pytest.raises(CredentialsError, match="valid account keys"):
        result(s.book.find(name))
    assert s.resolver.asked == []


def test_not_too_many_are_fetched_at_a_time(s, monkeypatch):
    monkeypatch.setattr(lookup, "_MAX_FETCHES", 2)
    s.resolver.slow = True
    names = [KeyPair.generate("A").public_key for _ in range(3)]
    for name in names[:2]:
        s.book.find(name)
    with pytest.raises(CredentialsError, match="too many"):
        result(s.book.find(names[2]))
    s.book.find(names[0])
    assert s.resolver.asked == names[:2]


def test_a_resolver_that_breaks_is_logged_and_refuses(s, logged_failures):
    s.resolver.fetch = lambda name: 1 / 0
    with pytest.raises(CredentialsError, match="account fetch failed"):
        result(s.book.find(s.name))
    s.resolver.fetch = lambda name: fail(OSError("disk"))
    with pytest.raises(CredentialsError):
        result(s.book.find(s.name))
    assert len(logged_failures.flush(ZeroDivisionError, OSError)) == 2


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda w: "nonsense", "3 chunks"),
        (lambda w: w.user_jwt(), "not account claim"),
        (lambda w: w.account_jwt(KeyPair.generate("A")), "another account"),
        (lambda w: w.account_jwt(signer=KeyPair.generate("O")), "not signed by trusted"),
        (lambda w: w.account_jwt(signer=w.account), "not signed by trusted"),
        (lambda w: w.account_jwt(claims={"exp": int(NOW) - 1}), "claim is expired"),
        (lambda w: w.account_jwt(signing_keys=["x"]), "validation failed"),
        (lambda w: w.account_jwt()[:-4], "signature"),
    ],
)
def test_what_cannot_be_an_account(s, make, reason):
    s.resolver.tokens[s.name] = make(s.world)
    with pytest.raises(CredentialsError, match=reason):
        result(s.book.find(s.name))
    with pytest.raises(CredentialsError, match=reason):
        s.book.apply(s.name, s.resolver.tokens[s.name])
    assert not s.book.is_known(s.name)
    assert s.server.accounts.find(s.name) is None


def test_who_signed_it_says_whether_its_own_key_counts():
    s = Setting(strict=True)
    claims = verify_account(s.world.account_jwt(), s.trust, NOW)
    assert claims.strict
    assert not claims.issues(s.name)
    with pytest.raises(CredentialsError, match="not signed"):
        verify_account(s.world.account_jwt(signer=s.world.operator), s.trust, NOW)


# changes


def test_an_update_reaches_those_who_are_there(s):
    s.book.apply(s.name, s.world.account_jwt())
    client = s.client()
    s.book.apply(s.name, s.world.account_jwt(limits={"conn": -1, "payload": 5}))
    assert client.changes == 1
    assert s.server.accounts.find(s.name).limits.max_payload == 5


def test_the_same_jwt_again_changes_nothing(s):
    token = s.world.account_jwt()
    s.book.apply(s.name, token)
    client = s.client()
    s.book.apply(s.name, token)
    assert client.changes == 0


def test_a_deleted_account_while_its_clients_are_busy(s):
    s.book.apply(s.name, s.world.account_jwt())
    clients = [s.client() for _ in range(3)]
    s.book.disable(s.name)
    for client in clients:
        assert [type(fault) for fault in client.faults] == [AccountAuthenticationExpired]
    assert s.server.accounts.find(s.name) is None
    assert not s.book.is_known(s.name)
    s.book.disable(s.name)


def test_an_account_that_expires_while_somebody_is_there(s):
    s.book.apply(s.name, s.world.account_jwt(claims={"exp": int(NOW) + 60}))
    client = s.client()
    s.server.clock.advance(60)
    assert [type(fault) for fault in client.faults] == [AccountAuthenticationExpired]
    assert s.book.known(s.name) is None


def test_an_expired_account_is_fetched_again_but_not_for_each_of_its_clients(s):
    s.resolver.tokens[s.name] = s.world.account_jwt(claims={"exp": int(NOW) + 60})
    result(s.book.find(s.name))
    s.server.clock.advance(61)
    with pytest.raises(CredentialsError, match="claim is expired"):
        result(s.book.find(s.name))
    s.resolver.tokens[s.name] = s.world.account_jwt(claims={"exp": int(NOW) + 62})
    result(s.book.find(s.name))
    s.server.clock.advance(1)
    asked = len(s.resolver.asked)
    s.book._known[s.name].updated = s.server.clock.seconds()
    with pytest.raises(CredentialsError, match="has expired"):
        result(s.book.find(s.name))
    assert len(s.resolver.asked) == asked


def test_an_account_the_registry_refuses(s):
    def refuse(options):
        raise ConfigError("no")

    s.server.accounts.update = refuse
    with pytest.raises(CredentialsError, match="cannot be used"):
        s.book.apply(s.name, s.world.account_jwt())
    assert not s.book.is_known(s.name)


# imports


def importing(w, account, exporter):
    stream = {"type": "stream", "account": exporter.public_key, "subject": "news"}
    exports = [{"type": "stream", "subject": "news"}]
    return w.account_jwt(account, imports=[stream], exports=exports)


def test_what_an_account_imports_from_is_fetched_before(s):
    exporter = KeyPair.generate("A")
    s.resolver.slow = True
    asked = s.book.find(s.name)
    s.resolver.waiting[s.name].callback(importing(s.world, s.world.account, exporter))
    assert not s.book.is_known(s.name)
    s.resolver.waiting[exporter.public_key].callback(
        s.world.account_jwt(exporter, exports=[{"type": "stream", "subject": "news"}])
    )
    assert result(asked).name == s.name
    assert s.server.accounts.incomplete(s.name) == ()


def test_an_exporter_that_is_nowhere_keeps_nobody_out(s):
    exporter = KeyPair.generate("A")
    s.resolver.tokens[s.name] = importing(s.world, s.world.account, exporter)
    assert result(s.book.find(s.name)).name == s.name
    assert len(s.server.accounts.incomplete(s.name)) == 1
    # it comes later
    s.book.apply(
        exporter.public_key,
        s.world.account_jwt(exporter, exports=[{"type": "stream", "subject": "news"}]),
    )
    assert s.server.accounts.incomplete(s.name) == ()


def test_two_accounts_that_import_from_each_other(s):
    other = KeyPair.generate("A")
    for mine, theirs in ((s.world.account, other), (other, s.world.account)):
        stream = {
            "type": "stream", "account": theirs.public_key, "local_subject": "theirs",
            "subject": f"from.{theirs.public_key}",
        }  # fmt: skip
        exports = [{"type": "stream", "subject": f"from.{mine.public_key}"}]
        s.resolver.tokens[mine.public_key] = s.world.account_jwt(
            mine, imports=[stream], exports=exports
        )
    result(s.book.find(s.name))
    s.server.clock.advance(0)
    for name in (s.name, other.public_key):
        assert s.server.accounts.incomplete(name) == ()


def test_a_long_chain_of_imports_is_no_chain_of_calls(s):
    chain = [KeyPair.generate("A") for _ in range(300)]
    for account, exporter in itertools.pairwise(chain):
        s.resolver.tokens[account.public_key] = importing(s.world, account, exporter)
    s.resolver.tokens[chain[-1].public_key] = s.world.account_jwt(chain[-1])
    result(s.book.find(chain[0].public_key))
    for _ in chain:
        s.server.clock.advance(0)
    assert len(s.book.names()) == len(chain)


# reload and end


def test_after_a_reload_accounts_are_known_as_long_as_they_are_trusted(s):
    s.book.apply(s.name, s.world.account_jwt())
    client = s.client()
    book = s.new_book()
    book.adopt()
    assert book.names() == [s.name]
    assert book.known(s.name).name == s.name
    # an update is not lost
    book.apply(s.name, s.world.account_jwt(name="new"))
    assert client.changes == 1
    stranger = s.new_book(TrustedOperators([World().operator_jwt()]))
    stranger.adopt()
    assert stranger.names() == []
    assert len(client.faults) == 1


def test_at_the_end_nobody_waits_any_more(s):
    s.resolver.slow = True
    waiting = [s.book.find(s.name) for _ in range(2)]
    s.book.close()
    for one in waiting:
        with pytest.raises(CancelledError):
            result(one)
