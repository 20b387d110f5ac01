"""Go's names for cipher suites and curves against OpenSSL's."""

from __future__ import annotations

import ssl

import pytest

from pubsub.transport.ciphers import CURVES, go_cipher_name, insecure, select, select_curves

#: what ``nats-server --help_tls`` of 2.15.2 lists
HELP_TLS = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
]


@pytest.mark.parametrize("name", HELP_TLS)
def test_every_suite_nats_server_knows_is_known_here(name) -> None:
    tls12, tls13 = select([name])
    assert [go_cipher_name(each) for each in tls12] == [name] or tls13 == (name,)


def test_what_python_s_openssl_offers_by_itself_has_go_names() -> None:
    context = ssl.create_default_context()
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    names = [cipher["name"] for cipher in context.get_ciphers()]
    assert names
    assert all(go_cipher_name(name) in HELP_TLS for name in names)


def test_no_list_means_go_s_secure_suites() -> None:
    tls12, tls13 = select([])
    assert tls13[0] == "TLS_AES_128_GCM_SHA256"
    assert len(tls13) == 3
    assert all(name.startswith("ECDHE-") for name in tls12)
    assert insecure([go_cipher_name(name) for name in tls12]) == []


def test_a_list_is_kept_in_its_order() -> None:
    names = [
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_AES_256_GCM_SHA384",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    ]
    assert select(names) == (
        ("ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"),
        ("TLS_AES_256_GCM_SHA384",),
    )


def test_a_list_without_tls_1_3_suites_leaves_them_all_on() -> None:
    assert select(["TLS_RSA_WITH_AES_128_CBC_SHA"]).tls13 == select([]).tls13


def test_insecure_suites_are_told_apart() -> None:
    assert insecure(["TLS_RSA_WITH_RC4_128_SHA", "TLS_AES_128_GCM_SHA256"]) == [
        "TLS_RSA_WITH_RC4_128_SHA"
    ]


def test_unknown_names_are_refused_in_nats_server_s_words() -> None:
    with pytest.raises(ValueError, match=r"^unrecognized cipher TLS_NONE$"):
        select(["TLS_NONE"])
    with pytest.raises(ValueError, match=r"^unrecognized curve preference P-256$"):
        select_curves(["P-256"])


def test_curves_are_translated_in_order() -> None:
    assert select_curves(["CurveP384", "X25519"]) == ("P-384", "X25519")
    assert select_curves(list(CURVES)) == tuple(CURVES.values())


def test_a_suite_unknown_to_go_keeps_its_name() -> None:
    assert go_cipher_name("DHE-RSA-AES128-CCM") == "DHE-RSA-AES128-CCM"
