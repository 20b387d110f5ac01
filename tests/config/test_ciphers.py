"""Names of cipher suites and curves."""

from __future__ import annotations

from pubsub.config.ciphers import CIPHER_SUITES, CURVES, INSECURE_CIPHER_SUITES


def test_a_suite_is_weak_or_not() -> None:
    assert not CIPHER_SUITES & INSECURE_CIPHER_SUITES


def test_the_suites_are_those_of_go_1_26() -> None:
    assert (len(CIPHER_SUITES), len(INSECURE_CIPHER_SUITES)) == (13, 12)
    assert all(name.startswith("TLS_") for name in CIPHER_SUITES | INSECURE_CIPHER_SUITES)
    assert not any("RC4" in name or "3DES" in name for name in CIPHER_SUITES)


def test_every_curve_has_a_name_in_openssl() -> None:
    assert CURVES["CurveP256"] == "P-256"
    assert len(set(CURVES.values())) == len(CURVES)
