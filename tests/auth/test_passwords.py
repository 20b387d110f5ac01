from __future__ import annotations

import bcrypt
import pytest

from pubsub.auth.passwords import Secret, is_bcrypt
from pubsub.errors import InvalidOption

#: "secret", at the lowest cost
HASHED = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()


def later(deferred):
    """The result of a Deferred that has one."""
    results = []
    deferred.addBoth(results.append)
    return results[0] if results else "nothing yet"


@pytest.mark.parametrize(
    ("configured", "result"),
    [
        ("$2a$10$abc", True),
        ("$2b$04$", True),
        ("$2x$31$x", True),
        ("$2y$10$abc", True),
        ("$2c$10$abc", False),
        ("$2a$1$abc", False),
        ("2a$10$abc", False),
        ("x$2a$10$abc", False),
        ("", False),
    ],
)
def test_what_is_a_bcrypt_string(configured, result):
    assert is_bcrypt(configured) is result


@pytest.mark.parametrize(
    ("configured", "shown", "result"),
    [
        ("secret", "secret", True),
        ("secret", "secre", False),
        ("secret", "Secret", False),
        ("secret", "", False),
        ("", "", True),
        ("pässword", "pässword", True),
        ("a\ud800", "a\ud800", True),
    ],
)
def test_clear_text(configured, shown, result):
    secret = Secret(configured, "password")
    assert not secret.slow
    assert secret.matches(shown) is result


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2x$", "$2y$"])
@pytest.mark.parametrize(("shown", "result"), [("secret", True), ("other", False), ("", False)])
def test_bcrypt(threads, prefix, shown, result):
    secret = Secret(prefix + HASHED[4:], "password")
    assert secret.slow
    assert later(secret.matches_later(shown, threads)) is result


def test_the_bcrypt_string_is_not_the_password(threads):
    assert later(Secret(HASHED, "password").matches_later(HASHED, threads)) is False


def test_bytes_after_the_72nd_do_not_count(threads):
    """bcrypt never saw them, and Go's does not mind."""
    hashed = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()
    assert later(Secret(hashed, "password").matches_later("x" * 100, threads)) is True


def test_a_broken_bcrypt_string_matches_nothing(threads):
    assert later(Secret("$2a$10$short", "password").matches_later("x", threads)) is False


@pytest.mark.parametrize("cost", ["00", "03", "18", "31", "99"])
def test_costs_nobody_can_wait_for_are_refused(cost):
    with pytest.raises(InvalidOption, match=r"password: bcrypt cost \d+ is not between 4 and 17"):
        Secret(f"$2a${cost}$abc", "password")


def test_who_was_right_before_is_recognised_at_once(threads):
    secret = Secret(HASHED, "password")
    later(secret.matches_later("secret", threads))
    assert later(secret.matches_later("secret", threads)) is True
    assert threads.calls == 1
    assert later(secret.matches_later("other", threads)) is False
    assert threads.calls == 2


def test_a_crowd_with_the_same_password_is_checked_a_few_times_only(threads):
    threads.hold()
    secret = Secret(HASHED, "password")
    answers = [secret.matches_later("secret", threads) for _ in range(50)]
    assert threads.calls == 4
    for _ in range(4):
        threads.go()
    assert [later(answer) for answer in answers] == [True] * 50
    assert threads.calls == 4
