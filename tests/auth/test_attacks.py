"""Wrong, missing, truncated and huge credentials of every static kind; floods; and no secret
where somebody could read it.

What is particular to one kind is in its own file; here each kind meets the same attacks.
"""

from __future__ import annotations

import hmac
import traceback
from dataclasses import dataclass, field
from typing import Any

import bcrypt
import pytest
from argon2.low_level import Type, hash_secret
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from pubsub.auth.chain import create_chain
from pubsub.auth.slowwork import IN_ALL, PARALLEL, PER_HOST
from pubsub.config.options import AuthorizationOptions, Options, TlsOptions
from pubsub.errors import AuthenticationFailed
from pubsub.interfaces import ConnectionAttempt, Identity
from pubsub.values.accounts import UserOptions
from tests.auth.certificates import certificate
from tests.auth.support import Key, Threads, outcome_of

SECRET = "correct-horse-battery"
BCRYPT = bcrypt.hashpw(SECRET.encode(), bcrypt.gensalt(4)).decode()
ARGON2 = hash_secret(SECRET.encode(), b"salt" * 4, 1, 8, 1, 16, Type.ID).decode()
NONCE = b"a8Xf_0-nonce"
KEY, OTHER_KEY, PROXY = Key(), Key(), Key()
CERTIFICATE = certificate([("CN", "ann")])


@dataclass
class Kind:
    """A way to log in: what is configured, what lets in, and what is secret about it."""

    options: Options
    good: dict[str, str]
    #: the field with the credential
    shows: str = "pass"
    secrets: tuple[str, ...] = (SECRET,)
    more: dict[str, Any] = field(default_factory=dict)

    def attempt(self, connect: dict[str, str] | None = None, **more: Any) -> ConnectionAttempt:
        given = {"peer": "10.0.0.1:5000", "nonce": NONCE, **self.more, **more}
        return ConnectionAttempt(self.good if connect is None else connect, **given)


def single(password: str) -> Options:
    return Options(authorization=AuthorizationOptions(user="ann", password=password))


def listed(password: str, **more: Any) -> Options:
    return Options(users=(UserOptions("ann", password),), **more)


NAMED = {"user": "ann", "pass": SECRET}
KINDS = {
    "token": Kind(
        Options(authorization=AuthorizationOptions(token=SECRET)),
        {"auth_token": SECRET},
        "auth_token",
    ),
    "hashed token": Kind(
        Options(authorization=AuthorizationOptions(token=BCRYPT)),
        {"auth_token": SECRET},
        "auth_token",
        (SECRET, BCRYPT),
    ),
    "one user": Kind(single(SECRET), NAMED),
    "one user, bcrypt": Kind(single(BCRYPT), NAMED, secrets=(SECRET, BCRYPT)),
    "one user, argon2": Kind(single(ARGON2), NAMED, secrets=(SECRET, ARGON2)),
    "users": Kind(listed(SECRET), NAMED),
    "users, bcrypt": Kind(listed(BCRYPT), NAMED, secrets=(SECRET, BCRYPT)),
    "users, argon2": Kind(listed(ARGON2), NAMED, secrets=(SECRET, ARGON2)),
    "nkey": Kind(
        Options(users=(UserOptions(nkey=KEY.public),)),
        {"nkey": KEY.public, "sig": KEY.sign(NONCE)},
        "sig",
        (KEY.sign(NONCE),),
    ),
    "certificate and password": Kind(
        Options(users=(UserOptions("CN=ann", SECRET),), tls=TlsOptions(verify_and_map=True)),
        {"pass": SECRET},
        more={"tls_certificate": CERTIFICATE},
    ),
    "behind a proxy": Kind(
        Options(
            users=(UserOptions("ann", SECRET, proxy_required=True),),
            trusted_proxies=(PROXY.public,),
        ),
        {**NAMED, "proxy_sig": PROXY.sign(NONCE)},
        "proxy_sig",
        (SECRET, PROXY.sign(NONCE)),
    ),
}
HASHED = [name for name, kind in KINDS.items() if any("$" in each for each in kind.secrets)]

every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))


def chain_of(kind: Kind, threads: Any = None, clock: Clock | None = None) -> Any:
    return create_chain(kind.options, clock or Clock(), threads or Threads())


