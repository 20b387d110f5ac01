"""``--help`` and ``--help_tls``."""

from __future__ import annotations

from pubsub.config.help import flag_text, tls_usage, usage
from pubsub.config.row import Flag
from pubsub.config.table import flagged


def test_every_flag_is_in_the_usage() -> None:
    words = usage("prog").replace(",", " ").split()
    for name in flagged():
        assert f"-{name}" in words or f"--{name}" in words


def test_lines_look_as_those_of_nats_server() -> None:
    text = usage("prog")
    for line in (
        "Usage: prog [options]",
        "Server Options:",
        "    -a, --addr, --net <host>         Bind to host address (default: 0.0.0.0)",
        "    -p, --port <port>                Use port for clients (default: 4222)",
        "    -T, --logtime                    Timestamp log entries (default: true)",
        "    -DV                              Debug and trace",
        "    -js, --jetstream                 Enable JetStream functionality (not supported yet)",
        "        --pass <password>            Password required for connections",
        "        --help_tls                   TLS help",
    ):
        assert f"\n{line}\n" in text


def test_a_long_flag_has_its_description_below() -> None:
    assert (
        "\n    -n, --name, --server_name <server_name>\n"
        "                                     Server name, without spaces\n"
    ) in usage("prog")


def test_short_flags_have_one_dash() -> None:
    assert flag_text(Flag(("p", "port"), "<port>")) == "-p, --port <port>"
    assert flag_text(Flag(("DVV",))) == "-DVV"


def test_help_on_tls_lists_what_can_be_named() -> None:
    text = tls_usage("prog")
    assert "\n    TLS_AES_128_GCM_SHA256\n" in text
    assert "\n    TLS_RSA_WITH_RC4_128_SHA\n" in text
    assert "\n    CurveP256\n" in text
    assert "    prog --tls --tlscert" in text
