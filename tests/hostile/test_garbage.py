"""Random bytes and spoiled conversations against a live server, the same at each run."""

from __future__ import annotations

import os
import random
from contextlib import suppress

import pytest

from tests.fuzz.test_fuzz_parser import CORPUS, mutate
from tests.hostile.peers import Witness, hello
from tests.hostile.servers import Starter, eventually

ROUNDS = int(os.environ.get("PUBSUB_FUZZ_ROUNDS", "300"))


@pytest.mark.parametrize("kind", ["bytes", "letters", "conversations"])
def test_the_server_survives_and_the_bystanders_hear_everything(start: Starter, kind: str) -> None:
    server = start("max_control_line: 64\nmax_payload: 1000\n")
    witness = Witness(server.client(), server.client())
    draw = random.Random(kind)
    for number in range(ROUNDS):
        if kind == "bytes":
            data = draw.randbytes(draw.randint(1, 400))
        elif kind == "letters":
            data = bytes(draw.choices(b"PUBSHCONEIFG+-ERK \r\n\t01{}", k=draw.randint(1, 200)))
        else:
            data = mutate(draw, hello() + b"".join(draw.sample(CORPUS, draw.randint(1, 4))))
        # not to the bystanders' subject, which would be no disturbance but a message
        data = data.replace(b"witness", b"wetness")
        with server.peer() as peer:
            if number % 3:
                peer.send(data)
            else:
                peer.trickle(data)
            witness.speak()
            if number % 5 == 0:
                peer.reset()
            elif number % 5 == 1:
                with suppress(OSError):  # it may have been closed already
                    peer.half_close()
                peer.rest()
        if number % 10 == 0:
            witness.check()
    witness.check()
    eventually(lambda: server.varz("connections") == 2, "all of them are gone")
    assert "Traceback" not in server.child.log
