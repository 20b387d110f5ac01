from __future__ import annotations

import json

import pytest

from pubsub.auth.jwt.codec import encode
from pubsub.auth.jwt.keys import KeyPair
from pubsub.auth.jwt.lookup import AccountBook
from pubsub.auth.jwt.operators import TrustedOperators
from pubsub.auth.jwt.requests import (
    CACHE,
    FULL,
    Desk,
    DirectoryRequests,
    UpdateRequests,
)
from pubsub.auth.jwt.resolvers.directory import AccountDirectory, Deletion
from pubsub.auth.jwt.resolvers.memory import MemoryResolver
from pubsub.errors import AccountAuthenticationExpired
from pubsub.interfaces import Identity
from tests.auth.jwt.world import FakeClient, FakeServer, World


class Setting:
    def __init__(self, path, strict=False, dialect=FULL, deletion=Deletion.RENAMED, limit=0):
        self.world = World(strict)
        self.server = FakeServer(self.world.system.public_key)
        self.name = self.world.account.public_key
        self.book = AccountBook(
            self.server.accounts,
            TrustedOperators([self.world.operator_jwt()]),
            MemoryResolver({}),
            self.server.clock,
            self.server.clock.seconds,
        )
        self.directory = AccountDirectory(str(path), deletion=deletion, limit=limit)
        self.requests = DirectoryRequests(self.server, self.book, self.directory, dialect)

    def ask(self, subject, payload=b""):
        """The answer, without the server's part."""
        if isinstance(payload, str):
            payload = payload.encode()
        (answer,) = self.server.request(subject.format(self.name), payload)
        body = json.loads(answer)
        assert body.pop("server")["id"] == self.server.server_id
        return body

    def signed(self, key, claims=None, **data):
        return encode({"sub": key.public_key, **(claims or {}), "nats": data}, key)


@pytest.fixture
def s(tmp_path):
    return Setting(tmp_path)


ANY = "$SYS.REQ.CLAIMS.UPDATE"
ONE = "$SYS.REQ.ACCOUNT.{}.CLAIMS.UPDATE"
OLD = "$SYS.ACCOUNT.{}.CLAIMS.UPDATE"
LIST = "$SYS.REQ.CLAIMS.LIST"
DELETE = "$SYS.REQ.CLAIMS.DELETE"


def ok(account, message):
    return {"data": {"account": account, "code": 200, "message": message}}


def failed(account, description):
    body = {"account": account} if account else {}
    return {"error": {**body, "code": 500, "description": description}}


# answers as nats-server gives them


@pytest.mark.parametrize("subject", [ANY, ONE, OLD])
def test_an_account_is_kept(s, subject):
    token = s.world.account_jwt()
    assert s.ask(subject, token) == ok(s.name, "jwt updated")
    assert s.directory.load(s.name) == token
    # nobody uses it yet: it will be fetched when somebody does
    assert s.server.accounts.find(s.name) is None


def test_who_says_it_when_and_in_which_order(s):
    (answer,) = s.server.request(ANY, s.world.account_jwt().encode())
    assert list(json.loads(answer)) == ["server", "data"]
    server = json.loads(answer)["server"]
    assert server["name"] == "test"
    assert server["seq"] == 1
    assert server["time"].endswith("Z")
    (answer,) = s.server.request(LIST)
    assert list(json.loads(answer)) == ["data", "server"]
    assert json.loads(answer)["server"]["seq"] == 2


@pytest.mark.parametrize("subject", [ANY, ONE, OLD])
@pytest.mark.parametrize("payload", [b"", b"garbage", b"\xff\xff", b"a.b.c"])
def test_what_is_no_jwt(s, subject, payload):
    error = s.ask(subject, payload)["error"]
    assert error["account"] == "n/a"
    assert error["code"] == 500
    assert error["description"].startswith("jwt update resulted in error - ")


@pytest.mark.parametrize("subject", [ANY, ONE])
def test_what_is_wrong_inside(s, subject):
    error = s.ask(subject, s.world.account_jwt(signing_keys=["x"]))
    assert error == failed(
        s.name,
        "jwt validation failed - validation errors: ['x' is not a valid account signing key]",
    )
    assert s.directory.load(s.name) == ""


def test_the_jwt_of_another_account(s):
    error = s.ask(ONE, s.world.account_jwt(KeyPair.generate("A")))
    assert error == failed(
        s.name, "jwt update resulted in error - subject does not match jwt content"
    )


@pytest.mark.parametrize("subject", [ANY, ONE])
def test_a_strict_operators_own_key(tmp_path, subject):
    s = Setting(tmp_path, strict=True)
    error = s.ask(subject, s.world.account_jwt(signer=s.world.operator))
    assert error == failed(
        s.name, "jwt update resulted in error - operator requires issuer to be a signing key"
    )
    assert s.ask(subject, s.world.account_jwt()) == ok(s.name, "jwt updated")


