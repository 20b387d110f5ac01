"""Every failure has its words, and its place in the tree of the docstring."""

from __future__ import annotations

import inspect
import re

import pytest

from pubsub import errors
from pubsub.errors import ClientFault, ClosedState


def _classes() -> list[type[errors.PubSubError]]:
    return [
        found
        for name, found in vars(errors).items()
        if inspect.isclass(found) and issubclass(found, Exception) and not name.startswith("_")
    ]


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """Each class once, below its parent; those that close are marked so."""
    drawn: dict[str, str] = {}
    branch = ["PubSubError"]
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"    (?P<lines>[│├└─ ]*)(?P<name>[A-Z]\w+)", line)
        if found is None:
            continue
        depth = len(found["lines"]) // 4
        branch[depth:] = [found["name"]]
        drawn[found["name"]] = branch[depth - 1] if depth else "Exception"
    parents = {}
    for error in _classes():
        parent = error.__mro__[1]
        while parent.__name__.startswith("_"):
            parent = parent.__mro__[1]
        parents[error.__name__] = parent.__name__
    assert drawn == parents


def test_every_error_is_exported_and_explained() -> None:
    for error in _classes():
        assert error.__name__ in errors.__all__
        assert inspect.getdoc(error)


@pytest.mark.parametrize("fault", [c for c in _classes() if issubclass(c, ClientFault)])
def test_the_tree_says_which_faults_close(fault: type[ClientFault]) -> None:
    line = re.search(rf"─ {fault.__name__}\b(.*)", errors.__doc__ or "")
    assert line is not None
    if fault is not ClientFault:
        assert ("closes" in line[1]) == (fault.closed_state is not None)
        silent = not fault.wire and not getattr(fault, "template", "")
        assert ("silently" in line[1]) == silent


def test_a_fault_is_told_in_its_words() -> None:
    assert errors.StaleConnection().to_bytes() == b"-ERR 'Stale Connection'\r\n"


def test_some_faults_are_answered_by_silence() -> None:
    fault = errors.MalformedArguments('processPub Parse Error: "x"')
    assert fault.to_bytes() == b""
    assert str(fault) == 'processPub Parse Error: "x"'


def test_details_are_never_told_to_the_peer() -> None:
    fault = errors.MaximumPayloadViolation("2000 vs 1000")
    assert fault.detail == "2000 vs 1000"
    assert fault.to_bytes() == b"-ERR 'Maximum Payload Violation'\r\n"


def test_a_fault_closes_if_it_has_a_reason_to() -> None:
    assert errors.SlowConsumer().closes
    assert errors.SlowConsumer().closed_state is ClosedState.SLOW_CONSUMER_PENDING_BYTES
    assert not errors.InvalidSubject().closes


@pytest.mark.parametrize(
    ("fault", "wire"),
    [
        (
            errors.PublishPermissionViolation(b"a.b"),
            b"-ERR 'Permissions Violation for Publish to \"a.b\"'\r\n",
        ),
        (
            errors.ReplyPermissionViolation(b"_R_.x"),
            b"-ERR 'Permissions Violation for Publish with Reply of \"_R_.x\"'\r\n",
        ),
        (
            errors.SubscriptionPermissionViolation(b"a.*"),
            b"-ERR 'Permissions Violation for Subscription to \"a.*\"'\r\n",
        ),
        (
            errors.SubscriptionPermissionViolation(b"a", b"q"),
            b'-ERR \'Permissions Violation for Subscription to "a" using queue "q"\'\r\n',
        ),
        (
            errors.MessageRefused(b"a", "it's\r\nno good"),
            b'-ERR \'Permissions Violation for Publish to "a": it"s no good\'\r\n',
        ),
        (
            errors.MessageRefused(b"a", "\ud800\x00"),
            b"-ERR 'Permissions Violation for Publish to \"a\": \\ud800\x00'\r\n",
        ),
        (
            errors.MessageRefused(b"a", "x" * 1000),
            b"-ERR 'Permissions Violation for Publish to \"a\": %b'\r\n" % (b"x" * 500),
        ),
        (
            errors.TooManyTokens(b"a.b.c"),
            b"-ERR 'Permissions Violation for Subscription to \"a.b.c\", too many tokens'\r\n",
        ),
    ],
)
def test_permission_violations_name_the_subject(fault: ClientFault, wire: bytes) -> None:
    assert fault.to_bytes() == wire


def test_a_subject_that_is_no_utf8_goes_back_as_text() -> None:
    fault = errors.PublishPermissionViolation(b"\xff")
    assert fault.to_bytes() == b"-ERR 'Permissions Violation for Publish to \"\\xff\"'\r\n"


def test_a_configuration_error_says_where() -> None:
    assert str(errors.InvalidOption("too big", "a.conf", 3, 7)) == "a.conf:3:7: too big"
    assert str(errors.InvalidOption("cannot be read", "a.conf")) == "a.conf: cannot be read"
    assert str(errors.InvalidOption("too big")) == "too big"


def test_several_configuration_errors_are_told_together() -> None:
    one, two = errors.UnknownOption("what", "a", 1, 1), errors.InvalidOption("no", "a", 2, 1)
    both = errors.ConfigErrors([one, two])
    assert str(both) == "a:1:1: what\na:2:1: no"
    assert (both.errors, both.line) == ((one, two), 1)


def test_a_refused_reload_is_told_as_nats_server_tells_it() -> None:
    refused = errors.ReloadRefused("Port", 4222, 4223)
    assert str(refused) == "config reload not supported for Port: old=4222, new=4223"
