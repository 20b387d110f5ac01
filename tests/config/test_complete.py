"""What only the whole file tells."""

from __future__ import annotations

import pytest

from pubsub.config.build import configure
from pubsub.config.complete import IMPLIED_USER
from pubsub.config.options import Options, ResolverOptions
from pubsub.errors import ConfigErrors, InvalidOption
from pubsub.values.accounts import UserOptions
from tests.config.minted import ACCOUNT, OTHER_ACCOUNT, SEED, USER, jwt

OPERATOR_JWT = jwt("operator", system_account=ACCOUNT, account_server_url="https://h/jwt/v1/")
FILES = {
    "/o.jwt": OPERATOR_JWT.encode(),
    "/o.creds": f"-----BEGIN X-----\n{OPERATOR_JWT}\n------END X------\n".encode(),
    "/empty": b"",
    "/binary": b"\xff",
}


def read_file(path: str) -> bytes:
    if path not in FILES:
        raise FileNotFoundError(2, "No such file or directory")
    return FILES[path]


def options(text: str) -> Options:
    return configure(text=text, path="f", read_file=read_file).options


def complaints(text: str) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        options(text)
    return list(map(str, caught.value.errors))


class TestUsers:
    def test_nobody_is_called_as_somebody_else(self) -> None:
        users = f"[ {{user: a}}\n {{nkey: {USER}}}\n {{user: {USER}}}\n {{user: a}} ]"
        theirs = f"[ {{user: a}}\n {{user: b}}\n {{nkey: {USER}}} ]"
        text = f"authorization {{ users: {users} }}\naccounts {{ A {{ users: {theirs} }} }}"
        assert complaints(text) == [
            f'f:3:2: Duplicate user "{USER}" detected',
            'f:4:2: Duplicate user "a" detected',
            'f:5:25: Duplicate user "a" detected',
            f'f:7:2: Duplicate nkey "{USER}" detected',
        ]

    def test_users_of_accounts_exclude_a_single_user_and_a_token(self) -> None:
        accounts = "accounts { A { users: [ {user: a} ] } }"
        for order in ("{0}; {1}", "{1}; {0}"):
            with pytest.raises(InvalidOption, match="Can not have a single user/pass and accounts"):
                options(order.format(accounts, "authorization { user: x, password: y }"))
            with pytest.raises(InvalidOption, match="Can not have a token and accounts"):
                options(order.format(accounts, "authorization { token: y }"))
        assert options("accounts { A {} }; authorization { user: x }").users == ()

    def test_a_flag_may_name_a_user_who_is_not_asked_for(self) -> None:
        flags = {"authorization.user": "x"}
        loaded = configure(text="authorization { users: [ {user: a} ] }", flags=flags)
        assert loaded.options.authorization.user == "x"
        assert len(loaded.options.users) == 1


class TestImpliedUser:
    @pytest.mark.parametrize(
        "text",
        [
            'accounts { "$SYS" { users: [ {user: s} ] } }',
            'accounts { "$SYS" {} }',
            "accounts { S { users: [ {user: s} ] } }; system_account: S",
            'accounts: [ "$SYS" ]',
        ],
    )
    def test_with_users_for_the_system_alone_all_others_are_welcome(self, text: str) -> None:
        given = options(text)
        assert given.no_auth_user == IMPLIED_USER
        assert given.users[-1] == UserOptions(IMPLIED_USER, IMPLIED_USER)
        assert given.users[-1].account == "$G"

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "accounts { A { users: [ {user: s} ] } }",
            'accounts { "$SYS" { users: [ {user: s} ] }, A {} }',
            'accounts { "$SYS" { users: [ {user: s} ] } }; authorization {}',
            'accounts { "$SYS" { users: [ {user: s} ] } }; no_auth_user: s',
        ],
    )
    def test_otherwise_they_are_not(self, text: str) -> None:
        assert options(text).no_auth_user in ("", "s")
        assert all(user.user != IMPLIED_USER for user in options(text).users)


class TestOperators:
    @pytest.mark.parametrize("where", ["/o.jwt", "/o.creds", OPERATOR_JWT, f"[ {OPERATOR_JWT} ]"])
    def test_a_jwt_may_be_in_a_file(self, where: str) -> None:
        where = f'"{where}"' if where.startswith("/") else where
        given = options(f"operator: {where}; resolver: MEM")
        assert given.operator == (OPERATOR_JWT,)

    def test_one_operator_knows_where_accounts_are_and_which_is_the_systems(self) -> None:
        given = options(f"operator: {OPERATOR_JWT}")
        assert given.system_account == ACCOUNT
        assert given.resolver == ResolverOptions("url", url="https://h/jwt/v1/accounts/")

    def test_the_file_knows_better(self) -> None:
        plain = jwt("operator", account_server_url="https://h")
        given = options(f"operator: {plain}; resolver: MEM; system_account: {OTHER_ACCOUNT}")
        assert given.system_account == OTHER_ACCOUNT
        assert given.resolver == ResolverOptions("memory")

    def test_of_several_none_says_it(self) -> None:
        given = options(f"operator: [ {OPERATOR_JWT}, {jwt('operator')} ]; resolver: MEM")
        assert given.system_account == "$SYS"
        assert len(given.operator) == 2

    def test_what_is_no_operator_is_refused(self) -> None:
        text = f"""
            operator: [ "/none", "/empty", "/binary", {jwt("account")}, {SEED} ]
            resolver: MEM
        """
        wrong = "error parsing operator JWT:"
        assert [text.partition(": ")[2] for text in complaints(text)] == [
            f"{wrong} open /none: no such file or directory",
            f"{wrong} expected 3 chunks",
            f"{wrong} expected 3 chunks",
            f"{wrong} not operator claim",
            f"{wrong} open [REDACTED]: no such file or directory",
        ]

    def test_accounts_of_the_file_imply_nobody_and_are_refused(self) -> None:
        with pytest.raises(InvalidOption, match="operators do not allow Accounts to be configured"):
            options(f'operator: {jwt("operator")}; resolver: MEM; accounts {{ "$SYS" {{}} }}')

    def test_a_jwt_with_space_around_it_is_not_taken_for_a_file(self) -> None:
        assert options(f'operator: " {OPERATOR_JWT} "; resolver: MEM').operator == (OPERATOR_JWT,)

    def test_without_a_reader_there_are_no_files(self) -> None:
        with pytest.raises(InvalidOption, match="there is no configuration file to read it from"):
            configure(text="operator: x")

    def test_the_system_account_is_always_pinned(self) -> None:
        pinned = f"resolver_pinned_accounts: [ {OTHER_ACCOUNT} ]"
        given = options(f"operator: {OPERATOR_JWT}; {pinned}")
        assert given.resolver_pinned_accounts == {ACCOUNT, OTHER_ACCOUNT}


def test_who_names_the_default_system_account_has_to_declare_it() -> None:
    with pytest.raises(InvalidOption) as caught:
        options('\nsystem_account: "$SYS"')
    assert str(caught.value) == ('f:2:1: error resolving system account: account missing: "$SYS"')
    assert options('system_account: ""').system_account == "$SYS"
    assert options('system_account: "$SYS"; accounts { "$SYS" {} }').system_account == "$SYS"


def test_tls_of_a_resolver_that_needs_none_is_not_kept() -> None:
    assert options("resolver: MEM; resolver_tls { ca_file: x }").resolver == (
        ResolverOptions("memory")
    )
    assert options("resolver_tls { ca_file: x }").resolver is None
