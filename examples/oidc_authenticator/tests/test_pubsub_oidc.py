"""Without a network: the endpoint is a twisted.web resource, asked by treq.testing."""

from __future__ import annotations

import base64
import json

import pytest
from pubsub_oidc.authenticator import OidcAuthenticator
from pubsub_oidc.introspection import IntrospectionError
from pubsub_oidc.plugin import OidcPlugin
from pubsub_oidc.settings import Settings
from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface.verify import verifyObject

from pubsub.errors import AuthenticationFailed, InvalidOption, NotConfigured
from pubsub.interfaces import (
    ConnectionAttempt,
    IAuthenticatorPlugin,
    Identity,
    IServerAuthenticator,
    Permissions,
)

NOW = 1_800_000_000.0
WRITTEN = {"url": "https://login.test/introspect", "client_id": "nats", "client_secret": "hush"}


class Endpoint(Resource):
    """Answers what it is told to, and notes what it is asked."""

    isLeaf = True

    def __init__(self):
        super().__init__()
        self.answer = {"active": True, "sub": "ann"}
        self.code = 200
        self.headers = {}
        self.asked = []

    def render_POST(self, request):
        self.asked.append(
            (request.args[b"token"][0], base64.b64decode(request.getHeader("authorization")[6:]))
        )
        request.setResponseCode(self.code)
        for name, value in self.headers.items():
            request.setHeader(name, value)
        if self.answer is NOT_DONE_YET:
            return NOT_DONE_YET
        return self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode()


class Oidc:
    """An authenticator, its endpoint, and the time."""

    def __init__(self, **options):
        self.endpoint = Endpoint()
        self.clock = Clock()
        self.treq = StubTreq(self.endpoint)
        self.authenticator = OidcAuthenticator(
            Settings.read({**WRITTEN, **options}), lambda: NOW + self.clock.seconds()
        )
        self.authenticator.ask_with(self.treq.post, self.clock)

    def ask(self, token="token"):
        asked = self.authenticator.authenticate(
            ConnectionAttempt({"auth_token": token}, "10.0.0.1:5000")
        )
        self.treq.flush()
        return asked

    def answer(self, token="token"):
        return outcome(self.ask(token))


def outcome(asked):
    results = []
    assert isinstance(asked, Deferred)
    asked.addBoth(results.append)
    assert results, "no answer yet"
    return getattr(results[0], "value", results[0])


def test_the_plugin_makes_an_authenticator():
    class Options:
        class authorization:  # noqa: N801
            options = WRITTEN

    plugin = OidcPlugin()
    assert verifyObject(IAuthenticatorPlugin, plugin)
    assert verifyObject(IServerAuthenticator, plugin.create(Options))


@pytest.mark.parametrize(
    ("written", "error"),
    [
        ({}, NotConfigured),
        ({**WRITTEN, "url": ""}, InvalidOption),
        ({**WRITTEN, "url": "ldap://x"}, InvalidOption),
        ({**WRITTEN, "client_secret": ""}, InvalidOption),
        ({**WRITTEN, "timeout": "soon"}, InvalidOption),
        ({**WRITTEN, "timeout": 0}, InvalidOption),
        ({**WRITTEN, "colour": "blue"}, InvalidOption),
        ({**WRITTEN, "accounts": "A"}, InvalidOption),
        ({**WRITTEN, "account_claim": "team"}, InvalidOption),
    ],
)
def test_options_that_cannot_be(written, error):
    with pytest.raises(error) as raised:
        Settings.read(written)
    assert "hush" not in str(raised.value)


def test_the_secret_is_not_shown():
    assert "hush" not in repr(Settings.read(WRITTEN))


def test_an_active_token():
    tested = Oidc(scope_prefix="")
    assert tested.answer() == Identity("ann")
    assert tested.endpoint.asked == [(b"token", b"nats:hush")]


@pytest.mark.parametrize("connect", [{}, {"user": "ann", "pass": "x"}, {"jwt": "x"}])
def test_other_credentials_are_others_business(connect):
    attempt = ConnectionAttempt(connect, "10.0.0.1:5000")
    assert Oidc().authenticator.authenticate(attempt) is None


