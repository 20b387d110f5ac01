"""What every account may ask of the system account without importing it."""

from __future__ import annotations

from pubsub.accounts.automatic import automatic_exports, automatic_imports
from pubsub.values.accounts import AccountOptions, ResponseType, ServiceExport, ServiceImport


def test_what_the_system_account_exports() -> None:
    """Each account learns of itself only: its name is in the subject."""
    exports = {export.subject: export for export in automatic_exports(())}
    assert list(exports) == [
        "$SYS.REQ.ACCOUNT.*.CONNZ",
        "$SYS.REQ.ACCOUNT.*.STATZ",
        "$SYS.DEBUG.SUBSCRIBERS",
        "$SYS.REQ.USER.*.INFO",
    ]
    connz = exports["$SYS.REQ.ACCOUNT.*.CONNZ"]
    assert connz.account_token_position == 4
    assert connz.response_type is ResponseType.STREAM


def test_what_it_exports_in_so_many_words_comes_first() -> None:
    """Then the administrator decides who may ask."""
    own = ServiceExport("$SYS.REQ.ACCOUNT.>", accounts=("A",))
    assert [export.subject for export in automatic_exports((own,))] == [
        "$SYS.DEBUG.SUBSCRIBERS",
        "$SYS.REQ.USER.*.INFO",
    ]


def test_what_every_account_imports() -> None:
    """Only the question who one is tells who asks."""
    assert list(automatic_imports(AccountOptions("A"), "SYS")) == [
        ServiceImport("SYS", "$SYS.REQ.ACCOUNT.A.CONNZ", "$SYS.REQ.ACCOUNT.PING.CONNZ"),
        ServiceImport("SYS", "$SYS.REQ.ACCOUNT.A.CONNZ", "$SYS.REQ.SERVER.PING.CONNZ"),
        ServiceImport("SYS", "$SYS.REQ.ACCOUNT.A.STATZ", "$SYS.REQ.ACCOUNT.PING.STATZ"),
        ServiceImport("SYS", "$SYS.REQ.USER.A.INFO", "$SYS.REQ.USER.INFO", share=True),
    ]


def test_the_system_account_needs_one_only() -> None:
    """All else is there already."""
    assert list(automatic_imports(AccountOptions("SYS"), "SYS")) == [
        ServiceImport("SYS", "$SYS.REQ.USER.SYS.INFO", "$SYS.REQ.USER.INFO", share=True),
    ]


def test_what_an_account_imports_in_so_many_words_comes_first() -> None:
    """Under the same name it would be there twice."""
    account = AccountOptions(
        "A",
        imports=(
            ServiceImport("SYS", "$SYS.REQ.USER.INFO"),
            ServiceImport("B", "x", "$SYS.REQ.ACCOUNT.PING.CONNZ"),
        ),
    )
    here = [import_.to for import_ in automatic_imports(account, "SYS")]
    assert here == [
        "$SYS.REQ.ACCOUNT.PING.CONNZ",
        "$SYS.REQ.SERVER.PING.CONNZ",
        "$SYS.REQ.ACCOUNT.PING.STATZ",
    ]
