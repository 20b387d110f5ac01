"""Who is asked, in which order, and what happens when somebody fails."""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from zope.interface import implementer
from zope.interface.verify import verifyObject

from pubsub.auth.anonymous import AnonymousPlugin
from pubsub.auth.chain import AuthenticatorChain, create_chain
from pubsub.auth.proxies import TrustedProxies
from pubsub.auth.token import TokenPlugin
from pubsub.auth.userpass import UserPassPlugin
from pubsub.config.options import AuthorizationOptions, Options, PluginOptions
from pubsub.errors import (
    AuthenticationFailed,
    BackendUnavailable,
    InvalidOption,
    ProxyNotTrusted,
    ProxyRequired,
)
from pubsub.interfaces import (
    ConnectionAttempt,
    IAuthenticator,
    IAuthenticatorPlugin,
    Identity,
    IServerAuthenticator,
    IThreadedAuthenticator,
)
from pubsub.values.accounts import UserOptions

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
            with pytest.raises(AuthenticationFailed, match="a0 failed: ZeroDivisionError: oh"):
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

    def test_a_plugin_that_lets_in_without_connect(self, clock):
        plugins = [*BUILT_IN, Plugin("other", Scripted(SOMEBODY, required=False))]
        assert not self.create(clock, plugins, plugin="other").required

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
        assert self.create(clock, None, token="t").names == ["nkeys", "users", "token"]

    def test_our_own_share_the_threads_and_others_have_them_all(self, clock, threads):
        other = Threaded()
        create_chain(
            Options(authorization=AuthorizationOptions(plugin="other", token="t")),
            clock,
            threads,
            [Plugin("other", other), *BUILT_IN],
        )
        assert other.threads is threads

    def test_the_limit_is_the_time_for_authorization(self, clock):
        plugins = [Plugin("other", Scripted(Deferred()))]
        waiting = self.create(clock, plugins, plugin="other", timeout=7.0).authenticate(ATTEMPT)
        clock.advance(7)
        assert "within 7 seconds" in result(waiting).getErrorMessage()


@implementer(IThreadedAuthenticator)
class Threaded(Scripted):
    """Wants threads."""

    def use_threads(self, defer_to_thread):
        self.threads = defer_to_thread


@implementer(IServerAuthenticator)
class Working(Scripted):
    """Works with the server."""

    server = None
    stopped = 0
    needs_nonce = True

    def use_server(self, server):
        if isinstance(self.answer, Exception):
            raise self.answer
        self.server = server

    def stop(self):
        self.stopped += 1
        if self.required is None:
            raise ZeroDivisionError

    def identity_of(self, key):
        return Identity(key) if key == "ann" else None


class TestWorkingWithTheServer:
    def create(self, clock, threads, server, *made):
        plugins = [Plugin(str(number), one) for number, one in enumerate(made)]
        named = tuple(PluginOptions(plugin.name) for plugin in plugins)
        options = Options(authorization=AuthorizationOptions(plugins=named))
        return create_chain(options, clock, threads, plugins, server)

    def test_who_asks_for_the_server_gets_it(self, clock, threads, server):
        one, other = Working(), Scripted()
        self.create(clock, threads, server, one, other)
        assert one.server is server

    def test_all_are_stopped_even_if_one_fails(self, clock, threads, server, logged_failures):
        one, broken, last = Working(), Working(required=None), Working()
        self.create(clock, threads, server, one, broken, last).stop()
        assert (one.stopped, broken.stopped, last.stopped) == (1, 1, 1)
        assert len(logged_failures.flush(ZeroDivisionError)) == 1

    def test_one_that_cannot_work_with_the_server_stops_the_others(self, clock, threads, server):
        one = Working()
        for error, match in (
            (ZeroDivisionError("oh"), "'1' cannot work with this server: ZeroDivisionError: oh"),
            (BackendUnavailable("no"), "no"),
        ):
            with pytest.raises(BackendUnavailable, match=match):
                self.create(clock, threads, server, one, Working(error))
        assert one.stopped == 2

    def test_whoever_needs_a_nonce_makes_info_carry_one(self, clock, threads, server):
        assert self.create(clock, threads, server, Scripted(), Working()).needs_nonce
        assert not self.create(clock, threads, server, Scripted()).needs_nonce

    def test_users_by_name(self, clock, threads, server):
        made = self.create(clock, threads, server, Scripted(), Working())
        assert made.identity_of("ann") == Identity("ann")
        assert made.identity_of("eve") is None

    def test_users_that_a_program_adds_change_what_is_required(self, clock, threads, server):
        made = create_chain(Options(), clock, threads, None, server)
        assert (made.required, made.needs_nonce) == (False, False)
        server.users.add(UserOptions("ann", "pear"))
        assert (made.required, made.needs_nonce) == (True, False)
        assert made.authenticate(ATTEMPT) is None
        server.users.add(UserOptions(nkey="UKEY"))
        assert made.needs_nonce
        server.users.replace_all([])
        assert made.authenticate(ATTEMPT) == Identity()


