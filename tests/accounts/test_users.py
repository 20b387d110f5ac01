"""The table of users: by name and by key, told when one changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pubsub.accounts.users import Users, user_key
from pubsub.errors import ConfigError
from pubsub.values.accounts import UserOptions

ANNA = UserOptions(user="anna", password="a")
BOB = UserOptions(user="bob", password="b", account="B")
KEY = UserOptions(nkey="UKEY", account="B")


def listening(users: Users) -> list[tuple[str, UserOptions | None]]:
    told: list[tuple[str, UserOptions | None]] = []
    users.listen(lambda key, user: told.append((key, user)))
    return told


def test_users_are_found_by_name_and_by_key() -> None:
    """A name is no key and a key is no name, but ``find`` takes both."""
    users = Users([ANNA, KEY, BOB])
    assert users.by_name("anna") is ANNA
    assert users.by_name("UKEY") is None
    assert users.by_nkey("UKEY") is KEY
    assert users.by_nkey("anna") is None
    assert users.find("UKEY") is KEY
    assert users.find("bob") is BOB
    assert users.find("eve") is None
    assert list(users) == [ANNA, BOB, KEY]
    assert len(users) == 3


def test_a_user_is_known_by_its_key_rather_than_its_name() -> None:
    """nats-server shows the key as the user."""
    assert user_key(KEY) == "UKEY"
    assert user_key(ANNA) == "anna"


def test_added_users_are_told_once() -> None:
    """Adding what is there already changes nothing."""
    users = Users()
    told = listening(users)
    users.add(ANNA)
    users.add(ANNA)
    users.add(KEY)
    louder = replace(ANNA, password="other")
    users.add(louder)
    assert told == [("anna", ANNA), ("UKEY", KEY), ("anna", louder)]
    assert users.by_name("anna") is louder


def test_dropped_users_are_gone() -> None:
    """By name and by key; an unknown one is not told."""
    users = Users([ANNA, KEY])
    told = listening(users)
    assert users.drop("anna")
    assert users.drop("UKEY")
    assert not users.drop("anna")
    assert told == [("anna", None), ("UKEY", None)]
    assert not len(users)


def test_replacing_all_tells_only_what_differs() -> None:
    """Those who stay as they are need not be looked after."""
    users = Users([ANNA, BOB])
    told = listening(users)
    moved = replace(BOB, account="C")
    users.replace_all([moved, KEY, ANNA])
    assert told == [("bob", moved), ("UKEY", KEY)]
    users.replace_all([ANNA])
    assert told[2:] == [("bob", None), ("UKEY", None)]


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ([BOB, replace(BOB, account="B")], "Duplicate user 'bob' detected"),
        ([KEY, KEY], "Duplicate user 'UKEY' detected"),
        ([UserOptions()], "A user needs a name or an nkey"),
    ],
)
def test_wrong_lists_change_nothing(wrong: list[UserOptions], text: str) -> None:
    """All or nothing, and nobody is told."""
    users = Users([ANNA])
    told = listening(users)
    with pytest.raises(ConfigError, match=text):
        users.replace_all(wrong)
    assert list(users) == [ANNA]
    assert told == []


def test_a_nameless_user_cannot_be_added() -> None:
    """It would be found by an empty CONNECT."""
    users = Users()
    with pytest.raises(ConfigError):
        users.add(UserOptions(password="secret"))
    assert not len(users)


def test_passwords_are_in_no_representation() -> None:
    """Tables end up in logs."""
    assert "secret" not in repr(list(Users([UserOptions(user="x", password="secret")])))
