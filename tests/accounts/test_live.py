"""What a program may change while the server runs, and what of it a reload leaves."""

from __future__ import annotations

import pytest

from pubsub.accounts.live import LiveAccounts
from pubsub.accounts.users import Users
from pubsub.errors import ClosedState, ConfigError
from pubsub.values.accounts import AccountLimits, AccountOptions, UserOptions
from tests.accounts.fakes import World

ANNA = UserOptions("anna", "a", account="A")
KEY = UserOptions(nkey="UKEY", account="A")
A, B = AccountOptions("A"), AccountOptions("B")


class Living(World):
    """Accounts and users over a router that only remembers."""

    def __init__(self, *configured: AccountOptions) -> None:
        super().__init__(*configured)
        self.users = Users()
        self.flushed = 0
        self.live = LiveAccounts(self.accounts, self.users, self._flush)

    def _flush(self) -> None:
        self.flushed += 1


def test_users_come_and_go() -> None:
    """By name and by key."""
    world = Living(A)
    world.live.add_user(ANNA)
    world.live.add_user(KEY)
    assert list(world.live.users()) == [ANNA, KEY]
    assert list(world.live.users("A")) == [ANNA, KEY]
    assert list(world.live.users("$G")) == []
    assert world.live.find_user("UKEY") is KEY
    assert world.users.by_name("anna") is ANNA
    assert world.live.drop_user("anna")
    assert world.live.drop_user("UKEY")
    assert not world.live.drop_user("anna")
    assert not len(world.users)
    assert world.flushed == 4


def test_a_user_needs_its_account() -> None:
    """Else it could never connect."""
    world = Living()
    with pytest.raises(ConfigError, match='user "anna": account "A" does not exist'):
        world.live.add_user(ANNA)
    assert not len(world.users)


def test_accounts_come_and_change() -> None:
    """Their clients with them."""
    world = Living()
    world.live.set_account(A)
    client = world.client("A")
    limited = AccountOptions("A", limits=AccountLimits(max_payload=1))
    world.live.set_account(limited)
    assert client.happened == [limited]
    assert world.live.find_account("A") is limited
    assert world.live.connections("A") == 1
    assert [account.name for account in world.live.accounts()] == ["$G", "$SYS", "A"]


def test_an_account_goes_with_its_users_and_clients() -> None:
    """Without a word, as on a reload."""
    world = Living(A, B)
    world.live.add_user(ANNA)
    world.live.add_user(UserOptions("bob", "b", account="B"))
    client = world.client("A")
    assert world.live.drop_account("A")
    assert client.happened == [ClosedState.CLIENT_CLOSED]
    assert [user.user for user in world.live.users()] == ["bob"]
    assert world.accounts.find("A") is None
    assert not world.live.drop_account("A")


@pytest.mark.parametrize("name", ["$G", "$SYS"])
def test_some_accounts_stay(name: str) -> None:
    """No server can be without them."""
    with pytest.raises(ConfigError, match="cannot be dropped"):
        Living().live.drop_account(name)


def test_what_the_program_says_stays_in_force() -> None:
    """A reload changes the rest."""
    world = Living(A, B)
    changed = UserOptions("bob", "new", account="A")
    world.live.add_user(ANNA)
    world.live.add_user(changed)
    world.live.set_account(AccountOptions("N"))
    configured = [UserOptions("bob", "old", account="B"), UserOptions("eve", "e", account="B")]
    assert list(world.live.with_users(configured)) == [configured[1], ANNA, changed]
    assert list(world.live.with_accounts([A, B])) == [A, B, AccountOptions("N")]


def test_what_the_program_dropped_does_not_come_back() -> None:
    """With a dropped account its users, those to come included."""
    world = Living(A, B)
    world.live.add_user(ANNA)
    world.live.drop_user("anna")
    world.live.drop_account("B")
    configured = [ANNA, UserOptions("new", "n", account="B"), KEY]
    assert list(world.live.with_users(configured)) == [KEY]
    assert list(world.live.with_accounts([A, B])) == [A]
    world.live.set_account(B)
    assert list(world.live.with_accounts([A, B])) == [A, B]


def test_a_program_that_says_nothing_changes_nothing() -> None:
    """Most do not."""
    world = Living(A)
    assert list(world.live.with_users([ANNA])) == [ANNA]
    assert list(world.live.with_accounts([A])) == [A]
