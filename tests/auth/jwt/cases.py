"""Who is let in and who is not: nats-server 2.15's verdicts, one function for each.

A case says which accounts there are and what a client sends; :data:`CASES` knows the verdict.
``test_verdicts.py`` asks our authenticator, ``tests/interop/test_jwt_verdicts.py`` asks
nats-server itself, where there is one. The cases stand in ``user_cases.py``, ``scope_cases.py``
and ``account_cases.py``.
"""

from __future__ import annotations

from tests.auth.jwt import account_cases, scope_cases, user_cases
from tests.auth.jwt.scenes import Case, Scene, cases_of

__all__ = ["CASES", "Case", "Scene"]

CASES = [case for room in (user_cases, scope_cases, account_cases) for case in cases_of(room)]
