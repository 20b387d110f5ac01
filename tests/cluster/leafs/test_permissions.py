"""What may cross a leaf node link."""

from __future__ import annotations

import pytest

from pubsub.cluster.leafs.domains import Denied
from pubsub.cluster.leafs.permissions import LeafPermissions, as_accepted, as_solicited
from pubsub.values.identity import Permissions

USER = Permissions(
    publish_allow=("in.>", "both"),
    publish_deny=("in.not",),
    subscribe_allow=("out.>", "both", "grouped q"),
    subscribe_deny=("out.not",),
)


def comes(permissions: LeafPermissions, subject: bytes) -> bool:
    return permissions.receive is None or permissions.receive(subject)


def goes(permissions: LeafPermissions, subject: bytes) -> bool:
    return permissions.deliver is None or permissions.deliver(subject, b"")


def test_without_permissions_everything_crosses_but_what_is_denied_for_jetstream() -> None:
    jetstream = Denied(("$JS.API.>", "$KV.>"), ("$JS.here.API.>",))
    for permissions in (
        as_accepted(None, (), jetstream),
        as_solicited(None, None, (), (), jetstream),
    ):
        assert goes(permissions, b"a.b")
        assert not goes(permissions, b"$JS.API.INFO")
        assert not goes(permissions, b"$JS.here.API.INFO")
        assert permissions.may_announce(b"a.>")
        assert permissions.may_announce(b"$JS.here.API.INFO")
        assert not permissions.may_announce(b"$KV.x")
        assert comes(permissions, b"a.b")
        assert permissions.may_want(b"a.b")
    assert as_accepted(None, ()).deliver is None
    assert as_solicited(None, None, (), ()).receive is None


def test_of_replies_that_crossed_gateways_the_rest_counts() -> None:
    accepted = as_accepted(USER, ())
    for prefix in (b"_GR_.cccccc.ssssss.", b"$GR.cccc."):
        assert comes(accepted, prefix + b"in.x")
        assert not comes(accepted, prefix + b"in.not")
        assert goes(accepted, prefix + b"out.x")
        assert not goes(accepted, prefix + b"in.x")
        assert not comes(accepted, prefix)
    assert not comes(accepted, b"$GR.cccc")
    assert not comes(accepted, b"_GR_.cccccc.ssssss")


def test_a_denial_may_be_for_one_queue_group() -> None:
    permissions = as_accepted(Permissions(subscribe_deny=("jobs.* slow",)), ())
    assert permissions.deliver is not None
    assert permissions.deliver(b"jobs.x", b"")
    assert permissions.deliver(b"jobs.x", b"fast")
    assert not permissions.deliver(b"jobs.x", b"slow")
    assert permissions.deliver(b"other", b"slow")


def test_the_accepting_end_reverses_what_a_user_may_do() -> None:
    permissions = as_accepted(USER, ("out.unwanted",))
    assert [comes(permissions, each) for each in (b"in.x", b"both", b"in.not", b"out.x")] == [
        True, True, False, False,
    ]  # fmt: skip
    subjects = (b"out.x", b"both", b"out.not", b"out.unwanted", b"in.x", b"grouped")
    assert [goes(permissions, each) for each in subjects] == [
        True, True, False, False, False, False,
    ]  # fmt: skip
    assert permissions.user is USER


def test_the_connecting_end_adds_its_own_denials() -> None:
    permissions = as_solicited((("in.>",), ("in.not",)), (None, ("out.not",)), ("in.no",), ("o",))
    assert [comes(permissions, each) for each in (b"in.x", b"in.not", b"in.no", b"x")] == [
        True, False, False, False,
    ]  # fmt: skip
    assert [goes(permissions, each) for each in (b"x", b"out.not", b"o")] == [True, False, False]


@pytest.mark.parametrize("subject", [b"_R_.x.y", b"$JS.ACK.s.c"])
def test_answers_and_acknowledgements_always_come(subject: bytes) -> None:
    assert comes(as_accepted(USER, ()), subject)


@pytest.mark.parametrize(
    ("subject", "may"),
    [
        (b"in.x", True),
        (b"in.*", True),
        (b">", True),
        (b"*.x", True),
        (b"in.not", False),
        (b"elsewhere", False),
        (b"elsewhere.>", False),
        (b"$LDS.x", True),
        (b"_GR_.x", True),
    ],
)
def test_interest_may_be_broader_than_what_is_allowed(subject: bytes, may: bool) -> None:
    assert as_accepted(USER, ()).may_announce(subject) is may


def test_equal_permissions_have_the_same_predicates() -> None:
    one, other = as_accepted(USER, ("x",)), as_accepted(USER, ("x",))
    assert one.receive is other.receive
    assert one.deliver is other.deliver
