from __future__ import annotations

import pytest

from pubsub.auth.jwt.operators import TrustedOperators
from pubsub.auth.jwt.resolvers.cache import CacheResolver
from pubsub.auth.jwt.resolvers.choose import create_resolver
from pubsub.auth.jwt.resolvers.directory import Deletion
from pubsub.auth.jwt.resolvers.full import FullResolver
from pubsub.auth.jwt.resolvers.memory import MemoryResolver
from pubsub.auth.jwt.resolvers.url import UrlResolver
from pubsub.config.options import Options, ResolverOptions
from pubsub.errors import InvalidOption
from tests.auth.jwt.world import World, result


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
