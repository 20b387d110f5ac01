"""Auth callout with the service in the configuration: who is asked about, and what follows."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from twisted.internet.defer import CancelledError
from zope.interface.verify import verifyObject

from pubsub.auth.callout import CalloutAuthenticator, CalloutPlugin
from pubsub.auth.jwt.keys import KeyPair
from pubsub.config.options import Options
from pubsub.errors import (
    AuthenticationFailed,
    CredentialsError,
    NotConfigured,
    ProxyRequired,
)
from pubsub.interfaces import (
    IAuthenticatorPlugin,
    Identity,
    IServerAuthenticator,
    PeerKind,
    Permissions,
)
from pubsub.wire.headers import get_header
from tests.auth.callout_service import Case, attempt_of
from tests.conftest import LoggedFailures
from tests.system.fakes import NOW

DENIED = Permissions(publish_deny=("$SYS.REQ.USER.AUTH",))


@pytest.fixture(params=[False, True], ids=["plain", "encrypted"])
def case(request: pytest.FixtureRequest) -> Case:
    return Case(encrypted=request.param)


def test_it_provides_its_interfaces(case: Case) -> None:
    assert verifyObject(IServerAuthenticator, case.callout)
    assert verifyObject(IAuthenticatorPlugin, CalloutPlugin())
    assert case.chain.required
    assert case.chain.needs_nonce


def test_who_the_service_lets_in_is_somebody(case: Case) -> None:
    case.service.decide = case.service.allowing(
        name="Eve", exp=int(NOW + 60), nats={"pub": {"allow": ["x"]}, "subs": 10, "tags": ["t"]}
    )
    assert case.ask() == Identity(
        user="Eve", account="A", permissions=Permissions(publish_allow=("x",)), expires=NOW + 60,
        limits={"max_subscriptions": 10}, issuer_key="A", name_tag="Eve", tags=("t",),
    )  # fmt: skip


def test_without_a_name_it_is_who_it_said_it_is(case: Case) -> None:
    assert case.ask().user == "eve"
    assert case.ask(user="", auth_token="t0ken").user == "[REDACTED]"
    assert case.ask(user="").user == case.service.requests[-1].claims.user_nkey


def test_the_service_is_told_what_the_client_sent(case: Case) -> None:
    case.ask()
    (request,) = case.service.requests
    assert request.claims.issuer == case.server.server_id
    assert request.claims.subject == case.issuer.public_key
    assert request.claims.audience == "nats-authorization-request"
    assert request.claims.expires == int(NOW + 2)
    assert request.nats["connect_opts"]["pass"] == "secret"
    assert request.nats["client_info"]["host"] == "192.0.2.1"


def test_only_sealed_requests_name_a_curve_key(case: Case) -> None:
    case.ask()
    (request,) = case.service.requests
    key = get_header(request.message.headers, b"Nats-Server-Xkey")
    if case.service.keys is None:
        assert (key, request.message.headers) == (None, b"")
        assert "xkey" not in request.nats["server_id"]
    else:
        assert key == case.server.identity.xkey.encode()
        assert request.nats["server_id"]["xkey"] == case.server.identity.xkey
        assert request.message.payload.startswith(b"xkv1")


def test_a_service_with_a_curve_key_may_answer_in_clear_text() -> None:
    case = Case(encrypted=True)
    case.service.seal = False
    assert case.ask().account == "A"


def test_each_question_is_about_a_user_of_its_own(case: Case) -> None:
    case.ask()
    case.ask()
    first, second = (request.claims.user_nkey for request in case.service.requests)
    assert first != second


def test_an_old_answer_is_good_for_nobody(case: Case) -> None:
    """What somebody else was let in with, or this client before, is for another user."""
    case.ask()
    old = case.service.allow(case.service.requests[0])
    case.service.decide = lambda request: old
    assert "not for expected user" in case.refusal()


def test_the_users_of_the_service_are_not_asked_about(case: Case) -> None:
    """They may not ask the service themselves either."""
    identity = case.ask(user="auth", **{"pass": "right"})
    assert identity == Identity(user="auth", account="AUTH", permissions=DENIED)
    assert case.service.requests == []


def test_permissions_of_the_services_users_stay(case: Case) -> None:
    own = Permissions(publish_allow=(">",), publish_deny=("x",))
    case.others.known["auth"] = Identity(user="auth", account="AUTH", permissions=own)
    identity = case.ask(user="auth", **{"pass": "right"})
    assert identity.permissions == Permissions(
        publish_allow=(">",), publish_deny=("x", "$SYS.REQ.USER.AUTH")
    )


def test_who_only_claims_to_be_the_services_user_is_refused(case: Case) -> None:
    assert case.refusal(user="auth", **{"pass": "wrong"}) == "wrong password"
    del case.others.known["auth"]
    assert case.refusal(user="auth") == "nobody knows these credentials"
    assert case.service.requests == []


def test_even_known_users_are_delegated(case: Case) -> None:
    assert case.ask(user="ann", **{"pass": "right"}).account == "A"
    assert case.ask(user="ann", **{"pass": "wrong"}).account == "A"
    assert len(case.service.requests) == 2


def test_users_of_accounts_that_are_not_delegated_are_left_alone() -> None:
    case = Case(allowed_accounts=("A",))
    assert case.ask(user="ann", **{"pass": "right"}) == Identity(user="ann", account="B")
    assert case.service.requests == []
    # who is refused there belongs to no account yet
    assert case.ask(user="ann", **{"pass": "wrong"}).account == "A"


def test_users_of_the_global_account_and_leafs_are_always_delegated() -> None:
    case = Case(allowed_accounts=("A",))
    case.others.known["bob"] = Identity(user="bob")
    assert case.ask(user="bob", **{"pass": "right"}).account == "A"
    leaf = attempt_of(user="ann", **{"pass": "right"})
    leaf = type(leaf)(**{**vars(leaf), "kind": PeerKind.LEAF})
    assert case.ask(leaf).account == "A"
    assert case.service.requests[-1].nats["client_info"]["kind"] == "Leafnode"


def test_the_service_may_use_only_the_accounts_it_is_allowed() -> None:
    case = Case(allowed_accounts=("A",))
    case.service.decide = case.service.allowing(aud="B")
    assert case.refusal() == "auth callout: account 'B' is not allowed"


def test_the_services_own_account_gives_no_right_to_ask_it(case: Case) -> None:
    case.service.decide = case.service.allowing(aud="AUTH")
    assert case.ask().permissions == DENIED


def test_the_account_has_to_exist(case: Case) -> None:
    for name in ("nowhere", ""):
        case.service.decide = case.service.allowing(aud=name)
        assert "no valid account" in case.refusal()


def test_nobody_there_is_a_refusal(case: Case) -> None:
    case.service.leave()
    assert case.refusal() == "auth callout: nobody listens on $SYS.REQ.USER.AUTH"


def test_a_service_that_hangs_is_waited_for_as_long_as_for_connect(case: Case) -> None:
    case.service.decide = lambda request: None
    waiting = case.ask()
    case.server.clock.advance(1.9)
    assert waiting.results == []
    case.server.clock.advance(0.2)
    assert isinstance(waiting.result, AuthenticationFailed)
    assert case.server.clock.getDelayedCalls() == []


def test_who_goes_meanwhile_is_forgotten(case: Case) -> None:
    case.service.decide = lambda request: None
    waiting = case.ask()
    waiting.deferred.cancel()
    assert isinstance(waiting.result, CancelledError)
    case.service.send(case.service.requests[0], case.service.allow(case.service.requests[0]))
    case.server.clock.advance(0)
    assert case.server.clock.getDelayedCalls() == []


def test_the_first_answer_counts(case: Case) -> None:
    """Nobody can change their mind."""

    def twice(request: Any) -> bytes:
        case.service.send(request, b"garbage")
        return case.service.allow(request)

    case.service.decide = twice
    case.refusal()


@pytest.mark.parametrize(
    "garbage",
    [b"eyJ", b"eyJ.eyJ.eyJ", b"nonsense", b"\x00\xff" * 50, b"xkv1" + b"x" * 60, b"{}", b"a.b.c",
     b"eyJ" + b"A" * 100_000],
)  # fmt: skip
def test_garbage_is_a_refusal(case: Case, garbage: bytes) -> None:
    case.service.seal = False
    case.service.decide = lambda request: garbage
    assert case.refusal().startswith("auth callout: ")


def test_an_empty_answer_is_a_refusal_without_a_reason(case: Case) -> None:
    case.service.seal = False
    case.service.decide = lambda request: b""
    assert "no reason supplied" in case.refusal()


def test_an_answer_sealed_by_somebody_else_is_refused() -> None:
    case, other = Case(encrypted=True), Case(encrypted=True)
    assert other.service.keys is not None
    theirs = other.service.keys
    case.service.seal = False
    case.service.decide = lambda request: theirs.seal(
        case.service.allow(request), request.nats["server_id"]["xkey"]
    )
    assert "could not decrypt" in case.refusal()


def test_the_others_may_take_their_time(case: Case) -> None:
    case.others.later = []
    waiting = case.ask(user="auth", **{"pass": "right"})
    case.others.later.pop().callback(None)
    assert waiting.result == Identity(user="auth", account="AUTH", permissions=DENIED)
    waiting = case.ask(user="ann", **{"pass": "wrong"})
    case.others.later.pop().callback(None)
    assert waiting.result.account == "A"


def test_others_who_are_not_wanted_any_more_refuse(case: Case) -> None:
    case.others.later = []
    waiting = case.ask()
    waiting.deferred.cancel()
    assert isinstance(waiting.result, CancelledError)
    assert case.service.requests == []


def test_others_that_break_have_the_service_asked(
    case: Case, logged_failures: LoggedFailures
) -> None:
    """Breaking is a refusal, and about who is refused the service decides."""

    def broken(attempt: Any) -> Any:
        raise KeyError("x")

    case.others.authenticate = broken  # type: ignore[method-assign]
    assert case.ask().account == "A"


def test_a_proxy_may_be_required(case: Case) -> None:
    case.service.decide = case.service.allowing(nats={"proxy_required": True})
    error = case.ask()
    assert isinstance(error, AuthenticationFailed)
    assert isinstance(error.fault, ProxyRequired)


def test_the_log_says_why_but_not_for_each_of_a_flood(case: Case, log: list[str]) -> None:
    case.service.decide = lambda request: case.service.respond(
        request, nats={"error": "no such\nuser"}
    )
    for _ in range(10):
        case.refusal()
    assert log == ["auth callout: auth callout service returned an error: 'no such\\nuser'"]
    case.server.clock.advance(1)
    case.refusal()
    assert len(log) == 2
    assert "secret" not in "".join(log)


def test_a_stopped_authenticator_asks_nobody(case: Case) -> None:
    case.ask()
    case.chain.stop()
    assert "the server stops" in case.refusal()
    assert len(case.service.requests) == 1


def test_questions_on_their_way_survive_a_reload(case: Case) -> None:
    case.service.decide = lambda request: None
    waiting = case.ask()
    case.chain.stop()
    case.service.send(case.service.requests[0], case.service.allow(case.service.requests[0]))
    assert waiting.result.account == "A"
    case.server.clock.advance(0)
    assert case.server.clock.getDelayedCalls() == []


def test_a_bug_is_logged_and_refuses(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(case.server, "server_info", dict)
    assert case.refusal().startswith("callout failed: KeyError")


def test_it_needs_a_library_that_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case()
    monkeypatch.setitem(sys.modules, "nacl.signing", None)
    with pytest.raises(CredentialsError, match="PyNaCl"):
        CalloutAuthenticator(case.options).use_server(case.server)


def test_the_plugin_is_for_who_configured_it() -> None:
    with pytest.raises(NotConfigured):
        CalloutPlugin().create(Options())
    assert CalloutPlugin().create(Case().options).required
    assert CalloutPlugin().create(Options(trusted_keys=("OKEY",))).required
    assert (CalloutPlugin.name, CalloutPlugin.order) == ("callout", 5)


def test_the_wrong_issuer_is_refused(case: Case) -> None:
    case.service.decide = case.service.allowing(signer=KeyPair.generate("A"))
    assert "wrong issuer" in case.refusal()
