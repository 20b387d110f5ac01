"""Auth callout in operator mode: an account's JWT says that a service decides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed

from pubsub.auth.callout import CalloutAuthenticator
from pubsub.auth.callout_answer import Callout
from pubsub.auth.chain import AuthenticatorChain
from pubsub.auth.jwt.account import account_options
from pubsub.auth.jwt.account_claims import AccountClaims
from pubsub.auth.jwt.codec import decode_account, encode
from pubsub.auth.jwt.keys import KeyPair
from pubsub.config.options import Options
from pubsub.errors import (
    AuthenticationFailed,
    CredentialsError,
    UserAuthenticationRevoked,
    UserRefused,
)
from pubsub.interfaces import Identity, Permissions
from pubsub.system.identity import ServerIdentity
from tests.auth.callout_service import Case, Others, Request, Service
from tests.system.fakes import NOW


class Operator:
    """An operator with two accounts; the first has a service, and knows a sentinel."""

    def __init__(self, encrypted: bool = False, **authorization: Any) -> None:
        self.operator, self.account = KeyPair.generate("O"), KeyPair.generate("A")
        self.other, self.signing = KeyPair.generate("A"), KeyPair.generate("A")
        self.scoped = KeyPair.generate("A")
        self.auth_user = KeyPair.generate("U").public_key
        self.sentinel = KeyPair.generate("U").public_key
        self.case = Case()
        self.server = self.case.server
        keys = ServerIdentity() if encrypted else None
        self.authorization = {
            "auth_users": [self.auth_user],
            **({"xkey": keys.xkey} if keys is not None else {}), **authorization,
        }  # fmt: skip
        self.name, self.other_name = self.account.public_key, self.other.public_key
        self.add(self.account, authorization=self.authorization)
        self.add(self.other)
        self.service = self.case.service = Service(self.server, self.name, self.account, keys)
        self.service.decide = self.service.allowing(aud="")
        self.others = Others(sentinel=Identity(
            user=self.sentinel, nkey=self.sentinel, account=self.name, jwt="eyJ"
        ))  # fmt: skip
        self.others.known["auth"] = Identity(
            user=self.auth_user, nkey=self.auth_user, account=self.name, jwt="eyJ"
        )
        callout = CalloutAuthenticator(Options(trusted_keys=("O",)), lambda: NOW)
        callout.use_server(self.server)
        self.case.chain = AuthenticatorChain(
            [("callout", callout), ("others", self.others)], self.server.clock, 2.0
        )

    def add(self, account: KeyPair, **nats: Any) -> None:
        """An account of the operator."""
        template = {"pub": {"allow": ["scoped"]}, "subs": -1, "data": -1, "payload": -1}
        scope = {"kind": "user_scope", "key": self.scoped.public_key, "template": template}
        keys = [self.signing.public_key, scope] if account is self.account else []
        limits = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn"), -1)
        claims = {
            "sub": account.public_key, "name": "x",
            "nats": {"type": "account", "limits": limits, "signing_keys": keys, **nats},
        }  # fmt: skip
        found = decode_account(encode(claims, self.operator, NOW))
        self.server.accounts.update(account_options(found))

    def ask(self, **connect: Any) -> Any:
        return self.case.ask(**{"user": "sentinel", "pass": "right", **connect})

    def refusal(self, **connect: Any) -> str:
        error = self.ask(**connect)
        assert isinstance(error, AuthenticationFailed)
        return str(error)

    def ask_once(self) -> Request:
        self.ask()
        return self.service.requests[-1]

    def callout(self) -> Callout:
        claims = self.server.accounts.options[self.name].claims
        assert isinstance(claims, AccountClaims)
        return Callout(self.name, self.name, claims=claims)


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
def test_the_service_decides_about_users_of_its_account(encrypted: bool) -> None:
    mode = Operator(encrypted)
    identity = mode.ask()
    assert identity == Identity(
        user="sentinel", account=mode.name, issuer_key=mode.name,
        permissions=Permissions(publish_deny=("$SYS.REQ.USER.AUTH",)),
    )  # fmt: skip
    (request,) = mode.service.requests
    assert request.claims.subject == mode.name
    assert request.message.payload.startswith(b"xkv1" if encrypted else b"eyJ")


def test_a_sentinel_that_says_nothing_more_is_known_by_its_key() -> None:
    mode = Operator()
    mode.others.known[""] = mode.others.known["sentinel"]
    assert mode.ask(user="").user == mode.sentinel
    assert mode.service.requests[0].nats["client_info"]["user"] == mode.sentinel


def test_the_services_users_are_not_asked_about() -> None:
    mode = Operator()
    identity = mode.ask(user="auth")
    assert identity.nkey == mode.auth_user
    assert identity.permissions == Permissions(publish_deny=("$SYS.REQ.USER.AUTH",))
    assert mode.service.requests == []


def test_nobody_passes_by_the_service_by_claiming_another_name() -> None:
    """The key counts that was proved, not a name in CONNECT."""
    mode = Operator()
    mode.others.known[mode.auth_user] = mode.others.known["sentinel"]
    mode.ask(user=mode.auth_user)
    assert len(mode.service.requests) == 1


def test_accounts_without_a_service_are_left_alone() -> None:
    mode = Operator()
    known = Identity(user="U", nkey="U", account=mode.other_name, jwt="eyJ")
    mode.others.known["sentinel"] = known
    assert mode.ask() == known
    mode.others.refusal = UserRefused("revoked", None, mode.other_name, "U")
    assert mode.refusal() == "revoked"
    mode.others.refusal = AuthenticationFailed("no JWT")
    assert mode.refusal() == "no JWT"
    mode.others.refusal = UserRefused("?", None, "", "U")
    assert mode.refusal() == "?"
    assert mode.service.requests == []


def test_about_a_refused_user_of_its_account_the_service_may_decide_otherwise() -> None:
    """As in nats-server: it gets the credentials and can look at them itself."""
    mode = Operator()
    mode.others.refusal = UserRefused("revoked", None, mode.name, mode.sentinel)
    assert mode.ask().account == mode.name
    mode.others.refusal = UserRefused("revoked", None, mode.name, mode.auth_user)
    assert mode.refusal() == "revoked"


def test_an_account_without_claims_has_no_service() -> None:
    mode = Operator()
    mode.others.known["sentinel"] = Identity(user="x", account="A")
    assert mode.ask().account == "A"


def test_answers_may_be_signed_by_signing_keys() -> None:
    mode = Operator()
    nats = {"issuer_account": mode.name}

    def decide(request: Request) -> bytes:
        token = mode.service.user(request, mode.signing, nats=nats)
        return mode.service.respond(request, mode.signing, nats={"jwt": token})

    mode.service.decide = decide
    assert mode.ask().issuer_key == mode.signing.public_key


def test_a_scoped_key_gives_the_permissions_of_its_scope() -> None:
    mode = Operator()
    nats = {"issuer_account": mode.name}
    mode.service.decide = mode.service.allowing(signer=mode.scoped, nats=nats)
    assert mode.ask().permissions.publish_allow == ("scoped",)
    nats = {**nats, "pub": {"allow": ["more"]}}
    mode.service.decide = mode.service.allowing(signer=mode.scoped, nats=nats)
    assert "scoped users" in mode.refusal()


def test_unknown_signers_are_refused() -> None:
    mode = Operator()
    stranger = KeyPair.generate("A")
    mode.service.decide = lambda request: mode.service.respond(
        request, stranger, nats={"jwt": mode.service.user(request)}
    )
    assert "signing key is unknown" in mode.refusal()
    for account, problem in (
        (mode.name, "signing key is unknown"),
        (stranger.public_key, "is not the callout account"),
    ):
        claims = {"jwt": "", "error": "go away", "issuer_account": account}
        mode.service.decide = lambda request, claims=claims: mode.service.respond(
            request, stranger, nats=claims
        )
        assert problem in mode.refusal()
    mode.service.decide = mode.service.allowing(signer=stranger)
    assert "not permitted as valid account" in mode.refusal()
    mode.service.decide = mode.service.allowing(signer=stranger, nats={"issuer_account": mode.name})
    assert "issuer is not known" in mode.refusal()


def test_who_can_seal_an_answer_may_sign_it_with_any_key() -> None:
    mode = Operator(encrypted=True)
    stranger = KeyPair.generate("A")
    mode.service.decide = lambda request: mode.service.respond(
        request, stranger, nats={"jwt": mode.service.user(request)}
    )
    assert mode.ask().account == mode.name


@pytest.mark.parametrize("allowed", [["*"], None])
def test_a_service_may_use_other_accounts_if_it_is_allowed(allowed: list[str] | None) -> None:
    mode = Operator()
    accounts = allowed or [mode.other_name]
    mode.add(mode.account, authorization={**mode.authorization, "allowed_accounts": accounts})
    mode.service.decide = mode.service.allowing(signer=mode.other)
    identity = mode.ask()
    assert identity.account == mode.other_name
    assert identity.permissions is None


def test_other_accounts_are_not_allowed_by_default() -> None:
    mode = Operator()
    mode.service.decide = mode.service.allowing(signer=mode.other)
    assert "not permitted as valid account option" in mode.refusal()


def test_an_account_that_is_not_here_is_fetched() -> None:
    mode = Operator(allowed_accounts=["*"])
    options = mode.server.accounts.options.pop(mode.other_name)
    mode.service.decide = mode.service.allowing(signer=mode.other)
    assert "no valid account" in mode.refusal()
    fetched: list[str] = []

    def missing(name: str) -> Deferred[Any]:
        fetched.append(name)
        return succeed(options)

    mode.server.accounts.missing = missing
    assert mode.ask().account == mode.other_name
    assert fetched == [mode.other_name]
    mode.server.accounts.missing = lambda name: fail(CredentialsError("not there"))
    assert mode.refusal() == "auth callout: not there"


def test_an_account_that_expired_takes_nobody_in() -> None:
    mode = Operator()
    account = mode.server.accounts.options[mode.name]
    assert isinstance(account.claims, AccountClaims)
    expired = replace(account.claims, expires=int(NOW - 1))
    mode.server.accounts.update(replace(account, claims=expired))
    assert "account JWT has expired" in mode.refusal()


def test_revoking_ends_what_the_service_allowed() -> None:
    mode = Operator()
    still_valid = mode.ask().still_valid
    account = mode.server.accounts.options[mode.name]
    assert still_valid is not None
    assert still_valid(account) is None
    assert isinstance(account.claims, AccountClaims)
    revoked = replace(account.claims, revocations={"*": int(NOW)})
    fault = still_valid(replace(account, claims=revoked))
    assert isinstance(fault, UserAuthenticationRevoked)
