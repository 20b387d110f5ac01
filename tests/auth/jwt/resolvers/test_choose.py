from __future__ import annotations

import pytest

from pubsub.auth.jwt.codec import encode
from pubsub.auth.jwt.keys import KeyPair
from pubsub.auth.jwt.lookup import AccountBook
from pubsub.auth.jwt.operators import TrustedOperators
from pubsub.auth.jwt.resolvers.cache import CacheResolver
from pubsub.auth.jwt.resolvers.choose import create_resolver
from pubsub.auth.jwt.resolvers.directory import Deletion
from pubsub.auth.jwt.resolvers.full import FullResolver
from pubsub.auth.jwt.resolvers.memory import MemoryResolver
from pubsub.auth.jwt.resolvers.url import UrlResolver
from pubsub.config.options import Options, ResolverOptions
from pubsub.errors import CredentialsError, InvalidOption
from tests.auth.jwt.world import FakeServer, World, result


@pytest.fixture
def w() -> World:
    return World()


def chosen(w, resolver=None, operator=None, **values):
    operator = w.operator_jwt() if operator is None else operator
    options = Options(operator=(operator,), resolver=resolver, **values)
    return create_resolver(options, TrustedOperators(options.operator))


def preload(w):
    return {w.account.public_key: w.account_jwt()}


def test_memory(w):
    resolver = chosen(w, ResolverOptions("memory"), resolver_preload=preload(w))
    assert isinstance(resolver, MemoryResolver)
    assert result(resolver.fetch(w.account.public_key)) == preload(w)[w.account.public_key]


def test_what_is_preloaded_makes_it_memory(w):
    assert isinstance(chosen(w, resolver_preload=preload(w)), MemoryResolver)


def test_url(w):
    resolver = chosen(w, ResolverOptions("url", url="http://127.0.0.1:1/accounts"))
    assert isinstance(resolver, UrlResolver)


def test_the_operator_may_say_where_accounts_are(w):
    operator = w.operator_jwt(account_server_url="https://example.com/jwt/v1/")
    resolver = chosen(w, operator=operator)
    assert isinstance(resolver, UrlResolver)
    assert resolver._url == "https://example.com/jwt/v1/accounts/"


@pytest.mark.parametrize(
    ("allow", "hard", "deletion"),
    [
        (False, False, Deletion.REFUSED),
        (True, False, Deletion.RENAMED),
        (True, True, Deletion.REMOVED),
    ],
)
def test_full(w, tmp_path, allow, hard, deletion):
    resolver = chosen(
        w,
        ResolverOptions("full", dir=str(tmp_path), allow_delete=allow, hard_delete=hard),
        resolver_preload=preload(w),
    )
    assert isinstance(resolver, FullResolver)
    assert resolver.directory.deletion is deletion
    assert resolver.directory.load(w.account.public_key)


def test_cache(w, tmp_path):
    resolver = chosen(w, ResolverOptions("cache", dir=str(tmp_path), ttl=5.0))
    assert isinstance(resolver, CacheResolver)
    assert resolver.directory.deletion is Deletion.REMOVED


def test_there_has_to_be_one(w):
    with pytest.raises(InvalidOption, match="require an account resolver"):
        chosen(w)


def test_what_is_preloaded_must_be_what_it_says(w):
    for token in ("x", w.user_jwt(), w.account_jwt(w.system)):
        with pytest.raises(InvalidOption, match="preload account error"):
            chosen(w, resolver_preload={w.account.public_key: token})


def test_nothing_can_be_preloaded_into_the_web(w):
    with pytest.raises(InvalidOption, match="only available for writeable"):
        chosen(w, ResolverOptions("url", url="http://x/"), resolver_preload=preload(w))


def test_a_directory_needs_an_operator(w, tmp_path):
    options = Options(
        trusted_keys=(w.operator.public_key,), resolver=ResolverOptions("full", dir=str(tmp_path))
    )
    with pytest.raises(InvalidOption, match="no operator key found"):
        create_resolver(options, TrustedOperators(trusted_keys=options.trusted_keys))


def test_a_directory_that_cannot_be_used(w, tmp_path):
    (tmp_path / "file").write_text("")
    for kind in ("full", "cache"):
        with pytest.raises(InvalidOption, match=r"resolver\.dir"):
            chosen(w, ResolverOptions(kind, dir=str(tmp_path / "file")))