def test_a_full_directory(tmp_path):
    s = Setting(tmp_path, limit=1)
    s.ask(ANY, s.world.account_jwt(s.world.system))
    assert s.ask(ANY, s.world.account_jwt()) == failed(
        s.name, "jwt update resulted in error - jwt store is full"
    )


def test_a_disk_that_cannot_be_written(s, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(s.directory, "save", full)
    assert "No space left" in s.ask(ANY, s.world.account_jwt())["error"]["description"]


def test_without_a_reply_nobody_is_answered(s):
    client = s.server.internal_client(s.server.system_account)
    for subject in (ANY, LIST, DELETE, ONE.format(s.name)):
        client.publish(subject.encode(), s.world.account_jwt().encode())
    assert len(s.directory) == 1


# in effect at once


def busy(s):
    s.ask(ANY, s.world.account_jwt())
    s.book.apply(s.name, s.directory.load(s.name))
    client = FakeClient(Identity("u", s.name))
    s.server.accounts.register(client, client.identity)
    return client


def test_an_update_takes_effect_for_those_who_are_there(s):
    client = busy(s)
    assert s.ask(ANY, s.world.account_jwt(name="new")) == ok(s.name, "jwt updated")
    assert client.changes == 1
    assert s.server.accounts.find(s.name).name_tag == "new"


def test_an_update_that_is_none_changes_nothing(s):
    client = busy(s)
    assert s.ask(ANY, s.world.account_jwt()) == ok(s.name, "jwt updated")
    assert client.changes == 0


def test_an_account_nobody_trusted_signed_does_not_take_effect(s, log):
    client = busy(s)
    s.ask(ANY, s.world.account_jwt(signer=KeyPair.generate("O")))
    assert client.changes == 0
    assert any("not signed by trusted operator" in line for line in log)


def test_updates_are_made_in_the_order_they_came(s):
    client = busy(s)
    s.server.held = []
    asking = s.server.internal_client(s.server.system_account)
    for number in range(3):
        asking.publish(ANY.encode(), s.world.account_jwt(name=f"n{number}").encode())
    # one at a time, whatever the threads do
    assert len(s.server.held) == 1
    s.server.go()
    assert s.server.accounts.find(s.name).name_tag == "n2"
    assert client.changes == 3


def test_too_many_at_a_time_are_told_so(s):
    s.server.held = []
    asking = s.server.internal_client(s.server.system_account)
    answers = []
    asking.subscribe(b"_INBOX.x", lambda message: answers.append(json.loads(message.payload)))
    for _ in range(1100):
        asking.publish(LIST.encode(), b"", b"_INBOX.x")
    for subject in (ANY, DELETE):
        asking.publish(subject.encode(), s.world.account_jwt().encode(), b"_INBOX.x")
    refused = [answer["error"]["description"] for answer in answers]
    assert set(refused) == {"request refused - too many at a time"}
    # one is being answered, 1024 wait
    assert len(refused) == 1100 + 2 - 1025
    s.server.go()
    assert len(answers) == 1102
    assert len(s.directory) == 0


# deletion


def test_deletion(s):
    client = busy(s)
    token = s.signed(s.world.operator, accounts=[s.name])
    assert s.ask(DELETE, token) == {"data": {"code": 200, "message": "deleted 1 accounts"}}
    assert [type(fault) for fault in client.faults] == [AccountAuthenticationExpired]
    assert s.directory.load(s.name) == ""
    assert not s.book.is_known(s.name)
    # what is not there counts as deleted
    assert s.ask(DELETE, token)["data"]["message"] == "deleted 1 accounts"


def test_deletion_by_a_signing_key(s):
    busy(s)
    token = s.signed(s.world.operator_key, accounts=[s.name])
    assert s.ask(DELETE, token)["data"]["message"] == "deleted 1 accounts"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda s: "garbage", "expected 3 chunks"),
        (lambda s: s.signed(KeyPair.generate("O"), accounts=[s.name]), "not trusted"),
        (lambda s: s.signed(s.world.account, accounts=[s.name]), "not trusted"),
        (lambda s: s.world.account_jwt(), "not self signed"),
        (lambda s: s.signed(s.world.operator), "malformed request"),
        (lambda s: s.signed(s.world.operator, accounts=s.name), "malformed request"),
        (lambda s: s.signed(s.world.operator, accounts=[5]), "malformed request"),
        (lambda s: s.signed(s.world.operator, accounts=["../x"]), "malformed request"),
        (
            lambda s: s.signed(s.world.operator, accounts=[s.server.system_account]),
            "not allowed to delete system account",
        ),
        (lambda s: s.signed(s.world.operator, {"exp": 5}, accounts=[s.name]), "expired"),
    ],
)
def test_deletions_that_are_refused(s, make, reason):
    busy(s)
    token = make(s)
    error = s.ask(DELETE, token)["error"]
    assert error["code"] == 500
    assert error["description"].startswith("delete accounts request by ")
    assert error["description"].endswith(reason)
    assert s.book.is_known(s.name)
    assert s.directory.load(s.name)


