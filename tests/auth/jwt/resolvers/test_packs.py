from __future__ import annotations

import pytest

from pubsub.auth.jwt.keys import KeyPair
from pubsub.auth.jwt.resolvers import packs
from pubsub.interfaces import Identity
from tests.auth.jwt.resolvers.test_full import Setting
from tests.auth.jwt.world import NOW, FakeClient, result

PACK = "$SYS.REQ.CLAIMS.PACK"


@pytest.fixture
def s(tmp_path):
    return Setting(tmp_path / "one").start()


@pytest.fixture
def client(s):
    """Whoever is in the system account."""
    return s.server.internal_client(s.server.system_account)


def fill(s, count):
    """So many accounts, by name."""
    accounts = {}
    for _ in range(count):
        key = KeyPair.generate("A")
        accounts[key.public_key] = s.world.account_jwt(key)
        s.directory.save(key.public_key, accounts[key.public_key])
    return accounts


def inbox(s):
    return s.resolver._packs.inbox


def settle(s):
    for _ in range(20):
        s.server.clock.advance(0.01)


def asking(client):
    """Listens; what it hears is remembered."""
    heard = []
    client.subscribe(b"answers", lambda message: heard.append(message.payload))
    return heard


# answering


def test_all_jwts_and_an_empty_message_at_the_end(s, client):
    accounts = fill(s, 3)
    heard = asking(client)
    client.publish(PACK.encode(), bytes(32), b"answers")
    settle(s)
    assert heard == [*(f"{n}|{t}".encode() for n, t in sorted(accounts.items())), b""]


def test_nothing_where_the_hash_is_the_same(s, client):
    fill(s, 3)
    heard = asking(client)
    client.publish(PACK.encode(), s.directory.hash(), b"answers")
    client.publish(PACK.encode(), s.directory.hash())
    settle(s)
    assert heard == [b""]


def test_a_batch_at_a_time(s, client, monkeypatch):
    """The reactor does other things between them."""
    monkeypatch.setattr(packs, "_BATCH", 2)
    fill(s, 5)
    heard = asking(client)
    client.publish(PACK.encode(), bytes(32), b"answers")
    lengths = []
    for _ in range(4):
        lengths.append(len(heard))
        s.server.clock.advance(0.01)
    assert lengths == [2, 4, 5, 6]


def test_who_asks_meanwhile_waits_and_some_wait_in_vain(s, client, monkeypatch):
    monkeypatch.setattr(packs, "_MAX_ASKERS", 2)
    fill(s, 1)
    heard = asking(client)
    for _ in range(3):
        client.publish(PACK.encode(), bytes(32), b"answers")
    settle(s)
    assert len(heard) == 4
    client.publish(PACK.encode(), bytes(32), b"answers")
    settle(s)
    assert len(heard) == 6


def test_nothing_more_after_the_end(s, client, monkeypatch):
    monkeypatch.setattr(packs, "_BATCH", 1)
    fill(s, 3)
    heard = asking(client)
    client.publish(PACK.encode(), bytes(32), b"answers")
    s.server.held = []
    client.publish(inbox(s), f"{s.name}|{s.world.account_jwt()}".encode())
    s.resolver.stop()
    s.server.go()
    settle(s)
    assert len(heard) == 1
    assert s.server.clock.getDelayedCalls() == []


def test_a_directory_that_fails_does_not_end_the_exchange(s, client, monkeypatch, logged_failures):
    fill(s, 1)
    heard = asking(client)
    with monkeypatch.context() as patched:
        patched.setattr(s.directory, "packs", lambda keys: 1 / 0)
        patched.setattr(s.directory, "save_if_newer", lambda *arguments: 1 / 0)
        client.publish(PACK.encode(), bytes(32), b"answers")
        client.publish(inbox(s), f"{s.name}|{s.world.account_jwt()}".encode())
        settle(s)
    assert len(logged_failures.flush(ZeroDivisionError)) == 2
    assert heard == [b""]
    client.publish(PACK.encode(), bytes(32), b"answers")
    client.publish(inbox(s), f"{s.name}|{s.world.account_jwt()}".encode())
    settle(s)
    assert len(heard) == 3
    assert s.directory.load(s.name)


# asking


def test_the_hash_is_sent_at_intervals(s, client):
    fill(s, 2)
    heard = []
    client.subscribe(PACK.encode(), heard.append)
    s.server.clock.pump([59.9, 0.1, 60.0])
    assert [(message.reply, message.payload) for message in heard] == [
        (inbox(s), s.directory.hash())
    ] * 2


@pytest.mark.parametrize("layout", ["one line", "one message", "with empty lines"])
def test_what_is_new_is_kept(s, client, layout):
    keys = [KeyPair.generate("A") for _ in range(3)]
    tokens = {key.public_key: s.world.account_jwt(key) for key in keys}
    lines = [f"{name}|{token}".encode() for name, token in tokens.items()]
    joined = {"one message": [b"\n".join(lines)], "with empty lines": [b"\n\n".join(lines) + b"\n"]}
    for payload in joined.get(layout, lines):
        client.publish(inbox(s), payload)
    client.publish(inbox(s), b"")
    settle(s)
    assert {name: s.directory.load(name) for name in s.directory.names()} == tokens


