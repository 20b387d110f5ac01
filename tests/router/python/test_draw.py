"""The random numbers behind queue groups and replies."""

from __future__ import annotations

import pytest

from pubsub.router.python.draw import Draw


def numbers(seed: int, count: int = 4) -> list[int]:
    draw = Draw(seed)
    return [draw.next() for _ in range(count)]


def test_the_first_numbers_of_seed_1() -> None:
    """x = 1, worked by hand: 1 ^ 1 << 25 = 33554433, times the multiplier, upper half."""
    product = 33554433 * 2685821657736338717 % 2**64
    assert numbers(1, 1) == [product >> 32]


def test_a_seed_decides_the_numbers() -> None:
    assert numbers(42) == numbers(42)
    assert numbers(42) != numbers(43)
    assert numbers(2**64 + 42) == numbers(42)


@pytest.mark.parametrize("seed", [0, 2**64])
def test_without_a_seed_they_differ(seed: int) -> None:
    assert numbers(seed) != numbers(seed)


def test_they_have_32_bits_and_are_spread() -> None:
    drawn = numbers(7, 3000)
    assert all(0 <= number < 2**32 for number in drawn)
    assert all(850 < sum(number % 3 == rest for number in drawn) < 1150 for rest in range(3))


def test_words_are_spelled_from_whole_numbers() -> None:
    """The same first number as above, in base 62, the lowest digit first."""
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    value = 33554433 * 2685821657736338717 % 2**64
    spelled = "".join(digits[value // 62**place % 62] for place in range(8))
    assert Draw(1).word(8) == spelled.encode()
    assert Draw(1).word(6) == spelled[:6].encode()


def test_a_word_takes_one_number() -> None:
    draw = Draw(1)
    draw.word(6)
    assert draw.next() == numbers(1, 2)[1]
