"""Who this server is."""

from __future__ import annotations

import base64
import re
from binascii import crc_hqx

from pubsub.system.identity import new_server_id, runtime_name


def test_an_id_has_the_form_of_a_servers_public_nkey() -> None:
    server_id = new_server_id()
    assert re.fullmatch(r"N[A-Z2-7]{55}", server_id)
    raw = base64.b32decode(server_id)
    assert len(raw) == 35
    assert crc_hqx(raw[:-2], 0) == int.from_bytes(raw[-2:], "little")


def test_the_checksum_is_that_of_nkeys() -> None:
    """The key in it is that of a server of nats-server's."""
    theirs = "NACIO7YZ5NPGBHEUPQKNCX3YVOXNEWPJNM3RPCRZWOM4ZQ75FTJJBYLR"
    key = base64.b32decode(theirs)[1:-2]
    assert new_server_id(lambda size: key[:size]) == theirs


def test_no_two_servers_have_the_same_id() -> None:
    assert new_server_id() != new_server_id()


def test_the_runtime_is_named_with_its_version() -> None:
    assert re.fullmatch(r"\w+ 3\.\d+\.\S+", runtime_name())
