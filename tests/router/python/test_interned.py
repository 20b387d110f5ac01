"""Helpers that are shared by all who use one foreign object."""

from __future__ import annotations

import gc

from pubsub.router.python.interned import Interned


class Helper:
    made = 0

    def __init__(self, key: list[int]) -> None:
        self.key = key
        Helper.made += 1


def test_a_helper_is_shared_as_long_as_somebody_has_it() -> None:
    interned = Interned(Helper)
    one, equal = [1], [1]
    helper = interned(one)
    assert interned(one) is helper
    assert interned(equal) is not helper, "identity counts: keys need not be hashable"
    made = Helper.made
    del helper
    gc.collect()
    interned(one)
    assert Helper.made == made + 1
