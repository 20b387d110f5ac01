"""What must be right between options."""

from __future__ import annotations

import pytest

from pubsub.config.build import configure
from pubsub.config.options import Options, TlsOptions
from pubsub.config.places import Places
from pubsub.config.validate import validate
from pubsub.errors import InvalidOption


def complaint(options: Options) -> str:
    with pytest.raises(InvalidOption) as caught:
        validate(options)
    return str(caught.value)


def test_the_defaults_are_right() -> None:
    validate(Options())


def test_options_without_a_file_are_checked_without_a_place() -> None:
    assert complaint(Options(max_payload=2, max_pending=1)) == (
        "max_payload (2) cannot be higher than max_pending (1)"
    )
    assert complaint(Options(server_name="a b")) == "server name cannot contain spaces"
    assert complaint(Options(http_port=1, https_port=2)) == (
        "can't specify both HTTP (1) and HTTPs (2) ports"
    )


@pytest.mark.parametrize("duration", [10.0, 5.0])
def test_lame_duck_mode_lasts_longer_than_its_grace(duration: float) -> None:
    assert complaint(Options(lame_duck_duration=duration)).startswith("lame duck grace period")
    validate(Options(lame_duck_duration=0.0))


@pytest.mark.parametrize("address", ["h", "h:1", "1.2.3.4:-1", "[::1]", "[::1]:5", "h:0"])
def test_what_is_advertised_is_a_host_or_host_and_port(address: str) -> None:
    validate(Options(client_advertise=address))


@pytest.mark.parametrize("address", ["h:x", "h:70000", "::1", "a:b:1", "h:"])
def test_what_is_advertised_is_nothing_else(address: str) -> None:
    assert complaint(Options(client_advertise=address)) == (
        f"invalid client_advertise {address!r}; write host or host:port"
    )


def test_https_needs_tls() -> None:
    validate(Options(https_port=1, tls=TlsOptions(cert_file="c", key_file="k")))
    assert complaint(Options(https_port=1)) == "TLS cert and key required for HTTPS"


def test_the_place_is_that_of_the_first_option_that_was_written() -> None:
    with pytest.raises(InvalidOption, match=r"f:2:1: max_payload"):
        configure(text="\nmax_pending: 1", path="f")
    assert str(Places().error("wrong", "port")) == "wrong"
