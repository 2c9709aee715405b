"""LedgerEntry: one link of an organisation's chain."""

from pydantic import Field

from compliance_assets.contracts.base import Contract, Sha256


class LedgerEntry(Contract):
    """`body` is canonical JSON (RFC 8785) text; `seq` counts from 1 without a gap per organisation.

    `occurred_at` is RFC 3339 in UTC with microseconds, kept as text because it is hashed.
    """

    seq: int = Field(ge=1)
    organization_id: str
    year: int
    kind: str
    occurred_at: str
    actor: str
    subject_id: str
    body: str
    body_sha256: Sha256
    prev_hash: Sha256
    entry_hash: Sha256