class TestClaims:
    """What a token says about its owner."""

    def test_scopes_are_permissions(self):
        tested = Oidc()
        tested.endpoint.answer["scope"] = (
            "openid nats.pub:orders.> nats.sub:orders.* nats.sub:_INBOX.>"
        )
        assert tested.answer().permissions == Permissions(
            publish_allow=("orders.>",), subscribe_allow=("orders.*", "_INBOX.>")
        )

    def test_without_scopes_nothing_is_allowed(self):
        assert Oidc().answer().permissions == Permissions(publish_allow=(), subscribe_allow=())

    def test_the_account(self):
        tested = Oidc(account_claim="team", accounts=["SALES"], account="OTHERS")
        assert tested.answer("1").account == "OTHERS"
        tested.endpoint.answer["team"] = "SALES"
        assert tested.answer("2").account == "SALES"
        tested.endpoint.answer["team"] = "$SYS"
        assert isinstance(tested.answer("3"), AuthenticationFailed)

    @pytest.mark.parametrize(
        ("audience", "good"),
        [("nats", True), (["web", "nats"], True), ("web", False), ([], False), (None, False)],
    )
    def test_the_audience(self, audience, good):
        tested = Oidc(audience="nats")
        if audience is not None:
            tested.endpoint.answer["aud"] = audience
        assert isinstance(tested.answer(), Identity if good else AuthenticationFailed)

    def test_the_time(self):
        tested = Oidc()
        tested.endpoint.answer["exp"] = int(NOW) + 30
        assert tested.answer().expires == NOW + 30
        tested.clock.advance(30)
        assert isinstance(tested.answer(), AuthenticationFailed)

    @pytest.mark.parametrize(
        "answer",
        [
            {"active": False},
            {"active": True},
            {"active": True, "sub": ""},
            {"active": True, "sub": 5},
            {"active": True, "sub": "ann", "exp": "soon"},
        ],
    )
    def test_who_is_refused(self, answer):
        tested = Oidc()
        tested.endpoint.answer = answer
        assert isinstance(tested.answer(), AuthenticationFailed)


class TestTheEndpoint:
    """It is somebody else's, and may do anything."""

    @pytest.mark.parametrize(
        ("code", "answer", "error"),
        [
            (500, b"oh, token", "answered 500"),
            (401, b"", "answered 401"),
            (302, b"", "answered 302"),
            (200, b"<html>", "not JSON"),
            (200, b"[]", "does not say"),
            (200, {"active": "yes"}, "does not say"),
            (200, b"x" * 100_000, "too long"),
        ],
    )
    def test_what_it_may_not_answer(self, code, answer, error):
        tested = Oidc()
        tested.endpoint.code, tested.endpoint.answer = code, answer
        tested.endpoint.headers = {"Location": "https://elsewhere.test/"}
        refused = tested.answer()
        assert isinstance(refused, IntrospectionError)
        assert error in str(refused)
        assert "token" not in str(refused).replace("the token is", "")
        assert len(tested.endpoint.asked) == 1

    def test_it_is_asked_again_after_a_failure(self):
        tested = Oidc()
        tested.endpoint.code = 500
        tested.answer()
        tested.endpoint.code = 200
        assert isinstance(tested.answer(), Identity)

    def test_it_has_to_answer_in_time(self):
        tested = Oidc(timeout=1.5)
        tested.endpoint.answer = NOT_DONE_YET
        asked = tested.ask()
        tested.clock.advance(1.5)
        assert str(outcome(asked)) == "the endpoint did not answer within 1.5 seconds"

    def test_it_cannot_be_reached(self):
        tested = Oidc()
        tested.authenticator.ask_with(lambda *_, **__: Deferred(), tested.clock)
        asked = tested.ask()
        tested.clock.advance(10)
        assert isinstance(outcome(asked), IntrospectionError)


class TestTheCache:
    """The endpoint is asked as little as possible."""

    def test_an_answer_is_kept_for_a_while(self):
        tested = Oidc(cache_ttl=60)
        for _ in range(3):
            assert isinstance(tested.answer(), Identity)
        assert len(tested.endpoint.asked) == 1
        tested.clock.advance(60)
        tested.answer()
        assert len(tested.endpoint.asked) == 2

    def test_a_refusal_is_kept_for_a_shorter_while(self):
        tested = Oidc(refusal_ttl=5)
        tested.endpoint.answer = {"active": False}
        tested.answer()
        tested.clock.advance(4)
        tested.answer()
        assert len(tested.endpoint.asked) == 1
        tested.clock.advance(1)
        tested.endpoint.answer = {"active": True, "sub": "ann"}
        assert isinstance(tested.answer(), Identity)

    def test_it_is_bounded(self):
        tested = Oidc(cache_size=2)
        for token in ("a", "b", "c", "a"):
            tested.answer(token)
        assert [token for token, _ in tested.endpoint.asked] == [b"a", b"b", b"c", b"a"]

    def test_a_crowd_with_one_token_asks_once(self):
        tested = Oidc()
        tested.endpoint.answer = NOT_DONE_YET
        waiting = [tested.ask() for _ in range(10)]
        waiting[0].addErrback(lambda _: None)
        waiting[0].cancel()
        assert len(tested.endpoint.asked) == 1
        tested.clock.advance(10)
        assert all(isinstance(outcome(each), IntrospectionError) for each in waiting[1:])

    def test_a_crowd_with_many_tokens_is_bounded(self):
        tested = Oidc(max_requests=2)
        tested.endpoint.answer = NOT_DONE_YET
        first = [tested.ask(str(number)) for number in range(2)]
        assert "too many" in str(outcome(tested.ask("last")))
        tested.clock.advance(10)
        assert all(isinstance(outcome(each), IntrospectionError) for each in first)
