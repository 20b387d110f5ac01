from __future__ import annotations

import pytest

from pubsub.auth.jwt.account_claims import AccountClaims
from pubsub.auth.jwt.claims import PermissionClaims, UserClaims
from pubsub.auth.jwt.templates import MAX_EXPANSIONS, expand
from pubsub.errors import AuthenticationFailed

USER = UserClaims(
    issuer="AKEY", subject="USUB", name="bob", issuer_account="ASUB",
    tags=("dept:sales", "dept:ops", "site:b", "plain"),
)  # fmt: skip
ACCOUNT = AccountClaims(issuer="O", subject="ASUB", name="acme", tags=("zone:eu", "zone:us"))


def filled(**lists):
    return expand(PermissionClaims(**{name: tuple(v) for name, v in lists.items()}), USER, ACCOUNT)


@pytest.mark.parametrize(
    ("entry", "subjects"),
    [
        ("a.b", ["a.b"]),
        ("a.{{name()}}", ["a.bob"]),
        ("a.{{ NAME() }}.>", ["a.bob.>"]),
        ("{{subject()}}.{{account-name()}}.{{account-subject()}}", ["USUB.acme.ASUB"]),
        ("{{name()}}.{{name()}}", ["bob.bob"]),
        ("x{{name()}}y", ["xboby"]),
        ("a.{{tag(dept)}}", ["a.sales", "a.ops"]),
        ("a.{{tag(DEPT)}}", ["a.sales", "a.ops"]),
        ("{{tag(dept)}}.{{tag(site)}}", ["sales.b", "ops.b"]),
        ("{{account-tag(zone)}}.{{name()}}", ["eu.bob", "us.bob"]),
        ("{{tag(site)}}.{{account-tag(zone)}}", ["b.eu", "b.us"]),
    ],
)
def test_blanks_are_filled(entry, subjects):
    for name in ("publish_allow", "publish_deny", "subscribe_allow", "subscribe_deny"):
        assert getattr(filled(**{name: [entry]}), name) == tuple(subjects)


def test_without_blanks_nothing_is_looked_at():
    assert filled(subscribe_allow=["a q", "b..c"]).subscribe_allow == ("a q", "b..c")


def test_an_allowed_subject_that_cannot_be_is_left_out():
    entries = ["a.{{tag(none)}}", "b.{{name()}}"]
    assert filled(publish_allow=entries).publish_allow == ("b.bob",)


def test_tags_are_asked_for_in_small_letters():
    """nats-server's: another spelling is known, and never finds anything."""
    entries = ["a.{{TAG(dept)}}", "a.{{Account-Tag(zone)}}", "b.{{name()}}"]
    assert filled(publish_allow=entries).publish_allow == ("b.bob",)


def test_beside_a_blank_a_queue_is_no_subject():
    """nats-server's: once a list has a blank, all of it must be subjects."""
    assert filled(subscribe_allow=["a.{{name()}}", "b q"]).subscribe_allow == ("a.bob",)


@pytest.mark.parametrize("name", ["publish", "subscribe"])
def test_where_nothing_is_left_to_be_allowed_all_is_denied(name):
    permissions = filled(**{f"{name}_allow": ["a.{{tag(none)}}"]})
    assert getattr(permissions, f"{name}_allow") == ()
    assert getattr(permissions, f"{name}_deny") == (">",)


@pytest.mark.parametrize("name", ["publish_deny", "subscribe_deny"])
@pytest.mark.parametrize("entry", ["a.{{tag(none)}}", "a.{{account-tag(none)}}", "{{name()}} q"])
def test_a_denied_subject_that_cannot_be_refuses(name, entry):
    with pytest.raises(AuthenticationFailed):
        filled(**{name: [entry]})


@pytest.mark.parametrize("operation", ["colour()", "name", "tag", "tag(x", "account()", "  "])
def test_an_unknown_operation_refuses(operation):
    with pytest.raises(AuthenticationFailed, match="unknown operation"):
        filled(publish_allow=["a.{{" + operation + "}}"])


def user_with(count):
    return UserClaims(issuer="A", subject="U", tags=tuple(f"x:{n}" for n in range(count)))


@pytest.mark.parametrize(
    ("count", "entries"),
    [
        (64, ["{{tag(x)}}.{{tag(x)}}"]),
        (16, ["{{tag(x)}}.{{tag(x)}}.{{tag(x)}}"]),
        (4095, ["{{tag(x)}}", "b.{{subject()}}"]),
    ],
)
def test_as_many_as_there_may_be(count, entries):
    permissions = expand(PermissionClaims(publish_allow=tuple(entries)), user_with(count), ACCOUNT)
    assert len(permissions.publish_allow) == MAX_EXPANSIONS


@pytest.mark.parametrize(
    ("count", "entries"),
    [
        (65, ["{{tag(x)}}.{{tag(x)}}"]),
        (64, ["{{tag(x)}}.{{tag(x)}}", "b"]),
        (64, ["{{tag(x)}}." * 60 + "a"]),
        (MAX_EXPANSIONS + 1, ["{{tag(x)}}"]),
    ],
)
def test_more_than_there_may_be(count, entries):
    with pytest.raises(AuthenticationFailed, match="exceeds limit: 4096"):
        expand(PermissionClaims(publish_allow=tuple(entries)), user_with(count), ACCOUNT)


def test_what_fills_a_blank_may_not_break_the_subject():
    user = UserClaims(issuer="A", subject="U", name="a b")
    permissions = expand(PermissionClaims(publish_allow=("x.{{name()}}",)), user, ACCOUNT)
    assert permissions.publish_allow == ()
    assert permissions.publish_deny == (">",)


def test_braces_without_end_cost_little():
    """Quadratic work would be felt here: 1e10 steps."""
    assert filled(publish_allow=["{" * 100_000]).publish_allow == ("{" * 100_000,)
    assert filled(publish_allow=["{{a" * 50_000]).publish_allow == ("{{a" * 50_000,)
