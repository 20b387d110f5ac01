from __future__ import annotations

import pytest

from pubsub.auth.permissions import predicates
from pubsub.interfaces import Permissions


def test_no_permissions_are_all_permissions():
    assert predicates(None) == (None, None, None)
    assert predicates(Permissions()) == (None, None, None)


@pytest.mark.parametrize(
    ("allow", "deny", "subject", "answer"),
    [
        (("foo",), (), b"foo", True),
        (("foo",), (), b"bar", False),
        (("foo.*",), (), b"foo.bar", True),
        (("foo.*",), (), b"foo.bar.x", False),
        ((), (), b"foo", False),
        (None, ("foo.>",), b"foo.bar", False),
        (None, ("foo.>",), b"bar", True),
        ((">",), ("foo",), b"foo", False),
        ((">",), ("foo",), b"bar", True),
    ],
)
def test_publishing(allow, deny, subject, answer):
    may_publish, may_subscribe, may_deliver = predicates(Permissions(allow, deny))
    assert may_publish(subject) is answer
    assert may_subscribe is may_deliver is None


@pytest.mark.parametrize(
    ("allow", "deny", "subject", "queue", "answer"),
    [
        (("foo",), (), b"foo", b"", True),
        (("foo",), (), b"foo", b"q", True),
        (("foo",), (), b"bar", b"", False),
        (("foo.*",), (), b"foo.*", b"", True),
        (("foo.*",), (), b"foo.>", b"", False),
        (("foo.>",), (), b"foo.*", b"", True),
        (("foo q",), (), b"foo", b"q", True),
        (("foo q",), (), b"foo", b"", False),
        (("foo q",), (), b"foo", b"r", False),
        (("foo q.*",), (), b"foo", b"q.1", True),
        ((">",), ("foo",), b"foo", b"", False),
        ((">",), ("foo",), b"*", b"", True),
        (None, ("foo q",), b"foo", b"q", False),
        (None, ("foo q",), b"foo", b"", True),
        (None, ("foo", ""), b"foo", b"q", False),
    ],
)
def test_subscribing(allow, deny, subject, queue, answer):
    permissions = Permissions(subscribe_allow=allow, subscribe_deny=deny)
    may_publish, may_subscribe, _ = predicates(permissions)
    assert may_subscribe(subject, queue) is answer
    assert may_publish is None


def test_what_a_wider_subscription_must_not_hear_is_not_delivered():
    permissions = Permissions(subscribe_deny=("foo.secret", "bar q"))
    may_deliver = predicates(permissions).deliver
    assert may_deliver(b"foo.x")
    assert not may_deliver(b"foo.secret")
    assert may_deliver(b"bar")


def test_allowances_need_no_look_at_deliveries():
    assert predicates(Permissions(subscribe_allow=("foo",))).deliver is None
