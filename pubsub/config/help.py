"""``--help`` and ``--help_tls``, made from the table."""

from __future__ import annotations

from pubsub.config.ciphers import CIPHER_SUITES, CURVES, INSECURE_CIPHER_SUITES
from pubsub.config.row import Flag, Option
from pubsub.config.table import TABLE, default_of

__all__ = ["flag_text", "tls_usage", "usage"]

_GROUPS = (
    "Server",
    "Logging",
    "JetStream",
    "Authorization",
    "TLS",
    "Cluster",
    "Profiling",
    "Common",
)

#: Where descriptions begin: the column nats-server uses.
_COLUMN = 37


def usage(program: str) -> str:
    """The text of ``--help``."""
    lines = ["", f"Usage: {program} [options]", ""]
    for group in _GROUPS:
        rows = [row for row in TABLE if row.flag is not None and row.flag.group == group]
        lines.append(f"{group} Options:")
        for row in rows:
            assert row.flag is not None
            lines.extend(_entry(row, row.flag))
        lines.append("")
    return "\n".join(lines) + "\n"


def flag_text(flag: Flag) -> str:
    """``"-p, --port <port>"``."""
    names = ", ".join(
        f"-{name}" if len(name) <= 2 or name.isupper() else f"--{name}" for name in flag.names
    )
    return f"{names} {flag.argument}".rstrip()


def _entry(row: Option, flag: Flag) -> list[str]:
    text = flag_text(flag)
    left = f"    {text}" if not text.startswith("--") else f"        {text}"
    description = f"{flag.description or row.description}{_note(row)}"
    if len(left) < _COLUMN:
        return [f"{left:<{_COLUMN}}{description}"]
    return [left, " " * _COLUMN + description]


def _note(row: Option) -> str:
    if row.unsupported:
        return " (not supported yet)"
    default = default_of(row)
    if default is None or default == "" or default is False or default == 0:
        return ""
    if default is True:
        return " (default: true)"
    return f" (default: {default})"


def tls_usage(program: str) -> str:
    """The text of ``--help_tls``."""
    lines = [
        "TLS is configured by the tls block of a configuration file:",
        "",
        "    tls {",
        '        cert_file: "./certs/server-cert.pem"',
        '        key_file:  "./certs/server-key.pem"',
        '        ca_file:   "./certs/ca.pem"',
        "        verify:    true",
        "        timeout:   2",
        "",
        '        cipher_suites: ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"]',
        '        curve_preferences: ["X25519", "CurveP256"]',
        "    }",
        "",
        "or for a server without client certificates by",
        "",
        f"    {program} --tls --tlscert ./server-cert.pem --tlskey ./server-key.pem",
        "",
        "Available cipher suites include:",
        *(f"    {name}" for name in sorted(CIPHER_SUITES)),
        "",
        "and with allow_insecure_cipher_suites: true",
        *(f"    {name}" for name in sorted(INSECURE_CIPHER_SUITES)),
        "",
        "Available curve preferences include:",
        *(f"    {name}" for name in CURVES),
    ]
    return "\n".join(lines) + "\n"
