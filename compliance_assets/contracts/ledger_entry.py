"""LedgerEntry: one link of an organisation's chain and one leaf of its tree."""

from typing import Literal

from pydantic import Field, model_validator

from compliance_assets.contracts.base import Contract, Sha256

#: Entries of version 1 (before sealed content and key ids) stay valid and are verified by their own rule.
SchemaVersion = Literal["1", "2"]
CURRENT_VERSION: SchemaVersion = "2"

#: The year of an entry that belongs to no tax year: an erasure, a hold, an incident, a key.
NO_YEAR = 0


class LedgerEntry(Contract):
    """`body` is canonical JSON (RFC 8785) text without personal content; `seq` counts from 1 without a gap per organisation.

    Personal content is sealed: `sealed` is its ciphertext in base64, `content_sha256` the digest of the ciphertext's bytes,
    `content_commitment` the salted digest of the clear text, whose salt is sealed with it. All three are null where an entry
    has none. `key_id` names the master key behind `entry_hash`. `occurred_at` is RFC 3339 in UTC with microseconds, kept as
    text because it is hashed.
    """

    schema_version: SchemaVersion = CURRENT_VERSION
    seq: int = Field(ge=1)
    organization_id: str
    year: int
    kind: str
    occurred_at: str
    actor: str
    subject_id: str
    key_id: str = "k1"
    body: str
    body_sha256: Sha256
    sealed: str | None = None
    content_sha256: Sha256 | None = None
    content_commitment: Sha256 | None = None
    prev_hash: Sha256
    entry_hash: Sha256

    @model_validator(mode="after")
    def _sealed_content_is_committed_to(self) -> "LedgerEntry":
        if len({value is None for value in (self.sealed, self.content_sha256, self.content_commitment)}) > 1:
            raise ValueError("sealed, content_sha256 and content_commitment are all given or all null")
        return self
