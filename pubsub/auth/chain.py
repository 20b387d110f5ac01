"""Who is asked about a client, in which order, and for how long.

The authenticators come from plugins (:class:`pubsub.interfaces.IAuthenticatorPlugin`): the
one that ``authorization { plugin: … }`` names is asked first, then those of this package
that the configuration concerns, by their ``order``. The first to know a client's kind of
credentials decides. An authenticator that fails has refused: nobody gets in by breaking it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.plugin import getPlugins
from twisted.python.failure import Failure
from zope.interface import implementer

from pubsub.errors import AuthenticationFailed, BackendUnavailable, ConfigError, NotConfigured
from pubsub.interfaces import (
    ConnectionAttempt,
    IAuthenticator,
    IAuthenticatorPlugin,
    Identity,
    IThreadedAuthenticator,
)

if TYPE_CHECKING:
    from pubsub.auth.passwords import DeferToThread

__all__ = ["AuthenticatorChain", "create_chain"]

#: asked without being named
BUILT_IN = frozenset({"token", "userpass", "anonymous"})

#: Seconds between two lines about failures of the same authenticator: it may fail for each
#: of ten thousand reconnecting clients, and says the same each time.
_SAY_AGAIN = 1.0

#: what an authenticator's answer comes to in the end
_Answer = Identity | None


@implementer(IAuthenticator)
class AuthenticatorChain:
    """Asks authenticators in order until one knows.

    :param authenticators: their names (for the log) and themselves, in order.
    :param clock: limits the time.
    :param limit: seconds for all of them together; who is not known by then is refused.
    """

    _log = Logger()

    def __init__(
        self,
        authenticators: Iterable[tuple[str, IAuthenticator]],
        clock: IReactorTime,
        limit: float,
    ) -> None:
        self._authenticators = tuple(authenticators)
        self._clock = clock
        self._limit = limit
        self._said: dict[str, float] = {}
        # Without any, nobody gets in: say so before they try.
        self.required = not self._authenticators or any(
            authenticator.required for _, authenticator in self._authenticators
        )

    @property
    def names(self) -> Sequence[str]:
        """The names of the authenticators, in the order they are asked."""
        return [name for name, _ in self._authenticators]

    def authenticate(self, attempt: ConnectionAttempt) -> _Answer | Deferred[_Answer]:
        """What the first authenticator says that knows these credentials; ``None`` if none does.

        :raises pubsub.errors.AuthenticationFailed: it refused, failed, or took too long.
        """
        return self._ask(attempt, 0, self._clock.seconds() + self._limit)

    def _ask(
        self, attempt: ConnectionAttempt, first: int, until: float
    ) -> _Answer | Deferred[_Answer]:
        for place in range(first, len(self._authenticators)):
            name, authenticator = self._authenticators[place]
            try:
                outcome = authenticator.authenticate(attempt)
            except AuthenticationFailed:
                raise
            except Exception:  # noqa: BLE001 - third-party code: whatever it raises is a refusal
                raise self._failed(name, Failure()) from None
            if isinstance(outcome, Deferred):
                return self._wait(outcome, attempt, place, until)
            if outcome is not None:
                return self._checked(name, outcome)
        return None

    def _wait(
        self, outcome: Deferred[_Answer], attempt: ConnectionAttempt, place: int, until: float
    ) -> Deferred[_Answer]:
        """The answer of the authenticator at ``place``, or of those after it."""
        name = self._authenticators[place][0]
        left = max(0.0, until - self._clock.seconds())
        timer = self._clock.callLater(left, outcome.cancel)

        def stop_timer(result: Any) -> Any:
            if timer.active():
                timer.cancel()
            return result

        def answered(answer: _Answer) -> _Answer | Deferred[_Answer]:
            if answer is None:
                return self._ask(attempt, place + 1, until)
            return self._checked(name, answer)

        def refused(failure: Failure) -> Failure:
            if failure.check(AuthenticationFailed) is not None:
                return failure
            if failure.check(CancelledError) is None:
                return Failure(self._failed(name, failure))
            if self._clock.seconds() < until:
                return failure  # who asked does not want to know any more
            return Failure(
                AuthenticationFailed(f"{name} did not answer within {self._limit:g} seconds")
            )

        outcome.addBoth(stop_timer)
        return outcome.addCallbacks(answered, refused)

    def _checked(self, name: str, answer: object) -> Identity:
        """``answer``, if it is one: ``True`` is a plausible mistake, and must not let in."""
        if isinstance(answer, Identity):
            return answer
        raise self._failed(
            name, Failure(TypeError(f"its answer is {type(answer).__name__}, not an Identity"))
        )

    def _failed(self, name: str, failure: Failure) -> AuthenticationFailed:
        """One line in the log, and what to raise."""
        now = self._clock.seconds()
        if now - self._said.get(name, -_SAY_AGAIN) >= _SAY_AGAIN:
            self._said[name] = now
            where = ""
            if failure.frames:
                function, file, line = failure.frames[-1][:3]
                where = f" ({file}:{line} in {function})"
            self._log.error(
                "Authenticator {name} failed and refused a client: {error}{where}",
                name=name,
                error=f"{getattr(failure.type, '__name__', failure.type)}: "
                f"{failure.getErrorMessage()}",
                where=where,
            )
        return AuthenticationFailed(f"{name} failed")


def create_chain(
    options: Any,
    clock: IReactorTime,
    defer_to_thread: DeferToThread,
    plugins: Iterable[IAuthenticatorPlugin] | None = None,
) -> AuthenticatorChain:
    """The authenticators that ``options`` ask for.

    :param options: :class:`pubsub.config.options.Options`.
    :param defer_to_thread: given to those that provide
        :class:`pubsub.interfaces.IThreadedAuthenticator`.
    :param plugins: in place of those that are installed.
    :raises pubsub.errors.BackendUnavailable: the named plugin is not installed, or fails.
    :raises pubsub.errors.ConfigError: an authenticator cannot use its options.
    """
    wanted: str = options.authorization.plugin
    found = list(getPlugins(IAuthenticatorPlugin) if plugins is None else plugins)
    if wanted and wanted not in {plugin.name for plugin in found}:
        names = ", ".join(sorted({plugin.name for plugin in found})) or "none"
        raise BackendUnavailable(
            f"no authenticator plugin is called {wanted!r}; those installed are: {names}"
        )
    chosen = [plugin for plugin in found if plugin.name == wanted or plugin.name in BUILT_IN]
    chosen.sort(key=lambda plugin: (plugin.name != wanted, plugin.order, plugin.name))
    authenticators: list[tuple[str, IAuthenticator]] = []
    for plugin in chosen:
        try:
            authenticator = plugin.create(options)
        except NotConfigured as reason:
            if plugin.name == wanted:
                raise BackendUnavailable(f"authenticator {wanted!r}: {reason}") from reason
            continue
        except (BackendUnavailable, ConfigError):
            raise
        except Exception as error:
            raise BackendUnavailable(
                f"authenticator {plugin.name!r} cannot be made: {type(error).__name__}: {error}"
            ) from error
        if IThreadedAuthenticator.providedBy(authenticator):
            authenticator.use_threads(defer_to_thread)
        authenticators.append((plugin.name, authenticator))
    return AuthenticatorChain(authenticators, clock, options.authorization.timeout)
