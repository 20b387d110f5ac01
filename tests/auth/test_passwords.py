from __future__ import annotations

import sys

import bcrypt
import pytest
from argon2.low_level import Type, hash_secret

from pubsub.auth import passwords
from pubsub.auth.passwords import Secret, is_argon2, is_bcrypt, is_hash
from pubsub.auth.slowwork import SlowWork
from pubsub.errors import InvalidOption

#: "secret", at the lowest cost
HASHED = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()


def hashed(text="secret", kind=Type.ID):
    """The argon2 string of a password, at the lowest cost."""
    return hash_secret(text.encode(), b"salt" * 4, 1, 8, 1, 16, kind).decode()


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
    ("configured", "result"),
    [
        ("$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA", True),
        ("$argon2i$", True),
        ("$argon2d$x", True),
        ("$argon2$x", False),
        ("argon2id$x", False),
        ("$2a$10$abc", False),
        ("", False),
    ],
)
def test_what_is_an_argon2_string(configured, result):
    assert is_argon2(configured) is result
    assert is_hash(configured) is (result or is_bcrypt(configured))


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


def test_a_crowd_with_the_same_password_is_checked_a_few_times_only(threads, monkeypatch):
    checked = []
    right = passwords._check_bcrypt
    monkeypatch.setattr(passwords, "_check_bcrypt", lambda *a: checked.append(a) or right(*a))
    threads.hold()
    secret = Secret(HASHED, "password")
    work = SlowWork(threads)
    answers = [secret.matches_later("secret", work) for _ in range(50)]
    while threads.held:
        threads.go()
    assert [later(answer) for answer in answers] == [True] * 50
    assert len(checked) == 1


class TestArgon2:
    @pytest.mark.parametrize("kind", list(Type))
    @pytest.mark.parametrize(("shown", "result"), [("secret", True), ("other", False), ("", False)])
    def test_every_kind(self, threads, kind, shown, result):
        secret = Secret(hashed(kind=kind), "password")
        assert secret.slow
        assert later(secret.matches_later(shown, threads)) is result

    def test_long_and_strange_passwords(self, threads):
        text = "pä\x00" * 100
        secret = Secret(hashed(text), "password")
        assert later(secret.matches_later(text, threads)) is True
        assert later(secret.matches_later(text[:-1], threads)) is False

    def test_who_was_right_before_is_recognised_at_once(self, threads):
        secret = Secret(hashed(), "password")
        later(secret.matches_later("secret", threads))
        later(secret.matches_later("secret", threads))
        assert threads.calls == 1

    @pytest.mark.parametrize(
        "parameters",
        [
            "m=4294967295,t=1,p=1",
            "m=262145,t=1,p=1",
            "m=262144,t=9,p=1",
            "m=8,t=4294967295,p=1",
            "m=4096,t=1,p=17",
            "m=99999999999,t=1,p=1",
        ],
    )
    def test_bombs_are_refused(self, parameters):
        text = hashed().split("$")
        text[3] = parameters
        with pytest.raises(InvalidOption, match="password: ") as refused:
            Secret("$".join(text), "password")
        assert text[-1] not in str(refused.value)

    @pytest.mark.parametrize(
        "text",
        [
            "$argon2id$",
            "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ",
            "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$!!!!!!!!!!!!!!!!!!!",
            "$argon2id$v=99$m=64,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=7,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=64,t=0,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=64,t=1,p=0$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=64,t=1,p=1$" + "A" * 1000 + "$AAAAAAAAAAAAAAAAAAAAAA",
        ],
    )
    def test_what_cannot_be_checked_is_refused_at_once(self, text):
        with pytest.raises(InvalidOption, match="password: "):
            Secret(text, "password")

    def test_a_broken_string_matches_nothing(self, threads):
        # one letter of base64 too many
        secret = Secret("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$" + "A" * 21, "password")
        assert later(secret.matches_later("secret", threads)) is False

    def test_without_the_library_it_is_said_how_to_get_it(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "argon2", None)
        with pytest.raises(InvalidOption, match=r"pip install 'txpubsub\[argon2\]'"):
            Secret(hashed(), "password")


@pytest.mark.parametrize("make", [lambda: HASHED, hashed])
def test_a_decoy_costs_the_same_and_matches_nothing(threads, make):
    secret = Secret(make(), "password")
    decoy = secret.decoy()
    assert decoy.slow
    assert parameters_of(decoy) == parameters_of(secret)
    assert later(decoy.matches_later("secret", threads)) is False
    assert threads.calls == 1


def parameters_of(secret):
    """All but salt and digest."""
    return secret._hashed.decode().split("$")[1:-1][:3]


def test_what_can_be_printed_holds_no_password():
    assert "secret" not in repr(Secret("secret", "password"))
