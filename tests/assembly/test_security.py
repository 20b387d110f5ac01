"""Accounts, users and authenticators of a server, and what a reload and a program make of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_twisted

from pubsub.assembly.security import accounts_of, check_accounts, new_nonce, system_account_of
from pubsub.config.build import configure
from pubsub.config.options import Options
from pubsub.errors import ConfigError
from pubsub.values.accounts import (
    AccountOptions,
    MappingEntry,
    ServiceExport,
    StreamImport,
    UserOptions,
    WeightedDestination,
)
from tests.server.conftest import Serve, router, serve

__all__ = ["router", "serve"]

TO_B = MappingEntry("a", (WeightedDestination("b"),))
TO_C = MappingEntry("x", (WeightedDestination("c"),))


def test_no_two_nonces_are_alike_and_all_can_be_written_in_info() -> None:
    nonces = {new_nonce() for _ in range(100)}
    assert len(nonces) == 100
    assert {len(nonce) for nonce in nonces} == {15}


def test_mappings_of_the_top_level_are_the_global_accounts() -> None:
    assert list(accounts_of(Options())) == []
    assert list(accounts_of(Options(mappings=(TO_B,)))) == [AccountOptions("$G", mappings=(TO_B,))]
    both = Options(mappings=(TO_B,), accounts=(AccountOptions("$G", mappings=(TO_C,)),))
    assert list(accounts_of(both)) == [AccountOptions("$G", mappings=(TO_B, TO_C))]


def test_a_server_may_be_without_a_system_account() -> None:
    assert system_account_of(Options()) == "$SYS"
    assert system_account_of(Options(system_account="ADM")) == "ADM"
    assert system_account_of(Options(no_system_account=True)) == ""


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        ("imports: [\n  {stream: {account: B, subject: s}}]", "f.conf:4:3: .*not authorized"),
        ("imports: [\n  {stream: {account: C, subject: s}}]", "f.conf:4:3: .*not defined"),
        ("mappings: {\n  a: b.$1}", "f.conf:.*mapping"),
    ],
)
def test_accounts_that_cannot_be_are_refused_at_their_place(lines: str, wrong: str) -> None:
    text = f"accounts {{ B {{}}\n A {{\n  {lines}\n }} }}\n"

    def load() -> None:
        loaded = configure(text=text, path="f.conf")
        check_accounts(loaded.options, loaded.places)

    with pytest.raises(ConfigError, match=wrong):
        load()


def test_accounts_that_can_be_are_not() -> None:
    imports = "imports: [{stream: {account: B, subject: s}}]"
    text = f"accounts {{ B {{ exports: [{{stream: s}}] }}, A {{ {imports} }} }}"
    loaded = configure(text=text, path="f.conf")
    check_accounts(loaded.options, loaded.places)


@pytest_twisted.ensureDeferred
async def test_a_reload_leaves_what_a_program_has_said(serve: Serve, tmp_path: Path) -> None:
    accounts = (AccountOptions("A"), AccountOptions("B"))
    one = await serve(accounts=accounts, users=(UserOptions("u", "x", account="A"),))
    security = one.server.security
    security.live.set_account(AccountOptions("P", exports=(ServiceExport("help"),)))
    security.live.add_user(UserOptions("p", "y", account="P"))
    security.live.drop_user("u")
    new = Options(accounts=accounts[:1], users=(UserOptions("u", "x", account="A"),))
    security.check(new)
    security.change_accounts(new)
    security.change_users(new)
    assert set(security.accounts.names()) == {"$G", "$SYS", "A", "P"}
    assert [user.user for user in security.users] == ["p"]


@pytest_twisted.ensureDeferred
async def test_what_cannot_be_is_found_before_anything_changes(serve: Serve) -> None:
    one = await serve(accounts=(AccountOptions("A"),))
    security = one.server.security
    bad = AccountOptions("B", imports=(StreamImport("A", "nothing"),))
    with pytest.raises(ConfigError, match="not authorized"):
        security.check(Options(accounts=(AccountOptions("A"), bad)))
    assert "B" not in security.accounts.names()
