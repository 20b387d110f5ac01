"""What must be right between accounts, users and operators, wherever they come from."""

from __future__ import annotations

import pytest

from pubsub._version import NATS_VERSION
from pubsub.config.options import (
    AuthorizationOptions,
    CalloutOptions,
    MappingEntry,
    Options,
    ResolverOptions,
)
from pubsub.config.places import Places
from pubsub.config.validate_security import unknown_system_account, validate_security
from pubsub.errors import InvalidOption
from pubsub.values.accounts import (
    AccountOptions,
    LatencyOptions,
    ServiceExport,
    ServiceImport,
    StreamExport,
    StreamImport,
    UserOptions,
)
from tests.config.minted import ACCOUNT, OPERATOR, OTHER_ACCOUNT, SEED, USER, jwt

MEMORY = ResolverOptions("memory")
OPERATOR_JWT = jwt("operator")
A = AccountOptions("A")


def refusal(**options: object) -> str:
    with pytest.raises(InvalidOption) as caught:
        validate_security(Options(**options), Places())  # type: ignore[arg-type]
    return caught.value.message


def accepted(**options: object) -> None:
    validate_security(Options(**options), Places())  # type: ignore[arg-type]


def test_the_defaults_are_right() -> None:
    accepted()


class TestOperators:
    def test_an_operator_needs_a_resolver_and_nothing_of_the_other_way(self) -> None:
        accepted(operator=(OPERATOR_JWT,), resolver=MEMORY)
        mode = {"operator": (OPERATOR_JWT,), "resolver": MEMORY}
        assert refusal(operator=(OPERATOR_JWT,)) == (
            "operators require an account resolver to be configured"
        )
        accounts = "operators do not allow Accounts to be configured directly"
        assert refusal(**mode, accounts=(A,)) == accounts
        assert refusal(**mode, mappings=(MappingEntry("a", ()),)) == accounts
        assert refusal(**mode, users=(UserOptions("u"),)) == (
            "operators do not allow users to be configured directly"
        )
        assert refusal(**mode, trusted_keys=(OPERATOR,)) == (
            "conflicting options for 'TrustedKeys' and 'TrustedOperators'"
        )
        assert refusal(**mode, no_auth_user="u") == (
            "no_auth_user not compatible with Trusted Operator"
        )
        callout = AuthorizationOptions(auth_callout=CalloutOptions(ACCOUNT))
        assert refusal(**mode, authorization=callout) == (
            "operators do not allow authorization callouts to be configured directly"
        )

    def test_a_program_may_hand_over_a_bad_one(self) -> None:
        assert refusal(operator=("x",), resolver=MEMORY) == (
            "error parsing operator JWT: expected 3 chunks"
        )

    @pytest.mark.parametrize("version", ["", "0.0.0", "2.0.0", "1.99.99", NATS_VERSION])
    def test_this_server_is_new_enough(self, version: str) -> None:
        accepted(operator=(jwt("operator", assert_server_version=version),), resolver=MEMORY)

    @pytest.mark.parametrize(
        ("version", "reason"),
        [
            ("3.0.0", "expected major version 3 > server major version 2"),
            ("2.99.0", "expected minor version 99 > server minor version 15"),
            ("2.15.99", "expected update version 99 > server update version "),
            ("2.15", "expects version 2.15 got error instead: asserted server version must be"),
            ("-1.0.0", "expects version -1.0.0 got error instead: asserted server version must"),
            ("a.b.c", "expects version a.b.c got error instead: asserted server version must be"),
        ],
    )
    def test_this_server_is_too_old(self, version: str, reason: str) -> None:
        operator = jwt("operator", assert_server_version=version)
        assert refusal(operator=(operator,), resolver=MEMORY).startswith(
            f"operator {OPERATOR} {reason}"
        )

    def test_signing_keys_are_operators(self) -> None:
        for keys, shown in (([ACCOUNT], ACCOUNT), ([SEED], "[REDACTED]"), ([5], "[REDACTED]")):
            operator = jwt("operator", signing_keys=keys)
            assert refusal(operator=(operator,), resolver=MEMORY) == (
                f'trusted Keys "{shown}" are required to be a valid public operator nkey'
            )
        accepted(operator=(jwt("operator", signing_keys=[OPERATOR]),), resolver=MEMORY)

    def test_the_system_account_is_one_of_the_operators(self) -> None:
        operator = jwt("operator", system_account=ACCOUNT)
        accepted(operator=(operator,), resolver=MEMORY, system_account=ACCOUNT)
        assert refusal(operator=(operator,), resolver=MEMORY, system_account=OTHER_ACCOUNT) == (
            "system_account in config and operator JWT must be identical"
        )

    @pytest.mark.parametrize("kind", ["full", "cache"])
    def test_directories_need_a_system_account(self, kind: str) -> None:
        resolver = ResolverOptions(kind, dir="d")
        assert refusal(operator=(OPERATOR_JWT,), resolver=resolver).startswith(
            "using nats based account resolver - the system account needs to be specified"
        )
        accepted(operator=(OPERATOR_JWT,), resolver=resolver, system_account=ACCOUNT)

    def test_pinned_accounts_are_keys(self) -> None:
        mode = {"operator": (OPERATOR_JWT,), "resolver": MEMORY, "system_account": "S"}
        accepted(**mode, resolver_pinned_accounts=frozenset({ACCOUNT, "S"}))
        assert refusal(**mode, resolver_pinned_accounts=frozenset({USER})) == (
            f'pinned account key "{USER}" is not a valid public account nkey'
        )