def test_deletion_has_to_be_allowed(tmp_path):
    s = Setting(tmp_path, deletion=Deletion.REFUSED)
    busy(s)
    error = s.ask(DELETE, s.signed(s.world.operator, accounts=[s.name]))["error"]
    assert error["description"].endswith("delete must be enabled in server config")


def test_deletions_that_fail(s, monkeypatch):
    busy(s)

    def broken(key):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(s.directory, "delete", broken)
    error = s.ask(DELETE, s.signed(s.world.operator, accounts=[s.name]))["error"]
    assert error["description"].startswith("deleted 0 accounts, failed for 1 - [Errno 5]")
    assert s.book.is_known(s.name)


def test_a_list(s):
    assert s.ask(LIST) == {"data": []}
    s.ask(ANY, s.world.account_jwt())
    s.ask(ANY, s.world.account_jwt(s.world.system))
    assert s.ask(LIST) == {"data": sorted([s.name, s.world.system.public_key])}


def test_what_breaks_is_logged(s, monkeypatch, logged_failures):
    for name in ("packs", "delete", "save"):
        monkeypatch.setattr(s.directory, name, lambda *arguments: 1 / 0)
    s.server.request(LIST)
    s.server.request(DELETE, s.signed(s.world.operator, accounts=[s.name]).encode())
    s.server.request(ANY, s.world.account_jwt().encode())
    assert len(logged_failures.flush(ZeroDivisionError)) == 3


# a cache talks otherwise


@pytest.mark.parametrize("subject", [ANY, ONE])
def test_a_cache_keeps_what_is_used(tmp_path, subject):
    s = Setting(tmp_path, dialect=CACHE)
    assert s.ask(subject, s.world.account_jwt()) == ok(s.name, "jwt update cache skipped")
    assert s.directory.load(s.name) == ""
    s.book.apply(s.name, s.world.account_jwt())
    assert s.ask(subject, s.world.account_jwt(name="new")) == ok(s.name, "jwt updated cache")
    assert s.server.accounts.find(s.name).name_tag == "new"


def test_a_cache_says_what_is_wrong(tmp_path):
    s = Setting(tmp_path, dialect=CACHE)
    s.book.apply(s.name, s.world.account_jwt())
    wrong = s.world.account_jwt(signing_keys=["x"])
    for subject in (ANY, ONE):
        description = s.ask(subject, wrong)["error"]["description"]
        assert description.startswith("jwt update cache validation failed - ")
    assert s.ask(ONE, "x") == failed(
        s.name, "jwt update cache resulted in error - expected 3 chunks"
    )
    assert s.ask(ANY, "x")["error"]["account"] == "n/a"
    other = s.world.account_jwt(s.world.system)
    assert s.ask(ONE, other) == failed(
        s.name, "jwt update cache resulted in error - subject does not match jwt content"
    )


# those that keep nothing


@pytest.fixture
def plain(s):
    s.requests.close()
    UpdateRequests(s.server, s.book)
    return s


@pytest.mark.parametrize("subject", [ONE, OLD])
def test_without_a_directory_accounts_in_use_are_updated(plain, subject):
    assert plain.ask(subject, plain.world.account_jwt()) == ok(plain.name, "jwt update skipped")
    plain.book.apply(plain.name, plain.world.account_jwt())
    answer = plain.ask(subject, plain.world.account_jwt(name="new"))
    assert answer == ok(plain.name, "jwt updated")
    assert plain.server.accounts.find(plain.name).name_tag == "new"


@pytest.mark.parametrize(
    ("make", "description"),
    [
        (lambda w: b"", "jwt update error - request body is empty"),
        (lambda w: b"x", "jwt update resulted in error - expected 3 chunks"),
        (lambda w: b"\xff", "jwt update resulted in error - 'ascii' codec"),
        (
            lambda w: w.account_jwt(w.system).encode(),
            "jwt update resulted in error - subject does not match jwt content",
        ),
        (
            lambda w: w.account_jwt(signer=KeyPair.generate("O")).encode(),
            "jwt update resulted in error - account JWT not signed by trusted operator",
        ),
    ],
)
def test_without_a_directory_what_cannot_be(plain, make, description):
    plain.book.apply(plain.name, plain.world.account_jwt())
    error = plain.ask(ONE, make(plain.world))["error"]
    assert error["account"] == plain.name
    assert error["description"].startswith(description)


def test_there_may_be_no_system_account(tmp_path):
    server = FakeServer()
    desk = Desk(server)
    desk.subscribe(b"a", lambda message: None)
    desk.publish(b"a", b"")
    desk.answer(b"", "A", "m")
    desk.close()
