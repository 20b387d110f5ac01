"""Who is asked, in which order, and what happens when somebody fails."""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import formatEvent, globalLogPublisher
from zope.interface import implementer
from zope.interface.verify import verifyObject

from pubsub.auth.anonymous import AnonymousPlugin
from pubsub.auth.chain import AuthenticatorChain, create_chain
from pubsub.auth.token import TokenPlugin
from pubsub.auth.userpass import UserPassPlugin
from pubsub.config.options import AuthorizationOptions, Options
from pubsub.errors import AuthenticationFailed, BackendUnavailable, InvalidOption, NotConfigured
from pubsub.interfaces import ConnectionAttempt, IAuthenticator, IAuthenticatorPlugin, Identity

ATTEMPT = ConnectionAttempt({}, "1.2.3.4:5")
BUILT_IN = [AnonymousPlugin(), UserPassPlugin(), TokenPlugin()]
SOMEBODY = Identity("somebody")


@implementer(IAuthenticator)
class Scripted:
    """Answers what it is told to."""

    def __init__(self, answer=None, required=True):
        self.answer = answer
        self.required = required
        self.asked = 0

    def authenticate(self, attempt):
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@implementer(IAuthenticatorPlugin)
class Plugin:
    """Somebody else's plugin."""

    order = 5

    def __init__(self, name="other", made=None):
        self.name = name
        self.made = made or Scripted(SOMEBODY)

    def create(self, options):
        if isinstance(self.made, Exception):
            raise self.made
        return self.made


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def log():
    lines = []
    globalLogPublisher.addObserver(observer := lambda event: lines.append(formatEvent(event)))
    yield lines
    globalLogPublisher.removeObserver(observer)


def chain(clock, *answers):
    asked = [Scripted(answer) for answer in answers]
    return AuthenticatorChain(((f"a{i}", one) for i, one in enumerate(asked)), clock, 2.0), asked


def result(deferred):
    results = []
    deferred.addBoth(results.append)
    assert results, "no result yet"
    return results[0]


def test_it_is_an_authenticator(clock):
    verifyObject(IAuthenticator, chain(clock, None)[0])


class TestAsking:
    def test_the_first_who_knows_decides(self, clock):
        asked, (first, second, third) = chain(clock, None, SOMEBODY, Identity("other"))
        assert asked.authenticate(ATTEMPT) is SOMEBODY
        assert (first.asked, second.asked, third.asked) == (1, 1, 0)

    def test_nobody_knows(self, clock):
        assert chain(clock, None, None)[0].authenticate(ATTEMPT) is None

    def test_there_is_nobody_to_ask(self, clock):
        empty = chain(clock)[0]
        assert empty.authenticate(ATTEMPT) is None
        assert empty.required

    def test_a_refusal_is_final(self, clock):
        asked, (_, second) = chain(clock, AuthenticationFailed("no"), SOMEBODY)
        with pytest.raises(AuthenticationFailed, match="no"):
            asked.authenticate(ATTEMPT)
        assert second.asked == 0

    def test_a_failure_is_a_refusal_and_one_line(self, clock, log):
        asked, (_, second) = chain(clock, ZeroDivisionError("oh"), SOMEBODY)
        for _ in range(3):
            with pytest.raises(AuthenticationFailed):
                asked.authenticate(ATTEMPT)
        (line,) = log
        assert line.startswith(
            "Authenticator a0 failed and refused a client: ZeroDivisionError: oh ("
        )
        assert second.asked == 0
        clock.advance(1)
        with pytest.raises(AuthenticationFailed):
            asked.authenticate(ATTEMPT)
        assert len(log) == 2

    def test_an_answer_that_makes_no_sense_is_a_failure(self, clock, log):
        with pytest.raises(AuthenticationFailed):
            chain(clock, True)[0].authenticate(ATTEMPT)
        assert "its answer is bool, not an Identity" in log[0]