class TestSentinel:
    MODE = {"operator": (OPERATOR_JWT,), "resolver": MEMORY}

    @pytest.mark.parametrize(
        "token", [jwt("user", bearer_token=True), jwt("user", issuer_account=ACCOUNT)]
    )
    def test_a_bearer_or_a_scoped_user(self, token: str) -> None:
        accepted(**self.MODE, default_sentinel=token)

    @pytest.mark.parametrize(
        ("token", "reason"),
        [
            ("x", "default sentinel JWT not valid: expected 3 chunks"),
            (jwt("account"), "default sentinel JWT not valid: not user claim"),
            (jwt("user"), "default sentinel must be a bearer token"),
            (
                jwt("user", issuer_account=ACCOUNT, subs=5),
                "default sentinel must be a bearer token",
            ),
        ],
    )
    def test_nobody_else(self, token: str, reason: str) -> None:
        assert refusal(**self.MODE, default_sentinel=token) == reason

    def test_only_with_operators(self) -> None:
        assert refusal(default_sentinel=jwt("user", bearer_token=True)) == (
            "default sentinel requires operators and accounts"
        )


def test_preloads_need_a_resolver_that_keeps_them() -> None:
    accepted(resolver=MEMORY, resolver_preload={ACCOUNT: "x"})
    url = ResolverOptions("url", url="http://h/")
    assert refusal(resolver=url, resolver_preload={ACCOUNT: "x"}) == (
        "resolver preloads only available for writeable resolver types MEM/DIR/CACHE_DIR"
    )


def test_directories_need_an_operator() -> None:
    assert refusal(resolver=ResolverOptions("full", dir="d")) == (
        "Could not start resolver: no operator key found"
    )


class TestUsers:
    def test_who_has_no_credentials_is_a_user_of_ours(self) -> None:
        accepted(no_auth_user="u", users=(UserOptions("u"),))
        accepted(no_auth_user=USER, users=(UserOptions(nkey=USER),))
        assert refusal(no_auth_user="u") == (
            'no_auth_user: "u" present, but users/nkeys are not defined'
        )
        assert refusal(no_auth_user="u", users=(UserOptions("v"),)) == (
            'no_auth_user: "u" not present as user or nkey in authorization block or account '
            "configuration"
        )

    def test_callout_answers_with_accounts_that_exist(self) -> None:
        callout = CalloutOptions(ACCOUNT, auth_users=("u",), allowed_accounts=("A", "$G"))
        authorization = AuthorizationOptions(auth_callout=callout)
        mappings = (MappingEntry("a", ()),)
        accepted(authorization=authorization, accounts=(A,), mappings=mappings)
        assert refusal(authorization=authorization, accounts=(A,)) == (
            'auth_callout allowed account "$G" not found in configured accounts'
        )


class TestAccounts:
    def test_the_system_account_exists(self) -> None:
        accepted(system_account="A", accounts=(A,))
        accepted(system_account="$G")
        accepted(system_account=ACCOUNT, trusted_keys=(OPERATOR,))
        assert refusal(system_account="A") == unknown_system_account("A")

    def test_measurements_need_a_system_account(self) -> None:
        exports = (StreamExport("s"), ServiceExport("a", latency=LatencyOptions("m")))
        account = AccountOptions("A", exports=exports)
        accepted(accounts=(account,))
        accepted(accounts=(account,), no_system_account=True, system_account="A")
        accepted(accounts=(AccountOptions("A", exports=exports[:1]),), no_system_account=True)
        assert refusal(accounts=(account,), no_system_account=True) == (
            'Error adding service latency sampling for "a": system account not setup'
        )

    @pytest.mark.parametrize(
        ("account", "reason"),
        [
            (AccountOptions("A", exports=(StreamExport("s", ("A", "X")),)), "stream export"),
            (AccountOptions("A", exports=(ServiceExport("s", ("X",)),)), "service export"),
            (AccountOptions("A", imports=(StreamImport("X", "s"),)), "stream import"),
            (AccountOptions("A", imports=(ServiceImport("X", "s"),)), "service import"),
        ],
    )
    def test_borders_are_with_accounts_that_exist(
        self, account: AccountOptions, reason: str
    ) -> None:
        assert refusal(accounts=(account,)) == f'"X" account not defined for {reason}'
        accepted(accounts=(account, AccountOptions("X")))