@every_kind
def test_the_right_ones_are_let_in(kind: Kind, ask: Any) -> None:
    assert isinstance(ask(chain_of(kind), kind.attempt()), Identity)


_DAMAGES = {
    "wrong": lambda text: "wrong",
    "missing": lambda text: "",
    "truncated": lambda text: text[:-1],
    "one letter only": lambda text: text[:1],
    "longer": lambda text: text + "x",
    "twice": lambda text: text * 2,
    "with a NUL": lambda text: text + "\0",
    "blanks around it": lambda text: f" {text} ",
    "other case": lambda text: text.swapcase(),
    "oversized": lambda text: text[:1] * 10_000_000,
    "half a character": lambda text: text + "\ud800",
}


@every_kind
@pytest.mark.parametrize("damage", _DAMAGES.values(), ids=list(_DAMAGES))
def test_damaged_ones_are_not(kind: Kind, ask: Any, damage: Any) -> None:
    connect = {**kind.good, kind.shows: damage(kind.good[kind.shows])}
    answer = ask(chain_of(kind), kind.attempt(connect))
    assert answer is None or isinstance(answer, AuthenticationFailed)


@every_kind
@pytest.mark.parametrize("other", KINDS.values(), ids=list(KINDS))
def test_credentials_of_one_kind_open_no_other(kind: Kind, other: Kind, ask: Any) -> None:
    if kind.good.items() <= other.good.items() or other.more:
        return
    if kind.more:
        kind = Kind(kind.options, kind.good)  # without its certificate
    answer = ask(chain_of(kind), other.attempt())
    assert answer is None or isinstance(answer, AuthenticationFailed)


@every_kind
def test_what_is_configured_is_no_credential(kind: Kind, ask: Any) -> None:
    """Who has read a hash in a configuration cannot log in with it."""
    for secret in kind.secrets:
        if secret not in kind.good.values():
            answer = ask(chain_of(kind), kind.attempt({**kind.good, kind.shows: secret}))
            assert isinstance(answer, AuthenticationFailed)


@given(st.sampled_from(sorted(KINDS)), st.text(max_size=200))
def test_any_text_is_refused_without_a_failure(name: str, text: str) -> None:
    kind = KINDS[name]
    if text == kind.good[kind.shows]:
        return
    attempt = kind.attempt({**kind.good, kind.shows: text})
    try:
        answer = outcome_of(chain_of(kind).authenticate(attempt))
    except AuthenticationFailed as refused:
        answer = refused
    assert answer is None or (
        isinstance(answer, AuthenticationFailed) and " failed: " not in str(answer)
    )


@pytest.mark.parametrize("name", ["nkey", "behind a proxy"])
def test_a_signature_cannot_be_replayed(name: str, ask: Any) -> None:
    kind = KINDS[name]
    answer = ask(chain_of(kind), kind.attempt(nonce=b"of the next connection"))
    assert isinstance(answer, AuthenticationFailed)


@pytest.mark.parametrize("name", ["nkey", "behind a proxy"])
def test_a_signature_by_somebody_else(name: str, ask: Any) -> None:
    kind = KINDS[name]
    answer = ask(chain_of(kind), kind.attempt({**kind.good, kind.shows: OTHER_KEY.sign(NONCE)}))
    assert isinstance(answer, AuthenticationFailed)


@pytest.mark.parametrize("name", [name for name in KINDS if "token" in name or "user" in name])
def test_secrets_are_compared_in_constant_time(name: str, ask: Any, monkeypatch: Any) -> None:
    """Or by bcrypt and argon2, which do so themselves."""
    compared: list[Any] = []
    right = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda *two: compared.append(two) or right(*two))
    kind = KINDS[name]
    chain = chain_of(kind)
    threads = Threads()
    ask(create_chain(kind.options, Clock(), threads), kind.attempt())
    ask(chain, kind.attempt({**kind.good, kind.shows: "wrong"}))
    assert compared or threads.calls


