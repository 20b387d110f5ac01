"""What may be published, subscribed to and delivered, as nats-server decides it."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsub.auth.permissions import predicates
from pubsub.interfaces import Permissions, ResponsePermission


def test_no_permissions_are_all_permissions():
    assert predicates(None) == (None, None, None, None)
    assert predicates(Permissions()) == (None, None, None, None)


def test_equal_permissions_share_their_predicates():
    """Routers keep what a predicate answered as long as it is the same object."""
    one = predicates(Permissions(("foo",), ("bar",), ("foo",), ("bar q",)))
    other = predicates(Permissions(("foo",), ("bar",), ("foo",), ("bar q",)))
    assert one.publish is other.publish
    assert one.subscribe is other.subscribe
    assert one.deliver is other.deliver
    assert one.publish is not predicates(Permissions(("foo",))).publish


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
        # a subject that reaches nobody is not allowed, and not denied
        ((">",), (), b"foo..bar", False),
        ((">",), (), b"", False),
        (None, (">",), b"foo..bar", True),
        # a queue group is no part of an allowance, and cannot weaken a denial
        (("foo q",), (), b"foo", False),
        (None, ("foo q",), b"foo", False),
        # wildcards in a published subject are ordinary tokens
        (None, ("foo.bar",), b"foo.*", True),
        (("foo.bar",), (), b"foo.*", False),
        (("pröfil.\udcff",), (), b"pr\xc3\xb6fil.\xff", True),
        (None, ("a.\ud800",), b"a.\xed\xa0\x80", False),
    ],
)
def test_publishing(allow, deny, subject, answer):
    may_publish, may_subscribe, may_deliver, _ = predicates(Permissions(allow, deny))
    assert may_publish(subject) is answer
    assert may_subscribe is may_deliver is None


@pytest.mark.parametrize(
    ("allow", "deny", "subject", "queue", "answer"),
    [
        (("foo",), (), b"foo", b"", True),
        (("foo",), (), b"foo", b"q", True),
        (("foo",), (), b"bar", b"", False),
        (("foo.*",), (), b"foo.*", b"", True),
        # nats-server says True, and the client hears foo.a.b
        (("foo.*",), (), b"foo.>", b"", False),
        (("foo.* q",), (), b"foo.>", b"q", False),
        (("foo.>",), (), b"foo.*", b"", True),
        (("foo.>",), (), b"foo.>", b"", True),
        (("foo q",), (), b"foo", b"q", True),
        (("foo q",), (), b"foo", b"", False),
        (("foo q",), (), b"foo", b"r", False),
        (("foo q.*",), (), b"foo", b"q.1", True),
        (("foo q.*",), (), b"foo", b"q.*", True),
        (("foo q.*",), (), b"foo", b"q.>", False),
        (("foo q.>",), (), b"foo", b"q.1.2", True),
        (("foo q.>",), (), b"foo", b"q", False),
        (("foo >",), (), b"foo", b"a..b", True),
        (("foo *",), (), b"foo", b">", False),
        (("foo q*",), (), b"foo", b"q1", False),
        (("foo q*",), (), b"foo", b"q*", True),
        # entries with a queue group say which groups there may be
        (("foo", "foo v1"), (), b"foo", b"", True),
        (("foo", "foo v1"), (), b"foo", b"v1", True),
        (("foo", "foo v1"), (), b"foo", b"v2", False),
        (("foo", "*  v1"), (), b"foo", b"v2", False),
        (("foo", "bar v1"), (), b"foo", b"v2", True),
        ((), (), b"foo", b"", False),
        ((">",), ("foo",), b"foo", b"", False),
        ((">",), ("foo",), b"*", b"", True),
        ((">",), ("foo.*",), b"foo.>", b"", False),
        ((">",), ("foo.*",), b">", b"", True),
        ((">",), (">",), b"*", b"", False),
        (None, ("foo q",), b"foo", b"q", False),
        (None, ("foo q",), b"foo", b"", True),
        (None, ("foo q",), b"foo", b"r", True),
        (None, ("foo >",), b"foo", b"a..b", False),
        (None, ("foo >",), b"foo", b"", True),
        (None, ("foo", ""), b"foo", b"q", False),
        # entries nobody can read are about nothing
        (("foo q r", "foo..bar", "foo a..b"), (), b"foo", b"q", False),
        (None, ("foo q r", "bar"), b"foo", b"q", True),
    ],
)
def test_subscribing(allow, deny, subject, queue, answer):
    permissions = Permissions(subscribe_allow=allow, subscribe_deny=deny)
    may_publish, may_subscribe, _, _ = predicates(permissions)
    assert may_subscribe(subject, queue) is answer
    assert may_publish is None


@pytest.mark.parametrize(
    ("subject", "queue", "answer"),
    [
        (b"foo.x", b"", True),
        (b"foo.secret", b"", False),
        (b"foo.secret", b"any", False),
        (b"bar", b"", True),
        (b"bar", b"q.1", False),
        (b"bar", b"r", True),
    ],
)
def test_what_a_wider_subscription_must_not_hear_is_not_delivered(subject, queue, answer):
    permissions = Permissions(subscribe_deny=("foo.secret", "bar q.*"))
    assert predicates(permissions).deliver(subject, queue) is answer


def test_allowances_need_no_look_at_deliveries():
    assert predicates(Permissions(subscribe_allow=("foo",))).deliver is None


class TestResponses:
    def test_who_may_respond_may_not_publish_everything(self):
        may = predicates(Permissions(responses=ResponsePermission()))
        assert may.responses == ResponsePermission(1, 120.0)
        assert not may.publish(b"foo")

    def test_what_is_allowed_besides_stays_allowed(self):
        may = predicates(Permissions(("foo",), responses=ResponsePermission(5, 1.0)))
        assert may.responses == ResponsePermission(5, 1.0)
        assert may.publish(b"foo")
        assert not may.publish(b"bar")


# A model that is as naive as the rules: patterns are expanded to all subjects of up to three
# tokens over a small alphabet, which are enough to tell any two of them apart.
_TOKENS = ("a", "b", "*", ">")
_LITERALS = ("a", "b", "c")
_ALL = [(*head,) for count in (1, 2, 3, 4) for head in product(_LITERALS, repeat=count)]


def _expand(pattern):
    row = pattern.split(".")
    found = set()
    for subject in _ALL:
        for at, wanted in enumerate(row):
            if wanted == ">" and len(subject) > at:
                found.add(subject)
                break
            if at >= len(subject) or (wanted != "*" and wanted != subject[at]):
                break
        else:
            if len(subject) == len(row):
                found.add(subject)
    return found


patterns = (
    st.lists(st.sampled_from(_TOKENS), min_size=1, max_size=3)
    .filter(lambda row: ">" not in row[:-1])
    .map(".".join)
)
literals = st.lists(st.sampled_from(_LITERALS), min_size=1, max_size=3).map(".".join)
groups = st.one_of(st.just(""), patterns)
entries = st.lists(st.tuples(patterns, groups), max_size=4)


def _written(pairs):
    return tuple(f"{pattern} {group}".strip() for pattern, group in pairs)


def _groups_about(pairs, subject):
    return [group for pattern, group in pairs if _expand(subject) <= _expand(pattern)]


def _is_named(queue, named):
    return any(queue == one or _expand(queue) <= _expand(one) for one in named if one)


@given(allow=st.none() | entries, deny=entries, subject=literals, queue=groups)
def test_literal_subjects_as_the_model_has_it(allow, deny, subject, queue):
    """For these, subscribing and being delivered to are the same."""
    permissions = Permissions(
        subscribe_allow=None if allow is None else _written(allow), subscribe_deny=_written(deny)
    )
    may = predicates(permissions)
    allowed = True
    if allow is not None:
        about = _groups_about(allow, subject)
        allowed = "" in about
        if queue and any(about):
            allowed = _is_named(queue, about)
    about = _groups_about(deny, subject)
    denied = "" in about or bool(queue and _is_named(queue, about))
    arguments = subject.encode(), queue.encode()
    if may.subscribe is not None:
        assert may.subscribe(*arguments) is (allowed and not denied)
    if may.deliver is not None:
        assert may.deliver(*arguments) is not denied


@given(allow=st.none() | entries, deny=entries, subject=patterns)
def test_nobody_hears_what_is_not_allowed_whatever_is_subscribed_to(allow, deny, subject):
    permissions = Permissions(
        subscribe_allow=None if allow is None else _written(allow), subscribe_deny=_written(deny)
    )
    may = predicates(permissions)
    if may.subscribe is not None and not may.subscribe(subject.encode(), b""):
        return
    for row in _expand(subject):
        heard = ".".join(row)
        if may.deliver is None or may.deliver(heard.encode(), b""):
            assert allow is None or "" in _groups_about(allow, heard)
            assert "" not in _groups_about(deny, heard)


@given(allow=st.none() | st.lists(patterns, max_size=4), deny=st.lists(patterns), subject=literals)
def test_publishing_as_the_model_has_it(allow, deny, subject):
    may = predicates(Permissions(None if allow is None else tuple(allow), tuple(deny)))
    allowed = allow is None or any(_expand(subject) <= _expand(one) for one in allow)
    denied = any(_expand(subject) <= _expand(one) for one in deny)
    assert (may.publish is None or may.publish(subject.encode())) is (allowed and not denied)