class TestTheRest:
    """An authenticator may judge by what those after it would say."""

    class Wrapping(Scripted):
        def use_rest(self, rest):
            self.rest = rest

        def authenticate(self, attempt):
            return self.rest(attempt)

    @pytest.mark.parametrize("answer", [SOMEBODY, None])
    def test_it_answers(self, clock, answer):
        asked = AuthenticatorChain(
            [("a", Scripted()), ("b", self.Wrapping()), ("c", Scripted(answer))], clock, 2.0
        )
        assert asked.authenticate(ATTEMPT) is answer

    def test_it_refuses(self, clock):
        refusing = Scripted(AuthenticationFailed("no"))
        asked = AuthenticatorChain([("b", self.Wrapping()), ("c", refusing)], clock, 2.0)
        with pytest.raises(AuthenticationFailed, match="no"):
            asked.authenticate(ATTEMPT)

    def test_it_takes_its_time(self, clock):
        asked = AuthenticatorChain(
            [("b", self.Wrapping()), ("c", Scripted(Deferred()))], clock, 2.0
        )
        waiting = asked.authenticate(ATTEMPT)
        clock.advance(2)
        assert "within 2 seconds" in result(waiting).getErrorMessage()


class TestProxies:
    NONCE = b"a8Xf_0-nonce"

    @pytest.fixture
    def key(self, new_key):
        return new_key()

    def make(self, clock, key, answer=SOMEBODY, proxy_required=False):
        scripted = Scripted(answer)
        proxies = TrustedProxies([key.public])
        return AuthenticatorChain([("a", scripted)], clock, 2.0, proxies, proxy_required), scripted

    def attempt(self, signature):
        return ConnectionAttempt({"proxy_sig": signature}, "1.2.3.4:5", nonce=self.NONCE)

    def test_they_need_a_nonce(self, clock, key):
        assert self.make(clock, key)[0].needs_nonce

    @pytest.mark.parametrize("wrap", [lambda answer: answer, succeed])
    def test_who_vouched_is_part_of_the_identity(self, clock, key, wrap):
        asked = self.make(clock, key, wrap(SOMEBODY))[0].authenticate(
            self.attempt(key.sign(self.NONCE))
        )
        identity = result(asked) if isinstance(asked, Deferred) else asked
        assert identity == Identity("somebody", proxy_key=key.public)

    def test_nobody_knows_whom_it_vouched_for(self, clock, key):
        asked = self.make(clock, key, None)[0]
        assert asked.authenticate(self.attempt(key.sign(self.NONCE))) is None

    def test_one_that_is_not_trusted_refuses_before_anybody_is_asked(self, clock, key):
        asked, scripted = self.make(clock, key)
        with pytest.raises(AuthenticationFailed) as refused:
            asked.authenticate(self.attempt(type(key)().sign(self.NONCE)))
        assert isinstance(refused.value.fault, ProxyNotTrusted)
        assert scripted.asked == 0

    def test_one_may_be_required(self, clock, key):
        asked, scripted = self.make(clock, key, proxy_required=True)
        assert asked.required
        assert asked.authenticate(self.attempt(key.sign(self.NONCE))).user == "somebody"
        with pytest.raises(AuthenticationFailed) as refused:
            asked.authenticate(ATTEMPT)
        assert isinstance(refused.value.fault, ProxyRequired)
        assert scripted.asked == 1

    def test_who_needs_no_credentials_needs_all_else(self, clock, threads, key):
        """For no_auth_user."""

        def make(**more):
            options = Options(
                users=(UserOptions("ann", "p", **more),), trusted_proxies=(key.public,)
            )
            return create_chain(options, clock, threads)

        vouched = self.attempt(key.sign(self.NONCE))
        assert make().admit("ann", ATTEMPT) == Identity("ann")
        assert make().admit("eve", ATTEMPT) is None
        for chain in (make(), make(proxy_required=True)):
            assert chain.admit("ann", vouched).proxy_key == key.public
        for refused, attempt in (
            (make(proxy_required=True), ATTEMPT),
            (make(connection_types=frozenset({"MQTT"})), ATTEMPT),
            (make(), self.attempt(type(key)().sign(self.NONCE))),
        ):
            with pytest.raises(AuthenticationFailed):
                refused.admit("ann", attempt)

    def test_required_of_everybody_they_are_required_of_the_no_auth_user(self, clock, threads, key):
        made = create_chain(
            Options(
                users=(UserOptions("ann", "p"),),
                trusted_proxies=(key.public,),
                authorization=AuthorizationOptions(proxy_required=True),
            ),
            clock,
            threads,
        )
        assert made.identity_of("ann") is None
        assert made.admit("ann", self.attempt(key.sign(self.NONCE))).user == "ann"
        with pytest.raises(AuthenticationFailed):
            made.admit("ann", ATTEMPT)

    def test_the_options_say_who_is_trusted(self, clock, threads, key):
        options = Options(
            trusted_proxies=(key.public,), authorization=AuthorizationOptions(proxy_required=True)
        )
        made = create_chain(options, clock, threads, BUILT_IN)
        assert made.authenticate(self.attempt(key.sign(self.NONCE))).proxy_key == key.public
        with pytest.raises(AuthenticationFailed):
            made.authenticate(ATTEMPT)