class TestSecretsStaySecret:
    @every_kind
    def test_in_the_log_and_in_reasons(self, kind: Kind, ask: Any, log: list[str]) -> None:
        said = []
        chain = chain_of(kind)
        for shown in (kind.good[kind.shows], kind.good[kind.shows] + "x", SECRET[:-1]):
            answer = ask(chain, kind.attempt({**kind.good, kind.shows: shown}))
            if isinstance(answer, Exception):
                said += [str(answer), repr(answer), "".join(traceback.format_exception(answer))]
        for secret in (*kind.secrets, SECRET[:-1]):
            assert secret not in "\n".join([*log, *said])

    @every_kind
    def test_in_what_can_be_printed(self, kind: Kind) -> None:
        chain = chain_of(kind)
        printed = [repr(kind.options), repr(chain)]
        for _, authenticator in chain._authenticators:
            printed += [repr(authenticator), repr(vars(authenticator))]
        for secret in kind.secrets:
            assert secret not in "\n".join(printed)


class TestFloods:
    @pytest.mark.parametrize("name", HASHED)
    def test_wrong_passwords_of_one_host_are_a_bounded_amount_of_work(
        self, name: str, threads: Any, log: list[str]
    ) -> None:
        kind, refused = KINDS[name], []
        threads.hold()
        chain = chain_of(kind, threads)
        for number in range(1000):
            connect = {**kind.good, kind.shows: f"guess {number}"}
            chain.authenticate(kind.attempt(connect, peer=f"10.0.0.1:{number}")).addErrback(
                lambda failure: refused.append(failure.value)
            )
        assert len(threads.held) == PARALLEL
        assert len(refused) == 1000 - PARALLEL - PER_HOST
        assert all(isinstance(error, AuthenticationFailed) for error in refused)
        assert log == ["Too many logins: 1 refused unchecked, the last one from 10.0.0.1"]
        while threads.held:
            threads.go()
        assert threads.calls == PARALLEL + PER_HOST
        assert len(refused) == 1000

    @pytest.mark.parametrize("name", HASHED)
    def test_somebody_from_elsewhere_is_served_meanwhile(self, name: str, threads: Any) -> None:
        kind, answers = KINDS[name], []
        threads.hold()
        chain = chain_of(kind, threads)
        for number in range(500):
            connect = {**kind.good, kind.shows: f"guess {number}"}
            chain.authenticate(kind.attempt(connect)).addErrback(lambda failure: None)
        chain.authenticate(kind.attempt(peer="10.0.0.2:1")).addBoth(answers.append)
        for _ in range(PARALLEL + 2):
            threads.go()
        assert [answer.user for answer in answers] in (["ann"], [""])

    @pytest.mark.parametrize("name", HASHED)
    def test_many_hosts_are_bounded_too(self, name: str, threads: Any, log: list[str]) -> None:
        kind, refused = KINDS[name], []
        threads.hold()
        chain = chain_of(kind, threads)
        for number in range(1000):
            connect = {**kind.good, kind.shows: f"guess {number}"}
            chain.authenticate(kind.attempt(connect, host=f"host {number}")).addErrback(
                lambda failure: refused.append(failure.value)
            )
        assert len(refused) == 1000 - PARALLEL - IN_ALL
        assert len(log) == 1

    @pytest.mark.parametrize("name", HASHED)
    def test_who_waits_too_long_is_refused_and_not_checked(self, name: str, threads: Any) -> None:
        kind, clock, refused = KINDS[name], Clock(), []
        threads.hold()
        chain = chain_of(kind, threads, clock)
        for number in range(20):
            connect = {**kind.good, kind.shows: f"guess {number}"}
            chain.authenticate(kind.attempt(connect)).addErrback(
                lambda failure: refused.append(str(failure.value))
            )
        clock.advance(kind.options.authorization.timeout)
        assert len(refused) == 20
        assert all("did not answer within 2 seconds" in reason for reason in refused)
        while threads.held:
            threads.go()
        assert threads.calls == PARALLEL

    @pytest.mark.parametrize("name", [name for name in HASHED if "token" not in name])
    def test_names_that_are_not_there_cost_no_less_and_no_more(
        self, name: str, threads: Any
    ) -> None:
        kind = KINDS[name]
        threads.hold()
        chain = chain_of(kind, threads)
        for user in ("ann", "eve"):
            chain.authenticate(kind.attempt({"user": user, "pass": "guess"}, host=user)).addErrback(
                lambda failure: None
            )
        functions = [function for _, function, _ in threads.held]
        assert len(functions) == 2
        assert functions[0].__func__ is functions[1].__func__
