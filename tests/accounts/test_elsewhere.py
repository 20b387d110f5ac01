"""How many clients and leaf nodes others have: sums of the last that each has said."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pubsub.accounts.elsewhere import Elsewhere


def sums(elsewhere: Elsewhere, account: str = "A") -> tuple[int, int]:
    return elsewhere.clients(account), elsewhere.leafnodes(account)


def test_what_servers_say_is_added_up() -> None:
    """By account; what a server says again counts once."""
    elsewhere = Elsewhere()
    assert sums(elsewhere) == (0, 0)
    elsewhere.says("NB", "A", 2, 1)
    elsewhere.says("NC", "A", 3, 0)
    elsewhere.says("NB", "B", 5, 5)
    assert sums(elsewhere) == (5, 1)
    elsewhere.says("NB", "A", 1, 4)
    assert sums(elsewhere) == (4, 4)


def test_a_server_that_is_gone_has_none_of_any_account() -> None:
    elsewhere = Elsewhere()
    elsewhere.says("NB", "A", 2, 1)
    elsewhere.says("NC", "A", 3, 0)
    elsewhere.says("NB", "B", 5, 5)
    elsewhere.server_gone("NB")
    elsewhere.server_gone("NX")
    assert (sums(elsewhere), sums(elsewhere, "B")) == ((3, 0), (0, 0))


def test_an_account_that_is_gone_is_forgotten() -> None:
    """If it comes back, nothing is known of it."""
    elsewhere = Elsewhere()
    elsewhere.says("NB", "A", 2, 1)
    elsewhere.account_gone("A")
    elsewhere.account_gone("A")
    assert sums(elsewhere) == (0, 0)
    elsewhere.says("NB", "A", 1, 1)
    assert sums(elsewhere) == (1, 1)


_NAMES = st.sampled_from("XYZ")
_SMALL = st.integers(0, 3)


@given(st.lists(st.tuples(_NAMES, st.sampled_from("AB"), _SMALL, _SMALL) | _NAMES))
def test_nothing_is_kept_of_servers_without_any(
    steps: list[tuple[str, str, int, int] | str],
) -> None:
    """Whatever is said in whatever order: the sums are right, and memory is for what there is."""
    elsewhere = Elsewhere()
    model: dict[tuple[str, str], tuple[int, int]] = {}
    for step in steps:
        if isinstance(step, str):
            elsewhere.server_gone(step)
            model = {key: value for key, value in model.items() if key[0] != step}
        else:
            server, account, *numbers = step
            elsewhere.says(server, account, numbers[0], numbers[1])
            model[server, account] = (numbers[0], numbers[1])
    clients, leafs = Counter[str](), Counter[str]()
    for (_, account), (some, others) in model.items():
        clients[account] += some
        leafs[account] += others
    for account in "AB":
        assert sums(elsewhere, account) == (clients[account], leafs[account])
    kept = {(s, a) for a, servers in elsewhere._said.items() for s in servers}
    assert kept == {key for key, value in model.items() if value != (0, 0)}
    assert all(elsewhere._said.values())
    assert set(elsewhere._sums) == set(elsewhere._said)
