"""What pubsub adds to twistd and to its own plugin points: names only, nothing is loaded here."""

from twisted.application.reactors import Reactor
from twisted.application.service import ServiceMaker

from pubsub.plugins import LazyAuthenticatorPlugin, LazyMessageHookPlugin, LazyRouterBackend

pubsub = ServiceMaker(
    "pubsub", "pubsub.tap", "A NATS server: publish, subscribe, request and reply.", "pubsub"
)

pubsub_epoll = Reactor(
    "pubsub-epoll",
    "pubsub.transport.reactor",
    "epoll(7), with the compiled router's connections served once per turn.",
)

native = LazyRouterBackend("native", 10, "pubsub.router.native.backend:NativeBackend")
python = LazyRouterBackend("python", 0, "pubsub.router.python.backend:PythonBackend")


def _has_operator(options):
    return options.operator or options.trusted_keys


def _asks_service(options):
    # in operator mode the JWT of an account says so
    return options.authorization.auth_callout or _has_operator(options)


# nats-server's order
callout = LazyAuthenticatorPlugin("callout", 5, "pubsub.auth.callout:CalloutPlugin", _asks_service)
jwt = LazyAuthenticatorPlugin("jwt", 10, "pubsub.auth.jwt.operator:OperatorPlugin", _has_operator)
nkeys = LazyAuthenticatorPlugin("nkeys", 20, "pubsub.auth.nkeys:NKeysPlugin")
tlsmap = LazyAuthenticatorPlugin("tlsmap", 25, "pubsub.auth.tlsmap:TlsMapPlugin")
users = LazyAuthenticatorPlugin("users", 30, "pubsub.auth.users:UsersPlugin")
token = LazyAuthenticatorPlugin("token", 40, "pubsub.auth.token:TokenPlugin")
userpass = LazyAuthenticatorPlugin("userpass", 50, "pubsub.auth.userpass:UserPassPlugin")
anonymous = LazyAuthenticatorPlugin("anonymous", 100, "pubsub.auth.anonymous:AnonymousPlugin")

rate_limit = LazyMessageHookPlugin("rate_limit", "pubsub.hooks.limits:RateLimitPlugin")
