"""Why connections end. :mod:`pubsub.errors` has it, too: each fault that closes says which."""

from __future__ import annotations

import enum

__all__ = ["ClosedState"]


class ClosedState(enum.Enum):
    """Why a connection was closed, in the words of nats-server's ``/connz``."""

    CLIENT_CLOSED = "Client Closed"
    AUTHENTICATION_TIMEOUT = "Authentication Timeout"
    AUTHENTICATION_VIOLATION = "Authentication Failure"
    TLS_HANDSHAKE_ERROR = "TLS Handshake Failure"
    SLOW_CONSUMER_PENDING_BYTES = "Slow Consumer (Pending Bytes)"
    SLOW_CONSUMER_WRITE_DEADLINE = "Slow Consumer (Write Deadline)"
    WRITE_ERROR = "Write Error"
    READ_ERROR = "Read Error"
    PARSE_ERROR = "Parse Error"
    STALE_CONNECTION = "Stale Connection"
    PROTOCOL_VIOLATION = "Protocol Violation"
    BAD_CLIENT_PROTOCOL_VERSION = "Bad Client Protocol Version"
    WRONG_PORT = "Incorrect Port"
    MAX_CONNECTIONS_EXCEEDED = "Maximum Connections Exceeded"
    MAX_ACCOUNT_CONNECTIONS_EXCEEDED = "Maximum Account Connections Exceeded"
    MAX_PAYLOAD_EXCEEDED = "Maximum Message Payload Exceeded"
    MAX_CONTROL_LINE_EXCEEDED = "Maximum Control Line Exceeded"
    MAX_SUBSCRIPTIONS_EXCEEDED = "Maximum Subscriptions Exceeded"
    DUPLICATE_ROUTE = "Duplicate Route"
    ROUTE_REMOVED = "Route Removed"
    SERVER_SHUTDOWN = "Server Shutdown"
    WRONG_GATEWAY = "Wrong Gateway"
    CLUSTER_NAME_CONFLICT = "Cluster Name Conflict"
    DUPLICATE_SERVER_NAME = "Duplicate Server Name"
    AUTHENTICATION_EXPIRED = "Authentication Expired"
    MISSING_ACCOUNT = "Missing Account"
    REVOCATION = "Credentials Revoked"
    NO_RESPONDERS_REQUIRES_HEADERS = "No Responders Requires Headers"
    DUPLICATE_REMOTE_LEAFNODE_CONNECTION = "Duplicate Remote LeafNode Connection"
    MINIMUM_VERSION_REQUIRED = "Minimum Version Required"
    CLUSTER_NAMES_IDENTICAL = "Cluster Names Identical"
    KICKED = "Kicked"
    PROXY_NOT_TRUSTED = "Proxy Not Trusted"
    PROXY_REQUIRED = "Proxy Required"