def test_what_was_issued_later_counts(s, client):
    old, new = (s.world.account_jwt(issued=NOW - age, name=str(age)) for age in (900, 100))
    for token, kept in ((old, old), (new, new), (old, new)):
        client.publish(inbox(s), f"{s.name}|{token}".encode())
        settle(s)
        assert s.directory.load(s.name) == kept


def test_it_takes_effect(s, client):
    s.directory.save(s.name, s.world.account_jwt())
    result(s.book.find(s.name))
    connected = FakeClient(Identity("u", s.name))
    s.server.accounts.register(connected, connected.identity)
    newer = s.world.account_jwt(issued=NOW, name="newer")
    client.publish(inbox(s), f"{s.name}|{newer}".encode())
    settle(s)
    assert connected.changes == 1
    assert s.server.accounts.find(s.name).name_tag == "newer"


HOSTILE = {
    "garbage": lambda s: b"garbage",
    "no entries": lambda s: b"|",
    "no key": lambda s: b"A|B",
    "a path": lambda s: f"../../{s.name}|{s.world.account_jwt()}".encode(),
    "no JWT": lambda s: f"{s.name}|x".encode(),
    "no text": lambda s: b"\xff|\xff",
    "three entries": lambda s: f"{s.name}|{s.world.account_jwt()}|x".encode(),
    "another's": lambda s: f"{s.world.system.public_key}|{s.world.account_jwt()}".encode(),
    "wrong signature": lambda s: f"{s.name}|{s.world.account_jwt()[:-4]}AAAA".encode(),
    "unknown issuer": lambda s: (
        f"{s.name}|{s.world.account_jwt(signer=KeyPair.generate('O'))}".encode()
    ),
    "signed by itself": lambda s: (
        f"{s.name}|{s.world.account_jwt(signer=s.world.account)}".encode()
    ),
    "not valid": lambda s: f"{s.name}|{s.world.account_jwt(signing_keys=['x'])}".encode(),
    "oversized": lambda s: f"{s.name}|".encode() + b"a" * (1024 * 1024 + 100),
    "a user's": lambda s: f"{s.world.user.public_key}|{s.world.user_jwt()}".encode(),
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("known", [False, True])
def test_what_is_wrong_changes_nothing(s, client, log, kind, known):
    before = s.world.account_jwt(issued=NOW - 1000)
    if known:
        s.directory.save(s.name, before)
    client.publish(inbox(s), HOSTILE[kind](s))
    settle(s)
    assert any("Merging resulted in error" in line for line in log)
    assert s.directory.names() == ([s.name] if known else [])
    assert s.directory.load(s.name) == (before if known else "")
    # what is right is taken all the same, in the same message, too
    good = KeyPair.generate("A")
    line = f"{good.public_key}|{s.world.account_jwt(good)}".encode()
    client.publish(inbox(s), HOSTILE[kind](s) + b"\n" + line)
    settle(s)
    assert good.public_key in s.directory.names()


def test_one_line_in_the_log_for_many_that_are_wrong(s, client, log):
    client.publish(inbox(s), b"garbage\n" * 50)
    settle(s)
    assert len([line for line in log if "50 of 50" in line]) == 1


def test_a_full_directory_takes_no_more(s, client, log):
    s.directory._limit = 1
    keys = [KeyPair.generate("A") for _ in range(2)]
    for key in keys:
        client.publish(inbox(s), f"{key.public_key}|{s.world.account_jwt(key)}".encode())
        settle(s)
    assert s.directory.names() == [keys[0].public_key]
    assert any("jwt store is full" in line for line in log)


def test_what_is_too_much_at_a_time_comes_at_the_next_exchange(s, client, log, monkeypatch):
    """Memory is bounded; what was taken is not looked into again, so it ends."""
    keys = [KeyPair.generate("A") for _ in range(6)]
    lines = [f"{key.public_key}|{s.world.account_jwt(key)}".encode() for key in keys]
    monkeypatch.setattr(packs, "_MAX_WAITING", 3 * (len(lines[0]) + packs._OVERHEAD))
    monkeypatch.setattr(packs, "_BATCH", 1)
    counts = []
    for _ in range(3):
        s.server.held = []
        for line in lines:
            client.publish(inbox(s), line)
        for _ in range(10):
            s.server.go()
            s.server.clock.advance(0)
        counts.append(len(s.directory))
    assert counts[0] < counts[1]
    assert counts[-1] == 6
    assert any("left to the next exchange" in line for line in log)
    assert s.resolver._packs._waiting == 0


def test_nobody_is_asked_while_an_answer_is_being_looked_into(s, client):
    heard = []
    client.subscribe(PACK.encode(), heard.append)
    s.server.held = []
    client.publish(inbox(s), f"{s.name}|{s.world.account_jwt()}".encode())
    s.server.clock.advance(60)
    s.server.go()
    assert heard == []
    settle(s)
    s.server.held = None
    s.server.clock.advance(60)
    assert len(heard) == 1
