"""A ledger with three decisions of the real drain."""

from tests.audit_ledger.conftest import filled

__all__ = ["filled"]
