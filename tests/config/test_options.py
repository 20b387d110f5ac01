"""Options are values: they do not change, and code may build them."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from pubsub.config.options import RANDOM_PORT, AuthorizationOptions, Options, TlsOptions


def test_options_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        Options().port = 5  # type: ignore[misc]


def test_options_are_derived_from_others() -> None:
    given = replace(Options(), port=RANDOM_PORT, tls=TlsOptions(cert_file="c"))
    assert (given.port, given.host) == (-1, "0.0.0.0")
    assert given != Options()
    assert given == Options(port=-1, tls=TlsOptions(cert_file="c"))


def test_passwords_and_tokens_are_not_in_the_repr() -> None:
    shown = repr(Options(authorization=AuthorizationOptions("bob", "hush", "hush")))
    assert "hush" not in shown
    assert "bob" in shown
