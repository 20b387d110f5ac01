from __future__ import annotations

import pytest

from pubsub.auth.jwt.keys import KeyPair
from pubsub.auth.jwt.operators import TrustedOperators, system_account_of
from pubsub.config.options import Options
from pubsub.errors import InvalidOption
from tests.auth.jwt.world import World


def test_an_operator_and_its_signing_keys_are_trusted():
    w = World()
    trust = TrustedOperators([w.operator_jwt()])
    for key in (w.operator.public_key, w.operator_key.public_key):
        assert trust.trusts(key)
        assert trust.may_delete(key)
        assert not trust.is_strict(key)
        assert not trust.refuses(key)
    stranger = KeyPair.generate("O").public_key
    assert not trust.trusts(stranger)
    assert not trust.may_delete(stranger)
    assert trust.system_account == w.system.public_key


def test_an_operator_that_insists_on_signing_keys_is_not_trusted_itself():
    w = World(strict=True)
    trust = TrustedOperators([w.operator_jwt()])
    assert not trust.trusts(w.operator.public_key)
    assert not trust.may_delete(w.operator.public_key)
    assert trust.refuses(w.operator.public_key)
    assert trust.trusts(w.operator_key.public_key)
    assert trust.may_delete(w.operator_key.public_key)
    assert trust.is_strict(w.operator_key.public_key)
    assert not trust.refuses(w.operator_key.public_key)


def test_several_operators():
    first, second = World(strict=True), World()
    trust = TrustedOperators([first.operator_jwt(), second.operator_jwt()])
    assert trust.trusts(second.operator.public_key)
    assert not trust.is_strict(second.operator_key.public_key)
    # accounts are deleted by the first alone
    assert not trust.may_delete(second.operator.public_key)
    assert trust.system_account == first.system.public_key


def test_keys_without_a_jwt():
    key = KeyPair.generate("O").public_key
    trust = TrustedOperators(trusted_keys=[key])
    assert trust.trusts(key)
    assert not trust.may_delete(key)
    assert not trust.refuses(key)
    assert trust.system_account == ""


@pytest.mark.parametrize(
    ("operators", "keys"),
    [
        (["nonsense"], []),
        ([World().account_jwt()], []),
        ([World().operator_jwt(signing_keys=[KeyPair.generate("A").public_key])], []),
        ([], [KeyPair.generate("A").public_key]),
        ([], ["x"]),
    ],
)
def test_what_cannot_be_trusted(operators, keys):
    with pytest.raises(InvalidOption):
        TrustedOperators(operators, keys)


def test_the_system_account():
    w = World()
    operator = (w.operator_jwt(),)
    assert system_account_of(Options()) == "$SYS"
    assert system_account_of(Options(operator=operator)) == w.system.public_key
    assert system_account_of(Options(operator=operator, system_account="X")) == "X"
    assert system_account_of(Options(operator=("nonsense",))) == "$SYS"
    silent = (w.operator_jwt(system_account=""),)
    assert system_account_of(Options(operator=silent)) == "$SYS"
