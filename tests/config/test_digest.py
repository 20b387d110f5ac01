"""The digest is the one nats-server 2.15.2 prints; the expected ones were printed by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pubsub.config.digest import config_digest
from pubsub.config.parser import parse

EVERYTHING = r"""# everything the digest has to know about
{ "port": 4222, "debug": true }
foo { bar = 'a<b>&"c"', "quo ted": "tab\tnl\n\x41\xc3\xa9\xff", e: "" }
list [ 1, 2k, 3kb , -4, [ ], { }, yes
  off, 10.0.0.1, 1.5, 100.0, 0.0000001
]
when = 2016-05-04T18:53:41Z
big = 9223372036854775807
u é
A 1
a 2
"""
FLOATS = (
    "f [ 1.0, 0.000001, 0.00000123, 123456789.125, -0.0, 100000000000000000000.0, "
    "1234567890123456789012.5 ]\n"
)


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        (EVERYTHING, "71cdbf1008525e15a121fc190f005b1d8d93ae47205e8c943b788d3e3675b4f7"),
        (FLOATS, "76841c7c219646182919ad4a1ed0f42e48a47c823023806dca96a2acee5b0c78"),
        (
            "x = 5m\ny { z = $x, e = $ENVV }\n",
            "04528463a966377063b4e010b5aaa75be4304390f5ffcd59fc2243970b7f9af1",
        ),
        (
            'ctl = "\\x01\\x08\\x0c\\x1f\\x7f\u2028"\n',
            "3e1da1309853821243f522ba32ae00508b4c36d002e6e4ad2f5c43a72db05a1a",
        ),
    ],
)
def test_the_digest_is_that_of_nats_server(text: str, digest: str) -> None:
    entries = parse(text, environ={"ENVV": '[ 1, "two" ]'})
    assert config_digest(entries) == f"sha256:{digest}"


def test_layout_comments_and_includes_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "part.conf").write_text("b = 2")
    spread = parse(
        "# hello\na : 1;\ninclude part.conf",
        str(tmp_path / "f.conf"),
        read_file=lambda path: Path(path).read_bytes(),
    )
    assert config_digest(spread) == config_digest(parse('{"b": 2, "a": 1}'))