class TestWaiting:
    def test_an_answer_that_takes_time(self, clock):
        later = Deferred()
        waiting = chain(clock, None, later)[0].authenticate(ATTEMPT)
        clock.advance(1)
        later.callback(SOMEBODY)
        assert result(waiting) is SOMEBODY
        assert clock.getDelayedCalls() == []

    def test_the_next_one_is_asked_later(self, clock):
        later, last = Deferred(), Deferred()
        asked, (_, second, _) = chain(clock, later, None, last)
        waiting = asked.authenticate(ATTEMPT)
        assert second.asked == 0
        later.callback(None)
        last.callback(SOMEBODY)
        assert second.asked == 1
        assert result(waiting) is SOMEBODY

    def test_nobody_knows_in_the_end(self, clock):
        assert result(chain(clock, succeed(None))[0].authenticate(ATTEMPT)) is None

    def test_a_refusal(self, clock, log):
        waiting = chain(clock, fail(AuthenticationFailed("no")))[0].authenticate(ATTEMPT)
        assert result(waiting).check(AuthenticationFailed)
        assert log == []

    def test_a_failure(self, clock, log):
        waiting = chain(clock, fail(ZeroDivisionError()))[0].authenticate(ATTEMPT)
        assert result(waiting).check(AuthenticationFailed)
        assert len(log) == 1

    def test_nonsense(self, clock, log):
        waiting = chain(clock, succeed("yes"))[0].authenticate(ATTEMPT)
        assert result(waiting).check(AuthenticationFailed)
        assert "its answer is str" in log[0]

    def test_time_is_limited(self, clock):
        later = Deferred()
        waiting = chain(clock, later)[0].authenticate(ATTEMPT)
        clock.advance(2)
        failure = result(waiting)
        assert failure.check(AuthenticationFailed)
        assert failure.getErrorMessage() == "a0 did not answer within 2 seconds"
        later.callback(SOMEBODY)

    def test_time_is_limited_for_all_of_them_together(self, clock):
        first, second = Deferred(), Deferred()
        waiting = chain(clock, first, second)[0].authenticate(ATTEMPT)
        clock.advance(1.5)
        first.callback(None)
        clock.advance(0.5)
        assert result(waiting).check(AuthenticationFailed)

    def test_who_asked_may_give_up(self, clock):
        waiting = chain(clock, Deferred())[0].authenticate(ATTEMPT)
        waiting.cancel()
        assert result(waiting).check(CancelledError)
        assert clock.getDelayedCalls() == []


class TestCreating:
    def create(self, clock, plugins, **authorization):
        options = Options(authorization=AuthorizationOptions(**authorization))
        return create_chain(options, clock, lambda f, *a: succeed(f(*a)), plugins)

    def test_nothing_is_configured(self, clock):
        made = self.create(clock, BUILT_IN)
        assert made.names == ["anonymous"]
        assert not made.required

    def test_a_token(self, clock):
        made = self.create(clock, BUILT_IN, token="t")
        assert made.names == ["token"]
        assert made.required

    def test_built_in_ones_are_asked_in_their_order(self, clock):
        assert self.create(clock, BUILT_IN, user="u", token="t").names == ["token", "userpass"]

    def test_a_plugin_is_asked_first_and_only_when_named(self, clock):
        plugins = [*BUILT_IN, Plugin("other"), Plugin("another")]
        assert self.create(clock, plugins, user="u", plugin="other").names == ["other", "userpass"]
        assert self.create(clock, plugins, user="u").names == ["userpass"]
        assert self.create(clock, plugins, plugin="another").names == ["another"]

    def test_a_plugin_that_lets_in_without_connect(self, clock):
        plugins = [*BUILT_IN, Plugin("other", Scripted(SOMEBODY, required=False))]
        assert not self.create(clock, plugins, plugin="other").required

    def test_a_plugin_that_is_not_there(self, clock):
        with pytest.raises(BackendUnavailable, match=r"'x'; those installed are: anonymous, "):
            self.create(clock, BUILT_IN, plugin="x")
        with pytest.raises(BackendUnavailable, match="none"):
            self.create(clock, [], plugin="x")

    def test_a_plugin_that_has_nothing_to_do(self, clock):
        plugins = [Plugin("other", NotConfigured("no url"))]
        with pytest.raises(BackendUnavailable, match="'other': no url"):
            self.create(clock, plugins, plugin="other")

    def test_a_plugin_that_cannot_be_made(self, clock):
        with pytest.raises(BackendUnavailable, match="ZeroDivisionError"):
            self.create(clock, [Plugin("other", ZeroDivisionError())], plugin="other")

    def test_options_that_cannot_be_used(self, clock):
        with pytest.raises(InvalidOption):
            self.create(clock, BUILT_IN, token="$2a$31$x")

    def test_slow_ones_are_given_threads(self, clock, threads):
        import bcrypt

        hashed = bcrypt.hashpw(b"t", bcrypt.gensalt(4)).decode()
        options = Options(authorization=AuthorizationOptions(token=hashed))
        made = create_chain(options, clock, threads, BUILT_IN)
        attempt = ConnectionAttempt({"auth_token": "t"}, "1.2.3.4:5")
        assert result(made.authenticate(attempt)) == Identity()
        assert threads.calls == 1

    def test_installed_plugins_are_found(self, clock):
        assert self.create(clock, None, token="t").names == ["token"]

    def test_the_limit_is_the_time_for_authorization(self, clock):
        plugins = [Plugin("other", Scripted(Deferred()))]
        waiting = self.create(clock, plugins, plugin="other", timeout=7.0).authenticate(ATTEMPT)
        clock.advance(7)
        assert "within 7 seconds" in result(waiting).getErrorMessage()