def test_a_directory_that_is_full(w, tmp_path):
    tokens = preload(w) | {w.system.public_key: w.account_jwt(w.system)}
    with pytest.raises(InvalidOption, match="full"):
        chosen(w, ResolverOptions("full", dir=str(tmp_path), limit=1), resolver_preload=tokens)


# every field of the block does what it says


class Running:
    """A server with the resolver that the configuration asks for, and another one to ask."""

    def __init__(self, w, directory, kind, **fields):
        self.world = w
        self.server = FakeServer(w.system.public_key)
        self.trust = TrustedOperators([w.operator_jwt()])
        self.resolver = chosen(w, ResolverOptions(kind, dir=str(directory), **fields))
        self.directory = self.resolver.directory
        self.directory._wall = self.server.clock.seconds
        self.book = AccountBook(
            self.server.accounts, self.trust, self.resolver,
            self.server.clock, self.server.clock.seconds,
        )  # fmt: skip
        self.resolver.start(self.server, self.book)
        self.heard = []
        self.other = self.server.internal_client(w.system.public_key)

    def listen(self, subject):
        self.other.subscribe(subject, self.heard.append)

    def keep(self):
        """One more account, and its JWT."""
        key = KeyPair.generate("A")
        self.directory.save(key.public_key, self.world.account_jwt(key))
        return key.public_key


@pytest.mark.parametrize(("interval", "seconds"), [(0.0, 60.0), (5.0, 5.0)])
def test_interval(w, tmp_path, interval, seconds):
    s = Running(w, tmp_path, "full", interval=interval)
    s.listen(b"$SYS.REQ.CLAIMS.PACK")
    s.server.clock.advance(seconds - 0.1)
    assert s.heard == []
    s.server.clock.advance(0.1)
    assert len(s.heard) == 1


@pytest.mark.parametrize("kind", ["full", "cache"])
@pytest.mark.parametrize(("timeout", "seconds"), [(0.0, 1.9), (5.0, 5.0)])
def test_timeout(w, tmp_path, kind, timeout, seconds):
    s = Running(w, tmp_path, kind, timeout=timeout)
    s.listen(b"$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP")
    failures = []
    s.resolver.fetch(w.account.public_key).addErrback(failures.append)
    s.server.clock.advance(seconds - 0.1)
    assert failures == []
    s.server.clock.advance(0.2)
    assert [str(failure.value) for failure in failures] == ["fetching jwt timed out"]


def test_limit(w, tmp_path):
    full = Running(w, tmp_path / "full", "full", limit=2)
    kept = [full.keep(), full.keep()]
    with pytest.raises(CredentialsError, match="jwt store is full"):
        full.keep()
    assert full.directory.names() == sorted(kept)
    cache = Running(w, tmp_path / "cache", "cache", limit=2)
    first, second = cache.keep(), cache.keep()
    cache.directory.load(first)
    third = cache.keep()
    assert cache.directory.names() == sorted([first, third])
    assert second not in cache.directory.names()


def test_limit_counts_what_was_there_before(w, tmp_path):
    Running(w, tmp_path, "full").keep()
    s = Running(w, tmp_path, "full", limit=1)
    with pytest.raises(CredentialsError, match="jwt store is full"):
        s.keep()


def test_a_cache_keeps_a_thousand_where_nothing_is_said(w, tmp_path):
    assert Running(w, tmp_path, "cache").directory._limit == 1000
    assert Running(w, tmp_path, "full").directory._limit == 0


def test_ttl(w, tmp_path):
    s = Running(w, tmp_path, "cache", ttl=10.0)
    used, idle = s.keep(), s.keep()
    s.server.clock.advance(6)
    s.directory.load(used)
    s.server.clock.advance(5)
    assert s.directory.names() == [used]
    assert not (tmp_path / f"{idle}.jwt").exists()


@pytest.mark.parametrize(
    ("fields", "answer", "left"),
    [
        ({}, "delete must be enabled in server config", [".jwt"]),
        ({"allow_delete": True}, "deleted 1 accounts", [".jwt.deleted"]),
        ({"allow_delete": True, "hard_delete": True}, "deleted 1 accounts", []),
    ],
)
def test_allow_delete_and_hard_delete(w, tmp_path, fields, answer, left):
    s = Running(w, tmp_path, "full", **fields)
    name = s.keep()
    claims = {"sub": w.operator.public_key, "nats": {"accounts": [name]}}
    request = encode(claims, w.operator).encode()
    (said,) = s.server.request("$SYS.REQ.CLAIMS.DELETE", request)
    assert answer in said.decode()
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}{suffix}" for suffix in left]
